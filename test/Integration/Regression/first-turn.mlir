// Sums that a loop carries, started from nothing: no keys, few, several tiles of
// them; rows of which a window leaves nothing, in loops that begin late.

// REQUIRES: avx2
// RUN: attnc %s --emit=so -o %t.so
// RUN: attn-run %t.so --cascade=full --size b=1,h=2,p=40,m=0 --isa=avx2
// RUN: attn-run %t.so --cascade=full --size b=1,h=2,p=40,m=1 --isa=avx2
// RUN: attn-run %t.so --cascade=full --size b=1,h=2,p=16,m=33 --isa=avx2
// RUN: attn-run %t.so --cascade=full --size b=1,h=2,p=140,m=300 --isa=avx2
// RUN: attn-run %t.so --cascade=late --size h=2,p=300,m=40 --isa=avx2
// RUN: attn-run %t.so --cascade=late --size h=2,p=300,m=500 --isa=avx2
// RUN: %if avx512 %{ attn-run %t.so --cascade=full --size b=1,h=2,p=48,m=300 --isa=avx512 %}
// RUN: %if avx512 %{ attn-run %t.so --cascade=late --size h=2,p=300,m=40 --isa=avx512 %}

attn.cascade @full(%Q: !attn.tensor<[b, h, p, e], f32>, %K: !attn.tensor<[b, h, m, e], f32>, %V: !attn.tensor<[b, h, m, f], f32>)
    -> !attn.tensor<[b, h, p, f], f32>
    ranks(b, h, p, m, e = 64, f = 72) {
  %QK = attn.einsum [b,h,p,m] = %Q[b,h,p,e] * %K[b,h,m,e] * rsqrt(extent(e))
  %GM = attn.einsum [b,h,p]   = %QK[b,h,p,m] reduce(max m)
  %SN = attn.einsum [b,h,p,m] = exp(%QK[b,h,p,m] - %GM[b,h,p])
  %SD = attn.einsum [b,h,p]   = %SN[b,h,p,m]
  %A  = attn.einsum [b,h,p,m] = %SN[b,h,p,m] / %SD[b,h,p]
  %AV = attn.einsum [b,h,p,f] = %A[b,h,p,m] * %V[b,h,m,f]
  attn.yield %AV
}

attn.cascade @late(%Q: !attn.tensor<[h, p, e], f32>, %K: !attn.tensor<[h, m, e], f32>, %V: !attn.tensor<[h, m, f], f32>)
    -> !attn.tensor<[h, p, f], f32>
    ranks(h, p, m, e = 64, f = 64) {
  %QK = attn.einsum [h,p,m] = %Q[h,p,e] * %K[h,m,e] where (m <= p and m + 20 > p)
  %GM = attn.einsum [h,p]   = %QK[h,p,m] reduce(max m)
  %SN = attn.einsum [h,p,m] = exp(%QK[h,p,m] - %GM[h,p])
  %SD = attn.einsum [h,p]   = %SN[h,p,m]
  %A  = attn.einsum [h,p,m] = %SN[h,p,m] / %SD[h,p]
  %AV = attn.einsum [h,p,f] = %A[h,p,m] * %V[h,m,f]
  attn.yield %AV
}
