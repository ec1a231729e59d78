// A prefix that every query sees, and causal attention after it: sequence b has
// prefix[b] such keys.
//   Raffel et al., "Exploring the Limits of Transfer Learning" (T5), JMLR 2020
//   Dong et al., "Unified Language Model Pre-training" (UniLM), NeurIPS 2019
attn.cascade @prefix(%Q: !attn.tensor<[b, h, p, e], f32>,
                     %K: !attn.tensor<[b, h, m, e], f32>,
                     %V: !attn.tensor<[b, h, m, f], f32>,
                     %prefix: !attn.tensor<[b], i32>)
    -> !attn.tensor<[b, h, p, f], f32>
    ranks(b, h, p, m, e = 64, f = 64) {
  %QK = attn.einsum [b,h,p,m] = %Q[b,h,p,e] * %K[b,h,m,e] * rsqrt(extent(e))
          where (m <= p + extent(m) - extent(p) or m < %prefix[b])
  %GM = attn.einsum [b,h,p]   = %QK[b,h,p,m] reduce(max m)
  %SN = attn.einsum [b,h,p,m] = exp(%QK[b,h,p,m] - %GM[b,h,p])
  %SD = attn.einsum [b,h,p]   = %SN[b,h,p,m]
  %A  = attn.einsum [b,h,p,m] = %SN[b,h,p,m] / %SD[b,h,p]
  %AV = attn.einsum [b,h,p,f] = %A[b,h,p,m] * %V[b,h,m,f]
  attn.yield %AV
}
