// Causal linear attention written with scores, over heads that share keys.
attn.cascade @causal_linear(%Q: !attn.tensor<[b, h, p, e], f32>,
                            %K: !attn.tensor<[b, k, m, e], f32>,
                            %V: !attn.tensor<[b, k, m, f], f32>)
    -> !attn.tensor<[b, h, p, f], f32>
    ranks(b, k, g = 2, h = k * g, p, m, e = 64, f = 64) {
  %QK = attn.einsum [b,k,g,p,m] = %Q[b,(k,g),p,e] * %K[b,k,m,e]
          where (m <= p + extent(m) - extent(p))
  %AV = attn.einsum [b,(k,g),p,f] = %QK[b,k,g,p,m] * %V[b,k,m,f]
  attn.yield %AV
}
