// A cascade for each rule of the cascade stage, evaluated by equivalence.py.

// A closed set of moments, about a mean over the extent.
attn.cascade @variance(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32>
    ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m]
  %N = attn.einsum [p, m] = %X[p, m] - %S[p] / extent(m)
  %Y = attn.einsum [p] = %N[p, m] * %N[p, m]
  %VAR = attn.einsum [p] = %Y[p] / extent(m)
  attn.yield %VAR
}

// .. and about a mean over the present points.
attn.cascade @counted_variance(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32>
    ranks(p, m) {
  %XX = attn.einsum [p, m] = %X[p, m] where (m <= p)
  %C = attn.einsum [p] = 1.0 where (m <= p) reduce(add m)
  %S = attn.einsum [p] = %XX[p, m]
  %MU = attn.einsum [p] = %S[p] / %C[p]
  %Y = attn.einsum [p] = (%XX[p, m] - %MU[p]) * (%XX[p, m] - %MU[p])
  %VAR = attn.einsum [p] = %Y[p] / %C[p]
  attn.yield %VAR
}

// An integer state beside a float one.
attn.cascade @int_count(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32>
    ranks(p, m) {
  %C = attn.einsum [p] = 1 where (m <= p) reduce(add m)
  %S = attn.einsum [p] = %X[p, m] where (m <= p)
  %MU = attn.einsum [p] = %S[p] / %C[p]
  attn.yield %MU
}

// Two traversals: no correction distributes over the sum.
attn.cascade @z_score(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32>
    ranks(p, m, f = 6) {
  %S = attn.einsum [p] = %X[p, m]
  %MU = attn.einsum [p] = %S[p] / extent(m)
  %Y = attn.einsum [p] = (%X[p, m] - %MU[p]) * (%X[p, m] - %MU[p])
  %SD = attn.einsum [p] = sqrt(%Y[p] / extent(m))
  %E = attn.einsum [p, m] = exp((%X[p, m] - %MU[p]) / %SD[p])
  %D = attn.einsum [p] = %E[p, m]
  %O = attn.einsum [p, f] = %E[p, m] / %D[p] * %V[m, f]
  attn.yield %O
}

// A linear correction, whose matrix is undefined for an empty state.
attn.cascade @entropy(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>)
    ranks(p, m) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SD = attn.einsum [p] = exp(%X[p, m] - %GM[p]) reduce(add m)
  %L = attn.einsum [p] = %GM[p] + log(%SD[p])
  %H = attn.einsum [p] = exp(%X[p, m] - %L[p]) * (%L[p] - %X[p, m]) reduce(add m)
  attn.yield %H, %L
}

// Filters on maps, which move to the reductions.
attn.cascade @filtered_map(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[m, f], f32>, %cut: i32)
    -> !attn.tensor<[p, f], f32>
    ranks(p, m, f = 6) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%X[p, m] - %GM[p]) where (m > %cut)
  %SD = attn.einsum [p] = %SN[p, m]
  %A = attn.einsum [p, m] = %SN[p, m] / %SD[p] where (m ne 3)
  %O = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %O
}

// A filter on whole rows: absent in XX, present in what reduces it (S4).
attn.cascade @padded_queries(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[m, f], f32>, %n: i32)
    -> (!attn.tensor<[p, f], f32>, !attn.tensor<[p], f32>, !attn.tensor<[p], f32>, !attn.tensor<[p], f32>)
    ranks(p, m, f = 6) {
  %XX = attn.einsum [p, m] = %X[p, m] where (p < %n and m <= p)
  %GM = attn.einsum [p] = %XX[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%XX[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %A = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  %O = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  %LSE = attn.einsum [p] = %GM[p] + log(%SD[p])
  %ONE = attn.einsum [p] = %SD[p] + 1.0
  %G = attn.einsum [p] = max(%GM[p], 3.0) where (p ne 1)
  attn.yield %O, %LSE, %ONE, %G
}

// States as outputs, with every reducer.
attn.cascade @raw_states(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>, !attn.tensor<[p], f32>, !attn.tensor<[p], f32>)
    ranks(p, m) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SD = attn.einsum [p] = exp(%X[p, m] - %GM[p]) reduce(add m)
  %LO = attn.einsum [p] = %X[p, m] reduce(min m)
  %PR = attn.einsum [p] = 0.1 * %X[p, m] reduce(mul m)
  attn.yield %GM, %SD, %LO, %PR
}

attn.cascade @negated_min(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32>
    ranks(p, m, f = 6) {
  %NM = attn.einsum [p] = -%X[p, m] reduce(min m)
  %SN = attn.einsum [p, m] = exp2((%X[p, m] + %NM[p]) * 1.4426950408889634)
  %SD = attn.einsum [p] = %SN[p, m]
  %A = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  %O = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %O
}

attn.cascade @log2e(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32>
    ranks(p, m, f = 6) {
  %Y = attn.einsum [p, m] = %X[p, m] * 1.4426950408889634
  %GM = attn.einsum [p] = %Y[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp2(%Y[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %A = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  %O = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %O
}

// Stays as it is.
attn.cascade @argmax(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p], i32>, !attn.tensor<[p], f32>)
    ranks(p, m) {
  %I = attn.einsum [p] = %X[p, m] reduce(argmax m)
  %GM = attn.einsum [p] = %X[p, m] where (m <= p) reduce(max m)
  attn.yield %I, %GM
}

// States of conditions.
attn.cascade @bools(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[m], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>)
    ranks(p, m) {
  %ALL = attn.einsum [p] = %X[p, m] > -10.0 reduce(and m)
  %ANY = attn.einsum [p] = %X[p, m] > 20.0 reduce(or m)
  %S = attn.einsum [p] = select(%ALL[p], %X[p, m], %V[m]) reduce(add m)
  %Y = attn.einsum [p] = select(%ANY[p], 1.0, 2.0) * %S[p]
  %Z = attn.einsum [p] = select(%ALL[p], 1.0, 0.0)
  attn.yield %Y, %Z
}

// A contraction of finished reductions, twice.
attn.cascade @late(%X: !attn.tensor<[p, m, e], f32>, %W: !attn.tensor<[e, f], f32>, %V: !attn.tensor<[m, f], f32>)
    -> (!attn.tensor<[p, f], f32>)
    ranks(p, m, e = 8, f = 6) {
  %S = attn.einsum [p, e] = %X[p, m, e] reduce(max m)
  %T = attn.einsum [p, f] = tanh(%S[p, e]) * %W[e, f]
  %U = attn.einsum [p, m] = %T[p, f] * %V[m, f]
  %GM = attn.einsum [p] = %U[p, m] reduce(max m)
  %SD = attn.einsum [p] = exp(%U[p, m] - %GM[p]) reduce(add m)
  %O = attn.einsum [p, f] = exp(%U[p, m] - %GM[p]) / %SD[p] * %V[m, f] + 0.0 * %T[p, f]
  attn.yield %O
}

// A stream in a stream.
attn.cascade @two_loops(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[g, m], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>)
    ranks(p, g, m) {
  %S = attn.einsum [p] = %X[p, m] * %V[g, m]
  %GM = attn.einsum [p] = %X[p, m] + %V[g, m] reduce(max g, max m)
  %SD = attn.einsum [p] = exp(%X[p, m] + %V[g, m] - %GM[p]) reduce(add m, add g)
  %L = attn.einsum [p] = %GM[p] + log(%SD[p])
  attn.yield %S, %L
}

// Two kinds of reducers in one Einsum.
attn.cascade @mixed(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[g, m], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>)
    ranks(p, g, m) {
  %S = attn.einsum [p] = %X[p, m] * %V[g, m] reduce(max m, add g)
  %T = attn.einsum [p] = %X[p, m] * %V[g, m] reduce(add g, max m)
  attn.yield %S, %T
}

// Accesses outside of the tensor, some of which the algebra drops.
attn.cascade @shifted(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>)
    ranks(p, m) {
  %D = attn.einsum [p, m] = %X[p, m] - %X[p, m - 1]
  %GM = attn.einsum [p] = %D[p, m] reduce(max m)
  %SD = attn.einsum [p] = exp(%D[p, m] - %GM[p]) reduce(add m)
  %C = attn.einsum [p] = %D[p, m] * 0.0 + 1.0 reduce(add m)
  attn.yield %SD, %C
}

// Rounded intermediates: the algebra must not see through them.
attn.cascade @narrow(%X: !attn.tensor<[p, m], bf16>, %V: !attn.tensor<[m, f], f16>)
    -> !attn.tensor<[p, f], f32>
    ranks(p, m, f = 6) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%X[p, m] - %GM[p]) : bf16
  %SD = attn.einsum [p] = %SN[p, m]
  %O = attn.einsum [p, f] = %SN[p, m] * %V[m, f] / %SD[p]
  attn.yield %O
}

attn.cascade @narrow_max(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32>
    ranks(p, m, f = 6) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m) : bf16
  %SN = attn.einsum [p, m] = exp(%X[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %O = attn.einsum [p, f] = %SN[p, m] * %V[m, f] / %SD[p]
  attn.yield %O
}

// f32 and f64.
attn.cascade @wide(%X: !attn.tensor<[p, m], f64>, %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32>
    ranks(p, m, f = 6) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%X[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %O = attn.einsum [p, f] = %SN[p, m] * %V[m, f] / %SD[p]
  attn.yield %O
}

attn.cascade @guarded(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32>
    ranks(p, m, f = 6) {
  %XX = attn.einsum [p, m] = select(m <= p, %X[p, m], -inf)
  %GM = attn.einsum [p] = %XX[p, m] reduce(max m)
  %G0 = attn.einsum [p] = select(%GM[p] == -inf, 0.0, %GM[p])
  %SN = attn.einsum [p, m] = exp(%XX[p, m] - %G0[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %O = attn.einsum [p, f] = %SN[p, m] * %V[m, f] / max(%SD[p], 0.000001)
  attn.yield %O
}

// A dead Einsum, sums of products, a difference.
attn.cascade @key_weights(%X: !attn.tensor<[p, m], f32>, %w: !attn.tensor<[m], f32>, %V: !attn.tensor<[m, f], f32>, %U: !attn.tensor<[m, f], f32>)
    -> (!attn.tensor<[p, f], f32>, !attn.tensor<[p, f], f32>)
    ranks(p, m, f = 6) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%X[p, m] - %GM[p])
  %DEAD = attn.einsum [p] = %SN[p, m] * %SN[p, m]
  %SD = attn.einsum [p] = %SN[p, m]
  %A = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  %O = attn.einsum [p, f] = %A[p, m] * %w[m] * %V[m, f] + %A[p, m] * %U[m, f] * 3.0
  %O2 = attn.einsum [p, f] = %A[p, m] * (%U[m, f] - %V[m, f])
  attn.yield %O, %O2
}

attn.cascade @linear(%Q: !attn.tensor<[p, e], f32>, %K: !attn.tensor<[m, e], f32>, %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32>
    ranks(p, m, e = 8, f = 6) {
  %FQ = attn.einsum [p, e] = max(%Q[p, e], 0.0) + 1.0
  %FK = attn.einsum [m, e] = max(%K[m, e], 0.0) + 1.0
  %KV = attn.einsum [e, f] = %FK[m, e] * %V[m, f]
  %KS = attn.einsum [e] = %FK[m, e]
  %N = attn.einsum [p, f] = %FQ[p, e] * %KV[e, f]
  %D = attn.einsum [p] = %FQ[p, e] * %KS[e]
  %O = attn.einsum [p, f] = %N[p, f] / %D[p]
  attn.yield %O
}

// Two traversals: a kink at the mean.
attn.cascade @mad(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32>
    ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m]
  %O = attn.einsum [p] = abs(%X[p, m] - %S[p] / extent(m)) reduce(add m)
  attn.yield %O
}

// Coordinates as values.
attn.cascade @positions(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>)
    ranks(p, m) {
  %GM = attn.einsum [p] = %X[p, m] * 0.125 + m reduce(max m)
  %SD = attn.einsum [p] = exp(%X[p, m] * 0.125 + m - %GM[p]) * m reduce(add m)
  %C = attn.einsum [p] = p * 2 - m where (m > 1) reduce(add m)
  attn.yield %SD, %GM
}

// An infinite factor of an empty sum must stay inside.
attn.cascade @dequantised(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32>
    ranks(p, m, f = 6) {
  %AM = attn.einsum [f] = abs(%V[m, f]) reduce(max m)
  %VQ = attn.einsum [m, f] = cast(round(%V[m, f] / %AM[f] * 127.0), i8)
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%X[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %O = attn.einsum [p, f] = %SN[p, m] * %VQ[m, f] / %SD[p] * %AM[f] / 127.0
  attn.yield %O
}

attn.cascade @quantised_weights(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32>
    ranks(p, m, f = 6) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = round(exp(%X[p, m] - %GM[p]) * 127.0)
  %SD = attn.einsum [p] = %SN[p, m]
  %O = attn.einsum [p, f] = %SN[p, m] * %V[m, f] / %SD[p]
  attn.yield %O
}

// A sum of two sums.
attn.cascade @two_softmaxes(%X: !attn.tensor<[p, m], f32>, %Y: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[m, f], f32>, %lambda: f32)
    -> !attn.tensor<[p, f], f32>
    ranks(p, m, f = 6) {
  %GX = attn.einsum [p] = %X[p, m] reduce(max m)
  %GY = attn.einsum [p] = %Y[p, m] reduce(max m)
  %EX = attn.einsum [p, m] = exp(%X[p, m] - %GX[p])
  %EY = attn.einsum [p, m] = exp(%Y[p, m] - %GY[p])
  %DX = attn.einsum [p] = %EX[p, m]
  %DY = attn.einsum [p] = %EY[p, m]
  %A = attn.einsum [p, m] = %EX[p, m] / %DX[p] - %lambda * %EY[p, m] / %DY[p]
  %O = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %O
}

// A list of the best experts, by probabilities: softmax keeps the order.
attn.cascade @routing(%X: !attn.tensor<[p, e], f32>, %G: !attn.tensor<[m, e], f32>)
    -> (!attn.tensor<[p, s], f32>, !attn.tensor<[p, s], i32>)
    ranks(p, m, e = 8, s = 4) {
  %L = attn.einsum [p, m] = %X[p, e] * %G[m, e]
  %GM = attn.einsum [p] = %L[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%L[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %A = attn.einsum [p, m] = %SN[p, m] / %SD[p]
  %W, %I = attn.topk m to s of %A
  attn.yield %W, %I
}

// .. normalised over the list alone, after the stream.
attn.cascade @top_softmax(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p, s], f32>, !attn.tensor<[p], f32>)
    ranks(p, m, s = 3) {
  %W, %I = attn.topk m to s of %X
  %GM = attn.einsum [p] = %W[p, s] reduce(max s)
  %SN = attn.einsum [p, s] = exp(%W[p, s] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, s]
  %A = attn.einsum [p, s] = %SN[p, s] / %SD[p]
  attn.yield %A, %SD
}

// .. with a filter, a full denominator, and what the coordinates gather.
attn.cascade @top_values(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[m, f], f32>)
    -> (!attn.tensor<[p, s], f32>, !attn.tensor<[p, s, f], f32>)
    ranks(p, m, s = 4, f = 6) {
  %Y = attn.einsum [p, m] = %X[p, m] * 2.0 where (m <= p)
  %W, %I = attn.topk m to s of %Y
  %GM = attn.einsum [p] = %Y[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%Y[p, m] - %GM[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %P = attn.einsum [p, s] = exp(%W[p, s] - %GM[p]) / %SD[p]
  %VS = attn.einsum [p, s, f] = %V[%I[p, s], f]
  attn.yield %P, %VS
}

// A list of integers, and one that is chosen from what another nest stores.
attn.cascade @top_stored(%X: !attn.tensor<[p, m], f32>, %Y: !attn.tensor<[m, p], i32>)
    -> (!attn.tensor<[p, s], i32>, !attn.tensor<[m, s], i32>, !attn.tensor<[m, s], f32>)
    ranks(p, m, s = 2) {
  %N = attn.einsum [p, m] = %Y[m, p] * 3 where (m ne 2)
  %W, %I = attn.topk m to s of %N
  %C = attn.einsum [m] = %X[p, m] where (m < 5)
  %D = attn.einsum [m, p] = %C[m] * %X[p, m]
  %CW, %CI = attn.topk p to s of %D
  attn.yield %W, %CI, %CW
}

// What depends on the list needs another traversal.
attn.cascade @above_list(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32>
    ranks(p, m, s = 3) {
  %W, %I = attn.topk m to s of %X
  %T = attn.einsum [p] = %W[p, s] reduce(min s)
  %S = attn.einsum [p] = max(%X[p, m] - %T[p], 0)
  attn.yield %S
}

// A reducer that is a maximum and a sum.
attn.cascade @log_sum(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[m, f], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p, f], f32>)
    ranks(p, m, f = 6) {
  %L = attn.einsum [p] = %X[p, m] * 2.0 where (m <= p) reduce(lse m)
  %A = attn.einsum [p, m] = exp(%X[p, m] * 2.0 - %L[p]) where (m <= p)
  %AV = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %L, %AV
}

// What belongs to a maximum: its coordinate, its values, how often it occurs.
attn.cascade @hard_attention(%Q: !attn.tensor<[p, e], f32>, %K: !attn.tensor<[m, e], f32>,
                             %V: !attn.tensor<[m, f], f32>)
    -> (!attn.tensor<[p], i32>, !attn.tensor<[p, f], f32>, !attn.tensor<[p], i32>)
    ranks(p, m, e = 8, f = 6) {
  %S = attn.einsum [p, m] = %Q[p, e] * %K[m, e] where (m ne p)
  %I = attn.einsum [p] = %S[p, m] reduce(argmax m)
  %GM = attn.einsum [p] = %S[p, m] reduce(max m)
  %H = attn.einsum [p, f] = %V[m, f] where (%S[p, m] == %GM[p])
  %J = attn.einsum [p] = -(%S[p, m] * %S[p, m]) + tanh(%S[p, m]) reduce(argmax m)
  attn.yield %I, %H, %J
}

// .. and to a minimum, and to a maximum of whole numbers.
attn.cascade @nearest(%X: !attn.tensor<[p, m], f32>, %Y: !attn.tensor<[p, m], i32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], i32>)
    ranks(p, m) {
  %GM = attn.einsum [p] = %X[p, m] reduce(min m)
  %N = attn.einsum [p] = 1.0 where (%X[p, m] == %GM[p]) reduce(add m)
  %I = attn.einsum [p] = %Y[p, m] reduce(argmax m)
  attn.yield %N, %I
}

// Corrections that are not proved.
attn.cascade @logistic_softmax(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[m, f], f32>)
    -> (!attn.tensor<[p, f], f32>, !attn.tensor<[p], f32>)
    ranks(p, m, f = 6) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = sigmoid(%X[p, m] - %GM[p]) / sigmoid(%GM[p] - %X[p, m])
  %SD = attn.einsum [p] = %SN[p, m]
  %O = attn.einsum [p, f] = %SN[p, m] / %SD[p] * %V[m, f]
  %FAR = attn.einsum [p] = abs(%X[p, m] - %GM[p]) reduce(max m)
  attn.yield %O, %FAR
}

// Power-normalised: the old sum moves by a power of the maxima's ratio.
attn.cascade @power_normalised(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32>
    ranks(p, m, f = 6) {
  %B = attn.einsum [p, m] = abs(%X[p, m]) + 0.5
  %GM = attn.einsum [p] = %B[p, m] reduce(max m)
  %R = attn.einsum [p, m] = %B[p, m] / %GM[p]
  %N = attn.einsum [p, m] = %R[p, m] * %R[p, m] * %R[p, m]
  %SD = attn.einsum [p] = %N[p, m]
  %A = attn.einsum [p, m] = %N[p, m] / %SD[p]
  %AV = attn.einsum [p, f] = %A[p, m] * %V[m, f]
  attn.yield %AV
}

attn.cascade @power_sum(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>)
    ranks(p, m) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %R = attn.einsum [p, m] = %X[p, m] / %GM[p]
  %SD = attn.einsum [p] = %R[p, m] * %R[p, m] * %R[p, m]
  %SE = attn.einsum [p] = pow(abs(%X[p, m]) / abs(%GM[p]), 1.5)
  attn.yield %SD, %SE
}

// max of x less the mean.
attn.cascade @max_less_mean(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>)
    ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m]
  %MU = attn.einsum [p] = %S[p] / extent(m)
  %D = attn.einsum [p, m] = %X[p, m] - %MU[p]
  %G = attn.einsum [p] = %D[p, m] reduce(max m)
  %L = attn.einsum [p] = %D[p, m] reduce(min m)
  attn.yield %G, %L
}

// Sums of what is scaled by the largest magnitude.
attn.cascade @absmax_scaled(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[m, f], f32>)
    -> (!attn.tensor<[p, f], f32>, !attn.tensor<[p], f32>)
    ranks(p, m, f = 6) {
  %AM = attn.einsum [p] = abs(%X[p, m]) reduce(max m)
  %N = attn.einsum [p, m] = %X[p, m] / %AM[p]
  %Y = attn.einsum [p, f] = %N[p, m] * %V[m, f]
  %G = attn.einsum [p] = %N[p, m] reduce(max m)
  attn.yield %Y, %G
}

// Another value of the chosen: gathered from what is stored, or carried along.
attn.cascade @gathered(%X: !attn.tensor<[p, e], f32>, %K: !attn.tensor<[m, e], f32>, %w: !attn.tensor<[m], f32>)
    -> (!attn.tensor<[p, s], f32>, !attn.tensor<[p, s], f32>)
    ranks(p, m, e = 8, s = 3) {
  %L = attn.einsum [p, m] = %X[p, e] * %K[m, e]
  %B = attn.einsum [p, m] = %L[p, m] + %w[m]
  %W, %I = attn.topk m to s of %B
  %Y = attn.einsum [p, s] = sigmoid(%L[p, %I[p, s]])
  attn.yield %W, %Y
}

attn.cascade @payload(%X: !attn.tensor<[p, e], f32>, %K: !attn.tensor<[m, e], f32>, %w: !attn.tensor<[m], f32>)
    -> (!attn.tensor<[p, s], f32>, !attn.tensor<[p, s], f32>, !attn.tensor<[p], f32>)
    ranks(p, m, e = 8, s = 3) {
  %L = attn.einsum [p, m] = %X[p, e] * %K[m, e]
  %B = attn.einsum [p, m] = %L[p, m] + %w[m] where (m ne 1)
  %N = attn.einsum [p, m] = %w[m] * %L[p, m] where (m ne 4)
  %W, %I, %Y, %J = attn.topk m to s of %B with %L, %N
  %A = attn.einsum [p, s] = sigmoid(%Y[p, s]) * %J[p, s]
  %S = attn.einsum [p] = sigmoid(%Y[p, s])
  attn.yield %W, %A, %S
}

// Moments about the mean up to the fourth, by Pascal's matrix.
attn.cascade @kurtosis(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>, !attn.tensor<[p], f32>)
    ranks(p, m) {
  %C = attn.einsum [p] = 1.0 where (m <= p + 1) reduce(add m)
  %S = attn.einsum [p] = %X[p, m] where (m <= p + 1)
  %D = attn.einsum [p, m] = %X[p, m] - %S[p] / %C[p] where (m <= p + 1)
  %M2 = attn.einsum [p] = pow(%D[p, m], 2.0) reduce(add m)
  %M3 = attn.einsum [p] = pow(%D[p, m], 3.0) reduce(add m)
  %M4 = attn.einsum [p] = pow(%D[p, m], 4.0) reduce(add m)
  attn.yield %M2, %M3, %M4
}

// A mean of each of two, and what they have in common.
attn.cascade @covariance(%X: !attn.tensor<[p, m], f32>, %Y: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32>
    ranks(p, m) {
  %C = attn.einsum [p] = 1.0 where (m <= p + 2) reduce(add m)
  %SX = attn.einsum [p] = %X[p, m] where (m <= p + 2)
  %SY = attn.einsum [p] = %Y[p, m] where (m <= p + 2)
  %COV = attn.einsum [p] = (%X[p, m] - %SX[p] / %C[p]) * (%Y[p, m] - %SY[p] / %C[p]) where (m <= p + 2)
  attn.yield %COV
}

// Two sums that only both together take apart.
attn.cascade @softmax_of_one_more(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[p, f], f32> ranks(p, m, f = 64) {
  %GM = attn.einsum [p] = %X[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%X[p, m] - %GM[p]) + 1.0
  %SD = attn.einsum [p] = %SN[p, m]
  %AV = attn.einsum [p, f] = %SN[p, m] * %V[m, f]
  %A = attn.einsum [p, f] = %AV[p, f] / %SD[p]
  attn.yield %A
}
