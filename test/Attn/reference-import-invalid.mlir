// RUN: attn-opt %s --attn-print-reference --verify-diagnostics \
// RUN:   --split-input-file -o /dev/null

attn.cascade @depends(%X: !attn.tensor<[m], f32>)
    -> (!attn.tensor<[], f32>, !attn.tensor<[m], f32>) ranks(m) {
  // expected-error @+1 {{has a result that keeps rank `m` and depends on a state}}
  %top, %Y = attn.stream m init(max %t = -inf)
      -> (!attn.tensor<[], f32>, !attn.tensor<[m], f32>) step {
    %L = attn.einsum [] = %X[m] reduce(max m)
    %N = attn.einsum [] = max(%t[], %L[])
    %D = attn.einsum [m] = %X[m] - %t[]
    attn.yield %N, %D
  } merge(%t_a, %t_b) {
    %M = attn.einsum [] = max(%t_a[], %t_b[])
    attn.yield %M
  }
  attn.yield %top, %Y
}

// -----

attn.cascade @no_merge(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[], f32>
    ranks(m) {
  // expected-error @+1 {{has no merge, which the reference evaluates}}
  %top = attn.stream m init(max %t = -inf) -> !attn.tensor<[], f32> step {
    %L = attn.einsum [] = %X[m] reduce(max m)
    %N = attn.einsum [] = max(%t[], %L[])
    attn.yield %N
  }
  attn.yield %top
}
