// The header is C99 and C++11, and says what a call needs.

// RUN: attnc %s --emit=header -o %t.h
// RUN: FileCheck %s < %t.h
// RUN: echo '#include "%t.h"' > %t.c
// RUN: echo 'int size(void) { return (int)sizeof(f_args); }' >> %t.c
// RUN: %clang -std=c99 -pedantic -Wall -Wextra -Werror -fsyntax-only \
// RUN:   -I%root/runtime -isystem %root/third_party -x c %t.c
// RUN: %clangxx -std=c++11 -pedantic -Wall -Wextra -Werror -fsyntax-only \
// RUN:   -I%root/runtime -isystem %root/third_party -x c++ %t.c

//      CHECK: #ifndef [[GUARD:ATTNC_.*_H]]
//      CHECK: #include "attnrt.h"
//      CHECK: #if ATTNRT_VERSION_MAJOR != {{[0-9]+}} || ATTNRT_VERSION_MINOR != {{[0-9]+}}
//      CHECK: extern "C"
/// Inputs, scalars, outputs.
//      CHECK: typedef struct {
// CHECK-NEXT:   uint32_t size; ///< sizeof(f_args)
// CHECK-NEXT:   const DLTensor *A; ///< bf16 [b, e]
// CHECK-NEXT:   const DLTensor *B; ///< i32 []
// CHECK-NEXT:   double x;
// CHECK-NEXT:   int32_t y;
// CHECK-NEXT:   DLTensor *R; ///< f32 [b], or NULL if not wanted
// CHECK-NEXT:   DLTensor *S; ///< bf16 [b], or NULL if not wanted
// CHECK-NEXT: } f_args;
/// The cascade, with --set and --type applied.
//      CHECK: /// Computes the cascade
//      CHECK: ///     attn.cascade @f(
//      CHECK: attnrt_status f(attnrt_context *context,
// CHECK-NEXT:                 const f_args *args,
// CHECK-NEXT:                 const attnrt_call *call);
//      CHECK: attnrt_status f_workspace(attnrt_context *context,
// CHECK-NEXT:                           const f_args *args,
// CHECK-NEXT:                           const attnrt_call *call, size_t *bytes);
//      CHECK: } g_args;
//      CHECK: #endif // [[GUARD]]
attn.cascade @f(%A: !attn.tensor<[b, e], bf16>, %x: f64,
                %B: !attn.tensor<[], i32>, %y: i32)
    -> (!attn.tensor<[b], f32>, !attn.tensor<[b], bf16>) ranks(b, e = 4) {
  %R = attn.einsum [b] = %A[b, e] * cast(%x, f32)
  %S = attn.einsum [b] = %A[b, e] * %B[] * %y
  attn.yield %R, %S
}

attn.cascade @g(%A: !attn.tensor<[b], f32>) -> !attn.tensor<[b], f32> ranks(b) {
  %B = attn.einsum [b] = %A[b] + 1.0
  attn.yield %B
}
