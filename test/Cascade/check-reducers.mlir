// RUN: attn-opt %s --attn-check-reducers --verify-diagnostics -o /dev/null

/// Proved: nothing is said.
attn.reducer @either(%a, %b: f32) identity(0) = %a + %b - %a * %b
attn.reducer @most(%a, %b: f32) identity(-inf) = max(%a, %b)
attn.reducer @norm(%a, %b: f64) identity(0) assumed = sqrt(%a * %a + %b * %b)

// expected-remark @+1 {{is associative at 1280 random points, but no rule proves it}}
attn.reducer @logadd(%a, %b: f32) identity(-inf) =
    max(%a, %b) + log(1.0 + exp(-abs(%a - %b)))

/// Of integers, the algebra knows nothing.
// expected-remark @+2 {{is associative at 1280 random points}}
// expected-remark @+1 {{is commutative at 1280 random points}}
attn.reducer @whole(%a, %b: i32) identity(0) = %a + %b - 5 * %a * %b
// expected-remark @+1 {{is associative at 1280 random points}}
attn.reducer @odd(%a, %b: i1) identity(false) = (%a or %b) and not (%a and %b)
