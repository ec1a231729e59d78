// RUN: attn-opt %s --verify-diagnostics --split-input-file

attn.cascade @stream_c1_results(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[], f32> ranks(m) {
  // expected-error @+1 {{has 2 states and 1 results}}
  %A = attn.stream m init(max %a = -inf, add %b = 0.0) -> !attn.tensor<[], f32> step {
  }
}

// -----

attn.cascade @stream_c1_step(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[], f32> ranks(m) {
  // expected-error @+1 {{step must take its 1 states and yield '!attn.tensor<[], f32>'}}
  %A = attn.stream m init(max %a = -inf) -> !attn.tensor<[], f32> step {
    %N = attn.einsum [m] = %X[m]
    attn.yield %N
  }
  attn.yield %A
}

// -----

attn.cascade @stream_c2_arguments(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[], f32> ranks(m) {
  %A = attn.stream m init(max %a = -inf) -> !attn.tensor<[], f32> step {
    %N = attn.einsum [] = %X[m] reduce(max m)
    attn.yield %N
  // expected-error @+1 {{merge takes 1 states, expected 2}}
  } merge(%x) {
  }
}

// -----

attn.cascade @stream_c2_yield(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[], f32> ranks(m) {
  // expected-error @+1 {{merge must take two sets of its 1 states and yield one}}
  %A = attn.stream m init(max %a = -inf) -> !attn.tensor<[], f32> step {
    %N = attn.einsum [] = %X[m] reduce(max m)
    attn.yield %N
  } merge(%x, %y) {
    attn.yield %x, %y
  }
  attn.yield %A
}

// -----

attn.cascade @stream_c3(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[], f32> ranks(m) {
  // expected-error @+1 {{rank `q` is not declared}}
  %A = attn.stream q init(max %a = -inf) -> !attn.tensor<[], f32> step {
    %N = attn.einsum [] = %X[m] reduce(max m)
    attn.yield %N
  }
  attn.yield %A
}

// -----

attn.cascade @stream_reducer(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[], f32> ranks(m) {
  // expected-error @+1 {{unknown reducer `sum`}}
  %A = attn.stream m init(sum %a = -inf) -> !attn.tensor<[], f32> step {
  }
}

// -----

// expected-error @+1 {{a stream can only be written inside an attn.cascade}}
attn.stream m init() -> () step {
}

// -----

/// What only the generic form can say.
attn.cascade @stream_c1_names(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[], f32> ranks(m) {
  // expected-error @+1 {{has 1 states, 0 reducers, 0 names and 1 results}}
  %A = "attn.stream"() <{inits = [0.0], rank = "m", reducers = [], state_names = []}> ({
  ^bb0(%a: !attn.tensor<[], f32>):
    "attn.yield"(%a) : (!attn.tensor<[], f32>) -> ()
  }, {
  }) : () -> !attn.tensor<[], f32>
  "attn.yield"(%A) : (!attn.tensor<[], f32>) -> ()
}
