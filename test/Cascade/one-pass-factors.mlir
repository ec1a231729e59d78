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
