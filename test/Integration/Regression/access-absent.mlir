// What a gather does not find is culled from the reduction; it was read as 0.
// An access is one condition: where it mentions a reduced variable, it never
// makes the result absent, whichever of its indices is outside (S4).

// RUN: attnc %s --emit=so -o %t.so --options="lane-tile=16 stream-tile=8"
// RUN: attn-run %t.so --cascade=gather --size p=5,m=37,n=40 \
// RUN:   --fill X=uniform:1:2,I=int:-1:40
// RUN: attn-run %t.so --cascade=whole --size p=7,m=19,k=3 --fill I=int:-1:7
// RUN: attn-run %t.so --cascade=made --size p=33,m=9

attn.cascade @gather(%X: !attn.tensor<[n], f32>, %I: !attn.tensor<[m], i32>,
                     %J: !attn.tensor<[p], i32>)
    -> (!attn.tensor<[], f32>, !attn.tensor<[p], f32>) ranks(p, m, n) {
  %least = attn.einsum [] = %X[%I[m]] reduce(min m)
  // Absent where either table leads nowhere, and then 0, not 1.
  %twice = attn.einsum [p] = %X[%I[%J[p]]] + 1.0
  attn.yield %least, %twice
}

attn.cascade @whole(%X: !attn.tensor<[p, k], f32>, %I: !attn.tensor<[m], i32>)
    -> (!attn.tensor<[k], f32>, !attn.tensor<[k], f32>) ranks(p, m, k) {
  %T = attn.einsum [k] = %X[%I[m], k - 2] reduce(max m)
  %U = attn.einsum [k] = %X[p, k] where (k < 1) reduce(max p)
  attn.yield %T, %U
}

/// The filter of S mentions no m, but its reader's access does: G is -inf where
/// p is 5 or more. O is absent where M is not positive.
attn.cascade @made(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>) ranks(p, m) {
  %S = attn.einsum [p, m] = %X[p, m] where (p < 5)
  %G = attn.einsum [p] = %S[p, m] reduce(max m)
  %M = attn.einsum [p] = %X[p, m]
  %O = attn.einsum [p] = %M[p] + 10.0 where (%M[p] > 0.0)
  attn.yield %G, %O
}
