// RUN: attn-opt %s --split-input-file \
// RUN:   --pass-pipeline="builtin.module(attn.cascade(attn-form-nests,attn-one-pass))" \
// RUN:   2>/dev/null | FileCheck %s
// RUN: attn-opt %s --split-input-file --verify-diagnostics -o /dev/null \
// RUN:   --pass-pipeline="builtin.module(attn.cascade(attn-form-nests,attn-one-pass))"
// RUN: attn-opt %s --split-input-file \
// RUN:   --pass-pipeline="builtin.module(attn.cascade(attn-form-nests,attn-one-pass{one-pass=false}))" \
// RUN:   2>/dev/null | FileCheck %s --check-prefix=NAIVE

/// FuseMax's Cascade 4 becomes its Cascade 5.
// CHECK-LABEL: attn.cascade @softmax
//       CHECK: %RM, %RD, %RAV = attn.stream m init(max %rm = -inf, add %rd = 0.0, add %rav = 0.0)
//  CHECK-NEXT:   %QK = attn.einsum [b, k, g, p, m] = %Q[b, (k, g), p, e] * %K[b, k, m, e] * rsqrt(extent(e)) where (m <= p)
//  CHECK-NEXT:   %LM = attn.einsum [b, k, g, p] = %QK[b, k, g, p, m] reduce(max m)
//  CHECK-NEXT:   %RM1 = attn.einsum [b, k, g, p] = max(%rm[b, k, g, p], %LM[b, k, g, p])
//  CHECK-NEXT:   %SN = attn.einsum [b, k, g, p, m] = exp(%QK[b, k, g, p, m] - %RM1[b, k, g, p])
//  CHECK-NEXT:   %LD = attn.einsum [b, k, g, p] = %SN[b, k, g, p, m]
//  CHECK-NEXT:   %PRM = attn.einsum [b, k, g, p] = exp(%rm[b, k, g, p] - %RM1[b, k, g, p])
//  CHECK-NEXT:   %RD1 = attn.einsum [b, k, g, p] = %rd[b, k, g, p] * %PRM[b, k, g, p] + %LD[b, k, g, p]
//  CHECK-NEXT:   %LAV = attn.einsum [b, k, g, p, f] = %SN[b, k, g, p, m] * %V[b, k, m, f]
//  CHECK-NEXT:   %RAV1 = attn.einsum [b, k, g, p, f] = %rav[b, k, g, p, f] * %PRM[b, k, g, p] + %LAV[b, k, g, p, f]
//  CHECK-NEXT:   attn.yield %RM1, %RD1, %RAV1
//  CHECK-NEXT: } merge(%rm_a, %rd_a, %rav_a, %rm_b, %rd_b, %rav_b) {
//  CHECK-NEXT:   %RM1 = attn.einsum [b, k, g, p] = max(%rm_a[b, k, g, p], %rm_b[b, k, g, p])
//  CHECK-NEXT:   %PRM_a = attn.einsum [b, k, g, p] = exp(%rm_a[b, k, g, p] - %RM1[b, k, g, p])
//  CHECK-NEXT:   %PRM_b = attn.einsum [b, k, g, p] = exp(%rm_b[b, k, g, p] - %RM1[b, k, g, p])
//  CHECK-NEXT:   %RD1 = attn.einsum [b, k, g, p] = %rd_a[b, k, g, p] * %PRM_a[b, k, g, p] + %rd_b[b, k, g, p] * %PRM_b[b, k, g, p]
//       CHECK:   attn.yield %RM1, %RD1, %RAV1
//  CHECK-NEXT: }
//  CHECK-NEXT: attn.einsum [b, (k, g), p, f] = %RAV[b, k, g, p, f] / %RD[b, k, g, p]

/// Without the derivation, every level of reductions is a traversal.
// NAIVE-LABEL: attn.cascade @softmax
//       NAIVE: %RM = attn.stream m init(max %rm = -inf)
//       NAIVE: %RD = attn.stream m init(add %rd = 0.0)
//  NAIVE-NEXT:   %QK = attn.einsum
//  NAIVE-NEXT:   %SN = attn.einsum [b, k, g, p, m] = exp(%QK[b, k, g, p, m] - %RM[b, k, g, p])
//       NAIVE: %RAV = attn.stream m init(add %rav = 0.0)
//       NAIVE:   %A = attn.einsum [b, k, g, p, m] = %SN[b, k, g, p, m] / %RD[b, k, g, p]
//       NAIVE:   %LAV = attn.einsum [b, k, g, p, f] = %A[b, k, g, p, m] * %V[b, k, m, f]
attn.cascade @softmax(%Q: !attn.tensor<[b, h, p, e], f32>,
                      %K: !attn.tensor<[b, k, m, e], f32>,
                      %V: !attn.tensor<[b, k, m, f], f32>)
    -> !attn.tensor<[b, h, p, f], f32>
    ranks(b, k, g, h = k * g, p, m, e = 128, f = 128) {
  %QK = attn.einsum [b,k,g,p,m] = %Q[b,(k,g),p,e] * %K[b,k,m,e] * rsqrt(extent(e))
          where (m <= p)
  %GM = attn.einsum [b,k,g,p]   = %QK[b,k,g,p,m] reduce(max m)
  %SN = attn.einsum [b,k,g,p,m] = exp(%QK[b,k,g,p,m] - %GM[b,k,g,p])
  %SD = attn.einsum [b,k,g,p]   = %SN[b,k,g,p,m]
  %A  = attn.einsum [b,k,g,p,m] = %SN[b,k,g,p,m] / %SD[b,k,g,p]
  %AV = attn.einsum [b,(k,g),p,f] = %A[b,k,g,p,m] * %V[b,k,m,f]
  attn.yield %AV
}

// -----

/// One traversal as it is: a plain sum, nothing to correct.
// CHECK-LABEL: attn.cascade @sigmoid
//       CHECK: %RAV = attn.stream m init(add %rav = 0.0)
//       CHECK:   %A = attn.einsum [p, m] = sigmoid(%QK[p, m])
//  CHECK-NEXT:   %LAV = attn.einsum [p, f] = %A[p, m] * %V[m, f]
//  CHECK-NEXT:   %RAV1 = attn.einsum [p, f] = %rav[p, f] + %LAV[p, f]
//  CHECK-NEXT:   attn.yield %RAV1
//       CHECK: } merge
//       CHECK: }
//  CHECK-NEXT: attn.yield %RAV
attn.cascade @sigmoid(%Q: !attn.tensor<[p, e], f32>,
                      %K: !attn.tensor<[m, e], f32>,
                      %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f = 64) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
  %A  = attn.einsum [p, m] = sigmoid(%QK[p, m])
  %AV = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %AV
}

// -----

/// A score between -50 and 50 needs no maximum to guard its exponential.
// CHECK-LABEL: attn.cascade @softcap
//       CHECK: attn.stream m init(add %rd = 0.0, add %rav = 0.0)
//       CHECK:   exp(50.0 * tanh(%QK[p, m]))
//   CHECK-NOT:   exp
//       CHECK: } merge
attn.cascade @softcap(%QK: !attn.tensor<[p, m], f32>,
                      %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, f = 64) {
  %CS = attn.einsum [p, m] = 50.0 * tanh(%QK[p, m])
  %GM = attn.einsum [p] = %CS[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%CS[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %A  = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  %AV = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %AV
}

// -----

/// Nor does one that is clamped, such as that of normalised queries and keys,
/// or a sigmoid.
// CHECK-LABEL: attn.cascade @clamped
//       CHECK: attn.stream m init(add %rd = 0.0, add %rav = 0.0)
attn.cascade @clamped(%Q: !attn.tensor<[p, e], f32>,
                      %K: !attn.tensor<[m, e], f32>,
                      %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f = 64) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
  %S  = attn.einsum [p, m] = 10.0 * max(min(%QK[p, m], 1.0), -1.0) + 20.0 * sigmoid(%QK[p, m])
  %GM = attn.einsum [p] = %S[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%S[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %A  = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  %AV = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %AV
}

// -----

/// What would overflow without its maximum keeps it, bounded or not.
// CHECK-LABEL: attn.cascade @negative_wide_clamp
//       CHECK: attn.stream m init(max %rm = -inf, add %rd = 0.0)
attn.cascade @negative_wide_clamp(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %S  = attn.einsum [p, m] = 200.0 * max(min(%X[p, m], 1.0), -1.0)
  %GM = attn.einsum [p] = %S[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%S[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %L  = attn.einsum [p] = %GM[p] + log(%SD[p])
  attn.yield %L
}

// -----

/// More outputs are more Einsums after the stream.
// CHECK-LABEL: attn.cascade @logsumexp
//       CHECK: %RM, %RD = attn.stream m init(max %rm = -inf, add %rd = 0.0)
//       CHECK: attn.einsum [p] = %RM[p] + log(%RD[p])
attn.cascade @logsumexp(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>) ranks(p, m) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%X[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %LSE = attn.einsum [p] = %GM[p] + log(%SD[p])
  attn.yield %LSE, %SD
}

// -----

/// Welford's variance: the sum of squares is kept about the mean so far.
// CHECK-LABEL: attn.cascade @variance
//       CHECK: %RC, %RS, %RY = attn.stream m init(add %rc = 0.0, add %rs = 0.0, add %ry = 0.0)
//       CHECK:   %MU = attn.einsum [p] = %RS1[p] / %RC1[p]
//       CHECK:   %RY1 = attn.einsum [p] = let t0 = %RS1[p] / %RC1[p] - %rs[p] / %rc[p] in %ry[p] + %rc[p] * (t0 * t0) + %LY[p]
//       CHECK: } merge
attn.cascade @variance(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %C = attn.einsum [p] = 1.0 where (m <= p) reduce(add m)
  %S = attn.einsum [p] = %X[p, m] where (m <= p)
  %MU = attn.einsum [p] = %S[p] / %C[p]
  %D = attn.einsum [p, m] = %X[p, m] - %MU[p] where (m <= p)
  %Y = attn.einsum [p] = %D[p, m] * %D[p, m]
  %VAR = attn.einsum [p] = %Y[p] / %C[p]
  attn.yield %VAR
}

// -----

/// Higher moments move by Pascal's matrix: 1 3 3 1 and 1 4 6 4 1, without the
/// first moment, which is 0 about the mean.
// CHECK-LABEL: attn.cascade @moments
//       CHECK: attn.stream m init(add %rc = 0.0, add %rs = 0.0, add %rm2 = 0.0, add %rm3 = 0.0, add %rm4 = 0.0)
//       CHECK:   %[[U:.*]] = attn.einsum [p] = %RS1[p] / %RC1[p] - %rs[p] / %rc[p]
//       CHECK:   %[[UU:.*]] = attn.einsum [p] = %[[U]][p] * %[[U]][p]
//       CHECK:   %RM2_1 = attn.einsum [p] = %rm2[p] + %rc[p] * %[[UU]][p] + %LM2[p]
//       CHECK:   %RM3_1 = attn.einsum [p] = %rm3[p] - 3.0 * (%rm2[p] * %[[U]][p]) - %rc[p] * (%[[U]][p] * %[[U]][p] * %[[U]][p]) + %LM3[p]
//       CHECK:   %RM4_1 = attn.einsum [p] = %rm4[p] + %rc[p] * (%[[U]][p] * %[[U]][p] * %[[U]][p] * %[[U]][p]) + 6.0 * (%rm2[p] * %[[UU]][p]) - 4.0 * (%rm3[p] * %[[U]][p]) + %LM4[p]
attn.cascade @moments(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>, !attn.tensor<[p], f32>)
    ranks(p, m) {
  %C = attn.einsum [p] = 1.0 where (m <= p) reduce(add m)
  %S = attn.einsum [p] = %X[p, m] where (m <= p)
  %D = attn.einsum [p, m] = %X[p, m] - %S[p] / %C[p] where (m <= p)
  %M2 = attn.einsum [p] = pow(%D[p, m], 2.0) reduce(add m)
  %M3 = attn.einsum [p] = pow(%D[p, m], 3.0) reduce(add m)
  %M4 = attn.einsum [p] = pow(%D[p, m], 4.0) reduce(add m)
  attn.yield %M2, %M3, %M4
}

// -----

/// Two softmaxes in one sum of products are two sums (differential attention).
// CHECK-LABEL: attn.cascade @difference
//       CHECK: attn.stream m init(max %rx = -inf, max %ry = -inf, add %rdx = 0.0, add %rdy = 0.0, add %rav_1 = 0.0, add %rav_2 = 0.0)
//       CHECK: attn.einsum [p, f] = %RAV_1[p, f] / %RDX[p] - %lambda * %RAV_2[p, f] / %RDY[p]
attn.cascade @difference(%X: !attn.tensor<[p, m], f32>,
                         %Y: !attn.tensor<[p, m], f32>,
                         %V: !attn.tensor<[m, f], f32>, %lambda: f32)
    -> !attn.tensor<[p, f], f32> ranks(p, m, f = 64) {
  %GX = attn.einsum [p] = %X[p, m] reduce(max m)
  %GY = attn.einsum [p] = %Y[p, m] reduce(max m)
  %NX = attn.einsum [p, m] = exp(%X[p, m] - %GX[p])
  %NY = attn.einsum [p, m] = exp(%Y[p, m] - %GY[p])
  %DX = attn.einsum [p] = %NX[p, m]
  %DY = attn.einsum [p] = %NY[p, m]
  %A = attn.einsum [p, m] = %NX[p, m] / %DX[p] - %lambda * %NY[p, m] / %DY[p]
  %AV = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %AV
}

// -----

/// exp2 comes back as exp2.
// CHECK-LABEL: attn.cascade @base_two
//       CHECK:   %LD = attn.einsum [p] = exp2(%X[p, m] - %RM1[p])
//       CHECK:   exp2(%rm[p] - %RM1[p])
attn.cascade @base_two(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp2(%X[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %LSE = attn.einsum [p] = %GM[p] + log2(%SD[p])
  attn.yield %LSE
}

// -----

/// A factor of every key joins the weights, so that the sum over keys stays a
/// product of two accesses.
// CHECK-LABEL: attn.cascade @key_weights
//       CHECK:   %SN = attn.einsum [p, m] = exp(%X[p, m] - %RM1[p])
//       CHECK:   %[[SW:.*]] = attn.einsum [p, m] = {{.*}}%SN[p, m]
//       CHECK:   %LAV = attn.einsum [p, f] = %[[SW]][p, m] * %V[m, f]
attn.cascade @key_weights(%X: !attn.tensor<[p, m], f32>,
                          %w: !attn.tensor<[m], f32>,
                          %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, f = 64) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%X[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %A  = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  %AV = attn.einsum [p, f] = %A[p, m] * %V[m, f] * %w[m]
  attn.yield %AV
}

// -----

/// A filter on a map moves to the reductions that the map disappears into.
// CHECK-LABEL: attn.cascade @late_filter
//       CHECK:   %LM = attn.einsum [p] = %X[p, m] reduce(max m)
//       CHECK:   %LD = attn.einsum [p] = exp(%X[p, m] - %RM1[p]) where (m > p)
attn.cascade @late_filter(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%X[p, m] - %GM[p]) where (m > p)
  %SD = attn.einsum [p] = %SN[p, m]
  %LSE = attn.einsum [p] = %GM[p] + log(%SD[p])
  attn.yield %LSE
}

// -----

/// A filter that takes whole rows stays where it is: in the reduction it would
/// make the result absent (S4).
// CHECK-LABEL: attn.cascade @row_filter
//       CHECK:   %Y = attn.einsum [p, m] = %X[p, m] where (p < %n)
//  CHECK-NEXT:   %LM = attn.einsum [p] = %Y[p, m] reduce(max m)
attn.cascade @row_filter(%X: !attn.tensor<[p, m], f32>, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %Y = attn.einsum [p, m] = %X[p, m] where (p < %n)
  %GM = attn.einsum [p] = %Y[p, m] reduce(max m)
  attn.yield %GM
}

// -----

/// Two ranks without an extent are two loops, one in the other.
// CHECK-LABEL: attn.cascade @two_loops
//       CHECK: attn.stream g init(add %rs = 0.0)
//       CHECK:   attn.stream m init(add %rls = 0.0)
//       CHECK:     attn.einsum [p] = %X[p, m] * %Y[g, m]
attn.cascade @two_loops(%X: !attn.tensor<[p, m], f32>,
                        %Y: !attn.tensor<[g, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, g, m) {
  %S = attn.einsum [p] = %X[p, m] * %Y[g, m]
  attn.yield %S
}

// -----

/// What varies along the inner loop is computed there, though it does not vary
/// along the outer one.
// CHECK-LABEL: attn.cascade @inner_part
//       CHECK: attn.stream g
//       CHECK:   attn.stream m
//       CHECK:     %T = attn.einsum [m] = exp(%X[m])
//       CHECK:     attn.einsum [] = max(%Y[g], %T[m])
attn.cascade @inner_part(%X: !attn.tensor<[m], f32>,
                         %Y: !attn.tensor<[g], f32>)
    -> !attn.tensor<[], f32> ranks(g, m) {
  %S = attn.einsum [] = max(exp(%X[m]), %Y[g])
  attn.yield %S
}

// -----

/// What contracts a finished reduction has to wait for it.
// CHECK-LABEL: attn.cascade @waits
//       CHECK: %RG = attn.stream m init(max %rg = -inf)
//       CHECK: %T = attn.einsum [p, f] = %RG[p, e] * %W[e, f]
//       CHECK: %RO = attn.stream m init(add %ro = 0.0)
//       CHECK:   %U = attn.einsum [p, m] = %T[p, f] * %V[m, f]
attn.cascade @waits(%X: !attn.tensor<[p, m, e], f32>,
                    %W: !attn.tensor<[e, f], f32>,
                    %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f = 64) {
  %G = attn.einsum [p, e] = %X[p, m, e] reduce(max m)
  %T = attn.einsum [p, f] = %G[p, e] * %W[e, f]
  // expected-remark @below {{`U` reduces `f` of what depends on `T`, and no change can be followed through that (not-separable); `O` waits for one more traversal of `m`}}
  %U = attn.einsum [p, m] = %T[p, f] * %V[m, f]
  %O = attn.einsum [p, f] = sigmoid(%U[p, m]) * %V[m, f]
  attn.yield %O
}

// -----

/// The best experts and their share of the softmax over all: the list is of
/// the scores, since softmax keeps their order.
// CHECK-LABEL: attn.cascade @routing
//       CHECK: %RM, %RD, %RW, %RI = attn.stream m init(max %rm = -inf, add %rd = 0.0, topk %rw = -inf, topk %ri = -1.0)
//  CHECK-NEXT:   %L = attn.einsum [p, m] = %X[p, e] * %G[m, e]
//       CHECK:   %LW, %LI = attn.topk m to s of %L
//  CHECK-NEXT:   %RW1, %RI1 = attn.join s of (%rw, %ri) and (%LW, %LI)
//  CHECK-NEXT:   attn.yield %RM1, %RD1, %RW1, %RI1
//       CHECK: } merge(%rm_a, %rd_a, %rw_a, %ri_a, %rm_b, %rd_b, %rw_b, %ri_b) {
//       CHECK:   %RW1, %RI1 = attn.join s of (%rw_a, %ri_a) and (%rw_b, %ri_b)
//       CHECK: }
//  CHECK-NEXT: attn.einsum [p, s] = exp(%RW[p, s] - %RM[p]) / %RD[p] where (0.0 <= %RI[p, s])
//  CHECK-NEXT: attn.einsum [p, s] = %RI[p, s] where (0.0 <= %RI[p, s])

/// Without the derivation the list is the third traversal.
// NAIVE-LABEL: attn.cascade @routing
//       NAIVE: attn.stream m init(max %rm = -inf)
//       NAIVE: attn.stream m init(add %rd = 0.0)
//       NAIVE: attn.stream m init(topk %rw = -inf, topk %ri = -1.0)
//       NAIVE:   %A = attn.einsum [p, m] = %SN[p, m] / %RD[p]
//       NAIVE:   attn.topk m to s of %A
attn.cascade @routing(%X: !attn.tensor<[p, e], f32>,
                      %G: !attn.tensor<[m, e], f32>)
    -> (!attn.tensor<[p, s], f32>, !attn.tensor<[p, s], i32>)
    ranks(p, m, e = 64, s = 8) {
  %L = attn.einsum [p, m] = %X[p, e] * %G[m, e]
  %GM = attn.einsum [p] = %L[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%L[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %A = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  %W, %I = attn.topk m to s of %A
  attn.yield %W, %I
}

// -----

/// Sums of powers of x / max(x) move by the same power of the maxima's ratio.
// CHECK-LABEL: attn.cascade @power_normalised
//       CHECK: %RM, %RAV = attn.stream m init(max %rm = -inf, add %rav = 0.0)
//       CHECK:   %RM1 = attn.einsum [p] = max(%rm[p], %LM[p])
//       CHECK:   %LAV = attn.einsum [p, f] = %{{.*}}[p, m] * %V[m, f]
//       CHECK: } merge
//       CHECK: }
//   CHECK-NOT: attn.stream
attn.cascade @power_normalised(%X: !attn.tensor<[p, m], f32>,
                               %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, f = 64) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %N = attn.einsum [p, m] = pow(%X[p, m] / %GM[p], 3)
  %AV = attn.einsum [p, f] = %N[p, m] * %V[m, f]
  attn.yield %AV
}

// -----

/// A mean is taken off the maximum, and a largest magnitude divides sums and
/// maxima, at the end.
// CHECK-LABEL: attn.cascade @scaled
//       CHECK: %RS, %RG, %RAM, %RY = attn.stream m init(add %rs = 0.0, max %rg = -inf, max %ram = -inf, add %ry = 0.0)
//       CHECK: } merge
//       CHECK: }
//       CHECK: attn.einsum [p] = %RG[p] - %RS[p] / extent(m)
//       CHECK: attn.einsum [p, f] = %RY[p, f] / %RAM[p]
//       CHECK: %RG[p] / %RAM[p]
//   CHECK-NOT: attn.stream
attn.cascade @scaled(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[m, f], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p, f], f32>, !attn.tensor<[p], f32>)
    ranks(p, m, f = 64) {
  %S = attn.einsum [p] = %X[p, m]
  %D = attn.einsum [p, m] = %X[p, m] - %S[p] / extent(m)
  %G = attn.einsum [p] = %D[p, m] reduce(max m)
  %AM = attn.einsum [p] = abs(%X[p, m]) reduce(max m)
  %Y = attn.einsum [p, f] = %X[p, m] / %AM[p] * %V[m, f]
  %N = attn.einsum [p] = %X[p, m] / %AM[p] reduce(max m)
  attn.yield %G, %Y, %N
}

// -----

/// A softmax over the list alone comes after the stream.
// CHECK-LABEL: attn.cascade @top_softmax
//       CHECK: %RW, %RI = attn.stream m init(topk %rw = -inf, topk %ri = -1.0)
//  CHECK-NEXT:   %LW, %LI = attn.topk m to s of %X
//       CHECK: }
//       CHECK: attn.einsum [p] = %W[p, s] reduce(max s)
//   CHECK-NOT: attn.stream
attn.cascade @top_softmax(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p, s], f32> ranks(p, m, s = 8) {
  %W, %I = attn.topk m to s of %X
  %GM = attn.einsum [p] = %W[p, s] reduce(max s)
  %SN = attn.einsum [p, s] = exp(%W[p, s] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, s]
  %A = attn.einsum [p, s] = %SN[p, s] / %SD[p]
  attn.yield %A
}

// -----

/// What the chosen have besides goes along: scores without the bias that they
/// are chosen by.
// CHECK-LABEL: attn.cascade @payload
//       CHECK: %RW, %RI, %RY = attn.stream m init(topk %rw = -inf, topk %ri = -1.0, topk %ry = 0.0)
//       CHECK:   %LW, %LI, %LY = attn.topk m to s of %B with %L
//  CHECK-NEXT:   %RW1, %RI1, %RY1 = attn.join s of (%rw, %ri, %ry) and (%LW, %LI, %LY)
//       CHECK: }
//       CHECK: %Y = attn.einsum [p, s] = %RY[p, s] where (0.0 <= %RI[p, s])
//   CHECK-NOT: attn.stream
attn.cascade @payload(%X: !attn.tensor<[p, e], f32>,
                      %K: !attn.tensor<[m, e], f32>, %w: !attn.tensor<[m], f32>)
    -> !attn.tensor<[p, s], f32> ranks(p, m, e = 64, s = 8) {
  %L = attn.einsum [p, m] = %X[p, e] * %K[m, e]
  %B = attn.einsum [p, m] = %L[p, m] + %w[m]
  %W, %I, %Y = attn.topk m to s of %B with %L
  %A = attn.einsum [p, s] = sigmoid(%Y[p, s])
  attn.yield %A
}

// -----

/// One sum taken apart is no traversal less, both are.
// CHECK-LABEL: attn.cascade @softmax_of_one_more
//       CHECK: attn.stream m init(max %rm = -inf, add %rd_1 = 0.0, add %rd_2 = 0.0, add %rav_1 = 0.0, add %rav_2 = 0.0)
//   CHECK-NOT: attn.stream
attn.cascade @softmax_of_one_more(%X: !attn.tensor<[p, m], f32>,
                                  %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, f = 64) {
  %GM = attn.einsum [p]    = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%X[p, m] - %GM[p]) + 1.0
  %SD = attn.einsum [p]    = %SN[p, m]
  %AV = attn.einsum [p, f] = %SN[p, m] * %V[m, f]
  %A  = attn.einsum [p, f] = %AV[p, f] / %SD[p]
  attn.yield %A
}

// -----

/// What is made of a list afterwards reads it corrected: weights of the chosen
/// that add up to 1.
// CHECK-LABEL: attn.cascade @renormalised
//       CHECK: attn.stream m init(max %rm = -inf, add %rd = 0.0, topk %rw = -inf, topk %ri = -1.0)
//       CHECK:   attn.topk m to s of %X
//       CHECK: %[[A:.*]] = attn.einsum [p, s] = exp(%RW[p, s] - %RM[p]) / %RD[p]
//       CHECK: %[[W:.*]] = attn.einsum [p, s] = %[[A]][p, s] where (0.0 <= %RI[p, s])
//       CHECK: %S = attn.einsum [p] = %[[W]][p, s]
//       CHECK: / %S[p] where (0.0 <= %RI[p, s])
//   CHECK-NOT: attn.stream
attn.cascade @renormalised(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p, s], f32> ranks(p, m, s = 8) {
  %GM = attn.einsum [p]    = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%X[p, m] - %GM[p])
  %SD = attn.einsum [p]    = %SN[p, m]
  %A  = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  %W, %I = attn.topk m to s of %A
  %S  = attn.einsum [p]    = %W[p, s]
  %N  = attn.einsum [p, s] = %W[p, s] / %S[p]
  attn.yield %N
}

// -----

/// A distance does not keep the order of what it is measured from.
// CHECK-LABEL: attn.cascade @negative_farthest
//       CHECK: attn.stream m init(add %rs = 0.0)
//       CHECK: attn.stream m init(topk %rw = -inf, topk %ri = -1.0)
attn.cascade @negative_farthest(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p, s], i32> ranks(p, m, s = 8) {
  %S = attn.einsum [p] = %X[p, m]
  %D = attn.einsum [p, m] = abs(%X[p, m] - %S[p] / extent(m))
  // expected-remark @below {{`abs(X[p,m] - S/extent(m))` depends on `S`, and no correction distributes over the reducer `topk` (no-distributive-operation); `W` waits for traversal 2 of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %W, %I = attn.topk m to s of %D
  attn.yield %I
}

// -----

/// exp((x - mu) / sigma) moves by a power of itself, which no sum commutes with.
// CHECK-LABEL: attn.cascade @negative_z_score
//       CHECK: attn.stream m init(add %rc = 0.0, add %rs = 0.0, add %ry = 0.0)
//       CHECK: attn.stream m init(add %rd = 0.0)
attn.cascade @negative_z_score(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %C = attn.einsum [p] = 1.0 where (m <= p) reduce(add m)
  %S = attn.einsum [p] = %X[p, m] where (m <= p)
  %MU = attn.einsum [p] = %S[p] / %C[p]
  %D = attn.einsum [p, m] = %X[p, m] - %MU[p] where (m <= p)
  %Y = attn.einsum [p] = %D[p, m] * %D[p, m]
  %SG = attn.einsum [p] = sqrt(%Y[p] / %C[p])
  %E = attn.einsum [p, m] = exp(%D[p, m] / %SG[p])
  // expected-remark @below {{`exp(X[p,m]/sqrt(Y/C))` is raised to a power by a change of `C`, `Y`, and no power distributes over the reducer `add` (not-separable); `SD` waits for traversal 2 of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %SD = attn.einsum [p] = %E[p, m]
  attn.yield %SD
}

// -----

/// What belongs to the maximum is kept while that stays, and starts again when
/// it moves: how argmax is written.
// CHECK-LABEL: attn.cascade @hard_attention
//       CHECK: %RM, %RI, %RH = attn.stream m init(max %rm = -inf, min %ri = 2147483647.0, add %rh = 0.0)
//       CHECK:   %RM1 = attn.einsum [p] = max(%rm[p], %LM[p])
//  CHECK-NEXT:   %LI = attn.einsum [p] = cast(m, i32) where ({{.*}}%X[p, m] == %RM1[p]{{.*}}) reduce(min m)
//  CHECK-NEXT:   %RI1 = attn.einsum [p] = min(select(%RM1[p] == %rm[p], %ri[p], 2147483647), %LI[p])
//  CHECK-NEXT:   %LH = attn.einsum [p, f] = %V[m, f] where (%X[p, m] == %RM1[p])
//  CHECK-NEXT:   %RH1 = attn.einsum [p, f] = select(%RM1[p] == %rm[p], %rh[p, f], 0.0) + %LH[p, f]
//       CHECK: } merge
//       CHECK:   select(%RM1[p] == %rm_a[p], %ri_a[p], 2147483647), select(%RM1[p] == %rm_b[p], %ri_b[p], 2147483647)
attn.cascade @hard_attention(%X: !attn.tensor<[p, m], f32>,
                             %V: !attn.tensor<[m, f], f32>)
    -> (!attn.tensor<[p], i32>, !attn.tensor<[p, f], f32>)
    ranks(p, m, f = 64) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %I = attn.einsum [p] = cast(m, i32) where (%X[p, m] == %GM[p]) reduce(min m)
  %H = attn.einsum [p, f] = %V[m, f] where (%X[p, m] == %GM[p])
  attn.yield %I, %H
}

// -----

/// Whole numbers are compared as they are: as f32, two that differ may be equal.
// CHECK-LABEL: attn.cascade @whole_numbers
//       CHECK: %RM, %RI = attn.stream m init(max %rm = -2147483648.0, min %ri = 2147483647.0)
//       CHECK:   %LI = attn.einsum [p] = cast(m, i32) where ({{.*}}%X[p, m] == %RM1[p]{{.*}}) reduce(min m)
//  CHECK-NEXT:   min(select(%RM1[p] == %rm[p], %ri[p], 2147483647), %LI[p])
attn.cascade @whole_numbers(%X: !attn.tensor<[p, m], i32>)
    -> !attn.tensor<[p], i32> ranks(p, m) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %I = attn.einsum [p] = cast(m, i32) where (%X[p, m] == %GM[p]) reduce(min m)
  attn.yield %I
}

// -----

/// Points next to those of a maximum move as it does.
// CHECK-LABEL: attn.cascade @negative_next_to_maximum
//       CHECK: attn.stream m init(max %rm = -2147483648.0)
//       CHECK: attn.stream m init(min %ri = 2147483647.0)
attn.cascade @negative_next_to_maximum(%X: !attn.tensor<[p, m], i32>)
    -> !attn.tensor<[p], i32> ranks(p, m) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  // expected-remark @below {{`GM == (X[p,m] + 1)` selects other points when `GM` changes, and is no comparison with an extremum of the same points (points-move); `I` waits for traversal 2 of `m`}}
  %I = attn.einsum [p] = cast(m, i32) where (%X[p, m] + 1 == %GM[p]) reduce(min m)
  attn.yield %I
}

// -----

/// The maximum did not see all points: one of the others may equal it later.
// CHECK-LABEL: attn.cascade @negative_other_points
//       CHECK: attn.stream m init(max %rm = -inf)
//       CHECK: attn.stream m init(add %rn = 0.0)
attn.cascade @negative_other_points(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %GM = attn.einsum [p] = %X[p, m] where (m <= p) reduce(max m)
  // expected-remark @below {{`X[p,m] == GM` selects other points when `GM` changes, and is no comparison with an extremum of the same points (points-move); `N` waits for traversal 2 of `m`}}
  %N = attn.einsum [p] = 1.0 where (%X[p, m] == %GM[p]) reduce(add m)
  attn.yield %N
}

// -----

/// A rank that one tile spans is no loop.
// CHECK-LABEL: attn.cascade @negative_resident
//   CHECK-NOT: attn.stream
attn.cascade @negative_resident(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m = 512) {
  %S = attn.einsum [p] = %X[p, m]
  attn.yield %S
}

// -----

/// A filter on the way to what is chosen from takes entries of the list.
// CHECK-LABEL: attn.cascade @filtered_routing
//       CHECK: attn.stream m init(max %rm = -inf, add %rd = 0.0, topk %rw = -inf, topk %ri = -1.0)
//       CHECK:   %[[A:.*]] = attn.einsum [p, m] = %X[p, m] where (m <= p)
//       CHECK:   attn.topk m to s of %[[A]]
attn.cascade @filtered_routing(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p, s], f32>, !attn.tensor<[p, s], i32>)
    ranks(p, m, s = 4) {
  %Y = attn.einsum [p, m] = %X[p, m] where (m <= p)
  %GM = attn.einsum [p] = %Y[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%Y[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %A = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  %W, %I = attn.topk m to s of %A
  attn.yield %W, %I
}

// -----

/// The most probable is the largest: its coordinate is kept with the maximum.
// CHECK-LABEL: attn.cascade @most_probable
//       CHECK: attn.stream m init(max %rm = -inf, min %ri = 2147483647.0)
//       CHECK:   cast(m, i32) where (%X[p, m] == %RM1[p]) reduce(min m)
//   CHECK-NOT: attn.stream
attn.cascade @most_probable(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], i32> ranks(p, m) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%X[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %A = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  %B = attn.einsum [p] = %A[p, m] reduce(max m)
  %I = attn.einsum [p] = cast(m, i32) where (%A[p, m] == %B[p]) reduce(min m)
  attn.yield %I
}

// -----

/// A factor of either sign: the largest product may be of the least element.
// CHECK-LABEL: attn.cascade @negative_most_scaled
//       CHECK: attn.stream m init(add %rd = 0.0)
//       CHECK: attn.stream m init(max
attn.cascade @negative_most_scaled(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], i32> ranks(p, m) {
  %D = attn.einsum [p] = %X[p, m]
  %A = attn.einsum [p, m] = %X[p, m] * %D[p]
  // expected-remark @below {{`X[p,m]*D` depends on `D`, and no correction distributes over the reducer `max` (no-distributive-operation); `B` waits for traversal 2 of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %B = attn.einsum [p] = %A[p, m] reduce(max m)
  %I = attn.einsum [p] = cast(m, i32) where (%A[p, m] == %B[p]) reduce(min m)
  attn.yield %I
}

// -----

/// A mean over two ranks has a count that is a product of extents.
// CHECK-LABEL: attn.cascade @group_variance
//       CHECK: attn.stream m init(add %rs = 0.0, add
//   CHECK-NOT: attn.stream
//       CHECK: cast(extent(m), f32) * extent(e)
attn.cascade @group_variance(%X: !attn.tensor<[p, m, e], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 64) {
  %S = attn.einsum [p] = %X[p, m, e]
  %MU = attn.einsum [p] = %S[p] / (extent(m) * extent(e))
  // expected-remark @below {{carries}}
  %V = attn.einsum [p] = pow(%X[p, m, e] - %MU[p], 2.0) reduce(add m, add e)
  attn.yield %V
}
