// The gated delta rule: the state decays by a scalar, then the delta rule is
// applied. g is the decay's logarithm, at most 0.
//   Yang, Kautz, Hatamizadeh, "Gated Delta Networks: Improving Mamba2 with Delta
//   Rule", 2024, equation 10
attn.cascade @gated_delta_net(%Q: !attn.tensor<[b, h, t, e], f32>,
                              %K: !attn.tensor<[b, h, t, e], f32>,
                              %V: !attn.tensor<[b, h, t, f], f32>,
                              %beta: !attn.tensor<[b, h, t], f32>,
                              %g: !attn.tensor<[b, h, t], f32>,
                              %S0: !attn.tensor<[b, h, e, f], f32>)
    -> (!attn.tensor<[b, h, t, f], f32>, !attn.tensor<[b, h, e, f], f32>)
    ranks(b, h, t, e = 64, f = 64) {
  %K2 = attn.einsum [b,h,t]   = %K[b,h,t,e] * %K[b,h,t,e]
  %KN = attn.einsum [b,h,t,e] = %K[b,h,t,e] * rsqrt(%K2[b,h,t] + 0.000001)
  %S, %O = attn.iterate t init(%s = %S0)
      -> (!attn.tensor<[b, h, e, f], f32>, !attn.tensor<[b, h, t, f], f32>) {
    %sd  = attn.einsum [b,h,e,f] = exp(%g[b,h,t]) * %s[b,h,e,f]
    %old = attn.einsum [b,h,f]   = %KN[b,h,t,e] * %sd[b,h,e,f]
    %u   = attn.einsum [b,h,f]   = %V[b,h,t,f] - %old[b,h,f]
    %s1  = attn.einsum [b,h,e,f] = %sd[b,h,e,f] + %beta[b,h,t] * %KN[b,h,t,e] * %u[b,h,f]
    %o   = attn.einsum [b,h,f]   = %Q[b,h,t,e] * %s1[b,h,e,f]
    attn.yield %s1, %o
  }
  attn.yield %O, %S
}
