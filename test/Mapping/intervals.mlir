// RUN: attn-opt %s --split-input-file --pass-pipeline="builtin.module(tile.kernel(tile-intervals),canonicalize,cse)" | FileCheck %s

/// m <= p over p in [p0, p0 + 128): keys up to p0 + 127 may be left.
// CHECK-LABEL: tile.kernel @causal
//  CHECK-SAME:   %[[P0:.*]] = p: 128
//       CHECK:   %[[END:.*]] = arith.addi %[[P0]], %c128
//       CHECK:   %[[M:.*]] = tile.extent "m"
//       CHECK:   arith.minsi
//       CHECK:   %[[LAST:.*]] = arith.addi %{{.*}}, %c63
//   CHECK-DAG:   arith.cmpi sle, %[[M0:[a-z0-9]+]], %{{.*}}
//   CHECK-DAG:   arith.cmpi sle, %[[LAST]], %[[P0]]
//   CHECK-NOT:   tile.range
//   CHECK-NOT:   tile.test
tile.kernel @causal grid(%p0 = p: 128) lanes p (%A: !tile.view<[p], f32>, %B: !tile.view<[m], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>]} {
  %c64 = arith.constant 64 : index
  %lo, %hi = tile.range "m" step 64 ranks ["p"] sizes [128] at(%p0) {
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
    %k = tile.load %B[%m0] dims ["m"] : !tile.view<[m], f32> -> !tile.tile<[m: 64], f32>
    %n = scf.if %some -> (!tile.tile<[p: 128], f32>) {
      %y = scf.if %every -> (!tile.tile<[p: 128], f32>) {
        %x = tile.map ranks ["m", "p"] sizes [64, 128] at(%m0, %p0) ins(%k : !tile.tile<[m: 64], f32>) acc(%acc : !tile.tile<[p: 128], f32>) reducers [#attn.reduce<add "m">] {
        ^bb0(%e: f32):
          tile.yield %e : f32
        } : !tile.tile<[p: 128], f32>
        scf.yield %x : !tile.tile<[p: 128], f32>
      } else {
        scf.yield %acc : !tile.tile<[p: 128], f32>
      }
      scf.yield %y : !tile.tile<[p: 128], f32>
    } else {
      scf.yield %acc : !tile.tile<[p: 128], f32>
    }
    scf.yield %n : !tile.tile<[p: 128], f32>
  }
  tile.store %r, %A[%p0] dims ["p"] : !tile.tile<[p: 128], f32>, !tile.view<[p], f32>
}

// -----

/// A window: both ends, the lower one down to a multiple of the step.
// CHECK-LABEL: tile.kernel @window
//       CHECK:   arith.maxsi
//       CHECK:   %[[REST:.*]] = arith.remsi %[[LO:.*]], %c16
//       CHECK:   %[[FROM:.*]] = arith.subi %[[LO]], %[[REST]]
//       CHECK:   scf.for %{{.*}} = %[[FROM]] to
tile.kernel @window grid(%p0 = p: 16) lanes p (%A: !tile.view<[p], f32>, %window: i32)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>]} {
  %c16 = arith.constant 16 : index
  %w = arith.index_cast %window : i32 to index
  %lo, %hi = tile.range "m" step 16 ranks ["p"] sizes [16] at(%p0) {
    %m = tile.coord "m"
    %p = tile.coord "p"
    %c = arith.cmpi sle, %m, %p : index
    %d = arith.subi %p, %m : index
    %near = arith.cmpi slt, %d, %w : index
    %both = arith.andi %c, %near : i1
    tile.yield where %both
  }
  scf.for %m0 = %lo to %hi step %c16 {
    %z = tile.fill 0.0 : f32 : !tile.tile<[p: 16], f32>
    tile.store %z, %A[%m0] dims ["p"] : !tile.tile<[p: 16], f32>, !tile.view<[p], f32>
  }
}

// -----

/// Sinks or a window: the hull of the two starts at 0.
// CHECK-LABEL: tile.kernel @sinks
//   CHECK-NOT:   arith.remsi
//       CHECK:   scf.for %{{.*}} = %c0 to
tile.kernel @sinks grid(%p0 = p: 16) lanes p (%A: !tile.view<[p], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>]} {
  %c4 = arith.constant 4 : index
  %c16 = arith.constant 16 : index
  %lo, %hi = tile.range "m" step 16 ranks ["p"] sizes [16] at(%p0) {
    %m = tile.coord "m"
    %p = tile.coord "p"
    %sink = arith.cmpi slt, %m, %c4 : index
    %d = arith.subi %p, %m : index
    %near = arith.cmpi slt, %d, %c16 : index
    %either = arith.ori %sink, %near : i1
    tile.yield where %either
  }
  scf.for %m0 = %lo to %hi step %c16 {
    %z = tile.fill 0.0 : f32 : !tile.tile<[p: 16], f32>
    tile.store %z, %A[%m0] dims ["p"] : !tile.tile<[p: 16], f32>, !tile.view<[p], f32>
  }
}

// -----

/// Two ranges and what lies between them: whole tiles, an empty range at 0. A
/// tile between the bounds needs no test of either.
// CHECK-LABEL: tile.kernel @gap
//       CHECK:   arith.remsi
//       CHECK:   %[[FIRST:.*]] = arith.cmpi sge
//  CHECK-NEXT:   %[[LO:.*]] = arith.select %[[FIRST]]
//  CHECK-NEXT:   %[[AT:.*]] = arith.select %[[FIRST]]
//  CHECK-NEXT:   %[[NEXT:.*]] = arith.select %[[FIRST]]
//  CHECK-NEXT:   %[[BETWEEN:.*]] = arith.subi %[[NEXT]], %[[AT]]
//  CHECK-NEXT:   %[[GAP:.*]] = arith.maxsi %[[BETWEEN]], %c0
//  CHECK-NEXT:   %[[END:.*]] = arith.select %[[FIRST]]
//  CHECK-NEXT:   %[[LEFT:.*]] = arith.subi %[[END]], %[[GAP]]
//  CHECK-NEXT:   %[[HI:.*]] = arith.maxsi %[[AT]], %[[LEFT]]
//       CHECK:   scf.for %[[X:.*]] = %[[LO]] to %[[HI]]
//       CHECK:     %[[NEAR:.*]] = arith.cmpi slt, %[[X]], %[[AT]]
//       CHECK:     %[[FAR:.*]] = arith.addi %[[X]], %[[GAP]]
//       CHECK:     arith.select %[[NEAR]], %[[X]], %[[FAR]]
//   CHECK-NOT:     scf.if
tile.kernel @gap grid(%p0 = p: 16) lanes p (%A: !tile.view<[p], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>]} {
  %c4 = arith.constant 4 : index
  %c16 = arith.constant 16 : index
  %lo, %hi, %gap:2 = tile.range "m" step 16 ranks ["p"] sizes [16] at(%p0) gap index, index {
    %m = tile.coord "m"
    %p = tile.coord "p"
    %sink = arith.cmpi slt, %m, %c4 : index
    %d = arith.subi %p, %m : index
    %near = arith.cmpi slt, %d, %c16 : index
    %either = arith.ori %sink, %near : i1
    %before = arith.cmpi sle, %m, %p : index
    %all = arith.andi %either, %before : i1
    tile.yield where %all
  }
  scf.for %x = %lo to %hi step %c16 {
    %isNear = arith.cmpi slt, %x, %gap#0 : index
    %far = arith.addi %x, %gap#1 : index
    %m0 = arith.select %isNear, %x, %far : index
    %some, %every = tile.test ranks ["p", "m"] sizes [16, 16] at(%p0, %m0) {
      %m = tile.coord "m"
      %p = tile.coord "p"
      %sink = arith.cmpi slt, %m, %c4 : index
      %d = arith.subi %p, %m : index
      %near = arith.cmpi slt, %d, %c16 : index
      %either = arith.ori %sink, %near : i1
      %before = arith.cmpi sle, %m, %p : index
      %all = arith.andi %either, %before : i1
      tile.yield where %all
    } {ranged = "m"}
    scf.if %some {
      %z = tile.fill 0.0 : f32 : !tile.tile<[p: 16], f32>
      tile.store %z, %A[%m0] dims ["p"] : !tile.tile<[p: 16], f32>, !tile.view<[p], f32>
    }
  }
}

// -----

/// Two parts that both have no lower bound leave nothing between them.
// CHECK-LABEL: tile.kernel @prefix
//   CHECK-NOT:   arith.select
//       CHECK:   scf.for
//   CHECK-NOT:     scf.if
tile.kernel @prefix grid(%p0 = p: 16) lanes p (%A: !tile.view<[p], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>]} {
  %c40 = arith.constant 40 : index
  %c16 = arith.constant 16 : index
  %lo, %hi, %gap:2 = tile.range "m" step 16 ranks ["p"] sizes [16] at(%p0) gap index, index {
    %m = tile.coord "m"
    %p = tile.coord "p"
    %known = arith.cmpi slt, %m, %c40 : index
    %before = arith.cmpi sle, %m, %p : index
    %either = arith.ori %known, %before : i1
    tile.yield where %either
  }
  scf.for %x = %lo to %hi step %c16 {
    %isNear = arith.cmpi slt, %x, %gap#0 : index
    %far = arith.addi %x, %gap#1 : index
    %m0 = arith.select %isNear, %x, %far : index
    %some, %every = tile.test ranks ["p", "m"] sizes [16, 16] at(%p0, %m0) {
      %m = tile.coord "m"
      %p = tile.coord "p"
      %known = arith.cmpi slt, %m, %c40 : index
      %before = arith.cmpi sle, %m, %p : index
      %either = arith.ori %known, %before : i1
      tile.yield where %either
    } {ranged = "m"}
    scf.if %some {
      %z = tile.fill 0.0 : f32 : !tile.tile<[p: 16], f32>
      tile.store %z, %A[%m0] dims ["p"] : !tile.tile<[p: 16], f32>, !tile.view<[p], f32>
    }
  }
}

// -----

/// What a box can't say is true somewhere and false somewhere.
// CHECK-LABEL: tile.kernel @negative_open
//       CHECK:   tile.fill 0.000000e+00
//   CHECK-NOT:   tile.fill 1.000000e+00
tile.kernel @negative_open grid(%p0 = p: 16) lanes p (%A: !tile.view<[p], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>]} {
  %some, %every = tile.test ranks ["p"] sizes [16] at(%p0) {
    %true = arith.constant true
    tile.yield where %true
  } {open}
  %t = scf.if %every -> (!tile.tile<[p: 16], f32>) {
    %x = tile.fill 1.0 : f32 : !tile.tile<[p: 16], f32>
    scf.yield %x : !tile.tile<[p: 16], f32>
  } else {
    %x = tile.fill 0.0 : f32 : !tile.tile<[p: 16], f32>
    scf.yield %x : !tile.tile<[p: 16], f32>
  }
  tile.store %t, %A[%p0] dims ["p"] : !tile.tile<[p: 16], f32>, !tile.view<[p], f32>
}

// -----

/// A tile between the bounds that a range of the same filter gave is never
/// empty, but for what the bounds can't say.
// CHECK-LABEL: tile.kernel @ranged
//   CHECK-NOT:   arith.cmpi sle
//       CHECK:   %[[OTHER:.*]] = arith.ori
//   CHECK-NOT:   arith.cmpi sle
//       CHECK:   scf.if %[[OTHER]]
tile.kernel @ranged grid(%p0 = p: 16) lanes p (%A: !tile.view<[p], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>]} {
  %c0 = arith.constant 0 : index
  %some, %every = tile.test ranks ["p", "m"] sizes [16, 1] at(%p0, %c0) {
    %m = tile.coord "m"
    %p = tile.coord "p"
    %a = arith.cmpi sle, %m, %p : index
    %b = arith.cmpi ne, %m, %p : index
    %c = arith.andi %a, %b : i1
    tile.yield where %c
  } {ranged = "m"}
  %t = scf.if %some -> (!tile.tile<[p: 16], f32>) {
    %x = tile.fill 1.0 : f32 : !tile.tile<[p: 16], f32>
    scf.yield %x : !tile.tile<[p: 16], f32>
  } else {
    %x = tile.fill 0.0 : f32 : !tile.tile<[p: 16], f32>
    scf.yield %x : !tile.tile<[p: 16], f32>
  }
  tile.store %t, %A[%p0] dims ["p"] : !tile.tile<[p: 16], f32>, !tile.view<[p], f32>
}

// -----

/// What a tensor holds at the rows of the tile bounds the keys: at the least
/// for the loop, at the greatest for where the filter holds everywhere. One
/// reduction serves both, in front of the loop.
// CHECK-LABEL: tile.kernel @values
//  CHECK-SAME:   %[[P0:.*]] = p: 16
//       CHECK:   %[[LO:.*]], %[[HI:.*]] = tile.bounds ranks ["p"] sizes [16] at(%[[P0]]) {
//       CHECK:     %[[P:.*]] = tile.coord "p"
//       CHECK:     %[[START:.*]], %[[VALID:.*]] = tile.read %{{.*}}[%[[P]]]
//       CHECK:     tile.yield %[[START]] : i32 where %[[VALID]]
//       CHECK:   %[[FIRST:.*]] = arith.maxsi %[[LO]], %c0
//       CHECK:   %[[REST:.*]] = arith.remsi %[[FIRST]], %c64
//       CHECK:   %[[FROM:.*]] = arith.subi %[[FIRST]], %[[REST]]
//       CHECK:   scf.for %[[M0:.*]] = %[[FROM]] to %{{.*}}
//   CHECK-NOT:     tile.bounds {{.*}}"m"
//       CHECK:     %[[EVERY:.*]] = arith.cmpi sge, %[[M0]], %{{.*}}
//       CHECK:     scf.if %[[EVERY]]
tile.kernel @values grid(%p0 = p: 16) lanes p (%A: !tile.view<[p], f32>, %start: !tile.view<[p], i32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>]} {
  %c64 = arith.constant 64 : index
  %lo, %hi = tile.range "m" step 64 ranks ["p"] sizes [16] at(%p0) {
    %m = tile.coord "m"
    %p = tile.coord "p"
    %n = attn.cast %m to i32 {implicit} : index -> i32
    %s, %valid = tile.read %start[%p] : !tile.view<[p], i32> -> i32
    %c = arith.cmpi sge, %n, %s : i32
    tile.yield where %c
  }
  scf.for %m0 = %lo to %hi step %c64 {
    %some, %every = tile.test ranks ["p", "m"] sizes [16, 64] at(%p0, %m0) {
      %m = tile.coord "m"
      %p = tile.coord "p"
      %n = attn.cast %m to i32 {implicit} : index -> i32
      %s, %valid = tile.read %start[%p] : !tile.view<[p], i32> -> i32
      %c = arith.cmpi sge, %n, %s : i32
      tile.yield where %c
    } {ranged = "m"}
    scf.if %every {
      %z = tile.fill 0.0 : f32 : !tile.tile<[p: 16], f32>
      tile.store %z, %A[%p0] dims ["p"] : !tile.tile<[p: 16], f32>, !tile.view<[p], f32>
    }
  }
}

// -----

/// A sum of a key and a value wraps where it leaves i32, and says nothing then:
/// the loop goes from 0 to the extent. Of i64 it never says anything.
// CHECK-LABEL: tile.kernel @wrapping
//       CHECK:   tile.bounds ranks ["p"]
//   CHECK-DAG:   %[[IN:.*]] = arith.cmpi sge, %{{.*}}, %c-2147483648
//   CHECK-DAG:   %[[UNDER:.*]] = arith.cmpi sle, %{{.*}}, %c2147483647
//       CHECK:   %[[HOLDS:.*]] = arith.andi %[[IN]], %[[UNDER]]
//       CHECK:   arith.select %[[HOLDS]], %{{.*}}, %c0
//   CHECK-NOT:   tile.bounds
//       CHECK:   scf.for
//       CHECK:   scf.for %{{.*}} = %c0 to
tile.kernel @wrapping grid(%p0 = p: 16) lanes p (%A: !tile.view<[p], f32>, %i: !tile.view<[p], i32>, %l: !tile.view<[p], i64>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>]} {
  %c16 = arith.constant 16 : index
  %c3 = arith.constant 3 : i32
  %c3_i64 = arith.constant 3 : i64
  %lo, %hi = tile.range "m" step 16 ranks ["p"] sizes [16] at(%p0) {
    %m = tile.coord "m"
    %p = tile.coord "p"
    %n = attn.cast %m to i32 {implicit} : index -> i32
    %s, %valid = tile.read %i[%p] : !tile.view<[p], i32> -> i32
    %d = arith.subi %n, %s : i32
    %c = arith.cmpi sge, %d, %c3 : i32
    tile.yield where %c
  }
  %from, %to = tile.range "m" step 16 ranks ["p"] sizes [16] at(%p0) {
    %m = tile.coord "m"
    %p = tile.coord "p"
    %n = attn.cast %m to i64 {implicit} : index -> i64
    %s, %valid = tile.read %l[%p] : !tile.view<[p], i64> -> i64
    %d = arith.subi %n, %s : i64
    %c = arith.cmpi sge, %d, %c3_i64 : i64
    tile.yield where %c
  }
  scf.for %m0 = %lo to %hi step %c16 {
    %z = tile.fill 0.0 : f32 : !tile.tile<[p: 16], f32>
    tile.store %z, %A[%m0] dims ["p"] : !tile.tile<[p: 16], f32>, !tile.view<[p], f32>
  }
  scf.for %m0 = %from to %to step %c16 {
    %z = tile.fill 1.0 : f32 : !tile.tile<[p: 16], f32>
    tile.store %z, %A[%m0] dims ["p"] : !tile.tile<[p: 16], f32>, !tile.view<[p], f32>
  }
}

// -----

/// What is read at the key itself bounds no loop over keys.
// CHECK-LABEL: tile.kernel @negative_read_at_key
//   CHECK-NOT:   tile.bounds
//       CHECK:   scf.for %{{.*}} = %c0 to %{{.*}} step
tile.kernel @negative_read_at_key grid(%p0 = p: 16) lanes p (%A: !tile.view<[p], f32>, %end: !tile.view<[m], i32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>]} {
  %c16 = arith.constant 16 : index
  %lo, %hi = tile.range "m" step 16 ranks ["p"] sizes [16] at(%p0) {
    %m = tile.coord "m"
    %p = tile.coord "p"
    %q = attn.cast %p to i32 {implicit} : index -> i32
    %e, %valid = tile.read %end[%m] : !tile.view<[m], i32> -> i32
    %c = arith.cmpi slt, %q, %e : i32
    tile.yield where %c
  }
  scf.for %m0 = %lo to %hi step %c16 {
    %z = tile.fill 0.0 : f32 : !tile.tile<[p: 16], f32>
    tile.store %z, %A[%m0] dims ["p"] : !tile.tile<[p: 16], f32>, !tile.view<[p], f32>
  }
}
