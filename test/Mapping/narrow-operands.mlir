// Contractions on a machine with a matrix unit for bf16 and i8, and on one
// without.

// RUN: attn-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-narrow-operands{target=sapphirerapids}),canonicalize)' \
// RUN:   --split-input-file | FileCheck %s
// RUN: attn-opt %s --pass-pipeline='builtin.module(tile.kernel(tile-narrow-operands{target=x86-64-v4}))' \
// RUN:   --split-input-file | FileCheck %s --check-prefix=WITHOUT

// WITHOUT-NOT: tile.convert

// The right operand is computed: it is rounded. Both have the contracted rank m
// where the unit walks along it.
// CHECK-LABEL: tile.kernel @computed
// CHECK: %[[V:.*]] = tile.load %V[%c0, %c0] dims ["m", "f"] : <[m, f], bf16> -> <[f: 128, m: 64], bf16>
// CHECK: %[[W:.*]] = tile.convert %{{.*}} : <[m: 64, p: 32], f32> -> <[m: 64, p: 32], bf16>
// CHECK: tile.contract %[[V]], %[[W]] over ["m"]
// CHECK-SAME: <[f: 128, m: 64], bf16>, <[m: 64, p: 32], bf16> -> <[f: 128, p: 32], f32>
tile.kernel @computed grid(%p0 = p: 32) lanes p
    (%V: !tile.view<[m, f], bf16>, %O: !tile.view<[p, f], f32>) attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", fixed, 64>, #attn.rank<"f", fixed, 128>]} {
  %c0 = arith.constant 0 : index
  %v = tile.load %V[%c0, %c0] dims ["m", "f"] : !tile.view<[m, f], bf16> -> !tile.tile<[m: 64, f: 128], f32>
  %w = tile.fill 1.000000e+00 : f32 : !tile.tile<[m: 64, p: 32], f32>
  %o = tile.contract %v, %w over ["m"] : !tile.tile<[m: 64, f: 128], f32>, !tile.tile<[m: 64, p: 32], f32> -> !tile.tile<[f: 128, p: 32], f32>
  tile.store %o, %O[%p0, %c0] dims ["p", "f"] : !tile.tile<[f: 128, p: 32], f32>, !tile.view<[p, f], f32>
}

// -----

// A constant times what memory holds is not rounded: it multiplies the sum in
// the maps that read that, and the sum itself for the store.
// CHECK-LABEL: tile.kernel @scaled
// CHECK: %[[Q:.*]] = tile.load %Q{{.*}} -> <[e: 64, p: 32], f32>
// CHECK: %[[N:.*]] = tile.convert %[[Q]]
// CHECK: %[[S:.*]] = tile.contract %{{.*}}, %[[N]] over ["e"]
// CHECK: %[[SCALED:.*]] = tile.map {{.*}} ins(%[[S]]
// CHECK: arith.mulf %{{.*}}, %cst
// CHECK: tile.map {{.*}} ins(%[[S]]
// CHECK: %[[X:.*]] = arith.mulf %{{.*}}, %cst
// CHECK: math.exp %[[X]]
// CHECK: tile.store %[[SCALED]]
tile.kernel @scaled grid(%p0 = p: 32) lanes p
    (%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>, %O: !tile.view<[p, m], f32>, %X: !tile.view<[p, m], f32>) attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", fixed, 64>, #attn.rank<"e", fixed, 64>]} {
  %c0 = arith.constant 0 : index
  %scale = arith.constant 3.000000e+00 : f32
  %k = tile.load %K[%c0, %c0] dims ["m", "e"] : !tile.view<[m, e], bf16> -> !tile.tile<[m: 64, e: 64], f32>
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : !tile.view<[p, e], bf16> -> !tile.tile<[e: 64, p: 32], f32>
  %c = tile.map ranks ["e", "p"] sizes [64, 32] at(%c0, %p0) ins(%q : !tile.tile<[e: 64, p: 32], f32>) reducers [] {
  ^bb0(%a: f32):
    %x = arith.mulf %a, %scale : f32
    tile.yield %x : f32
  } : !tile.tile<[e: 64, p: 32], f32>
  %s = tile.contract %k, %c over ["e"] : !tile.tile<[m: 64, e: 64], f32>, !tile.tile<[e: 64, p: 32], f32> -> !tile.tile<[m: 64, p: 32], f32>
  %exp = tile.map ranks ["m", "p"] sizes [64, 32] at(%c0, %p0) ins(%s : !tile.tile<[m: 64, p: 32], f32>) reducers [] {
  ^bb0(%a: f32):
    %x = math.exp %a : f32
    tile.yield %x : f32
  } : !tile.tile<[m: 64, p: 32], f32>
  tile.store %s, %O[%p0, %c0] dims ["p", "m"] : !tile.tile<[m: 64, p: 32], f32>, !tile.view<[p, m], f32>
  tile.store %exp, %X[%p0, %c0] dims ["p", "m"] : !tile.tile<[m: 64, p: 32], f32>, !tile.view<[p, m], f32>
}

// -----

// Neither is what is read an element at a time, as queries are whose heads share
// keys.
// CHECK-LABEL: tile.kernel @read
// CHECK: %[[Q:.*]] = tile.map
// CHECK: tile.read %Q
// CHECK: %[[N:.*]] = tile.convert %[[Q]]
// CHECK: tile.contract %{{.*}}, %[[N]] over ["e"]
// CHECK: tile.map
// CHECK: arith.mulf %{{.*}}, %cst
tile.kernel @read grid(%p0 = p: 32) lanes p
    (%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>, %O: !tile.view<[p, m], f32>) attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", fixed, 64>, #attn.rank<"e", fixed, 64>]} {
  %c0 = arith.constant 0 : index
  %scale = arith.constant 3.000000e+00 : f32
  %k = tile.load %K[%c0, %c0] dims ["m", "e"] : !tile.view<[m, e], bf16> -> !tile.tile<[m: 64, e: 64], f32>
  %q = tile.map ranks ["e", "p"] sizes [64, 32] at(%c0, %p0) reducers [] {
    %e = tile.coord "e"
    %p = tile.coord "p"
    %x, %valid = tile.read %Q[%p, %e] : <[p, e], bf16> -> f32
    tile.yield %x : f32
  } : !tile.tile<[e: 64, p: 32], f32>
  %c = tile.map ranks ["e", "p"] sizes [64, 32] at(%c0, %p0) ins(%q : !tile.tile<[e: 64, p: 32], f32>) reducers [] {
  ^bb0(%a: f32):
    %x = arith.mulf %a, %scale : f32
    tile.yield %x : f32
  } : !tile.tile<[e: 64, p: 32], f32>
  %s = tile.contract %k, %c over ["e"] : !tile.tile<[m: 64, e: 64], f32>, !tile.tile<[e: 64, p: 32], f32> -> !tile.tile<[m: 64, p: 32], f32>
  tile.store %s, %O[%p0, %c0] dims ["p", "m"] : !tile.tile<[m: 64, p: 32], f32>, !tile.view<[p, m], f32>
}

// -----

/// Rounding keeps order: a positive factor multiplies the maximum and not what
/// it is of; of a negative one the maximum would be a minimum.
// CHECK-LABEL: tile.kernel @maxima
// CHECK: %[[S:.*]] = tile.contract
// CHECK: %[[M:.*]] = tile.map {{.*}} ins(%[[S]] {{.*}} reducers [#attn.reduce<max "m">]
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32)
// CHECK-NEXT: tile.yield %[[A]]
// CHECK: %[[C:.*]] = tile.map ranks ["p"] {{.*}} ins(%[[M]]
// CHECK: arith.mulf
// CHECK: tile.store %[[C]]
// CHECK-LABEL: tile.kernel @negative_maxima
// CHECK: tile.map {{.*}} reducers [#attn.reduce<max "m">]
// CHECK-NEXT: ^bb0
// CHECK-NEXT: arith.mulf
tile.kernel @maxima grid(%p0 = p: 32) lanes p
    (%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>, %O: !tile.view<[p], f32>) attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", fixed, 64>, #attn.rank<"e", fixed, 64>]} {
  %c0 = arith.constant 0 : index
  %scale = arith.constant 3.000000e+00 : f32
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : !tile.view<[p, e], bf16> -> !tile.tile<[e: 64, p: 32], f32>
  %k = tile.load %K[%c0, %c0] dims ["m", "e"] : !tile.view<[m, e], bf16> -> !tile.tile<[m: 64, e: 64], f32>
  %c = tile.map ranks ["e", "p"] sizes [64, 32] at(%c0, %p0) ins(%q : !tile.tile<[e: 64, p: 32], f32>) reducers [] {
  ^bb0(%a: f32):
    %x = arith.mulf %a, %scale : f32
    tile.yield %x : f32
  } : !tile.tile<[e: 64, p: 32], f32>
  %s = tile.contract %k, %c over ["e"] : !tile.tile<[m: 64, e: 64], f32>, !tile.tile<[e: 64, p: 32], f32> -> !tile.tile<[m: 64, p: 32], f32>
  %m = tile.map ranks ["m", "p"] sizes [64, 32] at(%c0, %p0) ins(%s : !tile.tile<[m: 64, p: 32], f32>) reducers [#attn.reduce<max "m">] {
  ^bb0(%a: f32):
    tile.yield %a : f32
  } : !tile.tile<[p: 32], f32>
  tile.store %m, %O[%p0] dims ["p"] : !tile.tile<[p: 32], f32>, !tile.view<[p], f32>
}
tile.kernel @negative_maxima grid(%p0 = p: 32) lanes p
    (%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>, %O: !tile.view<[p], f32>) attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", fixed, 64>, #attn.rank<"e", fixed, 64>]} {
  %c0 = arith.constant 0 : index
  %scale = arith.constant -3.000000e+00 : f32
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : !tile.view<[p, e], bf16> -> !tile.tile<[e: 64, p: 32], f32>
  %k = tile.load %K[%c0, %c0] dims ["m", "e"] : !tile.view<[m, e], bf16> -> !tile.tile<[m: 64, e: 64], f32>
  %c = tile.map ranks ["e", "p"] sizes [64, 32] at(%c0, %p0) ins(%q : !tile.tile<[e: 64, p: 32], f32>) reducers [] {
  ^bb0(%a: f32):
    %x = arith.mulf %a, %scale : f32
    tile.yield %x : f32
  } : !tile.tile<[e: 64, p: 32], f32>
  %s = tile.contract %k, %c over ["e"] : !tile.tile<[m: 64, e: 64], f32>, !tile.tile<[e: 64, p: 32], f32> -> !tile.tile<[m: 64, p: 32], f32>
  %m = tile.map ranks ["m", "p"] sizes [64, 32] at(%c0, %p0) ins(%s : !tile.tile<[m: 64, p: 32], f32>) reducers [#attn.reduce<max "m">] {
  ^bb0(%a: f32):
    tile.yield %a : f32
  } : !tile.tile<[p: 32], f32>
  tile.store %m, %O[%p0] dims ["p"] : !tile.tile<[p: 32], f32>, !tile.view<[p], f32>
}

// -----

// Neither operand is bf16 in memory: nothing may be rounded (S10).
// CHECK-LABEL: tile.kernel @negative_f32
// CHECK-NOT: bf16
tile.kernel @negative_f32 grid(%p0 = p: 32) lanes p
    (%V: !tile.view<[m, f], f32>, %O: !tile.view<[p, f], f32>) attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", fixed, 64>, #attn.rank<"f", fixed, 128>]} {
  %c0 = arith.constant 0 : index
  %v = tile.load %V[%c0, %c0] dims ["m", "f"] : !tile.view<[m, f], f32> -> !tile.tile<[m: 64, f: 128], f32>
  %w = tile.fill 1.000000e+00 : f32 : !tile.tile<[m: 64, p: 32], f32>
  %o = tile.contract %v, %w over ["m"] : !tile.tile<[m: 64, f: 128], f32>, !tile.tile<[m: 64, p: 32], f32> -> !tile.tile<[f: 128, p: 32], f32>
  tile.store %o, %O[%p0, %c0] dims ["p", "f"] : !tile.tile<[f: 128, p: 32], f32>, !tile.view<[p, f], f32>
}

// -----

// An odd number of coordinates makes no pairs.
// CHECK-LABEL: tile.kernel @negative_odd
// CHECK-NOT: tile.convert
tile.kernel @negative_odd grid(%p0 = p: 32) lanes p
    (%V: !tile.view<[m, f], bf16>, %O: !tile.view<[p, f], f32>) attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", fixed, 63>, #attn.rank<"f", fixed, 128>]} {
  %c0 = arith.constant 0 : index
  %v = tile.load %V[%c0, %c0] dims ["m", "f"] : !tile.view<[m, f], bf16> -> !tile.tile<[m: 63, f: 128], f32>
  %w = tile.fill 1.000000e+00 : f32 : !tile.tile<[m: 63, p: 32], f32>
  %o = tile.contract %v, %w over ["m"] : !tile.tile<[m: 63, f: 128], f32>, !tile.tile<[m: 63, p: 32], f32> -> !tile.tile<[f: 128, p: 32], f32>
  tile.store %o, %O[%p0, %c0] dims ["p", "f"] : !tile.tile<[f: 128, p: 32], f32>, !tile.view<[p, f], f32>
}

// -----

// Both operands are 8-bit integers in memory. What a filter removes is 0.
// CHECK-LABEL: tile.kernel @integers
// CHECK: %[[K:.*]] = tile.load %K{{.*}} -> <[m: 64, e: 64], i8>
// CHECK: %[[N:.*]] = tile.convert %{{.*}} : <[e: 64, p: 32], i32> -> <[e: 64, p: 32], i8>
// CHECK: tile.contract %[[K]], %[[N]] over ["e"]
// CHECK-SAME: -> <[m: 64, p: 32], i32>
tile.kernel @integers grid(%p0 = p: 32) lanes p
    (%Q: !tile.view<[p, e], i8>, %K: !tile.view<[m, e], i8>, %O: !tile.view<[p, m], i32>) attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", fixed, 64>, #attn.rank<"e", fixed, 64>]} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0 : i32
  %k = tile.load %K[%c0, %c0] dims ["m", "e"] : !tile.view<[m, e], i8> -> !tile.tile<[m: 64, e: 64], i32>
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : !tile.view<[p, e], i8> -> !tile.tile<[e: 64, p: 32], i32>
  %f = tile.map ranks ["e", "p"] sizes [64, 32] at(%c0, %p0) ins(%q : !tile.tile<[e: 64, p: 32], i32>) reducers [] {
  ^bb0(%a: i32):
    %e = tile.coord "e"
    %c = arith.cmpi sgt, %e, %c0 : index
    %x = arith.select %c, %a, %zero : i32
    tile.yield %x : i32
  } : !tile.tile<[e: 64, p: 32], i32>
  %s = tile.contract %k, %f over ["e"] : !tile.tile<[m: 64, e: 64], i32>, !tile.tile<[e: 64, p: 32], i32> -> !tile.tile<[m: 64, p: 32], i32>
  tile.store %s, %O[%p0, %c0] dims ["p", "m"] : !tile.tile<[m: 64, p: 32], i32>, !tile.view<[p, m], i32>
}

// -----

// The right operand may be any i32: integers are not rounded.
// CHECK-LABEL: tile.kernel @negative_integers
// CHECK-NOT: tile.convert
tile.kernel @negative_integers grid(%p0 = p: 32) lanes p
    (%Q: !tile.view<[p, e], i32>, %K: !tile.view<[m, e], i8>, %O: !tile.view<[p, m], i32>) attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", fixed, 64>, #attn.rank<"e", fixed, 64>]} {
  %c0 = arith.constant 0 : index
  %k = tile.load %K[%c0, %c0] dims ["m", "e"] : !tile.view<[m, e], i8> -> !tile.tile<[m: 64, e: 64], i32>
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : !tile.view<[p, e], i32> -> !tile.tile<[e: 64, p: 32], i32>
  %s = tile.contract %k, %q over ["e"] : !tile.tile<[m: 64, e: 64], i32>, !tile.tile<[e: 64, p: 32], i32> -> !tile.tile<[m: 64, p: 32], i32>
  tile.store %s, %O[%p0, %c0] dims ["p", "m"] : !tile.tile<[m: 64, p: 32], i32>, !tile.view<[p, m], i32>
}

// -----

// A product of 62 needs rows of whole fours.
// CHECK-LABEL: tile.kernel @negative_odd_integers
// CHECK-NOT: tile.convert
tile.kernel @negative_odd_integers grid(%p0 = p: 32) lanes p
    (%Q: !tile.view<[p, e], i8>, %K: !tile.view<[m, e], i8>, %O: !tile.view<[p, m], i32>) attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", fixed, 64>, #attn.rank<"e", fixed, 62>]} {
  %c0 = arith.constant 0 : index
  %k = tile.load %K[%c0, %c0] dims ["m", "e"] : !tile.view<[m, e], i8> -> !tile.tile<[m: 64, e: 62], i32>
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : !tile.view<[p, e], i8> -> !tile.tile<[e: 62, p: 32], i32>
  %s = tile.contract %k, %q over ["e"] : !tile.tile<[m: 64, e: 62], i32>, !tile.tile<[e: 62, p: 32], i32> -> !tile.tile<[m: 64, p: 32], i32>
  tile.store %s, %O[%p0, %c0] dims ["p", "m"] : !tile.tile<[m: 64, p: 32], i32>, !tile.view<[p, m], i32>
}

// -----

// Few rows are left as they are but for the constant, so that both operands are
// what memory holds; one row has all as it was.
// CHECK-LABEL: tile.kernel @few
// CHECK: %[[Q:.*]] = tile.load %Q
// CHECK: %[[S:.*]] = tile.contract %[[Q]], %{{.*}} over ["e"]
// CHECK-SAME: <[p: 8, e: 64], f32>, <[e: 64, m: 32], f32>
// CHECK: tile.map {{.*}} ins(%[[S]]
// CHECK: %[[C:.*]] = tile.map
// CHECK: tile.contract %[[C]],
// CHECK-SAME: <[e: 64], f32>, <[e: 64, m: 32], f32>
tile.kernel @few grid(%p0 = p: 8) lanes m
    (%Q: !tile.view<[p, e], bf16>, %K: !tile.view<[m, e], bf16>, %O: !tile.view<[p, m], f32>, %X: !tile.view<[p, m], f32>) attributes {ranks = [#attn.rank<"p", free, 0>, #attn.rank<"m", fixed, 32>, #attn.rank<"e", fixed, 64>]} {
  %c0 = arith.constant 0 : index
  %scale = arith.constant 3.000000e+00 : f32
  %k = tile.load %K[%c0, %c0] dims ["m", "e"] : !tile.view<[m, e], bf16> -> !tile.tile<[e: 64, m: 32], f32>
  %q = tile.load %Q[%p0, %c0] dims ["p", "e"] : !tile.view<[p, e], bf16> -> !tile.tile<[p: 8, e: 64], f32>
  %c = tile.map ranks ["p", "e"] sizes [8, 64] at(%p0, %c0) ins(%q : !tile.tile<[p: 8, e: 64], f32>) reducers [] {
  ^bb0(%a: f32):
    %x = arith.mulf %a, %scale : f32
    tile.yield %x : f32
  } : !tile.tile<[p: 8, e: 64], f32>
  %s = tile.contract %c, %k over ["e"] : !tile.tile<[p: 8, e: 64], f32>, !tile.tile<[e: 64, m: 32], f32> -> !tile.tile<[p: 8, m: 32], f32>
  tile.store %s, %O[%p0, %c0] dims ["p", "m"] : !tile.tile<[p: 8, m: 32], f32>, !tile.view<[p, m], f32>
  %one = tile.load %Q[%p0, %c0] dims ["", "e"] : !tile.view<[p, e], bf16> -> !tile.tile<[e: 64], f32>
  %d = tile.map ranks ["e"] sizes [64] at(%c0) ins(%one : !tile.tile<[e: 64], f32>) reducers [] {
  ^bb0(%a: f32):
    %x = arith.mulf %a, %scale : f32
    tile.yield %x : f32
  } : !tile.tile<[e: 64], f32>
  %t = tile.contract %d, %k over ["e"] : !tile.tile<[e: 64], f32>, !tile.tile<[e: 64, m: 32], f32> -> !tile.tile<[m: 32], f32>
  tile.store %t, %X[%p0, %c0] dims ["", "m"] : !tile.tile<[m: 32], f32>, !tile.view<[p, m], f32>
}
