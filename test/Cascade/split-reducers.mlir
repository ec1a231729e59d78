// RUN: attn-opt %s --pass-pipeline='builtin.module(attn.cascade(attn-split-reducers))' | FileCheck %s

/// A sum inside of a maximum. The filter mentions no variable of the sum: it
/// says which sums are there (S4), and the maximum is over those.
// CHECK-LABEL: @scores
//       CHECK: %[[S:.*]] = attn.einsum [p, m] = %Q[p, e] * %K[m, e] where (m <= p)
//       CHECK: attn.einsum [p] = %[[S]][p, m] reduce(max m){{$}}
attn.cascade @scores(%Q: !attn.tensor<[p, e], f32>, %K: !attn.tensor<[m, e], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 64) {
  %G = attn.einsum [p] = %Q[p, e] * %K[m, e] where (m <= p) reduce(max m)
  attn.yield %G
}

/// The first named is applied last.
// CHECK-LABEL: @first_is_last
//       CHECK: %[[N:.*]] = attn.einsum [p, m] = %X[p, m, n] reduce(max n)
//       CHECK: attn.einsum [p] = %[[N]][p, m] reduce(min m)
attn.cascade @first_is_last(%X: !attn.tensor<[p, m, n], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m, n) {
  %G = attn.einsum [p] = %X[p, m, n] reduce(min m, max n)
  attn.yield %G
}

/// One kind needs one Einsum.
// CHECK-LABEL: @negative_one_kind
//  CHECK-NEXT:   ranks
//  CHECK-NEXT:   attn.einsum [p] = %X[p, m, n] reduce(max m, max n)
//  CHECK-NEXT:   attn.yield
attn.cascade @negative_one_kind(%X: !attn.tensor<[p, m, n], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m, n) {
  %G = attn.einsum [p] = %X[p, m, n] reduce(max m, max n)
  attn.yield %G
}
