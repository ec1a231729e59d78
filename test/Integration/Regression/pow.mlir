// pow of a negative base was NaN; it is a number where the exponent is whole.

// RUN: attnc %s --emit=so -o %t.so --options="lane-tile=16"
// RUN: attn-run %t.so --size p=40 --fill X=int:-3:3,Y=int:-2:3
// RUN: attn-run %t.so --size p=40 --fill X=int:-3:3,Y=uniform:0:1
// RUN: attn-run %t.so --size p=40 --fill X=int:-3:3,Y=const:0
// RUN: attn-run %t.so --size p=40 --fill X=uniform:0:30,Y=uniform:-3:3

attn.cascade @powers(%X: !attn.tensor<[p], f32>, %Y: !attn.tensor<[p], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>,
        !attn.tensor<[p], f32>) ranks(p) {
  %square = attn.einsum [p] = pow(%X[p], 2.0)
  %cube = attn.einsum [p] = pow(%X[p], 3.0)
  %any = attn.einsum [p] = pow(%X[p], %Y[p])
  attn.yield %square, %cube, %any
}
