// RUN: attn-opt %s --split-input-file --verify-diagnostics --pass-pipeline="builtin.module(attn.cascade(attn-form-nests,attn-one-pass),attn-partition)"

attn.cascade @topk(%A: !attn.tensor<[p, m], f32>) -> !attn.tensor<[p, s], f32>
    ranks(p, m, s = 4) {
  // expected-error @+1 {{orders the entries of a list, which no target lowers yet}}
  %W, %I = attn.topk m to s of %A
  attn.yield %W
}
