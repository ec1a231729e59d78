// A learned bias for each head, query and key is added to the scores. A bias of
// -inf takes a key out; a query all of whose biases are -inf attends to none.
//   Raffel et al., "Exploring the Limits of Transfer Learning" (T5), JMLR 2020
//   Jumper et al., "Highly accurate protein structure prediction with
//   AlphaFold", Nature 2021 (pair bias)
attn.cascade @additive_bias(%Q: !attn.tensor<[b, h, p, e], f32>,
                            %K: !attn.tensor<[b, h, m, e], f32>,
                            %V: !attn.tensor<[b, h, m, f], f32>,
                            %bias: !attn.tensor<[h, p, m], f32>)
    -> !attn.tensor<[b, h, p, f], f32>
    ranks(b, h, p, m, e = 64, f = 64) {
  %QK = attn.einsum [b,h,p,m] = %Q[b,h,p,e] * %K[b,h,m,e] * rsqrt(extent(e))
  %BS = attn.einsum [b,h,p,m] = %QK[b,h,p,m] + %bias[h,p,m]
  %GM = attn.einsum [b,h,p]   = %BS[b,h,p,m] reduce(max m)
  %SN = attn.einsum [b,h,p,m] = exp(%BS[b,h,p,m] - %GM[b,h,p])
  %SD = attn.einsum [b,h,p]   = %SN[b,h,p,m]
  %A  = attn.einsum [b,h,p,m] = %SN[b,h,p,m] / %SD[b,h,p]
  %AV = attn.einsum [b,h,p,f] = %A[b,h,p,m] * %V[b,h,m,f]
  attn.yield %AV
}
