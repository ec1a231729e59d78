// Maps that are summed as they are made, where a product reads them in f32.

// RUN: attn-opt %s --cpu-lower-tiles="lanes=8 registers=16" --cse | FileCheck %s

/// Weights are computed, summed where the filter holds, zeroed where it does
/// not and stored in one walk.
// CHECK-LABEL: llvm.func hidden @weights(
//       CHECK:   scf.for {{.*}} -> (vector<8xf32>, vector<8xf32>)
//       CHECK:     arith.mulf {{.*}} : vector<8xf32>
//       CHECK:     arith.addf {{.*}} : vector<8xf32>
//       CHECK:     llvm.store {{.*}} : vector<8xf32>
//       CHECK:     scf.yield
//   CHECK-NOT:   arith.mulf {{.*}} : vector<8xf32>
//       CHECK:   llvm.call @attn.contract
tile.kernel @weights grid(%p0 = p: 16) lanes p
    (%S: !tile.view<[m, p], f32>, %V: !tile.view<[m, f], f32>, %R: !tile.view<[p, f], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"f", fixed, 16>]} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %s = tile.load %S[%c0, %p0] dims ["m", "p"] : !tile.view<[m, p], f32> -> !tile.tile<[m: 64, p: 16], f32>
  %w = tile.map ranks ["m", "p"] sizes [64, 16] at(%c0, %p0) ins(%s : !tile.tile<[m: 64, p: 16], f32>) reducers [] {
  ^bb0(%x: f32):
    %y = arith.mulf %x, %x : f32
    tile.yield %y : f32
  } : !tile.tile<[m: 64, p: 16], f32>
  %sum = tile.map ranks ["m", "p"] sizes [64, 16] at(%c0, %p0) ins(%w : !tile.tile<[m: 64, p: 16], f32>) reducers [#attn.reduce<add "m">] {
  ^bb0(%x: f32):
    %i = tile.coord "m"
    %j = tile.coord "p"
    %is = arith.cmpi sle, %i, %j : index
    tile.yield %x : f32 where %is
  } : !tile.tile<[p: 16], f32>
  %kept = tile.map ranks ["m", "p"] sizes [64, 16] at(%c0, %p0) ins(%w : !tile.tile<[m: 64, p: 16], f32>) reducers [] {
  ^bb0(%x: f32):
    %i = tile.coord "m"
    %j = tile.coord "p"
    %is = arith.cmpi sle, %i, %j : index
    %z = arith.select %is, %x, %zero : f32
    tile.yield %z : f32
  } : !tile.tile<[m: 64, p: 16], f32>
  %v = tile.load %V[%c0, %c0] dims ["m", "f"] : !tile.view<[m, f], f32> -> !tile.tile<[m: 64, f: 16], f32>
  %r = tile.contract %v, %kept over ["m"] : !tile.tile<[m: 64, f: 16], f32>, !tile.tile<[m: 64, p: 16], f32> -> !tile.tile<[f: 16, p: 16], f32>
  %n = tile.map ranks ["f", "p"] sizes [16, 16] at(%c0, %p0) ins(%r, %sum : !tile.tile<[f: 16, p: 16], f32>, !tile.tile<[p: 16], f32>) reducers [] {
  ^bb0(%x: f32, %y: f32):
    %z = arith.divf %x, %y : f32
    tile.yield %z : f32
  } : !tile.tile<[f: 16, p: 16], f32>
  tile.store %n, %R[%p0, %c0] dims ["p", "f"] : !tile.tile<[f: 16, p: 16], f32>, !tile.view<[p, f], f32>
}
tile.program @p(%S: !tile.view<[m, p], f32>, %V: !tile.view<[m, f], f32>) -> (%R: !tile.view<[p, f], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"f", fixed, 16>]} {
  tile.launch @weights(%S, %V, %R) : !tile.view<[m, p], f32>, !tile.view<[m, f], f32>, !tile.view<[p, f], f32>
}
