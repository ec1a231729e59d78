// T is read in place by way of U, and by a gather; the gather read in place,
// too.

// RUN: attn-run %s --size p=31 --fill I=int:-1:31 \
// RUN:   --options="lane-tile=16 stream-tile=8"

attn.cascade @both(%X: !attn.tensor<[p, e], f32>, %I: !attn.tensor<[p], i32>)
    -> !attn.tensor<[p], f32> ranks(p, e = 3) {
  %T = attn.einsum [p] = %X[p, e]
  %U = attn.einsum [p] = exp(%T[p])
  %D = attn.einsum [p] = %T[%I[p]] - %U[p]
  attn.yield %D
}
