// RUN: attn-opt %s --nvptx-fold-exponents --canonicalize | FileCheck %s

/// The maximum is that of the products themselves, scaled afterwards; an
/// exponential is 2 to a multiply-add; what is subtracted is never -inf.
// CHECK-LABEL: tile.kernel @fold
//       CHECK:   %[[MAX:.*]] = tile.map {{.*}} reducers [#attn.reduce<max "m">] {
//  CHECK-NEXT:   ^bb0(%[[X:.*]]: f32):
//  CHECK-NEXT:     tile.yield %[[X]] : f32
//       CHECK:   %[[G:.*]] = tile.map ranks ["p"] sizes [64] at(%p0) ins(%[[MAX]]
//       CHECK:     arith.mulf
//       CHECK:   tile.map {{.*}} ins(%{{.*}}, %[[G]]
//   CHECK-NOT:     arith.subf
//       CHECK:     arith.select
//       CHECK:     math.fma
//       CHECK:     math.exp2
tile.kernel @fold grid(%p0 = p: 64) lanes p (%R: !tile.view<[m, p], f32>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %c = arith.constant 0.125 : f32
  %s = tile.fill 1.0 : f32 : <[m: 64, p: 64], f32, register>
  %g = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%s : !tile.tile<[m: 64, p: 64], f32, register>) reducers [#attn.reduce<max "m">] {
  ^bb0(%x: f32):
    %y = arith.mulf %x, %c : f32
    tile.yield %y : f32
  } : <[p: 64], f32, register>
  %w = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%s, %g : !tile.tile<[m: 64, p: 64], f32, register>, !tile.tile<[p: 64], f32, register>) reducers [] {
  ^bb0(%x: f32, %z: f32):
    %y = arith.mulf %x, %c : f32
    %d = arith.subf %y, %z : f32
    %e = math.exp %d : f32
    tile.yield %e : f32
  } : <[m: 64, p: 64], f32, register>
  tile.store %w, %R[%c0, %p0] dims ["m", "p"] : <[m: 64, p: 64], f32, register>, <[m, p], f32>
}

/// A factor below 0 would make a minimum of it.
// CHECK-LABEL: tile.kernel @negative_factor
//       CHECK:     arith.mulf
//  CHECK-NEXT:     tile.yield
//   CHECK-NOT:   tile.map
tile.kernel @negative_factor grid(%p0 = p: 64) lanes p (%R: !tile.view<[p], f32>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %c = arith.constant -0.125 : f32
  %s = tile.fill 1.0 : f32 : <[m: 64, p: 64], f32, register>
  %g = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%s : !tile.tile<[m: 64, p: 64], f32, register>) reducers [#attn.reduce<max "m">] {
  ^bb0(%x: f32):
    %y = arith.mulf %x, %c : f32
    tile.yield %y : f32
  } : <[p: 64], f32, register>
  tile.store %g, %R[%p0] dims ["p"] : <[p: 64], f32, register>, <[p], f32>
}

/// What uses exponentials where a filter holds: the filter is asked of the score,
/// whose exponential is 0 elsewhere.
// CHECK-LABEL: tile.kernel @filtered
//       CHECK:   %[[W:.*]] = tile.map {{.*}} reducers [] {
//       CHECK:     %[[KEPT:.*]] = arith.cmpi sle
//       CHECK:     %[[X:.*]] = arith.select %[[KEPT]], %{{.*}}, %{{.*}} : f32
//       CHECK:     math.fma %[[X]]
//       CHECK:     math.exp2
//       CHECK:   %[[SUM:.*]] = tile.map {{.*}} ins(%[[W]] {{.*}} reducers [#attn.reduce<add "m">] {
//  CHECK-NEXT:   ^bb0(%[[E:.*]]: f32):
//  CHECK-NEXT:     tile.yield %[[E]] : f32{{$}}
//   CHECK-NOT:   tile.map
//       CHECK:   tile.store %[[W]]
tile.kernel @filtered grid(%p0 = p: 64) lanes p (%R: !tile.view<[m, p], f32>, %S: !tile.view<[p], f32>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %s = tile.fill 1.0 : f32 : <[m: 64, p: 64], f32, register>
  %g = tile.fill 2.0 : f32 : <[p: 64], f32, register>
  %e = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%s, %g : !tile.tile<[m: 64, p: 64], f32, register>, !tile.tile<[p: 64], f32, register>) reducers [] {
  ^bb0(%x: f32, %z: f32):
    %d = arith.subf %x, %z : f32
    %y = math.exp %d : f32
    tile.yield %y : f32
  } : <[m: 64, p: 64], f32, register>
  %sum = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%e : !tile.tile<[m: 64, p: 64], f32, register>) reducers [#attn.reduce<add "m">] {
  ^bb0(%x: f32):
    %m = tile.coord "m"
    %p = tile.coord "p"
    %f = arith.cmpi sle, %m, %p : index
    tile.yield %x : f32 where %f
  } : <[p: 64], f32, register>
  %w = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%e : !tile.tile<[m: 64, p: 64], f32, register>) reducers [] {
  ^bb0(%x: f32):
    %m = tile.coord "m"
    %p = tile.coord "p"
    %f = arith.cmpi sle, %m, %p : index
    %y = arith.select %f, %x, %zero : f32
    tile.yield %y : f32
  } : <[m: 64, p: 64], f32, register>
  tile.store %w, %R[%c0, %p0] dims ["m", "p"] : <[m: 64, p: 64], f32, register>, <[m, p], f32>
  tile.store %sum, %S[%p0] dims ["p"] : <[p: 64], f32, register>, <[p], f32>
}

/// A filter may read another tile, such as where each row's keys begin.
// CHECK-LABEL: tile.kernel @filtered_by_tile
//       CHECK:   %[[B:.*]] = tile.load %B
//       CHECK:   %[[W:.*]] = tile.map {{.*}} ins(%{{.*}}, %{{.*}}, %[[B]] : {{.*}} reducers [] {
//  CHECK-NEXT:   ^bb0(%[[X:.*]]: f32, %{{.*}}: f32, %[[FIRST:.*]]: i32):
//       CHECK:     %[[KEPT:.*]] = arith.cmpi sge, %{{.*}}, %[[FIRST]]
//       CHECK:     arith.select %[[KEPT]], %[[X]]
//       CHECK:     math.exp2
//       CHECK:   %[[SUM:.*]] = tile.map {{.*}} ins(%[[W]], {{.*}} reducers [#attn.reduce<add "m">] {
//       CHECK:     tile.yield %{{[a-z0-9]+}} : f32{{$}}
//       CHECK:   tile.store %[[W]]
//       CHECK:   tile.store %[[SUM]]
tile.kernel @filtered_by_tile grid(%p0 = p: 64) lanes p (%R: !tile.view<[m, p], f32>, %S: !tile.view<[p], f32>, %B: !tile.view<[p], i32>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %s = tile.fill 1.0 : f32 : <[m: 64, p: 64], f32, register>
  %g = tile.fill 2.0 : f32 : <[p: 64], f32, register>
  %b = tile.load %B[%p0] dims ["p"] : <[p], i32> -> <[p: 64], i32, register>
  %e = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%s, %g : !tile.tile<[m: 64, p: 64], f32, register>, !tile.tile<[p: 64], f32, register>) reducers [] {
  ^bb0(%x: f32, %z: f32):
    %d = arith.subf %x, %z : f32
    %y = math.exp %d : f32
    tile.yield %y : f32
  } : <[m: 64, p: 64], f32, register>
  %sum = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%e, %b : !tile.tile<[m: 64, p: 64], f32, register>, !tile.tile<[p: 64], i32, register>) reducers [#attn.reduce<add "m">] {
  ^bb0(%x: f32, %first: i32):
    %m = tile.coord "m"
    %n = attn.cast %m to i32 {implicit} : index -> i32
    %f = arith.cmpi sge, %n, %first : i32
    tile.yield %x : f32 where %f
  } : <[p: 64], f32, register>
  %w = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%b, %e : !tile.tile<[p: 64], i32, register>, !tile.tile<[m: 64, p: 64], f32, register>) reducers [] {
  ^bb0(%first: i32, %x: f32):
    %m = tile.coord "m"
    %n = attn.cast %m to i32 {implicit} : index -> i32
    %f = arith.cmpi sge, %n, %first : i32
    %y = arith.select %f, %x, %zero : f32
    tile.yield %y : f32
  } : <[m: 64, p: 64], f32, register>
  tile.store %w, %R[%c0, %p0] dims ["m", "p"] : <[m: 64, p: 64], f32, register>, <[m, p], f32>
  tile.store %sum, %S[%p0] dims ["p"] : <[p: 64], f32, register>, <[p], f32>
}

/// One that is there only after the exponentials.
// CHECK-LABEL: tile.kernel @negative_tile_comes_later
//       CHECK:     math.exp2
//       CHECK:     tile.yield {{.*}} where
//       CHECK:     arith.select
tile.kernel @negative_tile_comes_later grid(%p0 = p: 64) lanes p (%R: !tile.view<[m, p], f32>, %S: !tile.view<[p], f32>, %B: !tile.view<[p], i32>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %s = tile.fill 1.0 : f32 : <[m: 64, p: 64], f32, register>
  %g = tile.fill 2.0 : f32 : <[p: 64], f32, register>
  %e = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%s, %g : !tile.tile<[m: 64, p: 64], f32, register>, !tile.tile<[p: 64], f32, register>) reducers [] {
  ^bb0(%x: f32, %z: f32):
    %d = arith.subf %x, %z : f32
    %y = math.exp %d : f32
    tile.yield %y : f32
  } : <[m: 64, p: 64], f32, register>
  %b = tile.load %B[%p0] dims ["p"] : <[p], i32> -> <[p: 64], i32, register>
  %sum = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%e, %b : !tile.tile<[m: 64, p: 64], f32, register>, !tile.tile<[p: 64], i32, register>) reducers [#attn.reduce<add "m">] {
  ^bb0(%x: f32, %first: i32):
    %m = tile.coord "m"
    %n = attn.cast %m to i32 {implicit} : index -> i32
    %f = arith.cmpi sge, %n, %first : i32
    tile.yield %x : f32 where %f
  } : <[p: 64], f32, register>
  %w = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%b, %e : !tile.tile<[p: 64], i32, register>, !tile.tile<[m: 64, p: 64], f32, register>) reducers [] {
  ^bb0(%first: i32, %x: f32):
    %m = tile.coord "m"
    %n = attn.cast %m to i32 {implicit} : index -> i32
    %f = arith.cmpi sge, %n, %first : i32
    %y = arith.select %f, %x, %zero : f32
    tile.yield %y : f32
  } : <[m: 64, p: 64], f32, register>
  tile.store %w, %R[%c0, %p0] dims ["m", "p"] : <[m: 64, p: 64], f32, register>, <[m, p], f32>
  tile.store %sum, %S[%p0] dims ["p"] : <[p: 64], f32, register>, <[p], f32>
}

/// Two filters that differ stay where they are.
// CHECK-LABEL: tile.kernel @negative_filters
//       CHECK:     math.exp2
//       CHECK:     tile.yield {{.*}} where
//       CHECK:     arith.select
tile.kernel @negative_filters grid(%p0 = p: 64) lanes p (%R: !tile.view<[m, p], f32>, %S: !tile.view<[p], f32>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %s = tile.fill 1.0 : f32 : <[m: 64, p: 64], f32, register>
  %g = tile.fill 2.0 : f32 : <[p: 64], f32, register>
  %e = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%s, %g : !tile.tile<[m: 64, p: 64], f32, register>, !tile.tile<[p: 64], f32, register>) reducers [] {
  ^bb0(%x: f32, %z: f32):
    %d = arith.subf %x, %z : f32
    %y = math.exp %d : f32
    tile.yield %y : f32
  } : <[m: 64, p: 64], f32, register>
  %sum = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%e : !tile.tile<[m: 64, p: 64], f32, register>) reducers [#attn.reduce<add "m">] {
  ^bb0(%x: f32):
    %m = tile.coord "m"
    %p = tile.coord "p"
    %f = arith.cmpi sle, %m, %p : index
    tile.yield %x : f32 where %f
  } : <[p: 64], f32, register>
  %w = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%e : !tile.tile<[m: 64, p: 64], f32, register>) reducers [] {
  ^bb0(%x: f32):
    %m = tile.coord "m"
    %p = tile.coord "p"
    %f = arith.cmpi slt, %m, %p : index
    %y = arith.select %f, %x, %zero : f32
    tile.yield %y : f32
  } : <[m: 64, p: 64], f32, register>
  tile.store %w, %R[%c0, %p0] dims ["m", "p"] : <[m: 64, p: 64], f32, register>, <[m, p], f32>
  tile.store %sum, %S[%p0] dims ["p"] : <[p: 64], f32, register>, <[p], f32>
}

/// Numbers that a score is multiplied by are one: 0.25 / 2 here; and where an
/// exponential subtracts nothing, what turns it into a power of 2, another one.
// CHECK-LABEL: tile.kernel @numbers
//   CHECK-DAG:   %[[C:.*]] = arith.constant 1.250000e-01 : f32
//   CHECK-DAG:   %[[D:.*]] = arith.constant 72.1347{{[0-9]*}} : f32
//       CHECK:   %[[Y:.*]] = arith.mulf %{{.*}}, %[[C]]
//  CHECK-NEXT:   %[[T:.*]] = math.tanh %[[Y]]
//  CHECK-NEXT:   %[[Z:.*]] = arith.mulf %[[T]], %[[D]]
//  CHECK-NEXT:   math.exp2 %[[Z]]
tile.kernel @numbers grid(%p0 = p: 64) lanes p (%R: !tile.view<[m, p], f32>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %half = arith.constant 0.5 : f32
  %quarter = arith.constant 0.25 : f32
  %cap = arith.constant 50.0 : f32
  %s = tile.fill 1.0 : f32 : <[m: 64, p: 64], f32, register>
  %w = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%s : !tile.tile<[m: 64, p: 64], f32, register>) reducers [] {
  ^bb0(%x: f32):
    %a = arith.mulf %x, %quarter : f32
    %y = arith.mulf %half, %a : f32
    %t = math.tanh %y : f32
    %z = arith.mulf %t, %cap : f32
    %e = math.exp %z : f32
    tile.yield %e : f32
  } : <[m: 64, p: 64], f32, register>
  tile.store %w, %R[%c0, %p0] dims ["m", "p"] : <[m: 64, p: 64], f32, register>, <[m, p], f32>
}

/// Their product might be no f32, and what a call gives may be 0.
// CHECK-LABEL: tile.kernel @negative_numbers
//       CHECK:   arith.mulf
//       CHECK:   arith.mulf
//       CHECK:   arith.mulf
tile.kernel @negative_numbers grid(%p0 = p: 64) lanes p (%R: !tile.view<[m, p], f32>, %given: f32)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %large = arith.constant 1.0e30 : f32
  %two = arith.constant 2.0 : f32
  %s = tile.fill 1.0 : f32 : <[m: 64, p: 64], f32, register>
  %w = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%s : !tile.tile<[m: 64, p: 64], f32, register>) reducers [] {
  ^bb0(%x: f32):
    %a = arith.mulf %x, %large : f32
    %y = arith.mulf %a, %large : f32
    %b = arith.mulf %y, %given : f32
    tile.yield %b : f32
  } : <[m: 64, p: 64], f32, register>
  tile.store %w, %R[%c0, %p0] dims ["m", "p"] : <[m: 64, p: 64], f32, register>, <[m, p], f32>
}

/// A factor of one part of a sum is taken out where the other part has one that
/// is the same all over the tile.
// CHECK-LABEL: tile.kernel @sum
//  CHECK-NEXT:   %[[SLOPE:[a-z]+]]: f32)
//       CHECK:     %[[RATIO:.*]] = arith.divf %[[SLOPE]]
//       CHECK:     %[[PART:.*]] = arith.mulf %[[RATIO]]
//       CHECK:     %[[SUM:.*]] = arith.addf %{{.*}}, %[[PART]]
//  CHECK-NEXT:     tile.yield %[[SUM]]
tile.kernel @sum grid(%p0 = p: 64) lanes p (%R: !tile.view<[p], f32>, %slope: f32)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %c = arith.constant 0.125 : f32
  %s = tile.fill 1.0 : f32 : <[m: 64, p: 64], f32, register>
  %b = tile.fill 3.0 : f32 : <[m: 64, p: 64], f32, register>
  %g = tile.map ranks ["m", "p"] sizes [64, 64] at(%c0, %p0) ins(%s, %b : !tile.tile<[m: 64, p: 64], f32, register>, !tile.tile<[m: 64, p: 64], f32, register>) reducers [#attn.reduce<max "m">] {
  ^bb0(%x: f32, %z: f32):
    %y = arith.mulf %x, %c : f32
    %t = arith.mulf %slope, %z : f32
    %d = arith.addf %y, %t : f32
    tile.yield %d : f32
  } : <[p: 64], f32, register>
  tile.store %g, %R[%p0] dims ["p"] : <[p: 64], f32, register>, <[p], f32>
}
