// The maximum of no integers is the least one; it was 0.

// RUN: attn-run %s --size p=20,m=9 --fill X=int:-9:-1,len=int:0:3 \
// RUN:   --options="lane-tile=16 stream-tile=8"

attn.cascade @none(%X: !attn.tensor<[p, m], i8>, %len: !attn.tensor<[p], i32>)
    -> (!attn.tensor<[p], i32>, !attn.tensor<[p], i32>) ranks(p, m) {
  %most = attn.einsum [p] = %X[p, m] where (m < %len[p]) reduce(max m)
  %least = attn.einsum [p] = %X[p, m] where (m < %len[p]) reduce(min m)
  attn.yield %most, %least
}
