// Gated linear attention: each of the e rows of the state has a gate of its own.
// G is what the gate's projection gives; the 16 keeps gates near 1.
//   Yang, Wang, Shen, Panda, Kim, "Gated Linear Attention Transformers with
//   Hardware-Efficient Training", 2024, equations 3 and 4
attn.cascade @gated_linear_attention(%Q: !attn.tensor<[b, h, t, e], f32>,
                                     %K: !attn.tensor<[b, h, t, e], f32>,
                                     %V: !attn.tensor<[b, h, t, f], f32>,
                                     %G: !attn.tensor<[b, h, t, e], f32>,
                                     %S0: !attn.tensor<[b, h, e, f], f32>)
    -> (!attn.tensor<[b, h, t, f], f32>, !attn.tensor<[b, h, e, f], f32>)
    ranks(b, h, t, e = 64, f = 64) {
  %S, %O = attn.iterate t init(%s = %S0)
      -> (!attn.tensor<[b, h, e, f], f32>, !attn.tensor<[b, h, t, f], f32>) {
    %a  = attn.einsum [b,h,e]   = pow(sigmoid(%G[b,h,t,e]), 0.0625)
    %s1 = attn.einsum [b,h,e,f] = %a[b,h,e] * %s[b,h,e,f] + %K[b,h,t,e] * %V[b,h,t,f]
    %o  = attn.einsum [b,h,f]   = %Q[b,h,t,e] * %s1[b,h,e,f]
    attn.yield %s1, %o
  }
  attn.yield %O, %S
}
