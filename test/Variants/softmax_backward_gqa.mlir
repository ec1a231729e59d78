// The gradients of causal softmax attention where g query heads share a key
// head: those of a key and a value are sums over its heads and their queries.
//   Ainslie et al., "GQA", EMNLP 2023; Dao, "FlashAttention-2", ICLR 2024
attn.cascade @softmax_backward_gqa(%Q: !attn.tensor<[b, h, p, e], f32>,
                                   %K: !attn.tensor<[b, k, m, e], f32>,
                                   %V: !attn.tensor<[b, k, m, f], f32>,
                                   %AV: !attn.tensor<[b, h, p, f], f32>,
                                   %dAV: !attn.tensor<[b, h, p, f], f32>,
                                   %LSE: !attn.tensor<[b, h, p], f32>)
    -> (!attn.tensor<[b, h, p, e], f32>, !attn.tensor<[b, k, m, e], f32>,
        !attn.tensor<[b, k, m, f], f32>)
    ranks(b, k, g, h = k * g, p, m, e = 64, f = 64) {
  %QK = attn.einsum [b,k,g,p,m] = %Q[b,(k,g),p,e] * %K[b,k,m,e] * rsqrt(extent(e))
          where (m <= p + extent(m) - extent(p))
  %A  = attn.einsum [b,k,g,p,m] = exp(%QK[b,k,g,p,m] - %LSE[b,(k,g),p])
  %dV = attn.einsum [b,k,m,f] = %A[b,k,g,p,m] * %dAV[b,(k,g),p,f]
  %dA = attn.einsum [b,k,g,p,m] = %dAV[b,(k,g),p,f] * %V[b,k,m,f]
  %D  = attn.einsum [b,k,g,p]   = %dAV[b,(k,g),p,f] * %AV[b,(k,g),p,f]
  %dQK = attn.einsum [b,k,g,p,m] = %A[b,k,g,p,m] * (%dA[b,k,g,p,m] - %D[b,k,g,p])
  %dQ = attn.einsum [b,(k,g),p,e] = %dQK[b,k,g,p,m] * %K[b,k,m,e] * rsqrt(extent(e))
  %dK = attn.einsum [b,k,m,e] = %dQK[b,k,g,p,m] * %Q[b,(k,g),p,e] * rsqrt(extent(e))
  attn.yield %dQ, %dK, %dV
}
