// The two contractions of attention without the softmax between: the scores
// themselves are the weights. A sum of weights is left, for which they are
// mapped as attention is; bench_peers.py measures what the rest costs.
attn.cascade @products(%Q: !attn.tensor<[b, h, p, e], f32>,
                       %K: !attn.tensor<[b, h, m, e], f32>,
                       %V: !attn.tensor<[b, h, m, f], f32>)
    -> !attn.tensor<[b, h, p, f], f32>
    ranks(b, h, p, m, e = 64, f = 64) {
  %QK = attn.einsum [b,h,p,m] = %Q[b,h,p,e] * %K[b,h,m,e]
  %SD = attn.einsum [b,h,p]   = %QK[b,h,p,m]
  %A  = attn.einsum [b,h,p,m] = %QK[b,h,p,m] / %SD[b,h,p]
  %AV = attn.einsum [b,h,p,f] = %A[b,h,p,m] * %V[b,h,m,f]
  attn.yield %AV
}
