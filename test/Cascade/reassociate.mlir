// RUN: attn-opt %s --split-input-file --verify-diagnostics \
// RUN:   --pass-pipeline='builtin.module(attn.cascade(attn-reassociate{assume=p=4096,m=4096}))' \
// RUN:   | FileCheck %s
// RUN: attn-opt %s --split-input-file \
// RUN:   --pass-pipeline='builtin.module(attn.cascade(attn-reassociate))' 2>&1 \
// RUN:   | FileCheck %s --check-prefix=FREE

/// Linear attention: with many queries and keys, K^T V first. Without an
/// assumption nothing is known, and it stays.
//       FREE: the best order depends on extents that are free: as written 128 |m| |p| multiply-adds
// CHECK-LABEL: @linear_attention
//       CHECK: %[[T:.+]] = attn.einsum [e, f] = %V[m, f] * %K[m, e]
//       CHECK: %AV = attn.einsum [p, f] = %Q[p, e] * %[[T]][e, f] / sqrt(extent(e))
//       CHECK: attn.yield %AV
//  FREE-LABEL: @linear_attention
//       FREE: %QK = attn.einsum [p, m]
attn.cascade @linear_attention(%Q: !attn.tensor<[p, e], f32>, %K: !attn.tensor<[m, e], f32>,
                               %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f = 64) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e] * rsqrt(extent(e))
  // expected-remark @below {{4096 |m| + 4096 |p| multiply-adds, 128 |m| |p| as written; less where 4096 |m| + 4096 |p| < 128 |m| |p| (other extents as assumed: p > 32, m > 32)}}
  %AV = attn.einsum [p, f] = %QK[p, m] * %V[m, f]
  attn.yield %AV
}

// -----

/// A vector at the end of a chain: whatever i is, from the right is best.
// CHECK-LABEL: @fixed_chain
//       CHECK: %[[T:.+]] = attn.einsum [k] = %D[l] * %C[k, l]
//       CHECK: %[[U:.+]] = attn.einsum [j] = %B[j, k] * %[[T]][k]
//       CHECK: %Y = attn.einsum [i] = %A[i, j] * %[[U]][j]
attn.cascade @fixed_chain(%A: !attn.tensor<[i, j], f32>, %B: !attn.tensor<[j, k], f32>,
                          %C: !attn.tensor<[k, l], f32>, %D: !attn.tensor<[l], f32>)
    -> !attn.tensor<[i], f32> ranks(i = 50, j = 10, k = 100, l = 5) {
  %AB = attn.einsum [i, k] = %A[i, j] * %B[j, k]
  %ABC = attn.einsum [i, l] = %AB[i, k] * %C[k, l]
  // expected-remark @below {{2000 multiply-adds, 75250 as written}}
  %Y = attn.einsum [i] = %ABC[i, l] * %D[l]
  attn.yield %Y
}

// -----

/// Multi-head latent attention, decoding: the keys' projection goes to the
/// query, since there are more keys than heads. Whatever m is, from 2 on.
// CHECK-LABEL: @latent_keys
//       CHECK: %[[QL:.+]] = attn.einsum [h, c] = %Q[h, e] * %WK[h, e, c]
//       CHECK: %S = attn.einsum [h, m] = %C[m, c] * %[[QL]][h, c]
//       CHECK: exp(%S[h, m])
attn.cascade @latent_keys(%Q: !attn.tensor<[h, e], f32>, %WK: !attn.tensor<[h, e, c], f32>,
                          %C: !attn.tensor<[m, c], f32>)
    -> !attn.tensor<[h, m], f32> ranks(h = 16, e = 128, c = 512, m) {
  %K = attn.einsum [h, m, e] = %WK[h, e, c] * %C[m, c]
  // expected-remark @below {{multiplied as}}
  %S = attn.einsum [h, m] = %Q[h, e] * %K[h, m, e]
  %E = attn.einsum [h, m] = exp(%S[h, m])
  attn.yield %E
}

// -----

/// The sum over keys of A <q, r>: the query's factor leaves the sum.
// CHECK-LABEL: @relations
//       CHECK: %[[T:.+]] = attn.einsum [p, l] = %A[p, m] * %R[m, l]
//       CHECK: %[[U:.+]] = attn.einsum [p, x] = %Q[p, l, x] * %[[T]][p, l]
//       CHECK: %O = attn.einsum [p] = %W[x] * %[[U]][p, x]
attn.cascade @relations(%A: !attn.tensor<[p, m], f32>, %Q: !attn.tensor<[p, l, x], f32>,
                        %W: !attn.tensor<[x], f32>, %R: !attn.tensor<[m, l], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m, l = 8, x = 4) {
  %U = attn.einsum [p, m, l] = %A[p, m] * %R[m, l]
  %B = attn.einsum [p, l, x, m] = %U[p, m, l] * %Q[p, l, x]
  // expected-remark @below {{multiplied as}}
  %O = attn.einsum [p] = %B[p, l, x, m] * %W[x]
  attn.yield %O
}

// -----

/// One Einsum of three factors is one of pairs.
// CHECK-LABEL: @three_factors
//       CHECK: %[[T:.+]] = attn.einsum [e, f] = %K[m, e] * %V[m, f]
//       CHECK: %AV = attn.einsum [p, f] = %Q[p, e] * %[[T]][e, f]
attn.cascade @three_factors(%Q: !attn.tensor<[p, e], f32>, %K: !attn.tensor<[m, e], f32>,
                            %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f = 64) {
  // expected-remark @below {{multiplied as}}
  %AV = attn.einsum [p, f] = %Q[p, e] * %K[m, e] * %V[m, f]
  attn.yield %AV
}

// -----

/// A causal filter is between the products: the keys of a query are its own.
// CHECK-LABEL: @negative_causal
//       CHECK: %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e] where (m <= p)
//       CHECK: %AV = attn.einsum [p, f] = %QK[p, m] * %V[m, f]
attn.cascade @negative_causal(%Q: !attn.tensor<[p, e], f32>, %K: !attn.tensor<[m, e], f32>,
                              %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f = 64) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e] where (m <= p)
  %AV = attn.einsum [p, f] = %QK[p, m] * %V[m, f]
  attn.yield %AV
}

// -----

/// So is it where the filter stands on the last product.
// CHECK-LABEL: @negative_causal_at_the_end
//       CHECK: %AV = attn.einsum [p, f] = %QK[p, m] * %V[m, f] where (m <= p)
attn.cascade @negative_causal_at_the_end(%Q: !attn.tensor<[p, e], f32>,
                                         %K: !attn.tensor<[m, e], f32>,
                                         %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f = 64) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
  %AV = attn.einsum [p, f] = %QK[p, m] * %V[m, f] where (m <= p)
  attn.yield %AV
}

// -----

/// Where a query is absent its row is; after another order it would be 0.
// CHECK-LABEL: @negative_absent_factor
//       CHECK: %QK = attn.einsum [p, m] = %R[p] * %K[m]
attn.cascade @negative_absent_factor(%Q: !attn.tensor<[p], f32>, %K: !attn.tensor<[m], f32>,
                                     %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, f = 64) {
  %R = attn.einsum [p] = %Q[p] where (p < 5)
  %QK = attn.einsum [p, m] = %R[p] * %K[m]
  %AV = attn.einsum [p, f] = %QK[p, m] * %V[m, f]
  attn.yield %AV
}

// -----

// CHECK-LABEL: @negative_softmax
//       CHECK: %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
//       CHECK: %SN = attn.einsum [p, m] = exp(%QK[p, m])
//       CHECK: %AV = attn.einsum [p, f] = %SN[p, m] * %V[m, f]
attn.cascade @negative_softmax(%Q: !attn.tensor<[p, e], f32>, %K: !attn.tensor<[m, e], f32>,
                               %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f = 64) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
  %SN = attn.einsum [p, m] = exp(%QK[p, m])
  %AV = attn.einsum [p, f] = %SN[p, m] * %V[m, f]
  attn.yield %AV
}

// -----

/// The scores are an output, so they are computed in any case.
// CHECK-LABEL: @negative_read_twice
//       CHECK: %AV = attn.einsum [p, f] = %QK[p, m] * %V[m, f]
attn.cascade @negative_read_twice(%Q: !attn.tensor<[p, e], f32>, %K: !attn.tensor<[m, e], f32>,
                                  %V: !attn.tensor<[m, f], f32>)
    -> (!attn.tensor<[p, f], f32>, !attn.tensor<[p, m], f32>)
    ranks(p, m, e = 64, f = 64) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
  %AV = attn.einsum [p, f] = %QK[p, m] * %V[m, f]
  attn.yield %AV, %QK
}

// -----

/// The scores are rounded to 16 bits; another order would not do that.
// CHECK-LABEL: @negative_rounded
//       CHECK: %QK = attn.einsum {{.*}} : bf16
attn.cascade @negative_rounded(%Q: !attn.tensor<[p, e], f32>, %K: !attn.tensor<[m, e], f32>,
                               %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f = 64) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e] : bf16
  %AV = attn.einsum [p, f] = %QK[p, m] * %V[m, f]
  attn.yield %AV
}
