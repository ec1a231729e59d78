// Heads that share their keys lie along the lanes where they are more than the
// queries: fewer and more of them than a vector has lanes, of which the others
// are another group's heads and must stay as they are; split keys; strides.

// RUN: attnc %s --emit=so -o %t.so --options="stream-tile=16 split=2"
// RUN: attn-run %t.so --cascade=decode --size b=2,k=3,g=5,p=1,m=37
// RUN: attn-run %t.so --cascade=decode --size b=1,k=2,g=21,p=3,m=50 --pad=3
// RUN: attn-run %t.so --cascade=decode --size b=1,k=2,g=8,p=4,m=150 --threads=64
// RUN: attn-run %t.so --cascade=decode --size b=2,k=2,g=16,p=1,m=33 --isa=avx2
// RUN: attnc %s --emit=so -o %t.bf16.so --type f32=bf16
// RUN: attn-run %t.bf16.so --cascade=decode --size b=1,k=2,g=6,p=2,m=300

attn.cascade @decode(%Q: !attn.tensor<[b, h, p, e], f32>,
                     %K: !attn.tensor<[b, k, m, e], f32>,
                     %V: !attn.tensor<[b, k, m, f], f32>)
    -> !attn.tensor<[b, h, p, f], f32>
    ranks(b, k, g, h = k * g, p, m, e = 24, f = 20) {
  %QK = attn.einsum [b,k,g,p,m] = %Q[b,(k,g),p,e] * %K[b,k,m,e]
          where (m <= p + extent(m) - extent(p))
  %GM = attn.einsum [b,k,g,p]   = %QK[b,k,g,p,m] reduce(max m)
  %SN = attn.einsum [b,k,g,p,m] = exp(%QK[b,k,g,p,m] - %GM[b,k,g,p])
  %SD = attn.einsum [b,k,g,p]   = %SN[b,k,g,p,m]
  %A  = attn.einsum [b,k,g,p,m] = %SN[b,k,g,p,m] / %SD[b,k,g,p]
  %AV = attn.einsum [b,(k,g),p,f] = %A[b,k,g,p,m] * %V[b,k,m,f]
  attn.yield %AV
}
