// attn-opt and attnc have the same stages and the same options.

// RUN: attn-opt %s --attn-pipeline=stop-after=parse \
// RUN:   | FileCheck %s --check-prefix=PARSE
// RUN: attn-opt %s --attn-pipeline="stop-after=nests fuse=false" \
// RUN:   | FileCheck %s --check-prefix=UNFUSED
// RUN: attn-opt %s --attn-pipeline="stop-after=nests fuse=false" \
// RUN:   | attn-opt -o %t.opt.mlir
// RUN: attnc %s --stop-after=nests --options=fuse=false | attn-opt \
// RUN:   | diff - %t.opt.mlir
// RUN: attn-opt %s --attn-pipeline="stop-after=bind target=x86-64-v3" \
// RUN:   -o %t.opt.mlir
// RUN: attnc %s --emit=tile --target=x86-64-v3 | attn-opt | diff - %t.opt.mlir
// RUN: attnc %s --emit=tile --target=x86-64-v3 --options=lane-tile=32 \
// RUN:   | FileCheck %s --check-prefix=LANES

// PARSE-NOT: attn.nest
// UNFUSED-COUNT-2: attn.nest
// LANES: b: 32)
attn.cascade @sum(%A: !attn.tensor<[b, e], f32>) -> !attn.tensor<[b], f32>
    ranks(b, e = 16) {
  %B = attn.einsum [b, e] = %A[b, e] * %A[b, e]
  %S = attn.einsum [b] = %B[b, e]
  attn.yield %S
}
