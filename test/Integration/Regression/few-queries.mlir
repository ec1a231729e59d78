// Few queries, or heads that share their keys, are rows beside the keys as
// lanes: any number of them up to the most, in blocks of powers of two; tails,
// strides, split keys, features that are no whole vectors; a filter.

// REQUIRES: avx2
// RUN: attnc %s --emit=so -o %t.so
// RUN: attn-run %t.so --cascade=few --size b=2,h=3,p=2,m=256
// RUN: attn-run %t.so --cascade=few --size b=1,h=2,p=3,m=333
// RUN: attn-run %t.so --cascade=few --size b=1,h=2,p=4,m=300 --isa=avx2
// RUN: attn-run %t.so --cascade=few --size b=1,h=2,p=8,m=333 --isa=avx2
// RUN: attn-run %t.so --cascade=few --size b=1,h=1,p=3,m=9000 --threads=2 --isa=avx2
// RUN: %if avx512 %{ attn-run %t.so --cascade=few --size b=1,h=1,p=5,m=9000 --threads=2 --isa=avx512 %}
// RUN: attn-run %t.so --cascade=few --size b=1,h=2,p=6,m=260 --pad=3
// RUN: attn-run %t.so --cascade=few --size b=1,h=2,p=7,m=700
// RUN: %if avx512 %{ attn-run %t.so --cascade=few --size b=1,h=2,p=8,m=512 --isa=avx512 %}
// RUN: attn-run %t.so --cascade=few --size b=1,h=2,p=8,m=1
// RUN: attn-run %t.so --cascade=few --size b=1,h=2,p=5,m=0
// RUN: attn-run %t.so --cascade=grouped --size b=2,k=3,g=5,p=1,m=400
// RUN: attn-run %t.so --cascade=grouped --size b=1,k=1,g=7,p=1,m=9000 --threads=2
// RUN: attn-run %t.so --cascade=grouped --size b=1,k=2,g=8,p=3,m=300 --pad=2
// RUN: attn-run %t.so --cascade=grouped --size b=1,k=2,g=3,p=2,m=300 --isa=avx2
// RUN: attn-run %t.so --cascade=grouped --size b=1,k=2,g=7,p=1,m=300 --isa=avx2
// RUN: attn-run %t.so --cascade=grouped --size b=1,k=2,g=1,p=6,m=900 --threads=2
// RUN: attnc %s --emit=so -o %t.bf16.so --type f32=bf16
// RUN: attn-run %t.bf16.so --cascade=few --size b=2,h=3,p=8,m=333
// RUN: attn-run %t.bf16.so --cascade=few --size b=1,h=1,p=7,m=9000 --threads=2
// RUN: attn-run %t.bf16.so --cascade=few --size b=1,h=2,p=3,m=512
// RUN: attn-run %t.bf16.so --cascade=few --size b=1,h=2,p=2,m=512
// RUN: attn-run %t.bf16.so --cascade=few --size b=1,h=3,p=5,m=600 --pad=3
// RUN: attn-run %t.bf16.so --cascade=few --size b=1,h=2,p=3,m=512 --isa=avx2
// RUN: attn-run %t.bf16.so --cascade=few --size b=1,h=2,p=7,m=600 --pad=3 --isa=avx2
// RUN: attn-run %t.bf16.so --cascade=grouped --size b=2,k=3,g=4,p=1,m=400
// RUN: %if avx512 %{ attn-run %t.bf16.so --cascade=grouped --size b=1,k=3,g=6,p=1,m=300 --isa=avx512 %}
// RUN: attnc %s --emit=so -o %t.64.so --type f32=bf16 --set e=96 --set f=64
// RUN: attn-run %t.64.so --cascade=few --size b=1,h=2,p=8,m=800
// RUN: attn-run %t.64.so --cascade=grouped --size b=1,k=2,g=6,p=1,m=900 --threads=2
// RUN: attn-run %t.64.so --cascade=grouped --size b=1,k=2,g=2,p=3,m=900 --pad=1
// RUN: attnc %s --emit=so -o %t.f16.so --type f32=f16
// RUN: %if avx512 %{ attn-run %t.f16.so --cascade=few --size b=1,h=3,p=5,m=333 --isa=avx512 %}
// RUN: attn-run %t.f16.so --cascade=few --size b=1,h=3,p=6,m=333 --isa=avx2

attn.cascade @few(%Q: !attn.tensor<[b, h, p, e], f32>, %K: !attn.tensor<[b, h, m, e], f32>, %V: !attn.tensor<[b, h, m, f], f32>)
    -> (!attn.tensor<[b, h, p, f], f32>, !attn.tensor<[b, h, p], f32>)
    ranks(b, h, p, m, e = 64, f = 96) {
  %QK = attn.einsum [b,h,p,m] = %Q[b,h,p,e] * %K[b,h,m,e] * rsqrt(extent(e))
  %GM = attn.einsum [b,h,p]   = %QK[b,h,p,m] reduce(max m)
  %SN = attn.einsum [b,h,p,m] = exp(%QK[b,h,p,m] - %GM[b,h,p])
  %SD = attn.einsum [b,h,p]   = %SN[b,h,p,m]
  %A  = attn.einsum [b,h,p,m] = %SN[b,h,p,m] / %SD[b,h,p]
  %AV = attn.einsum [b,h,p,f] = %A[b,h,p,m] * %V[b,h,m,f]
  attn.yield %AV, %SD
}

/// A causal filter; 40 features are no whole vectors, 32 are.
attn.cascade @grouped(%Q: !attn.tensor<[b, h, p, e], f32>, %K: !attn.tensor<[b, k, m, e], f32>, %V: !attn.tensor<[b, k, m, f], f32>)
    -> !attn.tensor<[b, h, p, f], f32>
    ranks(b, k, g, h = k * g, p, m, e = 40, f = 32) {
  %QK = attn.einsum [b,k,g,p,m] = %Q[b,(k,g),p,e] * %K[b,k,m,e]
          where (m <= p + extent(m) - extent(p))
  %GM = attn.einsum [b,k,g,p]   = %QK[b,k,g,p,m] reduce(max m)
  %SN = attn.einsum [b,k,g,p,m] = exp(%QK[b,k,g,p,m] - %GM[b,k,g,p])
  %SD = attn.einsum [b,k,g,p]   = %SN[b,k,g,p,m]
  %A  = attn.einsum [b,k,g,p,m] = %SN[b,k,g,p,m] / %SD[b,k,g,p]
  %AV = attn.einsum [b,(k,g),p,f] = %A[b,k,g,p,m] * %V[b,k,m,f]
  attn.yield %AV
}
