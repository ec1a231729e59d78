// RUN: attn-opt %s --verify-diagnostics --split-input-file

attn.cascade @einsum_c1_left(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{rank `q` is not declared}}
  %Y = attn.einsum [q] = %v[m]
}

// -----

attn.cascade @einsum_c1_expression(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{rank `q` is not declared}}
  %Y = attn.einsum [m] = %v[q]
}

// -----

attn.cascade @einsum_c1_extent(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{rank `q` is not declared}}
  %Y = attn.einsum [m] = %v[m] * extent(q)
}

// -----

attn.cascade @einsum_c1_reduced(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{rank `q` is not declared}}
  %Y = attn.einsum [m] = %v[m] reduce(add q)
}

// -----

attn.cascade @einsum_c2_left(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{reduced variable `m` is on the left}}
  %Y = attn.einsum [m] = %v[m] reduce(max m)
}

// -----

attn.cascade @einsum_c3_group(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{no declared rank is the product of this group}}
  %Y = attn.einsum [(p, m)] = %X[p, m]
}

// -----

attn.cascade @einsum_c4_few(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{access of `%X` has 1 indices, its type '!attn.tensor<[p, m], f32>' has 2 ranks}}
  %Y = attn.einsum [p] = %X[p]
}

// -----

attn.cascade @einsum_c4_many(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{access of `%v` has 2 indices, its type '!attn.tensor<[m], f32>' has 1 ranks}}
  %Y = attn.einsum [p] = %v[p, m]
}

// -----

attn.cascade @einsum_c6_left(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{variable `m` is on the left twice}}
  %Y = attn.einsum [m, m] = %v[m]
}

// -----

attn.cascade @einsum_c6_reduced(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{variable `m` is reduced twice}}
  %Y = attn.einsum [p] = %X[p, m] reduce(max m, add m)
}

// -----

attn.cascade @einsum_c8_type(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{value of type 'f32' does not convert to element type 'i32'}}
  %Y = attn.einsum [m] = %v[m] : i32
  %Z = attn.einsum [p] = %X[p, m]
  attn.yield %Z
}

// -----

attn.cascade @einsum_c8_condition(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{value of type 'i1' does not convert to element type 'f32'}}
  %Y = attn.einsum [m] = %b[m] : f32
  %Z = attn.einsum [p] = %X[p, m]
  attn.yield %Z
}

// -----

attn.cascade @einsum_c8_element(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{element type 'i16' is not one of}}
  %Y = attn.einsum [m] = %i[m] : i16
}

// -----

attn.cascade @reducer(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{unknown reducer `sum`, expected add, mul, max, min, and, or, lse, argmax}}
  %Y = attn.einsum [p] = %X[p, m] reduce(sum m)
}

// -----

attn.cascade @einsum_c5_add(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{reducer add has no identity in 'i1'}}
  %Y = attn.einsum [] = %b[m]
  %Z = attn.einsum [p] = %X[p, m]
  attn.yield %Z
}

// -----

attn.cascade @einsum_c5_and(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{reducer and has no identity in 'f32'}}
  %Y = attn.einsum [] = %v[m] reduce(and m)
  %Z = attn.einsum [p] = %X[p, m]
  attn.yield %Z
}

// -----

attn.cascade @einsum_c5_lse(%i: !attn.tensor<[m], i32>)
    -> !attn.tensor<[], i32> ranks(m) {
  // expected-error @+1 {{reducer lse has no identity in 'i32'}}
  %Y = attn.einsum [] = %i[m] reduce(lse m)
  attn.yield %Y
}

// -----

attn.cascade @einsum_c5_topk(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[], f32> ranks(m) {
  // expected-error @+1 {{reducer topk has no identity in 'f32'}}
  %Y = attn.einsum [] = %X[m] reduce(topk m)
  attn.yield %Y
}

// -----

attn.cascade @einsum_c5_argmax(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{argmax takes one variable, this Einsum reduces 2}}
  %Y = attn.einsum [] = %X[p, m] reduce(argmax m)
  %Z = attn.einsum [p] = %X[p, m]
  attn.yield %Z
}

// -----

attn.cascade @einsum_c8_argmax(%X: !attn.tensor<[p, m], f32>, %v: !attn.tensor<[m], f32>,
                  %i: !attn.tensor<[m], i32>, %b: !attn.tensor<[m], i1>,
                  %x: f32, %n: i32)
    -> !attn.tensor<[p], f32> ranks(p, m, e = 8) {
  // expected-error @+1 {{does not convert to element type 'f32'}}
  %Y = attn.einsum [] = %v[m] reduce(argmax m) : f32
  %Z = attn.einsum [p] = %X[p, m]
  attn.yield %Z
}

// -----

/// What only the generic form can say.
attn.cascade @einsum_c1_vars(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(p = 4, m) {
  // expected-error @+1 {{rank `q` is not declared}}
  %Y = "attn.einsum"(%X) <{out = [["m"]], reducers = [#attn.reduce<add "q">], vars = ["m", "q"]}> ({
  ^bb0(%x: !attn.tensor<[m], f32>):
    %m = attn.rank "m"
    %v = attn.read %x[%m] : !attn.tensor<[m], f32> -> f32
    attn.value %v : f32
  }) : (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
  "attn.yield"(%Y) : (!attn.tensor<[m], f32>) -> ()
}

// -----

attn.cascade @einsum_c2_reducer(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(p = 4, m) {
  // expected-error @+1 {{reduced variable `m` is on the left}}
  %Y = "attn.einsum"(%X) <{out = [["m"]], reducers = [#attn.reduce<add "m">], vars = ["m", "p"]}> ({
  ^bb0(%x: !attn.tensor<[m], f32>):
    %m = attn.rank "m"
    %v = attn.read %x[%m] : !attn.tensor<[m], f32> -> f32
    attn.value %v : f32
  }) : (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
  "attn.yield"(%Y) : (!attn.tensor<[m], f32>) -> ()
}

// -----

attn.cascade @einsum_c2_vars(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(p = 4, m) {
  // expected-error @+1 {{reduced variable `q` is not among its variables}}
  %Y = "attn.einsum"(%X) <{out = [["m"]], reducers = [#attn.reduce<add "q">], vars = ["m", "p"]}> ({
  ^bb0(%x: !attn.tensor<[m], f32>):
    %m = attn.rank "m"
    %v = attn.read %x[%m] : !attn.tensor<[m], f32> -> f32
    attn.value %v : f32
  }) : (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
  "attn.yield"(%Y) : (!attn.tensor<[m], f32>) -> ()
}

// -----

attn.cascade @einsum_c2_count(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(p = 4, m) {
  // expected-error @+1 {{has 2 variables, 1 on the left and 0 reduced}}
  %Y = "attn.einsum"(%X) <{out = [["m"]], reducers = [], vars = ["m", "p"]}> ({
  ^bb0(%x: !attn.tensor<[m], f32>):
    %m = attn.rank "m"
    %v = attn.read %x[%m] : !attn.tensor<[m], f32> -> f32
    attn.value %v : f32
  }) : (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
  "attn.yield"(%Y) : (!attn.tensor<[m], f32>) -> ()
}

// -----

attn.cascade @einsum_c3_left(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(p = 4, m) {
  // expected-error @+1 {{rank `m` of the result is not ["p"]}}
  %Y = "attn.einsum"(%X) <{out = [["p"]], reducers = [], vars = ["p"]}> ({
  ^bb0(%x: !attn.tensor<[m], f32>):
    %m = attn.rank "m"
    %v = attn.read %x[%m] : !attn.tensor<[m], f32> -> f32
    attn.value %v : f32
  }) : (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
  "attn.yield"(%Y) : (!attn.tensor<[m], f32>) -> ()
}

// -----

attn.cascade @einsum_c3_ranks(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(p = 4, m) {
  // expected-error @+1 {{result has 1 ranks, the left-hand side 2}}
  %Y = "attn.einsum"(%X) <{out = [["m"], ["p"]], reducers = [], vars = ["m", "p"]}> ({
  ^bb0(%x: !attn.tensor<[m], f32>):
    %m = attn.rank "m"
    %v = attn.read %x[%m] : !attn.tensor<[m], f32> -> f32
    attn.value %v : f32
  }) : (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
  "attn.yield"(%Y) : (!attn.tensor<[m], f32>) -> ()
}

// -----

attn.cascade @einsum_c6_vars(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(p = 4, m) {
  // expected-error @+1 {{variable `m` is listed twice}}
  %Y = "attn.einsum"(%X) <{out = [["m"]], reducers = [], vars = ["m", "m"]}> ({
  ^bb0(%x: !attn.tensor<[m], f32>):
    %m = attn.rank "m"
    %v = attn.read %x[%m] : !attn.tensor<[m], f32> -> f32
    attn.value %v : f32
  }) : (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
  "attn.yield"(%Y) : (!attn.tensor<[m], f32>) -> ()
}

// -----

attn.cascade @einsum_c7_variable(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(p = 4, m) {
  // expected-error @+1 {{reads variable `p`, which it does not iterate over}}
  %Y = "attn.einsum"(%X) <{name = "Y", out = [["m"]], reducers = [], vars = ["m"]}> ({
  ^bb0(%x: !attn.tensor<[m], f32>):
    %p = attn.rank "p"
    %v = attn.read %x[%p] : !attn.tensor<[m], f32> -> f32
    attn.value %v : f32
  }) : (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
  "attn.yield"(%Y) : (!attn.tensor<[m], f32>) -> ()
}

// -----

attn.cascade @einsum_c8_coordinate(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(p = 4, m) {
  // expected-error @+1 {{value has type 'index', expected an element}}
  %Y = "attn.einsum"(%X) <{name = "Y", out = [["m"]], reducers = [], vars = ["m"]}> ({
  ^bb0(%x: !attn.tensor<[m], f32>):
    %m = attn.rank "m"
    attn.value %m : index
  }) : (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
  "attn.yield"(%Y) : (!attn.tensor<[m], f32>) -> ()
}

// -----

attn.cascade @einsum_c9_operation(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(p = 4, m) {
  // expected-error @+1 {{cannot hold `arith.divf`}}
  %Y = "attn.einsum"(%X) <{name = "Y", out = [["m"]], reducers = [], vars = ["m"]}> ({
  ^bb0(%x: !attn.tensor<[m], f32>):
    %m = attn.rank "m"
    %v = attn.read %x[%m] : !attn.tensor<[m], f32> -> f32
    %d = arith.divf %v, %v : f32
    attn.value %d : f32
  }) : (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
  "attn.yield"(%Y) : (!attn.tensor<[m], f32>) -> ()
}

// -----

attn.cascade @einsum_c9_comparison(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(p = 4, m) {
  // expected-error @+1 {{cannot hold `arith.cmpi`}}
  %Y = "attn.einsum"(%X) <{name = "Y", out = [["m"]], reducers = [], vars = ["m"]}> ({
  ^bb0(%x: !attn.tensor<[m], f32>):
    %m = attn.rank "m"
    %v = attn.read %x[%m] : !attn.tensor<[m], f32> -> f32
    %c = arith.cmpi ult, %m, %m : index
    attn.value %v where %c : f32
  }) : (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
  "attn.yield"(%Y) : (!attn.tensor<[m], f32>) -> ()
}

// -----

attn.cascade @einsum_c9_exclusive_or(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(p = 4, m) {
  // expected-error @+1 {{cannot hold `arith.xori`}}
  %Y = "attn.einsum"(%X) <{name = "Y", out = [["m"]], reducers = [], vars = ["m"]}> ({
  ^bb0(%x: !attn.tensor<[m], f32>):
    %m = attn.rank "m"
    %v = attn.read %x[%m] : !attn.tensor<[m], f32> -> f32
    %c = arith.cmpi slt, %m, %m : index
    %d = arith.xori %c, %c : i1
    attn.value %v where %d : f32
  }) : (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
  "attn.yield"(%Y) : (!attn.tensor<[m], f32>) -> ()
}

// -----

attn.cascade @einsum_c9_vector(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(p = 4, m) {
  // expected-error @+1 {{`arith.constant` does not give one element or coordinate}}
  %Y = "attn.einsum"(%X) <{name = "Y", out = [["m"]], reducers = [], vars = ["m"]}> ({
  ^bb0(%x: !attn.tensor<[m], f32>):
    %m = attn.rank "m"
    %v = attn.read %x[%m] : !attn.tensor<[m], f32> -> f32
    %c = arith.constant dense<1.0> : vector<4xf32>
    attn.value %v : f32
  }) : (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
  "attn.yield"(%Y) : (!attn.tensor<[m], f32>) -> ()
}

// -----

attn.cascade @einsum_c9_type(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(p = 4, m) {
  // expected-error @+1 {{`arith.constant` does not give one element or coordinate}}
  %Y = "attn.einsum"(%X) <{name = "Y", out = [["m"]], reducers = [], vars = ["m"]}> ({
  ^bb0(%x: !attn.tensor<[m], f32>):
    %m = attn.rank "m"
    %v = attn.read %x[%m] : !attn.tensor<[m], f32> -> f32
    %c = arith.constant 1.0 : f16
    attn.value %v : f32
  }) : (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
  "attn.yield"(%Y) : (!attn.tensor<[m], f32>) -> ()
}

// -----

attn.cascade @region_arguments(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(p = 4, m) {
  // expected-error @+1 {{region takes 'f32', the inputs are '!attn.tensor<[m], f32>'}}
  %Y = "attn.einsum"(%X) <{name = "Y", out = [["m"]], reducers = [], vars = ["m"]}> ({
  ^bb0(%x: f32):
    attn.value %x : f32
  }) : (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
  "attn.yield"(%Y) : (!attn.tensor<[m], f32>) -> ()
}

// -----

attn.cascade @read(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(m) {
  %Y = "attn.einsum"(%X) <{out = [["m"]], reducers = [], vars = ["m"]}> ({
  ^bb0(%x: !attn.tensor<[m], f32>):
    %m = attn.rank "m"
    // expected-error @+1 {{has 2 indices, its type '!attn.tensor<[m], f32>' has 1 ranks}}
    %v = attn.read %x[%m, %m] : !attn.tensor<[m], f32> -> f32
    attn.value %v : f32
  }) : (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
  "attn.yield"(%Y) : (!attn.tensor<[m], f32>) -> ()
}

// -----

attn.cascade @read_type(%X: !attn.tensor<[m], bf16>) -> !attn.tensor<[m], f32>
    ranks(m) {
  %Y = "attn.einsum"(%X) <{out = [["m"]], reducers = [], vars = ["m"]}> ({
  ^bb0(%x: !attn.tensor<[m], bf16>):
    %m = attn.rank "m"
    // expected-error @+1 {{gives 'f64', elements of '!attn.tensor<[m], bf16>' widen to 'f32'}}
    %v = attn.read %x[%m] : !attn.tensor<[m], bf16> -> f64
    attn.value %v : f64
  }) : (!attn.tensor<[m], bf16>) -> !attn.tensor<[m], f32>
  "attn.yield"(%Y) : (!attn.tensor<[m], f32>) -> ()
}

// -----

attn.cascade @cast(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(m) {
  %Y = "attn.einsum"(%X) <{out = [["m"]], reducers = [], vars = ["m"]}> ({
  ^bb0(%x: !attn.tensor<[m], f32>):
    %m = attn.rank "m"
    %v = attn.read %x[%m] : !attn.tensor<[m], f32> -> f32
    // expected-error @+1 {{gives 'f64', elements of 'bf16' widen to 'f32'}}
    %c = attn.cast %v to bf16 : f32 -> f64
    attn.value %v : f32
  }) : (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
  "attn.yield"(%Y) : (!attn.tensor<[m], f32>) -> ()
}

// -----

attn.cascade @flatten(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
    ranks(m) {
  %Y = "attn.einsum"(%X) <{out = [["m"]], reducers = [], vars = ["m"]}> ({
  ^bb0(%x: !attn.tensor<[m], f32>):
    %m = attn.rank "m"
    // expected-error @+1 {{has 2 coordinates and 1 ranks}}
    %f = attn.flatten %m, %m ["m"]
    %v = attn.read %x[%f] : !attn.tensor<[m], f32> -> f32
    attn.value %v : f32
  }) : (!attn.tensor<[m], f32>) -> !attn.tensor<[m], f32>
  "attn.yield"(%Y) : (!attn.tensor<[m], f32>) -> ()
}

// -----

// expected-error @+1 {{an Einsum can only be written inside an attn.cascade}}
%Y = attn.einsum [] = 1.0

// -----

// expected-error @+1 {{stands outside an attn.cascade}}
%Y = "attn.einsum"() <{out = [], reducers = [], vars = []}> ({
  %c = arith.constant 1.0 : f32
  attn.value %c : f32
}) : () -> !attn.tensor<[], f32>
