// RUN: attn-opt %s --nvptx-assign-layouts --cse --split-input-file | FileCheck %s

/// The operand with the lanes goes to registers once; the streamed one comes a
/// turn ahead, as memory has it, from the branch that it is used in; sums,
/// states and rows stay in registers; the column that a map reads does not.
// CHECK-LABEL: tile.kernel @stream
//       CHECK:   %[[ZERO:.*]] = tile.fill {{.*}} : <[f: 64, p: 64], f32, register>
//       CHECK:   %[[Q:.*]] = tile.load %Q{{.*}} -> <[p: 64, e: 64], bf16>
//       CHECK:   %[[QR:.*]] = tile.convert %[[Q]] : {{.*}} -> <[p: 64, e: 64], bf16, register>
//       CHECK:   scf.for {{.*}} -> (!tile.tile<[f: 64, p: 64], f32, register>)
//       CHECK:     %[[K:.*]] = tile.load %K{{.*}} {stages = 2 : i64} : {{.*}} -> <[m: 64, e: 64], bf16>
//       CHECK:     %[[V:.*]] = tile.load %V{{.*}} {stages = 2 : i64} : {{.*}} -> <[m: 64, f: 64], bf16>
//       CHECK:     scf.if
//       CHECK:       %[[BIAS:.*]] = tile.load %B{{.*}} -> <[m: 64], f32>
//       CHECK:       %[[S:.*]] = tile.contract %[[K]], %[[QR]] over ["e"] {{.*}} -> <[m: 64, p: 64], f32, register>
//       CHECK:       tile.map {{.*}} ins(%[[S]], %[[BIAS]] : !tile.tile<[m: 64, p: 64], f32, register>, !tile.tile<[m: 64], f32>)
//       CHECK:       } : <[m: 64, p: 64], f32, register>
//       CHECK:       tile.convert {{.*}} : <[m: 64, p: 64], f32, register> -> <[m: 64, p: 64], bf16, register>
//       CHECK:       tile.contract %[[V]], {{.*}} -> <[f: 64, p: 64], f32, register>
tile.kernel @stream grid(%p0 = p: 64) lanes p
    (%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>, %V: !tile.view<[m, f], bf16>, %B: !tile.view<[m], f32>, %R: !tile.view<[p, f], f32>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %m = tile.extent "m"
  %zero = tile.fill 0.0 : f32 : <[f: 64, p: 64], f32>
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : <[p, e], bf16> -> <[e: 64, p: 64], f32>
  %qn = tile.convert %q : <[e: 64, p: 64], f32> -> <[e: 64, p: 64], bf16>
  %o = scf.for %m0 = %c0 to %m step %c64 iter_args(%acc = %zero) -> (!tile.tile<[f: 64, p: 64], f32>) {
    %some = arith.cmpi slt, %m0, %p0 : index
    %next = scf.if %some -> (!tile.tile<[f: 64, p: 64], f32>) {
      %k = tile.load %K[%m0, %c0] dims ["m", "e"] : <[m, e], bf16> -> <[m: 64, e: 64], bf16>
      %bias = tile.load %B[%m0] dims ["m"] : <[m], f32> -> <[m: 64], f32>
      %s = tile.contract %k, %qn over ["e"] {unit = #tile.unit<matrix>} : <[m: 64, e: 64], bf16>, <[e: 64, p: 64], bf16> -> <[m: 64, p: 64], f32>
      %w = tile.map ranks ["m", "p"] sizes [64, 64] at(%m0, %p0) ins(%s, %bias : !tile.tile<[m: 64, p: 64], f32>, !tile.tile<[m: 64], f32>) reducers [] {
      ^bb0(%x: f32, %y: f32):
        %z = arith.mulf %x, %y : f32
        tile.yield %z : f32
      } : <[m: 64, p: 64], f32>
      %v = tile.load %V[%m0, %c0] dims ["m", "f"] : <[m, f], bf16> -> <[f: 64, m: 64], bf16>
      %wn = tile.convert %w : <[m: 64, p: 64], f32> -> <[m: 64, p: 64], bf16>
      %sum = tile.contract %v, %wn, %acc over ["m"] {unit = #tile.unit<matrix>} : <[f: 64, m: 64], bf16>, <[m: 64, p: 64], bf16>, !tile.tile<[f: 64, p: 64], f32> -> <[f: 64, p: 64], f32>
      scf.yield %sum : !tile.tile<[f: 64, p: 64], f32>
    } else {
      scf.yield %acc : !tile.tile<[f: 64, p: 64], f32>
    }
    scf.yield %next : !tile.tile<[f: 64, p: 64], f32>
  }
  tile.store %o, %R[%p0, %c0] dims ["p", "f"] : <[f: 64, p: 64], f32>, <[p, f], f32>
}

// -----

/// A map over three ranks works in shared memory, so its operand is moved there
/// and its result back.
// CHECK-LABEL: tile.kernel @through_shared_memory
//       CHECK:   %[[S:.*]] = tile.contract {{.*}} -> <[i: 16, j: 32], f32, register>
//       CHECK:   %[[T:.*]] = tile.convert %[[S]] : <[i: 16, j: 32], f32, register> -> <[i: 16, j: 32], f32>
//       CHECK:   tile.map {{.*}} ins(%[[T]] : !tile.tile<[i: 16, j: 32], f32>)
//       CHECK:   } : <[i: 16, n: 4, j: 32], f32>
tile.kernel @through_shared_memory grid(%j0 = j: 32) lanes j
    (%A: !tile.view<[i, c], f16>, %B: !tile.view<[j, c], f16>, %R: !tile.view<[i, n, j], f32>) attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %a = tile.load %A[%c0, %c0] dims ["i", "c"] : <[i, c], f16> -> <[i: 16, c: 32], f16>
  %b = tile.load %B[%j0, %c0] dims ["j", "c"] : <[j, c], f16> -> <[c: 32, j: 32], f32>
  %bn = tile.convert %b : <[c: 32, j: 32], f32> -> <[c: 32, j: 32], f16>
  %s = tile.contract %a, %bn over ["c"] : <[i: 16, c: 32], f16>, <[c: 32, j: 32], f16> -> <[i: 16, j: 32], f32>
  %t = tile.map ranks ["i", "n", "j"] sizes [16, 4, 32] at(%c0, %c0, %j0) ins(%s : !tile.tile<[i: 16, j: 32], f32>) reducers [] {
  ^bb0(%x: f32):
    tile.yield %x : f32
  } : <[i: 16, n: 4, j: 32], f32>
  tile.store %t, %R[%c0, %c0, %j0] dims ["i", "n", "j"] : <[i: 16, n: 4, j: 32], f32>, <[i, n, j], f32>
}

// -----

/// Twelve is no whole step of the unit: the kernel stays as it was.
// CHECK-LABEL: tile.kernel @negative_odd_contraction
//   CHECK-NOT:   register
//       CHECK:   tile.store
tile.kernel @negative_odd_contraction grid(%j0 = j: 32) lanes j
    (%A: !tile.view<[i, c], f16>, %B: !tile.view<[j, c], f16>, %R: !tile.view<[i, j], f32>) attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %a = tile.load %A[%c0, %c0] dims ["i", "c"] : <[i, c], f16> -> <[i: 16, c: 12], f16>
  %b = tile.load %B[%j0, %c0] dims ["j", "c"] : <[j, c], f16> -> <[c: 12, j: 32], f32>
  %bn = tile.convert %b : <[c: 12, j: 32], f32> -> <[c: 12, j: 32], f16>
  %s = tile.contract %a, %bn over ["c"] : <[i: 16, c: 12], f16>, <[c: 12, j: 32], f16> -> <[i: 16, j: 32], f32>
  tile.store %s, %R[%c0, %j0] dims ["i", "j"] : <[i: 16, j: 32], f32>, <[i, j], f32>
}

// -----

/// Eight lanes are no warp's rows.
// CHECK-LABEL: tile.kernel @negative_few_lanes
//   CHECK-NOT:   register
//       CHECK:   tile.store
tile.kernel @negative_few_lanes grid(%j0 = j: 8) lanes j
    (%A: !tile.view<[i, c], f16>, %B: !tile.view<[j, c], f16>, %R: !tile.view<[i, j], f32>) attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %a = tile.load %A[%c0, %c0] dims ["i", "c"] : <[i, c], f16> -> <[i: 16, c: 16], f16>
  %b = tile.load %B[%j0, %c0] dims ["j", "c"] : <[j, c], f16> -> <[c: 16, j: 8], f32>
  %bn = tile.convert %b : <[c: 16, j: 8], f32> -> <[c: 16, j: 8], f16>
  %s = tile.contract %a, %bn over ["c"] : <[i: 16, c: 16], f16>, <[c: 16, j: 8], f16> -> <[i: 16, j: 8], f32>
  tile.store %s, %R[%c0, %j0] dims ["i", "j"] : <[i: 16, j: 8], f32>, <[i, j], f32>
}

// -----

/// A single warp has places for two turns ahead. What a filter makes 0 is taken
/// from the tile that is there, in the type that memory has.
// CHECK-LABEL: tile.kernel @warp
//       CHECK:   scf.for
//       CHECK:     %[[V:.*]] = tile.load %V{{.*}} {stages = 3 : i64} : {{.*}} -> <[m: 16, f: 64], bf16>
//   CHECK-NOT:     tile.load %V
//       CHECK:     %[[KEPT:.*]] = tile.map ranks ["f", "m"] {{.*}} ins(%[[V]] : !tile.tile<[m: 16, f: 64], bf16>)
//  CHECK-NEXT:     ^bb0(%[[X:.*]]: bf16):
//       CHECK:       %[[ZERO:.*]] = arith.constant 0.000000e+00 : bf16
//       CHECK:       arith.select {{.*}}, %[[X]], %[[ZERO]] : bf16
//       CHECK:     } : <[f: 64, m: 16], bf16>
//       CHECK:     tile.contract %[[KEPT]],
/// Not so what is scaled first.
//       CHECK:     %[[WIDE:.*]] = tile.load %V{{.*}} -> <[m: 16, f: 64], f32>
//       CHECK:     %[[SCALED:.*]] = tile.map {{.*}} ins(%[[WIDE]]
//       CHECK:     tile.convert %[[SCALED]]
tile.kernel @warp grid(%p0 = p: 16) lanes p
    (%W: !tile.view<[m, p], bf16>, %V: !tile.view<[m, f], bf16>, %R: !tile.view<[p, f], f32>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %m = tile.extent "m"
  %zero = tile.fill 0.0 : f32 : <[f: 64, p: 16], f32>
  %o = scf.for %m0 = %c0 to %m step %c16 iter_args(%acc = %zero) -> (!tile.tile<[f: 64, p: 16], f32>) {
    %w = tile.load %W[%m0, %p0] dims ["m", "p"] : <[m, p], bf16> -> <[m: 16, p: 16], bf16>
    %v = tile.load %V[%m0, %c0] dims ["m", "f"] : <[m, f], bf16> -> <[m: 16, f: 64], f32>
    %kept = tile.map ranks ["f", "m"] sizes [64, 16] at(%c0, %m0) ins(%v : !tile.tile<[m: 16, f: 64], f32>) reducers [] {
    ^bb0(%x: f32):
      %none = arith.constant 0.0 : f32
      %at = tile.coord "m"
      %is = arith.cmpi slt, %at, %p0 : index
      %y = arith.select %is, %x, %none : f32
      tile.yield %y : f32
    } : <[f: 64, m: 16], f32>
    %keptn = tile.convert %kept : <[f: 64, m: 16], f32> -> <[f: 64, m: 16], bf16>
    %sum = tile.contract %keptn, %w, %acc over ["m"] {unit = #tile.unit<matrix>} : <[f: 64, m: 16], bf16>, <[m: 16, p: 16], bf16>, !tile.tile<[f: 64, p: 16], f32> -> <[f: 64, p: 16], f32>
    %u = tile.load %V[%m0, %c0] dims ["m", "f"] : <[m, f], bf16> -> <[m: 16, f: 64], f32>
    %scaled = tile.map ranks ["f", "m"] sizes [64, 16] at(%c0, %m0) ins(%u : !tile.tile<[m: 16, f: 64], f32>) reducers [] {
    ^bb0(%x: f32):
      %none = arith.constant 0.0 : f32
      %at = tile.coord "m"
      %is = arith.cmpi slt, %at, %p0 : index
      %twice = arith.addf %x, %x : f32
      %y = arith.select %is, %twice, %none : f32
      tile.yield %y : f32
    } : <[f: 64, m: 16], f32>
    %scaledn = tile.convert %scaled : <[f: 64, m: 16], f32> -> <[f: 64, m: 16], bf16>
    %both = tile.contract %scaledn, %w, %sum over ["m"] {unit = #tile.unit<matrix>} : <[f: 64, m: 16], bf16>, <[m: 16, p: 16], bf16>, !tile.tile<[f: 64, p: 16], f32> -> <[f: 64, p: 16], f32>
    scf.yield %both : !tile.tile<[f: 64, p: 16], f32>
  }
  tile.store %o, %R[%p0, %c0] dims ["p", "f"] : <[f: 64, p: 16], f32>, <[p, f], f32>
}
