// Each stage leaves a file that can be read again.

// RUN: rm -rf %t
// RUN: attnc %s --dump-to=%t/deep --stop-after=nests -o %t.mlir
// RUN: ls %t/deep | FileCheck %s --check-prefix=FILES
// RUN: attnc %t/deep/00-parse.mlir --stop-after=nests | diff - %t.mlir
// RUN: attn-opt %t/deep/01-nests.mlir | FileCheck %s
// RUN: not attnc %s --dump-to=%s/below --emit=attn 2>&1 \
// RUN:   | FileCheck %s --check-prefix=NO-FOLDER

//      FILES: 00-parse.mlir
// FILES-NEXT: 01-nests.mlir
//  FILES-NOT: one-pass

// NO-FOLDER: attnc: error: can't make the folder `{{.*}}attnc-dump-to.mlir/below`

// CHECK: attn.nest
attn.cascade @sum(%A: !attn.tensor<[b, e], f32>) -> !attn.tensor<[b], f32>
    ranks(b, e = 16) {
  %S = attn.einsum [b] = %A[b, e]
  attn.yield %S
}
