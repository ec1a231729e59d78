// RUN: attn-opt %s --attn-check-reducers --verify-diagnostics -o /dev/null

// expected-error @+2 {{is not associative: (}}
// expected-note @+1 {{a reduction takes its points in any order; `assumed` says that the law holds for the values at hand}}
attn.reducer @mean(%a, %b: f32) identity(0) = (%a + %b) / 2.0

/// It is associative.
// expected-error @+2 {{is not commutative: }}
// expected-note @+1 {{a reduction takes its points in any order}}
attn.reducer @last(%a, %b: f32) identity(inf) = %b

// expected-error @+2 {{has another identity: the identity @product}}
// expected-note @+1 {{a reduction takes its points in any order}}
attn.reducer @product(%a, %b: f32) identity(0) = %a * %b

/// min(a + b, 1) of numbers of both signs.
// expected-error @+2 {{is not associative: (}}
// expected-note @+1 {{a reduction takes its points in any order}}
attn.reducer @saturate(%a, %b: f32) identity(0) = min(%a + %b, 1.0)

// expected-error @+2 {{is not associative: (}}
// expected-note @+1 {{a reduction takes its points in any order}}
attn.reducer @wrapped(%a, %b: i64) identity(0) = %a + %b * %b
