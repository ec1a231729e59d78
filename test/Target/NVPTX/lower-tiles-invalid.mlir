// RUN: attn-opt %s --nvptx-lower-tiles=shared-bytes=4096 --split-input-file --verify-diagnostics

// expected-error @+1 {{is not launched by any program}}
tile.kernel @alone grid(%j0 = j) (%A: !tile.view<[j], f32>) attributes {ranks = []} {
}
tile.program @p(%A: !tile.view<[j], f32>) -> (%R: !tile.view<[j], f32>)
    attributes {ranks = [#attn.rank<"j", free, 0>]} {
}

// -----

// expected-error @+1 {{needs 8576 bytes of shared memory for its tiles, but a block may have 4096}}
tile.kernel @large grid(%j0 = j: 64) lanes j (%A: !tile.view<[m, j], f32>, %R: !tile.view<[j], f32>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %a = tile.load %A[%c0, %j0] dims ["m", "j"] : <[m, j], f32> -> <[m: 32, j: 64], f32>
  %r = tile.map ranks ["m", "j"] sizes [32, 64] at(%c0, %j0) ins(%a : !tile.tile<[m: 32, j: 64], f32>) reducers [#attn.reduce<max "m">] {
  ^bb0(%x: f32):
    tile.yield %x : f32
  } : <[j: 64], f32>
  tile.store %r, %R[%j0] dims ["j"] : <[j: 64], f32>, <[j], f32>
}
tile.program @p(%A: !tile.view<[m, j], f32>) -> (%R: !tile.view<[j], f32>)
    attributes {ranks = [#attn.rank<"j", free, 0>, #attn.rank<"m", free, 0>]} {
  tile.launch @large(%A, %R) : !tile.view<[m, j], f32>, !tile.view<[j], f32>
}
