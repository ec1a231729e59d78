// The traversals of published variants, beyond plain softmax.

// RUN: attn-opt %s --attn-print-traversals -o /dev/null | FileCheck %s

/// Latent attention, absorbed: one tensor is keys and values, so its second
/// use needs no traversal more than the weights do.
///   DeepSeek-AI, "DeepSeek-V2", 2024
// CHECK-LABEL: @latent
//       CHECK: m: 3 traversals, 3 phases
//  CHECK-NEXT:   %C: 3 traversals: QC; SN after GM; A after SD;
//  CHECK-NEXT:   %KR: 3 traversals: QK; SN after GM; A after SD;
//       CHECK:   QK: phase 0, streams; live: |m|
//       CHECK: c: 2 traversals, 2 phases
//       CHECK:   %C: 2 traversals: QC; OL after QC; live: |m| x |c|
attn.cascade @latent(%QL: !attn.tensor<[h, c], f32>,
                     %QR: !attn.tensor<[h, r], f32>,
                     %C: !attn.tensor<[m, c], f32>,
                     %KR: !attn.tensor<[m, r], f32>)
    -> !attn.tensor<[h, c], f32> ranks(h, m, c = 512, r = 64) {
  %QC = attn.einsum [h, m] = %QL[h, c] * %C[m, c]
  %QK = attn.einsum [h, m] = %QC[h, m] + %QR[h, r] * %KR[m, r]
  %GM = attn.einsum [h] = %QK[h, m] reduce(max m)
  %SN = attn.einsum [h, m] = exp(%QK[h, m] - %GM[h])
  %SD = attn.einsum [h] = %SN[h, m]
  %A = attn.einsum [h, m] = %SN[h, m] / %SD[h]
  %OL = attn.einsum [h, c] = %A[h, m] * %C[m, c]
  attn.yield %OL
}

/// Block-sparse attention: the blocks are chosen by the means of their keys,
/// then gathered. The gather is a second walk, of the chosen blocks alone.
///   Lu et al., "MoBA", 2025
// CHECK-LABEL: @chosen_blocks
//       CHECK: m (with m1): 2 traversals,
//  CHECK-NEXT:   %K: 2 traversals: CK; QK after {{[A-Z]+}}; gathered;
//  CHECK-NEXT:   %V: 1 traversal: AV; gathered;
attn.cascade @chosen_blocks(%Q: !attn.tensor<[p, e], f32>,
                            %K: !attn.tensor<[m, e], f32>,
                            %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32>
    ranks(p, m, m1 = ceildiv(m, 64), m0 = 64, s = 4, e = 64, f = 64) {
  %CK = attn.einsum [m1, e] = %K[m1 * 64 + m0, e] / 64
  %G = attn.einsum [p, m1] = %Q[p, e] * %CK[m1, e]
  %W, %I = attn.topk m1 to s of %G
  %QK = attn.einsum [p, s, m0] = %Q[p, e] * %K[%I[p, s] * 64 + m0, e]
  %SN = attn.einsum [p, s, m0] = exp(%QK[p, s, m0])
  %SD = attn.einsum [p] = %SN[p, s, m0]
  %AV = attn.einsum [p, f] = %SN[p, s, m0] * %V[%I[p, s] * 64 + m0, f]
  %O = attn.einsum [p, f] = %AV[p, f] / %SD[p]
  attn.yield %O
}

/// Two roots over two ranks: queries and keys are each walked once, and no loop
/// nest has both gradients in one tile. That is for the mapping to settle.
// CHECK-LABEL: @gradients
//       CHECK: p: 1 traversal, 1 phase
//  CHECK-NEXT:   %Q: 1 traversal:
//       CHECK:   dK: phase 0, at its end
//       CHECK: m: 1 traversal, 1 phase
//  CHECK-NEXT:   %K: 1 traversal:
//       CHECK:   dQ: phase 0, at its end
attn.cascade @gradients(%Q: !attn.tensor<[p, e], f32>,
                        %K: !attn.tensor<[m, e], f32>,
                        %L: !attn.tensor<[p], f32>)
    -> (!attn.tensor<[p, e], f32>, !attn.tensor<[m, e], f32>)
    ranks(p, m, e = 64) {
  %QK = attn.einsum [p, m] = %Q[p, e] * %K[m, e]
  %A = attn.einsum [p, m] = exp(%QK[p, m] - %L[p])
  %dQ = attn.einsum [p, e] = %A[p, m] * %K[m, e]
  %dK = attn.einsum [m, e] = %A[p, m] * %Q[p, e]
  attn.yield %dQ, %dK
}

/// Differential attention: two softmaxes over one set of keys share phases.
///   Ye et al., "Differential Transformer", 2024
// CHECK-LABEL: @difference
//       CHECK: m: 3 traversals, 3 phases
//  CHECK-NEXT:   %K1: 3 traversals: S1; N1 after M1; A after D{{[12]}};
//  CHECK-NEXT:   %K2: 3 traversals: S2; N2 after M2; A after D{{[12]}};
//  CHECK-NEXT:   %V: 1 traversal: AV;
attn.cascade @difference(%Q1: !attn.tensor<[p, e], f32>,
                         %Q2: !attn.tensor<[p, e], f32>,
                         %K1: !attn.tensor<[m, e], f32>,
                         %K2: !attn.tensor<[m, e], f32>,
                         %V: !attn.tensor<[m, f], f32>, %l: f32)
    -> !attn.tensor<[p, f], f32> ranks(p, m, e, f) {
  %S1 = attn.einsum [p, m] = %Q1[p, e] * %K1[m, e]
  %S2 = attn.einsum [p, m] = %Q2[p, e] * %K2[m, e]
  %M1 = attn.einsum [p] = %S1[p, m] reduce(max m)
  %M2 = attn.einsum [p] = %S2[p, m] reduce(max m)
  %N1 = attn.einsum [p, m] = exp(%S1[p, m] - %M1[p])
  %N2 = attn.einsum [p, m] = exp(%S2[p, m] - %M2[p])
  %D1 = attn.einsum [p] = %N1[p, m]
  %D2 = attn.einsum [p] = %N2[p, m]
  %A = attn.einsum [p, m] = %N1[p, m] / %D1[p] - %l * %N2[p, m] / %D2[p]
  %AV = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %AV
}
