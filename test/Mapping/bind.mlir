// RUN: attn-opt %s --split-input-file --pass-pipeline="builtin.module(tile.kernel(tile-bind),canonicalize)" | FileCheck %s

/// q * k * c summed over e: the scale goes to the operand that stays.
// CHECK-LABEL: tile.kernel @scores
//       CHECK:   %[[K:.*]] = tile.load %K
//       CHECK:   %[[Q:.*]] = tile.load %Q
//       CHECK:   %[[SCALED:.*]] = tile.map ranks ["e", "p"] {{.*}} ins(%[[Q]]
//       CHECK:   tile.contract %[[K]], %[[SCALED]] over ["e"]
tile.kernel @scores grid(%p0 = p: 16) lanes p
    (%Q: !tile.view<[p, e], f32>, %K: !tile.view<[m, e], f32>, %S: !tile.view<[p, m], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", fixed, 32>, #attn.rank<"e", fixed, 64>]} {
  %c0 = arith.constant 0 : index
  %scale = arith.constant 0.125 : f32
  %k = tile.load %K[%c0, %c0] dims ["m", "e"] : !tile.view<[m, e], f32> -> !tile.tile<[m: 32, e: 64], f32>
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : !tile.view<[p, e], f32> -> !tile.tile<[e: 64, p: 16], f32>
  %s = tile.map ranks ["m", "e", "p"] sizes [32, 64, 16] at(%c0, %c0, %p0) ins(%q, %k : !tile.tile<[e: 64, p: 16], f32>, !tile.tile<[m: 32, e: 64], f32>) reducers [#attn.reduce<add "e">] {
  ^bb0(%a: f32, %b: f32):
    %x = arith.mulf %a, %b : f32
    %y = arith.mulf %x, %scale : f32
    tile.yield %y : f32
  } : !tile.tile<[m: 32, p: 16], f32>
  tile.store %s, %S[%p0, %c0] dims ["p", "m"] : !tile.tile<[m: 32, p: 16], f32>, !tile.view<[p, m], f32>
}

// -----

/// A filter on both ranks: a select on the operand with the lanes, and, for the
/// part that is the same for all lanes, on the other: padding may be NaN.
// CHECK-LABEL: tile.kernel @filtered
//       CHECK:   %[[V:.*]] = tile.load %V
//       CHECK:   %[[W:.*]] = tile.load %W
//       CHECK:   %[[RHS:.*]] = tile.map ranks ["m", "p"] {{.*}} ins(%[[W]]
//       CHECK:     arith.select
//       CHECK:   %[[LHS:.*]] = tile.map ranks ["f", "m"] {{.*}} ins(%[[V]]
//       CHECK:     arith.cmpi slt, %{{.*}}, %n
//   CHECK-NOT:     tile.coord "p"
//       CHECK:     arith.select
//       CHECK:   tile.contract %[[LHS]], %[[RHS]] over ["m"]
tile.kernel @filtered grid(%n = n, %p0 = p: 16) lanes p
    (%V: !tile.view<[m, f], f32>, %W: !tile.view<[p, m], f32>, %O: !tile.view<[p, f], f32>)
    attributes {ranks = [#attn.rank<"n", free, 0>, #attn.rank<"p", free, 0>, #attn.rank<"m", fixed, 32>, #attn.rank<"f", fixed, 64>]} {
  %c0 = arith.constant 0 : index
  %v = tile.load %V[%c0, %c0] dims ["m", "f"] : !tile.view<[m, f], f32> -> !tile.tile<[m: 32, f: 64], f32>
  %w = tile.load %W[%p0, %c0] dims ["p", "m"] : !tile.view<[p, m], f32> -> !tile.tile<[m: 32, p: 16], f32>
  %o = tile.map ranks ["f", "m", "p"] sizes [64, 32, 16] at(%c0, %c0, %p0) ins(%w, %v : !tile.tile<[m: 32, p: 16], f32>, !tile.tile<[m: 32, f: 64], f32>) reducers [#attn.reduce<add "m">] {
  ^bb0(%a: f32, %b: f32):
    %m = tile.coord "m"
    %p = tile.coord "p"
    %short = arith.cmpi slt, %m, %n : index
    %causal = arith.cmpi sle, %m, %p : index
    %both = arith.andi %short, %causal : i1
    %x = arith.mulf %a, %b : f32
    tile.yield %x : f32 where %both
  } : !tile.tile<[f: 64, p: 16], f32>
  tile.store %o, %O[%p0, %c0] dims ["p", "f"] : !tile.tile<[f: 64, p: 16], f32>, !tile.view<[p, f], f32>
}

// -----

/// The distance |q - k| is no product.
// CHECK-LABEL: tile.kernel @negative_distance
//   CHECK-NOT:   tile.contract
//       CHECK:   tile.map
tile.kernel @negative_distance grid(%p0 = p: 16) lanes p
    (%Q: !tile.view<[p, e], f32>, %K: !tile.view<[m, e], f32>, %S: !tile.view<[p, m], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", fixed, 32>, #attn.rank<"e", fixed, 64>]} {
  %c0 = arith.constant 0 : index
  %k = tile.load %K[%c0, %c0] dims ["m", "e"] : !tile.view<[m, e], f32> -> !tile.tile<[m: 32, e: 64], f32>
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : !tile.view<[p, e], f32> -> !tile.tile<[e: 64, p: 16], f32>
  %s = tile.map ranks ["m", "e", "p"] sizes [32, 64, 16] at(%c0, %c0, %p0) ins(%q, %k : !tile.tile<[e: 64, p: 16], f32>, !tile.tile<[m: 32, e: 64], f32>) reducers [#attn.reduce<add "e">] {
  ^bb0(%a: f32, %b: f32):
    %x = arith.subf %a, %b : f32
    %y = math.absf %x : f32
    tile.yield %y : f32
  } : !tile.tile<[m: 32, p: 16], f32>
  tile.store %s, %S[%p0, %c0] dims ["p", "m"] : !tile.tile<[m: 32, p: 16], f32>, !tile.view<[p, m], f32>
}
