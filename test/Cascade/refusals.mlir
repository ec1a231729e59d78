// What is said where one traversal is not enough: the smallest expression that
// shows it, the rule, and what the fallback costs.

// RUN: attn-opt %s --split-input-file --verify-diagnostics -o /dev/null \
// RUN:   --pass-pipeline='builtin.module(attn.cascade(attn-split-reducers,attn-form-nests,attn-one-pass))'

/// Mean and deviation share a traversal; the weights need another.
attn.cascade @negative_z_score(%Q: !attn.tensor<[p, e], f32>,
                               %K: !attn.tensor<[m, e], f32>,
                               %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f = 64) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
  %S = attn.einsum [p] = %QK[p, m]
  %MU = attn.einsum [p] = %S[p] / extent(m)
  %D = attn.einsum [p, m] = %QK[p, m] - %MU[p]
  // expected-remark @below {{carries `Y_count` along, 1 sum more to correct per chunk, instead of one more traversal of `m`, which computes `QK` again (64 |m| |p| mac) and reads `K` again (256 |m| bytes); to store `QK` instead would write and read 4 |m| |p| bytes}}
  %Y = attn.einsum [p] = %D[p, m] * %D[p, m]
  %SG = attn.einsum [p] = sqrt(%Y[p] / extent(m))
  %E = attn.einsum [p, m] = exp(%D[p, m] / %SG[p])
  // expected-remark @below {{`exp(QK[p,m]*sqrt(extent(m))/sqrt(Y))` is raised to a power by a change of `Y`, and no power distributes over the reducer `add` (not-separable); `SD` waits for traversal 2 of `m`, which computes `QK` again (64 |m| |p| mac) and reads `K` again (256 |m| bytes); to store `QK` instead would write and read 4 |m| |p| bytes}}
  %SD = attn.einsum [p] = %E[p, m]
  %A = attn.einsum [p, m] = %E[p, m] / %SD[p]
  // expected-remark @below {{`exp(QK[p,m]*sqrt(extent(m))/sqrt(Y))` is raised to a power by a change of `Y`, and no power distributes over the reducer `add` (not-separable); `AV` waits for traversal 2 of `m`}}
  %AV = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %AV
}

// -----

/// One step towards the threshold of sparsemax; a filter counts what is priced.
attn.cascade @negative_sparsemax(%Q: !attn.tensor<[p, e], f32>,
                                 %K: !attn.tensor<[m, e], f32>,
                                 %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f = 64) {
  %X = attn.einsum [p, m] = %Q[p, e] * %K[m, e] where (m <= p)
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %T0 = attn.einsum [p] = %GM[p] - 1.0
  // expected-remark @below {{`GM - 1 < X[p,m]` chooses elements by `GM`: which ones is not known any more when that changes (not-separable); `C` waits for traversal 2 of `m`, which computes `X` again (64 #0 mac; #0: points (p, m) where p - m >= 0) and reads `K` again (256 |m| bytes); to store `X` instead would write and read 4 |m| |p| bytes}}
  %C = attn.einsum [p] = select(%X[p, m] > %T0[p], 1.0, 0.0) reduce(add m)
  // expected-remark @below {{`max(X[p,m] + 1 - GM, 0)` has a kink where an element meets `GM`: on which side each element lies is not known any more when that changes (not-separable); `Z` waits for traversal 2 of `m`}}
  %Z = attn.einsum [p] = max(%X[p, m] - %T0[p], 0.0) reduce(add m)
  %TAU = attn.einsum [p] = %T0[p] + (%Z[p] - 1.0) / %C[p]
  %A = attn.einsum [p, m] = max(%X[p, m] - %TAU[p], 0.0)
  // expected-remark @below {{`max(X[p,m] + 1 - GM - (Z - 1)/C, 0)` has a kink where an element meets `C`, `Z`: on which side each element lies is not known any more when that changes (not-separable); `AV` waits for traversal 3 of `m`, which computes `X` again (64 #0 mac; #0: points (p, m) where p - m >= 0) and reads `K` again (256 |m| bytes); to store `X` instead would write and read 4 |m| |p| bytes}}
  %AV = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %AV
}

// -----

/// 1.5-entmax is a square above its threshold.
attn.cascade @negative_entmax(%X: !attn.tensor<[p, m], f32>,
                              %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, f = 64) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  // expected-remark @below {{`max(X[p,m] + 1 - GM, 0)` has a kink where an element meets `GM`: on which side each element lies is not known any more when that changes (not-separable); `Z` waits for traversal 2 of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %Z = attn.einsum [p] = pow(max(%X[p, m] - %GM[p] + 1.0, 0.0), 2.0) reduce(add m)
  %TAU = attn.einsum [p] = %GM[p] - 1.0 / sqrt(%Z[p])
  %A = attn.einsum [p, m] = pow(max(%X[p, m] - %TAU[p], 0.0), 2.0)
  // expected-remark @below {{`max(X[p,m] + rsqrt(Z) - GM, 0)` has a kink where an element meets `Z`: on which side each element lies is not known any more when that changes (not-separable); `AV` waits for traversal 3 of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %AV = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %AV
}

// -----

/// The mean absolute deviation.
attn.cascade @negative_absolute_deviation(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m]
  // expected-remark @below {{`abs(X[p,m] - S/extent(m))` has a kink where an element meets `S`: on which side each element lies is not known any more when that changes (not-separable); `MAD` waits for traversal 2 of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %MAD = attn.einsum [p] = abs(%X[p, m] - %S[p] / extent(m)) reduce(add m)
  attn.yield %MAD
}

// -----

/// Rounding by a scale that is known at the end only, to floats ..
attn.cascade @negative_rounded(%X: !attn.tensor<[p, m], f32>,
                               %W: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, f = 64) {
  %AM = attn.einsum [p] = abs(%X[p, m]) reduce(max m)
  %SC = attn.einsum [p] = %AM[p] / 127.0
  %QX = attn.einsum [p, m] = round(%X[p, m] / %SC[p])
  // expected-remark @below {{`round(127*X[p,m]/AM)` rounds each element after a change by `AM`: what was rounded off is not known any more when that changes (not-separable); `O` waits for traversal 2 of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %O = attn.einsum [p, f] = %QX[p, m] * %W[m, f]
  %Y = attn.einsum [p, f] = %O[p, f] * %SC[p]
  attn.yield %Y
}

// -----

/// .. and to integers, which the algebra has no words for.
attn.cascade @negative_quantised(%X: !attn.tensor<[p, m], f32>,
                                 %W: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, f = 64) {
  %AM = attn.einsum [p] = abs(%X[p, m]) reduce(max m)
  // expected-remark @below {{`round(127*X[p,m]/AM)` rounds each element after a change by `AM`: what was rounded off is not known any more when that changes (not-separable); `O` waits for one more traversal of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %QX = attn.einsum [p, m] = cast(round(127.0 * %X[p, m] / %AM[p]), i8)
  %O = attn.einsum [p, f] = %QX[p, m] * %W[m, f]
  attn.yield %O
}

// -----

/// .. also where nothing but the cast rounds.
attn.cascade @negative_truncated(%X: !attn.tensor<[p, m], f32>,
                                 %W: !attn.tensor<[m, f], i8>)
    -> !attn.tensor<[p, f], i32> ranks(p, m, f = 64) {
  %AM = attn.einsum [p] = abs(%X[p, m]) reduce(max m)
  // expected-remark @below {{`cast(127*X[p,m]/AM, i8)` rounds each element after a change by `AM`: what was rounded off is not known any more when that changes (not-separable); `O` waits for one more traversal of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %QX = attn.einsum [p, m] = cast(127.0 * %X[p, m] / %AM[p], i8)
  %O = attn.einsum [p, f] = %QX[p, m] * %W[m, f]
  attn.yield %O
}

// -----

/// Integers that a reduction of integers changes.
attn.cascade @negative_integers(%X: !attn.tensor<[p, m], i32>)
    -> !attn.tensor<[p], i32> ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m]
  // expected-remark @below {{`((X[p,m] - S[p]) * 3)` computes integers from `S`, which wrap, so no correction of them holds (not-separable); `E` waits for one more traversal of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %E = attn.einsum [p] = (%X[p, m] - %S[p]) * 3 reduce(max m)
  attn.yield %E
}

// -----

/// A scale that is known before is no obstacle.
attn.cascade @static_scale(%X: !attn.tensor<[p, m], f32>,
                           %W: !attn.tensor<[m, f], f32>, %scale: f32)
    -> !attn.tensor<[p, f], f32> ranks(p, m, f = 64) {
  %QX = attn.einsum [p, m] = round(%X[p, m] / %scale)
  %O = attn.einsum [p, f] = %QX[p, m] * %W[m, f]
  attn.yield %O
}

// -----

/// The weights themselves: no rule can help.
attn.cascade @negative_weights(%Q: !attn.tensor<[p, e], f32>,
                               %K: !attn.tensor<[m, e], f32>)
    -> !attn.tensor<[p, m], f32> ranks(p, m, e = 64) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
  %GM = attn.einsum [p] = %QK[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%QK[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  // expected-remark @below {{`A` keeps `m` and needs `SD`, `GM`, finished after all of `m`, so no rule can help (output-keeps-rank): it is one more traversal of `m`, which computes `SN`, `QK` again (64 |m| |p| mac, |m| |p| exp, |m| |p| add) and reads `K` again (256 |m| bytes); to store `SN` instead would write and read 4 |m| |p| bytes}}
  %A = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  attn.yield %A
}

// -----

/// Layer normalisation of a long rank: one traversal for both moments.
attn.cascade @negative_layer_norm(%X: !attn.tensor<[p, d], f32>)
    -> !attn.tensor<[p, d], f32> ranks(p, d) {
  %S = attn.einsum [p] = %X[p, d]
  %MU = attn.einsum [p] = %S[p] / extent(d)
  // expected-remark @below {{carries `Y_count` along, 1 sum more to correct per chunk, instead of one more traversal of `d`, which reads `X` again (4 |d| |p| bytes)}}
  %Y = attn.einsum [p] = (%X[p, d] - %MU[p]) * (%X[p, d] - %MU[p])
  // expected-remark @below {{`N` keeps `d` and needs `Y`, `S`, finished after all of `d`, so no rule can help (output-keeps-rank): it is one more traversal of `d`, which reads `X` again (4 |d| |p| bytes)}}
  %N = attn.einsum [p, d] = (%X[p, d] - %MU[p]) * rsqrt(%Y[p] / extent(d) + 0.00001)
  attn.yield %N
}

// -----

/// A mean guards no exponential.
attn.cascade @negative_centred(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m]
  // expected-remark @below {{`exp(X[p,m] - S/extent(m))` may overflow or vanish while `S` is not final, as nothing proves a bound until then (unstabilised); `E` waits for traversal 2 of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %E = attn.einsum [p] = exp(%X[p, m] - %S[p] / extent(m)) reduce(add m)
  attn.yield %E
}

// -----

/// The eighth power needs nine moments.
attn.cascade @negative_eighth_moment(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m]
  // expected-remark @below {{`(X[p,m] - S)^8` and its derivatives by `S` span no space of at most 6 functions that moves by a shift (not-closed); `E` waits for traversal 2 of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %E = attn.einsum [p] = pow(%X[p, m] - %S[p], 8.0) reduce(add m)
  attn.yield %E
}

// -----

/// Nothing distributes over a product that would undo a sum.
attn.cascade @negative_product(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m]
  // expected-remark @below {{`X[p,m] + S` depends on `S`, and no correction distributes over the reducer `mul` (no-distributive-operation); `E` waits for traversal 2 of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %E = attn.einsum [p] = %X[p, m] + %S[p] reduce(mul m)
  attn.yield %E
}

// -----

/// A maximum over fewer points may be empty where the sum is not.
attn.cascade @negative_late_maximum(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %G = attn.einsum [p] = %X[p, m] where (m > p) reduce(max m)
  // expected-remark @below {{the correction of `exp(X[p,m] - G)` for a change of `G` is undefined while nothing has been seen (undefined-at-identity); `E` waits for traversal 2 of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %E = attn.einsum [p] = exp(%X[p, m] - %G[p]) reduce(add m)
  attn.yield %E
}

// -----

/// A filter by a maximum that is not known yet.
attn.cascade @negative_near_maximum(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %G = attn.einsum [p] = %X[p, m] reduce(max m)
  // expected-remark @below {{`G - 2 < X[p,m]` selects other points when `G` changes, and is no comparison with an extremum of the same points (points-move); `E` waits for one more traversal of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %E = attn.einsum [p] = %X[p, m] where (%X[p, m] > %G[p] - 2.0) reduce(add m)
  attn.yield %E
}

// -----

/// A free rank of the values: where they are summed is another loop.
attn.cascade @negative_free_features(%Q: !attn.tensor<[p, e], f32>,
                                     %K: !attn.tensor<[m, e], f32>,
                                     %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e = 64, f) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
  %GM = attn.einsum [p] = %QK[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%QK[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %A = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  // expected-remark @below {{`AV` reduces `m` and needs `SD`, `GM`, which another kernel finishes, as a loop over `f` would repeat them (other-kernel): it is one more traversal of `m`, which computes `SN`, `QK` again (64 |m| |p| mac, |m| |p| exp, |m| |p| add) and reads `K` again (256 |m| bytes); to store `SN` instead would write and read 4 |m| |p| bytes}}
  %AV = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %AV
}

// -----

/// Sums of other rows, all of them.
attn.cascade @negative_gathered_sum(%X: !attn.tensor<[p, m], f32>,
                                    %T: !attn.tensor<[m], i32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m]
  // expected-remark @below {{`R` reads `S` at other coordinates of `p` than the one at hand, so another kernel finishes it before (other-kernel): it is one more traversal of `p`, which reads `X` again (4 |m| |p| bytes)}}
  // expected-remark @below {{`R` reduces `m` and needs `S`, which another kernel finishes (other-kernel): it is one more traversal of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %R = attn.einsum [p] = %X[p, m] * %S[%T[m]]
  attn.yield %R
}

// -----

/// From both ends at once.
attn.cascade @negative_backwards(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %Y = attn.einsum [p, m] = %X[p, m] * %X[p, m]
  // expected-remark @below {{`R` reads `Y` at other coordinates of `m` than the one at hand, so another kernel finishes it before (other-kernel): it is one more traversal of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %R = attn.einsum [p] = %X[p, m] * %Y[p, extent(m) - 1 - m]
  attn.yield %R
}

// -----

/// Another sum, of nothing that was walked before.
attn.cascade @other_operands(%X: !attn.tensor<[p, m], f32>,
                             %Y: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, f) {
  %S = attn.einsum [p] = %X[p, m]
  %R = attn.einsum [f] = %Y[m, f]
  %O = attn.einsum [p, f] = %S[p] * %R[f]
  attn.yield %O
}

// -----

/// What goes along with a list stays what it was when it was chosen.
attn.cascade @negative_moving_payload(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p, s], f32>, !attn.tensor<[p, s], f32>)
    ranks(p, m, s = 4) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %E = attn.einsum [p, m] = exp(%X[p, m] - %GM[p])
  // expected-remark @below {{a list does not follow a change of `GM`, which what it is chosen from or what goes along depends on (not-separable); `W` waits for one more traversal of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %W, %I, %Y = attn.topk m to s of %X with %E
  attn.yield %W, %Y
}

// -----

/// A condition over all decides what each element counts for.
attn.cascade @negative_flag(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %A = attn.einsum [p] = %X[p, m] > 0.0 reduce(or m)
  // expected-remark @below {{`select(A, X[p,m], 1)` chooses elements by `A`: which ones is not known any more when that changes (not-separable); `N` waits for traversal 2 of `m`, which reads `X` again (4 |m| |p| bytes)}}
  %N = attn.einsum [p] = select(%A[p], %X[p, m], 1.0) reduce(add m)
  attn.yield %N
}
