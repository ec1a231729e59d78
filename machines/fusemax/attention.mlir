// Attention as FuseMax evaluates it: FuseMax's Cascade 4 (equations 33 to 38),
// of which --attn-one-pass makes Cascade 5. No scale, no mask.
//   Nayak et al., "FuseMax", MICRO 2024
attn.cascade @attention(%Q: !attn.tensor<[b, h, p, e], f16>,
                        %K: !attn.tensor<[b, h, m, e], f16>,
                        %V: !attn.tensor<[b, h, m, f], f16>)
    -> !attn.tensor<[b, h, p, f], f16>
    ranks(b, h, p, m, e = 64, f = 64) {
  %QK = attn.einsum [b,h,p,m] = %Q[b,h,p,e] * %K[b,h,m,e]
  %GM = attn.einsum [b,h,p]   = %QK[b,h,p,m] reduce(max m)
  %SN = attn.einsum [b,h,p,m] = exp(%QK[b,h,p,m] - %GM[b,h,p])
  %SD = attn.einsum [b,h,p]   = %SN[b,h,p,m]
  %A  = attn.einsum [b,h,p,m] = %SN[b,h,p,m] / %SD[b,h,p]
  %AV = attn.einsum [b,h,p,f] = %A[b,h,p,m] * %V[b,h,m,f]
  attn.yield %AV
}
