// Tiles from views and back: what of a move is masked.

// RUN: attn-opt %s --cpu-lower-tiles="lanes=8 registers=16" --cse | FileCheck %s

/// Where the view is contiguous along the lanes: rows of whole tiles have no
/// masks, nor have the vectors of others that are inside.
// CHECK-LABEL: llvm.func internal @attn.store
//       CHECK:   scf.if
//       CHECK:     scf.if
//   CHECK-NOT:       masked
//       CHECK:     } else {
//       CHECK:       scf.for
//       CHECK:         scf.if
//   CHECK-NOT:           masked
//       CHECK:           %[[ROW:.*]] = llvm.load
//  CHECK-NEXT:           llvm.store %[[ROW]], {{.*}} {alignment = 4 : i64} : vector<8xf32>
//       CHECK:         } else {
//       CHECK:           llvm.intr.masked.store

/// Where it is along the other rank: squares of 8 by 8 are transposed. A strip
/// of them that is inside asks for none of them whether it is; of others each
/// that is inside goes without masks.
//          CHECK: scf.for {{.*}} step %c8_i64
//          CHECK: scf.if
//          CHECK: scf.for {{.*}} step %c8_i64
//      CHECK-NOT: {{masked|scf.if}}
//  CHECK-COUNT-8: llvm.store {{.*}} {alignment = 4 : i64} : vector<8xf32>
//          CHECK: } else {
//          CHECK: scf.for {{.*}} step %c8_i64
//          CHECK: scf.if
//      CHECK-NOT: masked
//  CHECK-COUNT-8: llvm.store {{.*}} {alignment = 4 : i64} : vector<8xf32>
//          CHECK: } else {
//  CHECK-COUNT-8: llvm.intr.masked.store
//      CHECK-NOT: masked
//          CHECK: llvm.func
tile.kernel @copy grid(%p0 = p: 64) lanes p
    (%Q: !tile.view<[p, e], f32>, %R: !tile.view<[p, e], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"e", fixed, 16>]} {
  %c0 = arith.constant 0 : index
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : !tile.view<[p, e], f32> -> !tile.tile<[e: 16, p: 64], f32>
  tile.store %q, %R[%p0, %c0] dims ["p", "e"] : !tile.tile<[e: 16, p: 64], f32>, !tile.view<[p, e], f32>
}
tile.program @p(%Q: !tile.view<[p, e], f32>) -> (%R: !tile.view<[p, e], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"e", fixed, 16>]} {
  tile.launch @copy(%Q, %R) : !tile.view<[p, e], f32>, !tile.view<[p, e], f32>
}
