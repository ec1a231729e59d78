// RUN: attn-opt %s --split-input-file --pass-pipeline="builtin.module(attn.cascade(attn-form-nests,attn-one-pass),attn-partition{target=x86-64-v4},cse,canonicalize,cse)" | FileCheck %s
// RUN: attn-opt %s --split-input-file --pass-pipeline="builtin.module(attn.cascade(attn-form-nests,attn-one-pass),attn-partition{target=x86-64-v3},cse,canonicalize,cse)" | FileCheck %s --check-prefix=AVX2

/// The lane rank is the innermost parallel rank. A long stream with few tasks
/// is split and merged, few lanes take narrow tiles, the rest wide ones.
// CHECK-LABEL: tile.kernel @best_0
//  CHECK-SAME:   grid(%split0 = split, %b0 = b, %p0 = p: 16) lanes p
// CHECK-LABEL: tile.kernel @best_1
//       CHECK:   scf.for {{.*}} iter_args
//       CHECK:     tile.load %ws
/// Few coordinates of the lane rank, or one: the streamed rank is the lanes.
// CHECK-LABEL: tile.kernel @best_2
//  CHECK-SAME:   grid(%split0 = split, %b0 = b, %p0 = p: 8) lanes m
// CHECK-LABEL: tile.kernel @best_3
//  CHECK-SAME:   grid(%split0 = split, %b0 = b, %p0 = p) lanes m
// CHECK-LABEL: tile.kernel @best_4
//  CHECK-SAME:   %p0 = p: {{128|256}}) lanes p
//       CHECK:   scf.for
/// Whole tiles have no filter, the last one has the rank's end.
//       CHECK:     %{{.*}}, %[[EVERY:.*]] = tile.test
//       CHECK:     scf.if %[[EVERY]]
//   CHECK-NOT:       arith.cmpi
//       CHECK:     } else {
//       CHECK:       arith.cmpi slt
// CHECK-LABEL: tile.program @best
//       CHECK:   tile.extent "threads"
//       CHECK:   tile.workspace if %{{.*}} : <[split, b, p], f32>
//       CHECK:   scf.if
//       CHECK:     %[[ONE:.*]] = arith.cmpi eq, %{{.*}}, %c1
//       CHECK:     scf.if %[[ONE]]
//       CHECK:       tile.launch @best_3
//       CHECK:       tile.launch @best_1
//       CHECK:     } else {
//       CHECK:       %[[FEW:.*]] = arith.cmpi sle, %{{.*}}, %c8
//       CHECK:       scf.if %[[FEW]]
//       CHECK:         tile.launch @best_2
//       CHECK:         tile.launch @best_1
//       CHECK:       } else {
//       CHECK:         tile.launch @best_0
//       CHECK:         tile.launch @best_1
//       CHECK:   } else {
//       CHECK:     scf.if
//       CHECK:       tile.launch @best_7
//       CHECK:     } else {
//       CHECK:       scf.if
//       CHECK:         tile.launch @best_6
//       CHECK:       } else {
//       CHECK:         scf.if
//       CHECK:           tile.launch @best_5
//       CHECK:         } else {
//       CHECK:           tile.launch @best_4

/// Where as many lanes as a vector has are rows instead, more take wide tiles.
//  AVX2-LABEL: tile.program @best
//        AVX2:   %[[WIDE:.*]] = arith.cmpi sle, %{{.*}}, %c8
//        AVX2:   scf.if %[[WIDE]]
//        AVX2:     tile.launch @best_5
//        AVX2:   } else {
//   AVX2-NEXT:     tile.launch @best_4
attn.cascade @best(%Q: !attn.tensor<[b, p, e], f32>, %K: !attn.tensor<[b, m, e], f32>) -> !attn.tensor<[b, p], f32>
    ranks(b, p, m, e = 64) {
  %S = attn.einsum [b, p, m] = %Q[b, p, e] * %K[b, m, e]
  %M = attn.einsum [b, p] = %S[b, p, m] reduce(max m)
  attn.yield %M
}

// -----

/// Heads that share their keys are the lanes where they are more than the
/// queries, or rows beside keys where they are few: a key is read once for all
/// of them.
// CHECK-LABEL: tile.kernel @shared_4
//  CHECK-SAME:   grid(%split0 = split, %k0 = k, %g0 = g: 16, %p0 = p) lanes g
//       CHECK:   tile.load %K[{{.*}}] dims ["", "m", "e"]
// CHECK-LABEL: tile.kernel @shared_6
//  CHECK-SAME:   grid(%split0 = split, %k0 = k, %g0 = g: 8, %p0 = p) lanes m
// CHECK-LABEL: tile.kernel @shared_11
//  CHECK-SAME:   grid(%k0 = k, %g0 = g: 16, %p0 = p) lanes g
// CHECK-LABEL: tile.kernel @shared_12
//  CHECK-SAME:   grid(%k0 = k, %g0 = g: 8, %p0 = p) lanes m
// CHECK-LABEL: tile.program @shared
//       CHECK:   %[[P:.*]] = tile.extent "p"
//       CHECK:   %[[G:.*]] = tile.extent "g"
//       CHECK:   %[[PACKED:.*]] = arith.cmpi slt, %[[P]], %[[G]]
//       CHECK:     scf.if %[[PACKED]]
//       CHECK:       %[[FEW:.*]] = arith.cmpi sle, %[[G]], %c8
//       CHECK:       scf.if %[[FEW]]
//       CHECK:         tile.launch @shared_6
//       CHECK:         tile.launch @shared_5
//       CHECK:         tile.launch @shared_4
//       CHECK:         tile.launch @shared_5
//       CHECK:     scf.if %[[PACKED]]
//       CHECK:       tile.launch @shared_12
//       CHECK:       tile.launch @shared_11
attn.cascade @shared(%Q: !attn.tensor<[h, p, e], f32>, %K: !attn.tensor<[k, m, e], f32>) -> !attn.tensor<[h, p], f32>
    ranks(k, g, h = k * g, p, m, e = 64) {
  %S = attn.einsum [k, g, p, m] = %Q[(k, g), p, e] * %K[k, m, e]
  %M = attn.einsum [(k, g), p] = %S[k, g, p, m] reduce(max m)
  attn.yield %M
}

// -----

/// With keys of its own each head stays a task.
//   CHECK-NOT: tile.kernel @negative_not_shared{{.*}} lanes g
// CHECK-LABEL: tile.program @negative_not_shared
attn.cascade @negative_not_shared(%Q: !attn.tensor<[h, p, e], f32>, %K: !attn.tensor<[h, m, e], f32>) -> !attn.tensor<[h, p], f32>
    ranks(k = 4, g, h = k * g, p, m, e = 64) {
  %S = attn.einsum [k, g, p, m] = %Q[(k, g), p, e] * %K[(k, g), m, e]
  %M = attn.einsum [(k, g), p] = %S[k, g, p, m] reduce(max m)
  attn.yield %M
}

// -----

/// One query: the keys are the lanes, and a task has one coordinate of the rest.
// CHECK-LABEL: tile.kernel @one_query_{{.*}} grid(%h0 = h, %p0 = p) lanes m
//       CHECK:   tile.load %K[{{.*}}] dims ["", "m", "e"] : {{.*}} -> <[e: 64, m: {{.*}}], f32>
//       CHECK: tile.program @one_query
//       CHECK:   %[[P:.*]] = tile.extent "p"
//       CHECK:   arith.cmpi eq, %[[P]], %c1
attn.cascade @one_query(%Q: !attn.tensor<[h, p, e], f32>, %K: !attn.tensor<[h, m, e], f32>) -> !attn.tensor<[h, p], f32>
    ranks(h, p, m, e = 64) {
  %S = attn.einsum [h, p, m] = %Q[h, p, e] * %K[h, m, e]
  %M = attn.einsum [h, p] = %S[h, p, m] reduce(max m)
  attn.yield %M
}

// -----

/// Nothing is used twice: a sweep takes long rows, along what is contiguous.
// CHECK-LABEL: tile.kernel @sweep_0
//  CHECK-SAME:   grid(%b0 = b, %p0 = p: 2) lanes m
//       CHECK:   tile.load %A[{{.*}}] dims ["", "p", "m"] : {{.*}} -> <[p: 2, m: 1024], f32>
attn.cascade @sweep(%A: !attn.tensor<[b, p, m], f32>) -> !attn.tensor<[b, p], f32>
    ranks(b, p, m) {
  %S = attn.einsum [b, p] = %A[b, p, m]
  attn.yield %S
}

// -----

/// A gather reads element by element; what is read outside is not there.
// CHECK-LABEL: tile.kernel @gather_0
//       CHECK:   tile.map
//       CHECK:     %[[I:.*]], %{{.*}} = tile.read %I
//       CHECK:     tile.read %A[%{{.*}}]
attn.cascade @gather(%A: !attn.tensor<[n], f32>, %I: !attn.tensor<[p], i32>) -> !attn.tensor<[p], f32>
    ranks(n, p) {
  %G = attn.einsum [p] = %A[%I[p]] * 2.0
  attn.yield %G
}

// -----

/// A gather that mentions some of an Einsum's ranks is a tile of its own, once
/// for all queries; one along the queries alone moves out of the loop.
// CHECK-LABEL: tile.kernel @pages_0
//       CHECK:   %[[S:.*]] = tile.map ranks ["p"] {{.*}}
//       CHECK:     tile.read %S
//       CHECK:   scf.for
//       CHECK:     %[[K:.*]] = tile.map ranks ["m", "e"] sizes [{{.*}}] at({{.*}}) reducers [] {
//  CHECK-NEXT:       tile.coord "m"
//  CHECK-NEXT:       tile.coord "e"
//       CHECK:       tile.read %T
//       CHECK:       tile.read %K
//       CHECK:     tile.map ranks ["m", "e", "p"] {{.*}} ins(%{{.*}}, %[[K]]
attn.cascade @pages(%Q: !attn.tensor<[p, e], f32>, %K: !attn.tensor<[n, e], f32>, %T: !attn.tensor<[m], i32>, %S: !attn.tensor<[p1], f32>) -> !attn.tensor<[p], f32>
    ranks(p, p1 = ceildiv(p, 64), n, m, e = 64) {
  %QK = attn.einsum [p,m] = %Q[p,e] * %K[%T[m],e]
  %O  = attn.einsum [p]   = %QK[p,m] * %S[p floordiv 64]  reduce(max m)
  attn.yield %O
}

// -----

/// What another nest made keeps its presence: the filter comes again.
// CHECK-LABEL: tile.kernel @stored_
//       CHECK: tile.program @stored
//       CHECK:   tile.workspace : <[m], f32>
attn.cascade @stored(%A: !attn.tensor<[m], f32>, %B: !attn.tensor<[p, m], f32>) -> !attn.tensor<[p], f32>
    ranks(p, m) {
  %S = attn.einsum [m] = %B[p, m]
  %G = attn.einsum [p] = %S[m] * %B[p, m]
  attn.yield %G
}

// -----

/// A stream of streams goes from coordinate to coordinate, so that the inner
/// one's tiles see one g: a row of %Q each. The filter on g alone decides
/// whether there is anything to do.
// CHECK-LABEL: tile.kernel @inner_0
//       CHECK:   %[[INIT:.*]] = tile.fill
//       CHECK:   scf.for %[[G:.*]] = %{{.*}} to %{{.*}} step %c1
//       CHECK:     %[[SOME:.*]], %{{.*}} = tile.test ranks ["m", "g"] sizes [16, 1]
//       CHECK:     scf.if %[[SOME]]
//       CHECK:       scf.for {{.*}} step %{{c[0-9]+}} iter_args(%{{.*}} = %[[INIT]])
//       CHECK:         %[[H:.*]] = arith.addi %{{.*}}, %[[G]]
//       CHECK:         tile.load %Q[%[[H]], %{{.*}}] dims ["", "p"]
//       CHECK:         arith.cmpi ne, %[[G]], %c3
attn.cascade @inner(%Q: !attn.tensor<[h, p], f32>, %K: !attn.tensor<[k, m], f32>) -> !attn.tensor<[k, m], f32>
    ranks(k, g, h = k * g, p, m) {
  %S = attn.einsum [k, m] = %Q[(k, g), p] * %K[k, m] where (g ne 3) reduce(max g, max p)
  attn.yield %S
}

/// One value for every 64 keys is there wherever the key is: how many there are
/// is not asked. It is where a value for every 32 keys comes from a rank that has
/// one for every 64.
// CHECK-LABEL: tile.kernel @blocks_0
//   CHECK-NOT:   tile.extent "m1"
//       CHECK:   tile.read %S
//   CHECK-NOT:   tile.extent "m1"
//       CHECK: tile.program @blocks
attn.cascade @blocks(%Q: !attn.tensor<[p, e], f32>, %K: !attn.tensor<[m, e], f32>, %S: !attn.tensor<[m1], f32>) -> !attn.tensor<[p], f32>
    ranks(p, m, m1 = ceildiv(m, 64), e = 64) {
  %QK = attn.einsum [p,m] = %Q[p,e] * %K[m,e]
  %O  = attn.einsum [p]   = %QK[p,m] * %S[m floordiv 64]  reduce(max m)
  attn.yield %O
}

// CHECK-LABEL: tile.kernel @halves_0
//       CHECK:   %[[HALVES:.*]] = tile.extent "m1"
//       CHECK:   arith.cmpi slt, %{{.*}}, %[[HALVES]] : index
attn.cascade @halves(%Q: !attn.tensor<[p, e], f32>, %K: !attn.tensor<[m, e], f32>, %S: !attn.tensor<[m1], f32>) -> !attn.tensor<[p], f32>
    ranks(p, m, m1 = ceildiv(m, 64), e = 64) {
  %QK = attn.einsum [p,m] = %Q[p,e] * %K[m,e]
  %O  = attn.einsum [p]   = %QK[p,m] * %S[m floordiv 32]  reduce(max m)
  attn.yield %O
}
