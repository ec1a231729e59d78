// What varies along the inner of two loops was made outside of both, where no
// loop walks its rank: as a part that was cut out (@cut), or as an Einsum that
// the outer loop's reduction reads (@read), also by way of another stream
// (@through).

// RUN: attnc %s --emit=so -o %t.so --options="lane-tile=16 stream-tile=8 split=2"
// RUN: attn-run %t.so --cascade=cut --size p=19,m=21
// RUN: attn-run %t.so --cascade=read --size p=19,m=21
// RUN: attn-run %t.so --cascade=through --size p=19,m=21
// RUN: attn-run %t.so --cascade=through --size p=0,m=21
// RUN: attn-run %t.so --cascade=filters --size p=19,m=21 --fill I=bool:0.5 --slice Y:p:3=9

attn.cascade @cut(%X: !attn.tensor<[m], f32>, %Y: !attn.tensor<[p], f32>)
    -> !attn.tensor<[], f32> ranks(p, m) {
  %T = attn.einsum [] = max(exp2(%X[m]), %Y[p]) where (p <= 12)
  %U = attn.einsum [] = tanh(0.001 * %T[] + %X[m])
  attn.yield %U
}

attn.cascade @read(%X: !attn.tensor<[m], f32>, %Y: !attn.tensor<[p, e], f32>)
    -> !attn.tensor<[e], f32> ranks(p, m, e = 5) {
  %T = attn.einsum [m] = exp(%X[m]) where (m ne 3)
  %U = attn.einsum [e] = %T[m] * %Y[p, e] where (p + m < 30)
  attn.yield %U
}

attn.cascade @through(%X: !attn.tensor<[m], f32>, %Y: !attn.tensor<[p], f32>)
    -> (!attn.tensor<[], f32>, !attn.tensor<[], f32>) ranks(p, m) {
  %T = attn.einsum [m] = exp(%X[m])
  %S = attn.einsum [] = %T[m]
  %U = attn.einsum [] = tanh(0.1 * %T[m] * %Y[p] - 0.01 * %S[])
  %M = attn.einsum [] = %Y[p] * %U[] reduce(max p)
  attn.yield %U, %M
}

// Two filters on the outer loop: each holds for its own reduction.
attn.cascade @filters(%X: !attn.tensor<[m], f32>, %Y: !attn.tensor<[p], f32>,
                      %I: !attn.tensor<[p], i1>)
    -> (!attn.tensor<[], f32>, !attn.tensor<[], f32>, !attn.tensor<[], f32>)
    ranks(p, m) {
  %T = attn.einsum [] = tanh(%X[m] * %Y[p])
  %U = attn.einsum [] = %Y[p] where (p ne 3) reduce(max p)
  %W = attn.einsum [] = exp(%Y[p]) * %X[m] where (%I[p])
  attn.yield %T, %U, %W
}
