// Six states, some of which are copied at the end of a loop's body: the first
// copy wrote to memory that a later one still had to read.

// RUN: attn-run %s --size p=5,m=37 \
// RUN:   --options="lane-tile=16 stream-tile=8 split=0"

attn.cascade @states(%Q: !attn.tensor<[p, e], f32>, %X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>) ranks(p, m, e = 4) {
  %S = attn.einsum [p, m] = %Q[p,e]
  %G = attn.einsum [p] = -%S[p,m] reduce(min m)
  %W = attn.einsum [p, m] = %S[p,m] + %G[p]
  %D = attn.einsum [p] = %W[p,m]
  %T = attn.einsum [p] = %X[p,m] / extent(m)
  %U = attn.einsum [p] = %X[p,m] - %T[p] * %X[p,m]
  attn.yield %U, %D
}
