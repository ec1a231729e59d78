// Products on AMX and the maps between them, one panel of lanes after another.

// RUN: attn-opt %s --cpu-lower-tiles=tiles=true --cse | FileCheck %s

/// 64 lanes are two panels, of which the last ones may be past the end. Both
/// products are in the loop, not in routines; the values are loaded in front of
/// it, and what the next turn loads is asked for in it. What lies between the
/// products has one panel's place: its address is the same in each turn.
// CHECK-LABEL: llvm.func hidden @run(
//       CHECK:   scf.for
//       CHECK:     llvm.call @attn.load
//       CHECK:     llvm.call @attn.load
//       CHECK:     %[[END:.*]] = arith.ceildivsi
//       CHECK:     scf.for %{{.*}} = %{{.*}} to %[[END]]
//       CHECK:       prefetch
//       CHECK:       tdpbf16ps
//       CHECK:       tilestored64{{.*}}
//       CHECK:       cvtne2ps2bf16
//       CHECK:       prefetch
//       CHECK:       tdpbf16ps
//   CHECK-NOT:   @attn.matrix
tile.kernel @run grid(%p0 = p: 64) lanes p
    (%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>, %V: !tile.view<[m, f], bf16>, %O: !tile.view<[p, f], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 32>, #attn.rank<"f", fixed, 32>]} {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %end = tile.extent "m"
  %zero = tile.fill 0.0 : f32 : !tile.tile<[f: 32, p: 64], f32>
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : !tile.view<[p, e], bf16> -> !tile.tile<[e: 32, p: 64], f32>
  %n = tile.convert %q : !tile.tile<[e: 32, p: 64], f32> -> !tile.tile<[e: 32, p: 64], bf16>
  %sum = scf.for %m0 = %c0 to %end step %c32 iter_args(%o = %zero) -> (!tile.tile<[f: 32, p: 64], f32>) {
    %k = tile.load %K[%m0, %c0] dims ["m", "e"] : !tile.view<[m, e], bf16> -> !tile.tile<[m: 32, e: 32], bf16>
    %s = tile.contract %k, %n over ["e"] : !tile.tile<[m: 32, e: 32], bf16>, !tile.tile<[e: 32, p: 64], bf16> -> !tile.tile<[m: 32, p: 64], f32>
    %w = tile.map ranks ["m", "p"] sizes [32, 64] at(%m0, %p0) ins(%s : !tile.tile<[m: 32, p: 64], f32>) reducers [] {
    ^bb0(%x: f32):
      %y = arith.mulf %x, %x : f32
      tile.yield %y : f32
    } : !tile.tile<[m: 32, p: 64], f32>
    %v = tile.load %V[%m0, %c0] dims ["m", "f"] : !tile.view<[m, f], bf16> -> !tile.tile<[f: 32, m: 32], bf16>
    %h = tile.convert %w : !tile.tile<[m: 32, p: 64], f32> -> !tile.tile<[m: 32, p: 64], bf16>
    %r = tile.contract %v, %h, %o over ["m"] : !tile.tile<[f: 32, m: 32], bf16>, !tile.tile<[m: 32, p: 64], bf16>, !tile.tile<[f: 32, p: 64], f32> -> !tile.tile<[f: 32, p: 64], f32>
    scf.yield %r : !tile.tile<[f: 32, p: 64], f32>
  }
  tile.store %sum, %O[%p0, %c0] dims ["p", "f"] : !tile.tile<[f: 32, p: 64], f32>, !tile.view<[p, f], f32>
}
tile.program @p(%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>, %V: !tile.view<[m, f], bf16>) -> (%O: !tile.view<[p, f], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 32>, #attn.rank<"f", fixed, 32>]} {
  tile.launch @run(%Q, %K, %V, %O) : !tile.view<[p, e], bf16>, !tile.view<[m, e], bf16>, !tile.view<[m, f], bf16>, !tile.view<[p, f], f32>
}
