// What the parser of expressions says. The generic form cannot say these.
// RUN: attn-opt %s --verify-diagnostics --split-input-file

attn.cascade @undeclared_tensor(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{use of undeclared tensor `%Z`}}
  %Y = attn.einsum [m] = %Z[m]
}

// -----

attn.cascade @undeclared_result(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{use of undeclared tensor `%v`}}
  %Y = attn.einsum [m] = %v#1[m]
}

// -----

attn.cascade @unknown_function(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{unknown function `softmax`}}
  %Y = attn.einsum [m] = softmax(%v[m])
}

// -----

attn.cascade @one_operand(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{`exp` takes 1 operand, got 2}}
  %Y = attn.einsum [m] = exp(%v[m], 1.0)
}

// -----

attn.cascade @two_operands(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{`max` takes 2 operands, got 1}}
  %Y = attn.einsum [m] = max(%v[m])
}

// -----

attn.cascade @three_operands(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{`select` takes 3 operands, got 2}}
  %Y = attn.einsum [m] = select(m < 2, %v[m])
}

// -----

attn.cascade @exponent(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{a number with an exponent needs a decimal point, as in 1.0e-3}}
  %Y = attn.einsum [m] = %v[m] * 1e-3
}

// -----

attn.cascade @exponent_of_digits(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{a number with an exponent needs a decimal point, as in 1.0e-3}}
  %Y = attn.einsum [m] = %v[m] * 1e3
}

// -----

attn.cascade @large_integer(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{integer 99999999999999999999 does not fit 64 bits}}
  %Y = attn.einsum [m] = %v[99999999999999999999]
}

// -----

/// At the number, though what follows is on the next line.
attn.cascade @large_integer_ends_line(%v: !attn.tensor<[m], f32>)
    -> !attn.tensor<[m], f32> ranks(m) {
  // expected-error @+1 {{integer 100000000000000000000 does not fit 64 bits}}
  %Y = attn.einsum [m] = %v[m] * 100000000000000000000
  attn.yield %Y
}

// -----

attn.cascade @large_f64(%v: !attn.tensor<[m], f32>)
    -> !attn.tensor<[m], f32> ranks(m) {
  // expected-error @+1 {{number does not fit f64; infinity is written inf}}
  %Y = attn.einsum [m] = %v[m] * 1.0e999
  attn.yield %Y
}

// -----

attn.cascade @large_f32(%v: !attn.tensor<[m], f32>)
    -> !attn.tensor<[m], f32> ranks(m) {
  // expected-error @+1 {{number 1.000000e+39 does not fit 'f32'}}
  %Y = attn.einsum [m] = %v[m] * 1.0e39
  attn.yield %Y
}

// -----

attn.cascade @large_f32_alone(%v: !attn.tensor<[m], f32>)
    -> !attn.tensor<[m], f32> ranks(m) {
  // expected-error @+1 {{number 1.000000e+39 does not fit 'f32'}}
  %Y = attn.einsum [m] = 1.0e39
  attn.yield %Y
}

// -----

attn.cascade @large_i32(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{integer 3000000000 does not fit i32}}
  %Y = attn.einsum [m] = %i[m] + 3000000000
}

// -----

attn.cascade @index_of_floats(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{an index must be an integer}}
  %Y = attn.einsum [m] = %v[%v[m]]
}

// -----

attn.cascade @index_literal(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{an index must be an integer}}
  %Y = attn.einsum [m] = %v[1.5]
}

// -----

attn.cascade @index_condition(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{an index must be an integer}}
  %Y = attn.einsum [m] = %v[m < 2]
}

// -----

attn.cascade @filter_of_numbers(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{expected a condition}}
  %Y = attn.einsum [m] = %v[m] where (%v[m])
}

// -----

attn.cascade @and_of_numbers(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{expected a condition}}
  %Y = attn.einsum [m] = %v[m] where (m and m < 2)
}

// -----

attn.cascade @not_of_numbers(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{expected a condition}}
  %Y = attn.einsum [m] = %v[m] where (not m)
}

// -----

attn.cascade @select_of_numbers(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{expected a condition}}
  %Y = attn.einsum [m] = select(%v[m], 1.0, 2.0)
}

// -----

attn.cascade @select_mixed(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{`select` between a condition and a number}}
  %Y = attn.einsum [m] = select(%b[m], %b[m], 2.0)
}

// -----

attn.cascade @sum_of_conditions(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{`+` is not defined on conditions; use select(c, a, b)}}
  %Y = attn.einsum [m] = %v[m] + %b[m]
}

// -----

attn.cascade @minus_condition(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{`-` is not defined on conditions; use not}}
  %Y = attn.einsum [m] = -%b[m]
}

// -----

attn.cascade @exp_of_condition(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{`exp` is not defined on conditions; use select(c, a, b)}}
  %Y = attn.einsum [m] = exp(%b[m])
}

// -----

attn.cascade @compare_conditions(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{conditions don't compare; write them with and, or, not}}
  %Y = attn.einsum [m] = %b[m] == %b[m]
}

// -----

attn.cascade @floordiv_of_floats(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{`floordiv` needs integers}}
  %Y = attn.einsum [m] = %v[m] floordiv 2
}

// -----

attn.cascade @mod_of_floats(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{`mod` needs integers}}
  %Y = attn.einsum [m] = m mod %x
}

// -----

attn.cascade @floordiv_by_zero(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{`floordiv` by zero}}
  %Y = attn.einsum [m] = m floordiv 0
}

// -----

attn.cascade @mod_by_zero(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{`mod` by zero}}
  %Y = attn.einsum [m] = m mod 0
}

// -----

attn.cascade @cast_to(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{cast to 'vector<4xf32>', which is no element type}}
  %Y = attn.einsum [m] = cast(%v[m], vector<4xf32>)
}

// -----

attn.cascade @cast_index(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{cast to 'index', which is no element type}}
  %Y = attn.einsum [m] = cast(%v[m], index)
}

// -----

attn.cascade @group_of_sums(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{a group of coordinates holds rank variables only}}
  %Y = attn.einsum [m] = %v[(m, m + 1)]
}

// -----

attn.cascade @let_rank(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{`m` names something else already}}
  %Y = attn.einsum [m] = let m = 1.0 in m
}

// -----

attn.cascade @let_twice(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{`a` names something else already}}
  %Y = attn.einsum [m] = let a = %v[m], a = 1.0 in a
}

// -----

attn.cascade @let_function(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{`exp` names something else already}}
  %Y = attn.einsum [m] = let exp = %v[m] in exp
}

// -----

attn.cascade @let_word(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{`where` names something else already}}
  %Y = attn.einsum [m] = let where = %v[m] in where
}

// -----

attn.cascade @let_own_name(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{rank `a` is not declared}}
  %Y = attn.einsum [m] = let a = a + 1.0 in a
}

// -----

attn.cascade @let_without_in(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+2 {{expected 'in'}}
  %Y = attn.einsum [m] = let a = %v[m]
}

// -----

attn.cascade @chained_comparison(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{comparisons don't chain; write a < b and b < c}}
  %Y = attn.einsum [m] = %v[m] where (0 < m < 4)
}

// -----

attn.cascade @no_operand(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+2 {{expected an operand}}
  %Y = attn.einsum [m] = %v[m] +
}

// -----

attn.cascade @percent(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{expected an operand}}
  %Y = attn.einsum [m] = %v[m] * * 2
}

// -----

attn.cascade @unclosed(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{expected ')'}}
  %Y = attn.einsum [m] = exp(%v[m]
}

// -----

attn.cascade @unclosed_access(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{expected ']'}}
  %Y = attn.einsum [m] = %v[m
}

// -----

attn.cascade @no_filter(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{expected '('}}
  %Y = attn.einsum [m] = %v[m] where m < 2
}
