// A window of recent keys, and the first keys as attention sinks.
//   Beltagy et al., "Longformer", 2020 (window)
//   Xiao et al., "Efficient Streaming Language Models with Attention Sinks",
//   ICLR 2024
attn.cascade @sliding_window_sinks(%Q: !attn.tensor<[b, h, p, e], f32>,
                                   %K: !attn.tensor<[b, k, m, e], f32>,
                                   %V: !attn.tensor<[b, k, m, f], f32>,
                                   %window: i32, %sinks: i32)
    -> !attn.tensor<[b, h, p, f], f32>
    ranks(b, k, g, h = k * g, p, m, e = 64, f = 64) {
  %QK = attn.einsum [b,k,g,p,m] = %Q[b,(k,g),p,e] * %K[b,k,m,e] * rsqrt(extent(e))
          where ((p + extent(m) - extent(p) - m < %window or m < %sinks)
                 and m <= p + extent(m) - extent(p))
  %GM = attn.einsum [b,k,g,p]   = %QK[b,k,g,p,m] reduce(max m)
  %SN = attn.einsum [b,k,g,p,m] = exp(%QK[b,k,g,p,m] - %GM[b,k,g,p])
  %SD = attn.einsum [b,k,g,p]   = %SN[b,k,g,p,m]
  %A  = attn.einsum [b,k,g,p,m] = %SN[b,k,g,p,m] / %SD[b,k,g,p]
  %AV = attn.einsum [b,(k,g),p,f] = %A[b,k,g,p,m] * %V[b,k,m,f]
  attn.yield %AV
}
