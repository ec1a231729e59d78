// Products and the maps between them, one panel of lanes after another.

// RUN: attn-opt %s --cpu-lower-tiles=tiles=true --cse | FileCheck %s

/// 64 lanes are two panels, of which the last ones may be past the end. Both
/// products are in the loop, not in routines; the values are loaded in front of
/// it, and what the next turn loads is asked for in it. What lies between the
/// products has one panel's place: its address is the same in each turn.
// CHECK-LABEL: llvm.func hidden @run(
//       CHECK:   scf.for
//       CHECK:     llvm.call @attn.load
//       CHECK:     llvm.call @attn.load
//       CHECK:     %[[END:.*]] = arith.ceildivsi
//       CHECK:     scf.for %{{.*}} = %{{.*}} to %[[END]]
//       CHECK:       prefetch
//       CHECK:       tdpbf16ps
//       CHECK:       tilestored64{{.*}}
//       CHECK:       cvtne2ps2bf16
//       CHECK:       prefetch
//       CHECK:       tdpbf16ps
//   CHECK-NOT:   @attn.matrix
tile.kernel @run grid(%p0 = p: 64) lanes p
    (%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>, %V: !tile.view<[m, f], bf16>, %O: !tile.view<[p, f], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 32>, #attn.rank<"f", fixed, 32>]} {
  %c0 = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %end = tile.extent "m"
  %zero = tile.fill 0.0 : f32 : !tile.tile<[f: 32, p: 64], f32>
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : !tile.view<[p, e], bf16> -> !tile.tile<[e: 32, p: 64], f32>
  %n = tile.convert %q : !tile.tile<[e: 32, p: 64], f32> -> !tile.tile<[e: 32, p: 64], bf16>
  %sum = scf.for %m0 = %c0 to %end step %c32 iter_args(%o = %zero) -> (!tile.tile<[f: 32, p: 64], f32>) {
    %k = tile.load %K[%m0, %c0] dims ["m", "e"] : !tile.view<[m, e], bf16> -> !tile.tile<[m: 32, e: 32], bf16>
    %s = tile.contract %k, %n over ["e"] : !tile.tile<[m: 32, e: 32], bf16>, !tile.tile<[e: 32, p: 64], bf16> -> !tile.tile<[m: 32, p: 64], f32>
    %w = tile.map ranks ["m", "p"] sizes [32, 64] at(%m0, %p0) ins(%s : !tile.tile<[m: 32, p: 64], f32>) reducers [] {
    ^bb0(%x: f32):
      %y = arith.mulf %x, %x : f32
      tile.yield %y : f32
    } : !tile.tile<[m: 32, p: 64], f32>
    %v = tile.load %V[%m0, %c0] dims ["m", "f"] : !tile.view<[m, f], bf16> -> !tile.tile<[f: 32, m: 32], bf16>
    %h = tile.convert %w : !tile.tile<[m: 32, p: 64], f32> -> !tile.tile<[m: 32, p: 64], bf16>
    %r = tile.contract %v, %h, %o over ["m"] : !tile.tile<[f: 32, m: 32], bf16>, !tile.tile<[m: 32, p: 64], bf16>, !tile.tile<[f: 32, p: 64], f32> -> !tile.tile<[f: 32, p: 64], f32>
    scf.yield %r : !tile.tile<[f: 32, p: 64], f32>
  }
  tile.store %sum, %O[%p0, %c0] dims ["p", "f"] : !tile.tile<[f: 32, p: 64], f32>, !tile.view<[p, f], f32>
}
/// A filter that the lanes' coordinate bounds ends each panel's work: the first
/// 32 lanes need 32 rows of 64, the last all. Rows of the first product, the
/// maximum, the weights and the steps of the second go no further. The weights
/// are masked, summed and rounded as they are made: nothing else stores them.
// CHECK-LABEL: llvm.func hidden @cut(
//       CHECK:   scf.for %[[M0:.*]] =
//       CHECK:     scf.for %[[PANEL:.*]] =
//       CHECK:       %[[LAST:.*]] = arith.addi %{{.*}}, %c-1_i64
//       CHECK:       %[[END:.*]] = arith.muli %{{.*}}, %c32_i64
//       CHECK:       scf.for %{{.*}} = %c0_i64 to %{{.*}} step %c32_i64
//       CHECK:         tdpbf16ps
//       CHECK:       scf.for %{{.*}} = %c0_i64 to %[[END]] step %c2_i64
//   CHECK-NOT:       llvm.store {{.*}} : vector<16xf32>
//       CHECK:         cvtne2ps2bf16
//       CHECK:       scf.for %{{.*}} = %c0_i64 to %[[END]] step %c32_i64 iter_args
//       CHECK:         tdpbf16ps
tile.kernel @cut grid(%p0 = p: 64) lanes p
    (%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>, %V: !tile.view<[m, f], bf16>, %O: !tile.view<[p, f], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 32>, #attn.rank<"f", fixed, 32>]} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %none = arith.constant 0.0 : f32
  %end = tile.extent "m"
  %zero = tile.fill 0.0 : f32 : !tile.tile<[f: 32, p: 64], f32>
  %start = tile.fill 0.0 : f32 : !tile.tile<[p: 64], f32>
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : !tile.view<[p, e], bf16> -> !tile.tile<[e: 32, p: 64], f32>
  %n = tile.convert %q : !tile.tile<[e: 32, p: 64], f32> -> !tile.tile<[e: 32, p: 64], bf16>
  %sum, %total = scf.for %m0 = %c0 to %end step %c64 iter_args(%o = %zero, %t = %start) -> (!tile.tile<[f: 32, p: 64], f32>, !tile.tile<[p: 64], f32>) {
    %k = tile.load %K[%m0, %c0] dims ["m", "e"] : !tile.view<[m, e], bf16> -> !tile.tile<[m: 64, e: 32], bf16>
    %s = tile.contract %k, %n over ["e"] : !tile.tile<[m: 64, e: 32], bf16>, !tile.tile<[e: 32, p: 64], bf16> -> !tile.tile<[m: 64, p: 64], f32>
    %w = tile.map ranks ["m", "p"] sizes [64, 64] at(%m0, %p0) ins(%s : !tile.tile<[m: 64, p: 64], f32>) reducers [] {
    ^bb0(%x: f32):
      %y = arith.mulf %x, %x : f32
      tile.yield %y : f32
    } : !tile.tile<[m: 64, p: 64], f32>
    %r = tile.map ranks ["m", "p"] sizes [64, 64] at(%m0, %p0) ins(%w : !tile.tile<[m: 64, p: 64], f32>) reducers [#attn.reduce<add "m">] {
    ^bb0(%x: f32):
      %m = tile.coord "m"
      %p = tile.coord "p"
      %holds = arith.cmpi sle, %m, %p : index
      tile.yield %x : f32 where %holds
    } : !tile.tile<[p: 64], f32>
    %kept = tile.map ranks ["m", "p"] sizes [64, 64] at(%m0, %p0) ins(%w : !tile.tile<[m: 64, p: 64], f32>) reducers [] {
    ^bb0(%x: f32):
      %m = tile.coord "m"
      %p = tile.coord "p"
      %holds = arith.cmpi sle, %m, %p : index
      %y = arith.select %holds, %x, %none : f32
      tile.yield %y : f32
    } : !tile.tile<[m: 64, p: 64], f32>
    %next = tile.map ranks ["p"] sizes [64] at(%p0) ins(%t, %r : !tile.tile<[p: 64], f32>, !tile.tile<[p: 64], f32>) reducers [] {
    ^bb0(%x: f32, %y: f32):
      %z = arith.addf %x, %y : f32
      tile.yield %z : f32
    } : !tile.tile<[p: 64], f32>
    %v = tile.load %V[%m0, %c0] dims ["m", "f"] : !tile.view<[m, f], bf16> -> !tile.tile<[f: 32, m: 64], bf16>
    %h = tile.convert %kept : !tile.tile<[m: 64, p: 64], f32> -> !tile.tile<[m: 64, p: 64], bf16>
    %a = tile.contract %v, %h, %o over ["m"] : !tile.tile<[f: 32, m: 64], bf16>, !tile.tile<[m: 64, p: 64], bf16>, !tile.tile<[f: 32, p: 64], f32> -> !tile.tile<[f: 32, p: 64], f32>
    scf.yield %a, %next : !tile.tile<[f: 32, p: 64], f32>, !tile.tile<[p: 64], f32>
  }
  %mean = tile.map ranks ["f", "p"] sizes [32, 64] at(%c0, %p0) ins(%sum, %total : !tile.tile<[f: 32, p: 64], f32>, !tile.tile<[p: 64], f32>) reducers [] {
  ^bb0(%x: f32, %y: f32):
    %z = arith.divf %x, %y : f32
    tile.yield %z : f32
  } : !tile.tile<[f: 32, p: 64], f32>
  tile.store %mean, %O[%p0, %c0] dims ["p", "f"] : !tile.tile<[f: 32, p: 64], f32>, !tile.view<[p, f], f32>
}
/// On the vector unit, too, a filter that cuts some panels more than others
/// makes a run: both products, as routines, and the zeroing end where the last
/// of the panel's lanes says.
// CHECK-LABEL: llvm.func hidden @cut_f32(
//       CHECK:   llvm.call @attn.load
//       CHECK:   scf.for %[[PANEL:.*]] = %c0_i64 to
//       CHECK:     %[[LAST:.*]] = arith.addi %{{.*}}, %c-1_i64
//       CHECK:     %[[END:.*]] = arith.maxsi %c0_i64,
//       CHECK:     llvm.call @attn.contract{{.*}}%[[END]]
//       CHECK:     scf.for %{{.*}} = %c0_i64 to %[[END]]
//       CHECK:       arith.select
//       CHECK:     llvm.call @attn.contract{{.*}}%[[END]]
tile.kernel @cut_f32 grid(%p0 = p: 64) lanes p
    (%Q: !tile.view<[p, e], f32>, %K: !tile.view<[m, e], f32>, %V: !tile.view<[m, f], f32>, %O: !tile.view<[p, f], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 32>, #attn.rank<"f", fixed, 32>]} {
  %c0 = arith.constant 0 : index
  %none = arith.constant 0.0 : f32
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : !tile.view<[p, e], f32> -> !tile.tile<[e: 32, p: 64], f32>
  %k = tile.load %K[%c0, %c0] dims ["m", "e"] : !tile.view<[m, e], f32> -> !tile.tile<[m: 64, e: 32], f32>
  %s = tile.contract %k, %q over ["e"] : !tile.tile<[m: 64, e: 32], f32>, !tile.tile<[e: 32, p: 64], f32> -> !tile.tile<[m: 64, p: 64], f32>
  %kept = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%s : !tile.tile<[m: 64, p: 64], f32>) reducers [] {
  ^bb0(%x: f32):
    %m = tile.coord "m"
    %p = tile.coord "p"
    %holds = arith.cmpi sle, %m, %p : index
    %y = arith.select %holds, %x, %none : f32
    tile.yield %y : f32
  } : !tile.tile<[m: 64, p: 64], f32>
  %v = tile.load %V[%c0, %c0] dims ["m", "f"] : !tile.view<[m, f], f32> -> !tile.tile<[m: 64, f: 32], f32>
  %a = tile.contract %v, %kept over ["m"] : !tile.tile<[m: 64, f: 32], f32>, !tile.tile<[m: 64, p: 64], f32> -> !tile.tile<[f: 32, p: 64], f32>
  %mean = tile.map ranks ["f", "p"] sizes [32, 64] at(%c0, %p0) ins(%a : !tile.tile<[f: 32, p: 64], f32>) reducers [] {
  ^bb0(%x: f32):
    %z = arith.addf %x, %x : f32
    tile.yield %z : f32
  } : !tile.tile<[f: 32, p: 64], f32>
  tile.store %mean, %O[%p0, %c0] dims ["p", "f"] : !tile.tile<[f: 32, p: 64], f32>, !tile.view<[p, f], f32>
}
tile.program @p(%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>, %V: !tile.view<[m, f], bf16>) -> (%O: !tile.view<[p, f], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 32>, #attn.rank<"f", fixed, 32>]} {
  tile.launch @run(%Q, %K, %V, %O) : !tile.view<[p, e], bf16>, !tile.view<[m, e], bf16>, !tile.view<[m, f], bf16>, !tile.view<[p, f], f32>
  tile.launch @cut(%Q, %K, %V, %O) : !tile.view<[p, e], bf16>, !tile.view<[m, e], bf16>, !tile.view<[m, f], bf16>, !tile.view<[p, f], f32>
}
tile.program @p32(%Q: !tile.view<[p, e], f32>, %K: !tile.view<[m, e], f32>, %V: !tile.view<[m, f], f32>) -> (%O: !tile.view<[p, f], f32>)
    attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", free, 0>, #attn.rank<"e", fixed, 32>, #attn.rank<"f", fixed, 32>]} {
  tile.launch @cut_f32(%Q, %K, %V, %O) : !tile.view<[p, e], f32>, !tile.view<[m, e], f32>, !tile.view<[m, f], f32>, !tile.view<[p, f], f32>
}
