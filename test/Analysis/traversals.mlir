// The traversals that published cascades need, one cascade each. The numbers
// are those that the literature gives, or that follow by hand.

// RUN: attn-opt %s --attn-print-traversals -o /dev/null | FileCheck %s

/// FuseMax's Cascade 1: Y needs all of A, and then all of A is needed again.
// CHECK-LABEL: @fusemax_1
//       CHECK: k: 2 traversals, 2 phases
//  CHECK-NEXT:   %A: 2 traversals: Y; Z after Y; live: |k|
//  CHECK-NEXT:   %B: 1 traversal: Y; live: one tile
//  CHECK-NEXT:   Y: phase 0, at its end
//  CHECK-NEXT:   Z: phase 1 after Y, at its end
attn.cascade @fusemax_1(%A: !attn.tensor<[k], f32>, %B: !attn.tensor<[k], f32>)
    -> !attn.tensor<[], f32> ranks(k) {
  %Y = attn.einsum [] = %A[k] * %B[k]
  %Z = attn.einsum [] = %Y[] * %A[k]
  attn.yield %Z
}

/// FuseMax's Cascade 2: Z walks nothing.
// CHECK-LABEL: @fusemax_2_deferred
//       CHECK: k: 1 traversal, 1 phase
//  CHECK-NEXT:   %A: 1 traversal: Y; live: one tile
//  CHECK-NEXT:   %B: 1 traversal: Y; live: one tile
//  CHECK-NEXT:   Y: phase 0, at its end
//  CHECK-NEXT:   X: phase 0, at its end
//  CHECK-NEXT:   Z: phase 0, at its end
attn.cascade @fusemax_2_deferred(%A: !attn.tensor<[k], f32>,
                                 %B: !attn.tensor<[k], f32>)
    -> !attn.tensor<[], f32> ranks(k) {
  %Y = attn.einsum [] = %A[k] * %B[k]
  %X = attn.einsum [] = %A[k]
  %Z = attn.einsum [] = %Y[] * %X[]
  attn.yield %Z
}

/// FuseMax's Cascade 3: the iterative form.
// CHECK-LABEL: @fusemax_3_iterative
//       CHECK: k: 1 traversal, 1 phase
//  CHECK-NEXT:   %A: 1 traversal: RY; live: one tile
//  CHECK-NEXT:   %B: 1 traversal: RY; live: one tile
//  CHECK-NEXT:   RY: phase 0, streams
//  CHECK-NEXT:   RZ: phase 0, streams
//  CHECK-NEXT:   Z: phase 0, at its end
attn.cascade @fusemax_3_iterative(%A: !attn.tensor<[k], f32>,
                                  %B: !attn.tensor<[k], f32>)
    -> !attn.tensor<[], f32> ranks(k) {
  %zero = attn.einsum [] = 0.0
  %Ylast, %Zlast = attn.iterate k init(%y = %zero, %z = %zero)
      -> (!attn.tensor<[], f32>, !attn.tensor<[], f32>) {
    %RY = attn.einsum [] = %y[] + %A[k] * %B[k]
    %RZ = attn.einsum [] = %z[] * %RY[] / %y[] + %RY[] * %A[k]
    attn.yield %RY, %RZ
  }
  %Z = attn.einsum [] = %Zlast[] + 0.0
  attn.yield %Z
}

/// Cascade 4 of FuseMax: the maximum and the sum are barriers.
// CHECK-LABEL: @softmax_naive
//       CHECK: p: 1 traversal, 1 phase
//  CHECK-NEXT:   %Q: 1 traversal: QK; live: one tile
//       CHECK: m: 3 traversals, 3 phases
//  CHECK-NEXT:   %K: 3 traversals: QK; SN after GM; A after SD; live: one tile
//  CHECK-NEXT:   %V: 1 traversal: AV; live: one tile
//  CHECK-NEXT:   QK: phase 0, streams; live: |m|
//  CHECK-NEXT:   GM: phase 0, at its end
//  CHECK-NEXT:   SN: phase 1 after GM, streams; live: |m|
//  CHECK-NEXT:   SD: phase 1, at its end
//  CHECK-NEXT:   A: phase 2 after SD, streams; live: one tile
//  CHECK-NEXT:   AV: phase 2, at its end
//       CHECK: e: 1 traversal,
//  CHECK-NEXT:   %Q: 1 traversal:
//  CHECK-NEXT:   %K: 1 traversal:
//       CHECK: f: 1 traversal,
//  CHECK-NEXT:   %V: 1 traversal:
attn.cascade @softmax_naive(%Q: !attn.tensor<[p, e], f32>,
                            %K: !attn.tensor<[m, e], f32>,
                            %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e, f) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
  %GM = attn.einsum [p] = %QK[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%QK[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %A = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  %AV = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %AV
}

/// F * P divisions in place of M * P, and one traversal less.
// CHECK-LABEL: @softmax_division_deferred
//       CHECK: m: 2 traversals, 2 phases
//  CHECK-NEXT:   %K: 2 traversals: QK; SN after GM;
//  CHECK-NEXT:   %V: 1 traversal: SNV;
//       CHECK:   AV: phase 1, at its end
attn.cascade @softmax_division_deferred(%Q: !attn.tensor<[p, e], f32>,
                                        %K: !attn.tensor<[m, e], f32>,
                                        %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e, f) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
  %GM = attn.einsum [p] = %QK[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%QK[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %SNV = attn.einsum [p, f] = %SN[p, m] * %V[m, f]
  %AV = attn.einsum [p, f] = %SNV[p, f] / %SD[p]
  attn.yield %AV
}

/// The second phase walks what is left of the tiles, and no element of K.
// CHECK-LABEL: @softmax_local_max
//       CHECK: m (with m1): 2 traversals, 3 phases
//  CHECK-NEXT:   %K: 2 traversals: QK; A after GM;
//  CHECK-NEXT:   %V: 1 traversal: AV;
//       CHECK:   SLN: phase 0, streams; live: |m1| x |m0|
//       CHECK:   PRM: phase 1 after GM, streams; live: |m1|
//  CHECK-NEXT:   GD: phase 1, at its end
//  CHECK-NEXT:   A: phase 2 after GD, streams; live: one tile
attn.cascade @softmax_local_max(%Q: !attn.tensor<[p, e], f32>,
                                %K: !attn.tensor<[m, e], f32>,
                                %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32>
    ranks(p, m, m1 = ceildiv(m, 16), m0 = 16, e, f) {
  %QK = attn.einsum [p, m1, m0] = %Q[p, e] * %K[m1 * 16 + m0, e]
  %LM = attn.einsum [p, m1] = %QK[p, m1, m0] reduce(max m0)
  %SLN = attn.einsum [p, m1, m0] = exp(%QK[p, m1, m0] - %LM[p, m1])
  %SLD = attn.einsum [p, m1] = %SLN[p, m1, m0]
  %GM = attn.einsum [p] = %LM[p, m1] reduce(max m1)
  %PRM = attn.einsum [p, m1] = exp(%LM[p, m1] - %GM[p])
  %GD = attn.einsum [p] = %SLD[p, m1] * %PRM[p, m1]
  %A = attn.einsum [p, m1, m0] = %SLN[p, m1, m0] * %PRM[p, m1] / %GD[p]
  %AV = attn.einsum [p, f] = %A[p, m1, m0] * %V[m1 * 16 + m0, f]
  attn.yield %AV
}

/// FuseMax's Cascade 5: one traversal of the keys, two of each tile.
/// The logarithm of the sum comes for nothing.
// CHECK-LABEL: @flash_attention_2
//       CHECK: p: 1 traversal,
//  CHECK-NEXT:   %Q: 1 traversal
//       CHECK: m (with m1): 1 traversal, 1 phase
//  CHECK-NEXT:   %K: 1 traversal: BQK; live: one tile
//  CHECK-NEXT:   %V: 1 traversal: SLNV; live: one tile
//       CHECK:   AV: phase 0, at its end
//       CHECK:   LSE: phase 0, at its end
//       CHECK: m0: 2 traversals, 2 phases
//  CHECK-NEXT:   %K: 2 traversals: BQK; SLN after LM;
//  CHECK-NEXT:   %V: 1 traversal: SLNV;
attn.cascade @flash_attention_2(%Q: !attn.tensor<[p, e], f32>,
                                %K: !attn.tensor<[m, e], f32>,
                                %V: !attn.tensor<[m, f], f32>)
    -> (!attn.tensor<[p, f], f32>, !attn.tensor<[p], f32>)
    ranks(p, m, m1 = ceildiv(m, 16), m0 = 16, e, f) {
  %low = attn.einsum [p] = -inf
  %zero = attn.einsum [p] = 0.0
  %zeros = attn.einsum [p, f] = 0.0
  %M, %D, %NV = attn.iterate m1 init(%RM = %low, %RD = %zero, %RNV = %zeros)
      -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>, !attn.tensor<[p, f], f32>) {
    %BQK = attn.einsum [p, m0] = %Q[p, e] * %K[m1 * 16 + m0, e]
    %LM = attn.einsum [p] = %BQK[p, m0] reduce(max m0)
    %RM1 = attn.einsum [p] = max(%RM[p], %LM[p])
    %SLN = attn.einsum [p, m0] = exp(%BQK[p, m0] - %RM1[p])
    %SLD = attn.einsum [p] = %SLN[p, m0]
    %SLNV = attn.einsum [p, f] = %SLN[p, m0] * %V[m1 * 16 + m0, f]
    %PRM = attn.einsum [p] = exp(%RM[p] - %RM1[p])
    %RD1 = attn.einsum [p] = %RD[p] * %PRM[p] + %SLD[p]
    %RNV1 = attn.einsum [p, f] = %RNV[p, f] * %PRM[p] + %SLNV[p, f]
    attn.yield %RM1, %RD1, %RNV1
  }
  %AV = attn.einsum [p, f] = %NV[p, f] / %D[p]
  %LSE = attn.einsum [p] = %M[p] + log(%D[p])
  attn.yield %AV, %LSE
}

/// FlashDecoding: the second phase walks what is left of the tiles.
// CHECK-LABEL: @split_keys
//       CHECK: m (with m1): 1 traversal, 2 phases
//  CHECK-NEXT:   %K: 1 traversal:
//  CHECK-NEXT:   %V: 1 traversal:
//       CHECK:   SLNV: phase 0, streams; live: |m1|
//       CHECK:   NV: phase 1, at its end
//  CHECK-NEXT:   AV: phase 1, at its end
attn.cascade @split_keys(%Q: !attn.tensor<[p, e], f32>,
                         %K: !attn.tensor<[m, e], f32>,
                         %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32>
    ranks(p, m, m1 = ceildiv(m, 16), m0 = 16, e, f) {
  %QK = attn.einsum [p, m1, m0] = %Q[p, e] * %K[m1 * 16 + m0, e]
  %LM = attn.einsum [p, m1] = %QK[p, m1, m0] reduce(max m0)
  %SLN = attn.einsum [p, m1, m0] = exp(%QK[p, m1, m0] - %LM[p, m1])
  %SLD = attn.einsum [p, m1] = %SLN[p, m1, m0]
  %SLNV = attn.einsum [p, f, m1] = %SLN[p, m1, m0] * %V[m1 * 16 + m0, f]
  %GM = attn.einsum [p] = %LM[p, m1] reduce(max m1)
  %PRM = attn.einsum [p, m1] = exp(%LM[p, m1] - %GM[p])
  %GD = attn.einsum [p] = %SLD[p, m1] * %PRM[p, m1]
  %NV = attn.einsum [p, f] = %SLNV[p, f, m1] * %PRM[p, m1]
  %AV = attn.einsum [p, f] = %NV[p, f] / %GD[p]
  attn.yield %AV
}

/// No maximum: one traversal, and exp may overflow. That it may, others say.
// CHECK-LABEL: @softmax_unstabilised
//       CHECK: m: 1 traversal, 1 phase
//  CHECK-NEXT:   %K: 1 traversal: QK;
//  CHECK-NEXT:   %V: 1 traversal: SNV;
attn.cascade @softmax_unstabilised(%Q: !attn.tensor<[p, e], f32>,
                                   %K: !attn.tensor<[m, e], f32>,
                                   %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e, f) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
  %SN = attn.einsum [p, m] = exp(%QK[p, m])
  %SD = attn.einsum [p] = %SN[p, m]
  %SNV = attn.einsum [p, f] = %SN[p, m] * %V[m, f]
  %AV = attn.einsum [p, f] = %SNV[p, f] / %SD[p]
  attn.yield %AV
}

// CHECK-LABEL: @sigmoid
//       CHECK: m: 1 traversal, 1 phase
//  CHECK-NEXT:   %K: 1 traversal: QK;
//  CHECK-NEXT:   %V: 1 traversal: AV;
attn.cascade @sigmoid(%Q: !attn.tensor<[p, e], f32>,
                      %K: !attn.tensor<[m, e], f32>,
                      %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e, f) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
  %S = attn.einsum [p, m] = sigmoid(%QK[p, m])
  %AV = attn.einsum [p, f] = %S[p, m] * %V[m, f]
  attn.yield %AV
}

/// The sum over the keys is read by Einsums that don't walk them.
// CHECK-LABEL: @linear_attention
//       CHECK: m: 1 traversal, 1 phase
//  CHECK-NEXT:   %K: 1 traversal: KV;
//  CHECK-NEXT:   %V: 1 traversal: KV;
//       CHECK: p: 1 traversal, 1 phase
//  CHECK-NEXT:   %Q: 1 traversal: N;
attn.cascade @linear_attention(%Q: !attn.tensor<[p, e], f32>,
                               %K: !attn.tensor<[m, e], f32>,
                               %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(m, p, e, f) {
  %KV = attn.einsum [e, f] = exp(%K[m, e]) * %V[m, f]
  %KS = attn.einsum [e] = exp(%K[m, e])
  %N = attn.einsum [p, f] = exp(%Q[p, e]) * %KV[e, f]
  %D = attn.einsum [p] = exp(%Q[p, e]) * %KS[e]
  %AV = attn.einsum [p, f] = %N[p, f] / %D[p]
  attn.yield %AV
}

// CHECK-LABEL: @linear_recurrence
//       CHECK: t: 1 traversal, 1 phase
//  CHECK-NEXT:   %Q: 1 traversal: O;
//  CHECK-NEXT:   %K: 1 traversal: S1;
//  CHECK-NEXT:   %V: 1 traversal: S1;
//   CHECK-NOT:   again
attn.cascade @linear_recurrence(%Q: !attn.tensor<[t, e], f32>,
                                %K: !attn.tensor<[t, e], f32>,
                                %V: !attn.tensor<[t, f], f32>,
                                %S0: !attn.tensor<[e, f], f32>)
    -> !attn.tensor<[t, f], f32> ranks(t, e, f) {
  %S, %out = attn.iterate t init(%s = %S0)
      -> (!attn.tensor<[e, f], f32>, !attn.tensor<[t, f], f32>) {
    %S1 = attn.einsum [e, f] = %s[e, f] + %K[t, e] * %V[t, f]
    %O = attn.einsum [f] = %Q[t, e] * %S1[e, f]
    attn.yield %S1, %O
  }
  attn.yield %out
}

// CHECK-LABEL: @gated_recurrence
//       CHECK: t: 1 traversal, 1 phase
//  CHECK-NEXT:   %a: 1 traversal: S1;
//  CHECK-NEXT:   %Q: 1 traversal: O;
//  CHECK-NEXT:   %K: 1 traversal: S1;
//  CHECK-NEXT:   %V: 1 traversal: S1;
attn.cascade @gated_recurrence(%a: !attn.tensor<[t], f32>,
                               %Q: !attn.tensor<[t, e], f32>,
                               %K: !attn.tensor<[t, e], f32>,
                               %V: !attn.tensor<[t, f], f32>,
                               %S0: !attn.tensor<[e, f], f32>)
    -> !attn.tensor<[t, f], f32> ranks(t, e, f) {
  %S, %out = attn.iterate t init(%s = %S0)
      -> (!attn.tensor<[e, f], f32>, !attn.tensor<[t, f], f32>) {
    %S1 = attn.einsum [e, f] = %a[t] * %s[e, f] + %K[t, e] * %V[t, f]
    %O = attn.einsum [f] = %Q[t, e] * %S1[e, f]
    attn.yield %S1, %O
  }
  attn.yield %out
}

/// In one step K is read twice over e: S1 needs what all of it was projected to.
// CHECK-LABEL: @delta_rule
//       CHECK: t: 1 traversal, 1 phase
//  CHECK-NEXT:   %b: 1 traversal: S1;
//  CHECK-NEXT:   %Q: 1 traversal: O;
//  CHECK-NEXT:   %K: 1 traversal: KS;
//  CHECK-NEXT:   %V: 1 traversal: U;
//       CHECK: e: 2 traversals,
//       CHECK:   %K: 2 traversals: KS; S1 after KS; live: |e|
attn.cascade @delta_rule(%b: !attn.tensor<[t], f32>,
                         %Q: !attn.tensor<[t, e], f32>,
                         %K: !attn.tensor<[t, e], f32>,
                         %V: !attn.tensor<[t, f], f32>,
                         %S0: !attn.tensor<[e, f], f32>)
    -> !attn.tensor<[t, f], f32> ranks(t, e, f) {
  %S, %out = attn.iterate t init(%s = %S0)
      -> (!attn.tensor<[e, f], f32>, !attn.tensor<[t, f], f32>) {
    %KS = attn.einsum [f] = %K[t, e] * %s[e, f]
    %U = attn.einsum [f] = %V[t, f] - %KS[f]
    %S1 = attn.einsum [e, f] = %s[e, f] + %b[t] * %K[t, e] * %U[f]
    %O = attn.einsum [f] = %Q[t, e] * %S1[e, f]
    attn.yield %S1, %O
  }
  attn.yield %out
}

// CHECK-LABEL: @rmsnorm_gemm
//       CHECK: d: 2 traversals, 2 phases
//  CHECK-NEXT:   %X: 2 traversals: SS; N after SS; live: |d|
//  CHECK-NEXT:   %W: 1 traversal: Y; live: one tile
attn.cascade @rmsnorm_gemm(%X: !attn.tensor<[n, d], f32>,
                           %W: !attn.tensor<[d, f], f32>)
    -> !attn.tensor<[n, f], f32> ranks(d, n, f) {
  %SS = attn.einsum [n] = %X[n, d] * %X[n, d]
  %R = attn.einsum [n] = rsqrt(%SS[n] / extent(d))
  %N = attn.einsum [n, d] = %X[n, d] * %R[n]
  %Y = attn.einsum [n, f] = %N[n, d] * %W[d, f]
  attn.yield %Y
}

// CHECK-LABEL: @rmsnorm_gemm_deferred
//       CHECK: d: 1 traversal, 1 phase
//  CHECK-NEXT:   %X: 1 traversal: SS; live: one tile
//  CHECK-NEXT:   %W: 1 traversal: XW; live: one tile
attn.cascade @rmsnorm_gemm_deferred(%X: !attn.tensor<[n, d], f32>,
                                    %W: !attn.tensor<[d, f], f32>)
    -> !attn.tensor<[n, f], f32> ranks(d, n, f) {
  %SS = attn.einsum [n] = %X[n, d] * %X[n, d]
  %XW = attn.einsum [n, f] = %X[n, d] * %W[d, f]
  %Y = attn.einsum [n, f] = %XW[n, f] * rsqrt(%SS[n] / extent(d))
  attn.yield %Y
}

/// A router: softmax of the scores, and the best of them.
// CHECK-LABEL: @top_k_online
//       CHECK: m: 1 traversal, 1 phase
//  CHECK-NEXT:   %X: 1 traversal, 2 of each chunk: G;
//       CHECK:   B: phase 0, at its end
//       CHECK:   W: phase 0, at its end
attn.cascade @top_k_online(%X: !attn.tensor<[n, m], f32>)
    -> (!attn.tensor<[n, s], f32>, !attn.tensor<[n, s], i32>)
    ranks(m, n, s = 4) {
  %G = attn.einsum [n, m] = %X[n, m] * 2.0
  %M, %D = attn.stream m init(max %rm = -inf, add %rd = 0.0)
      -> (!attn.tensor<[n], f32>, !attn.tensor<[n], f32>) step {
    %LM = attn.einsum [n] = %G[n, m] reduce(max m)
    %NM = attn.einsum [n] = max(%rm[n], %LM[n])
    %SN = attn.einsum [n, m] = exp(%G[n, m] - %NM[n])
    %SD = attn.einsum [n] = %SN[n, m]
    %ND = attn.einsum [n] = %rd[n] * exp(%rm[n] - %NM[n]) + %SD[n]
    attn.yield %NM, %ND
  }
  %B, %I = attn.topk m to s of %G
  %W = attn.einsum [n, s] = exp(%B[n, s] - %M[n]) / %D[n]
  attn.yield %W, %I
}

/// The mean of all keys is a barrier; all else is online.
// CHECK-LABEL: @global_key_mean
//       CHECK: m: 2 traversals, 2 phases
//  CHECK-NEXT:   %K: 2 traversals, 2 of each chunk: KM; KC after KM;
//  CHECK-NEXT:   %V: 1 traversal, 1 of each chunk: LNV;
attn.cascade @global_key_mean(%Q: !attn.tensor<[p, e], f32>,
                              %K: !attn.tensor<[m, e], f32>,
                              %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(m, p, e, f) {
  %KM = attn.einsum [e] = %K[m, e] / extent(m)
  %KC = attn.einsum [m, e] = %K[m, e] - %KM[e]
  %M, %D, %NV = attn.stream m init(max %rm = -inf, add %rd = 0.0, add %rnv = 0.0)
      -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>, !attn.tensor<[p, f], f32>) step {
    %S = attn.einsum [p, m] = %Q[p, e] * %KC[m, e]
    %LM = attn.einsum [p] = %S[p, m] reduce(max m)
    %NM = attn.einsum [p] = max(%rm[p], %LM[p])
    %SN = attn.einsum [p, m] = exp(%S[p, m] - %NM[p])
    %C = attn.einsum [p] = exp(%rm[p] - %NM[p])
    %LD = attn.einsum [p] = %SN[p, m]
    %ND = attn.einsum [p] = %rd[p] * %C[p] + %LD[p]
    %LNV = attn.einsum [p, f] = %SN[p, m] * %V[m, f]
    %NNV = attn.einsum [p, f] = %rnv[p, f] * %C[p] + %LNV[p, f]
    attn.yield %NM, %ND, %NNV
  }
  %AV = attn.einsum [p, f] = %NV[p, f] / %D[p]
  attn.yield %AV
}

/// A mean of each block of keys is none: it is there when its block is.
// CHECK-LABEL: @block_key_mean
//       CHECK: m (with m1): 1 traversal, 1 phase
//  CHECK-NEXT:   %K: 1 traversal:
attn.cascade @block_key_mean(%Q: !attn.tensor<[e], f32>,
                             %K: !attn.tensor<[m, e], f32>)
    -> !attn.tensor<[m], f32>
    ranks(m, m1 = ceildiv(m, 16), m0 = 16, e) {
  %KM = attn.einsum [m1, e] = %K[m1 * 16 + m0, e] / 16
  %KC = attn.einsum [m, e] = %K[m, e] - %KM[m floordiv 16, e]
  %S = attn.einsum [m] = %Q[e] * %KC[m, e]
  attn.yield %S
}

// CHECK-LABEL: @z_score_pooling
//       CHECK: m: 3 traversals, 3 phases
//  CHECK-NEXT:   %X: 3 traversals: MU; C after MU; W after SS; live: |m|
//  CHECK-NEXT:   %V: 1 traversal: N;
attn.cascade @z_score_pooling(%X: !attn.tensor<[m], f32>,
                              %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[f], f32> ranks(m, f) {
  %MU = attn.einsum [] = %X[m] / extent(m)
  %C = attn.einsum [m] = %X[m] - %MU[]
  %SS = attn.einsum [] = %C[m] * %C[m]
  %SG = attn.einsum [] = sqrt(%SS[] / extent(m))
  %W = attn.einsum [m] = exp((%X[m] - %MU[]) / %SG[])
  %D = attn.einsum [] = %W[m]
  %N = attn.einsum [f] = %W[m] * %V[m, f]
  %Y = attn.einsum [f] = %N[f] / %D[]
  attn.yield %Y
}

// CHECK-LABEL: @mean_absolute_deviation
//       CHECK: m: 2 traversals, 2 phases
//  CHECK-NEXT:   %X: 2 traversals: MU; MAD after MU; live: |m|
attn.cascade @mean_absolute_deviation(%X: !attn.tensor<[m], f32>)
    -> !attn.tensor<[], f32> ranks(m) {
  %MU = attn.einsum [] = %X[m] / extent(m)
  %MAD = attn.einsum [] = abs(%X[m] - %MU[]) / extent(m)
  attn.yield %MAD
}

/// One scale for each token, of its own largest value.
// CHECK-LABEL: @fp8_dynamic_gemm
//       CHECK: d: 2 traversals, 2 phases
//  CHECK-NEXT:   %X: 2 traversals: AM; XQ after AM; live: |d|
//  CHECK-NEXT:   %W: 1 traversal: Y;
attn.cascade @fp8_dynamic_gemm(%X: !attn.tensor<[n, d], f32>,
                               %W: !attn.tensor<[d, f], f32>)
    -> !attn.tensor<[n, f], f32> ranks(d, n, f) {
  %AM = attn.einsum [n] = abs(%X[n, d]) reduce(max d)
  %S = attn.einsum [n] = %AM[n] / 448.0
  %XQ = attn.einsum [n, d] = cast(%X[n, d] / %S[n], f8E4M3FN)
  %Y = attn.einsum [n, f] = %XQ[n, d] * %W[d, f] * %S[n]
  attn.yield %Y
}

/// Two phases don't fuse, and yet nothing is walked twice.
// CHECK-LABEL: @two_roots
//       CHECK: k: 1 traversal, 2 phases
//  CHECK-NEXT:   %A: 1 traversal: Y; live: one tile
//  CHECK-NEXT:   %B: 1 traversal: Z; live: one tile
attn.cascade @two_roots(%A: !attn.tensor<[k], f32>, %B: !attn.tensor<[k], f32>)
    -> !attn.tensor<[], f32> ranks(k) {
  %Y = attn.einsum [] = %A[k] * %A[k]
  %Z = attn.einsum [] = %Y[] * %B[k]
  attn.yield %Z
}
