// What stands for a maximum that only keeps exponentials in range: what is
// derived with each choice, and where the running maximum stays.

// RUN: attn-opt %s --split-input-file \
// RUN:   --pass-pipeline='builtin.module(attn.cascade(attn-split-reducers,attn-expand-reducers,attn-form-nests,attn-one-pass{maximum=stale}))' \
// RUN:   2>%t.stale | FileCheck %s --check-prefix=STALE
// RUN: FileCheck %s --check-prefix=STALE-SAID < %t.stale
// RUN: attn-opt %s --split-input-file \
// RUN:   --pass-pipeline='builtin.module(attn.cascade(attn-split-reducers,attn-expand-reducers,attn-form-nests,attn-one-pass{maximum=tile-local}))' \
// RUN:   2>/dev/null | FileCheck %s --check-prefix=LOCAL
// RUN: attn-opt %s --split-input-file \
// RUN:   --pass-pipeline='builtin.module(attn.cascade(attn-split-reducers,attn-expand-reducers,attn-form-nests,attn-one-pass{maximum=static}))' \
// RUN:   2>%t.static | FileCheck %s --check-prefix=STATIC
// RUN: FileCheck %s --check-prefix=STATIC-SAID < %t.static
// RUN: attnc %S/Inputs/scalar_cap.mlir --stop-after=one-pass -o - \
// RUN:   --options='maximum=static maximum-bound=cap' 2>&1 \
// RUN:   | FileCheck %S/Inputs/scalar_cap.mlir
// RUN: not attnc %s --options='maximum=static maximum-bound=X' \
// RUN:   --stop-after=one-pass -o - 2>&1 | FileCheck %s --check-prefix=NO-BOUND

/// The old maximum stays until it is exceeded by ln 256. Two states are merged
/// by the larger one: merged often, it would lag behind farther and farther.
//  STALE-LABEL: attn.cascade @softmax
//        STALE:   %RM1 = attn.einsum [p] = select(%LM[p] <= %rm[p] + 8.0 * log(2), %rm[p], %LM[p])
//        STALE:   exp(%X[p, m] - %RM1[p])
//        STALE: } merge
//        STALE:   %RM1 = attn.einsum [p] = max(%rm_a[p], %rm_b[p])
//   STALE-SAID: remark: `GM` is stale

/// The chunk has its own maximum, and both are corrected to the joint one.
//  LOCAL-LABEL: attn.cascade @softmax
//        LOCAL:   %[[SN:.*]] = attn.einsum [p, m] = exp(%X[p, m] - %LM[p])
//        LOCAL:   %LD = attn.einsum [p] = %[[SN]][p, m]
//        LOCAL:   %PRM = attn.einsum [p] = exp(%rm[p] - %RM1[p])
//        LOCAL:   %PRM_l = attn.einsum [p] = exp(%LM[p] - %RM1[p])
//        LOCAL:   %RD1 = attn.einsum [p] = %rd[p] * %PRM[p] + %LD[p] * %PRM_l[p]

/// Nothing bounds the scores, but for a user's word.
// STATIC-LABEL: attn.cascade @softmax
//       STATIC:   init(max %rm = -inf
//  STATIC-SAID: remark: `GM` stays a running maximum, not static: nothing bounds `X[p,m]`; maximum-bound can name a scalar that does
//     NO-BOUND: error: 'attn.cascade' op has no scalar argument `X` to bound a maximum by
attn.cascade @softmax(%X: !attn.tensor<[p, m], f32>,
                      %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, f = 64) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%X[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %AV = attn.einsum [p, f] = %SN[p, m] / %SD[p] * %V[m, f]
  attn.yield %AV
}

// -----

/// 100 + 60 tanh(x) is at most 160, and at least 40: 100 keeps every
/// exponential within exp(60) of 1. Without it, exp(160) is infinite in f32.
// STATIC-LABEL: attn.cascade @shifted_cap
//       STATIC:   attn.stream m init(add %rd = 0.0, add %rav = 0.0)
//       STATIC:     exp(60.0 * tanh(%X[p, m]))
//  STATIC-SAID: remark: `100` stands for `GM` (static), by the range of its elements
attn.cascade @shifted_cap(%X: !attn.tensor<[p, m], f32>,
                          %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, f = 64) {
  %Z = attn.einsum [p, m] = 100.0 + 60.0 * tanh(%X[p, m])
  %GM = attn.einsum [p] = %Z[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%Z[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %AV = attn.einsum [p, f] = %SN[p, m] / %SD[p] * %V[m, f]
  attn.yield %AV
}

// -----

/// The same with weights that may be rounded to f16, where exp(60) is infinite
/// and exp(-60) is 0.
// STATIC-LABEL: attn.cascade @negative_half
//       STATIC:   init(max %rm = -inf
//  STATIC-SAID: remark: `GM` stays a running maximum, not static: no number keeps `exp({{.*}})` in range, whatever the data
attn.cascade @negative_half(%X: !attn.tensor<[p, m], f32>,
                            %V: !attn.tensor<[m, f], f16>)
    -> !attn.tensor<[p, f], f16> ranks(p, m, f = 64) {
  %Z = attn.einsum [p, m] = 100.0 + 60.0 * tanh(%X[p, m])
  %GM = attn.einsum [p] = %Z[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%Z[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %AV = attn.einsum [p, f] = %SN[p, m] / %SD[p] * %V[m, f]
  attn.yield %AV
}

// -----

// -----

/// The sum means nothing without the maximum that it was made with.
//  STALE-LABEL: attn.cascade @negative_sum_is_yielded
//        STALE:   %RM1 = attn.einsum [p] = max(%rm[p], %LM[p])
//   STALE-SAID: remark: `GM` stays a running maximum, not stale: `SD` is another for another value of `GM`
attn.cascade @negative_sum_is_yielded(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SD = attn.einsum [p] = exp(%X[p, m] - %GM[p])
  attn.yield %SD
}

// -----

/// ln 256 in the score may be anything in the exponent.
//  STALE-LABEL: attn.cascade @negative_unknown_scale
//        STALE:   %RM1 = attn.einsum [p] = max(%rm[p], %LM[p])
//   STALE-SAID: remark: `GM` stays a running maximum, not stale: nothing proves a bound of `exp({{.*}})` for an older `GM`
attn.cascade @negative_unknown_scale(%X: !attn.tensor<[p, m], f32>,
                                     %V: !attn.tensor<[m, f], f32>, %s: f32)
    -> !attn.tensor<[p, f], f32> ranks(p, m, f = 64) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%s * (%X[p, m] - %GM[p]))
  %SD = attn.einsum [p] = %SN[p, m]
  %AV = attn.einsum [p, f] = %SN[p, m] / %SD[p] * %V[m, f]
  attn.yield %AV
}

// -----

/// The logarithm of the sum has the maximum in it, and does not depend on it.
//  STALE-LABEL: attn.cascade @log_sum
//        STALE:   select(%LL_max[p] <= %rl_max[p] + 8.0 * log(2), %rl_max[p], %LL_max[p])
attn.cascade @log_sum(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %L = attn.einsum [p] = %X[p, m] reduce(lse m)
  attn.yield %L
}
