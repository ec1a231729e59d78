// A sum of f64 that is written as bf16 is made in f64 and rounded once, in a
// tile and over tiles, keys split over cores as well.

// RUN: attn-run %s --size p=70,m=13 --scalar a=0.75 --check
// RUN: attn-run %s --size p=7,m=130 --scalar a=0.75 --check
// RUN: attn-run %s --size p=1,m=3000 --scalar a=0.75 --check
// RUN: attn-run %s --size p=5,m=0 --scalar a=0.75 --check

attn.cascade @wide_sum(%X: !attn.tensor<[p, m], f64>, %Y: !attn.tensor<[p, e], f64>,
                       %a: f32)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>)
    ranks(p, m, e = 5) {
  %S = attn.einsum [p] = %X[p, m] - %a : bf16
  %T = attn.einsum [p] = erf(%Y[p, e] - %a) : bf16
  attn.yield %S, %T
}
