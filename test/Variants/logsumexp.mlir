// Softmax attention that also gives the logarithm of the normaliser, which the
// backward pass reads and with which partial results are merged.
//   Dao et al., "FlashAttention", NeurIPS 2022
//   Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018
attn.cascade @logsumexp(%Q: !attn.tensor<[b, h, p, e], f32>,
                        %K: !attn.tensor<[b, h, m, e], f32>,
                        %V: !attn.tensor<[b, h, m, f], f32>)
    -> (!attn.tensor<[b, h, p, f], f32>, !attn.tensor<[b, h, p], f32>)
    ranks(b, h, p, m, e = 64, f = 64) {
  %QK = attn.einsum [b,h,p,m] = %Q[b,h,p,e] * %K[b,h,m,e] * rsqrt(extent(e))
  %GM = attn.einsum [b,h,p]   = %QK[b,h,p,m] reduce(max m)
  %SN = attn.einsum [b,h,p,m] = exp(%QK[b,h,p,m] - %GM[b,h,p])
  %SD = attn.einsum [b,h,p]   = %SN[b,h,p,m]
  %A  = attn.einsum [b,h,p,m] = %SN[b,h,p,m] / %SD[b,h,p]
  %AV = attn.einsum [b,h,p,f] = %A[b,h,p,m] * %V[b,h,m,f]
  %LSE = attn.einsum [b,h,p]  = %GM[b,h,p] + log(%SD[b,h,p])
  attn.yield %AV, %LSE
}
