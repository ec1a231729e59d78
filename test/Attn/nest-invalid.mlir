// RUN: attn-opt %s --verify-diagnostics --split-input-file

attn.cascade @nest_c1_undeclared(%X: !attn.tensor<[p], f32>)
    -> !attn.tensor<[p], f32> ranks(p) {
  // expected-error @+1 {{rank `q` is not declared, or named twice}}
  %Y = attn.nest parallel(q) -> !attn.tensor<[p], f32> {
    %Z = attn.einsum [p] = %X[p]
    attn.yield %Z
  }
  attn.yield %Y
}

// -----

attn.cascade @nest_c1_twice(%X: !attn.tensor<[p], f32>)
    -> !attn.tensor<[p], f32> ranks(p) {
  // expected-error @+1 {{rank `p` is not declared, or named twice}}
  %Y = attn.nest parallel(p, p) -> !attn.tensor<[p], f32> {
    %Z = attn.einsum [p] = %X[p]
    attn.yield %Z
  }
  attn.yield %Y
}

// -----

attn.cascade @nest_c2(%X: !attn.tensor<[p], f32>) -> !attn.tensor<[], f32>
    ranks(p) {
  // expected-error @+1 {{must yield its results '!attn.tensor<[], f32>'}}
  %Y = attn.nest parallel() -> !attn.tensor<[], f32> {
    %Z = attn.einsum [p] = %X[p]
    attn.yield %Z
  }
  attn.yield %Y
}

// -----

/// What a nest does not yield stays inside.
attn.cascade @scope(%X: !attn.tensor<[p], f32>) -> !attn.tensor<[p], f32>
    ranks(p) {
  %Y = attn.nest parallel(p) -> !attn.tensor<[p], f32> {
    %Z = attn.einsum [p] = %X[p]
    attn.yield %Z
  }
  // expected-error @+1 {{use of undeclared SSA value name}}
  %A = attn.einsum [p] = %Z[p]
  attn.yield %A
}
