// Few rows against tiles that AMX reads as memory has them.

// RUN: attn-opt %s --cpu-lower-tiles=tiles=true --cse | FileCheck %s

/// More than two rows are multiplied on AMX: 16 rows of the tile are the left
/// operand where the view has them, the few are packed once for all of them.
// CHECK-LABEL: llvm.func hidden @product(
//         CHECK:   scf.if
//         CHECK:     arith.cmpi sgt
//         CHECK:     scf.if
//    CHECK-NEXT:       llvm.call @[[SUM:attn.crosswise.[0-9]+]](
//         CHECK:     } else {
//         CHECK:       llvm.call @[[VECTORS:attn.crosswise.[0-9]+]](
//         CHECK: llvm.func internal @[[SUM]](
//         CHECK:   cvtne2ps2bf16
//         CHECK:   scf.for
//         CHECK:     prefetch
//         CHECK:     tilezero
// CHECK-COUNT-2:     tileloadd64
//         CHECK:     tdpbf16ps
// CHECK-COUNT-2:     tileloadd64
//         CHECK:     tdpbf16ps
//         CHECK:     tilestored64
//         CHECK:     vector.shuffle
//         CHECK:   llvm.return
//         CHECK: llvm.func internal @[[VECTORS]](
//     CHECK-NOT:   tdpbf16ps
//         CHECK:   llvm.return
tile.kernel @product grid(%h0 = h, %p0 = p: 8) lanes m
    (%Q: !tile.view<[h, p, e], bf16>, %K: !tile.view<[h, m, e], bf16>, %S: !tile.view<[h, p, m], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 64>]} {
  %c0 = arith.constant 0 : index
  %q = tile.load %Q[%h0, %p0, %c0] dims ["", "p", "e"] : !tile.view<[h, p, e], bf16> -> !tile.tile<[p: 8, e: 64], f32>
  %k = tile.load %K[%h0, %c0, %c0] dims ["", "m", "e"] : !tile.view<[h, m, e], bf16> -> !tile.tile<[e: 64, m: 32], f32>
  %s = tile.contract %q, %k over ["e"] : !tile.tile<[p: 8, e: 64], f32>, !tile.tile<[e: 64, m: 32], f32> -> !tile.tile<[p: 8, m: 32], f32>
  tile.store %s, %S[%h0, %p0, %c0] dims ["", "p", "m"] : !tile.tile<[p: 8, m: 32], f32>, !tile.view<[h, p, m], f32>
}

/// Sums over the lanes: pairs of the tile's rows are interleaved, 64 columns at
/// a time, then 32.
// CHECK-LABEL: llvm.func hidden @rows(
//         CHECK:   llvm.call @[[ADD:attn.crosswise.[0-9]+]](
//         CHECK: llvm.func internal @[[ADD]](
//         CHECK:   vector.shuffle {{.*}} [0, 32, 1, 33, 2, 34, 3, 35, 8, 40,
//         CHECK:   vector.shuffle {{.*}} [4, 36, 5, 37,
// CHECK-COUNT-5:   tileloadd64
//         CHECK:   vector.shuffle {{.*}} [0, 1, 2, 3, 16, 17, 18, 19, 4, 5,
//         CHECK:   vector.shuffle {{.*}} [8, 9, 10, 11, 24, 25, 26, 27, 12,
// CHECK-COUNT-3:   tileloadd64
//     CHECK-NOT:   tileloadd64
//         CHECK:   llvm.return
tile.kernel @rows grid(%h0 = h) lanes m
    (%W: !tile.view<[h, p, m], f32>, %V: !tile.view<[h, m, f], bf16>, %R: !tile.view<[h, p, f], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"p", fixed, 4>, #attn.rank<"m", free, 0>, #attn.rank<"f", fixed, 96>]} {
  %c0 = arith.constant 0 : index
  %w = tile.load %W[%h0, %c0, %c0] dims ["", "p", "m"] : !tile.view<[h, p, m], f32> -> !tile.tile<[p: 4, m: 32], f32>
  %v = tile.load %V[%h0, %c0, %c0] dims ["", "m", "f"] : !tile.view<[h, m, f], bf16> -> !tile.tile<[f: 96, m: 32], f32>
  %u = tile.map ranks ["p", "m"] sizes [4, 32] at(%c0, %c0) ins(%w : !tile.tile<[p: 4, m: 32], f32>) reducers [] {
  ^bb0(%x: f32):
    %y = arith.mulf %x, %x : f32
    tile.yield %y : f32
  } : !tile.tile<[p: 4, m: 32], f32>
  %r = tile.map ranks ["p", "f", "m"] sizes [4, 96, 32] at(%c0, %c0, %c0) ins(%u, %v : !tile.tile<[p: 4, m: 32], f32>, !tile.tile<[f: 96, m: 32], f32>) reducers [#attn.reduce<add "m">] {
  ^bb0(%x: f32, %y: f32):
    %z = arith.mulf %x, %y : f32
    tile.yield %z : f32
  } : !tile.tile<[p: 4, f: 96], f32>
  tile.store %r, %R[%h0, %c0, %c0] dims ["", "p", "f"] : !tile.tile<[p: 4, f: 96], f32>, !tile.view<[h, p, f], f32>
}

/// What memory holds in f32 is not rounded, and 48 columns are no whole step.
// CHECK-LABEL: llvm.func hidden @negative_exact(
// CHECK-LABEL: llvm.func hidden @negative_columns(
//     CHECK-NOT:   tdpbf16ps
//         CHECK: llvm.func hidden @p_workspace
tile.kernel @negative_exact grid(%h0 = h, %p0 = p: 8) lanes m
    (%Q: !tile.view<[h, p, e], f32>, %K: !tile.view<[h, m, e], bf16>, %S: !tile.view<[h, p, m], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 64>]} {
  %c0 = arith.constant 0 : index
  %q = tile.load %Q[%h0, %p0, %c0] dims ["", "p", "e"] : !tile.view<[h, p, e], f32> -> !tile.tile<[p: 8, e: 64], f32>
  %k = tile.load %K[%h0, %c0, %c0] dims ["", "m", "e"] : !tile.view<[h, m, e], bf16> -> !tile.tile<[e: 64, m: 32], f32>
  %s = tile.contract %q, %k over ["e"] : !tile.tile<[p: 8, e: 64], f32>, !tile.tile<[e: 64, m: 32], f32> -> !tile.tile<[p: 8, m: 32], f32>
  tile.store %s, %S[%h0, %p0, %c0] dims ["", "p", "m"] : !tile.tile<[p: 8, m: 32], f32>, !tile.view<[h, p, m], f32>
}
tile.kernel @negative_columns grid(%h0 = h, %p0 = p: 8) lanes m
    (%Q: !tile.view<[h, p, f], bf16>, %K: !tile.view<[h, m, f], bf16>, %S: !tile.view<[h, p, m], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"f", fixed, 48>]} {
  %c0 = arith.constant 0 : index
  %q = tile.load %Q[%h0, %p0, %c0] dims ["", "p", "f"] : !tile.view<[h, p, f], bf16> -> !tile.tile<[p: 8, f: 48], f32>
  %k = tile.load %K[%h0, %c0, %c0] dims ["", "m", "f"] : !tile.view<[h, m, f], bf16> -> !tile.tile<[f: 48, m: 32], f32>
  %s = tile.contract %q, %k over ["f"] : !tile.tile<[p: 8, f: 48], f32>, !tile.tile<[f: 48, m: 32], f32> -> !tile.tile<[p: 8, m: 32], f32>
  tile.store %s, %S[%h0, %p0, %c0] dims ["", "p", "m"] : !tile.tile<[p: 8, m: 32], f32>, !tile.view<[h, p, m], f32>
}

tile.program @p(%Q: !tile.view<[h, p, e], bf16>, %K: !tile.view<[h, m, e], bf16>) -> (%S: !tile.view<[h, p, m], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 64>]} {
  tile.launch @product(%Q, %K, %S) : !tile.view<[h, p, e], bf16>, !tile.view<[h, m, e], bf16>, !tile.view<[h, p, m], f32>
}
tile.program @q(%W: !tile.view<[h, p, m], f32>, %V: !tile.view<[h, m, f], bf16>) -> (%R: !tile.view<[h, p, f], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"p", fixed, 4>, #attn.rank<"m", free, 0>, #attn.rank<"f", fixed, 96>]} {
  tile.launch @rows(%W, %V, %R) : !tile.view<[h, p, m], f32>, !tile.view<[h, m, f], bf16>, !tile.view<[h, p, f], f32>
}
tile.program @r(%Q: !tile.view<[h, p, e], f32>, %K: !tile.view<[h, m, e], bf16>) -> (%S: !tile.view<[h, p, m], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 64>]} {
  tile.launch @negative_exact(%Q, %K, %S) : !tile.view<[h, p, e], f32>, !tile.view<[h, m, e], bf16>, !tile.view<[h, p, m], f32>
}
tile.program @s(%Q: !tile.view<[h, p, f], bf16>, %K: !tile.view<[h, m, f], bf16>) -> (%S: !tile.view<[h, p, m], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"f", fixed, 48>]} {
  tile.launch @negative_columns(%Q, %K, %S) : !tile.view<[h, p, f], bf16>, !tile.view<[h, m, f], bf16>, !tile.view<[h, p, m], f32>
}
