// What C can't say is an error at the cascade.

// RUN: split-file %s %t
// RUN: not attnc %t/unnamed.mlir --emit=header 2>&1 | FileCheck %s --check-prefix=UNNAMED
// RUN: not attnc %t/keyword.mlir --emit=header 2>&1 | FileCheck %s --check-prefix=KEYWORD
// RUN: not attnc %t/runtime.mlir --emit=header 2>&1 | FileCheck %s --check-prefix=RUNTIME
// RUN: not attnc %t/clash.mlir --emit=header 2>&1 | FileCheck %s --check-prefix=CLASH
// RUN: not attnc %t/other.mlir --emit=header 2>&1 | FileCheck %s --check-prefix=OTHER
// RUN: not attnc %t/empty.mlir --emit=header 2>&1 | FileCheck %s --check-prefix=EMPTY

//--- unnamed.mlir
// UNNAMED: unnamed.mlir:2:1: error: {{.*}}field 2 of f_args has no name; write the result as `%name`
attn.cascade @f(%A: !attn.tensor<[b], f32>) -> !attn.tensor<[b], f32> ranks(b) {
  %0 = attn.einsum [b] = exp(%A[b])
  attn.yield %0
}
//--- keyword.mlir
// KEYWORD: result `double` must be a C name
attn.cascade @f(%A: !attn.tensor<[b], f32>) -> !attn.tensor<[b], f32> ranks(b) {
  %double = attn.einsum [b] = 2.0 * %A[b]
  attn.yield %double
}
//--- runtime.mlir
// RUNTIME: name `attnrt_launch` begins like the runtime's
attn.cascade @attnrt_launch(%A: !attn.tensor<[b], f32>) -> !attn.tensor<[b], f32> ranks(b) {
  %B = attn.einsum [b] = exp(%A[b])
  attn.yield %B
}
//--- clash.mlir
// CLASH: clash.mlir:7:1: error: {{.*}}defines `f_workspace` in C, and so does @f
attn.cascade @f(%A: !attn.tensor<[b], f32>) -> !attn.tensor<[b], f32> ranks(b) {
  %B = attn.einsum [b] = exp(%A[b])
  attn.yield %B
}

attn.cascade @f_workspace(%A: !attn.tensor<[b], f32>) -> !attn.tensor<[b], f32> ranks(b) {
  %B = attn.einsum [b] = exp(%A[b])
  attn.yield %B
}
//--- other.mlir
// OTHER: other.mlir:2:1: error: 'func.func' op is neither an attn.cascade nor an attn.reducer, which is all that attnc compiles
func.func @f() {
  return
}
//--- empty.mlir
// EMPTY: attnc: error: there is no attn.cascade in the spec
