// Contractions on AMX tiles.

// RUN: attn-opt %s --cpu-lower-tiles=tiles=true --cse | FileCheck %s

/// Rows of pairs: two vectors rounded at once and interleaved.
// CHECK-LABEL: llvm.func hidden @product(
//         CHECK:   scf.for
//         CHECK:   %[[HALVES:.*]] = llvm.call_intrinsic "llvm.x86.avx512bf16.cvtne2ps2bf16.512"
//         CHECK:   %[[BITS:.*]] = vector.bitcast %[[HALVES]]
//         CHECK:   vector.shuffle %[[BITS]], %[[BITS]] [0, 16, 1, 17,

/// What the sums start from is scaled where it lies.
//         CHECK:   arith.mulf {{.*}} : vector<16xf32>
//         CHECK:   llvm.call @[[MATRIX:attn.matrix.[0-9]+]](

/// One by two registers of 16 rows: 48 coordinates of c are a step of 32 and
/// one of 16, which has registers of its own. The last 4 of 36 rows have a
/// routine of their own.
//         CHECK: llvm.call @[[LAST:attn.matrix.[0-9]+]](
//         CHECK: llvm.func internal @[[MATRIX]](
//         CHECK:   scf.for
// CHECK-COUNT-5: tileloadd64
// CHECK-COUNT-2: tdpbf16ps
// CHECK-COUNT-3: tileloadd64
// CHECK-COUNT-2: tdpbf16ps
// CHECK-COUNT-2: tilestored64
//     CHECK-NOT: tdpbf16ps
//         CHECK: llvm.func internal @[[LAST]](
// CHECK-COUNT-4: tdpbf16ps
// CHECK-COUNT-2: tilestored64
//     CHECK-NOT: tdpbf16ps

tile.kernel @product grid(%j0 = j: 32) lanes j
    (%A: !tile.view<[i, c], bf16>, %B: !tile.view<[c, j], f32>, %S: !tile.view<[i, j], f32>, %R: !tile.view<[i, j], f32>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %a = tile.load %A[%c0, %c0] dims ["i", "c"] : !tile.view<[i, c], bf16> -> !tile.tile<[i: 36, c: 48], bf16>
  %b = tile.load %B[%c0, %j0] dims ["c", "j"] : !tile.view<[c, j], f32> -> !tile.tile<[c: 48, j: 32], f32>
  %n = tile.convert %b : !tile.tile<[c: 48, j: 32], f32> -> !tile.tile<[c: 48, j: 32], bf16>
  %s = tile.load %S[%c0, %j0] dims ["i", "j"] : !tile.view<[i, j], f32> -> !tile.tile<[i: 36, j: 32], f32>
  %acc = tile.map ranks ["i", "j"] sizes [36, 32] at(%c0, %j0) ins(%s : !tile.tile<[i: 36, j: 32], f32>) reducers [] {
  ^bb0(%x: f32):
    %y = arith.mulf %x, %x : f32
    tile.yield %y : f32
  } : !tile.tile<[i: 36, j: 32], f32>
  %r = tile.contract %a, %n, %acc over ["c"] : !tile.tile<[i: 36, c: 48], bf16>, !tile.tile<[c: 48, j: 32], bf16>, !tile.tile<[i: 36, j: 32], f32> -> !tile.tile<[i: 36, j: 32], f32>
  tile.store %r, %R[%c0, %j0] dims ["i", "j"] : !tile.tile<[i: 36, j: 32], f32>, !tile.view<[i, j], f32>
}

/// Rows of fours; 80 coordinates of c are a step of 64 and one of 16.
//   CHECK-LABEL: llvm.func hidden @integers(
//         CHECK:   scf.for
// CHECK-COUNT-3:   arith.andi %{{.*}} : vector<16xi32>
//         CHECK:   arith.shli
//         CHECK:   llvm.call @[[INTEGERS:attn.matrix.[0-9]+]](
//         CHECK: llvm.func internal @[[INTEGERS]](
// CHECK-COUNT-2: tdpbssd
//     CHECK-NOT: tdpbssd
tile.kernel @integers grid(%j0 = j: 16) lanes j
    (%A: !tile.view<[i, c], i8>, %B: !tile.view<[c, j], i8>, %R: !tile.view<[i, j], i32>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %a = tile.load %A[%c0, %c0] dims ["i", "c"] : !tile.view<[i, c], i8> -> !tile.tile<[i: 16, c: 80], i8>
  %b = tile.load %B[%c0, %j0] dims ["c", "j"] : !tile.view<[c, j], i8> -> !tile.tile<[c: 80, j: 16], i32>
  %n = tile.convert %b : !tile.tile<[c: 80, j: 16], i32> -> !tile.tile<[c: 80, j: 16], i8>
  %r = tile.contract %a, %n over ["c"] : !tile.tile<[i: 16, c: 80], i8>, !tile.tile<[c: 80, j: 16], i8> -> !tile.tile<[i: 16, j: 16], i32>
  tile.store %r, %R[%c0, %j0] dims ["i", "j"] : !tile.tile<[i: 16, j: 16], i32>, !tile.view<[i, j], i32>
}

tile.program @q(%A: !tile.view<[i, c], i8>, %B: !tile.view<[c, j], i8>) -> (%R: !tile.view<[i, j], i32>)
    attributes {ranks = [#attn.rank<"i", free, 0>, #attn.rank<"j", free, 0>, #attn.rank<"c", free, 0>]} {
  tile.launch @integers(%A, %B, %R) : !tile.view<[i, c], i8>, !tile.view<[c, j], i8>, !tile.view<[i, j], i32>
}

tile.program @p(%A: !tile.view<[i, c], bf16>, %B: !tile.view<[c, j], f32>, %S: !tile.view<[i, j], f32>) -> (%R: !tile.view<[i, j], f32>)
    attributes {ranks = [#attn.rank<"i", free, 0>, #attn.rank<"j", free, 0>, #attn.rank<"c", free, 0>]} {
  tile.launch @product(%A, %B, %S, %R) : !tile.view<[i, c], bf16>, !tile.view<[c, j], f32>, !tile.view<[i, j], f32>, !tile.view<[i, j], f32>
}
