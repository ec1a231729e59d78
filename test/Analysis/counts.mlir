// Operations and bytes, each case with numbers that follow by hand.

// RUN: attn-opt %s --attn-print-counts --split-input-file -o /dev/null | FileCheck %s
// RUN: attn-opt %s --attn-print-counts="extents=p=64,m=64,%window=16 chunks=m=16" --split-input-file -o /dev/null | FileCheck %s --check-prefix=CALL

/// A factor that the sum does not walk is multiplied after it. The logarithm
/// depends on no coordinate, so it is computed once a call.
// CHECK-LABEL: @sigmoid
//  CHECK-NEXT:   QK: reads 256 |m| + 256 |p|, writes 4 |m| |p|
//  CHECK-NEXT:     mac: 64 |m| |p|
//  CHECK-NEXT:     mul: |m| |p|
//  CHECK-NEXT:   A: reads 4 |m| |p|, writes 4 |m| |p|
//  CHECK-NEXT:     sigmoid: |m| |p|
//  CHECK-NEXT:     add: |m| |p|
//  CHECK-NEXT:   AV: reads 4 |m| |p| + 128 |m|, writes 128 |p|
//  CHECK-NEXT:     mac: 32 |m| |p|
//  CHECK-NEXT:   total: reads 384 |m| + 256 |p|, writes 128 |p|
//  CHECK-NEXT:     mac: 96 |m| |p|
//  CHECK-NEXT:     mul: |m| |p|
//  CHECK-NEXT:     sigmoid: |m| |p|
//  CHECK-NEXT:     add: |m| |p|
//   CHECK-NOT: #
//  CALL-LABEL: @sigmoid
//        CALL:   total: {{.*}} = 40960, writes 128 |p| = 8192
//   CALL-NEXT:     mac: 96 |m| |p| = 393216
attn.cascade @sigmoid(%Q: !attn.tensor<[p, e], f32>,
                      %K: !attn.tensor<[m, e], f32>,
                      %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f = 32) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e] * rsqrt(extent(e))
  %A  = attn.einsum [p, m] = sigmoid(%QK[p, m] - log(extent(m)))
  %AV = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %AV
}

// -----

/// The filter of the scores holds for all that reads them: 64 * 65 / 2 points.
// CHECK-LABEL: @causal
//       CHECK:   QK:
//  CHECK-NEXT:     mac: 8 #0
//       CHECK:   GM:
//  CHECK-NEXT:     max: #0
//       CHECK:   SN:
//  CHECK-NEXT:     exp: #0
//  CHECK-NEXT:     add: #0
//       CHECK:   AV:
//  CHECK-NEXT:     mac: 8 #0
//       CHECK:   #0: points (p, m) where p + |m| - |p| - m >= 0
//  CALL-LABEL: @causal
//        CALL:     mac: 8 #0 = 16640
//        CALL:     exp: #0 = 2080
attn.cascade @causal(%Q: !attn.tensor<[p, e], f32>,
                     %K: !attn.tensor<[m, e], f32>,
                     %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 8, f = 8) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
          where (m <= p + extent(m) - extent(p))
  %GM = attn.einsum [p] = %QK[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%QK[p, m] - %GM[p])
  %AV = attn.einsum [p, f] = %SN[p, m] * %V[m, f]
  attn.yield %AV
}

// -----

/// Alternatives, scalars of the call: the first 4 keys, and the last 16.
/// Without the scalar the count is a bound.
// CHECK-LABEL: @window
//       CHECK:   #0: points (p, m) where p - m >= 0 and
//  CALL-LABEL: @window
//        CALL:     add: #0 = 1090
attn.cascade @window(%A: !attn.tensor<[p, m], f32>, %window: i32)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %S = attn.einsum [p] = %A[p, m]
         where (m <= p and (p - m < %window or m < 4))
  attn.yield %S
}

// -----

/// A condition on values counts as true.
// CHECK-LABEL: @lengths
//       CHECK:   #0: points (p, m) where a condition on (p, m)
//  CALL-LABEL: @lengths
//        CALL:     add: #0 <= 4096
attn.cascade @lengths(%A: !attn.tensor<[p, m], f32>,
                      %length: !attn.tensor<[p], i32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %S = attn.einsum [p] = %A[p, m] where (m < %length[p])
  attn.yield %S
}

// -----

/// An access outside of a tensor is absent: the first step has no predecessor.
/// A block of 10 out of 64 leaves a tail of 4.
// CHECK-LABEL: @bounds
//       CHECK:   D:
//  CHECK-NEXT:     add: #0
//       CHECK:   B:
//  CHECK-NEXT:     add: #1
//       CHECK:   #0: points (m) where m - 1 >= 0 and
//  CALL-LABEL: @bounds
//        CALL:     add: #0 = 63
//        CALL:     add: #1 = 64
attn.cascade @bounds(%A: !attn.tensor<[m], f32>)
    -> (!attn.tensor<[m], f32>, !attn.tensor<[m1], f32>)
    ranks(m, m1 = ceildiv(m, 10), m0 = 10) {
  %D = attn.einsum [m] = %A[m] - %A[m - 1]
  %B = attn.einsum [m1] = %A[m1 * 10 + m0]
  attn.yield %D, %B
}

// -----

/// Where reducers differ, the inner one comes first. A product of three has
/// one multiplication before the sum, on the fewest coordinates.
// CHECK-LABEL: @reducers
//       CHECK:   R:
//  CHECK-NEXT:     mac: 8 |m| |p|
//  CHECK-NEXT:     max: |m| |p|
//       CHECK:   T:
//  CHECK-NEXT:     mul: 8 |p|
//  CHECK-NEXT:     mac: 8 |m| |p|
attn.cascade @reducers(%A: !attn.tensor<[p, e], f32>,
                       %B: !attn.tensor<[m, e], f32>,
                       %W: !attn.tensor<[e], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p, m], f32>)
    ranks(p, m, e = 8) {
  %R = attn.einsum [p] = %A[p, e] * %B[m, e] reduce(max m, add e)
  %T = attn.einsum [p, m] = %A[p, e] * %B[m, e] * %W[e]
  attn.yield %R, %T
}

// -----

/// What a chunk computes once counts once a chunk, and the state moves with it.
// CHECK-LABEL: @stream
//       CHECK:   LM: reads 4 |m| |p|, writes 4 chunks(m) |p|
//  CHECK-NEXT:     max: |m| |p|
//  CHECK-NEXT:   NM: reads 8 chunks(m) |p|, writes 4 chunks(m) |p|
//  CHECK-NEXT:     max: chunks(m) |p|
//       CHECK:   PRM:
//  CHECK-NEXT:     exp: chunks(m) |p|
//  CHECK-NEXT:     add: chunks(m) |p|
//       CHECK:   ND:
//  CHECK-NEXT:     add: chunks(m) |p|
//  CHECK-NEXT:     mul: chunks(m) |p|
//       CHECK:   L0:
//  CHECK-NEXT:     add: |p|
//  CHECK-NEXT:     log: |p|
//       CHECK:   total: reads 4 |m| |p|, writes 4 |p|
//  CALL-LABEL: @stream
//        CALL:     max: chunks(m) |p| = 256
attn.cascade @stream(%QK: !attn.tensor<[p, m], f32>) -> !attn.tensor<[p], f32>
    ranks(p, m) {
  %L = attn.nest parallel(p) -> !attn.tensor<[p], f32> {
    %RM, %RD = attn.stream m init(max %rm = -inf, add %rd = 0.0)
        -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>) step {
      %LM = attn.einsum [p] = %QK[p, m] reduce(max m)
      %NM = attn.einsum [p] = max(%rm[p], %LM[p])
      %SLN = attn.einsum [p, m] = exp(%QK[p, m] - %NM[p])
      %PRM = attn.einsum [p] = exp(%rm[p] - %NM[p])
      %SLD = attn.einsum [p] = %SLN[p, m]
      %ND = attn.einsum [p] = %rd[p] * %PRM[p] + %SLD[p]
      attn.yield %NM, %ND
    } merge(%rm_a, %rd_a, %rm_b, %rd_b) {
      %MM = attn.einsum [p] = max(%rm_a[p], %rm_b[p])
      %CA = attn.einsum [p] = exp(%rm_a[p] - %MM[p])
      %CB = attn.einsum [p] = exp(%rm_b[p] - %MM[p])
      %MD = attn.einsum [p] = %rd_a[p] * %CA[p] + %rd_b[p] * %CB[p]
      attn.yield %MM, %MD
    }
    %L0 = attn.einsum [p] = %RM[p] + log(%RD[p])
    attn.yield %L0
  }
  attn.yield %L
}

// -----

/// An iteration's body runs at every coordinate and moves its state.
// CHECK-LABEL: @recurrence
//       CHECK:   next: reads 68 |m|, writes 32 |m|
//  CHECK-NEXT:     add: 8 |m|
//  CHECK-NEXT:     mul: 8 |m|
//       CHECK:   total: reads 36 |m| + 32, writes 32
attn.cascade @recurrence(%a: !attn.tensor<[m], f32>,
                         %x: !attn.tensor<[m, e], f32>,
                         %s0: !attn.tensor<[e], f32>)
    -> !attn.tensor<[e], f32> ranks(m, e = 8) {
  %last = attn.iterate m init(%s = %s0) -> !attn.tensor<[e], f32> {
    %next = attn.einsum [e] = %a[m] * %s[e] + %x[m, e]
    attn.yield %next
  }
  attn.yield %last
}

// -----

/// A join compares the heads of both lists for each entry, and reads each list
/// once though it has two results.
// CHECK-LABEL: @joined
//  CHECK-NEXT:   W: reads 64 |p|, writes 32 |p|
//  CHECK-NEXT:     compare: 4 |p|
//  CHECK-NEXT:   total: reads 64 |p|, writes 32 |p|
attn.cascade @joined(%A: !attn.tensor<[p, s], f32>,
                     %I: !attn.tensor<[p, s], i32>,
                     %B: !attn.tensor<[p, s], f32>,
                     %J: !attn.tensor<[p, s], i32>)
    -> (!attn.tensor<[p, s], f32>, !attn.tensor<[p, s], i32>)
    ranks(p, s = 4) {
  %W, %C = attn.join s of (%A, %I) and (%B, %J)
  attn.yield %W, %C
}

// -----

// RUN: not attn-opt %s --attn-print-counts="extents=m=0" --split-input-file -o /dev/null 2>&1 | FileCheck %s --check-prefix=ZERO
// ZERO: `extents m=0`: expected RANK=EXTENT, with an extent of 1 to 2^40, or %SCALAR=VALUE
// RUN: not attn-opt %s --attn-print-counts="extents=m=8" --split-input-file -o /dev/null 2>&1 | FileCheck %s --check-prefix=OPEN
// OPEN: error: rank `p` has no extent
