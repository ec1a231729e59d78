// A run on the vector unit goes through wide panels by halves.

// RUN: attn-opt %s --cpu-lower-tiles --cse | FileCheck %s

/// 128 lanes are two panels of 4 vectors; each half is a panel to what the run
/// does, with an end of its own, that of the last of 32 lanes. A product is given how
/// many lanes are left of the half: of 2 vectors by 13 rows, 4 coordinates a
/// turn.
// CHECK-LABEL: llvm.func hidden @cut_f32(
//       CHECK:   scf.for %[[PIECE:.*]] = %c0_i64 to
//       CHECK:     %[[NEXT:.*]] = arith.addi %[[PIECE]], %c1_i64
//       CHECK:     arith.muli %[[NEXT]], %c32_i64
//       CHECK:     %[[END:.*]] = arith.maxsi %c0_i64,
//       CHECK:     arith.divui %[[PIECE]], %c2_i64
//       CHECK:     arith.remui %[[PIECE]], %c2_i64
//       CHECK:     %[[FIRST:.*]] = arith.muli %[[PIECE]], %c32_i64
//       CHECK:     arith.subi %{{.*}}, %[[FIRST]]
//       CHECK:     llvm.call @attn.contract{{.*}}%[[END]]
//       CHECK:     llvm.call @attn.contract{{.*}}%[[END]]
//       CHECK: llvm.func internal @attn.contract
//       CHECK:   iter_args
// CHECK-COUNT-104: math.fma
//   CHECK-NOT:     math.fma
//       CHECK:   iter_args
tile.kernel @cut_f32 grid(%p0 = p: 128) lanes p
    (%Q: !tile.view<[p, e], f32>, %K: !tile.view<[m, e], f32>, %V: !tile.view<[m, f], f32>, %O: !tile.view<[p, f], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 32>, #attn.rank<"f", fixed, 32>]} {
  %c0 = arith.constant 0 : index
  %none = arith.constant 0.0 : f32
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : !tile.view<[p, e], f32> -> !tile.tile<[e: 32, p: 128], f32>
  %k = tile.load %K[%c0, %c0] dims ["m", "e"] : !tile.view<[m, e], f32> -> !tile.tile<[m: 64, e: 32], f32>
  %s = tile.contract %k, %q over ["e"] : !tile.tile<[m: 64, e: 32], f32>, !tile.tile<[e: 32, p: 128], f32> -> !tile.tile<[m: 64, p: 128], f32>
  %kept = tile.map ranks ["m", "p"] sizes [64, 128] at(%c0, %p0) ins(%s : !tile.tile<[m: 64, p: 128], f32>) reducers [] {
  ^bb0(%x: f32):
    %m = tile.coord "m"
    %p = tile.coord "p"
    %holds = arith.cmpi sle, %m, %p : index
    %y = arith.select %holds, %x, %none : f32
    tile.yield %y : f32
  } : !tile.tile<[m: 64, p: 128], f32>
  %v = tile.load %V[%c0, %c0] dims ["m", "f"] : !tile.view<[m, f], f32> -> !tile.tile<[m: 64, f: 32], f32>
  %a = tile.contract %v, %kept over ["m"] : !tile.tile<[m: 64, f: 32], f32>, !tile.tile<[m: 64, p: 128], f32> -> !tile.tile<[f: 32, p: 128], f32>
  %mean = tile.map ranks ["f", "p"] sizes [32, 128] at(%c0, %p0) ins(%a : !tile.tile<[f: 32, p: 128], f32>) reducers [] {
  ^bb0(%x: f32):
    %z = arith.addf %x, %x : f32
    tile.yield %z : f32
  } : !tile.tile<[f: 32, p: 128], f32>
  tile.store %mean, %O[%p0, %c0] dims ["p", "f"] : !tile.tile<[f: 32, p: 128], f32>, !tile.view<[p, f], f32>
}
tile.program @p(%Q: !tile.view<[p, e], f32>, %K: !tile.view<[m, e], f32>, %V: !tile.view<[m, f], f32>) -> (%O: !tile.view<[p, f], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 32>, #attn.rank<"f", fixed, 32>]} {
  tile.launch @cut_f32(%Q, %K, %V, %O) : !tile.view<[p, e], f32>, !tile.view<[m, e], f32>, !tile.view<[m, f], f32>, !tile.view<[p, f], f32>
}
