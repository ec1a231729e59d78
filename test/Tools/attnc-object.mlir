// An object shows three symbols for each cascade, and refers to the runtime and
// memcpy and memset only.

// RUN: rm -rf %t && mkdir %t
// RUN: attnc %s -o %t/f.o
// RUN: llvm-nm --defined-only --extern-only --format=just-symbols %t/f.o \
// RUN:   | sort | FileCheck %s --check-prefix=SHOWN
// RUN: llvm-nm --undefined-only --format=just-symbols %t/f.o \
// RUN:   | sort | FileCheck %s --check-prefix=NEEDED --implicit-check-not={{.}}
// RUN: llvm-nm --format=just-symbols %t/f.o \
// RUN:   | FileCheck %s --check-prefix=LEVELS
// RUN: ls %t | FileCheck %s --check-prefix=FILES

/// The same for a shared object, which brings its runtime.
// RUN: attnc %s --emit=so --runtime=%build/lib -o %t/f.so
// RUN: llvm-nm -D --defined-only --format=just-symbols %t/f.so \
// RUN:   | sort | FileCheck %s --check-prefix=SHOWN
// RUN: llvm-readelf -d %t/f.so | FileCheck %s --check-prefix=DYNAMIC
/// However the runtime's folder is written: from elsewhere it is the same.
// RUN: cd %build && attnc %s --emit=so --runtime=lib -o %t/f.so
// RUN: llvm-readelf -d %t/f.so | FileCheck %s -DLIB=%build --check-prefix=RPATH
// RUN: not attnc %s --emit=so --runtime=%t -o %t/none.so 2>&1 \
// RUN:   | FileCheck %s --check-prefix=NO-RUNTIME
// RUN: not ls %t/none.so

/// One level, when asked.
// RUN: attnc %s --target=x86-64-v3 --emit=asm | FileCheck %s --check-prefix=V3
// RUN: attnc %s --target=x86-64-v3 -o - | llvm-nm - | FileCheck %s --check-prefix=V3

//      SHOWN: {{^}}f{{$}}
// SHOWN-NEXT: {{^}}f_program{{$}}
// SHOWN-NEXT: {{^}}f_workspace{{$}}
// SHOWN-NEXT: {{^}}g{{$}}
// SHOWN-NEXT: {{^}}g_program{{$}}
// SHOWN-NEXT: {{^}}g_workspace{{$}}
//  SHOWN-NOT: {{.}}

// NEEDED: {{^}}attnrt_launch
// NEEDED: {{^}}attnrt_program_workspace
// NEEDED: {{^}}attnrt_run_program

// LEVELS-DAG: f_host_avx2
// LEVELS-DAG: f_host_avx512

//      FILES: f.h
// FILES-NEXT: f.o
//  FILES-NOT: {{.}}

// DYNAMIC-DAG: NEEDED{{.*}}libattnrt.so
// DYNAMIC-DAG: SONAME{{.*}}[f.so]
// RPATH: RUNPATH{{.*}}[$ORIGIN:[[LIB]]/lib]
// DYNAMIC-DAG: RUNPATH{{.*}}[$ORIGIN:

// NO-RUNTIME: attnc: error: the runtime isn't at {{.*}}libattnrt.so

// V3-NOT: avx512
// V3: f_host_avx2
// V3-NOT: avx512
attn.cascade @f(%A: !attn.tensor<[b, e], f32>) -> !attn.tensor<[b], f32>
    ranks(b, e = 16) {
  %S = attn.einsum [b] = %A[b, e] * %A[b, e]
  attn.yield %S
}

attn.cascade @g(%A: !attn.tensor<[b], bf16>) -> !attn.tensor<[b], f32> ranks(b) {
  %B = attn.einsum [b] = %A[b] + 1.0
  attn.yield %B
}
