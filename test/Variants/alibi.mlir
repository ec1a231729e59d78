// Attention with linear biases: a key that is n steps back loses n times the
// head's slope. A term that depends on the query alone cancels in the softmax,
// so m - p may stand for the distance whatever the position of query 0 is.
//   Press et al., "Train Short, Test Long", ICLR 2022
attn.cascade @alibi(%Q: !attn.tensor<[b, h, p, e], f32>,
                    %K: !attn.tensor<[b, k, m, e], f32>,
                    %V: !attn.tensor<[b, k, m, f], f32>,
                    %slope: !attn.tensor<[h], f32>)
    -> !attn.tensor<[b, h, p, f], f32>
    ranks(b, k, g, h = k * g, p, m, e = 64, f = 64) {
  %QK = attn.einsum [b,k,g,p,m] = %Q[b,(k,g),p,e] * %K[b,k,m,e] * rsqrt(extent(e))
          where (m <= p + extent(m) - extent(p))
  %BS = attn.einsum [b,k,g,p,m] = %QK[b,k,g,p,m] + %slope[(k,g)] * (m - p)
  %GM = attn.einsum [b,k,g,p]   = %BS[b,k,g,p,m] reduce(max m)
  %SN = attn.einsum [b,k,g,p,m] = exp(%BS[b,k,g,p,m] - %GM[b,k,g,p])
  %SD = attn.einsum [b,k,g,p]   = %SN[b,k,g,p,m]
  %A  = attn.einsum [b,k,g,p,m] = %SN[b,k,g,p,m] / %SD[b,k,g,p]
  %AV = attn.einsum [b,(k,g),p,f] = %A[b,k,g,p,m] * %V[b,k,m,f]
  attn.yield %AV
}
