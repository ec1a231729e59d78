// RUN: attn-opt %s --cpu-lower-tiles="prefetch-distance=10" --cse --split-input-file | FileCheck %s
// RUN: attn-opt %s --cpu-lower-tiles="lanes=8 registers=16" --cse --split-input-file | FileCheck %s --check-prefix=AVX2

/// Beside 6 rows of 4 vectors there is room for a row of the right operand and
/// a broadcast. 4 coordinates make a turn, and ask for 4 lines of the rows that
/// follow the block. Of a last panel there are as many vectors as hold its
/// lanes, 3 or 2 if not all; a block of so few, which is rare, asks for nothing
/// and is not unrolled. Rows up to an end are blocks of 6 and 5; where they
/// can't be, 4, 2 and 1 follow.
//             CHECK: llvm.func internal @attn.contract
//             CHECK: iter_args
//     CHECK-COUNT-4:   "llvm.intr.prefetch"{{.*}} rw = 0
//    CHECK-COUNT-96:   math.fma
//         CHECK-NOT:   math.fma
//             CHECK: iter_args
//     CHECK-COUNT-4:   "llvm.intr.prefetch"{{.*}} rw = 0
//    CHECK-COUNT-72:   math.fma
//         CHECK-NOT:   math.fma
//             CHECK: iter_args
//         CHECK-NOT:   rw = 0
//    CHECK-COUNT-12:   math.fma
//         CHECK-NOT:   math.fma
//             CHECK: iter_args
//     CHECK-COUNT-4:   "llvm.intr.prefetch"{{.*}} rw = 0
//    CHECK-COUNT-80:   math.fma
//         CHECK-NOT:   math.fma
//             CHECK: iter_args
//         CHECK-NOT:   rw = 0
//    CHECK-COUNT-15:   math.fma
//         CHECK-NOT:   math.fma
//             CHECK: iter_args
//         CHECK-NOT:   rw = 0
//    CHECK-COUNT-10:   math.fma
//         CHECK-NOT:   math.fma
//             CHECK: iter_args
//     CHECK-COUNT-4:   "llvm.intr.prefetch"{{.*}} rw = 0
//    CHECK-COUNT-64:   math.fma
//         CHECK-NOT:   math.fma
//             CHECK: iter_args
//         CHECK-NOT:   rw = 0
//    CHECK-COUNT-12:   math.fma
//         CHECK-NOT:   math.fma
//             CHECK: iter_args
//         CHECK-NOT:   rw = 0
//     CHECK-COUNT-8:   math.fma
//         CHECK-NOT:   math.fma
//             CHECK: iter_args
//         CHECK-NOT:   rw = 0
//     CHECK-COUNT-8:   math.fma
//         CHECK-NOT:   math.fma
//             CHECK: iter_args
//         CHECK-NOT:   rw = 0
//     CHECK-COUNT-6:   math.fma
//         CHECK-NOT:   math.fma
//             CHECK: iter_args
//         CHECK-NOT:   rw = 0
//     CHECK-COUNT-4:   math.fma
//         CHECK-NOT:   math.fma
//             CHECK: iter_args
//         CHECK-NOT:   rw = 0
//     CHECK-COUNT-4:   math.fma
//         CHECK-NOT:   math.fma
//             CHECK: iter_args
//         CHECK-NOT:   rw = 0
//     CHECK-COUNT-3:   math.fma
//         CHECK-NOT:   math.fma
//             CHECK: iter_args
//         CHECK-NOT:   rw = 0
//     CHECK-COUNT-2:   math.fma
//         CHECK-NOT:   math.fma
//             CHECK: llvm.func

/// 16 registers hold 6 rows of 2 vectors; half a panel is one vector.
//            AVX2: llvm.func internal @attn.contract
//            AVX2: iter_args
//   AVX2-COUNT-4:   "llvm.intr.prefetch"{{.*}} rw = 0
//  AVX2-COUNT-48:   math.fma
//       AVX2-NOT:   math.fma
//            AVX2: scf.yield
//            AVX2: iter_args
//       AVX2-NOT:   rw = 0
//   AVX2-COUNT-6:   math.fma
//       AVX2-NOT:   math.fma
//            AVX2: scf.yield
tile.kernel @rows grid(%j0 = j: 128) lanes j
    (%A: !tile.view<[i, c], f32>, %B: !tile.view<[c, j], f32>, %R: !tile.view<[i, j], f32>)
    attributes {ranks = [#attn.rank<"c", fixed, 64>]} {
  %c0 = arith.constant 0 : index
  %a = tile.load %A[%c0, %c0] dims ["i", "c"] : !tile.view<[i, c], f32> -> !tile.tile<[i: 24, c: 64], f32>
  %b = tile.load %B[%c0, %j0] dims ["c", "j"] : !tile.view<[c, j], f32> -> !tile.tile<[c: 64, j: 128], f32>
  %r = tile.contract %a, %b over ["c"] : !tile.tile<[i: 24, c: 64], f32>, !tile.tile<[c: 64, j: 128], f32> -> !tile.tile<[i: 24, j: 128], f32>
  tile.store %r, %R[%c0, %j0] dims ["i", "j"] : !tile.tile<[i: 24, j: 128], f32>, !tile.view<[i, j], f32>
}
tile.program @p(%A: !tile.view<[i, c], f32>, %B: !tile.view<[c, j], f32>)
    -> (%R: !tile.view<[i, j], f32>)
    attributes {ranks = [#attn.rank<"i", free, 0>, #attn.rank<"j", free, 0>, #attn.rank<"c", fixed, 64>]} {
  tile.launch @rows(%A, %B, %R) : !tile.view<[i, c], f32>, !tile.view<[c, j], f32>, !tile.view<[i, j], f32>
}

// -----

/// Where the rows of a coordinate lie side by side, a turn asks for those of
/// the coordinates 10 to 13 later: 24 bytes of each, in one or two lines. Rows
/// of 24 are 32 apart.
//           CHECK: llvm.func internal @attn.contract
//           CHECK: scf.for %[[C:[a-z0-9]+]] = {{.*}} iter_args
//           CHECK:   %[[TEN:.*]] = arith.constant 320 : i64
//      CHECK-NEXT:   %[[LATER:.*]] = llvm.getelementptr {{.*}}[%[[TEN]]]
//      CHECK-NEXT:   "llvm.intr.prefetch"(%[[LATER]])
//   CHECK-COUNT-7:   "llvm.intr.prefetch"{{.*}} rw = 0
//       CHECK-NOT:   rw = 0
// CHECK-COUNT-96:   math.fma
//      CHECK-NOT:   math.fma
//           CHECK: scf.for

tile.kernel @columns grid(%j0 = j: 128) lanes j
    (%A: !tile.view<[c, i], f32>, %B: !tile.view<[c, j], f32>, %R: !tile.view<[i, j], f32>)
    attributes {ranks = [#attn.rank<"i", fixed, 24>]} {
  %c0 = arith.constant 0 : index
  %a = tile.load %A[%c0, %c0] dims ["c", "i"] : !tile.view<[c, i], f32> -> !tile.tile<[c: 64, i: 24], f32>
  %b = tile.load %B[%c0, %j0] dims ["c", "j"] : !tile.view<[c, j], f32> -> !tile.tile<[c: 64, j: 128], f32>
  %r = tile.contract %a, %b over ["c"] : !tile.tile<[c: 64, i: 24], f32>, !tile.tile<[c: 64, j: 128], f32> -> !tile.tile<[i: 24, j: 128], f32>
  tile.store %r, %R[%c0, %j0] dims ["i", "j"] : !tile.tile<[i: 24, j: 128], f32>, !tile.view<[i, j], f32>
}
tile.program @p(%A: !tile.view<[c, i], f32>, %B: !tile.view<[c, j], f32>)
    -> (%R: !tile.view<[i, j], f32>)
    attributes {ranks = [#attn.rank<"i", fixed, 24>, #attn.rank<"j", free, 0>, #attn.rank<"c", free, 0>]} {
  tile.launch @columns(%A, %B, %R) : !tile.view<[c, i], f32>, !tile.view<[c, j], f32>, !tile.view<[i, j], f32>
}
