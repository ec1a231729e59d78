// Tensors of conditions, element by element and reduced: i1 goes in and comes
// out, as a byte each.

// RUN: attnc %s --emit=so -o %t.so --options="lane-tile=16 stream-tile=8"
// RUN: attn-run %t.so --cascade=elements --size p=37,m=100 --check --fill A=bool:0.5,B=bool:0.3 | FileCheck %s
// RUN: attn-run %t.so --cascade=elements --size p=1,m=3 --check --fill A=bool:0.5,B=bool:0.3 | FileCheck %s
// RUN: attn-run %t.so --cascade=reduced --size p=37,m=100 --check --fill A=bool:0.02 | FileCheck %s
// RUN: attn-run %t.so --cascade=reduced --size p=4,m=1 --check --fill A=bool:0.5 | FileCheck %s
// RUN: attnc %s --emit=so -o %t.so --options="fuse=false one-pass=false"
// RUN: attn-run %t.so --cascade=elements --size p=37,m=100 --check --fill A=bool:0.5,B=bool:0.3 | FileCheck %s
// RUN: attn-run %t.so --cascade=reduced --size p=37,m=100 --check --fill A=bool:0.02 | FileCheck %s

// CHECK-COUNT-3: ok: max error
//     CHECK-NOT: FAIL

attn.cascade @elements(%A: !attn.tensor<[p, m], i1>, %B: !attn.tensor<[m], i1>,
                       %X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p, m], i1>, !attn.tensor<[p, m], i1>,
        !attn.tensor<[p, m], f32>) ranks(p, m) {
  %C = attn.einsum [p, m] = %A[p, m] and not %B[m]
  %D = attn.einsum [p, m] = %C[p, m] or %X[p, m] > 0.5 where (m <= p + 3)
  %Y = attn.einsum [p, m] = select(%D[p, m], %X[p, m], -1.0)
  attn.yield %C, %D, %Y
}

attn.cascade @reduced(%A: !attn.tensor<[p, m], i1>, %X: !attn.tensor<[p, m], f32>)
    -> (!attn.tensor<[p], i1>, !attn.tensor<[p], i1>, !attn.tensor<[p], f32>)
    ranks(p, m) {
  %any = attn.einsum [p] = %A[p, m] reduce(or m)
  %all = attn.einsum [p] = not %A[p, m] reduce(and m)
  %S = attn.einsum [p] = select(%A[p, m] or %X[p, m] < 0.0, 1.0, 0.0) reduce(add m)
  attn.yield %any, %all, %S
}
