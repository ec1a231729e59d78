// Head sizes that are no whole registers of the matrix unit: a last step of 8
// elements, a last register of 8 rows, and both. LLVM ran out of registers.

// RUN: attnc %S/../../Variants/softmax_naive.mlir --type f32=bf16 --set e=40,f=24 --emit=so -o %t.both.so
// RUN: attn-run %t.both.so --size b=1,h=2,p=50,m=300
// RUN: attn-run %t.both.so --size b=1,h=2,p=300,m=50
// RUN: attnc %S/../../Variants/softmax_naive.mlir --type f32=bf16 --set e=64,f=100 --emit=so -o %t.rows.so
// RUN: attn-run %t.rows.so --size b=1,h=2,p=50,m=300
// RUN: attnc %S/../../Variants/softmax_naive.mlir --type f32=bf16 --set e=72,f=64 --emit=so -o %t.step.so
// RUN: attn-run %t.step.so --size b=1,h=2,p=50,m=300
