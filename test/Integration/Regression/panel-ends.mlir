// Filters that end a panel's work, on AMX and on vectors, each in another way:
// with the lanes' coordinate (@diagonal), with other lanes' too (@window, whose
// first keys are removed as well), against it (@falling, where the first lane's
// bound is the farthest, and no panel ends early), and two sums that end at
// different places (@apart). More queries and keys than a tile has of either,
// none whole; scores of deviation 1 and of 150, where what lies past an end
// would not be small.

// RUN: attnc %s --target=x86-64-v3,sapphirerapids --emit=so -o %t.so
// RUN: attn-run %t.so --cascade=diagonal --size h=2,p=300,m=523
// RUN: attn-run %t.so --cascade=diagonal --size h=1,p=523,m=300
// RUN: attn-run %t.so --cascade=diagonal --size h=1,p=300,m=523 --scale-of-inputs=12
// RUN: attn-run %t.so --cascade=window --size h=1,p=300,m=523
// RUN: attn-run %t.so --cascade=falling --size h=1,p=300,m=523
// RUN: attn-run %t.so --cascade=apart --size h=1,p=300,m=523
// RUN: attn-run %t.so --cascade=apart --size h=1,p=300,m=130
// RUN: attn-run %t.so --cascade=diagonal --size h=1,p=300,m=523 --isa=avx2
// RUN: attn-run %t.so --cascade=window --size h=1,p=300,m=523 --isa=avx2
// RUN: attn-run %t.so --cascade=falling --size h=1,p=300,m=523 --isa=avx2
// RUN: attn-run %t.so --cascade=apart --size h=1,p=300,m=130 --isa=avx2

attn.cascade @diagonal(%Q: !attn.tensor<[h, p, e], bf16>,
                       %K: !attn.tensor<[h, m, e], bf16>,
                       %V: !attn.tensor<[h, m, f], bf16>)
    -> !attn.tensor<[h, p, f], bf16> ranks(h, p, m, e = 64, f = 32) {
  %QK = attn.einsum [h,p,m] = %Q[h,p,e] * %K[h,m,e] * rsqrt(extent(e))
          where (m <= p + extent(m) - extent(p))
  %GM = attn.einsum [h,p]   = %QK[h,p,m] reduce(max m)
  %SN = attn.einsum [h,p,m] = exp(%QK[h,p,m] - %GM[h,p])
  %SD = attn.einsum [h,p]   = %SN[h,p,m]
  %AV = attn.einsum [h,p,f] = %SN[h,p,m] / %SD[h,p] * %V[h,m,f]
  attn.yield %AV
}

attn.cascade @window(%Q: !attn.tensor<[h, p, e], bf16>,
                     %K: !attn.tensor<[h, m, e], bf16>,
                     %V: !attn.tensor<[h, m, f], bf16>)
    -> !attn.tensor<[h, p, f], bf16> ranks(h, p, m, e = 64, f = 32) {
  %QK = attn.einsum [h,p,m] = %Q[h,p,e] * %K[h,m,e] * rsqrt(extent(e))
          where (m < p + 9 and m > p - 70)
  %GM = attn.einsum [h,p]   = %QK[h,p,m] reduce(max m)
  %SN = attn.einsum [h,p,m] = exp(%QK[h,p,m] - %GM[h,p])
  %SD = attn.einsum [h,p]   = %SN[h,p,m]
  %AV = attn.einsum [h,p,f] = %SN[h,p,m] / %SD[h,p] * %V[h,m,f]
  attn.yield %AV
}

attn.cascade @falling(%Q: !attn.tensor<[h, p, e], bf16>,
                      %K: !attn.tensor<[h, m, e], bf16>,
                      %V: !attn.tensor<[h, m, f], bf16>)
    -> !attn.tensor<[h, p, f], bf16> ranks(h, p, m, e = 64, f = 32) {
  %QK = attn.einsum [h,p,m] = %Q[h,p,e] * %K[h,m,e] * rsqrt(extent(e))
          where (m < extent(p) - p)
  %GM = attn.einsum [h,p]   = %QK[h,p,m] reduce(max m)
  %SN = attn.einsum [h,p,m] = exp(%QK[h,p,m] - %GM[h,p])
  %SD = attn.einsum [h,p]   = %SN[h,p,m]
  %AV = attn.einsum [h,p,f] = %SN[h,p,m] / %SD[h,p] * %V[h,m,f]
  attn.yield %AV
}

attn.cascade @apart(%Q: !attn.tensor<[h, p, e], bf16>,
                    %K: !attn.tensor<[h, m, e], bf16>,
                    %V: !attn.tensor<[h, m, f], bf16>)
    -> (!attn.tensor<[h, p], f32>, !attn.tensor<[h, p, f], f32>)
    ranks(h, p, m, e = 64, f = 32) {
  %QK = attn.einsum [h,p,m] = %Q[h,p,e] * %K[h,m,e] * rsqrt(extent(e))
  %GM = attn.einsum [h,p]   = %QK[h,p,m] where (m <= p + 100) reduce(max m)
  %AV = attn.einsum [h,p,f] = %QK[h,p,m] * %V[h,m,f] where (m <= p)
  attn.yield %GM, %AV
}
