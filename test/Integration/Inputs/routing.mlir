// Experts for every token, chosen in the traversal that the softmax over all of
// them takes: Lepikhin et al., GShard, ICLR 2021.
attn.cascade @softmax_then_top(%X: !attn.tensor<[p, e], f32>,
                               %G: !attn.tensor<[m, e], f32>)
    -> (!attn.tensor<[p, s], f32>, !attn.tensor<[p, s], i32>)
    ranks(p, m, e = 32, s = 6) {
  %L  = attn.einsum [p, m] = %X[p, e] * %G[m, e]
  %GM = attn.einsum [p]    = %L[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%L[p, m] - %GM[p])
  %SD = attn.einsum [p]    = %SN[p, m]
  %A  = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  %W, %I = attn.topk m to s of %A
  %S  = attn.einsum [p]    = %W[p, s]
  %N  = attn.einsum [p, s] = %W[p, s] / %S[p]
  attn.yield %N, %I
}

// A softmax over what was chosen: Shazeer et al., Outrageously Large Neural
// Networks, ICLR 2017. The chosen attend to values, which are not stored.
attn.cascade @top_then_softmax(%X: !attn.tensor<[p, e], f32>,
                               %G: !attn.tensor<[m, e], f32>)
    -> !attn.tensor<[p, s], f32> ranks(p, m, e = 32, s = 6) {
  %L  = attn.einsum [p, m] = %X[p, e] * %G[m, e]
  %W, %I = attn.topk m to s of %L
  %GM = attn.einsum [p]    = %W[p, s] reduce(max s)
  %SN = attn.einsum [p, s] = exp(%W[p, s] - %GM[p])
  %SD = attn.einsum [p]    = %SN[p, s]
  %A  = attn.einsum [p, s] = %SN[p, s] / %SD[p]
  attn.yield %A
}

// Chosen by a biased score, weighed by the score itself, which is the payload:
// DeepSeek-V3, 2024, section 2.1.2. And a second, whole payload, which a mask
// takes away where tokens came too late.
attn.cascade @biased(%X: !attn.tensor<[p, e], f32>, %G: !attn.tensor<[m, e], f32>,
                     %w: !attn.tensor<[m], f32>, %T: !attn.tensor<[p, m], i32>)
    -> (!attn.tensor<[p, s], f32>, !attn.tensor<[p, s], i32>)
    ranks(p, m, e = 32, s = 6) {
  %L  = attn.einsum [p, m] = sigmoid(%X[p, e] * %G[m, e]) reduce(add e)
  %B  = attn.einsum [p, m] = %L[p, m] + %w[m]
  %D  = attn.einsum [p, m] = %T[p, m] where (m <= p + 7)
  %W, %I, %Y, %R = attn.topk m to s of %B with %L, %D
  %S  = attn.einsum [p]    = %Y[p, s]
  %N  = attn.einsum [p, s] = %Y[p, s] / %S[p]
  attn.yield %N, %R
}

// The experts of the next token, from a list that another nest stores.
attn.cascade @of_the_next(%X: !attn.tensor<[p, m], f32>,
                          %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, f = 8, s = 6) {
  %W, %I = attn.topk m to s of %X
  %O = attn.einsum [p, f] = %W[p + 1, s] * %V[%I[p + 1, s], f]
  attn.yield %O
}

// The worst of the best: a list of a list, and where its entries were.
attn.cascade @worst_of_best(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p, u], f32>, !attn.tensor<[p, u], i32>)
    ranks(p, m, s = 6, u = 2) {
  %W, %I = attn.topk m to s of %X
  %N = attn.einsum [p, s] = -%W[p, s]
  %B, %J = attn.topk s to u of %N
  %C = attn.einsum [p, u] = %I[p, %J[p, u]]
  attn.yield %B, %C
}
