// Causal attention with grouped queries: h query heads share k key heads.
//   Vaswani et al., "Attention Is All You Need", 2017
//   Ainslie et al., "GQA", EMNLP 2023
// Query p sits at the end of the keys, so it sees keys up to p + m - p'.
attn.cascade @causal_gqa(%Q: !attn.tensor<[b, h, p, e], f32>,
                         %K: !attn.tensor<[b, k, m, e], f32>,
                         %V: !attn.tensor<[b, k, m, f], f32>)
    -> !attn.tensor<[b, h, p, f], f32>
    ranks(b, k, g, h = k * g, p, m, e = 128, f = 128) {
  %QK = attn.einsum [b,k,g,p,m] = %Q[b,(k,g),p,e] * %K[b,k,m,e] * rsqrt(extent(e))
          where (m <= p + extent(m) - extent(p))
  %GM = attn.einsum [b,k,g,p]   = %QK[b,k,g,p,m] reduce(max m)
  %SN = attn.einsum [b,k,g,p,m] = exp(%QK[b,k,g,p,m] - %GM[b,k,g,p])
  %SD = attn.einsum [b,k,g,p]   = %SN[b,k,g,p,m]
  %A  = attn.einsum [b,k,g,p,m] = %SN[b,k,g,p,m] / %SD[b,k,g,p]
  %AV = attn.einsum [b,(k,g),p,f] = %A[b,k,g,p,m] * %V[b,k,m,f]
  attn.yield %AV
}
