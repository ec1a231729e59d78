// RUN: attn-opt %s --nvptx-lower-tiles --canonicalize --split-input-file | FileCheck %s

// The kernel is in a module of its own and takes the frame by value: threads,
// the extents of i, j and m, then three views.
// CHECK-LABEL: llvm.func @attnrt_launch_gpu(!llvm.ptr, i32, !llvm.ptr, i64) -> i32
//       CHECK: module @device
//       CHECK:   llvm.mlir.global external @attn_shared() {addr_space = 3 : i32, alignment = 128
//       CHECK:   llvm.func @sums(%[[FRAME:.*]]: !llvm.ptr {llvm.align = 8 : i64, llvm.byval = !llvm.array<13 x i64>, nvvm.grid_constant})
//  CHECK-SAME:     attn.shared_bytes = [[BYTES:[0-9]+]] : i64, attn.threads = 256 : i64
//  CHECK-SAME:     nvvm.kernel, nvvm.maxntid = array<i32: 256>
//       CHECK:     nvvm.read.ptx.sreg.tid.x range <i32, 0, 256>
//       CHECK:     nvvm.read.ptx.sreg.ctaid.x
/// What lies outside the view is 0 and is not read.
//       CHECK:     scf.if %{{.*}} -> (i16) {
//       CHECK:       llvm.load %{{.*}} : !llvm.ptr<1> -> i16
//       CHECK:     nvvm.barrier
/// Each thread sums a block of the result.
//       CHECK:     scf.for
//       CHECK:       math.fma
//       CHECK:     nvvm.barrier
//       CHECK: llvm.func hidden @p_workspace
//       CHECK: llvm.func hidden @p_host(%[[CALL:.*]]: !llvm.ptr, %[[F:.*]]: !llvm.ptr,
//       CHECK:   %[[KERNEL:.*]] = arith.constant 0 : i32
//       CHECK:   llvm.call @attnrt_launch_gpu(%[[CALL]], %[[KERNEL]], %[[F]], %{{.*}})
tile.kernel @sums grid(%j0 = j: 64) lanes j
    (%A: !tile.view<[i, m], bf16>, %B: !tile.view<[m, j], f32>, %R: !tile.view<[i, j], f32>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %a = tile.load %A[%c0, %c0] dims ["i", "m"] : <[i, m], bf16> -> <[i: 8, m: 32], f32>
  %b = tile.load %B[%c0, %j0] dims ["m", "j"] : <[m, j], f32> -> <[m: 32, j: 64], f32>
  %r = tile.contract %a, %b over ["m"] : <[i: 8, m: 32], f32>, <[m: 32, j: 64], f32> -> <[i: 8, j: 64], f32>
  tile.store %r, %R[%c0, %j0] dims ["i", "j"] : <[i: 8, j: 64], f32>, <[i, j], f32>
}
tile.program @p(%A: !tile.view<[i, m], bf16>, %B: !tile.view<[m, j], f32>) -> (%R: !tile.view<[i, j], f32>)
    attributes {ranks = [#attn.rank<"i", free, 0>, #attn.rank<"j", free, 0>, #attn.rank<"m", free, 0>]} {
  tile.launch @sums(%A, %B, %R) : !tile.view<[i, m], bf16>, !tile.view<[m, j], f32>, !tile.view<[i, j], f32>
}

// -----

/// A result with few elements is reduced by groups of threads: 256 threads, 64
/// elements, so four threads each, eight lanes of the warp apart.
// CHECK-LABEL: llvm.func @maxima
//       CHECK:   nvvm.shfl.sync bfly {{.*}} : f32 -> f32
//       CHECK:   nvvm.shfl.sync bfly {{.*}} : f32 -> f32
//   CHECK-NOT:   nvvm.shfl
tile.kernel @maxima grid(%j0 = j: 64) lanes j (%A: !tile.view<[m, j], f32>, %R: !tile.view<[j], f32>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %a = tile.load %A[%c0, %j0] dims ["m", "j"] : <[m, j], f32> -> <[m: 32, j: 64], f32>
  %r = tile.map ranks ["m", "j"] sizes [32, 64] at(%c0, %j0) ins(%a : !tile.tile<[m: 32, j: 64], f32>) reducers [#attn.reduce<max "m">] {
  ^bb0(%x: f32):
    tile.yield %x : f32
  } : <[j: 64], f32>
  tile.store %r, %R[%j0] dims ["j"] : <[j: 64], f32>, <[j], f32>
}
tile.program @p(%A: !tile.view<[m, j], f32>) -> (%R: !tile.view<[j], f32>)
    attributes {ranks = [#attn.rank<"j", free, 0>, #attn.rank<"m", free, 0>]} {
  tile.launch @maxima(%A, %R) : !tile.view<[m, j], f32>, !tile.view<[j], f32>
}

// -----

/// The matrix unit's operands: both come in pieces of 16 bytes where strides
/// allow, element by element where not. One warp has 16 lanes; it reads the
/// operand with the lanes once. Threads that hold neighbours along a row store
/// them together where memory has them together.
// CHECK-LABEL: llvm.func @products
//  CHECK-SAME:     attn.threads = 32 : i64
//       CHECK:   scf.if %{{.*}} {
//       CHECK:     nvvm.cp.async.shared.global %{{.*}}, %{{.*}}, 16, cache =  cg, %{{.*}}
//       CHECK:   } else {
//       CHECK:     llvm.load %{{.*}} : !llvm.ptr<1> -> i16
//       CHECK:     llvm.store %{{.*}} : i16, !llvm.ptr<3>
//       CHECK:   nvvm.cp.async.commit.group
//       CHECK:   nvvm.cp.async.wait.group 0
//  CHECK-NEXT:   nvvm.barrier
//       CHECK:   nvvm.ldmatrix %{{.*}} {{{.*}}layout = #nvvm.mma_layout<row>, num = 4
/// The other operand's contracted rank is not the innermost: transposed.
//       CHECK:   nvvm.ldmatrix %{{.*}} {{{.*}}layout = #nvvm.mma_layout<col>, num = 2
//       CHECK:   nvvm.mma.sync A[%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}] B[%{{.*}}, %{{.*}}]
//   CHECK-NOT:   nvvm.mma.sync
//       CHECK:   llvm.store %{{.*}} : vector<2xf32>, !llvm.ptr<1>
tile.kernel @products grid(%j0 = j: 16) lanes j
    (%A: !tile.view<[c, i], bf16>, %B: !tile.view<[j, c], bf16>, %R: !tile.view<[j, i], f32>) attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %a = tile.load %A[%c0, %c0] dims ["c", "i"] : <[c, i], bf16> -> <[c: 16, i: 8], bf16>
  %b = tile.load %B[%j0, %c0] dims ["j", "c"] : <[j, c], bf16> -> <[j: 16, c: 16], bf16>
  %n = tile.convert %b : <[j: 16, c: 16], bf16> -> <[j: 16, c: 16], bf16, register>
  %r = tile.contract %a, %n over ["c"] : <[c: 16, i: 8], bf16>, <[j: 16, c: 16], bf16, register> -> <[i: 8, j: 16], f32, register>
  tile.store %r, %R[%j0, %c0] dims ["j", "i"] : <[i: 8, j: 16], f32, register>, <[j, i], f32>
}
tile.program @p(%A: !tile.view<[c, i], bf16>, %B: !tile.view<[j, c], bf16>) -> (%R: !tile.view<[j, i], f32>)
    attributes {ranks = [#attn.rank<"c", free, 0>, #attn.rank<"i", free, 0>, #attn.rank<"j", free, 0>]} {
  tile.launch @products(%A, %B, %R) : !tile.view<[c, i], bf16>, !tile.view<[j, c], bf16>, !tile.view<[j, i], f32>
}

// -----

/// Where no element needs another one, a thread has its own from the loads to
/// the store, and loads of several turns are on their way together.
// CHECK-LABEL: llvm.func @points
//  CHECK-SAME:     attn.shared_bytes = 0 : i64, attn.threads = 64 : i64
//   CHECK-NOT:   nvvm.barrier
//       CHECK:   scf.for
// CHECK-COUNT-32:   arith.addf
//       CHECK:   scf.for
// CHECK-COUNT-8:   arith.addf
//   CHECK-NOT:   nvvm.barrier
//       CHECK:   llvm.store
tile.kernel @points grid(%j0 = j: 64) lanes j (%A: !tile.view<[m, j], f32>, %R: !tile.view<[j], f32>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = tile.extent "m"
  %zero = tile.fill 0.000000e+00 : f32 : <[j: 64], f32>
  %r = scf.for %i = %c0 to %m step %c1 iter_args(%sum = %zero) -> (!tile.tile<[j: 64], f32>) {
    %a = tile.load %A[%i, %j0] dims ["", "j"] : <[m, j], f32> -> <[j: 64], f32>
    %next = tile.map ranks ["j"] sizes [64] at(%j0) ins(%sum, %a : !tile.tile<[j: 64], f32>, !tile.tile<[j: 64], f32>) reducers [] {
    ^bb0(%x: f32, %y: f32):
      %s = arith.addf %x, %y : f32
      tile.yield %s : f32
    } : <[j: 64], f32>
    scf.yield %next : !tile.tile<[j: 64], f32>
  }
  tile.store %r, %R[%j0] dims ["j"] : <[j: 64], f32>, <[j], f32>
}
tile.program @p(%A: !tile.view<[m, j], f32>) -> (%R: !tile.view<[j], f32>)
    attributes {ranks = [#attn.rank<"j", free, 0>, #attn.rank<"m", free, 0>]} {
  tile.launch @points(%A, %R) : !tile.view<[m, j], f32>, !tile.view<[j], f32>
}
