// A learned bias for each head and each distance of a key from a query: bias[h,
// d] is added where key m is d - p' + 1 after query p, p' the queries.
//   Shaw et al., "Self-Attention with Relative Position Representations", 2018
//   Raffel et al., "Exploring the Limits of Transfer Learning" (T5), JMLR 2020
// A distance outside the table's is not attended to.
attn.cascade @relative_bias(%Q: !attn.tensor<[b, h, p, e], f32>,
                            %K: !attn.tensor<[b, h, m, e], f32>,
                            %V: !attn.tensor<[b, h, m, f], f32>,
                            %bias: !attn.tensor<[h, d], f32>)
    -> !attn.tensor<[b, h, p, f], f32>
    ranks(b, h, p, m, d, e = 64, f = 64) {
  %QK = attn.einsum [b,h,p,m] = %Q[b,h,p,e] * %K[b,h,m,e] * rsqrt(extent(e))
  %BS = attn.einsum [b,h,p,m] = %QK[b,h,p,m] + %bias[h, m - p + extent(p) - 1]
  %GM = attn.einsum [b,h,p]   = %BS[b,h,p,m] reduce(max m)
  %SN = attn.einsum [b,h,p,m] = exp(%BS[b,h,p,m] - %GM[b,h,p])
  %SD = attn.einsum [b,h,p]   = %SN[b,h,p,m]
  %A  = attn.einsum [b,h,p,m] = %SN[b,h,p,m] / %SD[b,h,p]
  %AV = attn.einsum [b,h,p,f] = %A[b,h,p,m] * %V[b,h,m,f]
  attn.yield %AV
}
