// RUN: attn-opt %s --verify-diagnostics --split-input-file

attn.cascade @iterate_c1(%X: !attn.tensor<[t], f32>, %S0: !attn.tensor<[], f64>)
    -> !attn.tensor<[], f64> ranks(t) {
  // expected-error @+1 {{state "s" starts as '!attn.tensor<[], f64>' and goes on as '!attn.tensor<[], f32>'}}
  %S = attn.iterate t init(%s = %S0) -> !attn.tensor<[], f64> {
    %n = attn.einsum [] = %X[t]
    attn.yield %n
  }
  attn.yield %S
}

// -----

attn.cascade @iterate_c1_number(%X: !attn.tensor<[t], f32>,
                                %S0: !attn.tensor<[], f32>)
    -> !attn.tensor<[], f32> ranks(t) {
  // expected-error @+1 {{must yield 1 states and one value for each other result, 1 in all}}
  %S = attn.iterate t init(%s = %S0) -> !attn.tensor<[], f32> {
    %n = attn.einsum [] = %X[t]
    attn.yield %n, %n
  }
  attn.yield %S
}

// -----

attn.cascade @iterate_c2_undeclared(%S0: !attn.tensor<[], f32>)
    -> !attn.tensor<[], f32> ranks() {
  // expected-error @+1 {{rank `t` is not declared}}
  %S = attn.iterate t init(%s = %S0) -> !attn.tensor<[], f32> {
    %n = attn.einsum [] = %s[] + 1.0
    attn.yield %n
  }
  attn.yield %S
}

// -----

attn.cascade @iterate_c2_carried(%X: !attn.tensor<[t], f32>,
                                 %S0: !attn.tensor<[], f32>)
    -> !attn.tensor<[], f32> ranks(t) {
  %S = attn.iterate t init(%s = %S0) -> !attn.tensor<[], f32> {
    // expected-error @+1 {{rank `t` is carried by an enclosing iteration}}
    %R = attn.iterate t init(%r = %s) -> !attn.tensor<[], f32> {
      %n = attn.einsum [] = %r[] + %X[t]
      attn.yield %n
    }
    attn.yield %R
  }
  attn.yield %S
}

// -----

attn.cascade @iterate_c3(%X: !attn.tensor<[t, e], f32>,
                         %S0: !attn.tensor<[e], f32>)
    -> !attn.tensor<[t], f32> ranks(t, e) {
  // expected-error @+1 {{result 1 is '!attn.tensor<[t], f32>', the body yields '!attn.tensor<[e], f32>' at each coordinate of `t`}}
  %S, %O = attn.iterate t init(%s = %S0)
      -> (!attn.tensor<[e], f32>, !attn.tensor<[t], f32>) {
    %n = attn.einsum [e] = %X[t, e]
    attn.yield %n, %n
  }
  attn.yield %O
}

// -----

/// A carried rank is a coordinate, not a variable.
attn.cascade @einsum_c2_left(%X: !attn.tensor<[t], f32>,
                             %S0: !attn.tensor<[], f32>)
    -> !attn.tensor<[], f32> ranks(t) {
  %S = attn.iterate t init(%s = %S0) -> !attn.tensor<[], f32> {
    // expected-error @+1 {{variable `t` is carried by an iteration}}
    %n = attn.einsum [t] = %X[t]
  }
}

// -----

attn.cascade @einsum_c2_reduced(%X: !attn.tensor<[t], f32>,
                                %S0: !attn.tensor<[], f32>)
    -> !attn.tensor<[], f32> ranks(t) {
  %S = attn.iterate t init(%s = %S0) -> !attn.tensor<[], f32> {
    // expected-error @+1 {{variable `t` is carried by an iteration}}
    %n = attn.einsum [] = %X[t] reduce(max t)
  }
}

// -----

/// A state is known in the body only.
attn.cascade @scope(%X: !attn.tensor<[t], f32>, %S0: !attn.tensor<[], f32>)
    -> !attn.tensor<[], f32> ranks(t) {
  %S = attn.iterate t init(%s = %S0) -> !attn.tensor<[], f32> {
    %n = attn.einsum [] = %X[t]
    attn.yield %n
  }
  // expected-error @+1 {{use of undeclared SSA value name}}
  %Y = attn.einsum [] = %s[] + 1.0
  attn.yield %Y
}

// -----

// expected-error @+1 {{an iteration can only be written inside an attn.cascade}}
attn.iterate t init() -> () {
}
