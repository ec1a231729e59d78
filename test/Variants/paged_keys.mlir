// Keys and values in pages of 16, found through a table of pages: key m of
// sequence b is row m mod 16 of page table[b, m floordiv 16]. Sequence b has
// len[b] keys, and its last query sits at its last key.
//   Kwon et al., "Efficient Memory Management for Large Language Model Serving
//   with PagedAttention", SOSP 2023
attn.cascade @paged_keys(%Q: !attn.tensor<[b, h, p, e], f32>,
                         %K: !attn.tensor<[page, m0, k, e], f32>,
                         %V: !attn.tensor<[page, m0, k, f], f32>,
                         %table: !attn.tensor<[b, m1], i32>,
                         %len: !attn.tensor<[b], i32>)
    -> !attn.tensor<[b, h, p, f], f32>
    ranks(b, k, g, h = k * g, p, page, m1, m0 = 16, e = 64, f = 64) {
  %QK = attn.einsum [b,k,g,p,m1,m0] = %Q[b,(k,g),p,e] * %K[%table[b,m1],m0,k,e] * rsqrt(extent(e))
          where (m1 * 16 + m0 <= p + %len[b] - extent(p))
  %GM = attn.einsum [b,k,g,p]       = %QK[b,k,g,p,m1,m0] reduce(max m1, max m0)
  %SN = attn.einsum [b,k,g,p,m1,m0] = exp(%QK[b,k,g,p,m1,m0] - %GM[b,k,g,p])
  %SD = attn.einsum [b,k,g,p]       = %SN[b,k,g,p,m1,m0]
  %A  = attn.einsum [b,k,g,p,m1,m0] = %SN[b,k,g,p,m1,m0] / %SD[b,k,g,p]
  %AV = attn.einsum [b,(k,g),p,f]   = %A[b,k,g,p,m1,m0] * %V[%table[b,m1],m0,k,f]
  attn.yield %AV
}
