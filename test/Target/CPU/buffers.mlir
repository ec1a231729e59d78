// RUN: attn-opt %s --cpu-lower-tiles --canonicalize --split-input-file | FileCheck %s

/// What a loop carries stays in its buffer: the product is added to it in
/// place, and its initial value is made there. Three buffers: the carried one,
/// 12 x 32 f32, and the operands'.
// CHECK-LABEL: @in_place
//   CHECK-NOT:   llvm.intr.memcpy
// CHECK-LABEL: @p_host
//       CHECK:   %[[BYTES:.*]] = arith.constant 2240 : i64
//       CHECK:   llvm.call @attnrt_launch({{.*}}, %[[BYTES]])
tile.kernel @in_place grid(%j0 = j: 32) lanes j
    (%A: !tile.view<[i, m], bf16>, %B: !tile.view<[m, j], f32>, %R: !tile.view<[i, j], f32>) attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %c4 = arith.constant 4 : index
  %m = tile.extent "m"
  %zero = tile.fill 0.0 : f32 : !tile.tile<[i: 12, j: 32], f32>
  %sum = scf.for %m0 = %c0 to %m step %c4 iter_args(%s = %zero) -> (!tile.tile<[i: 12, j: 32], f32>) {
    %a = tile.load %A[%c0, %m0] dims ["i", "m"] : !tile.view<[i, m], bf16> -> !tile.tile<[i: 12, m: 4], f32>
    %b = tile.load %B[%m0, %j0] dims ["m", "j"] : !tile.view<[m, j], f32> -> !tile.tile<[m: 4, j: 32], f32>
    %half = tile.map ranks ["i", "j"] sizes [12, 32] at(%c0, %j0) ins(%s : !tile.tile<[i: 12, j: 32], f32>) reducers [] {
    ^bb0(%x: f32):
      %c = arith.constant 0.5 : f32
      %y = arith.mulf %x, %c : f32
      tile.yield %y : f32
    } : !tile.tile<[i: 12, j: 32], f32>
    %next = tile.contract %a, %b, %half over ["m"] : !tile.tile<[i: 12, m: 4], f32>, !tile.tile<[m: 4, j: 32], f32>, !tile.tile<[i: 12, j: 32], f32> -> !tile.tile<[i: 12, j: 32], f32>
    scf.yield %next : !tile.tile<[i: 12, j: 32], f32>
  }
  tile.store %sum, %R[%c0, %j0] dims ["i", "j"] : !tile.tile<[i: 12, j: 32], f32>, !tile.view<[i, j], f32>
}
tile.program @p(%A: !tile.view<[i, m], bf16>, %B: !tile.view<[m, j], f32>) -> (%R: !tile.view<[i, j], f32>)
    attributes {ranks = [#attn.rank<"i", free, 0>, #attn.rank<"j", free, 0>, #attn.rank<"m", free, 0>]} {
  tile.launch @in_place(%A, %B, %R) : !tile.view<[i, m], bf16>, !tile.view<[m, j], f32>, !tile.view<[i, j], f32>
}

// -----

/// Two tiles change places, through buffers of their own.
// CHECK-LABEL: @swap
//       CHECK:   scf.for
// CHECK-COUNT-4:   "llvm.intr.memcpy"
//       CHECK:   }
tile.kernel @swap grid(%j0 = j: 16) lanes j
    (%A: !tile.view<[j], f32>, %B: !tile.view<[j], f32>, %R: !tile.view<[j], f32>) attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = tile.extent "m"
  %a = tile.load %A[%j0] dims ["j"] : !tile.view<[j], f32> -> !tile.tile<[j: 16], f32>
  %b = tile.load %B[%j0] dims ["j"] : !tile.view<[j], f32> -> !tile.tile<[j: 16], f32>
  %r:2 = scf.for %i = %c0 to %m step %c1 iter_args(%x = %a, %y = %b) -> (!tile.tile<[j: 16], f32>, !tile.tile<[j: 16], f32>) {
    scf.yield %y, %x : !tile.tile<[j: 16], f32>, !tile.tile<[j: 16], f32>
  }
  tile.store %r#0, %R[%j0] dims ["j"] : !tile.tile<[j: 16], f32>, !tile.view<[j], f32>
}
tile.program @p(%A: !tile.view<[j], f32>, %B: !tile.view<[j], f32>) -> (%R: !tile.view<[j], f32>)
    attributes {ranks = [#attn.rank<"j", free, 0>, #attn.rank<"m", free, 0>]} {
  tile.launch @swap(%A, %B, %R) : !tile.view<[j], f32>, !tile.view<[j], f32>, !tile.view<[j], f32>
}
