// The linear layers of an encoder, each a kernel, without activations: the
// projections of Q, K and V, that of the heads' results, and the two of the
// feed-forward network. l is batch times length, g all heads' features.
attn.cascade @linear(%X: !attn.tensor<[l, d], f16>, %WQ: !attn.tensor<[d, g], f16>,
                     %WK: !attn.tensor<[d, g], f16>, %WV: !attn.tensor<[d, g], f16>,
                     %O: !attn.tensor<[l, g], f16>, %WZ: !attn.tensor<[g, d], f16>,
                     %Y: !attn.tensor<[l, d], f16>, %W1: !attn.tensor<[d, s], f16>,
                     %U: !attn.tensor<[l, s], f16>, %W2: !attn.tensor<[s, d], f16>)
    -> (!attn.tensor<[l, g], f16>, !attn.tensor<[l, g], f16>, !attn.tensor<[l, g], f16>,
        !attn.tensor<[l, d], f16>, !attn.tensor<[l, s], f16>, !attn.tensor<[l, d], f16>)
    ranks(l, d, g, s) {
  %Q  = attn.einsum [l, g] = %X[l, d] * %WQ[d, g]
  %K  = attn.einsum [l, g] = %X[l, d] * %WK[d, g]
  %V  = attn.einsum [l, g] = %X[l, d] * %WV[d, g]
  %Z  = attn.einsum [l, d] = %O[l, g] * %WZ[g, d]
  %F1 = attn.einsum [l, s] = %Y[l, d] * %W1[d, s]
  %F2 = attn.einsum [l, d] = %U[l, s] * %W2[s, d]
  attn.yield %Q, %K, %V, %Z, %F1, %F2
}
