// RUN: attn-opt %s --split-input-file --pass-pipeline="builtin.module(tile.kernel(tile-intervals{share=64}),canonicalize,cse)" | FileCheck %s

/// m <= p: of the keys that 128 rows may need, 64 of them need those up to their
/// own last one, and a tile is whole for them from their own first one on.
// CHECK-LABEL: tile.kernel @causal
//  CHECK-SAME:   %[[P0:.*]] = p: 128
//   CHECK-DAG:   %[[HI:.*]] = arith.minsi %[[M:.*]], %{{.*}}
//   CHECK-DAG:   %[[P1:.*]] = tile.share %[[P0]] size 64
//       CHECK:   %[[END:.*]] = arith.addi %[[P1]], %c64
//       CHECK:   %[[EXTENT:.*]] = tile.extent "p"
//       CHECK:   %[[HAS:.*]] = arith.cmpi slt, %[[P1]], %[[EXTENT]]
//       CHECK:   %[[MINE:.*]] = arith.select %[[HAS]], %{{.*}}, %c0
//       CHECK:   %[[OWN:.*]] = tile.own %[[MINE]] of %{{.*}} : index
//       CHECK:   scf.for %[[M0:.*]] = %c0 to %[[OWN]]
//       CHECK:     %[[LAST:.*]] = arith.addi %[[M0]], %c63
//       CHECK:     %[[WHOLE:.*]] = arith.cmpi sle, %[[LAST]], %[[P0]]
//       CHECK:     %[[IN:.*]] = arith.cmpi sle, %[[LAST]], %[[P1]]
//       CHECK:     tile.own %[[IN]] of %[[WHOLE]] : i1
tile.kernel @causal grid(%p0 = p: 128) lanes p (%A: !tile.view<[p], f32>, %B: !tile.view<[m], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>]} {
  %c64 = arith.constant 64 : index
  %lo, %hi = tile.range "m" step 1 ranks ["p"] sizes [128] at(%p0) {
    %m = tile.coord "m"
    %p = tile.coord "p"
    %c = arith.cmpi sle, %m, %p : index
    tile.yield where %c
  }
  %z = tile.fill 0.0 : f32 : !tile.tile<[p: 128], f32>
  %r = scf.for %m0 = %lo to %hi step %c64 iter_args(%acc = %z) -> (!tile.tile<[p: 128], f32>) {
    %some, %every = tile.test ranks ["p", "m"] sizes [128, 64] at(%p0, %m0) {
      %m = tile.coord "m"
      %p = tile.coord "p"
      %c = arith.cmpi sle, %m, %p : index
      tile.yield where %c
    }
    %n = scf.if %every -> (!tile.tile<[p: 128], f32>) {
      %k = tile.load %B[%m0] dims ["m"] : !tile.view<[m], f32> -> !tile.tile<[m: 64], f32>
      %x = tile.map ranks ["m", "p"] sizes [64, 128] at(%m0, %p0) ins(%k : !tile.tile<[m: 64], f32>) acc(%acc : !tile.tile<[p: 128], f32>) reducers [#attn.reduce<add "m">] {
      ^bb0(%e: f32):
        tile.yield %e : f32
      } : !tile.tile<[p: 128], f32>
      scf.yield %x : !tile.tile<[p: 128], f32>
    } else {
      scf.yield %acc : !tile.tile<[p: 128], f32>
    }
    scf.yield %n : !tile.tile<[p: 128], f32>
  }
  tile.store %r, %A[%p0] dims ["p"] : !tile.tile<[p: 128], f32>, !tile.view<[p], f32>
}

// -----

/// A window: the first turn is one of the task's, down to a multiple of the step
/// from where that begins.
// CHECK-LABEL: tile.kernel @window
//  CHECK-SAME:   %[[P0:.*]] = p: 128
//       CHECK:   %[[LO:.*]] = arith.maxsi %{{.*}}, %c0
//       CHECK:   tile.share %[[P0]] size 64
//       CHECK:   %[[FIRST:.*]] = arith.maxsi %[[LO]], %{{.*}}
//       CHECK:   %[[PAST:.*]] = arith.subi %[[FIRST]], %[[LO]]
//       CHECK:   %[[REST:.*]] = arith.remsi %[[PAST]], %c32
//       CHECK:   %[[WHOLE:.*]] = arith.subi %[[PAST]], %[[REST]]
//       CHECK:   %[[FROM:.*]] = arith.addi %[[LO]], %[[WHOLE]]
//       CHECK:   %[[OWN:.*]] = tile.own %[[FROM]] of %[[LO]] : index
//       CHECK:   scf.for %{{.*}} = %[[OWN]] to
tile.kernel @window grid(%p0 = p: 128) lanes p (%A: !tile.view<[p], f32>, %window: index)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>]} {
  %c32 = arith.constant 32 : index
  %lo, %hi = tile.range "m" step 1 ranks ["p"] sizes [128] at(%p0) {
    %m = tile.coord "m"
    %p = tile.coord "p"
    %d = arith.subi %p, %m : index
    %near = arith.cmpi slt, %d, %window : index
    tile.yield where %near
  }
  scf.for %m0 = %lo to %hi step %c32 {
    %z = tile.fill 0.0 : f32 : !tile.tile<[p: 128], f32>
    tile.store %z, %A[%m0] dims ["p"] : !tile.tile<[p: 128], f32>, !tile.view<[p], f32>
  }
}

// -----

/// A group has all lanes.
// CHECK-LABEL: tile.kernel @negative_one_group
//   CHECK-NOT:   tile.own
tile.kernel @negative_one_group grid(%p0 = p: 64) lanes p (%A: !tile.view<[p], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>]} {
  %c32 = arith.constant 32 : index
  %lo, %hi = tile.range "m" step 1 ranks ["p"] sizes [64] at(%p0) {
    %m = tile.coord "m"
    %p = tile.coord "p"
    %c = arith.cmpi sle, %m, %p : index
    tile.yield where %c
  }
  scf.for %m0 = %lo to %hi step %c32 {
    %z = tile.fill 0.0 : f32 : !tile.tile<[p: 64], f32>
    tile.store %z, %A[%m0] dims ["p"] : !tile.tile<[p: 64], f32>, !tile.view<[p], f32>
  }
}
