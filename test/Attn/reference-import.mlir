// RUN: attn-opt %s --attn-print-reference -o /dev/null | FileCheck %s
// RUN: attn-opt %s --cse --canonicalize --attn-print-reference -o /dev/null \
// RUN:   | FileCheck %s
// One model for each variant.
// RUN: cat %variants/*.mlir | attn-opt --attn-print-reference -o /dev/null \
// RUN:   | grep -c '"version":1' > %t.models
// RUN: cat %variants/*.mlir | grep -c '^attn.cascade' > %t.cascades
// RUN: diff %t.models %t.cascades

/// Ranks of every kind, scalars, an access through a group.
//      CHECK: "inputs":[0]
// CHECK-SAME: "name":"ranks"
// CHECK-SAME: [{"fixed":2,"name":"k"},{"name":"g"},{"name":"h","product":[0,1]},{"name":"m"},{"ceildiv":3,"divisor":16,"name":"m1"},{"fixed":8,"name":"e"}]
// CHECK-SAME: "scalars":[{"name":"scale","type":"f32"}]
// CHECK-SAME: "yields":[{"name":"Y","type":"bf16","value":1}]
attn.cascade @ranks(%X: !attn.tensor<[h, m, e], f16>, %scale: f32)
    -> !attn.tensor<[h, m1], bf16>
    ranks(k = 2, g, h = k * g, m, m1 = ceildiv(m, 16), e = 8) {
  %Y = attn.einsum [(k, g), m1] = %X[(k, g), m, e] * %scale
         where (m floordiv 16 == m1)
  attn.yield %Y
}

/// An implicit cast is not a rounding, and says nothing but for integers that
/// are divided.
// CHECK: ["cast","f32",[[I:[0-9]+]]],["div",{{[0-9]+}},[[I]]]
// CHECK-SAME: "name":"casts"
attn.cascade @casts(%i: !attn.tensor<[m], i32>) -> !attn.tensor<[m], f32>
    ranks(m) {
  %Y = attn.einsum [m] = %i[m] / %i[m]
  attn.yield %Y
}

/// argmax is a top-k of one, and -1 over nothing.
//      CHECK: "kind":"topk","rank":0
// CHECK-SAME: ["const","i32",-1],["max",
// CHECK-SAME: "name":"best"
attn.cascade @best(%X: !attn.tensor<[m], f32>) -> !attn.tensor<[], i32>
    ranks(m) {
  %Y = attn.einsum [] = %X[m] reduce(argmax m)
  attn.yield %Y
}

/// The named reducer is the outer one.
// CHECK: "reduce":[{{\[}}0,"max"],[1,"add"]]
attn.cascade @nested(%X: !attn.tensor<[m, e], f32>) -> !attn.tensor<[], f32>
    ranks(m, e) {
  %Y = attn.einsum [] = %X[m, e] reduce(max m)
  attn.yield %Y
}

/// A result that keeps the streamed rank is computed outside of the stream.
//      CHECK: "kind":"einsum",{{.*}}"kind":"stream"
// CHECK-SAME: "init":"-inf"
// CHECK-SAME: "name":"kept"
attn.cascade @kept(%X: !attn.tensor<[m], f32>)
    -> (!attn.tensor<[], f32>, !attn.tensor<[m], f32>) ranks(m) {
  %top, %Y = attn.stream m init(max %t = -inf)
      -> (!attn.tensor<[], f32>, !attn.tensor<[m], f32>) step {
    %E = attn.einsum [m] = exp(%X[m])
    %L = attn.einsum [] = %E[m] reduce(max m)
    %N = attn.einsum [] = max(%t[], %L[])
    attn.yield %N, %E
  } merge(%t_a, %t_b) {
    %M = attn.einsum [] = max(%t_a[], %t_b[])
    attn.yield %M
  }
  attn.yield %top, %Y
}
