// Soft-capped scores: tanh keeps them between -50 and 50.
//   Bello et al., "Neural Combinatorial Optimization", 2016
//   Gemma Team, "Gemma 2", 2024
attn.cascade @softcap(%Q: !attn.tensor<[b, h, p, e], f32>,
                      %K: !attn.tensor<[b, k, m, e], f32>,
                      %V: !attn.tensor<[b, k, m, f], f32>)
    -> !attn.tensor<[b, h, p, f], f32>
    ranks(b, k, g, h = k * g, p, m, e = 128, f = 128) {
  %QK = attn.einsum [b,k,g,p,m] = %Q[b,(k,g),p,e] * %K[b,k,m,e] * rsqrt(extent(e))
          where (m <= p + extent(m) - extent(p))
  %CS = attn.einsum [b,k,g,p,m] = 50.0 * tanh(%QK[b,k,g,p,m] / 50.0)
  %GM = attn.einsum [b,k,g,p]   = %CS[b,k,g,p,m] reduce(max m)
  %SN = attn.einsum [b,k,g,p,m] = exp(%CS[b,k,g,p,m] - %GM[b,k,g,p])
  %SD = attn.einsum [b,k,g,p]   = %SN[b,k,g,p,m]
  %A  = attn.einsum [b,k,g,p,m] = %SN[b,k,g,p,m] / %SD[b,k,g,p]
  %AV = attn.einsum [b,(k,g),p,f] = %A[b,k,g,p,m] * %V[b,k,m,f]
  attn.yield %AV
}
