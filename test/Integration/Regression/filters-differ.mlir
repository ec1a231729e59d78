// Two reductions of one traversal with filters of their own: a tile was taken
// for full where either filter held everywhere.

// RUN: attn-run %s --size m=43 --scalar w=20 \
// RUN:   --options="lane-tile=16 stream-tile=8"

attn.cascade @differ(%X: !attn.tensor<[m, e], f32>, %w: i32)
    -> (!attn.tensor<[e], f32>, !attn.tensor<[e], f32>, !attn.tensor<[e], f32>)
    ranks(m, e = 4) {
  %before = attn.einsum [e] = %X[m, e] where (m < %w)
  %after = attn.einsum [e] = %X[m, e] where (m > 9 and m ne 30)
  %least = attn.einsum [e] = %X[m - 1, e] reduce(min m)
  attn.yield %before, %after, %least
}
