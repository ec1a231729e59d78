// RUN: attn-opt %s --split-input-file --verify-diagnostics --pass-pipeline="builtin.module(attn.cascade(attn-form-nests,attn-one-pass),attn-partition)"

attn.cascade @argmax(%A: !attn.tensor<[p, e], f32>) -> !attn.tensor<[p], i32>
    ranks(p, e = 64) {
  // expected-error @+1 {{reduces by argmax, which no target lowers yet}}
  %S = attn.einsum [p] = %A[p, e] reduce(argmax e)
  attn.yield %S
}

// -----

attn.cascade @topk(%A: !attn.tensor<[p, m], f32>) -> !attn.tensor<[p, s], f32>
    ranks(p, m, s = 4) {
  // expected-error @+1 {{orders the entries of a list, which no target lowers yet}}
  %W, %I = attn.topk m to s of %A
  attn.yield %W
}
