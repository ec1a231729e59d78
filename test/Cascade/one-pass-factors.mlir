// What is taken out of a reduction, or apart, and what must stay.

// RUN: attn-opt %s --split-input-file --verify-diagnostics \
// RUN:   --pass-pipeline="builtin.module(attn.cascade(attn-form-nests,attn-one-pass))" \
// RUN:   | FileCheck %s

/// The largest of x / d, with d > 0, are those of the largest x.
// CHECK-LABEL: attn.cascade @positive_factor
//       CHECK: attn.stream m init(add %rs = 0.0, topk %rw = -inf, topk %ri = -1.0)
//   CHECK-NOT: attn.stream
attn.cascade @positive_factor(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p, s], i32> ranks(p, m, s = 8) {
  %S = attn.einsum [p] = sigmoid(%X[p, m])
  %D = attn.einsum [p, m] = %X[p, m] * exp(%S[p])
  %W, %I = attn.topk m to s of %D
  attn.yield %I
}

// -----

/// Of x d, with a d of either sign, they may be those of the least x.
// CHECK-LABEL: attn.cascade @negative_signed_factor
//       CHECK: attn.stream m init(add %rs = 0.0)
//       CHECK: attn.stream m init(topk %rw = -inf, topk %ri = -1.0)
attn.cascade @negative_signed_factor(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p, s], i32> ranks(p, m, s = 8) {
  %S = attn.einsum [p] = %X[p, m]
  %D = attn.einsum [p, m] = %X[p, m] * %S[p]
  // expected-remark @below {{`X[p,m]*S` depends on `S`, and no correction distributes over the reducer `topk` (no-distributive-operation); `W` waits for traversal 2 of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %W, %I = attn.topk m to s of %D
  attn.yield %I
}

// -----

/// A scalar multiplies the sum once, at its end.
// CHECK-LABEL: attn.cascade @scalar_factor
//       CHECK: attn.stream m
//       CHECK:   %LS = attn.einsum [p] = %X[p, m]{{$}}
//       CHECK: attn.einsum [p] = %c * %RS[p]
attn.cascade @scalar_factor(%X: !attn.tensor<[p, m], f32>, %c: f32)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m] * %c
  attn.yield %S
}

// -----

/// Elements of tensors and exponentials may be infinite. Where the filter
/// leaves no point the sum is 0, and infinity times that would not be.
// CHECK-LABEL: attn.cascade @negative_infinite_factor
//       CHECK: attn.stream m
//       CHECK:   attn.einsum [p] = {{.*}}%w[p]{{.*}} where (m < p)
//       CHECK:   attn.einsum [p] = {{.*}}exp(%c){{.*}} where (m < p)
//       CHECK: }
//   CHECK-NOT: %w
//   CHECK-NOT: exp
attn.cascade @negative_infinite_factor(%X: !attn.tensor<[p, m], f32>,
                                       %w: !attn.tensor<[p], f32>, %c: f32)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>) ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m] * %w[p] where (m < p) reduce(add m)
  %T = attn.einsum [p] = %X[p, m] * exp(%c) where (m < p) reduce(add m)
  attn.yield %S, %T
}

// -----

/// Taken apart, this sum needs one traversal: each part has its own correction.
// CHECK-LABEL: attn.cascade @sum_of_sums
//       CHECK: attn.stream m
//   CHECK-NOT: attn.stream
attn.cascade @sum_of_sums(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %GN = attn.einsum [p] = %X[p, m] reduce(min m)
  %O = attn.einsum [p] = exp(%X[p, m] - %GM[p]) + exp(%GN[p] - %X[p, m])
         reduce(add m)
  attn.yield %O
}

// -----

/// One part waits for another traversal all the same: the sum stays whole.
// CHECK-LABEL: attn.cascade @negative_no_gain
//       CHECK: attn.stream m init(add %rs = 0.0)
//       CHECK: attn.stream m init(add %ro = 0.0)
//   CHECK-NOT: attn.stream
attn.cascade @negative_no_gain(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m]
  // expected-remark @below {{`abs(X[p,m] - S/extent(m))` has a kink where an element meets `S`: on which side each element lies is not known any more when that changes (not-separable); `O` waits for traversal 2 of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %O = attn.einsum [p] = abs(%X[p, m] - %S[p] / extent(m)) + %X[p, m] * %X[p, m]
         reduce(add m)
  attn.yield %O
}

// -----

/// The largest of tanh(x + s) is tanh of the largest x + s, but over none.
// CHECK-LABEL: attn.cascade @increasing_function
//       CHECK: attn.stream m init(add %rs = 0.0, max %rw = -inf) ->
//   CHECK-NOT: attn.stream
//       CHECK: select(extent(m) == 0.0, -inf, tanh(
attn.cascade @increasing_function(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m]
  %T = attn.einsum [p, m] = tanh(%X[p, m] + %S[p])
  %W = attn.einsum [p] = %T[p, m] reduce(max m)
  attn.yield %W
}

// -----

/// Whether a filter leaves a point is carried along, once for both.
// CHECK-LABEL: attn.cascade @increasing_functions_filtered
//       CHECK: attn.stream m init(add %rs = 0.0, max %rw = -inf, max %rw_some = -inf, max %ru = -inf) ->
//       CHECK:   attn.einsum [] = 0.0 where (m < %len) reduce(max m)
//   CHECK-NOT: attn.stream
//       CHECK: select(%RW_some[] == -inf, -inf, tanh(
//       CHECK: select(%RW_some[] == -inf, -inf, erf(
attn.cascade @increasing_functions_filtered(%X: !attn.tensor<[p, m], f32>, %len: i32)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>) ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m]
  %T = attn.einsum [p, m] = tanh(%X[p, m] + %S[p])
  %W = attn.einsum [p] = %T[p, m] where (m < %len) reduce(max m)
  %Y = attn.einsum [p, m] = erf(%X[p, m] * 2.0 + %S[p])
  %U = attn.einsum [p] = %Y[p, m] where (m < %len) reduce(max m)
  attn.yield %W, %U
}

// -----

/// Where there is a largest weight, there is one of its filter.
// CHECK-LABEL: attn.cascade @weights_as_large
//       CHECK: attn.stream m init(max %rg = -inf, add %rn = 0.0) ->
//   CHECK-NOT: attn.stream
attn.cascade @weights_as_large(%X: !attn.tensor<[p, m], f32>, %len: i32)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %Y = attn.einsum [p, m] = %X[p, m] where (m < %len)
  %G = attn.einsum [p] = %Y[p, m] reduce(max m)
  %E = attn.einsum [p, m] = exp(%Y[p, m] - %G[p])
  %W = attn.einsum [p] = %E[p, m] reduce(max m)
  %N = attn.einsum [p] = %X[p, m] * 0.0 + 1.0 where (%E[p, m] == %W[p])
  attn.yield %N
}
