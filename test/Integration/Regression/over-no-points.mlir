// The largest weight where a filter leaves no key is -inf: not 0, which exp
// makes of the -inf that is the largest of no scores. But it is 0 where the
// filter leaves only scores of -inf.

// RUN: attn-run %s --cascade=largest_weight --size b=2,p=7,m=31 --check
// RUN: attn-run %s --cascade=largest_weight --size b=2,p=7,m=31 --fill M=const:0 --check
// RUN: attn-run %s --cascade=largest_weight --size b=2,p=1,m=3000 --fill M=const:0 --check
// RUN: attn-run %s --cascade=largest_weight --size b=2,p=7,m=31 --fill M=const:0 --slice M:m:3=1 --slice B:m:3=-inf --check
// RUN: attn-run %s --cascade=largest_weight --size b=2,p=7,m=0 --check
attn.cascade @largest_weight(%Q: !attn.tensor<[b, p, e], f32>, %K: !attn.tensor<[b, m, e], f32>,
                             %B: !attn.tensor<[m], f32>, %M: !attn.tensor<[b, m], i1>)
    -> !attn.tensor<[b, p], f32> ranks(b, p, m, e = 2) {
  %QK = attn.einsum [b, p, m] = %Q[b, p, e] * %K[b, m, e]
  %S = attn.einsum [b, p, m] = %QK[b, p, m] + %B[m]
  %G = attn.einsum [b, p] = %S[b, p, m] reduce(max m)
  %SN = attn.einsum [b, p, m] = exp(%S[b, p, m] - %G[b, p])
  %SD = attn.einsum [b, p] = %SN[b, p, m]
  %A = attn.einsum [b, p, m] = %SN[b, p, m] / %SD[b, p]
  %W = attn.einsum [b, p] = %A[b, p, m] where (%M[b, m]) reduce(max m)
  attn.yield %W
}

// The same of an increasing function without a filter, over no key.

// RUN: attn-run %s --cascade=largest_function --size p=7,m=31 --check
// RUN: attn-run %s --cascade=largest_function --size p=7,m=0 --check
attn.cascade @largest_function(%X: !attn.tensor<[p, m], f32>)
    -> !attn.tensor<[p], f32> ranks(p, m) {
  %S = attn.einsum [p] = %X[p, m]
  %T = attn.einsum [p, m] = tanh(%X[p, m] + %S[p])
  %W = attn.einsum [p] = %T[p, m] reduce(max m)
  attn.yield %W
}

// Sums that a filter leaves no key, where others have some: the maximum of
// bounded scores is deferred, and 0 times exp(infinity) would be NaN. In an
// output beside a sum of other keys, and in a body over other keys.

// RUN: attn-run %s --cascade=sums_of_parts --size p=37,m=31 --fill len=int:0:3 --check
// RUN: attn-run %s --cascade=sums_of_parts --size p=37,m=31 --fill len=const:0 --check
attn.cascade @sums_of_parts(%X: !attn.tensor<[p, m], f32>, %len: !attn.tensor<[p], i32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>) ranks(p, m) {
  %S = attn.einsum [p, m] = 8.0 * tanh(%X[p, m]) where (m < %len[p])
  %G = attn.einsum [p] = %S[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%S[p, m] - %G[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %Y = attn.einsum [p] = ceil(%X[p, m] * %SD[p] + 2.0)
  %Z = attn.einsum [p] = %Y[p] + %SD[p]
  attn.yield %Y, %Z
}

// A sum of quotients and of what they divide: 0 / 0 is 0 (S5), so the divided
// tensor is no factor of the sum, 0 times 1/0 + 1.

// RUN: attn-run %s --cascade=sum_of_quotients --size p=41,m=16 --check
attn.cascade @sum_of_quotients(%X: !attn.tensor<[p, m], f32>, %V: !attn.tensor<[m, f], f32>)
    -> !attn.tensor<[f], f32> ranks(p, m, f = 5) {
  %S = attn.einsum [p, m] = %X[p, m] where (p >= m + extent(p) - extent(m))
  %G = attn.einsum [p] = %S[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%S[p, m] - %G[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %SNV = attn.einsum [p, f] = %SN[p, m] * %V[m, f]
  %AV = attn.einsum [p, f] = %SNV[p, f] / %SD[p]
  %T = attn.einsum [f] = %SNV[p, f] + %AV[p, f]
  attn.yield %T
}

// A select by data between something else and what was deferred from a maximum:
// either may be chosen.

// RUN: attn-run %s --cascade=chosen_or_none --size p=9,m=0 --check
// RUN: attn-run %s --cascade=chosen_or_none --size p=9,m=21 --check
attn.cascade @chosen_or_none(%X: !attn.tensor<[p, m], f32>, %Y: !attn.tensor<[p], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[], f32>) ranks(p, m) {
  %S = attn.einsum [p, m] = 8.0 * tanh(%X[p, m])
  %G = attn.einsum [p] = %S[p, m] reduce(max m)
  %SN = attn.einsum [p, m] = exp(%S[p, m] - %G[p])
  %SD = attn.einsum [p] = %SN[p, m]
  %Z = attn.einsum [p] = select(p < 3, %Y[p], -%SD[p])
  %T = attn.einsum [] = select(p < 3, 1.0, %SD[p])
  attn.yield %Z, %T
}
