// RUN: attn-opt %s --nvptx-merge-branches | FileCheck %s

/// The product that both branches begin with and the one that they end with
/// come once; what differs stays, and is what the branch gives.
// CHECK-LABEL: tile.kernel @both
//       CHECK:   %[[S:.*]] = tile.contract %{{.*}} over ["e"]
//       CHECK:   %[[W:.*]] = scf.if {{.*}} -> (!tile.tile<[m: 64, p: 64], f32, register>) {
//       CHECK:     arith.addf
//       CHECK:     scf.yield
//       CHECK:   } else {
//       CHECK:     arith.mulf
//       CHECK:     scf.yield
//       CHECK:   }
//       CHECK:   %[[N:.*]] = tile.convert %[[W]]
//       CHECK:   tile.contract %{{.*}}, %[[N]] over ["m"]
//   CHECK-NOT:   tile.contract
tile.kernel @both grid(%p0 = p: 64) lanes p
    (%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>)
    attributes {ranks = [], roles = array<i64: 56, 256>} {
  %c0 = arith.constant 0 : index
  %every = arith.cmpi slt, %p0, %c0 : index
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : <[p, e], bf16> -> <[p: 64, e: 64], bf16, swizzled>
  %k = tile.load %K[%c0, %c0] dims ["m", "e"] : <[m, e], bf16> -> <[m: 64, e: 64], bf16, swizzled>
  %o = scf.if %every -> (!tile.tile<[e: 64, p: 64], f32, register>) {
    %s = tile.contract %k, %q over ["e"] : <[m: 64, e: 64], bf16, swizzled>, <[p: 64, e: 64], bf16, swizzled> -> <[m: 64, p: 64], f32, register>
    %w = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%s : !tile.tile<[m: 64, p: 64], f32, register>) reducers [] {
    ^bb0(%x: f32):
      %y = arith.addf %x, %x : f32
      tile.yield %y : f32
    } : <[m: 64, p: 64], f32, register>
    %n = tile.convert %w : <[m: 64, p: 64], f32, register> -> <[m: 64, p: 64], bf16, register>
    %r = tile.contract %k, %n over ["m"] : <[m: 64, e: 64], bf16, swizzled>, <[m: 64, p: 64], bf16, register> -> <[e: 64, p: 64], f32, register>
    scf.yield %r : !tile.tile<[e: 64, p: 64], f32, register>
  } else {
    %s = tile.contract %k, %q over ["e"] : <[m: 64, e: 64], bf16, swizzled>, <[p: 64, e: 64], bf16, swizzled> -> <[m: 64, p: 64], f32, register>
    %w = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%s : !tile.tile<[m: 64, p: 64], f32, register>) reducers [] {
    ^bb0(%x: f32):
      %y = arith.mulf %x, %x : f32
      tile.yield %y : f32
    } : <[m: 64, p: 64], f32, register>
    %n = tile.convert %w : <[m: 64, p: 64], f32, register> -> <[m: 64, p: 64], bf16, register>
    %r = tile.contract %k, %n over ["m"] : <[m: 64, e: 64], bf16, swizzled>, <[m: 64, p: 64], bf16, register> -> <[e: 64, p: 64], f32, register>
    scf.yield %r : !tile.tile<[e: 64, p: 64], f32, register>
  }
  tile.store %o, %Q[%p0, %c0] dims ["p", "e"] : <[e: 64, p: 64], f32, register>, <[p, e], bf16>
}

/// The producer's load goes to the branch that reads its tile.
// CHECK-LABEL: tile.kernel @load
//   CHECK-NOT:   tile.load %K
//       CHECK:   scf.if
//  CHECK-NEXT:     tile.load %K
tile.kernel @load grid(%p0 = p: 64) lanes p
    (%K: !tile.view<[m, e], bf16>)
    attributes {ranks = [], roles = array<i64: 56, 256>} {
  %c0 = arith.constant 0 : index
  %some = arith.cmpi slt, %p0, %c0 : index
  %zero = tile.fill 0.0 : f32 : <[m: 64, p: 64], f32, register>
  %k = tile.load %K[%c0, %c0] dims ["m", "e"] : <[m, e], bf16> -> <[m: 64, e: 64], bf16, swizzled>
  %q = tile.load %K[%p0, %c0] dims ["p", "e"] : <[m, e], bf16> -> <[p: 64, e: 64], bf16, swizzled>
  %s = scf.if %some -> (!tile.tile<[m: 64, p: 64], f32, register>) {
    %r = tile.contract %k, %q over ["e"] : <[m: 64, e: 64], bf16, swizzled>, <[p: 64, e: 64], bf16, swizzled> -> <[m: 64, p: 64], f32, register>
    scf.yield %r : !tile.tile<[m: 64, p: 64], f32, register>
  } else {
    scf.yield %zero : !tile.tile<[m: 64, p: 64], f32, register>
  }
}
