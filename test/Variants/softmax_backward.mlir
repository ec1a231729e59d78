// The gradients of softmax attention from its output AV, the logarithm LSE of
// its normaliser, and the gradient dAV of its output: five contractions.
//   Dao et al., "FlashAttention", NeurIPS 2022, appendix B
//   Dao, "FlashAttention-2", ICLR 2024, algorithm 2
attn.cascade @softmax_backward(%Q: !attn.tensor<[b, h, p, e], f32>,
                               %K: !attn.tensor<[b, h, m, e], f32>,
                               %V: !attn.tensor<[b, h, m, f], f32>,
                               %AV: !attn.tensor<[b, h, p, f], f32>,
                               %dAV: !attn.tensor<[b, h, p, f], f32>,
                               %LSE: !attn.tensor<[b, h, p], f32>)
    -> (!attn.tensor<[b, h, p, e], f32>, !attn.tensor<[b, h, m, e], f32>,
        !attn.tensor<[b, h, m, f], f32>)
    ranks(b, h, p, m, e = 64, f = 64) {
  %QK = attn.einsum [b,h,p,m] = %Q[b,h,p,e] * %K[b,h,m,e] * rsqrt(extent(e))
  %A  = attn.einsum [b,h,p,m] = exp(%QK[b,h,p,m] - %LSE[b,h,p])
  %dV = attn.einsum [b,h,m,f] = %A[b,h,p,m] * %dAV[b,h,p,f]
  %dA = attn.einsum [b,h,p,m] = %dAV[b,h,p,f] * %V[b,h,m,f]
  %D  = attn.einsum [b,h,p]   = %dAV[b,h,p,f] * %AV[b,h,p,f]
  %dQK = attn.einsum [b,h,p,m] = %A[b,h,p,m] * (%dA[b,h,p,m] - %D[b,h,p])
  %dQ = attn.einsum [b,h,p,e] = %dQK[b,h,p,m] * %K[b,h,m,e] * rsqrt(extent(e))
  %dK = attn.einsum [b,h,m,e] = %dQK[b,h,p,m] * %Q[b,h,p,e] * rsqrt(extent(e))
  attn.yield %dQ, %dK, %dV
}
