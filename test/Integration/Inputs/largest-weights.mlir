// The largest weights of a softmax over all experts, and which they are.
attn.cascade @largest_weights(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p, s], f32>, !attn.tensor<[p, s], i32>)
    ranks(p, m, s = 5) {
  %GM = attn.einsum [p]    = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%X[p, m] - %GM[p])
  %SD = attn.einsum [p]    = %SN[p, m]
  %A  = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  %W, %I = attn.topk m to s of %A
  attn.yield %W, %I
}
