// RUN: attn-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{rank `m` has size 0}}
func.func private @size(!tile.tile<[m: 0], f32>)

// -----

// expected-error @+1 {{unknown space `cellar`}}
func.func private @space(!tile.tile<[m: 4], f32, cellar>)

// -----

func.func @load_rank(%A: !tile.view<[p, m], f32>, %i: index) {
  // expected-error @+1 {{rank `m` of the tile runs along 0 of the view's ranks, expected 1}}
  %t = tile.load %A[%i, %i] dims ["", ""] : !tile.view<[p, m], f32> -> !tile.tile<[m: 4], f32>
  return
}

// -----

func.func @load_offsets(%A: !tile.view<[p, m], f32>, %i: index) {
  // expected-error @+1 {{has 1 offsets and 2 dims, the view has 2 ranks}}
  %t = tile.load %A[%i] dims ["", "m"] : !tile.view<[p, m], f32> -> !tile.tile<[m: 4], f32>
  return
}

// -----

func.func @store_dim(%A: !tile.view<[p, m], f32>, %t: !tile.tile<[m: 4], f32>, %i: index) {
  // expected-error @+1 {{dim `p` is not a rank of}}
  tile.store %t, %A[%i, %i] dims ["p", "m"] : !tile.tile<[m: 4], f32>, !tile.view<[p, m], f32>
  return
}

// -----

func.func @map_rank(%t: !tile.tile<[m: 4], f32>, %i: index) {
  // expected-error @+1 {{does not iterate over rank `m` of size 4}}
  %x = tile.map ranks ["m"] sizes [8] at(%i) ins(%t : !tile.tile<[m: 4], f32>) reducers [] {
  ^bb0(%a: f32):
    tile.yield %a : f32
  } : !tile.tile<[m: 8], f32>
  return
}

// -----

func.func @map_reduced(%t: !tile.tile<[m: 4], f32>, %i: index) {
  // expected-error @+1 {{rank `m` must be either reduced or a rank of the result}}
  %x = tile.map ranks ["m"] sizes [4] at(%i) ins(%t : !tile.tile<[m: 4], f32>) reducers [#attn.reduce<add "m">] {
  ^bb0(%a: f32):
    tile.yield %a : f32
  } : !tile.tile<[m: 4], f32>
  return
}

// -----

func.func @map_value(%t: !tile.tile<[m: 4], f32>, %i: index) {
  // expected-error @+1 {{region must yield one value}}
  %x = tile.map ranks ["m"] sizes [4] at(%i) ins(%t : !tile.tile<[m: 4], f32>) reducers [] {
  ^bb0(%a: f32):
    tile.yield
  } : !tile.tile<[m: 4], f32>
  return
}

// -----

func.func @contract(%a: !tile.tile<[m: 4, e: 8], f32>, %b: !tile.tile<[e: 16, p: 8], f32>) {
  // expected-error @+1 {{contracted rank `e` must be one of both operands, of one size, and not of the result}}
  %x = tile.contract %a, %b over ["e"] : !tile.tile<[m: 4, e: 8], f32>, !tile.tile<[e: 16, p: 8], f32> -> !tile.tile<[m: 4, p: 8], f32>
  return
}

// -----

func.func @convert_rank(%t: !tile.tile<[m: 4], f32>) {
  // expected-error @+1 {{rank `m` of size 4 is not one of '!tile.tile<[p: 4], bf16>'}}
  %x = tile.convert %t : !tile.tile<[m: 4], f32> -> !tile.tile<[p: 4], bf16>
  return
}

// -----

func.func @contract_types(%a: !tile.tile<[m: 4, e: 4], bf16>, %b: !tile.tile<[e: 4, p: 4], f32>) {
  // expected-error @+1 {{multiplies 'bf16' and 'f32', expected one type}}
  %x = tile.contract %a, %b over ["e"] : !tile.tile<[m: 4, e: 4], bf16>, !tile.tile<[e: 4, p: 4], f32> -> !tile.tile<[m: 4, p: 4], f32>
  return
}

// -----

func.func @bounds_sizes(%i: index) {
  // expected-error @+1 {{has 1 ranks, 2 sizes and 1 offsets}}
  %lo, %hi = tile.bounds ranks ["p"] sizes [4, 4] at(%i) {
    %p = tile.coord "p"
    tile.yield %p : index
  }
  return
}

// -----

func.func @bounds_value(%i: index) {
  // expected-error @+1 {{region must yield a value}}
  %lo, %hi = tile.bounds ranks ["p"] sizes [4] at(%i) {
  }
  return
}

// -----

func.func @bounds_type(%i: index, %x: f32) {
  // expected-error @+1 {{bounds values of type 'f32', expected i32, i64 or index}}
  %lo, %hi = tile.bounds ranks ["p"] sizes [4] at(%i) {
    tile.yield %x : f32
  }
  return
}
