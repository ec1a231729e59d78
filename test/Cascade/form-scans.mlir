// Sums over prefixes as recurrences, and what has to stay a sum.

// RUN: attn-opt %s --attn-form-scans --split-input-file 2>%t.remarks \
// RUN:   | FileCheck %s
// RUN: FileCheck %s --check-prefix=SAID < %t.remarks
// RUN: attn-opt %s --split-input-file -o /dev/null \
// RUN:   --pass-pipeline='builtin.module(attn.cascade(attn-form-scans,attn-chunkwise))' \
// RUN:   2>&1 | FileCheck %s --check-prefix=CHUNKS

/// Causal linear attention, written with scores.
// CHECK-LABEL: attn.cascade @causal_linear
//       CHECK:   ranks(h, p, m, e = 64, f = 64, m_term = 1)
//   CHECK-NOT:   %QK
//       CHECK:   %K_p = attn.einsum [h, p, e] = %K[h, p + m_term, e]
//       CHECK:   %V_p = attn.einsum [h, p, f] = %V[h, p + m_term, f]
//       CHECK:   %S0 = attn.einsum [h, e, f] = 0.0
//       CHECK:   %AV_state, %AV = attn.iterate p init(%s = %S0)
//       CHECK:     %s1 = attn.einsum [h, e, f] = %K_p[h, p, e] * %V_p[h, p, f] + %s[h, e, f]
//       CHECK:     %o = attn.einsum [h, f] = %Q[h, p, e] * %s1[h, e, f] / sqrt(extent(e))
//       CHECK:   attn.yield %AV
//        SAID: remark: the sum over `m` up to a bound that moves with `p` is carried along `p`
//      CHUNKS: remark: chunks of 64 of `p`; transitions: `s`: identity
attn.cascade @causal_linear(%Q: !attn.tensor<[h, p, e], f32>,
                            %K: !attn.tensor<[h, m, e], f32>,
                            %V: !attn.tensor<[h, m, f], f32>)
    -> !attn.tensor<[h, p, f], f32> ranks(h, p, m, e = 64, f = 64) {
  %QK = attn.einsum [h, p, m] = %Q[h, p, e] * %K[h, m, e] * rsqrt(extent(e))
          where (m <= p)
  %AV = attn.einsum [h, p, f] = %QK[h, p, m] * %V[h, m, f]
  attn.yield %AV
}

// -----

/// The last queries see all keys: those before the first query come first. Of a
/// group of any size, each head has a state.
// CHECK-LABEL: attn.cascade @aligned_ends
//       CHECK:   %K_p = attn.einsum [k, p, e] = %K[k, p + extent(m) - extent(p) + m_term, e]
//       CHECK:   %S0 = attn.einsum [k, g, e, f] = %V[k, m, f] * %K[k, m, e] where (m < 0 + extent(m) - extent(p))
//       CHECK:   attn.iterate p
//       CHECK:     %s1 = attn.einsum [k, g, e, f] = %K_p[k, p, e] * %V_p[k, p, f] + %s[k, g, e, f]
//       CHECK:     attn.einsum [(k, g), f] = %Q[(k, g), p, e] * %s1[k, g, e, f]
attn.cascade @aligned_ends(%Q: !attn.tensor<[h, p, e], f32>,
                           %K: !attn.tensor<[k, m, e], f32>,
                           %V: !attn.tensor<[k, m, f], f32>)
    -> !attn.tensor<[h, p, f], f32> ranks(k, g, h = k * g, p, m, e = 64, f = 64) {
  %QK = attn.einsum [k, g, p, m] = %Q[(k, g), p, e] * %K[k, m, e]
          where (m <= p + extent(m) - extent(p))
  %AV = attn.einsum [(k, g), p, f] = %QK[k, g, p, m] * %V[k, m, f]
  attn.yield %AV
}

// -----

/// A group of a fixed size shares the state; the sum is rounded at its end.
// CHECK-LABEL: attn.cascade @rounded_end
//       CHECK:   attn.iterate p
//       CHECK:     %s1 = attn.einsum [k, e, f] = %K_p[k, p, e] * %V_p[k, p, f] + %s[k, e, f]
//       CHECK:     attn.einsum [(k, g), f] = %Q[(k, g), p, e] * %s1[k, e, f]
//       CHECK:   %[[AV:.*]] = attn.einsum [(k, g), p, f] = %AV[(k, g), p, f] : bf16
//       CHECK:   attn.yield %[[AV]]
attn.cascade @rounded_end(%Q: !attn.tensor<[h, p, e], f32>,
                          %K: !attn.tensor<[k, m, e], f32>,
                          %V: !attn.tensor<[k, m, f], f32>)
    -> !attn.tensor<[h, p, f], bf16>
    ranks(k, g = 2, h = k * g, p, m, e = 64, f = 64) {
  %QK = attn.einsum [k, g, p, m] = %Q[(k, g), p, e] * %K[k, m, e]
          where (m <= p)
  %AV = attn.einsum [(k, g), p, f] = %QK[k, g, p, m] * %V[k, m, f] : bf16
  attn.yield %AV
}

// -----

/// A prefix sum of one Einsum, without its own coordinate.
// CHECK-LABEL: attn.cascade @exclusive_sum
//       CHECK:   %X_p = attn.einsum [p] = %X[p - 1 + m_term]
//       CHECK:   attn.iterate p
attn.cascade @exclusive_sum(%X: !attn.tensor<[m], f32>,
                            %W: !attn.tensor<[p], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %S = attn.einsum [p] = %W[p] * %X[m] where (m < p)
  attn.yield %S
}

// -----

/// exp of a score is no product of a query's part and a key's.
// CHECK-LABEL: attn.cascade @negative_softmax
//   CHECK-NOT:   attn.iterate
//        SAID: remark: `exp(QK[p,m] - GM[p])` has both `p` and `m` and is no product of a part with each (not-separable), so the sum over `m` is not carried along `p`
attn.cascade @negative_softmax(%Q: !attn.tensor<[p, e], f32>,
                               %K: !attn.tensor<[m, e], f32>,
                               %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f = 64) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e] where (m <= p)
  %GM = attn.einsum [p] = %QK[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%QK[p, m] - %GM[p])
  %AV = attn.einsum [p, f] = %SN[p, m] * %V[m, f]
  attn.yield %AV
}

// -----

/// A decay by the distance: gamma^p gamma^-m would overflow.
// CHECK-LABEL: attn.cascade @negative_retention
//   CHECK-NOT:   attn.iterate
//        SAID: remark: `pow(gamma, (p - m))` has both `p` and `m` and is no product of a part with each
attn.cascade @negative_retention(%Q: !attn.tensor<[p, e], f32>,
                                 %K: !attn.tensor<[m, e], f32>,
                                 %V: !attn.tensor<[m, f], f32>, %gamma: f32)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f = 64) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
  %D = attn.einsum [p, m] = %QK[p, m] * pow(%gamma, p - m) where (m <= p)
  %AV = attn.einsum [p, f] = %D[p, m] * %V[m, f]
  attn.yield %AV
}

// -----

/// A window forgets, and a maximum has no place for a factor; no bound moves.
// CHECK-LABEL: attn.cascade @negative_window
//   CHECK-NOT:   attn.iterate
attn.cascade @negative_window(%Q: !attn.tensor<[p, e], f32>,
                              %K: !attn.tensor<[m, e], f32>,
                              %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f = 64) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e] where (m <= p and p < m + 128)
  %AV = attn.einsum [p, f] = %QK[p, m] * %V[m, f]
  attn.yield %AV
}
// CHECK-LABEL: attn.cascade @negative_maximum
//   CHECK-NOT:   attn.iterate
attn.cascade @negative_maximum(%X: !attn.tensor<[m], f32>,
                               %W: !attn.tensor<[p], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %S = attn.einsum [p] = %W[p] * %X[m] where (m <= p) reduce(max m)
  attn.yield %S
}
// CHECK-LABEL: attn.cascade @negative_unbounded
//   CHECK-NOT:   attn.iterate
attn.cascade @negative_unbounded(%Q: !attn.tensor<[p, e], f32>,
                                 %K: !attn.tensor<[m, e], f32>,
                                 %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f = 64) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
  %AV = attn.einsum [p, f] = %QK[p, m] * %V[m, f]
  attn.yield %AV
}
// CHECK-LABEL: attn.cascade @negative_twice_the_pace
//   CHECK-NOT:   attn.iterate
attn.cascade @negative_twice_the_pace(%X: !attn.tensor<[m], f32>,
                                      %W: !attn.tensor<[p], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %S = attn.einsum [p] = %W[p] * %X[m] where (m <= 2 * p)
  attn.yield %S
}

// -----

/// In bf16 every score is rounded, which no state can do.
//        SAID: remark: `QK[p,m]` has both `p` and `m`
// CHECK-LABEL: attn.cascade @negative_rounded_scores
//   CHECK-NOT:   attn.iterate
attn.cascade @negative_rounded_scores(%Q: !attn.tensor<[p, e], f32>,
                                      %K: !attn.tensor<[m, e], f32>,
                                      %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f = 64) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e] where (m <= p) : bf16
  %AV = attn.einsum [p, f] = %QK[p, m] * %V[m, f] where (m <= p)
  attn.yield %AV
}
