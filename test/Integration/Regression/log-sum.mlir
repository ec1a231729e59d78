// A sum of exponentials and what is subtracted from it, and the smallest
// coordinate of a maximum: in one kernel each, keys split over cores as well.

// RUN: attn-run %s --size p=70,m=130 --check
// RUN: attn-run %s --size p=1,m=3000 --check
// RUN: attn-run %s --size p=5,m=0 --check

attn.cascade @log_sum(%Q: !attn.tensor<[p, e], f32>, %K: !attn.tensor<[m, e], f32>,
                      %V: !attn.tensor<[m, f], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p, f], f32>, !attn.tensor<[p], i32>,
        !attn.tensor<[p], i32>, !attn.tensor<[m], f32>)
    ranks(p, m, e = 16, f = 32) {
  %S = attn.einsum [p, m] = %Q[p, e] * %K[m, e] where (m <= p + 60)
  %L = attn.einsum [p] = %S[p, m] reduce(lse m)
  %AV = attn.einsum [p, f] = exp(%S[p, m] - %L[p]) * %V[m, f]
  %I = attn.einsum [p] = %S[p, m] reduce(argmax m)
  %J = attn.einsum [p] = abs(%Q[p, e]) reduce(argmax e)
  %N = attn.einsum [m] = %K[m, e] reduce(lse e)
  attn.yield %L, %AV, %I, %J, %N
}
