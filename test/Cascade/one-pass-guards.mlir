// RUN: attn-opt %s \
// RUN:   --pass-pipeline="builtin.module(attn.cascade(attn-split-reducers,attn-form-nests,attn-one-pass))" \
// RUN:   | FileCheck %s

/// What keeps -inf from -inf in an exponent says nothing there (S6).
// CHECK-LABEL: @guarded
//       CHECK: attn.stream m init(max %rm = -inf, add %rd = 0.0, add %rav = 0.0)
//   CHECK-NOT: attn.stream
attn.cascade @guarded(%Q: !attn.tensor<[p, e], f32>, %K: !attn.tensor<[m, e], f32>, %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 16, f = 16) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e] where (m <= p)
  %GM = attn.einsum [p] = %QK[p, m] reduce(max m)
  %GS = attn.einsum [p] = select(%GM[p] == -inf, 0.0, %GM[p])
  %SN = attn.einsum [p, m] = exp(%QK[p, m] - %GS[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %A = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  %AV = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %AV
}
