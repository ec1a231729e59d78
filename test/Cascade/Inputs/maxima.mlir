// Scores that something bounds, evaluated by maxima.py.

attn.cascade @softmax_of_f64(%X: !attn.tensor<[p, m], f64>,
                             %V: !attn.tensor<[m, f], f64>, %bound: f32)
    -> !attn.tensor<[p, f], f64> ranks(p, m, f = 64) {
  %Z = attn.einsum [p, m] = min(12.0 * %X[p, m], %bound)
  %GM = attn.einsum [p] = %Z[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%Z[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %AV = attn.einsum [p, f] = %SN[p, m] / %SD[p] * %V[m, f]
  attn.yield %AV
}

attn.cascade @capped_of_f64(%X: !attn.tensor<[p, m], f64>,
                            %V: !attn.tensor<[m, f], f64>)
    -> !attn.tensor<[p, f], f64> ranks(p, m, f = 64) {
  %Z = attn.einsum [p, m] = 1000.0 + 300.0 * tanh(%X[p, m] / 25.0)
  %GM = attn.einsum [p] = %Z[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%Z[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %AV = attn.einsum [p, f] = %SN[p, m] / %SD[p] * %V[m, f]
  attn.yield %AV
}

attn.cascade @capped_log_sum(%X: !attn.tensor<[p, m], f64>)
    -> !attn.tensor<[p], f64> ranks(p, m) {
  %L = attn.einsum [p] = 1000.0 + 300.0 * tanh(%X[p, m] / 25.0) reduce(lse m)
  attn.yield %L
}
