// RUN: attn-opt %s --cpu-lower-tiles --split-input-file --verify-diagnostics

// expected-error @+1 {{is not launched by any program}}
tile.kernel @alone grid(%j0 = j) (%A: !tile.view<[j], f32>) attributes {ranks = []} {
}
tile.program @p(%A: !tile.view<[j], f32>) -> (%R: !tile.view<[j], f32>)
    attributes {ranks = [#attn.rank<"j", free, 0>]} {
}

// -----

tile.kernel @k grid(%j0 = j) (%A: !tile.view<[j], f32>) attributes {ranks = []} {
}
tile.program @p(%A: !tile.view<[j], f32>, %B: !tile.view<[j], f32>) -> (%R: !tile.view<[j], f32>)
    attributes {ranks = [#attn.rank<"j", free, 0>]} {
  tile.launch @k(%A) : !tile.view<[j], f32>
  // expected-error @+1 {{gives `k` other operands than an earlier launch, expected the same}}
  tile.launch @k(%B) : !tile.view<[j], f32>
}

// -----

tile.kernel @k grid(%j0 = j) (%A: !tile.view<[j], f32>) attributes {ranks = []} {
}
tile.program @p(%A: !tile.view<[j], f32>) -> (%R: !tile.view<[j], f32>)
    attributes {ranks = [#attn.rank<"j", free, 0>]} {
  // expected-error @+1 {{has 2 operands, `k` has 1}}
  tile.launch @k(%A, %R) : !tile.view<[j], f32>, !tile.view<[j], f32>
}

// -----

tile.program @p(%A: !tile.view<[j], f32>) -> (%R: !tile.view<[j], f32>)
    attributes {ranks = [#attn.rank<"j", free, 0>]} {
  // expected-error @+1 {{launches `nothing`, which is not a tile.kernel}}
  tile.launch @nothing(%A) : !tile.view<[j], f32>
}

// -----

tile.kernel @k grid(%j0 = j) (%A: !tile.view<[j], f32>) attributes {ranks = []} {
  // expected-error @+1 {{`p` declares no rank `m`}}
  %m = tile.extent "m"
}
tile.program @p(%A: !tile.view<[j], f32>) -> (%R: !tile.view<[j], f32>)
    attributes {ranks = [#attn.rank<"j", free, 0>]} {
  tile.launch @k(%A) : !tile.view<[j], f32>
}

// -----

tile.kernel @k grid(%j0 = j) (%A: !tile.view<[j], f32>) attributes {ranks = []} {
  // expected-error @+1 {{has not been expanded by Intervals}}
  %some, %every = tile.test ranks ["j"] sizes [8] at(%j0) {
    %j = tile.coord "j"
    %c = arith.cmpi sle, %j, %j : index
    tile.yield where %c
  }
}
tile.program @p(%A: !tile.view<[j], f32>) -> (%R: !tile.view<[j], f32>)
    attributes {ranks = [#attn.rank<"j", free, 0>]} {
  tile.launch @k(%A) : !tile.view<[j], f32>
}

// -----

tile.kernel @k grid(%j0 = j) lanes j (%A: !tile.view<[j], f64>) attributes {ranks = []} {
  %a = tile.load %A[%j0] dims ["j"] : !tile.view<[j], f64> -> !tile.tile<[j: 16], f64>
  %e = tile.map ranks ["j"] sizes [16] at(%j0) ins(%a : !tile.tile<[j: 16], f64>) reducers [] {
  ^bb0(%x: f64):
    // expected-error @+1 {{has no vector form for f64 yet}}
    %y = math.atan %x : f64
    tile.yield %y : f64
  } : !tile.tile<[j: 16], f64>
}
tile.program @p(%A: !tile.view<[j], f64>) -> (%R: !tile.view<[j], f64>)
    attributes {ranks = [#attn.rank<"j", free, 0>]} {
  tile.launch @k(%A) : !tile.view<[j], f64>
}

// -----

tile.kernel @k grid(%z = j) lanes j (%A: !tile.view<[i, j], f32>) attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %a = tile.load %A[%c0, %c0] dims ["i", "j"] : !tile.view<[i, j], f32> -> !tile.tile<[i: 4, j: 16], f32>
  // expected-error @+1 {{reduces by `max` and by `add`, which one map can't do}}
  %e = tile.map ranks ["i", "j"] sizes [4, 16] at(%c0, %c0) ins(%a : !tile.tile<[i: 4, j: 16], f32>) reducers [#attn.reduce<max "i">, #attn.reduce<add "j">] {
  ^bb0(%x: f32):
    tile.yield %x : f32
  } : !tile.tile<[], f32>
}
tile.program @p(%A: !tile.view<[i, j], f32>) -> (%R: !tile.view<[j], f32>)
    attributes {ranks = [#attn.rank<"i", free, 0>, #attn.rank<"j", free, 0>]} {
  tile.launch @k(%A) : !tile.view<[i, j], f32>
}

// -----

tile.kernel @k grid(%z = j) lanes j (%A: !tile.view<[i, c], bf16>, %B: !tile.view<[c, j], bf16>) attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %a = tile.load %A[%c0, %c0] dims ["i", "c"] : !tile.view<[i, c], bf16> -> !tile.tile<[i: 4, c: 16], bf16>
  %b = tile.load %B[%c0, %c0] dims ["c", "j"] : !tile.view<[c, j], bf16> -> !tile.tile<[c: 16, j: 16], bf16>
  // expected-error @+1 {{multiplies 'bf16', which this CPU has no unit for}}
  %r = tile.contract %a, %b over ["c"] : !tile.tile<[i: 4, c: 16], bf16>, !tile.tile<[c: 16, j: 16], bf16> -> !tile.tile<[i: 4, j: 16], f32>
}
tile.program @p(%A: !tile.view<[i, c], bf16>, %B: !tile.view<[c, j], bf16>) -> (%R: !tile.view<[j], f32>)
    attributes {ranks = [#attn.rank<"i", free, 0>, #attn.rank<"j", free, 0>, #attn.rank<"c", free, 0>]} {
  tile.launch @k(%A, %B) : !tile.view<[i, c], bf16>, !tile.view<[c, j], bf16>
}
