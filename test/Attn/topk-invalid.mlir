// RUN: attn-opt %s --verify-diagnostics --split-input-file

attn.cascade @topk_c1(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(m, q = 3, s = 2) {
  // expected-error @+1 {{rank `q` is not one of '!attn.tensor<[m], f32>'}}
  %V, %I = attn.topk q to s of %X
  %Y = attn.einsum [m] = %V[m]
  attn.yield %Y
}

// -----

attn.cascade @topk_c2_free(%X: !attn.tensor<[m, p], f32>)
    -> !attn.tensor<[m], f32> ranks(m, p, n = ceildiv(p, 2)) {
  // expected-error @+1 {{rank `n` must have a fixed extent and not be one of}}
  %V, %I = attn.topk p to n of %X
  %Y = attn.einsum [m] = %V[m, n]
  attn.yield %Y
}

// -----

attn.cascade @topk_c2_undeclared(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[m], f32> ranks(m) {
  // expected-error @+1 {{rank `s` must have a fixed extent and not be one of}}
  %V, %I = attn.topk m to s of %X
  %Y = attn.einsum [m] = %X[m]
  attn.yield %Y
}

// -----

attn.cascade @topk_c2_same(%X: !attn.tensor<[m, s], f32>)
    -> !attn.tensor<[s], f32> ranks(m, s = 4) {
  // expected-error @+1 {{rank `s` is one of '!attn.tensor<[m, s], f32>' already}}
  %V, %I = attn.topk m to s of %X
}

// -----

attn.cascade @topk_c3(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[s], f32>
    ranks(m, s = 2) {
  // expected-error @+1 {{expected '!attn.tensor<[s], f32>' and '!attn.tensor<[s], i32>'}}
  %V, %I = "attn.topk"(%X) <{from = "m", to = "s"}> : (!attn.tensor<[m], f32>) -> (!attn.tensor<[s], f32>, !attn.tensor<[s], i64>)
  "attn.yield"(%V) : (!attn.tensor<[s], f32>) -> ()
}

// -----

attn.cascade @topk_c4(%X: !attn.tensor<[p, m], f32>, %Y: !attn.tensor<[m], f32>)
    -> !attn.tensor<[p, s], f32> ranks(p, m, s = 2) {
  // expected-error @+1 {{has a payload of type '!attn.tensor<[m], f32>', expected the ranks of '!attn.tensor<[p, m], f32>'}}
  %V, %I, %Z = attn.topk m to s of %X with %Y
  attn.yield %V
}

// -----

attn.cascade @topk_scalar(%X: f32) -> !attn.tensor<[s], f32> ranks(m, s = 2) {
  // expected-error @+1 {{expected a tensor}}
  %V, %I = attn.topk m to s of %X
}
