// Tensors that enter and leave get the new type; scalars and what is computed
// in between do not.

// RUN: attnc %s --emit=nests --type f32=bf16 | FileCheck %s --check-prefix=BF16
// RUN: attnc %s --emit=attn --type f32=f16 --type i8=ui8 | FileCheck %s --check-prefix=BOTH
/// All at once: i8 does not become i8 again.
// RUN: attnc %s --emit=attn --type i8=ui8,f32=f8E5M2 | FileCheck %s --check-prefix=F8
// RUN: not attnc %s --type f32=f64 2>&1 | FileCheck %s --check-prefix=WIDER
// RUN: not attnc %s --type f16=bf16 2>&1 | FileCheck %s --check-prefix=ABSENT
// RUN: not attnc %s --type f32=bf16,f32=f16 2>&1 | FileCheck %s --check-prefix=TWICE
// RUN: not attnc %s --type f32=fp16 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not attnc %s --type f32 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// BF16: @scaled(%A: !attn.tensor<[b, e], bf16>, %c: f32, %I: !attn.tensor<[b, e], i8>) -> !attn.tensor<[b], bf16>
// BF16: attn.nest {{.*}} -> !attn.tensor<[b], f32>

// BOTH: @scaled(%A: !attn.tensor<[b, e], f16>, %c: f32, %I: !attn.tensor<[b, e], ui8>) -> !attn.tensor<[b], f16>

// F8: @scaled(%A: !attn.tensor<[b, e], f8E5M2>, %c: f32, %I: !attn.tensor<[b, e], ui8>)

// WIDER: attnc: error: `--type f32=f64`: arithmetic on 'f32' is done in 'f32', on 'f64' in 'f64'
// ABSENT: attnc: error: `--type f16=bf16`: no argument or result has this type
// TWICE: attnc: error: `--type f32=f16`: 'f32' is replaced twice
// UNKNOWN: attnc: error: `--type f32{{.*}}`: expected OLD=NEW, both of f64, f32
attn.cascade @scaled(%A: !attn.tensor<[b, e], f32>, %c: f32,
                     %I: !attn.tensor<[b, e], i8>) -> !attn.tensor<[b], f32>
    ranks(b, e = 16) {
  %S = attn.einsum [b] = %A[b, e] * %c * %I[b, e]
  attn.yield %S
}
