// What attn-run says of a call: the ranks of the spec and no others, scalars that
// it made up, and why an argument does not fit.

// RUN: attnc %s --emit=so --target=host -o %t.so
// RUN: attn-run %t.so --size p=30,m=100 | FileCheck %s --check-prefix=HEADER
// RUN: attn-run %t.so --size p=30,m=100 --scalar w=-5 \
// RUN:   | FileCheck %s --check-prefix=GIVEN
// RUN: not attn-run %t.so --size p=30,m=100 --scalar w=3.5 2>&1 \
// RUN:   | FileCheck %s --check-prefix=FRACTION
// RUN: not attn-run %t.so --size p=30,m=100 --scalar w=9999999999999 2>&1 \
// RUN:   | FileCheck %s --check-prefix=LARGE
// RUN: attn-run %t.so --size p=30,m=100 --outputs GM=%t.npy
// RUN: not attn-run %t.so --inputs X=%t.npy --size m=9 2>&1 \
// RUN:   | FileCheck %s --check-prefix=FIXED

// HEADER: am: p = 30, m = 100, e = 4;
// HEADER: {{^  w = 16, generated$}}
// GIVEN: {{^  w = -5$}}
// FRACTION: attn-run: error: `--scalar` gives `w` 3.5, which is no i32
// LARGE: attn-run: error: `--scalar` gives `w` 9999999999999, which is no i32
// FIXED: attn-run: error: rank `e` of `{{.*}}.npy` has extent 30 but 4 is expected (the spec)

attn.cascade @am(%S: !attn.tensor<[p, m], f32>, %X: !attn.tensor<[e], f32>,
                 %w: i32)
    -> (!attn.tensor<[p], i64>, !attn.tensor<[p], f32>)
    ranks(p, m, e = 4) {
  %T = attn.einsum [p, m] = %S[p, m] * %X[e] where (m <= p + %w)
  %GM = attn.einsum [p] = %T[p, m] reduce(max m)
  %I = attn.einsum [p] = %T[p, m] reduce(argmax m)
  attn.yield %I, %GM
}
