// RUN: attn-opt %s --nvptx-specialise=stages=3 --split-input-file --verify-diagnostics | FileCheck %s
// RUN: attn-opt %s --nvptx-specialise="stages=3 persistent=true" --split-input-file | FileCheck %s --check-prefix=AHEAD
// RUN: attn-opt %s --nvptx-specialise="stages=3 persistent=true shared-bytes=65536" --split-input-file | FileCheck %s --check-prefix=SMALL

/// What products alone read is loaded by another role, the operand with the
/// lanes too; a product takes it from there instead of from registers.
// CHECK-LABEL: tile.kernel @stream
//  CHECK-SAME:   lanes p
//       CHECK:   roles = array<i64: 40, 232>
//       CHECK:   %[[Q:.*]] = tile.load %Q{{.*}} -> <[p: 128, e: 64], bf16, swizzled>
//   CHECK-NOT:   tile.convert
//       CHECK:   scf.for
//       CHECK:     %[[K:.*]] = tile.load %K{{.*}} {stages = 3 : i64} : {{.*}} -> <[m: 64, e: 64], bf16, swizzled>
//       CHECK:     tile.contract %[[K]], %[[Q]] over ["e"]
///
/// In blocks that take tasks in turn the next one's queries come ahead, too,
/// where there is room for them: 48 KB and the ring's 24.
//       AHEAD: tile.load %Q{{.*}} {stages = 3 : i64} : {{.*}} swizzled>
//       AHEAD: scf.for
//       SMALL: tile.load %Q
//   SMALL-NOT:   stages
//       SMALL: scf.for
//       SMALL:   tile.load %K{{.*}} {stages = 3 : i64} : {{.*}} swizzled>
tile.kernel @stream grid(%p0 = p: 128) lanes p
    (%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %m = tile.extent "m"
  %zero = tile.fill 0.0 : f32 : <[p: 128], f32, register>
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : <[p, e], bf16> -> <[p: 128, e: 64], bf16>
  %qr = tile.convert %q : <[p: 128, e: 64], bf16> -> <[p: 128, e: 64], bf16, register>
  %o = scf.for %m0 = %c0 to %m step %c64 iter_args(%acc = %zero) -> (!tile.tile<[p: 128], f32, register>) {
    %k = tile.load %K[%m0, %c0] dims ["m", "e"] {stages = 2 : i64} : <[m, e], bf16> -> <[m: 64, e: 64], bf16>
    %s = tile.contract %k, %qr over ["e"] {unit = #tile.unit<matrix>} : <[m: 64, e: 64], bf16>, <[p: 128, e: 64], bf16, register> -> <[m: 64, p: 128], f32, register>
    %w = tile.map ranks ["m", "p"] sizes [64, 128] at(%m0, %p0) ins(%s : !tile.tile<[m: 64, p: 128], f32, register>) acc(%acc : !tile.tile<[p: 128], f32, register>) reducers [#attn.reduce<add "m">] {
    ^bb0(%x: f32):
      tile.yield %x : f32
    } : <[p: 128], f32, register>
    scf.yield %w : !tile.tile<[p: 128], f32, register>
  }
}

// -----

/// A warp or two are no warpgroup.
// CHECK-LABEL: tile.kernel @negative_few_lanes
//   CHECK-NOT:   roles
//   CHECK-NOT:   swizzled
tile.kernel @negative_few_lanes grid(%p0 = p: 16) lanes p
    (%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : <[p, e], bf16> -> <[p: 16, e: 64], bf16>
  %k = tile.load %K[%c0, %c0] dims ["m", "e"] : <[m, e], bf16> -> <[m: 64, e: 64], bf16>
  %s = tile.contract %k, %q over ["e"] {unit = #tile.unit<matrix>} : <[m: 64, e: 64], bf16>, <[p: 16, e: 64], bf16> -> <[m: 64, p: 16], f32, register>
}

// -----

/// What a map reads too stays where it can, and with it the product.
// CHECK-LABEL: tile.kernel @negative_read_by_map
//   CHECK-NOT:   swizzled
// expected-remark @+1 {{`negative_read_by_map` multiplies warp by warp: no operand is a tile of a tensor that products alone read}}
tile.kernel @negative_read_by_map grid(%p0 = p: 128) lanes p
    (%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : <[p, e], bf16> -> <[p: 128, e: 64], bf16>
  %k = tile.load %K[%c0, %c0] dims ["m", "e"] : <[m, e], bf16> -> <[m: 64, e: 64], bf16>
  %s = tile.contract %k, %q over ["e"] {unit = #tile.unit<matrix>} : <[m: 64, e: 64], bf16>, <[p: 128, e: 64], bf16> -> <[m: 64, p: 128], f32, register>
  %n = tile.map ranks ["m", "e"] sizes [64, 64] at(%c0, %c0) ins(%k : !tile.tile<[m: 64, e: 64], bf16>) reducers [#attn.reduce<add "e">] {
  ^bb0(%x: bf16):
    %y = arith.extf %x : bf16 to f32
    tile.yield %y : f32
  } : <[m: 64], f32>
}
