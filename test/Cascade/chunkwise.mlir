// RUN: attn-opt %s --split-input-file --verify-diagnostics \
// RUN:   --pass-pipeline='builtin.module(attn.cascade(attn-chunkwise{chunk=16}))' \
// RUN:   | FileCheck %s

/// Linear attention: what a chunk adds, and a triangle of scores.
// CHECK-LABEL: @identity
//       CHECK: ranks(t, e, f, t1 = ceildiv(t, 16), ti = 16, tj = 16, tl = 16
//       CHECK: %[[A:.+]] = attn.einsum [t1, ti, tj] = %Q[t1 * 16 + ti, e] * %K[t1 * 16 + tj, e] where (tj <= ti)
//       CHECK: %[[OV:.+]] = attn.einsum [t1, ti, f] = %V[t1 * 16 + tj, f] * %[[A]][t1, ti, tj]
//       CHECK: %S, %[[OC:.+]] = attn.iterate t1 init(%s = %S0)
//       CHECK:   %[[OS:.+]] = attn.einsum [ti, f] = %Q[t1 * 16 + ti, e] * %s[e, f]
//       CHECK:   %[[O:.+]] = attn.einsum [ti, f] = %[[OV]][t1, ti, f] + %[[OS]][ti, f]
//       CHECK:   %[[KV:.+]] = attn.einsum [e, f] = %K[t1 * 16 + tj, e] * %V[t1 * 16 + tj, f]
//       CHECK:   %[[S1:.+]] = attn.einsum [e, f] = %s[e, f] + %[[KV]][e, f]
//       CHECK:   attn.yield %[[S1]], %[[O]]
//       CHECK: %O = attn.einsum [t, f] = %[[OC]][t floordiv 16, t - t floordiv 16 * 16, f]
//       CHECK: attn.yield %O, %S
attn.cascade @identity(%Q: !attn.tensor<[t, e], f32>, %K: !attn.tensor<[t, e], f32>,
                       %V: !attn.tensor<[t, f], f32>, %S0: !attn.tensor<[e, f], f32>)
    -> (!attn.tensor<[t, f], f32>, !attn.tensor<[e, f], f32>) ranks(t, e, f) {
  // expected-remark @below {{chunks of 16 of `t`; transitions: `s`: identity}}
  %S, %O = attn.iterate t init(%s = %S0)
      -> (!attn.tensor<[e, f], f32>, !attn.tensor<[t, f], f32>) {
    %s1 = attn.einsum [e, f] = %s[e, f] + %K[t, e] * %V[t, f]
    %o = attn.einsum [f] = %Q[t, e] * %s1[e, f]
    attn.yield %s1, %o
  }
  attn.yield %O, %S
}

// -----

/// Retention: one decay for all steps, so its products are powers. The last
/// chunk may be short.
// CHECK-LABEL: @scalar_power
//       CHECK: %[[N:.+]] = attn.einsum [t1] = 1.0 where (t1 * 16 + tl < extent(t))
//       CHECK: = %K[h, t1 * 16 + tj, e] * pow(%gamma[h], %[[N]][t1] - tj - 1.0)
//       CHECK: %[[D:.+]] = attn.einsum [h, t1] = pow(%gamma[h], %[[N]][t1])
//       CHECK: %[[P:.+]] = attn.einsum [h, ti] = pow(%gamma[h], ti + 1.0)
//       CHECK: %[[A:.+]] = attn.einsum [h, t1, ti, tj] = %Q[{{.*}}] * %K[{{.*}}] where (tj <= ti)
//       CHECK: = pow(%gamma[h], cast(ti, f32) - tj) * %[[A]][h, t1, ti, tj] where (tj <= ti)
//       CHECK: attn.iterate t1
//       CHECK:   %[[OS:.+]] = attn.einsum [h, ti, f]
//       CHECK:   %[[P]][h, ti] * %[[OS]][h, ti, f]
//       CHECK:   %[[D]][h, t1] * %s[h, e, f]
attn.cascade @scalar_power(%Q: !attn.tensor<[h, t, e], f32>, %K: !attn.tensor<[h, t, e], f32>,
                           %V: !attn.tensor<[h, t, f], f32>, %gamma: !attn.tensor<[h], f32>,
                           %S0: !attn.tensor<[h, e, f], f32>)
    -> !attn.tensor<[h, t, f], f32> ranks(h, t, e, f) {
  // expected-remark @below {{`s`: scalar, `gamma[h]`}}
  %S, %O = attn.iterate t init(%s = %S0)
      -> (!attn.tensor<[h, e, f], f32>, !attn.tensor<[h, t, f], f32>) {
    %s1 = attn.einsum [h, e, f] = %gamma[h] * %s[h, e, f] + %K[h, t, e] * %V[h, t, f]
    %o = attn.einsum [h, f] = %Q[h, t, e] * %s1[h, e, f]
    attn.yield %s1, %o
  }
  attn.yield %O
}

// -----

/// A decay for each row: sums of logarithms, of which only differences from a
/// later step to an earlier one are taken. The gate is an Einsum in the body.
// CHECK-LABEL: @diagonal
//       CHECK: %[[G:.+]] = attn.einsum [t1, ti, e] = %g[t1 * 16 + tl, e] where (tl <= ti)
//       CHECK: %[[A:.+]] = attn.einsum [t1, ti, tj] = {{.*}} * exp(%[[G]][t1, ti, e] - %[[G]][t1, tj, e]) where (tj <= ti)
//   CHECK-NOT: exp({{.*}}tj{{.*}} - {{.*}}ti
//       CHECK: attn.iterate t1
attn.cascade @diagonal(%Q: !attn.tensor<[t, e], f32>, %K: !attn.tensor<[t, e], f32>,
                       %V: !attn.tensor<[t, f], f32>, %g: !attn.tensor<[t, e], f32>,
                       %S0: !attn.tensor<[e, f], f32>)
    -> !attn.tensor<[t, f], f32> ranks(t, e, f) {
  // expected-remark @below {{`s`: diagonal, `a[t,e]`}}
  %S, %O = attn.iterate t init(%s = %S0)
      -> (!attn.tensor<[e, f], f32>, !attn.tensor<[t, f], f32>) {
    %a = attn.einsum [e] = exp(%g[t, e])
    %sd = attn.einsum [e, f] = %a[e] * %s[e, f]
    %s1 = attn.einsum [e, f] = %sd[e, f] + %K[t, e] * %V[t, f]
    %o = attn.einsum [f] = %Q[t, e] * %s1[e, f]
    attn.yield %s1, %o
  }
  attn.yield %O
}

// -----

/// A decay that is a factor may be 0 or negative: products, not logarithms.
// CHECK-LABEL: @scalar_factor
//   CHECK-NOT: exp
//       CHECK: %[[STEP:.+]] = attn.einsum [t1, ti] = %a[t1 * 16 + tl] where (tl == ti) reduce(mul tl)
//       CHECK: attn.iterate ti init(%d = %{{.*}})
//       CHECK:   select(tj == ti, 1.0, %[[STEP]][t1, ti] * %d[t1, tj])
//       CHECK: attn.iterate t1
attn.cascade @scalar_factor(%Q: !attn.tensor<[t, e], f32>, %K: !attn.tensor<[t, e], f32>,
                            %V: !attn.tensor<[t, f], f32>, %a: !attn.tensor<[t], f32>,
                            %S0: !attn.tensor<[e, f], f32>)
    -> !attn.tensor<[t, f], f32> ranks(t, e, f) {
  // expected-remark @below {{`s`: scalar, `a[t]`}}
  %S, %O = attn.iterate t init(%s = %S0)
      -> (!attn.tensor<[e, f], f32>, !attn.tensor<[t, f], f32>) {
    %s1 = attn.einsum [e, f] = %a[t] * %s[e, f] + %K[t, e] * %V[t, f]
    %o = attn.einsum [f] = %Q[t, e] * %s1[e, f]
    attn.yield %s1, %o
  }
  attn.yield %O
}

// -----

/// The delta rule: a triangular system of a chunk's keys, solved row by row,
/// gives W and U; then z = W S + U takes the place of the values.
// CHECK-LABEL: @delta
//       CHECK: %[[N:.+]] = attn.einsum [t1, ti, tj] = -(%K[t1 * 16 + ti, e] * %K[t1 * 16 + tj, e]) where (tj < ti)
//       CHECK: %[[ND:.+]] = attn.einsum [t1, ti, tj] = %beta[t1 * 16 + tj] * %[[N]][t1, ti, tj] where (tj < ti)
//       CHECK: %[[X:.+]] = attn.iterate ti init(%x = %{{.*}}) -> !attn.tensor<[t1, tj, tl], f32>
//       CHECK:   %[[R:.+]] = attn.einsum [t1, tl] = %[[ND]][t1, ti, tj] * %x[t1, tj, tl]
//       CHECK:   select(tj == ti, %[[R]][t1, tl] + select(ti == tl, 1.0, 0.0), %x[t1, tj, tl])
//       CHECK: %[[W:.+]] = attn.einsum [t1, tj, e] = %K[t1 * 16 + tl, e] * %[[X]][t1, tj, tl]
//       CHECK: %[[U:.+]] = attn.einsum [t1, tj, f] = -(%V[t1 * 16 + tl, f] * %[[X]][t1, tj, tl])
//       CHECK: attn.iterate t1 init(%s = %S0)
//       CHECK:   %[[ZS:.+]] = attn.einsum [tj, f] = %[[W]][t1, tj, e] * %s[e, f]
//       CHECK:   %[[Z:.+]] = attn.einsum [tj, f] = %[[U]][t1, tj, f] + %[[ZS]][tj, f]
attn.cascade @delta(%Q: !attn.tensor<[t, e], f32>, %K: !attn.tensor<[t, e], f32>,
                    %V: !attn.tensor<[t, f], f32>, %beta: !attn.tensor<[t], f32>,
                    %S0: !attn.tensor<[e, f], f32>)
    -> !attn.tensor<[t, f], f32> ranks(t, e, f) {
  // expected-remark @below {{`s`: Householder-like (the delta rule)}}
  %S, %O = attn.iterate t init(%s = %S0)
      -> (!attn.tensor<[e, f], f32>, !attn.tensor<[t, f], f32>) {
    %old = attn.einsum [f] = %K[t, e] * %s[e, f]
    %u = attn.einsum [f] = %V[t, f] - %old[f]
    %s1 = attn.einsum [e, f] = %s[e, f] + %beta[t] * %K[t, e] * %u[f]
    %o = attn.einsum [f] = %Q[t, e] * %s1[e, f]
    attn.yield %s1, %o
  }
  attn.yield %O
}

// -----

/// The same transition with a decay, written as a matrix times the state.
// CHECK-LABEL: @gated_delta
//       CHECK: attn.einsum [t1, ti] = %g[t1 * 16 + tl] where (tl <= ti)
//       CHECK: attn.iterate ti
//       CHECK: %[[W:.+]] = attn.einsum [t1, tj, e]
//       CHECK: %[[U:.+]] = attn.einsum [t1, tj, f]
//       CHECK: attn.iterate t1
attn.cascade @gated_delta(%Q: !attn.tensor<[t, e], f32>, %K: !attn.tensor<[t, e], f32>,
                          %V: !attn.tensor<[t, f], f32>, %beta: !attn.tensor<[t], f32>,
                          %g: !attn.tensor<[t], f32>, %S0: !attn.tensor<[e, f], f32>)
    -> !attn.tensor<[t, f], f32> ranks(t, e = 8, d = 8, f) {
  // expected-remark @below {{`s`: Householder-like times a scalar (the gated delta rule), `exp(g[t])`}}
  %S, %O = attn.iterate t init(%s = %S0)
      -> (!attn.tensor<[e, f], f32>, !attn.tensor<[t, f], f32>) {
    %A = attn.einsum [e, d] = exp(%g[t]) * (select(d == e, 1.0, 0.0) - %beta[t] * %K[t, e] * %K[t, d])
    %As = attn.einsum [e, f] = %A[e, d] * %s[d, f]
    %s1 = attn.einsum [e, f] = %As[e, f] + %V[t, f] * %beta[t] * %K[t, e]
    %o = attn.einsum [f] = %Q[t, e] * %s1[e, f]
    attn.yield %s1, %o
  }
  attn.yield %O
}

// -----

/// RWKV-7 writes its state as [value, key].
// CHECK-LABEL: @diagonal_plus_rank_1
//       CHECK: attn.einsum [t1, ti, tj] = {{.*}} * exp(%{{.*}}[t1, ti, e] - %{{.*}}[t1, tj, e])) where (tj < ti)
//       CHECK: attn.iterate ti
//       CHECK: attn.iterate t1 init(%s = %S0) -> (!attn.tensor<[f, e], f32>
attn.cascade @diagonal_plus_rank_1(
    %R: !attn.tensor<[t, e], f32>, %K: !attn.tensor<[t, e], f32>, %V: !attn.tensor<[t, f], f32>,
    %kappa: !attn.tensor<[t, e], f32>, %a: !attn.tensor<[t, e], f32>, %w: !attn.tensor<[t, e], f32>,
    %S0: !attn.tensor<[f, e], f32>) -> !attn.tensor<[t, f], f32> ranks(t, e, f) {
  // expected-remark @below {{`s`: diagonal `exp(-exp(w[t,e]))` plus rank 1}}
  %S, %O = attn.iterate t init(%s = %S0)
      -> (!attn.tensor<[f, e], f32>, !attn.tensor<[t, f], f32>) {
    %z = attn.einsum [f] = %s[f, e] * %kappa[t, e]
    %s1 = attn.einsum [f, e] = %s[f, e] * exp(-exp(%w[t, e]))
            - %z[f] * %a[t, e] * %kappa[t, e] + %V[t, f] * %K[t, e]
    %o = attn.einsum [f] = %R[t, e] * %s1[f, e]
    attn.yield %s1, %o
  }
  attn.yield %O
}

// -----

/// Two steps of the delta rule a token are a transition of rank 2: a system of
/// two by two blocks.
// CHECK-LABEL: @rank_2
//       CHECK: attn.iterate ti init(%x0 = %{{.*}}, %x1 = %{{.*}}, %x2 = %{{.*}}, %x3 = %{{.*}})
attn.cascade @rank_2(%Q: !attn.tensor<[t, e], f32>, %K: !attn.tensor<[t, e], f32>,
                     %L: !attn.tensor<[t, e], f32>, %V: !attn.tensor<[t, f], f32>,
                     %S0: !attn.tensor<[e, f], f32>)
    -> !attn.tensor<[t, f], f32> ranks(t, e, f) {
  // expected-remark @below {{`s`: the identity plus rank 2}}
  %S, %O = attn.iterate t init(%s = %S0)
      -> (!attn.tensor<[e, f], f32>, !attn.tensor<[t, f], f32>) {
    %a = attn.einsum [f] = %L[t, e] * %s[e, f]
    %sa = attn.einsum [e, f] = %s[e, f] - %L[t, e] * %a[f]
    %b = attn.einsum [f] = %K[t, e] * %sa[e, f]
    %s1 = attn.einsum [e, f] = %sa[e, f] + %K[t, e] * (%V[t, f] - %b[f])
    %o = attn.einsum [f] = %Q[t, e] * %s1[e, f]
    attn.yield %s1, %o
  }
  attn.yield %O
}

// -----

/// What is not linear may be done with a readout, after it.
// CHECK-LABEL: @normalised
//       CHECK: %[[A:.+]] = attn.einsum [t, f] = %{{.*}}[t floordiv 16, {{.*}}, f]
//       CHECK: %O = attn.einsum [t, f] = %[[A]][t, f] / %{{.*}}[t]
attn.cascade @normalised(%Q: !attn.tensor<[t, e], f32>, %K: !attn.tensor<[t, e], f32>,
                         %V: !attn.tensor<[t, f], f32>, %S0: !attn.tensor<[e, f], f32>,
                         %N0: !attn.tensor<[e], f32>)
    -> !attn.tensor<[t, f], f32> ranks(t, e, f) {
  // expected-remark @below {{`s`: identity; `n`: identity}}
  %S, %N, %O = attn.iterate t init(%s = %S0, %n = %N0)
      -> (!attn.tensor<[e, f], f32>, !attn.tensor<[e], f32>, !attn.tensor<[t, f], f32>) {
    %s1 = attn.einsum [e, f] = %s[e, f] + %K[t, e] * %V[t, f]
    %n1 = attn.einsum [e] = %n[e] + %K[t, e]
    %a = attn.einsum [f] = %Q[t, e] * %s1[e, f]
    %z = attn.einsum [] = %Q[t, e] * %n1[e]
    %o = attn.einsum [f] = %a[f] / %z[]
    attn.yield %s1, %n1, %o
  }
  attn.yield %O
}

// -----

// CHECK-LABEL: @negative_not_linear
//       CHECK: attn.iterate t init
attn.cascade @negative_not_linear(%x: !attn.tensor<[t, e], f32>, %s0: !attn.tensor<[e], f32>)
    -> !attn.tensor<[t, e], f32> ranks(t, e) {
  %S, %O = attn.iterate t init(%s = %s0)
      -> (!attn.tensor<[e], f32>, !attn.tensor<[t, e], f32>) {
    // expected-remark @below {{`tanh(s[e] + x[t,e])` is not linear in the state; `t` is walked step by step}}
    %s1 = attn.einsum [e] = 0.5 * %s[e] + 0.5 * tanh(%s[e] + %x[t, e])
    attn.yield %s1, %s1
  }
  attn.yield %O
}

// -----

// CHECK-LABEL: @negative_gate_of_state
//       CHECK: attn.iterate t init
attn.cascade @negative_gate_of_state(%x: !attn.tensor<[t, e], f32>, %w: !attn.tensor<[e], f32>,
                                     %s0: !attn.tensor<[e], f32>)
    -> !attn.tensor<[t, e], f32> ranks(t, e) {
  %S, %O = attn.iterate t init(%s = %s0)
      -> (!attn.tensor<[e], f32>, !attn.tensor<[t, e], f32>) {
    // expected-remark @below {{`sigmoid(w[e]*s[e])` is not linear in the state; `t` is walked step by step}}
    %f = attn.einsum [e] = sigmoid(%w[e] * %s[e])
    %s1 = attn.einsum [e] = %f[e] * %s[e] + %x[t, e]
    attn.yield %s1, %s1
  }
  attn.yield %O
}

// -----

// CHECK-LABEL: @negative_dense
//       CHECK: attn.iterate t init
attn.cascade @negative_dense(%A: !attn.tensor<[t, e, d], f32>, %x: !attn.tensor<[t, e], f32>,
                             %s0: !attn.tensor<[e], f32>)
    -> !attn.tensor<[t, e], f32> ranks(t, e = 8, d = 8) {
  %S, %O = attn.iterate t init(%s = %s0)
      -> (!attn.tensor<[e], f32>, !attn.tensor<[t, e], f32>) {
    // expected-remark @below {{the transition of `s` is dense: `A[t,e,d']` is no sum of products of a factor for each side; `t` is walked step by step}}
    %s1 = attn.einsum [e] = %A[t, e, d] * %s[d] + %x[t, e]
    attn.yield %s1, %s1
  }
  attn.yield %O
}

// -----

// CHECK-LABEL: @negative_readout_of_whole_state
//       CHECK: attn.iterate t init
attn.cascade @negative_readout_of_whole_state(
    %Q: !attn.tensor<[t, e], f32>, %K: !attn.tensor<[t, e], f32>, %V: !attn.tensor<[t, f], f32>,
    %S0: !attn.tensor<[e, f], f32>) -> !attn.tensor<[t, f], f32> ranks(t, e, f) {
  %S, %O = attn.iterate t init(%s = %S0)
      -> (!attn.tensor<[e, f], f32>, !attn.tensor<[t, f], f32>) {
    %s1 = attn.einsum [e, f] = %s[e, f] + %K[t, e] * %V[t, f]
    // expected-remark @below {{the state would have to be kept at every step: `tanh(s1[e,f])` is not linear in the state; `t` is walked step by step}}
    %o = attn.einsum [f] = %Q[t, e] * tanh(%s1[e, f])
    attn.yield %s1, %o
  }
  attn.yield %O
}

// -----

// CHECK-LABEL: @negative_coupled
//       CHECK: attn.iterate t init
attn.cascade @negative_coupled(%x: !attn.tensor<[t, e], f32>, %s0: !attn.tensor<[e], f32>)
    -> !attn.tensor<[t, e], f32> ranks(t, e) {
  %M, %S, %O = attn.iterate t init(%m = %s0, %s = %s0)
      -> (!attn.tensor<[e], f32>, !attn.tensor<[e], f32>, !attn.tensor<[t, e], f32>) {
    %m1 = attn.einsum [e] = 0.5 * %m[e] + %x[t, e]
    // expected-remark @below {{`s` depends on `m`: coupled states have no chunkwise form here; `t` is walked step by step}}
    %s1 = attn.einsum [e] = %s[e] + %m1[e]
    attn.yield %m1, %s1, %s1
  }
  attn.yield %O
}

// -----

/// A step that is absent makes every later state absent; a chunk would leave it
/// out.
// CHECK-LABEL: @negative_absent_step
//       CHECK: attn.iterate t init
attn.cascade @negative_absent_step(%x: !attn.tensor<[t, e], f32>, %s0: !attn.tensor<[e], f32>)
    -> !attn.tensor<[t, e], f32> ranks(t, e) {
  %y = attn.einsum [t, e] = %x[t, e] where (t < 5)
  %S, %O = attn.iterate t init(%s = %s0)
      -> (!attn.tensor<[e], f32>, !attn.tensor<[t, e], f32>) {
    // expected-remark @below {{`y` may be absent, and the state after it; `t` is walked step by step}}
    %s1 = attn.einsum [e] = %s[e] + %y[t, e]
    attn.yield %s1, %s1
  }
  attn.yield %O
}

// -----

/// Chunks would not round the state at every step.
// CHECK-LABEL: @negative_rounded
//       CHECK: attn.iterate t init
attn.cascade @negative_rounded(%x: !attn.tensor<[t, e], f32>, %s0: !attn.tensor<[e], bf16>)
    -> !attn.tensor<[t, e], bf16> ranks(t, e) {
  %S, %O = attn.iterate t init(%s = %s0)
      -> (!attn.tensor<[e], bf16>, !attn.tensor<[t, e], bf16>) {
    // expected-remark @below {{`cast(s[e] + x[t,e], bf16)` is not linear in the state; `t` is walked step by step}}
    %s1 = attn.einsum [e] = %s[e] + %x[t, e] : bf16
    attn.yield %s1, %s1
  }
  attn.yield %O
}

// -----

// CHECK-LABEL: @negative_maximum
//       CHECK: attn.iterate t init
attn.cascade @negative_maximum(%x: !attn.tensor<[t, e], f32>, %s0: !attn.tensor<[e], f32>)
    -> !attn.tensor<[t], f32> ranks(t, e) {
  %S, %O = attn.iterate t init(%s = %s0)
      -> (!attn.tensor<[e], f32>, !attn.tensor<[t], f32>) {
    %s1 = attn.einsum [e] = %s[e] + %x[t, e]
    // expected-remark @below {{the state would have to be kept at every step: a state is reduced by `max`; `t` is walked step by step}}
    %o = attn.einsum [] = %s1[e] reduce(max e)
    attn.yield %s1, %o
  }
  attn.yield %O
}
