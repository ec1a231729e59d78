// One row against tiles that are read as memory has them.

// RUN: attn-opt %s --cpu-lower-tiles=prefetch-bytes=1024 --cse | FileCheck %s
// RUN: attn-opt %s --cpu-lower-tiles="lanes=8 registers=16" --cse \
// RUN:   | FileCheck %s --check-prefix=AVX2

/// Where the rows of %K are whole and in one piece, the product reads them in
/// the view; else they are transposed into scratch.
// CHECK-LABEL: llvm.func hidden @product(
//       CHECK:   llvm.call @attn.load
//       CHECK:   scf.if %[[PLACE:.*]] {
//  CHECK-NEXT:   } else {
//  CHECK-NEXT:     llvm.call @attn.load
//       CHECK:   scf.if %[[PLACE]] {
//       CHECK:     llvm.call @[[SUM:attn.crosswise.[0-9]+]](
//       CHECK:   } else {
//       CHECK:     llvm.call @attn.contract
/// Two vectors of eight rows at a time, two times, and what is 1024 bytes, or 8
/// rows, ahead.
//       CHECK: llvm.func internal @[[SUM]](
//       CHECK:   scf.for
//       CHECK:     scf.for {{.*}} to %c2_i64
//       CHECK:       %[[AHEAD:.*]] = arith.constant 8 : i64
//       CHECK:       prefetch
// CHECK-COUNT-16:    math.fma
//   CHECK-NOT:       math.fma
//       CHECK:       vector.shuffle
//       CHECK:       llvm.store
//       CHECK:     }
//       CHECK:     vector.shuffle
//       CHECK:     llvm.store
tile.kernel @product grid(%h0 = h) lanes m
    (%Q: !tile.view<[h, e], f32>, %K: !tile.view<[h, m, e], f32>, %S: !tile.view<[h, m], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 32>]} {
  %c0 = arith.constant 0 : index
  %q = tile.load %Q[%h0, %c0] dims ["", "e"] : !tile.view<[h, e], f32> -> !tile.tile<[e: 32], f32>
  %k = tile.load %K[%h0, %c0, %c0] dims ["", "m", "e"] : !tile.view<[h, m, e], f32> -> !tile.tile<[e: 32, m: 32], f32>
  %s = tile.contract %q, %k over ["e"] : !tile.tile<[e: 32], f32>, !tile.tile<[e: 32, m: 32], f32> -> !tile.tile<[m: 32], f32>
  %t = tile.map ranks ["m"] sizes [32] at(%c0) ins(%s : !tile.tile<[m: 32], f32>) reducers [] {
  ^bb0(%x: f32):
    %y = arith.mulf %x, %x : f32
    tile.yield %y : f32
  } : !tile.tile<[m: 32], f32>
  tile.store %t, %S[%h0, %c0] dims ["", "m"] : !tile.tile<[m: 32], f32>, !tile.view<[h, m], f32>
}

/// A sum over the lanes: a row times a number is added to vectors along the
/// row. bf16 is widened as it is read.
// CHECK-LABEL: llvm.func hidden @rows(
//       CHECK:   llvm.call @[[ADD:attn.crosswise.[0-9]+]](
//       CHECK: llvm.func internal @[[ADD]](
//       CHECK:   scf.for
//       CHECK:     prefetch
//       CHECK:     arith.extui
//       CHECK:     vector.broadcast
//       CHECK:     math.fma
//       CHECK:     math.fma
//   CHECK-NOT:     math.fma
//       CHECK:   llvm.store
tile.kernel @rows grid(%h0 = h) lanes m
    (%W: !tile.view<[h, m], f32>, %V: !tile.view<[h, m, f], bf16>, %R: !tile.view<[h, f], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"f", fixed, 32>]} {
  %c0 = arith.constant 0 : index
  %w = tile.load %W[%h0, %c0] dims ["", "m"] : !tile.view<[h, m], f32> -> !tile.tile<[m: 32], f32>
  %v = tile.load %V[%h0, %c0, %c0] dims ["", "m", "f"] : !tile.view<[h, m, f], bf16> -> !tile.tile<[f: 32, m: 32], f32>
  %u = tile.map ranks ["m"] sizes [32] at(%c0) ins(%w : !tile.tile<[m: 32], f32>) reducers [] {
  ^bb0(%x: f32):
    %y = arith.mulf %x, %x : f32
    tile.yield %y : f32
  } : !tile.tile<[m: 32], f32>
  %r = tile.map ranks ["f", "m"] sizes [32, 32] at(%c0, %c0) ins(%u, %v : !tile.tile<[m: 32], f32>, !tile.tile<[f: 32, m: 32], f32>) reducers [#attn.reduce<add "m">] {
  ^bb0(%x: f32, %y: f32):
    %z = arith.mulf %x, %y : f32
    tile.yield %z : f32
  } : !tile.tile<[f: 32], f32>
  tile.store %r, %R[%h0, %c0] dims ["", "f"] : !tile.tile<[f: 32], f32>, !tile.view<[h, f], f32>
}

/// Eight rows against the same tile, of which the run shows how many are used:
/// eight share two loads, then four share four.
// CHECK-LABEL: llvm.func hidden @few(
//       CHECK: llvm.func internal @{{attn.crosswise.[0-9]+}}(
// CHECK-COUNT-16:  math.fma
//   CHECK-NOT:     math.fma
//       CHECK:   scf.yield
//       CHECK:   vector.shuffle
//       CHECK:   arith.addf
// CHECK-COUNT-16:  math.fma
/// With half as many registers, of half the size, blocks have four, of which two
/// rows are summed, two vectors in a turn.
//  AVX2-LABEL: llvm.func hidden @few(
//        AVX2: llvm.func internal @{{attn.crosswise.[0-9]+}}(
// AVX2-COUNT-16: math.fma
//    AVX2-NOT:   math.fma
//        AVX2:   scf.yield
tile.kernel @few grid(%h0 = h, %p0 = p: 8) lanes m
    (%Q: !tile.view<[h, p, e], f32>, %K: !tile.view<[h, m, e], f32>, %S: !tile.view<[h, p, m], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 32>]} {
  %c0 = arith.constant 0 : index
  %q = tile.load %Q[%h0, %p0, %c0] dims ["", "p", "e"] : !tile.view<[h, p, e], f32> -> !tile.tile<[p: 8, e: 32], f32>
  %k = tile.load %K[%h0, %c0, %c0] dims ["", "m", "e"] : !tile.view<[h, m, e], f32> -> !tile.tile<[e: 32, m: 32], f32>
  %s = tile.contract %q, %k over ["e"] : !tile.tile<[p: 8, e: 32], f32>, !tile.tile<[e: 32, m: 32], f32> -> !tile.tile<[p: 8, m: 32], f32>
  tile.store %s, %S[%h0, %p0, %c0] dims ["", "p", "m"] : !tile.tile<[p: 8, m: 32], f32>, !tile.view<[h, p, m], f32>
}

/// More than eight rows use what is transposed often enough.
// CHECK-LABEL: llvm.func hidden @negative_many(
//   CHECK-NOT:   @attn.crosswise
//       CHECK: llvm.func internal @attn.contract
//  AVX2-LABEL: llvm.func hidden @negative_many(
//    AVX2-NOT:   @attn.crosswise
//        AVX2: llvm.func internal @attn.contract
tile.kernel @negative_many grid(%h0 = h, %p0 = p: 16) lanes m
    (%Q: !tile.view<[h, p, e], f32>, %K: !tile.view<[h, m, e], f32>, %S: !tile.view<[h, p, m], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 32>]} {
  %c0 = arith.constant 0 : index
  %q = tile.load %Q[%h0, %p0, %c0] dims ["", "p", "e"] : !tile.view<[h, p, e], f32> -> !tile.tile<[p: 16, e: 32], f32>
  %k = tile.load %K[%h0, %c0, %c0] dims ["", "m", "e"] : !tile.view<[h, m, e], f32> -> !tile.tile<[e: 32, m: 32], f32>
  %s = tile.contract %q, %k over ["e"] : !tile.tile<[p: 16, e: 32], f32>, !tile.tile<[e: 32, m: 32], f32> -> !tile.tile<[p: 16, m: 32], f32>
  tile.store %s, %S[%h0, %p0, %c0] dims ["", "p", "m"] : !tile.tile<[p: 16, m: 32], f32>, !tile.view<[h, p, m], f32>
}

tile.program @p(%Q: !tile.view<[h, e], f32>, %K: !tile.view<[h, m, e], f32>) -> (%S: !tile.view<[h, m], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 32>]} {
  tile.launch @product(%Q, %K, %S) : !tile.view<[h, e], f32>, !tile.view<[h, m, e], f32>, !tile.view<[h, m], f32>
}
tile.program @q(%W: !tile.view<[h, m], f32>, %V: !tile.view<[h, m, f], bf16>) -> (%R: !tile.view<[h, f], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"f", fixed, 32>]} {
  tile.launch @rows(%W, %V, %R) : !tile.view<[h, m], f32>, !tile.view<[h, m, f], bf16>, !tile.view<[h, f], f32>
}
tile.program @r(%Q: !tile.view<[h, p, e], f32>, %K: !tile.view<[h, m, e], f32>) -> (%S: !tile.view<[h, p, m], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 32>]} {
  tile.launch @few(%Q, %K, %S) : !tile.view<[h, p, e], f32>, !tile.view<[h, m, e], f32>, !tile.view<[h, p, m], f32>
  tile.launch @negative_many(%Q, %K, %S) : !tile.view<[h, p, e], f32>, !tile.view<[h, m, e], f32>, !tile.view<[h, p, m], f32>
}
