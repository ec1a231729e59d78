// Products of bytes are exact on every level: AVX-512 VNNI multiplies unsigned
// bytes by signed ones, so what adding 128 adds is taken off again, also of
// -128 times -128; AMX multiplies signed ones. Tails of rows, keys and steps,
// two ranks that are summed, sums that go on.

// REQUIRES: avx512vnni, amx
// RUN: attnc %s --emit=so -o %t.so
// RUN: attn-run %t.so --cascade=scores --size b=2,p=33,m=37 --fill Q=const:-128,K=const:-128 --isa=avx512vnni | FileCheck %s
// RUN: attn-run %t.so --cascade=scores --size b=2,p=33,m=37 --fill Q=const:127,K=const:-128 --isa=avx512vnni | FileCheck %s
// RUN: attn-run %t.so --cascade=scores --size b=2,p=33,m=37 --fill Q=const:-128,K=const:-128 --isa=amx | FileCheck %s
// RUN: attn-run %t.so --cascade=scores --size b=2,p=33,m=37 --fill Q=const:-128,K=const:-128 --isa=avx2 | FileCheck %s
// RUN: attn-run %t.so --cascade=scores --size b=1,p=300,m=270 --fill Q=int:-128:127,K=int:-128:127 --isa=avx512vnni | FileCheck %s
// RUN: attn-run %t.so --cascade=scores --size b=1,p=300,m=270 --fill Q=int:-128:127,K=int:-128:127 --isa=amx | FileCheck %s
// RUN: attn-run %t.so --cascade=scores --size b=2,p=1,m=129 --fill Q=int:-128:127,K=int:-128:127 --isa=avx512vnni | FileCheck %s
// RUN: attn-run %t.so --cascade=scores --size b=1,p=7,m=65 --fill Q=int:-128:127,K=int:-128:127 --isa=avx512vnni --pad=3 | FileCheck %s
// RUN: attn-run %t.so --cascade=pairs --size p=70,m=70 --fill Q=int:-128:127,K=int:-128:127 --isa=avx512vnni | FileCheck %s
// RUN: attn-run %t.so --cascade=pairs --size p=70,m=70 --fill Q=int:-128:127,K=int:-128:127 --isa=amx | FileCheck %s
// RUN: attn-run %t.so --cascade=values --size p=70,m=300 --fill W=int:-128:127,V=int:-128:127 --isa=avx512vnni | FileCheck %s
// RUN: attn-run %t.so --cascade=values --size p=64,m=256 --fill W=const:-128,V=const:-128 --isa=avx512vnni | FileCheck %s
// RUN: attn-run %t.so --cascade=values --size p=70,m=300 --fill W=int:-128:127,V=int:-128:127 --isa=avx512 | FileCheck %s
// RUN: attnc %s --target=x86-64-v4-vnni --emit=asm -o - | FileCheck %s --check-prefix=CODE
// CODE: vpdpbusd
// CHECK: check {{.*}}: ok: max error 0 of

attn.cascade @scores(%Q: !attn.tensor<[b, p, e], i8>, %K: !attn.tensor<[b, m, e], i8>)
    -> !attn.tensor<[b, p, m], i32> ranks(b, p, m, e = 72) {
  %S = attn.einsum [b,p,m] = %Q[b,p,e] * %K[b,m,e]
  attn.yield %S
}

attn.cascade @pairs(%Q: !attn.tensor<[p, n, e], i8>, %K: !attn.tensor<[m, n, e], i8>)
    -> !attn.tensor<[p, m], i32> ranks(p, m, n = 3, e = 20) {
  %S = attn.einsum [p,m] = %Q[p,n,e] * %K[m,n,e]
  attn.yield %S
}

/// Keys are summed in steps.
attn.cascade @values(%W: !attn.tensor<[p, m], i8>, %V: !attn.tensor<[m, f], i8>)
    -> !attn.tensor<[p, f], i32> ranks(p, m, f = 48) {
  %R = attn.einsum [p,f] = %W[p,m] * %V[m,f]
  attn.yield %R
}
