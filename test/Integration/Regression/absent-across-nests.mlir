// A tensor of another nest is absent somewhere, and so is the result of a
// reduction that reads it there: 0 (S7), not the identity.

// RUN: attnc %s --emit=so -o %t.so --options="lane-tile=16 stream-tile=8"
// RUN: attn-run %t.so --cascade=gather --size p=20,m=33 --fill I=int:-1:6
// RUN: attn-run %t.so --cascade=mirror --size b=5,m=9 --fill len=int:0:5
// RUN: attn-run %t.so --cascade=counted --size p=20,m=33
// RUN: attn-run %t.so --cascade=shifted --size p=20
// RUN: attnc %s --emit=so -o %t.so \
// RUN:   --options="lane-tile=16 stream-tile=8 fuse=false one-pass=false"
// RUN: attn-run %t.so --cascade=gather --size p=20,m=33 --fill I=int:-1:6
// RUN: attn-run %t.so --cascade=mirror --size b=5,m=9 --fill len=int:0:5
// RUN: attn-run %t.so --cascade=counted --size p=20,m=33
// RUN: attn-run %t.so --cascade=shifted --size p=20

attn.cascade @gather(%X: !attn.tensor<[p], f32>, %I: !attn.tensor<[m], i32>)
    -> !attn.tensor<[m], f32> ranks(p, m) {
  %T = attn.einsum [p] = %X[p] where (p == 4)
  %G = attn.einsum [m] = max(%T[%I[m]], %X[p]) reduce(max p)
  attn.yield %G
}

attn.cascade @mirror(%X: !attn.tensor<[b, m], f32>, %len: !attn.tensor<[b], i32>)
    -> !attn.tensor<[b], f32> ranks(b, m) {
  %T = attn.einsum [b] = %X[b,m] where (b < %len[b]) reduce(min m)
  %L = attn.einsum [b] = max(%T[extent(b) - 1 - b], %X[b,m]) reduce(min m)
  attn.yield %L
}

/// Over the present coordinates of T only: the count of a mean, too.
attn.cascade @counted(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>) ranks(p, m) {
  %T = attn.einsum [m] = %X[p,m] where (m mod 3 == 1)
  %mean = attn.einsum [p] = %T[m] * %X[p,m] / extent(m)
  %spread = attn.einsum [p] = (%T[m] - %mean[p]) * (%T[m] - %mean[p])
  attn.yield %mean, %spread
}

/// A filter by what the other nest makes, too.
attn.cascade @shifted(%X: !attn.tensor<[p, s], f32>)
    -> !attn.tensor<[p], f32> ranks(p, s = 4) {
  %Y = attn.einsum [p, s] = %X[p, s] * %X[p, 3 - s]
  %T = attn.einsum [p, s] = %X[p, s] where (0.0 <= %Y[p, s])
  %O = attn.einsum [p] = %T[p + 1, s] reduce(max s)
  attn.yield %O
}
