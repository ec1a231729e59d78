/// A bound that only the caller knows, on his word.
// CHECK: remark: `cap` stands for `GM` (static), on the word that no element exceeds it, and the largest comes within 64
// CHECK: attn.stream m init(add %rd = 0.0, add %rav = 0.0)
attn.cascade @scalar_cap(%X: !attn.tensor<[p, m], f32>,
                         %V: !attn.tensor<[m, f], f32>, %cap: f32)
    -> !attn.tensor<[p, f], f32> ranks(p, m, f = 64) {
  %Z = attn.einsum [p, m] = %cap * tanh(%X[p, m] / %cap)
  %GM = attn.einsum [p] = %Z[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%Z[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %AV = attn.einsum [p, f] = %SN[p, m] / %SD[p] * %V[m, f]
  attn.yield %AV
}
