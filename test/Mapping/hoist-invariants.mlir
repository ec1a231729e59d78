// RUN: attn-opt %s --pass-pipeline="builtin.module(tile.kernel(tile-hoist-invariants),cse)" | FileCheck %s

/// Both branches load the same query tile, once in front of the loop; the key
/// tile changes with the loop and stays.
// CHECK-LABEL: tile.kernel @both
//       CHECK:   tile.load %Q
//   CHECK-NOT:   tile.load %Q
//       CHECK:   scf.for
// CHECK-COUNT-2:   tile.load %K
//   CHECK-NOT:   tile.load %Q
//       CHECK:   tile.store
tile.kernel @both grid(%p0 = p: 16) lanes p
    (%Q: !tile.view<[p], f32>, %K: !tile.view<[m], f32>, %O: !tile.view<[p], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>]} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %m = tile.extent "m"
  %z = tile.fill 0.0 : f32 : !tile.tile<[p: 16], f32>
  %r = scf.for %m0 = %c0 to %m step %c16 iter_args(%acc = %z) -> (!tile.tile<[p: 16], f32>) {
    %first = arith.cmpi eq, %m0, %c0 : index
    %n = scf.if %first -> (!tile.tile<[p: 16], f32>) {
      %q = tile.load %Q[%p0] dims ["p"] : !tile.view<[p], f32> -> !tile.tile<[p: 16], f32>
      %k = tile.load %K[%m0] dims ["m"] : !tile.view<[m], f32> -> !tile.tile<[m: 16], f32>
      %x = tile.map ranks ["m", "p"] sizes [16, 16] at(%m0, %p0) ins(%q, %k : !tile.tile<[p: 16], f32>, !tile.tile<[m: 16], f32>) acc(%acc : !tile.tile<[p: 16], f32>) reducers [#attn.reduce<max "m">] {
      ^bb0(%a: f32, %b: f32):
        %s = arith.mulf %a, %b : f32
        tile.yield %s : f32
      } : !tile.tile<[p: 16], f32>
      scf.yield %x : !tile.tile<[p: 16], f32>
    } else {
      %q = tile.load %Q[%p0] dims ["p"] : !tile.view<[p], f32> -> !tile.tile<[p: 16], f32>
      %k = tile.load %K[%m0] dims ["m"] : !tile.view<[m], f32> -> !tile.tile<[m: 16], f32>
      %x = tile.map ranks ["m", "p"] sizes [16, 16] at(%m0, %p0) ins(%q, %k : !tile.tile<[p: 16], f32>, !tile.tile<[m: 16], f32>) acc(%acc : !tile.tile<[p: 16], f32>) reducers [#attn.reduce<add "m">] {
      ^bb0(%a: f32, %b: f32):
        %s = arith.mulf %a, %b : f32
        tile.yield %s : f32
      } : !tile.tile<[p: 16], f32>
      scf.yield %x : !tile.tile<[p: 16], f32>
    }
    scf.yield %n : !tile.tile<[p: 16], f32>
  }
  tile.store %r, %O[%p0] dims ["p"] : !tile.tile<[p: 16], f32>, !tile.view<[p], f32>
}
