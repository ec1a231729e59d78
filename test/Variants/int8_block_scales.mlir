// Keys and values in int8, with one scale for every block of 64 keys.
//   Sheng et al., "FlexGen", ICML 2023 (a cache quantised in groups)
//   Zhang et al., "SageAttention", ICLR 2025 (int8 with block scales)
attn.cascade @int8_block_scales(%Q: !attn.tensor<[b, h, p, e], f32>,
                                %K: !attn.tensor<[b, k, m, e], i8>,
                                %V: !attn.tensor<[b, k, m, f], i8>,
                                %Kscale: !attn.tensor<[b, k, m1], f32>,
                                %Vscale: !attn.tensor<[b, k, m1], f32>)
    -> !attn.tensor<[b, h, p, f], f32>
    ranks(b, k, g, h = k * g, p, m, m1 = ceildiv(m, 64), e = 64, f = 64) {
  %KD = attn.einsum [b,k,m,e]   = cast(%K[b,k,m,e], f32) * %Kscale[b,k,m floordiv 64]
  %VD = attn.einsum [b,k,m,f]   = cast(%V[b,k,m,f], f32) * %Vscale[b,k,m floordiv 64]
  %QK = attn.einsum [b,k,g,p,m] = %Q[b,(k,g),p,e] * %KD[b,k,m,e] * rsqrt(extent(e))
          where (m <= p + extent(m) - extent(p))
  %GM = attn.einsum [b,k,g,p]   = %QK[b,k,g,p,m] reduce(max m)
  %SN = attn.einsum [b,k,g,p,m] = exp(%QK[b,k,g,p,m] - %GM[b,k,g,p])
  %SD = attn.einsum [b,k,g,p]   = %SN[b,k,g,p,m]
  %A  = attn.einsum [b,k,g,p,m] = %SN[b,k,g,p,m] / %SD[b,k,g,p]
  %AV = attn.einsum [b,(k,g),p,f] = %A[b,k,g,p,m] * %VD[b,k,m,f]
  attn.yield %AV
}
