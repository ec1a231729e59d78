// Scores from queries and keys in int8, with one scale for every 128 queries
// and one for every 64 keys; values in bf16.
//   Zhang et al., "SageAttention", ICLR 2025, section 4
attn.cascade @int8_scores(%Q: !attn.tensor<[b, h, p, e], i8>,
                          %K: !attn.tensor<[b, k, m, e], i8>,
                          %V: !attn.tensor<[b, k, m, f], bf16>,
                          %Qscale: !attn.tensor<[b, h, p1], f32>,
                          %Kscale: !attn.tensor<[b, k, m1], f32>)
    -> !attn.tensor<[b, h, p, f], bf16>
    ranks(b, k, g, h = k * g, p, p1 = ceildiv(p, 128), m, m1 = ceildiv(m, 64), e = 128, f = 128) {
  %I8 = attn.einsum [b,k,g,p,m] = %Q[b,(k,g),p,e] * %K[b,k,m,e]
          where (m <= p + extent(m) - extent(p))
  %QK = attn.einsum [b,k,g,p,m] = cast(%I8[b,k,g,p,m], f32) * %Qscale[b,(k,g),p floordiv 128]
          * %Kscale[b,k,m floordiv 64] * rsqrt(extent(e))
  %GM = attn.einsum [b,k,g,p]   = %QK[b,k,g,p,m] reduce(max m)
  %SN = attn.einsum [b,k,g,p,m] = exp(%QK[b,k,g,p,m] - %GM[b,k,g,p])
  %SD = attn.einsum [b,k,g,p]   = %SN[b,k,g,p,m]
  %A  = attn.einsum [b,k,g,p,m] = %SN[b,k,g,p,m] / %SD[b,k,g,p]
  %AV = attn.einsum [b,(k,g),p,f] = %A[b,k,g,p,m] * %V[b,k,m,f]
  attn.yield %AV
}
