// Maps that are computed while their tiles are moved.

// RUN: attn-opt %s --cpu-lower-tiles="lanes=8 registers=16" --cse --split-input-file | FileCheck %s

/// No walk is left of what is done to the tiles that are moved.
// CHECK-LABEL: llvm.func hidden @normalise
//   CHECK-NOT:   {{arith.(divf|mulf)}}
//       CHECK:   llvm.call @[[LOAD:attn.load.1]]
//   CHECK-NOT:   {{arith.(divf|mulf)}}
//       CHECK:   llvm.call @[[STORE:attn.store.2]]

/// What is loaded is scaled in registers, by a constant of the kernel.
//       CHECK: llvm.func internal @[[LOAD]]
//       CHECK:   %[[HALF:.*]] = vector.broadcast {{.*}} : f32 to vector<8xf32>
//       CHECK:   arith.mulf {{.*}}, %[[HALF]] {{.*}} : vector<8xf32>

/// What is stored is divided there. The rows of a strip have one divisor for
/// all columns: where it is neither too small nor too large they are multiplied
/// by its reciprocal.
//       CHECK: llvm.func internal @[[STORE]]
//       CHECK:   arith.divf {{.*}} : vector<8xf32>
//       CHECK:   math.absf %[[DIVISOR:.*]] : vector<8xf32>
//       CHECK:   vector.reduction <and>
//       CHECK:   scf.if
//       CHECK:     %[[RECIPROCAL:.*]] = arith.divf %{{.*}}, %[[DIVISOR]]
//       CHECK:     scf.for
//   CHECK-NOT:       arith.divf
//CHECK-COUNT-8:      arith.mulf {{.*}}, %[[RECIPROCAL]]
//       CHECK:     } else {
//       CHECK:       arith.divf {{.*}} : vector<8xf32>
tile.kernel @normalise grid(%p0 = p: 16) lanes p
    (%Q: !tile.view<[p, e], f32>, %D: !tile.view<[p], f32>, %R: !tile.view<[p, e], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"e", fixed, 32>]} {
  %c0 = arith.constant 0 : index
  %half = arith.constant 0.5 : f32
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : !tile.view<[p, e], f32> -> !tile.tile<[e: 32, p: 16], f32>
  %s = tile.map ranks ["e", "p"] sizes [32, 16] at(%c0, %p0) ins(%q : !tile.tile<[e: 32, p: 16], f32>) reducers [] {
  ^bb0(%x: f32):
    %y = arith.mulf %x, %half : f32
    tile.yield %y : f32
  } : !tile.tile<[e: 32, p: 16], f32>
  %k = tile.load %D[%p0] dims ["p"] : !tile.view<[p], f32> -> !tile.tile<[p: 16], f32>
  %d = tile.map ranks ["p"] sizes [16] at(%p0) ins(%k : !tile.tile<[p: 16], f32>) reducers [] {
  ^bb0(%x: f32):
    %y = math.absf %x : f32
    tile.yield %y : f32
  } : !tile.tile<[p: 16], f32>
  %r = tile.map ranks ["e", "p"] sizes [32, 16] at(%c0, %p0) ins(%s, %d : !tile.tile<[e: 32, p: 16], f32>, !tile.tile<[p: 16], f32>) reducers [] {
  ^bb0(%x: f32, %sum: f32):
    %y = attn.div %x, %sum : f32
    tile.yield %y : f32
  } : !tile.tile<[e: 32, p: 16], f32>
  tile.store %r, %R[%p0, %c0] dims ["p", "e"] : !tile.tile<[e: 32, p: 16], f32>, !tile.view<[p, e], f32>
}
tile.program @p(%Q: !tile.view<[p, e], f32>, %D: !tile.view<[p], f32>) -> (%R: !tile.view<[p, e], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"e", fixed, 32>]} {
  tile.launch @normalise(%Q, %D, %R) : !tile.view<[p, e], f32>, !tile.view<[p], f32>, !tile.view<[p, e], f32>
}

// -----

/// A tile that is read twice is loaded as it is, and what two things read is
/// stored as it is.
// CHECK-LABEL: llvm.func hidden @negative_read_twice
//       CHECK:   arith.mulf {{.*}} : vector<8xf32>
//       CHECK: llvm.func internal @attn.load
//   CHECK-NOT:   arith.mulf
//       CHECK: llvm.func internal @attn.store
//   CHECK-NOT:   arith.mulf
tile.kernel @negative_read_twice grid(%p0 = p: 16) lanes p
    (%Q: !tile.view<[p, e], f32>, %R: !tile.view<[p, e], f32>, %S: !tile.view<[p, e], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"e", fixed, 32>]} {
  %c0 = arith.constant 0 : index
  %half = arith.constant 0.5 : f32
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : !tile.view<[p, e], f32> -> !tile.tile<[e: 32, p: 16], f32>
  %s = tile.map ranks ["e", "p"] sizes [32, 16] at(%c0, %p0) ins(%q : !tile.tile<[e: 32, p: 16], f32>) reducers [] {
  ^bb0(%x: f32):
    %y = arith.mulf %x, %half : f32
    tile.yield %y : f32
  } : !tile.tile<[e: 32, p: 16], f32>
  tile.store %s, %R[%p0, %c0] dims ["p", "e"] : !tile.tile<[e: 32, p: 16], f32>, !tile.view<[p, e], f32>
  tile.store %s, %S[%p0, %c0] dims ["p", "e"] : !tile.tile<[e: 32, p: 16], f32>, !tile.view<[p, e], f32>
  tile.store %q, %S[%p0, %c0] dims ["p", "e"] : !tile.tile<[e: 32, p: 16], f32>, !tile.view<[p, e], f32>
}
tile.program @p(%Q: !tile.view<[p, e], f32>) -> (%R: !tile.view<[p, e], f32>, %S: !tile.view<[p, e], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"e", fixed, 32>]} {
  tile.launch @negative_read_twice(%Q, %R, %S) : !tile.view<[p, e], f32>, !tile.view<[p, e], f32>, !tile.view<[p, e], f32>
}
