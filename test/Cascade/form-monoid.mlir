// The states of a traversal as functions.

// RUN: attn-opt %s --attn-form-monoid=rank=m --split-input-file \
// RUN:   --mlir-print-op-on-diagnostic=false --verify-diagnostics | FileCheck %s

/// A piece of the keys is read at its own coordinates; the filter means those
/// of all keys. What is not read is no argument.
// CHECK-LABEL: attn.cascade @causal(
// CHECK-LABEL: attn.cascade @causal_partial(
//  CHECK-SAME:   %K: !attn.tensor<[m, e], f32>, %V: !attn.tensor<[m, f], f32>, %m_begin: i32, %m_extent: i32)
//  CHECK-NEXT:   ranks(p, m, e = 64, f = 64)
//  CHECK-NEXT:   %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e] where (m + %m_begin <= p + %m_extent - extent(p))
//  CHECK-NEXT:   %RM = attn.einsum [p] = %QK[p, m] reduce(max m)
//  CHECK-NEXT:   %SN = attn.einsum [p, m] = exp(%QK[p, m] - %RM[p])
//  CHECK-NEXT:   %RD = attn.einsum [p] = %SN[p, m]
//  CHECK-NEXT:   %RAV = attn.einsum [p, f] = %SN[p, m] * %V[m, f]
//  CHECK-NEXT:   attn.yield %RM, %RD, %RAV
// CHECK-LABEL: attn.cascade @causal_merge(
//  CHECK-SAME:   %RM_a: !attn.tensor<[p], f32>, %RD_a: !attn.tensor<[p], f32>, %RAV_a: !attn.tensor<[p, f], f32>, %RM_b:
//  CHECK-NEXT:   ranks(p, f = 64)
//  CHECK-NEXT:   %RM = attn.einsum [p] = max(%RM_a[p], %RM_b[p])
//  CHECK-NEXT:   %PRM_a = attn.einsum [p] = exp(%RM_a[p] - %RM[p])
//  CHECK-NEXT:   %PRM_b = attn.einsum [p] = exp(%RM_b[p] - %RM[p])
//  CHECK-NEXT:   %RD = attn.einsum [p] = %RD_a[p] * %PRM_a[p] + %RD_b[p] * %PRM_b[p]
//  CHECK-NEXT:   %RAV = attn.einsum [p, f] = %RAV_a[p, f] * %PRM_a[p] + %RAV_b[p, f] * %PRM_b[p]
//  CHECK-NEXT:   attn.yield %RM, %RD, %RAV
// CHECK-LABEL: attn.cascade @causal_finish(
//  CHECK-SAME:   %RD: !attn.tensor<[p], f32>, %RAV: !attn.tensor<[p, f], f32>) -> !attn.tensor<[p, f], bf16>
//  CHECK-NEXT:   ranks(p, f = 64)
//  CHECK-NEXT:   %AV = attn.einsum [p, f] = %RAV[p, f] / %RD[p]
//  CHECK-NEXT:   attn.yield %AV
attn.cascade @causal(%Q: !attn.tensor<[p, e], f32>,
                     %K: !attn.tensor<[m, e], f32>,
                     %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], bf16> ranks(p, m, e = 64, f = 64) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
          where (m <= p + extent(m) - extent(p))
  %GM = attn.einsum [p]    = %QK[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%QK[p, m] - %GM[p])
  %SD = attn.einsum [p]    = %SN[p, m]
  %A  = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  %AV = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %AV
}

// -----

/// The finish reads queries; several kernels are no obstacle.
// CHECK-LABEL: attn.cascade @linear_partial(%K:
//       CHECK:   %RKV = attn.einsum [e, f] = %FK[m, e] * %V[m, f]
// CHECK-LABEL: attn.cascade @linear_merge(
//       CHECK:   %RKV = attn.einsum [e, f] = %RKV_a[e, f] + %RKV_b[e, f]
// CHECK-LABEL: attn.cascade @linear_finish(%RKV: !attn.tensor<[e, f], f32>, %Q:
//       CHECK:   %N = attn.einsum [p, f] = %Q[p, e] * %RKV[e, f]
attn.cascade @linear(%Q: !attn.tensor<[p, e], f32>,
                     %K: !attn.tensor<[m, e], f32>,
                     %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f = 64) {
  %FK = attn.einsum [m, e] = max(%K[m, e], 0.0)
  %KV = attn.einsum [e, f] = %FK[m, e] * %V[m, f]
  %N  = attn.einsum [p, f] = %Q[p, e] * %KV[e, f]
  attn.yield %N
}

// -----

/// An output that is a state; a rank that was fixed; coordinates as integers
/// of a type, and constants with them.
// CHECK-LABEL: attn.cascade @position_partial(
//  CHECK-SAME:   %m_begin: i32
//  CHECK-NEXT:   ranks(p, m)
//  CHECK-NEXT:   %RG = attn.einsum [p] = %X[p, m] where ((m + %m_begin) * 2 <= %n) reduce(max m)
// CHECK-LABEL: attn.cascade @position_finish(
//       CHECK:   %G = attn.einsum [p] = %RG[p]
attn.cascade @position(%X: !attn.tensor<[p, m], f32>, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m = 4096) {
  %G = attn.einsum [p] = %X[p, m] where (m * 2 <= %n) reduce(max m)
  attn.yield %G
}

// -----

// expected-error @below {{@negative_spread is not one traversal of `m`, so it has no states to merge}}
attn.cascade @negative_spread(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m]
  // expected-remark @below {{`m`}}
  %O = attn.einsum [p] = abs(%X[p, m] - %S[p] / extent(m)) reduce(add m)
  attn.yield %O
}

// -----

attn.cascade @negative_shift(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  // expected-error @below {{reads another coordinate of `m` than its own, which may lie in another piece}}
  %S = attn.einsum [p] = %X[p, m] * %X[p, m - 1]
  attn.yield %S
}

// -----

attn.cascade @negative_kept(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p, m], f32>) ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m]
  // expected-error @below {{the output `Y` keeps `m`, so it cannot be merged}}
  %Y = attn.einsum [p, m] = tanh(%X[p, m])
  attn.yield %S, %Y
}

// -----

// expected-error @below {{rank `n` of '!attn.tensor<[n], f32>' is made of `m`, which is cut into pieces}}
attn.cascade @negative_blocks(%X: !attn.tensor<[p, m], f32>,
                              %w: !attn.tensor<[n], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m, n = ceildiv(m, 16)) {
  %S = attn.einsum [p] = %X[p, m] * %w[m floordiv 16]
  attn.yield %S
}

// -----

/// A list's coordinates are those of the whole rank, and count from 1 between
/// the functions: what is absent is stored as 0 and is then no entry.
// CHECK-LABEL: attn.cascade @list_partial(
//       CHECK:   %RW, %RI_local = attn.topk m to s of %X
//  CHECK-NEXT:   %I = attn.einsum [p, s] = %RI_local[p, s] + %m_begin
//  CHECK-NEXT:   %RI = attn.einsum [p, s] = %I[p, s] + 1
//       CHECK:   attn.yield %RW, %RI, %RS
// CHECK-LABEL: attn.cascade @list_merge(
//       CHECK:   %RI0_a = attn.einsum [p, s] = %RI_a[p, s] + -1
//       CHECK:   %RW, %RI0 = attn.join s of (%RW0_a, %RI0_a) and (%RW0_b, %RI0_b)
//       CHECK:   %RI = attn.einsum [p, s] = %RI0[p, s] + 1
//       CHECK:   attn.yield %RW, %RI, %RS
// CHECK-LABEL: attn.cascade @list_finish(
//       CHECK:   %RI0 = attn.einsum [p, s] = %RI[p, s] + -1
//       CHECK:   %W = attn.einsum [p, s] = %RW[p, s] where (0.0 <= %RI0[p, s])
attn.cascade @list(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p, s], f32>, !attn.tensor<[p], f32>) ranks(p, m, s = 4) {
  %W, %I = attn.topk m to s of %X
  %S = attn.einsum [p] = %X[p, m]
  attn.yield %W, %S
}

// -----

/// A payload goes along; a list of another rank's sums is no state.
// CHECK-LABEL: attn.cascade @payload_merge(
//       CHECK:   %RW, %RI0, %RY = attn.join s of (%RW0_a, %RI0_a, %RY0_a) and (%RW0_b, %RI0_b, %RY0_b)
attn.cascade @payload(%X: !attn.tensor<[p, m], f32>,
                      %C: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p, s], f32> ranks(p, m, s = 4) {
  %D = attn.einsum [p, m] = %C[p, m]
  %W, %I, %Y = attn.topk m to s of %X with %D
  attn.yield %Y
}
