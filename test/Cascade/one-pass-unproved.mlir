// Corrections that numbers suggest and no rule proves: refused, unless asked
// for. Then the stream names the states that rest on them.

// RUN: attn-opt %s --verify-diagnostics --split-input-file -o /dev/null \
// RUN:   --pass-pipeline='builtin.module(attn.cascade(attn-split-reducers,attn-form-nests,attn-one-pass))'
// RUN: attn-opt %s --split-input-file \
// RUN:   --pass-pipeline='builtin.module(attn.cascade(attn-split-reducers,attn-form-nests,attn-one-pass{unproved=true}))' \
// RUN:   2>%t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=TAKEN < %t.remarks
// RUN: attnc %s --options=unproved=true --emit=nests 2>&1 \
// RUN:   | FileCheck %s --check-prefix=TOOL

/// sigmoid(z) / sigmoid(-z) is exp(z), which the algebra does not know. It is
/// read off where the element is the old maximum, so it is tame there.
// CHECK-LABEL: attn.cascade @logistic_softmax
//       CHECK: attn.stream m init(max %rm = -inf, add %rd = 0.0, add %rav = 0.0)
//       CHECK:   %[[C:.*]] = attn.einsum [p] = select(%rm[p] == -inf, 0.0, sigmoid(%rm[p] - %RM1[p]) / sigmoid(%RM1[p] - %rm[p]))
//       CHECK:   %RD1 = attn.einsum [p] = %rd[p] * %[[C]][p] + %LD[p]
//       CHECK:   %RAV1 = attn.einsum [p, f] = %rav[p, f] * %[[C]][p] + %LAV[p, f]
//       CHECK: } merge
//       CHECK: } {attn.unproved = ["rd", "rav"]}
//       TAKEN: remark: the correction `select(GM_old == -inf, 0, sigmoid(GM_old - GM)/sigmoid(GM - GM_old))` of `sigmoid(X[p,m] - GM)/sigmoid(GM - X[p,m])` held at 384 random points, but no rule proves it (unproved)
//        TOOL: {attn.unproved = ["rd", "rav"]}
attn.cascade @logistic_softmax(%X: !attn.tensor<[p, m], f32>,
                               %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, f = 64) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = sigmoid(%X[p, m] - %GM[p]) / sigmoid(%GM[p] - %X[p, m])
  // expected-remark @below {{`sigmoid(X[p,m] - GM)/sigmoid(GM - X[p,m])` is corrected for a change of `GM` by `* sigmoid(GM_old - GM)/sigmoid(GM - GM_old)` at 384 random points, but no rule proves it; unproved=true takes it (unproved); `SD` waits for traversal 2 of `m`, which reads `X` again (4 |m| |p| bytes); measured, the results keep 2 numbers of 4 elements, and 2 of 8}}
  %SD = attn.einsum [p] = %SN[p, m]
  %A = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  // expected-remark @below {{at 384 random points, but no rule proves it; unproved=true takes it (unproved); `AV` waits for traversal 2 of `m`}}
  %AV = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %AV
}

// -----

/// Nothing lies above the maximum, so there is no kink to cross; the algebra of
/// expressions does not know that.
// CHECK-LABEL: attn.cascade @farthest
//       CHECK: attn.stream m init(max %rg = -inf, max %rfar = -inf)
//       CHECK: } {attn.unproved = ["rfar"]}
attn.cascade @farthest(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %G = attn.einsum [p] = %X[p, m] reduce(max m)
  // expected-remark @below {{`abs(X[p,m] - G)` is corrected for a change of `G` by `+ abs(G - G_old)` at 384 random points, but no rule proves it; unproved=true takes it (unproved); `FAR` waits for traversal 2 of `m`, which reads `X` again (4 |m| |p| bytes); measured, the results keep 2 numbers of 4 elements, and 2 of 8}}
  %FAR = attn.einsum [p] = abs(%X[p, m] - %G[p]) reduce(max m)
  attn.yield %FAR
}

// -----

/// The same but for a millionth: random points refute it.
// CHECK-LABEL: attn.cascade @negative_nearly
//       CHECK: attn.stream m init(max %rm = -inf)
//       CHECK: attn.stream m init(add %rd = 0.0)
//   CHECK-NOT: attn.unproved
attn.cascade @negative_nearly(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = sigmoid(%X[p, m] - %GM[p]) / sigmoid(%GM[p] - %X[p, m])
          + 0.000001 * tanh(%X[p, m] - %GM[p])
  // expected-remark @below {{(not-separable); `SD` waits for traversal 2 of `m`}}
  %SD = attn.einsum [p] = %SN[p, m]
  attn.yield %SD
}

// -----

/// Equal to a constant where elements are large, and nowhere else.
// CHECK-LABEL: attn.cascade @negative_saturated
//       CHECK: attn.stream m init(max %rm = -inf)
//       CHECK: attn.stream m init(add %rd = 0.0)
//   CHECK-NOT: attn.unproved
attn.cascade @negative_saturated(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  // expected-remark @below {{(not-separable); `SD` waits for traversal 2 of `m`}}
  %SD = attn.einsum [p] = tanh(1000.0 * (%X[p, m] - %GM[p]) - 5.0) reduce(add m)
  attn.yield %SD
}
