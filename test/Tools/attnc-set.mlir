// RUN: attnc %s --emit=attn --set e=64 --set f=8 | FileCheck %s
// RUN: attnc %s --emit=attn --set e=64,f=8 | FileCheck %s
// RUN: not attnc %s --set h=4 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not attnc %s --set b=4 2>&1 | FileCheck %s --check-prefix=FREE
// RUN: not attnc %s --set ef=4 2>&1 | FileCheck %s --check-prefix=DERIVED
// RUN: not attnc %s --set e 2>&1 | FileCheck %s --check-prefix=TEXT
// RUN: not attnc %s --set e=0 2>&1 | FileCheck %s --check-prefix=TEXT
// RUN: not attnc %s --set e=1e3 2>&1 | FileCheck %s --check-prefix=TEXT
// RUN: not attnc %s --set e=99999999999999999999 2>&1 \
// RUN:   | FileCheck %s --check-prefix=TEXT

// CHECK: @outer
// CHECK: ranks(b, e = 64, f = 8, ef = e * f)
// CHECK: @only_e
// CHECK: ranks(b, e = 64)

// UNKNOWN: attnc: error: `--set h=4`: no cascade has a rank `h`
// FREE: attnc-set.mlir:[[#@LINE+4]]:1: error: can't set rank `b`: it is free
// DERIVED: error: can't set rank `ef`: its extent follows from other ranks
// TEXT: attnc: error: `--set e{{.*}}`: expected RANK=EXTENT, with an extent of 1 to 2^40

attn.cascade @outer(%A: !attn.tensor<[b, e], f32>, %B: !attn.tensor<[b, f], f32>)
    -> !attn.tensor<[b, ef], f32>
    ranks(b, e = 16, f = 16, ef = e * f) {
  %C = attn.einsum [b, (e, f)] = %A[b, e] * %B[b, f]
  attn.yield %C
}

attn.cascade @only_e(%A: !attn.tensor<[b, e], f32>) -> !attn.tensor<[b], f32>
    ranks(b, e = 16) {
  %S = attn.einsum [b] = %A[b, e]
  attn.yield %S
}
