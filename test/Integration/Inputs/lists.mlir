// Lists of what a filter leaves, along a streamed and along a resident rank.
attn.cascade @streamed(%X: !attn.tensor<[p, m], f32>, %n: i32)
    -> (!attn.tensor<[p, s], f32>, !attn.tensor<[p, s], i32>)
    ranks(p, m, s = 5) {
  %Y = attn.einsum [p, m] = %X[p, m] where (m ne 3 and m < p + %n)
  %W, %I = attn.topk m to s of %Y
  attn.yield %W, %I
}

attn.cascade @resident(%X: !attn.tensor<[p, m], f32>, %n: i32)
    -> (!attn.tensor<[p, s], f32>, !attn.tensor<[p, s], i32>)
    ranks(p, m = 37, s = 5) {
  %Y = attn.einsum [p, m] = %X[p, m] where (m ne 3 and m < p + %n)
  %W, %I = attn.topk m to s of %Y
  attn.yield %W, %I
}

attn.cascade @whole(%X: !attn.tensor<[p, m], i32>, %n: i32)
    -> (!attn.tensor<[p, s], i32>, !attn.tensor<[p, s], i32>)
    ranks(p, m, s = 5) {
  %Y = attn.einsum [p, m] = %X[p, m] where (m ne 3 and m < p + %n)
  %W, %I = attn.topk m to s of %Y
  attn.yield %W, %I
}

// What goes along: a number of its own, which may be missing, and a whole one.
attn.cascade @payload(%X: !attn.tensor<[p, m], f32>,
                      %Z: !attn.tensor<[p, m], f32>,
                      %T: !attn.tensor<[p, m], i32>, %n: i32)
    -> (!attn.tensor<[p, s], f32>, !attn.tensor<[p, s], i32>,
        !attn.tensor<[p, s], f32>, !attn.tensor<[p, s], i32>)
    ranks(p, m, s = 5) {
  %Y = attn.einsum [p, m] = %X[p, m] where (m < p + %n)
  %B = attn.einsum [p, m] = %Z[p, m] + 1.0 where (m ne 3)
  %D = attn.einsum [p, m] = %T[p, m]
  %W, %I, %P, %R = attn.topk m to s of %Y with %B, %D
  attn.yield %W, %I, %P, %R
}

// The list of one entry, of whole numbers that f32 would round.
attn.cascade @first(%X: !attn.tensor<[p, m], i32>, %n: i32)
    -> !attn.tensor<[p], i32> ranks(p, m) {
  %I = attn.einsum [p] = %X[p, m] where (m ne 3 and m < p + %n) reduce(argmax m)
  attn.yield %I
}
