// One row against tiles that are read as memory has them, in order.

// RUN: attn-opt %s --cpu-lower-tiles="lanes=8 registers=16 rows-in-step=1 prefetch-bytes=2048 prefetch-from=4" --cse | FileCheck %s

/// A loop over rows, one at a time, whose sums are transposed behind it; two
/// multiply-adds a line are too few to ask for it. What is left of a vector of
/// rows reads none past the last.
// CHECK-LABEL: llvm.func internal @attn.crosswise.
//       CHECK:   llvm.alloca %c32_i64 x vector<8xf32>
//       CHECK:   scf.for
//       CHECK:     scf.for {{.*}} step %c1_i64
//   CHECK-NOT:       {{scf.for|prefetch}}
// CHECK-COUNT-16:    math.fma
//   CHECK-NOT:       {{math.fma|prefetch}}
//       CHECK:       llvm.store
//       CHECK:     }
//       CHECK:     vector.shuffle
//       CHECK:   scf.if
//       CHECK:     scf.for {{.*}} step %c1_i64
//       CHECK:       arith.minsi

/// 16 vectors along a row are more than registers hold: each sum is where it is
/// stored, and takes two rows at a time, and then the last one.
// CHECK-LABEL: llvm.func internal @attn.crosswise.
// CHECK-COUNT-16: llvm.store
//       CHECK:   scf.for {{.*}} step %c2_i64
//   CHECK-NOT:     prefetch
// CHECK-COUNT-32:  math.fma
//   CHECK-NOT:     {{math.fma|scf.for}}
//       CHECK:   scf.if
// CHECK-COUNT-16:  math.fma
//   CHECK-NOT:     math.fma
//       CHECK:   llvm.return

/// A filter by what the kernel knows ends the rows; a filter of every other one
/// is asked.
// CHECK-LABEL: llvm.func hidden @filtered(
// CHECK-COUNT-2: llvm.call @attn.load
//       CHECK:   arith.minsi
//  CHECK-NEXT:   %[[END:.*]] = arith.maxsi
//       CHECK:   llvm.call @attn.crosswise.{{[0-9]+}}(%{{[^,]+}}, %{{[^,]+}}, %[[END]],
//   CHECK-NOT:   llvm.call @attn.crosswise
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
tile.kernel @filtered grid(%h0 = h) lanes m
    (%W: !tile.view<[h, m], f32>, %V: !tile.view<[h, m, f], f32>, %R: !tile.view<[h, f], f32>, %S: !tile.view<[h, f], f32>, %n: i32)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"f", fixed, 64>]} {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %n0 = arith.index_cast %n : i32 to index
  %w = tile.load %W[%h0, %c0] dims ["", "m"] : !tile.view<[h, m], f32> -> !tile.tile<[m: 32], f32>
  %v = tile.load %V[%h0, %c0, %c0] dims ["", "m", "f"] : !tile.view<[h, m, f], f32> -> !tile.tile<[f: 64, m: 32], f32>
  %r = tile.map ranks ["f", "m"] sizes [64, 32] at(%c0, %c0) ins(%w, %v : !tile.tile<[m: 32], f32>, !tile.tile<[f: 64, m: 32], f32>) reducers [#attn.reduce<add "m">] {
  ^bb0(%x: f32, %y: f32):
    %z = arith.mulf %x, %y : f32
    %m = tile.coord "m"
    %c = arith.cmpi slt, %m, %n0 : index
    tile.yield %z : f32 where %c
  } : !tile.tile<[f: 64], f32>
  tile.store %r, %R[%h0, %c0] dims ["", "f"] : !tile.tile<[f: 64], f32>, !tile.view<[h, f], f32>
  %u = tile.load %V[%h0, %c0, %c0] dims ["", "m", "f"] : !tile.view<[h, m, f], f32> -> !tile.tile<[f: 64, m: 32], f32>
  %s = tile.map ranks ["f", "m"] sizes [64, 32] at(%c0, %c0) ins(%w, %u : !tile.tile<[m: 32], f32>, !tile.tile<[f: 64, m: 32], f32>) reducers [#attn.reduce<add "m">] {
  ^bb0(%x: f32, %y: f32):
    %z = arith.mulf %x, %y : f32
    %m = tile.coord "m"
    %k = arith.remsi %m, %c2 : index
    %c = arith.cmpi slt, %k, %n0 : index
    tile.yield %z : f32 where %c
  } : !tile.tile<[f: 64], f32>
  tile.store %s, %S[%h0, %c0] dims ["", "f"] : !tile.tile<[f: 64], f32>, !tile.view<[h, f], f32>
}
tile.program @p(%Q: !tile.view<[h, e], f32>, %K: !tile.view<[h, m, e], f32>, %V: !tile.view<[h, m, f], f32>) -> (%R: !tile.view<[h, f], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 128>, #attn.rank<"f", fixed, 128>]} {
  tile.launch @attend(%Q, %K, %V, %R) : !tile.view<[h, e], f32>, !tile.view<[h, m, e], f32>, !tile.view<[h, m, f], f32>, !tile.view<[h, f], f32>
}
tile.program @q(%W: !tile.view<[h, m], f32>, %V: !tile.view<[h, m, f], f32>, %n: i32) -> (%R: !tile.view<[h, f], f32>, %S: !tile.view<[h, f], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"f", fixed, 64>]} {
  tile.launch @filtered(%W, %V, %R, %S, %n) : !tile.view<[h, m], f32>, !tile.view<[h, m, f], f32>, !tile.view<[h, f], f32>, !tile.view<[h, f], f32>, i32
}
