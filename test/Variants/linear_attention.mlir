// Causal linear attention as a recurrence: the scores are products of feature
// maps (elu + 1), so all keys before a query are summed up in S, and what they
// are divided by in N.
//   Katharopoulos, Vyas, Pappas, Fleuret, "Transformers are RNNs", 2020,
//   equations 7, 16 to 20
attn.cascade @linear_attention(%Q: !attn.tensor<[b, h, t, e], f32>,
                               %K: !attn.tensor<[b, h, t, e], f32>,
                               %V: !attn.tensor<[b, h, t, f], f32>)
    -> !attn.tensor<[b, h, t, f], f32>
    ranks(b, h, t, e = 64, f = 64) {
  %S0 = attn.einsum [b,h,e,f] = 0.0
  %N0 = attn.einsum [b,h,e] = 0.0
  %PQ = attn.einsum [b,h,t,e] = select(%Q[b,h,t,e] > 0.0, %Q[b,h,t,e] + 1.0, exp(%Q[b,h,t,e]))
  %PK = attn.einsum [b,h,t,e] = select(%K[b,h,t,e] > 0.0, %K[b,h,t,e] + 1.0, exp(%K[b,h,t,e]))
  %S, %N, %O = attn.iterate t init(%s = %S0, %n = %N0)
      -> (!attn.tensor<[b, h, e, f], f32>, !attn.tensor<[b, h, e], f32>,
          !attn.tensor<[b, h, t, f], f32>) {
    %s1 = attn.einsum [b,h,e,f] = %s[b,h,e,f] + %PK[b,h,t,e] * %V[b,h,t,f]
    %n1 = attn.einsum [b,h,e]   = %n[b,h,e] + %PK[b,h,t,e]
    %a  = attn.einsum [b,h,f]   = %PQ[b,h,t,e] * %s1[b,h,e,f]
    %z  = attn.einsum [b,h]     = %PQ[b,h,t,e] * %n1[b,h,e]
    %o  = attn.einsum [b,h,f]   = %a[b,h,f] / %z[b,h]
    attn.yield %s1, %n1, %o
  }
  attn.yield %O
}
