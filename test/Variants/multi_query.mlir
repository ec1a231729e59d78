// Multi-query attention: all query heads share one head of keys and values.
//   Shazeer, "Fast Transformer Decoding: One Write-Head is All You Need", 2019
attn.cascade @multi_query(%Q: !attn.tensor<[b, h, p, e], bf16>,
                          %K: !attn.tensor<[b, m, e], bf16>,
                          %V: !attn.tensor<[b, m, f], bf16>)
    -> !attn.tensor<[b, h, p, f], bf16>
    ranks(b, h, p, m, e = 128, f = 128) {
  %QK = attn.einsum [b,h,p,m] = %Q[b,h,p,e] * %K[b,m,e] * rsqrt(extent(e))
          where (m <= p + extent(m) - extent(p))
  %GM = attn.einsum [b,h,p]   = %QK[b,h,p,m] reduce(max m)
  %SN = attn.einsum [b,h,p,m] = exp(%QK[b,h,p,m] - %GM[b,h,p])
  %SD = attn.einsum [b,h,p]   = %SN[b,h,p,m]
  %A  = attn.einsum [b,h,p,m] = %SN[b,h,p,m] / %SD[b,h,p]
  %AV = attn.einsum [b,h,p,f] = %A[b,h,p,m] * %V[b,m,f]
  attn.yield %AV
}
