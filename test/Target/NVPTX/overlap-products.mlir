// RUN: attn-opt %s --nvptx-overlap-products | FileCheck %s

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
