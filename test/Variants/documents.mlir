// Several documents in one sequence: a token attends to what comes before it in
// its own. The document of query p begins at key start[b, p].
//   Krell et al., "Efficient Sequence Packing without Cross-contamination", 2021
//   Llama Team, "The Llama 3 Herd of Models", 2024 (pre-training)
attn.cascade @documents(%Q: !attn.tensor<[b, h, p, e], f32>,
                        %K: !attn.tensor<[b, h, m, e], f32>,
                        %V: !attn.tensor<[b, h, m, f], f32>,
                        %start: !attn.tensor<[b, p], i32>)
    -> !attn.tensor<[b, h, p, f], f32>
    ranks(b, h, p, m, e = 64, f = 64) {
  %QK = attn.einsum [b,h,p,m] = %Q[b,h,p,e] * %K[b,h,m,e] * rsqrt(extent(e))
          where (m >= %start[b,p] and m <= p + extent(m) - extent(p))
  %GM = attn.einsum [b,h,p]   = %QK[b,h,p,m] reduce(max m)
  %SN = attn.einsum [b,h,p,m] = exp(%QK[b,h,p,m] - %GM[b,h,p])
  %SD = attn.einsum [b,h,p]   = %SN[b,h,p,m]
  %A  = attn.einsum [b,h,p,m] = %SN[b,h,p,m] / %SD[b,h,p]
  %AV = attn.einsum [b,h,p,f] = %A[b,h,p,m] * %V[b,h,m,f]
  attn.yield %AV
}
