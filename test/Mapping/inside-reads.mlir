// RUN: attn-opt %s --split-input-file --pass-pipeline="builtin.module(tile.kernel(tile-intervals),canonicalize,cse)" | FileCheck %s

// A bias for each distance of a key from a query: where the filter holds in the
// whole tile, what is read lies inside of the table; where it need not, it may
// not.
// CHECK-LABEL: tile.kernel @bias
//       CHECK:   scf.if
//       CHECK:     tile.read %bias[%h0, %{{.*}}] {inside} : <[h, d], f32> -> f32
//       CHECK:   } else {
//       CHECK:     tile.read %bias[%h0, %{{[^ ]*}}] : <[h, d], f32> -> f32
tile.kernel @bias grid(%h0 = h, %p0 = p: 16) lanes p (%bias: !tile.view<[h, d], f32>, %B: !tile.view<[m, p], f32>)
    attributes {ranks = [#attn.rank<"h", free, 0>, #attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"d", free, 0>]} {
  %c0 = arith.constant 0 : index
  %q = tile.fill 0.0 : f32 : !tile.tile<[m: 8, p: 16], f32>
  %some, %every = tile.test ranks ["p", "m"] sizes [16, 8] at(%p0, %c0) {
    %m = tile.coord "m"
    %p = tile.coord "p"
    %zero = arith.constant 0 : index
    %extent = tile.extent "d"
    %end = tile.extent "m"
    %d = arith.subi %m, %p : index
    %from = arith.cmpi sge, %d, %zero : index
    %to = arith.cmpi slt, %d, %extent : index
    %in = arith.andi %from, %to : i1
    %key = arith.cmpi slt, %m, %end : index
    %all = arith.andi %in, %key : i1
    tile.yield where %all
  }
  %t = scf.if %every -> !tile.tile<[m: 8, p: 16], f32> {
    %w = tile.map ranks ["m", "p"] sizes [8, 16] at(%c0, %p0) ins(%q : !tile.tile<[m: 8, p: 16], f32>) reducers [] {
    ^bb0(%score: f32):
      %m = tile.coord "m"
      %p = tile.coord "p"
      %d = arith.subi %m, %p : index
      %b, %valid = tile.read %bias[%h0, %d] : !tile.view<[h, d], f32> -> f32
      %biased = arith.addf %score, %b : f32
      tile.yield %biased : f32
    } : !tile.tile<[m: 8, p: 16], f32>
    scf.yield %w : !tile.tile<[m: 8, p: 16], f32>
  } else {
    %w = tile.map ranks ["m", "p"] sizes [8, 16] at(%c0, %p0) ins(%q : !tile.tile<[m: 8, p: 16], f32>) reducers [] {
    ^bb0(%score: f32):
      %m = tile.coord "m"
      %p = tile.coord "p"
      %d = arith.subi %m, %p : index
      %b, %valid = tile.read %bias[%h0, %d] : !tile.view<[h, d], f32> -> f32
      %biased = arith.addf %score, %b : f32
      tile.yield %biased : f32
    } : !tile.tile<[m: 8, p: 16], f32>
    scf.yield %w : !tile.tile<[m: 8, p: 16], f32>
  }
  tile.store %t, %B[%c0, %p0] dims ["m", "p"] : !tile.tile<[m: 8, p: 16], f32>, !tile.view<[m, p], f32>
}

// -----

// The filter says nothing of the index (`one_more`), nothing of its lower end
// (`above`), tests other coordinates than the map has (`elsewhere`); a tile's
// last queries may be behind the last one (`row`), and what is read for these
// has no bounds (`gathered`).
// CHECK-LABEL: tile.kernel @negative_others
//   CHECK-NOT:   inside}
tile.kernel @negative_others grid(%p0 = p: 16) lanes p (%A: !tile.view<[d], f32>, %i: !tile.view<[p], i32>, %R: !tile.view<[p], f32>, %B: !tile.view<[m, p], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"d", free, 0>]} {
  %c0 = arith.constant 0 : index
  %q = tile.fill 0.0 : f32 : !tile.tile<[m: 8, p: 16], f32>
  %c8 = arith.constant 8 : index
  %some, %every = tile.test ranks ["p", "m"] sizes [16, 8] at(%p0, %c0) {
    %m = tile.coord "m"
    %p = tile.coord "p"
    %zero = arith.constant 0 : index
    %extent = tile.extent "d"
    %d = arith.subi %m, %p : index
    %from = arith.cmpi sge, %d, %zero : index
    %to = arith.cmpi slt, %d, %extent : index
    %s = arith.addi %m, %p : index
    %above = arith.cmpi slt, %s, %extent : index
    %place, %v = tile.read %i[%p] : !tile.view<[p], i32> -> i32
    %g = attn.cast %place to index {implicit} : i32 -> index
    %start = arith.cmpi sge, %g, %zero : index
    %stop = arith.cmpi slt, %g, %extent : index
    %table = arith.andi %start, %stop : i1
    %in = arith.andi %from, %to : i1
    %both = arith.andi %in, %above : i1
    %all = arith.andi %both, %table : i1
    tile.yield where %all
  }
  %t = scf.if %every -> !tile.tile<[m: 8, p: 16], f32> {
    %t0 = tile.map ranks ["m", "p"] sizes [8, 16] at(%c0, %p0) ins(%q : !tile.tile<[m: 8, p: 16], f32>) reducers [] {
    ^bb0(%score: f32):
      %m = tile.coord "m"
      %p = tile.coord "p"
      %one = arith.constant 1 : index
      %d = arith.subi %m, %p : index
      %next = arith.addi %d, %one : index
      %one_more, %v0 = tile.read %A[%next] : !tile.view<[d], f32> -> f32
      %s = arith.addi %m, %p : index
      %above, %v1 = tile.read %A[%s] : !tile.view<[d], f32> -> f32
      %row, %v2 = tile.read %R[%p] : !tile.view<[p], f32> -> f32
      %place, %v3 = tile.read %i[%p] : !tile.view<[p], i32> -> i32
      %g = attn.cast %place to index {implicit} : i32 -> index
      %gathered, %v4 = tile.read %A[%g] : !tile.view<[d], f32> -> f32
      %w = arith.addf %one_more, %gathered : f32
      %x = arith.addf %w, %above : f32
      %z = arith.addf %x, %score : f32
      %y = arith.addf %z, %row : f32
      tile.yield %y : f32
    } : !tile.tile<[m: 8, p: 16], f32>
    %o = tile.map ranks ["m", "p"] sizes [8, 16] at(%c8, %p0) ins(%t0 : !tile.tile<[m: 8, p: 16], f32>) reducers [] {
    ^bb0(%x: f32):
      %m = tile.coord "m"
      %p = tile.coord "p"
      %d = arith.subi %m, %p : index
      %elsewhere, %v = tile.read %A[%d] : !tile.view<[d], f32> -> f32
      %y = arith.addf %x, %elsewhere : f32
      tile.yield %y : f32
    } : !tile.tile<[m: 8, p: 16], f32>
    scf.yield %o : !tile.tile<[m: 8, p: 16], f32>
  } else {
    %z = tile.fill 0.0 : f32 : !tile.tile<[m: 8, p: 16], f32>
    scf.yield %z : !tile.tile<[m: 8, p: 16], f32>
  }
  tile.store %t, %B[%c0, %p0] dims ["m", "p"] : !tile.tile<[m: 8, p: 16], f32>, !tile.view<[m, p], f32>
}
