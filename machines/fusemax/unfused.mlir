// The same as three kernels: FuseMax's unfused baseline.
attn.cascade @unfused(%Q: !attn.tensor<[b, h, p, e], f16>,
                      %K: !attn.tensor<[b, h, m, e], f16>,
                      %V: !attn.tensor<[b, h, m, f], f16>)
    -> !attn.tensor<[b, h, p, f], f16>
    ranks(b, h, p, m, e = 64, f = 64) {
  %QK = attn.nest parallel(b, h, p) -> !attn.tensor<[b, h, p, m], f32> {
    %QK0 = attn.einsum [b,h,p,m] = %Q[b,h,p,e] * %K[b,h,m,e]
    attn.yield %QK0
  }
  %A = attn.nest parallel(b, h, p) -> !attn.tensor<[b, h, p, m], f32> {
    %GM = attn.einsum [b,h,p]   = %QK[b,h,p,m] reduce(max m)
    %SN = attn.einsum [b,h,p,m] = exp(%QK[b,h,p,m] - %GM[b,h,p])
    %SD = attn.einsum [b,h,p]   = %SN[b,h,p,m]
    %A0 = attn.einsum [b,h,p,m] = %SN[b,h,p,m] / %SD[b,h,p]
    attn.yield %A0
  }
  %AV = attn.nest parallel(b, h, p) -> !attn.tensor<[b, h, p, f], f32> {
    %AV0 = attn.einsum [b,h,p,f] = %A[b,h,p,m] * %V[b,h,m,f]
    attn.yield %AV0
  }
  attn.yield %AV
}
