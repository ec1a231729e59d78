// Lists that are joined where they are not made: arguments, entries that a
// filter takes, and lists of other kernels.

// RUN: attnc %s --emit=so -o %t.so --options="lane-tile=16 stream-tile=8"
// RUN: attn-run %t.so --size p=20,m=33 --fill C=int:100:1000
// RUN: attnc %s --emit=so -o %t.so \
// RUN:   --options="lane-tile=16 stream-tile=8 fuse=false one-pass=false"
// RUN: attn-run %t.so --size p=20,m=33 --fill C=int:100:1000
// RUN: attn-run %t.so --size p=3,m=2 --fill C=int:100:1000

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
