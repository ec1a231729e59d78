// What an iteration collects, or a stream, is an output and read by another
// nest; only the latter was stored.

// RUN: attnc %s --emit=so -o %t.so --options="lane-tile=16 stream-tile=8"
// RUN: attn-run %t.so --cascade=iteration --size p=21
// RUN: attn-run %t.so --cascade=stream --size p=19,m=37

attn.cascade @iteration(%x: !attn.tensor<[p, e], f32>,
                        %s0: !attn.tensor<[e], f32>)
    -> (!attn.tensor<[p, e], f32>, !attn.tensor<[], f32>) ranks(p, e = 3) {
  %last, %all = attn.iterate p init(%s = %s0)
      -> (!attn.tensor<[e], f32>, !attn.tensor<[p, e], f32>) {
    %next = attn.einsum [e] = 0.5 * %s[e] + %x[p,e]
    attn.yield %next, %next
  }
  %least = attn.einsum [] = %all[p,e] reduce(min p, min e)
  attn.yield %all, %least
}

attn.cascade @stream(%S: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p, m], f32>, !attn.tensor<[m], f32>) ranks(p, m) {
  %G = attn.einsum [p] = %S[p,m] reduce(max m)
  %W = attn.einsum [p, m] = exp(%S[p,m] - %G[p])
  %D = attn.einsum [p] = %W[p,m]
  %A = attn.einsum [p, m] = %W[p,m] / %D[p]
  %columns = attn.einsum [m] = %A[p,m]
  attn.yield %A, %columns
}
