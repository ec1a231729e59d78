// RUN: attn-opt %s --split-input-file \
// RUN:   --pass-pipeline="builtin.module(attn.cascade(attn-form-nests))" | FileCheck %s
// RUN: attn-opt %s --split-input-file \
// RUN:   --pass-pipeline="builtin.module(attn.cascade(attn-form-nests{fuse=false}))" \
// RUN:   | FileCheck %s --check-prefix=UNFUSED

/// One nest, parallel along what its results and reductions share.
// CHECK-LABEL: attn.cascade @softmax
//       CHECK: %AV = attn.nest parallel(b, p)
//  CHECK-NEXT:   %QK = attn.einsum
//       CHECK:   %GM = attn.einsum
//       CHECK:   attn.yield
//   CHECK-NOT: attn.nest

/// Unfused, every tensor is stored.
// UNFUSED-LABEL: attn.cascade @softmax
//       UNFUSED: %QK = attn.nest parallel(b, p, m) -> !attn.tensor<[b, p, m], f32>
//       UNFUSED: %GM = attn.nest parallel(b, p) -> !attn.tensor<[b, p], f32>
//  UNFUSED-NEXT:   %[[GM:.*]] = attn.einsum [b, p] = %QK[b, p, m] reduce(max m)
//  UNFUSED-NEXT:   attn.yield %[[GM]]
//       UNFUSED: %SN = attn.nest
//       UNFUSED: %SD = attn.nest
//       UNFUSED: %A = attn.nest
//       UNFUSED: %AV = attn.nest
//       UNFUSED: attn.yield %AV{{$}}
attn.cascade @softmax(%Q: !attn.tensor<[b, p, e], f32>,
                      %K: !attn.tensor<[b, m, e], f32>,
                      %V: !attn.tensor<[b, m, f], f32>)
    -> !attn.tensor<[b, p, f], f32> ranks(b, p, m, e = 64, f = 64) {
  %QK = attn.einsum [b, p, m] = %Q[b, p, e] * %K[b, m, e]
  %GM = attn.einsum [b, p] = %QK[b, p, m] reduce(max m)
  %SN = attn.einsum [b, p, m] = exp(%QK[b, p, m] - %GM[b, p])
  %SD = attn.einsum [b, p] = %SN[b, p, m]
  %A = attn.einsum [b, p, m] = %SN[b, p, m] / %SD[b, p]
  %AV = attn.einsum [b, p, f] = %A[b, p, m] * %V[b, m, f]
  attn.yield %AV
}

// -----

/// Linear attention: K^T V would be computed again for every query, so it is
/// stored by a nest of its own. The feature map is cheap, and computed again.
// CHECK-LABEL: attn.cascade @linear
//       CHECK: %KV = attn.nest parallel(e, f) -> !attn.tensor<[e, f], f32>
//  CHECK-NEXT:   %FK = attn.einsum [m, e] = max(%K[m, e], 0.0)
//  CHECK-NEXT:   %[[KV:.*]] = attn.einsum [e, f] = %FK[m, e] * %V[m, f]
//  CHECK-NEXT:   attn.yield %[[KV]]
//       CHECK: %N = attn.nest parallel(p
//  CHECK-NEXT:   attn.einsum [p, f] = %Q[p, e] * %KV[e, f]
attn.cascade @linear(%Q: !attn.tensor<[p, e], f32>,
                     %K: !attn.tensor<[m, e], f32>,
                     %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f = 64) {
  %FK = attn.einsum [m, e] = max(%K[m, e], 0.0)
  %KV = attn.einsum [e, f] = %FK[m, e] * %V[m, f]
  %N = attn.einsum [p, f] = %Q[p, e] * %KV[e, f]
  attn.yield %N
}

// -----

/// Outputs with other loop ranks are other nests; what they share is computed
/// in both.
// CHECK-LABEL: attn.cascade @backward
//       CHECK: %dQ = attn.nest parallel(p)
//  CHECK-NEXT:   %A = attn.einsum [p, m]
//  CHECK-NEXT:   attn.einsum [p, e] = %A[p, m] * %K[m, e]
//       CHECK: %dK = attn.nest parallel(m)
//  CHECK-NEXT:   %A = attn.einsum [p, m]
//  CHECK-NEXT:   attn.einsum [m, e] = %A[p, m] * %Q[p, e]
attn.cascade @backward(%Q: !attn.tensor<[p, e], f32>,
                       %K: !attn.tensor<[m, e], f32>,
                       %L: !attn.tensor<[p], f32>)
    -> (!attn.tensor<[p, e], f32>, !attn.tensor<[m, e], f32>)
    ranks(p, m, e = 64) {
  %A = attn.einsum [p, m] = %Q[p, e] * %K[m, e] * %L[p]
  %dQ = attn.einsum [p, e] = %A[p, m] * %K[m, e]
  %dK = attn.einsum [m, e] = %A[p, m] * %Q[p, e]
  attn.yield %dQ, %dK
}

// -----

/// What is read at other coordinates than its own cannot be in the same tile.
// CHECK-LABEL: attn.cascade @shifted
//       CHECK: %Y = attn.nest
//       CHECK: %Z = attn.nest
//  CHECK-NEXT:   attn.einsum [m] = %Y[m] - %Y[m - 1]
attn.cascade @shifted(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[m], f32> ranks(m) {
  %Y = attn.einsum [m] = exp(%X[m])
  %Z = attn.einsum [m] = %Y[m] - %Y[m - 1]
  attn.yield %Z
}

// -----

/// Results along other ranks share no loop: two kernels, though both read QK.
// CHECK-LABEL: attn.cascade @negative_other_loops
//       CHECK: attn.nest parallel(p)
//       CHECK: attn.nest parallel(m)
attn.cascade @negative_other_loops(%Q: !attn.tensor<[p, e], f32>,
                                   %K: !attn.tensor<[m, e], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[m], f32>)
    ranks(p, m, e = 64) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
  %R = attn.einsum [p] = %QK[p, m] reduce(max m)
  %C = attn.einsum [m] = %QK[p, m] reduce(max p)
  attn.yield %R, %C
}

// -----

/// How long a list is, only its nest knows: it stores coordinates of -1 where
/// there is no entry, and what reads it elsewhere asks for 0 or more.
// CHECK-LABEL: attn.cascade @list_of_another_nest
//       CHECK: %W, %I = attn.nest parallel(p)
//       CHECK:   %[[W:.*]], %[[I:.*]] = attn.topk m to s of %X
//       CHECK:   %[[NONE:.*]] = attn.einsum [p, s] = -inf
//       CHECK:   %[[NOWHERE:.*]] = attn.einsum [p, s] = cast(-1, i32)
//       CHECK:   %[[FW:.*]], %[[FI:.*]] = attn.join s of (%[[W]], %[[I]]) and (%[[NONE]], %[[NOWHERE]])
//       CHECK:   attn.yield %[[FW]], %[[FI]]
//       CHECK: %O = attn.nest parallel(p, f)
//       CHECK:   attn.einsum [p, s] = %W[p + 1, s] where (0 <= %I[p + 1, s])
//       CHECK:   %[[AT:.*]] = attn.einsum [p, s] = %I[p + 1, s] where (0 <= %I[p + 1, s])
//       CHECK:   %V[%[[AT]][p, s], f]

/// Unfused, the list is of what another nest stores, and is made once.
// UNFUSED-LABEL: attn.cascade @list_of_another_nest
// UNFUSED-COUNT-1: attn.topk
//     UNFUSED-NOT: attn.topk
//         UNFUSED: attn.yield %O{{$}}
attn.cascade @list_of_another_nest(%X: !attn.tensor<[p, m], f32>,
                                   %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, f = 64, s = 4) {
  %W, %I = attn.topk m to s of %X
  %O = attn.einsum [p, f] = %W[p + 1, s] * %V[%I[p + 1, s], f]
  attn.yield %O
}

// -----

/// A tensor is reached on 2^12 paths, and its condition is there once.
// CHECK-LABEL: attn.cascade @one_condition
//       CHECK: attn.einsum [m] = %{{.*}}[m + 1] where (%X[m + 1] > 0.0){{$}}
attn.cascade @one_condition(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[m], f32> ranks(m) {
  %A0 = attn.einsum [m] = %X[m] where (%X[m] > 0.0)
  %B0 = attn.einsum [m] = %X[m] * 2.0 where (%X[m] > 0.0)
  %A1 = attn.einsum [m] = %A0[m] + %B0[m]
  %B1 = attn.einsum [m] = %A0[m] - %B0[m]
  %A2 = attn.einsum [m] = %A1[m] + %B1[m]
  %B2 = attn.einsum [m] = %A1[m] - %B1[m]
  %A3 = attn.einsum [m] = %A2[m] + %B2[m]
  %B3 = attn.einsum [m] = %A2[m] - %B2[m]
  %A4 = attn.einsum [m] = %A3[m] + %B3[m]
  %B4 = attn.einsum [m] = %A3[m] - %B3[m]
  %A5 = attn.einsum [m] = %A4[m] + %B4[m]
  %B5 = attn.einsum [m] = %A4[m] - %B4[m]
  %A6 = attn.einsum [m] = %A5[m] + %B5[m]
  %B6 = attn.einsum [m] = %A5[m] - %B5[m]
  %A7 = attn.einsum [m] = %A6[m] + %B6[m]
  %B7 = attn.einsum [m] = %A6[m] - %B6[m]
  %A8 = attn.einsum [m] = %A7[m] + %B7[m]
  %B8 = attn.einsum [m] = %A7[m] - %B7[m]
  %A9 = attn.einsum [m] = %A8[m] + %B8[m]
  %B9 = attn.einsum [m] = %A8[m] - %B8[m]
  %T = attn.einsum [m] = %A9[m] * %B9[m]
  %S = attn.einsum [m] = %T[m + 1]
  attn.yield %S
}
