// RUN: attn-opt %s --nvptx-overlap-products | FileCheck %s
// RUN: attn-opt %s --nvptx-overlap-products="products-per-function=128 ping-pong=true" | FileCheck %s --check-prefix=MARKED

/// The product that adds to what the loop carries may end during the next turn:
/// that begins with a product of its own.
// CHECK-LABEL: tile.kernel @overlap
//       CHECK:   tile.contract {{.*}} over ["e"] :
//       CHECK:   tile.contract {{.*}} over ["m"] {stage = 1 : i64}
tile.kernel @overlap grid(%p0 = p: 64) lanes p
    (%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>)
    attributes {ranks = [], roles = array<i64: 56, 256>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %m = tile.extent "m"
  %zero = tile.fill 0.0 : f32 : <[e: 64, p: 64], f32, register>
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : <[p, e], bf16> -> <[p: 64, e: 64], bf16, swizzled>
  %o = scf.for %m0 = %c0 to %m step %c64 iter_args(%acc = %zero) -> (!tile.tile<[e: 64, p: 64], f32, register>) {
    %k = tile.load %K[%m0, %c0] dims ["m", "e"] {stages = 2 : i64} : <[m, e], bf16> -> <[m: 64, e: 64], bf16, swizzled>
    %s = tile.contract %k, %q over ["e"] : <[m: 64, e: 64], bf16, swizzled>, <[p: 64, e: 64], bf16, swizzled> -> <[m: 64, p: 64], f32, register>
    %n = tile.convert %s : <[m: 64, p: 64], f32, register> -> <[m: 64, p: 64], bf16, register>
    %r = tile.contract %k, %n, %acc over ["m"] : <[m: 64, e: 64], bf16, swizzled>, <[m: 64, p: 64], bf16, register>, !tile.tile<[e: 64, p: 64], f32, register> -> <[e: 64, p: 64], f32, register>
    scf.yield %r : !tile.tile<[e: 64, p: 64], f32, register>
  }
}

/// There is nothing to run beside it: the next turn waits for it.
// CHECK-LABEL: tile.kernel @negative_needed_at_once
//   CHECK-NOT:   stage =
tile.kernel @negative_needed_at_once grid(%p0 = p: 64) lanes p
    (%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>)
    attributes {ranks = [], roles = array<i64: 56, 256>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %m = tile.extent "m"
  %zero = tile.fill 0.0 : f32 : <[m: 64, p: 64], f32, register>
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : <[p, e], bf16> -> <[p: 64, e: 64], bf16, swizzled>
  %o = scf.for %m0 = %c0 to %m step %c64 iter_args(%acc = %zero) -> (!tile.tile<[m: 64, p: 64], f32, register>) {
    %k = tile.load %K[%m0, %c0] dims ["m", "e"] {stages = 2 : i64} : <[m, e], bf16> -> <[m: 64, e: 64], bf16, swizzled>
    %r = tile.contract %k, %q, %acc over ["e"] : <[m: 64, e: 64], bf16, swizzled>, <[p: 64, e: 64], bf16, swizzled>, !tile.tile<[m: 64, p: 64], f32, register> -> <[m: 64, p: 64], f32, register>
    scf.yield %r : !tile.tile<[m: 64, p: 64], f32, register>
  }
}

/// Two products of 80 multiply-adds for an exponential: they take longer than it
/// (128). The branch is taken early, and in a kernel whose blocks stay warpgroups
/// start one after another.

// CHECK-LABEL: tile.kernel @early
//       CHECK:   stage = 1
// MARKED-LABEL: tile.kernel @early
//       MARKED:   scf.if
//       MARKED:   } {tile.early}
//       MARKED:   } {tile.ping_pong}
tile.kernel @early grid(%p0 = p: 128) lanes p
    (%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>)
    attributes {persistent, ranks = [], roles = array<i64: 40, 232>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c63 = arith.constant 63 : index
  %m = tile.extent "m"
  %zero = tile.fill 0.0 : f32 : <[e: 80, p: 128], f32, register>
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : <[p, e], bf16> -> <[p: 128, e: 80], bf16, swizzled>
  %o = scf.for %m0 = %c0 to %m step %c64 iter_args(%acc = %zero) -> (!tile.tile<[e: 80, p: 128], f32, register>) {
    %last = arith.addi %m0, %c63 : index
    %whole = arith.cmpi slt, %last, %m : index
    %k = tile.load %K[%m0, %c0] dims ["m", "e"] {stages = 2 : i64} : <[m, e], bf16> -> <[m: 64, e: 80], bf16, swizzled>
    %s = tile.contract %k, %q over ["e"] : <[m: 64, e: 80], bf16, swizzled>, <[p: 128, e: 80], bf16, swizzled> -> <[m: 64, p: 128], f32, register>
    %w = scf.if %whole -> (!tile.tile<[m: 64, p: 128], f32, register>) {
      %x = tile.map ranks ["m", "p"] sizes [64, 128] at(%m0, %p0) ins(%s : !tile.tile<[m: 64, p: 128], f32, register>) reducers [] {
      ^bb0(%a: f32):
        %y = math.exp2 %a : f32
        tile.yield %y : f32
      } : <[m: 64, p: 128], f32, register>
      scf.yield %x : !tile.tile<[m: 64, p: 128], f32, register>
    } else {
      scf.yield %s : !tile.tile<[m: 64, p: 128], f32, register>
    }
    %n = tile.convert %w : <[m: 64, p: 128], f32, register> -> <[m: 64, p: 128], bf16, register>
    %r = tile.contract %k, %n, %acc over ["m"] : <[m: 64, e: 80], bf16, swizzled>, <[m: 64, p: 128], bf16, register>, !tile.tile<[e: 80, p: 128], f32, register> -> <[e: 80, p: 128], f32, register>
    scf.yield %r : !tile.tile<[e: 80, p: 128], f32, register>
  }
}

/// With 64 they take as long.

// MARKED-LABEL: tile.kernel @negative_exponentials
//   MARKED-NOT:   tile.early
//       MARKED:   } {tile.ping_pong}
tile.kernel @negative_exponentials grid(%p0 = p: 128) lanes p
    (%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>)
    attributes {persistent, ranks = [], roles = array<i64: 40, 232>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c63 = arith.constant 63 : index
  %m = tile.extent "m"
  %zero = tile.fill 0.0 : f32 : <[e: 64, p: 128], f32, register>
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : <[p, e], bf16> -> <[p: 128, e: 64], bf16, swizzled>
  %o = scf.for %m0 = %c0 to %m step %c64 iter_args(%acc = %zero) -> (!tile.tile<[e: 64, p: 128], f32, register>) {
    %last = arith.addi %m0, %c63 : index
    %whole = arith.cmpi slt, %last, %m : index
    %k = tile.load %K[%m0, %c0] dims ["m", "e"] {stages = 2 : i64} : <[m, e], bf16> -> <[m: 64, e: 64], bf16, swizzled>
    %s = tile.contract %k, %q over ["e"] : <[m: 64, e: 64], bf16, swizzled>, <[p: 128, e: 64], bf16, swizzled> -> <[m: 64, p: 128], f32, register>
    %w = scf.if %whole -> (!tile.tile<[m: 64, p: 128], f32, register>) {
      %x = tile.map ranks ["m", "p"] sizes [64, 128] at(%m0, %p0) ins(%s : !tile.tile<[m: 64, p: 128], f32, register>) reducers [] {
      ^bb0(%a: f32):
        %y = math.exp2 %a : f32
        tile.yield %y : f32
      } : <[m: 64, p: 128], f32, register>
      scf.yield %x : !tile.tile<[m: 64, p: 128], f32, register>
    } else {
      scf.yield %s : !tile.tile<[m: 64, p: 128], f32, register>
    }
    %n = tile.convert %w : <[m: 64, p: 128], f32, register> -> <[m: 64, p: 128], bf16, register>
    %r = tile.contract %k, %n, %acc over ["m"] : <[m: 64, e: 64], bf16, swizzled>, <[m: 64, p: 128], bf16, register>, !tile.tile<[e: 64, p: 128], f32, register> -> <[e: 64, p: 128], f32, register>
    scf.yield %r : !tile.tile<[e: 64, p: 128], f32, register>
  }
}

/// Another turn than the last one may take the other side, and a block has one
/// task.

// MARKED-LABEL: tile.kernel @negative_task
//   MARKED-NOT:   tile.early
//   MARKED-NOT:   tile.ping_pong
tile.kernel @negative_task grid(%p0 = p: 128) lanes p
    (%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>)
    attributes {ranks = [], roles = array<i64: 40, 232>} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c63 = arith.constant 63 : index
  %m = tile.extent "m"
  %zero = tile.fill 0.0 : f32 : <[e: 80, p: 128], f32, register>
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : <[p, e], bf16> -> <[p: 128, e: 80], bf16, swizzled>
  %o = scf.for %m0 = %c0 to %m step %c64 iter_args(%acc = %zero) -> (!tile.tile<[e: 80, p: 128], f32, register>) {
    %last = arith.addi %m0, %c63 : index
    %whole = arith.cmpi slt, %last, %p0 : index
    %k = tile.load %K[%m0, %c0] dims ["m", "e"] {stages = 2 : i64} : <[m, e], bf16> -> <[m: 64, e: 80], bf16, swizzled>
    %s = tile.contract %k, %q over ["e"] : <[m: 64, e: 80], bf16, swizzled>, <[p: 128, e: 80], bf16, swizzled> -> <[m: 64, p: 128], f32, register>
    %w = scf.if %whole -> (!tile.tile<[m: 64, p: 128], f32, register>) {
      %x = tile.map ranks ["m", "p"] sizes [64, 128] at(%m0, %p0) ins(%s : !tile.tile<[m: 64, p: 128], f32, register>) reducers [] {
      ^bb0(%a: f32):
        %y = math.exp2 %a : f32
        tile.yield %y : f32
      } : <[m: 64, p: 128], f32, register>
      scf.yield %x : !tile.tile<[m: 64, p: 128], f32, register>
    } else {
      scf.yield %s : !tile.tile<[m: 64, p: 128], f32, register>
    }
    %n = tile.convert %w : <[m: 64, p: 128], f32, register> -> <[m: 64, p: 128], bf16, register>
    %r = tile.contract %k, %n, %acc over ["m"] : <[m: 64, e: 80], bf16, swizzled>, <[m: 64, p: 128], bf16, register>, !tile.tile<[e: 80, p: 128], f32, register> -> <[e: 80, p: 128], f32, register>
    scf.yield %r : !tile.tile<[e: 80, p: 128], f32, register>
  }
}
