// RUN: attn-opt %s --pass-pipeline="builtin.module(attn.cascade(attn-split-reducers,attn-expand-reducers))" \
// RUN:   | FileCheck %s

// CHECK-LABEL: attn.cascade @lse
//  CHECK-NEXT:     ranks
//  CHECK-NEXT:   %L_max = attn.einsum [p] = %X[p, m] * 2.0 where (m <= p) reduce(max m)
//  CHECK-NEXT:   %L_sum = attn.einsum [p] = exp(%X[p, m] * 2.0 - %L_max[p]) where (m <= p)
//  CHECK-NEXT:   %L = attn.einsum [p] = %L_max[p] + log(%L_sum[p]) : f16
attn.cascade @lse(%X: !attn.tensor<[p, m], f32>) -> !attn.tensor<[p], f32>
    ranks(p, m) {
  %L = attn.einsum [p] = %X[p, m] * 2.0 where (m <= p) reduce(lse m) : f16
  attn.yield %L
}

/// Of two variables, and on a group.
// CHECK-LABEL: attn.cascade @lse_both
//       CHECK:   %L_max = attn.einsum [(k, g)] = %X[k, g, m, n] reduce(max m, max n)
//  CHECK-NEXT:   %L_sum = attn.einsum [(k, g)] = exp(%X[k, g, m, n] - %L_max[(k, g)])
//  CHECK-NEXT:   %L = attn.einsum [(k, g)] = %L_max[(k, g)] + log(%L_sum[(k, g)])
attn.cascade @lse_both(%X: !attn.tensor<[k, g, m, n], f32>)
    -> !attn.tensor<[h], f32> ranks(k, g, m, n, h = k * g) {
  %L = attn.einsum [(k, g)] = %X[k, g, m, n] reduce(lse m, lse n)
  attn.yield %L
}

// CHECK-LABEL: attn.cascade @argmax
//       CHECK:   %I_max = attn.einsum [p] = %X[p, m] where (m <= p) reduce(max m)
//  CHECK-NEXT:   %I_first = attn.einsum [p] = cast(m, i32) where (m <= p and %X[p, m] == %I_max[p]) reduce(min m)
//  CHECK-NEXT:   %I = attn.einsum [p] = select(%I_first[p] == 2147483647, -1, %I_first[p])
//  CHECK-NEXT:   %J_max = attn.einsum [p] = %Y[p, m] reduce(max m)
//  CHECK-NEXT:   %J_first = attn.einsum [p] = cast(m, i32) where (%Y[p, m] == %J_max[p]) reduce(min m)
attn.cascade @argmax(%X: !attn.tensor<[p, m], f32>, %Y: !attn.tensor<[p, m], i8>)
    -> (!attn.tensor<[p], i32>, !attn.tensor<[p], i32>) ranks(p, m) {
  %I = attn.einsum [p] = %X[p, m] where (m <= p) reduce(argmax m)
  %J = attn.einsum [p] = %Y[p, m] reduce(argmax m)
  attn.yield %I, %J
}

// CHECK-LABEL: attn.cascade @negative
//       CHECK:   %S = attn.einsum [p] = %X[p, m] reduce(max m)
//  CHECK-NEXT:   attn.yield
attn.cascade @negative(%X: !attn.tensor<[p, m], f32>) -> !attn.tensor<[p], f32>
    ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m] reduce(max m)
  attn.yield %S
}
