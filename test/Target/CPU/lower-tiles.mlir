// RUN: attn-opt %s --cpu-lower-tiles --cse | FileCheck %s
// RUN: attn-opt %s --cpu-lower-tiles="lanes=8 registers=16 cpu=x86-64-v3 suffix=_avx2" | FileCheck %s --check-prefix=AVX2
// RUN: attn-opt %s --tile-to-llvm-cpu | FileCheck %s --check-prefix=LLVM

// CHECK: llvm.func @attnrt_launch(!llvm.ptr, !llvm.ptr, !llvm.ptr, i64, i64) -> i32

/// The last grid rank runs fastest.
// CHECK-LABEL: llvm.func hidden @product(
//  CHECK-SAME:   %{{.*}}: !llvm.ptr {llvm.noalias, llvm.noundef, llvm.readonly}, %[[TASK:.*]]: i64, %[[SCRATCH:.*]]: !llvm.ptr {llvm.align = 64 : i64, llvm.noalias, llvm.noundef})
//   CHECK-DAG:   arith.remui %[[TASK]]
//   CHECK-DAG:   arith.divui %[[TASK]]

/// What a contraction only broadcasts is used where the view has it; else it is
/// copied to scratch. The other two tiles are of one form.
//       CHECK:   %[[A:.*]] = arith.select %[[IN_PLACE:[0-9]+]], {{.*}} : !llvm.ptr
//       CHECK:   scf.if %[[IN_PLACE]] {
//  CHECK-NEXT:   } else {
//       CHECK:     llvm.call @[[LOAD_A:attn.load.[0-9]+]]
//       CHECK:   llvm.call @[[LOAD:attn.load.[0-9]+]](
//       CHECK:   llvm.call @[[LOAD]](

/// The map is computed as the contraction loads what it starts from. What is
/// stored is written to the view, if the caller wants it and the lanes are one
/// after the other, else to scratch and moved.
//   CHECK-NOT:   arith.mulf
//       CHECK:   %[[WANTED:.*]] = llvm.icmp "ne"
//       CHECK:   %[[WRITTEN:.*]] = arith.andi %[[WANTED]],
//       CHECK:   arith.select %[[WRITTEN]], {{.*}} : !llvm.ptr
//       CHECK:   llvm.call @[[CONTRACT:attn.contract.[0-9]+]]({{.*}}, %[[A]],
//       CHECK:   %[[LEFT:.*]] = arith.xori %[[WRITTEN]],
//       CHECK:   %[[MOVES:.*]] = arith.andi %[[WANTED]], %[[LEFT]]
//       CHECK:   scf.if %[[MOVES]] {
//       CHECK:     llvm.call @attn.store
//       CHECK:   llvm.return

// CHECK: llvm.func internal @[[LOAD]](
// CHECK: llvm.intr.masked.load

/// 12 rows of a panel's 2 vectors, 4 coordinates of c in a step.
//          CHECK: llvm.func internal @[[CONTRACT]](
//   CHECK-COUNT-24: arith.mulf {{.*}} : vector<16xf32>
//          CHECK: scf.for {{.*}} iter_args
//   CHECK-COUNT-96: math.fma
//      CHECK-NOT: math.fma
//          CHECK: scf.yield

tile.kernel @product grid(%b0 = b, %j0 = j: 32) lanes j
    (%A: !tile.view<[b, i, c], f32>, %B: !tile.view<[b, c, j], f32>, %S: !tile.view<[b, i, j], f32>, %R: !tile.view<[b, i, j], f32>)
    attributes {ranks = [#attn.rank<"c", fixed, 12>]} {
  %c0 = arith.constant 0 : index
  %a = tile.load %A[%b0, %c0, %c0] dims ["", "i", "c"] : !tile.view<[b, i, c], f32> -> !tile.tile<[i: 12, c: 12], f32>
  %b = tile.load %B[%b0, %c0, %j0] dims ["", "c", "j"] : !tile.view<[b, c, j], f32> -> !tile.tile<[c: 12, j: 32], f32>
  %s = tile.load %S[%b0, %c0, %j0] dims ["", "i", "j"] : !tile.view<[b, i, j], f32> -> !tile.tile<[i: 12, j: 32], f32>
  %acc = tile.map ranks ["i", "j"] sizes [12, 32] at(%c0, %j0) ins(%s : !tile.tile<[i: 12, j: 32], f32>) reducers [] {
  ^bb0(%x: f32):
    %y = arith.mulf %x, %x : f32
    tile.yield %y : f32
  } : !tile.tile<[i: 12, j: 32], f32>
  %r = tile.contract %a, %b, %acc over ["c"] : !tile.tile<[i: 12, c: 12], f32>, !tile.tile<[c: 12, j: 32], f32>, !tile.tile<[i: 12, j: 32], f32> -> !tile.tile<[i: 12, j: 32], f32>
  tile.store %r, %R[%b0, %c0, %j0] dims ["", "i", "j"] : !tile.tile<[i: 12, j: 32], f32>, !tile.view<[b, i, j], f32>
}

// CHECK-LABEL: llvm.func hidden @p_workspace(
// CHECK-LABEL: llvm.func hidden @p_host(
//       CHECK:   %[[KERNEL:.*]] = llvm.mlir.addressof @product
//       CHECK:   llvm.call @attnrt_launch({{.*}}, %[[KERNEL]],
tile.program @p(%A: !tile.view<[b, i, c], f32>, %B: !tile.view<[b, c, j], f32>, %S: !tile.view<[b, i, j], f32>) -> (%R: !tile.view<[b, i, j], f32>)
    attributes {ranks = [#attn.rank<"b", free, 0>, #attn.rank<"i", free, 0>, #attn.rank<"j", free, 0>, #attn.rank<"c", free, 0>]} {
  tile.launch @product(%A, %B, %S, %R) : !tile.view<[b, i, c], f32>, !tile.view<[b, c, j], f32>, !tile.view<[b, i, j], f32>, !tile.view<[b, i, j], f32>
}

/// Vectors of 8, and every function carries its level.
// AVX2: llvm.func hidden @product_avx2(
// AVX2-SAME: prefer_vector_width = "256", target_cpu = "x86-64-v3"
// AVX2: vector<8xf32>
// AVX2-NOT: vector<16x
// AVX2: llvm.mlir.addressof @product_avx2

/// Nothing but the llvm dialect is left.
// LLVM: llvm.func hidden @product
// LLVM-NOT: {{(scf|arith|vector|math|tile|cf)\.[a-z]}}
