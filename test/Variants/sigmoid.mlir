// Sigmoid attention: no normaliser couples the keys; the bias -log(M) keeps
// the sum of the weights of M keys near that of a softmax.
//   Ramapuram et al., "Theory, Analysis, and Best Practices for Sigmoid
//   Self-Attention", 2024
attn.cascade @sigmoid(%Q: !attn.tensor<[b, h, p, e], f32>,
                      %K: !attn.tensor<[b, h, m, e], f32>,
                      %V: !attn.tensor<[b, h, m, f], f32>)
    -> !attn.tensor<[b, h, p, f], f32>
    ranks(b, h, p, m, e = 64, f = 64) {
  %QK = attn.einsum [b,h,p,m] = %Q[b,h,p,e] * %K[b,h,m,e] * rsqrt(extent(e))
  %A  = attn.einsum [b,h,p,m] = sigmoid(%QK[b,h,p,m] - log(extent(m)))
  %AV = attn.einsum [b,h,p,f] = %A[b,h,p,m] * %V[b,h,m,f]
  attn.yield %AV
}
