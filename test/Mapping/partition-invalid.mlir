// RUN: attn-opt %s --split-input-file --verify-diagnostics --pass-pipeline="builtin.module(attn.cascade(attn-form-nests,attn-one-pass),attn-partition)"

attn.cascade @bytes(%A: !attn.tensor<[p, m], i32>) -> !attn.tensor<[p], i8>
    ranks(p, m) {
  %T = attn.einsum [p, m] = %A[p, m] + 1 : i8
  // expected-error @-1 {{makes 'i8' elements inside a nest, which cannot be lowered yet}}
  %S = attn.einsum [p] = %T[p, m] reduce(max m)
  attn.yield %S
}
