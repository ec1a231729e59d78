// The report for a terminal: what it has, and that it moves with the cascade.

// RUN: attnc --explain %variants/softmax_naive.mlir \
// RUN:   | FileCheck %s --check-prefix=SOFTMAX
// RUN: attnc --explain=text %variants/softmax_naive.mlir \
// RUN:     --size b=2,h=8,p=1024,m=4096 | FileCheck %s --check-prefix=SIZED

/// The acceptance of the analysis: three traversals of K and one of V as
/// written, one of each derived.
//      SOFTMAX: @softmax_naive  ({{.*}}softmax_naive.mlir:4)
// SOFTMAX-NEXT:   ranks b, h, p, m, e = 64, f = 64
// SOFTMAX-NEXT:   reads Q[b, h, p, e] f32, K[b, h, m, e] f32, V[b, h, m, f] f32
// SOFTMAX-NEXT:   gives AV[b, h, p, f] f32
//      SOFTMAX: AS WRITTEN
//      SOFTMAX:   SN[b, h, p, m] = exp(QK[b, h, p, m] - GM[b, h, p])
//      SOFTMAX: DERIVED
// SOFTMAX-NEXT:   AV = kernel, parallel over b, h, p
// SOFTMAX-NEXT:     RM, RD, RAV = stream m from rm = -inf, rd = 0, rav = 0
//      SOFTMAX:       next rd = RD1
//      SOFTMAX:     merge of (rm_a, rd_a, rav_a) and (rm_b, rd_b, rav_b)
//      SOFTMAX:     store AV_0
//      SOFTMAX: TRAVERSALS
// SOFTMAX-NEXT:   rank  tensor  as written  derived
// SOFTMAX-NEXT:   m     K       3           1, 2 of each chunk
// SOFTMAX-NEXT:         V       1           1, 1 of each chunk
// SOFTMAX-NEXT:         phases  3           1, 2 of each chunk
// SOFTMAX-NEXT:   over b, h, p, e, f: every tensor is walked once, in one phase
//      SOFTMAX:   Why over m, as written:
// SOFTMAX-NEXT:     K: from QK; again from SN, since GM needs all of m first; again from A, since SD needs all
// SOFTMAX-NEXT:       of m first
// SOFTMAX-NEXT:     phase 1: QK, GM
// SOFTMAX-NEXT:     phase 2: SN, SD
// SOFTMAX-NEXT:     phase 3: A, AV
// SOFTMAX-NEXT:     live whole at each coordinate of the other ranks, or made again: QK |m|; SN |m|
//  SOFTMAX-NOT: REMARKS

/// 4096 keys in f32.
//        SIZED: ranks b (2), h (8), p (1024), m (4096), e = 64, f = 64
//        SIZED: live whole {{.*}}: QK |m| = 16.0 KiB; SN |m|
//   SIZED-NEXT:   = 16.0 KiB

/// Without a maximum there is one barrier less; what the cascade does not need
/// is named; what can't be derived comes with its remark.
// RUN: attnc --explain %s | FileCheck %s
//  CHECK-LABEL: @unstabilised
//        CHECK: no output depends on GM
//        CHECK: m     X       2           2
//   CHECK-NEXT:       phases  2           2
//        CHECK: phase 1: SN, SD
//        CHECK: phase 2: A
//        CHECK: REMARKS
//   CHECK-NEXT:   [[#@LINE+6]]:8: `A` keeps `m` and needs `SD`, finished
attn.cascade @unstabilised(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p, m], f32> ranks(p, m) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%X[p, m])
  %SD = attn.einsum [p] = %SN[p, m]
  %A = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  attn.yield %A
}

//  CHECK-LABEL: @deviation
//        CHECK: m     A       2           2
//        CHECK: REMARKS
//   CHECK-NEXT:   [[#@LINE+5]]:8: {{.*}}abs(A[p,m] - S
attn.cascade @deviation(%A: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %S = attn.einsum [p] = %A[p, m] / extent(m)
  // The mean is under a kink.
  %D = attn.einsum [p] = abs(%A[p, m] - %S[p])
  attn.yield %D
}

/// A rank walked by tiles, and an iteration.
//  CHECK-LABEL: @decay
//        CHECK: Z, O = iterate t from z = Z0
//   CHECK-NEXT:   z1[] = z[] * 0.5 + X[t]
//   CHECK-NEXT:   next z = z1
//   CHECK-NEXT:   collect z1 in O
attn.cascade @decay(%X: !attn.tensor<[t], f32>, %Z0: !attn.tensor<[], f32>)
    -> !attn.tensor<[t], f32> ranks(t) {
  %Z, %O = attn.iterate t init(%z = %Z0)
      -> (!attn.tensor<[], f32>, !attn.tensor<[t], f32>) {
    %z1 = attn.einsum [] = %z[] * 0.5 + %X[t]
    attn.yield %z1, %z1
  }
  attn.yield %O
}

/// The best of a rank, along a stream.
//  CHECK-LABEL: @best
//        CHECK: W, I = topk m to s of X
//        CHECK: RW, RI = stream m from rw = -inf, ri = -1
//        CHECK: RW1, RI1 = join s of (rw, ri) and (LW, LI)
//        CHECK: merge of (rw_a, ri_a) and (rw_b, ri_b)
attn.cascade @best(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p, s], f32>, !attn.tensor<[p, s], i32>)
    ranks(p, m, s = 4) {
  %W, %I = attn.topk m to s of %X
  attn.yield %W, %I
}
