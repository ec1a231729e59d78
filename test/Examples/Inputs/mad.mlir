attn.cascade @mad(%A: !attn.tensor<[b, m], f32>) -> !attn.tensor<[b], f32> ranks(b, m) {
  %S = attn.einsum [b] = %A[b, m]
  %D = attn.einsum [b] = abs(%A[b, m] - %S[b]) reduce(add m)
  attn.yield %D
}
