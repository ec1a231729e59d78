// RUN: attn-opt %s --split-input-file --verify-diagnostics \
// RUN:   --pass-pipeline="builtin.module(attn.cascade(attn-form-nests))"

/// What is read twice, of what is read twice, has some conditions ..
attn.cascade @twice(%X: !attn.tensor<[m], f32>, %I: !attn.tensor<[n], i32>,
                    %Y: !attn.tensor<[p, n], f32>)
    -> !attn.tensor<[p], f32> ranks(m, n, p) {
  %A = attn.einsum [m] = %X[m - 1] * %X[m - 2]
  %B = attn.einsum [m] = %A[m - 1] * %A[m - 2]
  %C = attn.einsum [m] = %B[m - 1] * %B[m - 2]
  %G = attn.einsum [p] = %C[%I[n]] * %Y[p, n]
  attn.yield %G
}

// -----

/// .. and soon more than a filter should have.
attn.cascade @negative_once_more(%X: !attn.tensor<[m], f32>,
                                 %I: !attn.tensor<[n], i32>,
                                 %Y: !attn.tensor<[p, n], f32>)
    -> !attn.tensor<[p], f32> ranks(m, n, p) {
  %A = attn.einsum [m] = %X[m - 1] * %X[m - 2]
  %B = attn.einsum [m] = %A[m - 1] * %A[m - 2]
  %C = attn.einsum [m] = %B[m - 1] * %B[m - 2]
  %D = attn.einsum [m] = %C[m - 1] * %C[m - 2]
  %E = attn.einsum [m] = %D[m - 1] * %D[m - 2]
  %F = attn.einsum [m] = %E[m - 1] * %E[m - 2]
  // expected-error @below {{is present under more than 256 conditions, too many to repeat where it is read}}
  %G = attn.einsum [m] = %F[m - 1] * %F[m - 2]
  %H = attn.einsum [p] = %G[%I[n]] * %Y[p, n]
  attn.yield %H
}
