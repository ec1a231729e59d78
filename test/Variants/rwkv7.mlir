// RWKV-7's state: a decay for each of the e columns, and what is stored along
// the removal key kappa is taken out in part. w is the decay's argument, a the
// in-context learning rate, between 0 and 1. The state is [value, key].
//   Peng et al., "RWKV-7 Goose with Expressive Dynamic State Evolution", 2025,
//   equations 3, 15 and 17
attn.cascade @rwkv7(%R: !attn.tensor<[b, h, t, e], f32>,
                    %K: !attn.tensor<[b, h, t, e], f32>,
                    %V: !attn.tensor<[b, h, t, f], f32>,
                    %kappa: !attn.tensor<[b, h, t, e], f32>,
                    %a: !attn.tensor<[b, h, t, e], f32>,
                    %w: !attn.tensor<[b, h, t, e], f32>,
                    %S0: !attn.tensor<[b, h, f, e], f32>)
    -> (!attn.tensor<[b, h, t, f], f32>, !attn.tensor<[b, h, f, e], f32>)
    ranks(b, h, t, e = 64, f = 64) {
  %L  = attn.einsum [b,h,t]   = %kappa[b,h,t,e] * %kappa[b,h,t,e]
  %KH = attn.einsum [b,h,t,e] = %kappa[b,h,t,e] * rsqrt(%L[b,h,t] + 0.000001)
  %D  = attn.einsum [b,h,t,e] = exp(-exp(-0.5) * sigmoid(%w[b,h,t,e]))
  %S, %O = attn.iterate t init(%s = %S0)
      -> (!attn.tensor<[b, h, f, e], f32>, !attn.tensor<[b, h, t, f], f32>) {
    %z  = attn.einsum [b,h,f]   = %s[b,h,f,e] * %KH[b,h,t,e]
    %s1 = attn.einsum [b,h,f,e] = %s[b,h,f,e] * %D[b,h,t,e]
            - %z[b,h,f] * (%a[b,h,t,e] * %KH[b,h,t,e]) + %V[b,h,t,f] * %K[b,h,t,e]
    %o  = attn.einsum [b,h,f]   = %R[b,h,t,e] * %s1[b,h,f,e]
    attn.yield %s1, %o
  }
  attn.yield %O, %S
}
