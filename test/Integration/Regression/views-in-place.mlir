// Whole tiles are worked on where the views have them, the last ones in
// scratch: more rows and keys than a tile has, and fewer; padded rows, of which
// nothing may be written; rows that do not begin at a vector's alignment.

// RUN: attnc %s --emit=so -o %t.so --options="fuse=false"
// RUN: attn-run %t.so --cascade=parts --size p=514,m=1030 --pad=3
// RUN: attn-run %t.so --cascade=parts --size p=5,m=1040 --pad=16 --isa=avx2
// RUN: attn-run %t.so --cascade=parts --size p=513,m=512 --skip SN
// RUN: attn-run %t.so --cascade=parts --size p=1025,m=33 --threads=2

attn.cascade @parts(%Q: !attn.tensor<[p, e], f32>,
                    %K: !attn.tensor<[m, e], f32>,
                    %V: !attn.tensor<[m, f], f32>)
    -> (!attn.tensor<[p, m], f32>, !attn.tensor<[p], f32>,
        !attn.tensor<[p, m], f32>, !attn.tensor<[p, f], f32>)
    ranks(p, m, e = 20, f = 32) {
  %QK = attn.einsum [p,m] = %Q[p,e] * %K[m,e]
  %GM = attn.einsum [p]   = %QK[p,m] reduce(max m)
  %SN = attn.einsum [p,m] = exp(%QK[p,m] - %GM[p])
  %AV = attn.einsum [p,f] = %SN[p,m] * %V[m,f]
  attn.yield %QK, %GM, %SN, %AV
}
