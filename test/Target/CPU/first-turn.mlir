// Tiles that a loop carries and whose first turn knows what they hold.

// RUN: attn-opt %s --cpu-lower-tiles="lanes=8 registers=16" --cse --split-input-file | FileCheck %s

/// Sums that start from the state take it for zeros in the first turn; memory
/// is filled where there is none.
// CHECK-LABEL: llvm.func hidden @sum(
//       CHECK:   %[[EMPTY:.*]] = arith.cmpi sle, %[[END:.*]], %[[BEGIN:.*]] : index
//       CHECK:   scf.if %[[EMPTY]] {
//       CHECK:     scf.for
//       CHECK:       llvm.store
//       CHECK:   scf.for %[[TURN:.*]] = %[[BEGIN]] to %[[END]]
//       CHECK:     %[[FIRST:.*]] = arith.cmpi eq, %[[TURN]], %[[BEGIN]]
//       CHECK:     llvm.call @attn.contract{{.*}}, %[[FIRST]])
//       CHECK: llvm.func internal @attn.contract{{.*}}, %[[IS_FIRST:.*]]: i1)
//       CHECK:   scf.if %[[IS_FIRST]]
//   CHECK-NOT:     llvm.load
//       CHECK:   } else {
//CHECK-COUNT-12:    llvm.load
tile.kernel @sum grid(%p0 = p: 16) lanes p
    (%W: !tile.view<[p, m], f32>, %V: !tile.view<[m, f], f32>, %R: !tile.view<[p, f], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"f", fixed, 48>]} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %zero = tile.fill 0.0 : f32 : !tile.tile<[f: 48, p: 16], f32>
  %m = tile.extent "m"
  %sum = scf.for %m0 = %c0 to %m step %c16 iter_args(%state = %zero) -> (!tile.tile<[f: 48, p: 16], f32>) {
    %w = tile.load %W[%p0, %m0] dims ["p", "m"] : !tile.view<[p, m], f32> -> !tile.tile<[m: 16, p: 16], f32>
    %v = tile.load %V[%m0, %c0] dims ["m", "f"] : !tile.view<[m, f], f32> -> !tile.tile<[m: 16, f: 48], f32>
    %next = tile.contract %v, %w, %state over ["m"] : !tile.tile<[m: 16, f: 48], f32>, !tile.tile<[m: 16, p: 16], f32>, !tile.tile<[f: 48, p: 16], f32> -> !tile.tile<[f: 48, p: 16], f32>
    scf.yield %next : !tile.tile<[f: 48, p: 16], f32>
  }
  tile.store %sum, %R[%p0, %c0] dims ["p", "f"] : !tile.tile<[f: 48, p: 16], f32>, !tile.view<[p, f], f32>
}
tile.program @p(%W: !tile.view<[p, m], f32>, %V: !tile.view<[m, f], f32>) -> (%R: !tile.view<[p, f], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"f", fixed, 48>]} {
  tile.launch @sum(%W, %V, %R) : !tile.view<[p, m], f32>, !tile.view<[m, f], f32>, !tile.view<[p, f], f32>
}

// -----

/// What else reads the state finds it in memory.
// CHECK-LABEL: llvm.func hidden @negative_read(
//   CHECK-NOT:   scf.if
//       CHECK:   scf.for
//       CHECK:     llvm.store
//       CHECK:   scf.for
//       CHECK:     llvm.call @attn.contract
//       CHECK: llvm.func internal @attn.contract
//   CHECK-NOT:   scf.if
//       CHECK: llvm.func
tile.kernel @negative_read grid(%p0 = p: 16) lanes p
    (%W: !tile.view<[p, m], f32>, %V: !tile.view<[m, f], f32>, %R: !tile.view<[p, f], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"f", fixed, 48>]} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %zero = tile.fill 0.0 : f32 : !tile.tile<[f: 48, p: 16], f32>
  %m = tile.extent "m"
  %sum = scf.for %m0 = %c0 to %m step %c16 iter_args(%state = %zero) -> (!tile.tile<[f: 48, p: 16], f32>) {
    %w = tile.load %W[%p0, %m0] dims ["p", "m"] : !tile.view<[p, m], f32> -> !tile.tile<[m: 16, p: 16], f32>
    %v = tile.load %V[%m0, %c0] dims ["m", "f"] : !tile.view<[m, f], f32> -> !tile.tile<[m: 16, f: 48], f32>
    %product = tile.contract %v, %w over ["m"] : !tile.tile<[m: 16, f: 48], f32>, !tile.tile<[m: 16, p: 16], f32> -> !tile.tile<[f: 48, p: 16], f32>
    %next = tile.map ranks ["f", "p"] sizes [48, 16] at(%c0, %p0) ins(%state, %product : !tile.tile<[f: 48, p: 16], f32>, !tile.tile<[f: 48, p: 16], f32>) reducers [] {
    ^bb0(%x: f32, %y: f32):
      %z = arith.maximumf %x, %y : f32
      tile.yield %z : f32
    } : !tile.tile<[f: 48, p: 16], f32>
    scf.yield %next : !tile.tile<[f: 48, p: 16], f32>
  }
  tile.store %sum, %R[%p0, %c0] dims ["p", "f"] : !tile.tile<[f: 48, p: 16], f32>, !tile.view<[p, f], f32>
}
tile.program @p(%W: !tile.view<[p, m], f32>, %V: !tile.view<[m, f], f32>) -> (%R: !tile.view<[p, f], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"f", fixed, 48>]} {
  tile.launch @negative_read(%W, %V, %R) : !tile.view<[p, m], f32>, !tile.view<[m, f], f32>, !tile.view<[p, f], f32>
}
