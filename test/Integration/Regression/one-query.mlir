// One query lies across the lanes, which are keys: rows read where the tensors
// have them, and transposed where they have not (rows with a gap between
// elements, tails, few keys, features that are no whole vectors); split keys; a
// filter; two outputs.

// REQUIRES: avx2
// RUN: attnc %s --emit=so -o %t.so
// RUN: attn-run %t.so --cascade=decode --size b=2,h=3,p=1,m=333
// RUN: attn-run %t.so --cascade=decode --size b=1,h=2,p=1,m=130 --pad=3 --isa=avx2
// RUN: attn-run %t.so --cascade=decode --size b=1,h=1,p=1,m=9000 --threads=2
// RUN: attn-run %t.so --cascade=decode --size b=1,h=1,p=1,m=1
// RUN: attn-run %t.so --cascade=decode --size b=2,h=1,p=1,m=0
// RUN: attn-run %t.so --cascade=decode --size b=1,h=1,p=1,m=9000 --threads=2 --isa=avx2
// RUN: attn-run %t.so --cascade=across --size h=2,p=1,m=200
// RUN: attn-run %t.so --cascade=across --size h=2,p=1,m=200 --isa=avx2
// RUN: attn-run %t.so --cascade=window --size h=3,p=1,m=500
// RUN: attnc %s --emit=so -o %t.bf16.so --type f32=bf16
// RUN: attn-run %t.bf16.so --cascade=decode --size b=2,h=3,p=1,m=333
// RUN: attn-run %t.bf16.so --cascade=decode --size b=1,h=1,p=1,m=9000 --threads=2
// RUN: attn-run %t.bf16.so --cascade=decode --size b=2,h=1,p=1,m=0
// RUN: attn-run %t.bf16.so --cascade=decode --size b=2,h=1,p=1,m=333 --isa=avx2
// RUN: %if avx512 %{ attn-run %t.bf16.so --cascade=window --size h=3,p=1,m=500 --isa=avx512 %}
// RUN: attnc %s --emit=so -o %t.f16.so --type f32=f16
// RUN: %if avx512 %{ attn-run %t.f16.so --cascade=decode --size b=1,h=3,p=1,m=333 --isa=avx512 %}

attn.cascade @decode(%Q: !attn.tensor<[b, h, p, e], f32>, %K: !attn.tensor<[b, h, m, e], f32>, %V: !attn.tensor<[b, h, m, f], f32>)
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

/// Keys lie innermost in memory, and 40 and 24 features are no whole vectors.
attn.cascade @across(%Q: !attn.tensor<[h, p, e], f32>, %K: !attn.tensor<[h, e, m], f32>, %V: !attn.tensor<[h, m, f], f32>)
    -> !attn.tensor<[h, p, f], f32>
    ranks(h, p, m, e = 40, f = 24) {
  %QK = attn.einsum [h,p,m] = %Q[h,p,e] * %K[h,e,m]
  %GM = attn.einsum [h,p]   = %QK[h,p,m] reduce(max m)
  %SN = attn.einsum [h,p,m] = exp(%QK[h,p,m] - %GM[h,p])
  %SD = attn.einsum [h,p]   = %SN[h,p,m]
  %A  = attn.einsum [h,p,m] = %SN[h,p,m] / %SD[h,p]
  %AV = attn.einsum [h,p,f] = %A[h,p,m] * %V[h,m,f]
  attn.yield %AV
}

attn.cascade @window(%Q: !attn.tensor<[h, p, e], f32>, %K: !attn.tensor<[h, m, e], f32>, %V: !attn.tensor<[h, m, f], f32>)
    -> !attn.tensor<[h, p, f], f32>
    ranks(h, p, m, e = 32, f = 32) {
  %QK = attn.einsum [h,p,m] = %Q[h,p,e] * %K[h,m,e]
          where (m > p + extent(m) - extent(p) - 200)
  %GM = attn.einsum [h,p]   = %QK[h,p,m] reduce(max m)
  %SN = attn.einsum [h,p,m] = exp(%QK[h,p,m] - %GM[h,p])
  %SD = attn.einsum [h,p]   = %SN[h,p,m]
  %A  = attn.einsum [h,p,m] = %SN[h,p,m] / %SD[h,p]
  %AV = attn.einsum [h,p,f] = %A[h,p,m] * %V[h,m,f]
  attn.yield %AV
}
