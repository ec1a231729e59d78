// RUN: attn-opt %s --split-input-file --verify-diagnostics \
// RUN:   --pass-pipeline="builtin.module(attn.cascade(attn-form-nests,attn-one-pass))"

attn.cascade @argmax(%X: !attn.tensor<[p, m], f32>) -> !attn.tensor<[p], i32>
    ranks(p, m) {
  // expected-error @+1 {{reduces by argmax, which --attn-expand-reducers writes with other reducers}}
  %I = attn.einsum [p] = %X[p, m] reduce(argmax m)
  attn.yield %I
}

// -----

attn.cascade @lse(%X: !attn.tensor<[p, m], f32>) -> !attn.tensor<[p], f32>
    ranks(p, m) {
  // expected-error @+1 {{reduces by lse, which --attn-expand-reducers writes with other reducers}}
  %L = attn.einsum [p] = %X[p, m] reduce(lse m)
  attn.yield %L
}
