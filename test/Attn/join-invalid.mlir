// RUN: attn-opt %s --verify-diagnostics --split-input-file

attn.cascade @join_c1_types(%W: !attn.tensor<[s], f32>, %I: !attn.tensor<[s], i32>)
    -> !attn.tensor<[s], f32> ranks(s = 4) {
  // expected-error @+1 {{joins '!attn.tensor<[s], f32>', '!attn.tensor<[s], i32>' and '!attn.tensor<[s], f32>', '!attn.tensor<[s], f32>', expected two lists of}}
  %V, %J = attn.join s of (%W, %I) and (%W, %W)
  attn.yield %V
}

// -----

attn.cascade @join_c1_length(%W: !attn.tensor<[s], f32>)
    -> !attn.tensor<[s], f32> ranks(s = 4) {
  // expected-error @+1 {{expected two lists of '!attn.tensor<[s], f32>'}}
  %V = attn.join s of (%W) and (%W)
  attn.yield %V
}

// -----

attn.cascade @join_c1_coordinates(%W: !attn.tensor<[s], f32>, %I: !attn.tensor<[s], i64>)
    -> !attn.tensor<[s], f32> ranks(s = 4) {
  // expected-error @+1 {{has coordinates of type '!attn.tensor<[s], i64>', expected i32 over the ranks of '!attn.tensor<[s], f32>'}}
  %V, %J = attn.join s of (%W, %I) and (%W, %I)
  attn.yield %V
}

// -----

attn.cascade @join_c2_free(%W: !attn.tensor<[s], f32>, %I: !attn.tensor<[s], i32>)
    -> !attn.tensor<[s], f32> ranks(s) {
  // expected-error @+1 {{rank `s` must have a fixed extent}}
  %V, %J = attn.join s of (%W, %I) and (%W, %I)
  attn.yield %V
}

// -----

attn.cascade @join_c2_rank(%W: !attn.tensor<[m], f32>, %I: !attn.tensor<[m], i32>)
    -> !attn.tensor<[m], f32> ranks(m, s = 4) {
  // expected-error @+1 {{rank `s` is not one of '!attn.tensor<[m], f32>'}}
  %V, %J = attn.join s of (%W, %I) and (%W, %I)
  attn.yield %V
}

// -----

attn.cascade @join_undeclared(%W: !attn.tensor<[s], f32>)
    -> !attn.tensor<[s], f32> ranks(s = 4) {
  // expected-error @+1 {{use of undeclared tensor `%I`}}
  %V, %J = attn.join s of (%W, %I) and (%W, %I)
  attn.yield %V
}
