// Retention in its recurrent form: a state of e x f numbers for each head, which
// decays by gamma at every step. S0 is the state that an earlier call gave as S.
//   Sun et al., "Retentive Network", 2023, equation 6
attn.cascade @retention(%Q: !attn.tensor<[b, h, t, e], f32>,
                        %K: !attn.tensor<[b, h, t, e], f32>,
                        %V: !attn.tensor<[b, h, t, f], f32>,
                        %gamma: !attn.tensor<[h], f32>,
                        %S0: !attn.tensor<[b, h, e, f], f32>)
    -> (!attn.tensor<[b, h, t, f], f32>, !attn.tensor<[b, h, e, f], f32>)
    ranks(b, h, t, e = 64, f = 64) {
  %S, %O = attn.iterate t init(%s = %S0)
      -> (!attn.tensor<[b, h, e, f], f32>, !attn.tensor<[b, h, t, f], f32>) {
    %s1 = attn.einsum [b,h,e,f] = %gamma[h] * %s[b,h,e,f] + %K[b,h,t,e] * %V[b,h,t,f]
    %o  = attn.einsum [b,h,f]   = %Q[b,h,t,e] * %s1[b,h,e,f]
    attn.yield %s1, %o
  }
  attn.yield %O, %S
}
