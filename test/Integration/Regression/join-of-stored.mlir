// Lists that are joined where they are not made: arguments, entries that a
// filter takes, and lists of other kernels. They crashed the compiler, and the
// reference.

// RUN: attnc %s --emit=tile -o - --options="lane-tile=16 stream-tile=8" \
// RUN:   | FileCheck %s
// RUN: attnc %s --emit=tile -o - \
// RUN:   --options="lane-tile=16 stream-tile=8 fuse=false one-pass=false" \
// RUN:   | FileCheck %s

// RUN: attnc %s --emit=so -o %t.so
// RUN: attn-run %t.so --size p=17,m=9
// RUN: attn-run %t.so --size p=3,m=2
// RUN: attn-run %t.so --size p=1,m=0
// RUN: attnc %s --emit=so -o %t.2.so --options="fuse=false one-pass=false"
// RUN: attn-run %t.2.so --size p=19,m=40

//   CHECK-LABEL: tile.program @joined
//         CHECK: tile.launch

attn.cascade @joined(%X: !attn.tensor<[p, m], f32>,
                     %V: !attn.tensor<[p, s], f32>,
                     %C: !attn.tensor<[p, s], i32>)
    -> (!attn.tensor<[p, s], f32>, !attn.tensor<[p, s], i32>)
    ranks(p, m, s = 4) {
  %W, %I = attn.topk m to s of %X
  %D = attn.einsum [p, s] = %C[p, s] + s where (s < 2)
  %J, %K = attn.join s of (%W, %I) and (%V, %D)
  attn.yield %J, %K
}
