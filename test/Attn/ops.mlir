// RUN: attn-opt %s | FileCheck %s
// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: %python %S/round_trip.py %s

// CHECK-LABEL: attn.cascade @cascade(%Q: !attn.tensor<[b, h, e], bf16>, %scale: f32) -> !attn.tensor<[b, h], f16>
//  CHECK-NEXT: ranks(b, k = 2, g, h = k * g, m1 = ceildiv(b, 16), e = 128)
//   CHECK-NOT: attributes
attn.cascade @cascade(%Q: !attn.tensor<[b, h, e], bf16>, %scale: f32)
    -> !attn.tensor<[b, h], f16>
    ranks(b, k = 2, g, h = k * g, m1 = ceildiv(b, 16), e = 128) {
  %S = attn.einsum [b, (k, g)] = %Q[b, (k, g), e] * %scale
  attn.yield %S
}

// CHECK-LABEL: @several_results({{.*}} -> (!attn.tensor<[m], i64>, !attn.tensor<[], f32>)
//       CHECK: attributes {fast = true}
//       CHECK: attn.yield %I, %S
attn.cascade @several_results(%X: !attn.tensor<[m], f32>)
    -> (!attn.tensor<[m], i64>, !attn.tensor<[], f32>)
    ranks(m) attributes {fast = true} {
  %I = attn.einsum [m] = m
  %S = attn.einsum [] = %X[m]
  attn.yield %I, %S
}

/// Every element type; reads widen and `: type` narrows.
// CHECK-LABEL: @types
attn.cascade @types(%a: !attn.tensor<[m], f64>, %b: !attn.tensor<[m], f8E4M3FN>,
                    %c: !attn.tensor<[m], f8E5M2>, %d: !attn.tensor<[m], ui8>,
                    %e: !attn.tensor<[m], i8>, %f: !attn.tensor<[m], i1>,
                    %g: !attn.tensor<[m], i64>, %s: f64, %n: i32, %o: i64)
    -> (!attn.tensor<[m], f64>, !attn.tensor<[m], f8E5M2>,
        !attn.tensor<[m], ui8>, !attn.tensor<[m], i1>)
    ranks(m) {
  // CHECK: %F = attn.einsum [m] = %a[m] * %b[m] + %c[m] / %s
  %F = attn.einsum [m] = %a[m] * %b[m] + %c[m] / %s
  // CHECK: %H = attn.einsum [m] = %b[m] + %c[m] : f8E5M2
  %H = attn.einsum [m] = %b[m] + %c[m] : f8E5M2
  // CHECK: %I = attn.einsum [m] = %d[m] + %e[m] * %n : ui8
  %I = attn.einsum [m] = %d[m] + %e[m] * %n : ui8
  // CHECK: %B = attn.einsum [m] = %f[m] and %g[m] < %o
  %B = attn.einsum [m] = %f[m] and %g[m] < %o
  attn.yield %F, %H, %I, %B
}

// CHECK-LABEL: @reducers
attn.cascade @reducers(%X: !attn.tensor<[p, m, e], f32>,
                       %B: !attn.tensor<[p, m], i1>) -> !attn.tensor<[p], f32>
    ranks(p, m, e = 8) {
  // A sum over a variable of the expression goes without saying.
  // CHECK: %a = attn.einsum [p] = %X[p, m, e]{{$}}
  %a = attn.einsum [p] = %X[p, m, e] reduce(add m, add e)
  // CHECK: %b = attn.einsum [p] = %X[p, m, e] reduce(max m){{$}}
  %b = attn.einsum [p] = %X[p, m, e] reduce(max m)
  // CHECK: %c = attn.einsum [p] = %X[p, m, e] reduce(add e, max m){{$}}
  %c = attn.einsum [p] = %X[p, m, e] reduce(add e, max m)
  // CHECK: %d = attn.einsum [p] = %X[p, m, e] reduce(mul e, min m){{$}}
  %d = attn.einsum [p] = %X[p, m, e] reduce(mul e, min m)
  // CHECK: %f = attn.einsum [p] = %B[p, m] reduce(and m){{$}}
  %f = attn.einsum [p] = %B[p, m] reduce(and m)
  // CHECK: %g = attn.einsum [p] = %B[p, m] reduce(or m){{$}}
  %g = attn.einsum [p] = %B[p, m] reduce(or m)
  // CHECK: %h = attn.einsum [p] = %b[p] + m reduce(argmax m){{$}}
  %h = attn.einsum [p] = %b[p] + m reduce(argmax m)
  // A variable that is not in the expression is said.
  // CHECK: %i = attn.einsum [p] = %b[p] reduce(add m){{$}}
  %i = attn.einsum [p] = %b[p] reduce(add m)
  attn.yield %i
}

// CHECK-LABEL: @operators
attn.cascade @operators(%x: !attn.tensor<[m], f32>, %y: !attn.tensor<[m], f32>,
                        %i: !attn.tensor<[m], i32>, %n: i32)
    -> !attn.tensor<[m], f32>
    ranks(m) {
  // CHECK: = %x[m] - (%y[m] - 2.5) - (%x[m] + %y[m]) * -0.001
  %a = attn.einsum [m] = %x[m] - (%y[m] - 2.5) - (%x[m] + %y[m]) * -1.0e-3
  // CHECK: = -(%x[m] / (%y[m] * 3.0)) + -%x[m]
  %b = attn.einsum [m] = -(%x[m] / (%y[m] * 3)) + -%x[m]
  // CHECK: = %i[m] floordiv 2 + %i[m] ceildiv %n * 3 - %i[m] mod (%n + 1)
  %c = attn.einsum [m] = %i[m] floordiv 2 + %i[m] ceildiv %n * 3 - %i[m] mod (%n + 1)
  // CHECK: = %x[m] * (m - 1) + extent(m)
  %d = attn.einsum [m] = %x[m] * (m - 1) + extent(m)
  // CHECK: = max(-inf, min(%x[m], inf)) + max(%i[m], -m)
  %e = attn.einsum [m] = max(-inf, min(%x[m], inf)) + max(%i[m], -m)
  // CHECK: where (m < %n and (m >= 2 or not (m == 3 or m ne 4)) and not %x[m] > 0.5)
  %f = attn.einsum [m] = %x[m] where (m < %n and (m >= 2 or not (m == 3 or m ne 4)) and not %x[m] > 0.5)
  // CHECK: = select(%x[m] <= %y[m] or false, nan, 1.0)
  %g = attn.einsum [m] = select(%x[m] <= %y[m] or false, nan, 1.0)
  // CHECK: = -%i[m] + m * 2 mod 5
  %h = attn.einsum [m] = -%i[m] + m * 2 mod 5
  // CHECK: = %x[m mod 4]
  %j = attn.einsum [m] = %x[m mod 4]
  attn.yield %a
}

// CHECK-LABEL: @functions
attn.cascade @functions(%x: !attn.tensor<[m], f32>, %i: !attn.tensor<[m], i32>)
    -> !attn.tensor<[m], f32>
    ranks(m) {
  // CHECK: = exp(%x[m]) + exp2(%x[m]) + log(%x[m]) + log2(%x[m]) + tanh(%x[m]) + sigmoid(%x[m]) + erf(%x[m]) + sqrt(%x[m])
  %a = attn.einsum [m] = exp(%x[m]) + exp2(%x[m]) + log(%x[m]) + log2(%x[m]) + tanh(%x[m]) + sigmoid(%x[m]) + erf(%x[m]) + sqrt(%x[m])
  // CHECK: = rsqrt(128) + sin(%x[m]) + cos(%x[m]) + abs(%x[m]) + floor(%x[m]) + ceil(%x[m]) + round(%x[m]) + pow(%x[m], 2.0)
  %b = attn.einsum [m] = rsqrt(128) + sin(%x[m]) + cos(%x[m]) + abs(%x[m]) + floor(%x[m]) + ceil(%x[m]) + round(%x[m]) + pow(%x[m], 2)
  // CHECK: = abs(m - %i[m]) + cast(%x[m], i8) + cast(%i[m], f16)
  %c = attn.einsum [m] = abs(m - %i[m]) + cast(%x[m], i8) + cast(%i[m], f16)
  attn.yield %a
}

/// Literals of a type that their surroundings don't give.
// CHECK-LABEL: @literals
attn.cascade @literals(%x: !attn.tensor<[m], f32>, %w: !attn.tensor<[m], f64>)
    -> !attn.tensor<[m], f32>
    ranks(m) {
  // CHECK: = 0.1{{$}}
  %a = attn.einsum [m] = 0.1
  // CHECK: = cast(5, i32){{$}}
  %b = attn.einsum [m] = cast(5, i32)
  // CHECK: = %x[m] * cast(0.1, f64) + %w[m] * 0.1
  %c = attn.einsum [m] = %x[m] * cast(0.1, f64) + %w[m] * 0.1
  // CHECK: = %x[m] * 1.0e+10 + 1.5e-9 + 123456792.0 + 16777216.0
  %d = attn.einsum [m] = %x[m] * 1.0e10 + 1.5e-9 + 123456789 + 16777216.0
  // CHECK: = log(2) + 1.0 / 3.0 + (2 - 3) * %x[m]
  %e = attn.einsum [m] = log(2) + 1 / 3 + (2 - 3) * %x[m]
  // CHECK: = cast(3, i8) + cast(0.3, bf16)
  %f = attn.einsum [m] = cast(3, i8) + cast(0.3, bf16)
  attn.yield %a
}

/// An element value that is used twice has a name, short arithmetic on
/// coordinates is written again. `t0` is taken.
// CHECK-LABEL: @lets
attn.cascade @lets(%x: !attn.tensor<[t0], f32>, %I: !attn.tensor<[t0], i32>)
    -> !attn.tensor<[t0], f32>
    ranks(t0) {
  // CHECK: = let _t0 = exp(%x[t0]), t1 = _t0 + 1.0 in t1 * t1 / _t0
  %a = attn.einsum [t0] = let e = exp(%x[t0]), f = e + 1.0 in f * f / e
  // CHECK: = let _t0 = exp(%x[t0]) in _t0 * _t0 where (_t0 > 0.5)
  %b = attn.einsum [t0] = exp(%x[t0]) * exp(%x[t0]) where (exp(%x[t0]) > 0.5)
  // CHECK: = %x[t0 * 2 + 1] where (t0 * 2 + 1 < extent(t0))
  %c = attn.einsum [t0] = %x[t0 * 2 + 1] where (t0 * 2 + 1 < extent(t0))
  // A gather that is used twice has a name, too.
  // CHECK: = let _t0 = %x[%I[t0]] in _t0 * _t0
  %d = attn.einsum [t0] = %x[%I[t0]] * %x[%I[t0]]
  attn.yield %d
}

// CHECK-LABEL: @topk
//       CHECK: %W, %I = attn.topk m to s of %X
//       CHECK: %G = attn.einsum [b, s] = %X[b, %I[b, s]] + %W[b, s]
attn.cascade @topk(%X: !attn.tensor<[b, m], bf16>) -> !attn.tensor<[b, s], f32>
    ranks(b, m, s = 4) {
  %W, %I = attn.topk m to s of %X
  %G = attn.einsum [b, s] = %X[b, %I[b, s]] + %W[b, s]
  attn.yield %G
}

// CHECK-LABEL: @payload
//       CHECK: %W, %I, %Y, %Z = attn.topk m to s of %X with %X, %U
attn.cascade @payload(%X: !attn.tensor<[b, m], bf16>, %U: !attn.tensor<[b, m], i8>)
    -> (!attn.tensor<[b, s], f32>, !attn.tensor<[b, s], i32>) ranks(b, m, s = 4) {
  %W, %I, %Y, %Z = attn.topk m to s of %X with %X, %U
  attn.yield %Y, %Z
}

// CHECK-LABEL: @join
//       CHECK: %V, %J, %Z = attn.join s of (%W, %I, %Y) and (%W, %I, %Y)
attn.cascade @join(%W: !attn.tensor<[p, s], f32>, %I: !attn.tensor<[p, s], i32>,
                   %Y: !attn.tensor<[p, s, e], bf16>)
    -> (!attn.tensor<[p, s], f32>, !attn.tensor<[p, s, e], f32>)
    ranks(p, s = 4, e) {
  %V, %J, %Z = attn.join s of (%W, %I, %Y) and (%W, %I, %Y)
  attn.yield %V, %Z
}

/// Results without names are numbered one by one, because only `%name` is an
/// access.
// CHECK-LABEL: @unnamed
//       CHECK: %0, %1 = attn.topk m to s of %X
//       CHECK: %2 = attn.einsum [s] = %0[s] + %1[s]
//       CHECK: attn.yield %2
// CHECK-LABEL: @grouped
//       CHECK: %T, %T_1 = attn.topk m to s of %X
//       CHECK: %Y = attn.einsum [s] = %T[s] + %T_1[s]
attn.cascade @unnamed(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[s], f32>
    ranks(m, s = 4) {
  %0, %1 = attn.topk m to s of %X
  %2 = attn.einsum [s] = %0[s] + %1[s]
  attn.yield %2
}
attn.cascade @grouped(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[s], f32>
    ranks(m, s = 4) {
  %T:2 = attn.topk m to s of %X
  %Y = attn.einsum [s] = %T#0[s] + %T#1[s]
  attn.yield %Y
}

// CHECK-LABEL: @iterate
//       CHECK: %S, %N, %O = attn.iterate t init(%s = %S0, %n = %N0) -> (!attn.tensor<[e], f32>, !attn.tensor<[], f32>, !attn.tensor<[e, t], f32>) {
//  CHECK-NEXT:   %s1 = attn.einsum [e] = %s[e] * 0.5 + %X[t, e] where (t > 0)
//  CHECK-NEXT:   %n1 = attn.einsum [] = %n[] + %s1[e]
//  CHECK-NEXT:   attn.yield %s1, %n1, %s1
//  CHECK-NEXT: }
attn.cascade @iterate(%X: !attn.tensor<[t, e], f32>, %S0: !attn.tensor<[e], f32>,
                      %N0: !attn.tensor<[], f32>)
    -> (!attn.tensor<[e], f32>, !attn.tensor<[e, t], f32>)
    ranks(t, e) {
  %S, %N, %O = attn.iterate t init(%s = %S0, %n = %N0)
      -> (!attn.tensor<[e], f32>, !attn.tensor<[], f32>,
          !attn.tensor<[e, t], f32>) {
    %s1 = attn.einsum [e] = %s[e] * 0.5 + %X[t, e] where (t > 0)
    %n1 = attn.einsum [] = %n[] + %s1[e]
    attn.yield %s1, %n1, %s1
  }
  attn.yield %S, %O
}

// CHECK-LABEL: @nest
//       CHECK: %A, %B = attn.nest parallel(p) -> (!attn.tensor<[p], f32>, !attn.tensor<[p, m], f32>) {
//  CHECK-NEXT:   %E = attn.einsum [p, m] = exp(%X[p, m])
//  CHECK-NEXT:   %S = attn.einsum [p] = %E[p, m]
//  CHECK-NEXT:   attn.yield %S, %E
//       CHECK: %C = attn.nest parallel() -> !attn.tensor<[], f32> {
attn.cascade @nest(%X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p, m], f32>, !attn.tensor<[], f32>)
    ranks(p, m) {
  %A, %B = attn.nest parallel(p)
      -> (!attn.tensor<[p], f32>, !attn.tensor<[p, m], f32>) {
    %E = attn.einsum [p, m] = exp(%X[p, m])
    %S = attn.einsum [p] = %E[p, m]
    attn.yield %S, %E
  }
  %C = attn.nest parallel() -> !attn.tensor<[], f32> {
    %S = attn.einsum [] = %A[p]
    attn.yield %S
  }
  attn.yield %B, %C
}

// CHECK-LABEL: @stream
//       CHECK: %T, %U, %K = attn.stream m init(max %t = -inf, add %u = 0.0) -> (!attn.tensor<[], f32>, !attn.tensor<[], f32>, !attn.tensor<[m], f32>) step {
//       CHECK:   attn.yield %T1, %U1, %X2
//  CHECK-NEXT: } merge(%t_a, %u_a, %t_b, %u_b) {
//       CHECK:   attn.yield %T1, %U1
//       CHECK: %N = attn.stream m init(min %n = 1.0e+30) -> !attn.tensor<[], f32> step {
attn.cascade @stream(%X: !attn.tensor<[m], f32>)
    -> (!attn.tensor<[], f32>, !attn.tensor<[], f32>, !attn.tensor<[m], f32>,
        !attn.tensor<[], f32>)
    ranks(m) {
  %T, %U, %K = attn.stream m init(max %t = -inf, add %u = 0.0)
      -> (!attn.tensor<[], f32>, !attn.tensor<[], f32>, !attn.tensor<[m], f32>)
      step {
    %X2 = attn.einsum [m] = %X[m] * 2.0
    %L = attn.einsum [] = %X2[m] reduce(max m)
    %T1 = attn.einsum [] = max(%t[], %L[])
    %S = attn.einsum [] = %X2[m]
    %U1 = attn.einsum [] = %u[] + %S[]
    attn.yield %T1, %U1, %X2
  } merge(%a, %b, %c, %d) {
    %T1 = attn.einsum [] = max(%a[], %c[])
    %U1 = attn.einsum [] = %b[] + %d[]
    attn.yield %T1, %U1
  }
  %N = attn.stream m init(min %n = 1.0e30) -> !attn.tensor<[], f32> step {
    %L = attn.einsum [] = %X[m] reduce(min m)
    %N1 = attn.einsum [] = min(%n[], %L[])
    attn.yield %N1
  }
  attn.yield %T, %U, %K, %N
}

/// The region behind the notation: leaves first, equal values once.
// RUN: attn-opt %s --mlir-print-op-generic | FileCheck %s --check-prefix=REGION
// REGION-LABEL: sym_name = "region"
//       REGION: "attn.einsum"(%{{.*}}) <{name = "Y", out = {{\[\[}}"p"]], reducers = [#attn.reduce<add "m">], vars = ["p", "m"]}> ({
//  REGION-NEXT: ^bb0(%[[X:.*]]: !attn.tensor<[p, m], bf16>):
//  REGION-NEXT:   %[[P:.*]] = "attn.rank"() <{rank = "p"}> : () -> index
//  REGION-NEXT:   %[[M:.*]] = "attn.rank"() <{rank = "m"}> : () -> index
//  REGION-NEXT:   %[[READ:.*]] = "attn.read"(%[[X]], %[[P]], %[[M]])
//  REGION-NEXT:   %[[F:.*]] = "attn.cast"(%[[M]]) <{implicit, to = f32}>
//  REGION-NEXT:   %[[V:.*]] = "arith.mulf"(%[[READ]], %[[F]])
//  REGION-NEXT:   %[[C:.*]] = "arith.cmpi"(%[[M]], %[[P]]) <{predicate = 3 : i64}>
//  REGION-NEXT:   "attn.value"(%[[V]], %[[C]]) : (f32, i1) -> ()
attn.cascade @region(%X: !attn.tensor<[p, m], bf16>) -> !attn.tensor<[p], f32>
    ranks(p, m) {
  %Y = attn.einsum [p] = %X[p, m] * m where (m <= p)
  attn.yield %Y
}
