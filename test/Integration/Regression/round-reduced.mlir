// An element type on a reduction rounds its result; each term was rounded.

// RUN: attnc %s --emit=so -o %t.so --options="lane-tile=16 stream-tile=8"
// RUN: attn-run %t.so --size p=19,m=21 --fill X=uniform:1:2

attn.cascade @round(%X: !attn.tensor<[p, m, e], f32>)
    -> (!attn.tensor<[p, m], f32>, !attn.tensor<[p], f32>)
    ranks(p, m, e = 5) {
  %fixed = attn.einsum [p, m] = %X[p, m, e] : bf16
  %streamed = attn.einsum [p] = %X[p, m, e] : bf16
  attn.yield %fixed, %streamed
}
