// RUN: attn-opt %s --verify-diagnostics --split-input-file

// expected-error @+1 {{reduces 'bf16', expected f64, f32, i64, i32 or i1}}
attn.reducer @reducer_c1_type(%a, %b: bf16) identity(0) = cast(0, bf16)

// -----

// expected-error @+1 {{operand `%a` is named twice}}
attn.reducer @reducer_c1_names(%a, %a: f32) identity(0) = %a

// -----

// expected-error @+1 {{region takes 'f32', 'f32', 'f32', expected two of 'f32'}}
"attn.reducer"() <{sym_name = "reducer_c1_operands", arg_names = ["a", "b"], identity = 0.0 : f32}> ({
^bb0(%a: f32, %b: f32, %c: f32):
  attn.value %a : f32
}) : () -> ()

// -----

// expected-error @+1 {{identity is not a number of 'i32'}}
attn.reducer @reducer_c2_real(%a, %b: i32) identity(0.5) = %a + %b

// -----

// expected-error @+1 {{identity is not a number of 'i32'}}
attn.reducer @reducer_c2_large(%a, %b: i32) identity(4294967296) = %a + %b

// -----

// expected-error @+1 {{identity is not a number of 'f32'}}
attn.reducer @reducer_c2_infinite(%a, %b: f32) identity(1.0e300) = %a + %b

// -----

// expected-error @+1 {{identity is not a number of 'f32'}}
attn.reducer @reducer_c2_operand(%a, %b: f32) identity(1 < 2) = %a + %b

// -----

// expected-error @+1 {{identity is NaN, which is equal to nothing}}
attn.reducer @reducer_c2_nan(%a, %b: f32) identity(nan) = %a + %b

// -----

// expected-error @+1 {{expression has type 'i1', expected 'f32'}}
attn.reducer @reducer_c3_type(%a, %b: f32) identity(0) = %a < %b

// -----

// expected-error @+1 {{use of undeclared tensor `%c`}}
attn.reducer @reducer_c3_operand(%a, %b: f32) identity(0) = %a + %c

// -----

// expected-error @+1 {{rank `m` is not declared}}
attn.reducer @reducer_c3_rank(%a, %b: f32) identity(0) = %a + %b * m

// -----

// expected-error @+1 {{cannot hold `attn.rank`}}
"attn.reducer"() <{sym_name = "reducer_c3_operation", arg_names = ["a", "b"], identity = 0 : i64}> ({
^bb0(%a: i64, %b: i64):
  %0 = attn.rank "m"
  attn.value %a : i64
}) : () -> ()

// -----

attn.cascade @einsum_c10_unknown(%x: !attn.tensor<[m], f32>)
    -> !attn.tensor<[], f32> ranks(m) {
  // expected-error @+1 {{reduces by @most, which is no attn.reducer}}
  %Y = attn.einsum [] = %x[m] reduce(@most m)
  attn.yield %Y
}

// -----

// expected-note @+1 {{it names this}}
attn.cascade @einsum_c10_cascade(%x: !attn.tensor<[m], f32>)
    -> !attn.tensor<[], f32> ranks(m) {
  // expected-error @+1 {{reduces by @einsum_c10_cascade, which is no attn.reducer}}
  %Y = attn.einsum [] = %x[m] reduce(@einsum_c10_cascade m)
  attn.yield %Y
}

// -----

// expected-note @+1 {{it is defined here}}
attn.reducer @most(%a, %b: f64) identity(-inf) = max(%a, %b)
attn.cascade @einsum_c10_type(%x: !attn.tensor<[m], f32>)
    -> !attn.tensor<[], f32> ranks(m) {
  // expected-error @+1 {{reduces 'f32' by @most, which reduces 'f64'}}
  %Y = attn.einsum [] = %x[m] reduce(@most m)
  attn.yield %Y
}

// -----

attn.cascade @user_is_no_word(%x: !attn.tensor<[m], f32>)
    -> !attn.tensor<[], f32> ranks(m) {
  // expected-error @+1 {{unknown reducer `user`}}
  %Y = attn.einsum [] = %x[m] reduce(user m)
  attn.yield %Y
}
