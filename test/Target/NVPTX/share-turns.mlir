// RUN: attn-opt %s --nvptx-share-turns | FileCheck %s

/// Warpgroups wait for each other by the ring alone: each has bounds and
/// branches of its own.
// CHECK-LABEL: tile.kernel @share
//       CHECK:   %[[P1:.*]] = tile.share %{{.*}} size 64
//       CHECK:   %[[HI:.*]] = tile.own %[[P1]] of %{{.*}} : index
//       CHECK:   scf.for %[[M0:.*]] = %{{.*}} to %[[HI]]
//       CHECK:     %[[IN:.*]] = arith.cmpi sle, %[[M0]], %[[P1]]
//       CHECK:     scf.if %[[IN]]
tile.kernel @share grid(%p0 = p: 128) lanes p (%A: !tile.view<[m, p], f32>, %Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>)
    attributes {ranks = [], roles = array<i64: 40, 232>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %zero = tile.fill 0.000000e+00 : f32 : <[m: 64, p: 128], f32, register>
  %p1 = tile.share %p0 size 64
  %hi = tile.own %p1 of %p0 : index
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : <[p, e], bf16> -> <[p: 128, e: 64], bf16, swizzled>
  %o = scf.for %m0 = %c0 to %hi step %c64 iter_args(%acc = %zero) -> (!tile.tile<[m: 64, p: 128], f32, register>) {
    %all = arith.cmpi sle, %m0, %p0 : index
    %in = arith.cmpi sle, %m0, %p1 : index
    %every = tile.own %in of %all : i1
    %k = tile.load %K[%m0, %c0] dims ["m", "e"] {stages = 2 : i64} : <[m, e], bf16> -> <[m: 64, e: 64], bf16, swizzled>
    %s = tile.contract %k, %q, %acc over ["e"] : <[m: 64, e: 64], bf16, swizzled>, <[p: 128, e: 64], bf16, swizzled>, !tile.tile<[m: 64, p: 128], f32, register> -> <[m: 64, p: 128], f32, register>
    %r = scf.if %every -> (!tile.tile<[m: 64, p: 128], f32, register>) {
      scf.yield %s : !tile.tile<[m: 64, p: 128], f32, register>
    } else {
      scf.yield %acc : !tile.tile<[m: 64, p: 128], f32, register>
    }
    scf.yield %r : !tile.tile<[m: 64, p: 128], f32, register>
  }
  tile.store %o, %A[%c0, %p0] dims ["m", "p"] : <[m: 64, p: 128], f32, register>, <[m, p], f32>
}

/// No roles: what the task has is left.
// CHECK-LABEL: tile.kernel @negative_no_roles
//  CHECK-SAME:   %[[P0:.*]] = p: 128
//   CHECK-NOT:   tile.share
//       CHECK:   scf.for %{{.*}} = %{{.*}} to %[[P0]]
tile.kernel @negative_no_roles grid(%p0 = p: 128) lanes p (%A: !tile.view<[p], f32>, %K: !tile.view<[m, e], bf16>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %p1 = tile.share %p0 size 64
  %hi = tile.own %p1 of %p0 : index
  %zero = tile.fill 0.000000e+00 : f32 : <[p: 128], f32, register>
  %o = scf.for %m0 = %c0 to %hi step %c64 iter_args(%acc = %zero) -> (!tile.tile<[p: 128], f32, register>) {
    scf.yield %acc : !tile.tile<[p: 128], f32, register>
  }
  tile.store %o, %A[%p0] dims ["p"] : <[p: 128], f32, register>, <[p], f32>
}

/// A block that stays, too.
// CHECK-LABEL: tile.kernel @persistent
//       CHECK:   %[[HI:.*]] = tile.own
//       CHECK:   scf.for %{{.*}} = %{{.*}} to %[[HI]]
tile.kernel @persistent grid(%p0 = p: 128) lanes p (%A: !tile.view<[m, p], f32>, %Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>)
    attributes {ranks = [], persistent, roles = array<i64: 40, 232>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %zero = tile.fill 0.000000e+00 : f32 : <[m: 64, p: 128], f32, register>
  %p1 = tile.share %p0 size 64
  %hi = tile.own %p1 of %p0 : index
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : <[p, e], bf16> -> <[p: 128, e: 64], bf16, swizzled>
  %o = scf.for %m0 = %c0 to %hi step %c64 iter_args(%acc = %zero) -> (!tile.tile<[m: 64, p: 128], f32, register>) {
    %k = tile.load %K[%m0, %c0] dims ["m", "e"] {stages = 2 : i64} : <[m, e], bf16> -> <[m: 64, e: 64], bf16, swizzled>
    %s = tile.contract %k, %q, %acc over ["e"] : <[m: 64, e: 64], bf16, swizzled>, <[p: 128, e: 64], bf16, swizzled>, !tile.tile<[m: 64, p: 128], f32, register> -> <[m: 64, p: 128], f32, register>
    scf.yield %s : !tile.tile<[m: 64, p: 128], f32, register>
  }
  tile.store %o, %A[%c0, %p0] dims ["m", "p"] : <[m: 64, p: 128], f32, register>, <[m, p], f32>
}

/// A tile in shared memory that all warpgroups write and wait for.
// CHECK-LABEL: tile.kernel @negative_barrier
//  CHECK-SAME:   %[[P0:.*]] = p: 128
//       CHECK:   scf.for %{{.*}} = %{{.*}} to %[[P0]]
tile.kernel @negative_barrier grid(%p0 = p: 128) lanes p (%A: !tile.view<[p], f32>, %B: !tile.view<[p], f32>)
    attributes {ranks = [], roles = array<i64: 40, 232>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %p1 = tile.share %p0 size 64
  %hi = tile.own %p1 of %p0 : index
  %zero = tile.fill 0.000000e+00 : f32 : <[p: 128], f32, register>
  %o = scf.for %m0 = %c0 to %hi step %c64 iter_args(%acc = %zero) -> (!tile.tile<[p: 128], f32, register>) {
    %s = tile.load %B[%m0] dims ["p"] : <[p], f32> -> <[p: 128], f32>
    %r = tile.convert %s : <[p: 128], f32> -> <[p: 128], f32, register>
    scf.yield %r : !tile.tile<[p: 128], f32, register>
  }
  tile.store %o, %A[%p0] dims ["p"] : <[p: 128], f32, register>, <[p], f32>
}

/// In a branch that turns may leave out, and with it what they load: how many
/// tiles come in a turn is not known, nor may warpgroups part there.
// CHECK-LABEL: tile.kernel @negative_load_in_branch
//  CHECK-SAME:   %[[P0:.*]] = p: 128
//       CHECK:   scf.for %[[M0:.*]] = %{{.*}} to %[[P0]]
//       CHECK:     %[[ALL:.*]] = arith.cmpi sle, %[[M0]], %[[P0]]
//       CHECK:     scf.if %[[ALL]]
tile.kernel @negative_load_in_branch grid(%p0 = p: 128) lanes p (%A: !tile.view<[m, p], f32>, %Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>)
    attributes {ranks = [], roles = array<i64: 40, 232>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %zero = tile.fill 0.000000e+00 : f32 : <[m: 64, p: 128], f32, register>
  %p1 = tile.share %p0 size 64
  %hi = tile.own %p1 of %p0 : index
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : <[p, e], bf16> -> <[p: 128, e: 64], bf16, swizzled>
  %o = scf.for %m0 = %c0 to %hi step %c64 iter_args(%acc = %zero) -> (!tile.tile<[m: 64, p: 128], f32, register>) {
    %all = arith.cmpi sle, %m0, %p0 : index
    %in = arith.cmpi sle, %m0, %p1 : index
    %some = tile.own %in of %all : i1
    %r = scf.if %some -> (!tile.tile<[m: 64, p: 128], f32, register>) {
      %k = tile.load %K[%m0, %c0] dims ["m", "e"] {stages = 2 : i64} : <[m, e], bf16> -> <[m: 64, e: 64], bf16, swizzled>
      %s = tile.contract %k, %q, %acc over ["e"] : <[m: 64, e: 64], bf16, swizzled>, <[p: 128, e: 64], bf16, swizzled>, !tile.tile<[m: 64, p: 128], f32, register> -> <[m: 64, p: 128], f32, register>
      scf.yield %s : !tile.tile<[m: 64, p: 128], f32, register>
    } else {
      scf.yield %acc : !tile.tile<[m: 64, p: 128], f32, register>
    }
    scf.yield %r : !tile.tile<[m: 64, p: 128], f32, register>
  }
  tile.store %o, %A[%c0, %p0] dims ["m", "p"] : <[m: 64, p: 128], f32, register>, <[m, p], f32>
}
