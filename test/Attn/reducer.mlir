// RUN: attn-opt %s | FileCheck %s
// RUN: attn-opt %s | attn-opt | FileCheck %s
// RUN: attn-opt %s --mlir-print-op-generic | attn-opt | FileCheck %s
// RUN: attnc %s --emit=attn | FileCheck %s
// RUN: %python %S/round_trip.py %s

// CHECK: attn.reducer @either(%a, %b: f32) identity(0) = %a + %b - %a * %b
attn.reducer @either(%a, %b: f32) identity(0) = %a + %b - %a * %b

/// Operands in any order, and one that is read later than the other.
// CHECK: attn.reducer @logadd(%x, %y: f64) identity(-inf) = max(%y, %x) + log(1.0 + exp(-abs(%x - %y)))
attn.reducer @logadd(%x, %y: f64) identity(-inf) =
    max(%y, %x) + log(1 + exp(-abs(%x - %y)))

// CHECK: attn.reducer @clock(%a, %b: i32) identity(-3) assumed = (%a + %b) * (%a + %b) mod 7
attn.reducer @clock(%a, %b: i32) identity(-3) assumed =
    let s = %a + %b in s * s mod 7

// CHECK: attn.reducer @odd(%p, %q: i1) identity(false) = (%p or %q) and not (%p and %q)
attn.reducer @odd(%p, %q: i1) identity(false) = (%p or %q) and not (%p and %q)

// CHECK-LABEL: attn.cascade @uses
//       CHECK: reduce(@either m)
//       CHECK: reduce(@either m, max e)
//       CHECK: init(@either %r = 0.0)
attn.cascade @uses(%X: !attn.tensor<[p, m], f32>, %Y: !attn.tensor<[p, m, e], f32>)
    -> (!attn.tensor<[p], f32>, !attn.tensor<[p], f32>, !attn.tensor<[p], f32>)
    ranks(p, m, e = 8) {
  %A = attn.einsum [p] = %X[p, m] reduce(@either m)
  %B = attn.einsum [p] = %Y[p, m, e] reduce(@either m, max e)
  %R = attn.stream m init(@either %r = 0.0) -> (!attn.tensor<[p], f32>) step {
    %L = attn.einsum [p] = %X[p, m] reduce(@either m)
    %R1 = attn.einsum [p] = %r[p] + %L[p] - %r[p] * %L[p]
    attn.yield %R1
  } merge(%r_a, %r_b) {
    %R2 = attn.einsum [p] = %r_a[p] + %r_b[p] - %r_a[p] * %r_b[p]
    attn.yield %R2
  }
  attn.yield %A, %B, %R
}
