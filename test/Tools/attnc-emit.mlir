// Text goes to stdout unless -o says otherwise; `-` reads stdin.

// RUN: attnc %s --emit=attn | FileCheck %s --check-prefix=ATTN
// RUN: attnc %s --emit=attn -o - | FileCheck %s --check-prefix=ATTN
// RUN: attnc --emit=attn < %s | FileCheck %s --check-prefix=ATTN
// RUN: attnc %s --emit=attn -o %t.mlir | count 0
// RUN: attnc %t.mlir --emit=attn | diff - %t.mlir
// RUN: attnc %s --emit=nests | FileCheck %s --check-prefix=NESTS
// RUN: attnc %s --stop-after=parse | diff - %t.mlir
// RUN: attnc %s --stop-after=nests --options="fuse=false" \
// RUN:   | FileCheck %s --check-prefix=UNFUSED

//  ATTN-NOT: module
//      ATTN: attn.cascade @first(%A: !attn.tensor<[b, e], f32>)
//      ATTN:   %S = attn.einsum [b] = %A[b, e]
// ATTN-NEXT:   attn.yield %S
//      ATTN: attn.cascade @second
attn.cascade @first(%A: !attn.tensor<[b, e], f32>) -> !attn.tensor<[b], f32>
    ranks(b, e = 16) {
  %S = attn.einsum [b] = %A[b, e]
  attn.yield %S
}

// NESTS: @second
// NESTS: attn.nest parallel(b)
// NESTS-NOT: attn.nest

//   UNFUSED: @second
// UNFUSED-COUNT-2: attn.nest
attn.cascade @second(%A: !attn.tensor<[b, e], f32>) -> !attn.tensor<[b], f32>
    ranks(b, e = 16) {
  %B = attn.einsum [b, e] = exp(%A[b, e])
  %S = attn.einsum [b] = %B[b, e]
  attn.yield %S
}
