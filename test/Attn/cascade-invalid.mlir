// RUN: attn-opt %s --verify-diagnostics --split-input-file

// expected-error @+1 {{argument `X` has rank `q`, which is not declared}}
attn.cascade @cascade_c1_argument(%X: !attn.tensor<[q], f32>)
    -> !attn.tensor<[m], f32> ranks(m = 4) {
  %Y = attn.einsum [m] = 1.0
  attn.yield %Y
}

// -----

// expected-error @+1 {{result 0 has rank `q`, which is not declared}}
attn.cascade @cascade_c1_result(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[q], f32> ranks(m) {
  %Y = attn.einsum [m] = %X[m]
  attn.yield %Y
}

// -----

// expected-error @+1 {{rank `m` is declared twice}}
attn.cascade @cascade_c2_twice(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[m], f32> ranks(m, m) {
  %Y = attn.einsum [m] = %X[m]
  attn.yield %Y
}

// -----

// expected-error @+1 {{rank `h` is made of `k`, which is not declared before it}}
attn.cascade @cascade_c2_order(%X: !attn.tensor<[k, g], f32>)
    -> !attn.tensor<[h], f32> ranks(h = k * g, k, g) {
  %Y = attn.einsum [(k, g)] = %X[k, g]
  attn.yield %Y
}

// -----

// expected-error @+1 {{extent of rank `h` is more than 2^40}}
attn.cascade @cascade_c2_product(%X: !attn.tensor<[k], f32>)
    -> !attn.tensor<[k], f32> ranks(k = 1000000000, g = 1000000000, h = k * g) {
  %Y = attn.einsum [k] = %X[k]
  attn.yield %Y
}

// -----

attn.cascade @cascade_c2_zero(%X: !attn.tensor<[m], f32>)
    // expected-error @+1 {{extent of rank `m` is 0, expected 1 to 2^40}}
    -> !attn.tensor<[m], f32> ranks(m = 0) {
}

// -----

attn.cascade @cascade_c2_large(%X: !attn.tensor<[m], f32>)
    // expected-error @+1 {{extent of rank `m` is 1099511627777, expected 1 to 2^40}}
    -> !attn.tensor<[m], f32> ranks(m = 1099511627777) {
}

// -----

attn.cascade @cascade_c2_larger_than_integers(%X: !attn.tensor<[m], f32>)
    // expected-error @+1 {{integer value too large}}
    -> !attn.tensor<[m], f32> ranks(m = 99999999999999999999999999) {
}

// -----

attn.cascade @cascade_c2_divisor(%X: !attn.tensor<[m], f32>)
    // expected-error @+1 {{divisor of rank `m1` is 0, expected 1 to 2^40}}
    -> !attn.tensor<[m], f32> ranks(m, m1 = ceildiv(m, 0)) {
}

// -----

attn.cascade @cascade_c2_one_factor(%X: !attn.tensor<[m], f32>)
    // expected-error @+1 {{rank `h` is a product of one rank}}
    -> !attn.tensor<[m], f32> ranks(m, h = m) {
}

// -----

attn.cascade @cascade_c2_equal_factors(%X: !attn.tensor<[m], f32>)
    // expected-error @+1 {{rank `h` has the factor `m` twice}}
    -> !attn.tensor<[m], f32> ranks(m, h = m * m) {
}

// -----

attn.cascade @cascade_c2_word(%X: !attn.tensor<[m], f32>)
    // expected-error @+1 {{`mod` is a word of the language, not a rank}}
    -> !attn.tensor<[m], f32> ranks(m, mod) {
}

// -----

attn.cascade @cascade_c2_name(%X: !attn.tensor<[m], f32>)
    // expected-error @+1 {{rank name `m.a` is not letters, digits and `_`}}
    -> !attn.tensor<[m], f32> ranks(m, m.a) {
}

// -----

// expected-error @+1 {{divides 0 ranks, expected 1}}
#rank = #attn.rank<"m1", ceildiv, 16>

// -----

// expected-error @+1 {{rank `m` is made of no other rank}}
#rank = #attn.rank<"m", free, 0, ["k"]>

// -----

// expected-error @+1 {{rank `m` is bound by no argument; give it an extent}}
attn.cascade @cascade_c3_free(%X: !attn.tensor<[p], f32>)
    -> !attn.tensor<[m], f32> ranks(p, m) {
  %Y = attn.einsum [m] = 1.0
  attn.yield %Y
}

// -----

/// One factor of a product follows, two don't.
// expected-error @+1 {{rank `k` is bound by no argument; give it an extent}}
attn.cascade @cascade_c3_factors(%X: !attn.tensor<[h], f32>)
    -> !attn.tensor<[h], f32> ranks(k, g, h = k * g) {
  %Y = attn.einsum [(k, g)] = %X[(k, g)]
  attn.yield %Y
}

// -----

attn.cascade @cascade_c4_ranks(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[m, p], f32> ranks(p, m) {
  %Y = attn.einsum [p, m] = %X[p, m]
  // expected-error @+1 {{yields '!attn.tensor<[p, m], f32>', the cascade declares '!attn.tensor<[m, p], f32>'}}
  attn.yield %Y
}

// -----

attn.cascade @cascade_c4_type(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[m], i32> ranks(m) {
  %Y = attn.einsum [m] = %X[m]
  // expected-error @+1 {{yields '!attn.tensor<[m], f32>', the cascade declares '!attn.tensor<[m], i32>'}}
  attn.yield %Y
}

// -----

attn.cascade @cascade_c4_number(%X: !attn.tensor<[m], f32>)
    -> (!attn.tensor<[m], f32>, !attn.tensor<[m], f32>) ranks(m) {
  %Y = attn.einsum [m] = %X[m]
  // expected-error @+1 {{yields 1 tensors, the cascade declares 2}}
  attn.yield %Y
}

// -----

// expected-error @+1 {{result 0 has type 'f32', expected an attn tensor}}
attn.cascade @cascade_c4_scalar(%x: f32) -> f32 ranks() {
  attn.yield %x
}

// -----

// expected-error @+1 {{argument `int` must be a C name}}
attn.cascade @cascade_c5_keyword(%int: !attn.tensor<[m], f32>)
    -> !attn.tensor<[m], f32> ranks(m) {
  %Y = attn.einsum [m] = %int[m]
  attn.yield %Y
}

// -----

/// A header is C++, too.
// expected-error @+1 {{argument `constexpr` must be a C name}}
attn.cascade @cascade_c5_cpp(%constexpr: !attn.tensor<[m], f32>)
    -> !attn.tensor<[m], f32> ranks(m) {
  %Y = attn.einsum [m] = %constexpr[m]
  attn.yield %Y
}

// -----

// expected-error @+1 {{argument `DLTensor` must be a C name}}
attn.cascade @cascade_c5_type(%DLTensor: !attn.tensor<[m], f32>)
    -> !attn.tensor<[m], f32> ranks(m) {
  %Y = attn.einsum [m] = %DLTensor[m]
  attn.yield %Y
}

// -----

// expected-error @+1 {{argument `size` must be a C name, and not `size`, which the arguments have}}
attn.cascade @cascade_c5_size(%X: !attn.tensor<[m], f32>, %size: i32)
    -> !attn.tensor<[m], f32> ranks(m) {
  %Y = attn.einsum [m] = %X[m] * %size
  attn.yield %Y
}

// -----

// expected-error @+1 {{name `a b` must be a C name}}
attn.cascade @"a b"(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[m], f32> ranks(m) {
  %Y = attn.einsum [m] = %X[m]
  attn.yield %Y
}

// -----

attn.cascade @cascade_c5_argument(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[m], f32> ranks(m) {
  // expected-error @+1 {{yields an argument; an output has a name of its own}}
  attn.yield %X
}

// -----

attn.cascade @cascade_c5_twice(%X: !attn.tensor<[m], f32>)
    -> (!attn.tensor<[m], f32>, !attn.tensor<[m], f32>) ranks(m) {
  %Y = attn.einsum [m] = %X[m]
  // expected-error @+1 {{yields a tensor twice; an output has a name of its own}}
  attn.yield %Y, %Y
}

// -----

// expected-error @+1 {{argument "X" has type 'i8', expected an attn tensor, f32, f64, i32 or i64}}
attn.cascade @argument_type(%X: i8) -> !attn.tensor<[m], f32> ranks(m = 4) {
  %Y = attn.einsum [m] = 1.0
  attn.yield %Y
}

// -----

// expected-error @+1 {{rank `m` is named twice}}
attn.cascade @tensor_ranks(%X: !attn.tensor<[m, m], f32>)
    -> !attn.tensor<[m], f32> ranks(m) {
}

// -----

// expected-error @+1 {{element type 'i16' is not one of f64, f32, f16, bf16, f8E4M3FN, f8E5M2, i64, i32, i8, ui8, i1}}
attn.cascade @tensor_element(%X: !attn.tensor<[m], i16>)
    -> !attn.tensor<[m], f32> ranks(m) {
}

// -----

/// A cycle without progress: each needs the other first.
attn.cascade @cascade_c6_cycle(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[m], f32> ranks(m) {
  // expected-error @+1 {{use of undeclared tensor `%Z`}}
  %Y = attn.einsum [m] = %X[m] + %Z[m]
  %Z = attn.einsum [m] = %Y[m] * 2.0
  attn.yield %Z
}

// -----

/// Nor may an Einsum read itself, were it at other coordinates.
attn.cascade @cascade_c6_itself(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[m], f32> ranks(m) {
  // expected-error @+1 {{use of undeclared tensor `%Y`}}
  %Y = attn.einsum [m] = %X[m] + %Y[m - 1]
  attn.yield %Y
}

// -----

/// What an iteration collects is there once it is done.
attn.cascade @cascade_c6_collected(%X: !attn.tensor<[m], f32>,
                                   %S: !attn.tensor<[], f32>)
    -> !attn.tensor<[m], f32> ranks(m) {
  %T, %Y = attn.iterate m init(%s = %S)
      -> (!attn.tensor<[], f32>, !attn.tensor<[m], f32>) {
    // expected-error @+1 {{use of undeclared tensor `%Y`}}
    %s1 = attn.einsum [] = %s[] + %X[m] * %Y[m - 1]
    attn.yield %s1, %s1
  }
  attn.yield %Y
}

// -----

/// An initial value comes before the first coordinate.
attn.cascade @cascade_c6_initial(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[], f32> ranks(m) {
  // expected-error @+1 {{use of undeclared tensor `%T`}}
  %T = attn.iterate m init(%s = %T) -> !attn.tensor<[], f32> {
    %s1 = attn.einsum [] = %s[] + %X[m]
    attn.yield %s1
  }
  attn.yield %T
}

// -----

attn.cascade @yields_undeclared(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[m], f32> ranks(m) {
  // expected-error @+1 {{use of undeclared tensor `%Y`}}
  attn.yield %Y
}

// -----

attn.cascade @outer(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(m) {
  // expected-error @+1 {{expects parent op 'builtin.module'}}
  attn.cascade @inner(%A: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
      ranks(m) {
    %B = attn.einsum [m] = %A[m]
    attn.yield %B
  }
  %Y = attn.einsum [m] = %X[m]
  attn.yield %Y
}

// -----

// expected-error @+1 {{has 0 argument names and 1 arguments}}
"attn.cascade"() <{arg_names = [], function_type = (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>, ranks = [#attn.rank<"m", free, 0>], sym_name = "generic"}> ({
^bb0(%X: !attn.tensor<[m], f32>):
  "attn.yield"(%X) : (!attn.tensor<[m], f32>) -> ()
}) : () -> ()

// -----

// expected-error @+1 {{body takes 'f32', the cascade '!attn.tensor<[m], f32>'}}
"attn.cascade"() <{arg_names = ["X"], function_type = (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>, ranks = [#attn.rank<"m", free, 0>], sym_name = "generic"}> ({
^bb0(%X: f32):
  "attn.yield"(%X) : (f32) -> ()
}) : () -> ()
