// Causal attention, one key head for each query head.
//   Vaswani et al., "Attention Is All You Need", NeurIPS 2017
// The last query sits at the last key, so that a spec serves prefill and decode.
attn.cascade @causal(%Q: !attn.tensor<[b, h, p, e], f32>,
                     %K: !attn.tensor<[b, h, m, e], f32>,
                     %V: !attn.tensor<[b, h, m, f], f32>)
    -> !attn.tensor<[b, h, p, f], f32>
    ranks(b, h, p, m, e = 64, f = 64) {
  %QK = attn.einsum [b,h,p,m] = %Q[b,h,p,e] * %K[b,h,m,e] * rsqrt(extent(e))
          where (m <= p + extent(m) - extent(p))
  %GM = attn.einsum [b,h,p]   = %QK[b,h,p,m] reduce(max m)
  %SN = attn.einsum [b,h,p,m] = exp(%QK[b,h,p,m] - %GM[b,h,p])
  %SD = attn.einsum [b,h,p]   = %SN[b,h,p,m]
  %A  = attn.einsum [b,h,p,m] = %SN[b,h,p,m] / %SD[b,h,p]
  %AV = attn.einsum [b,h,p,f] = %A[b,h,p,m] * %V[b,h,m,f]
  attn.yield %AV
}
