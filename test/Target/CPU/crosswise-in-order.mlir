// One row against tiles that are read as memory has them, in order.

// RUN: attn-opt %s --cpu-lower-tiles="lanes=8 registers=16 rows-in-step=2 prefetch-bytes=2048" --cse | FileCheck %s

/// Two rows in step, four times, of each of which what is 4 rows, or 2048
/// bytes, ahead is asked for.
// CHECK-LABEL: llvm.func internal @attn.crosswise.
//       CHECK:   %[[AHEAD:.*]] = arith.constant 4 : i64
//       CHECK:   prefetch
// CHECK-COUNT-2:   math.fma
//     CHECK-NOT:   math.fma
//         CHECK:   scf.yield
// CHECK-COUNT-2:   math.fma
//     CHECK-NOT:   math.fma
//         CHECK:   vector.shuffle

/// 16 vectors along a row are more than registers hold: each sum is where it is
/// stored, and takes two rows at a time.
// CHECK-LABEL: llvm.func internal @attn.crosswise.
// CHECK-COUNT-16: llvm.store
//       CHECK:   scf.for {{.*}} step %c2_i64
//       CHECK:     prefetch
// CHECK-COUNT-32:  math.fma
//   CHECK-NOT:     {{math.fma|scf.for}}
//       CHECK:   llvm.return
tile.kernel @attend grid(%h0 = h) lanes m
    (%Q: !tile.view<[h, e], f32>, %K: !tile.view<[h, m, e], f32>, %V: !tile.view<[h, m, f], f32>, %R: !tile.view<[h, f], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 128>, #attn.rank<"f", fixed, 128>]} {
  %c0 = arith.constant 0 : index
  %q = tile.load %Q[%h0, %c0] dims ["", "e"] : !tile.view<[h, e], f32> -> !tile.tile<[e: 128], f32>
  %k = tile.load %K[%h0, %c0, %c0] dims ["", "m", "e"] : !tile.view<[h, m, e], f32> -> !tile.tile<[e: 128, m: 32], f32>
  %s = tile.contract %q, %k over ["e"] : !tile.tile<[e: 128], f32>, !tile.tile<[e: 128, m: 32], f32> -> !tile.tile<[m: 32], f32>
  %v = tile.load %V[%h0, %c0, %c0] dims ["", "m", "f"] : !tile.view<[h, m, f], f32> -> !tile.tile<[f: 128, m: 32], f32>
  %r = tile.map ranks ["f", "m"] sizes [128, 32] at(%c0, %c0) ins(%s, %v : !tile.tile<[m: 32], f32>, !tile.tile<[f: 128, m: 32], f32>) reducers [#attn.reduce<add "m">] {
  ^bb0(%x: f32, %y: f32):
    %z = arith.mulf %x, %y : f32
    tile.yield %z : f32
  } : !tile.tile<[f: 128], f32>
  tile.store %r, %R[%h0, %c0] dims ["", "f"] : !tile.tile<[f: 128], f32>, !tile.view<[h, f], f32>
}
tile.program @p(%Q: !tile.view<[h, e], f32>, %K: !tile.view<[h, m, e], f32>, %V: !tile.view<[h, m, f], f32>) -> (%R: !tile.view<[h, f], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 128>, #attn.rank<"f", fixed, 128>]} {
  tile.launch @attend(%Q, %K, %V, %R) : !tile.view<[h, e], f32>, !tile.view<[h, m, e], f32>, !tile.view<[h, m, f], f32>, !tile.view<[h, f], f32>
}
