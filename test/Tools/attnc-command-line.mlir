// Mistakes on the command line: exit code 1, one line, no file touched.

// RUN: not attnc %t-missing.mlir 2>&1 | FileCheck %s --check-prefix=MISSING
// RUN: not attnc %s --target=pdp11 2>&1 | FileCheck %s --check-prefix=TARGET
// RUN: not attnc %s --emit=tile --target=x86-64-v3,x86-64-v4 2>&1 \
// RUN:   | FileCheck %s --check-prefix=TARGETS
// RUN: not attnc %s --emit=obj --stop-after=nests 2>&1 \
// RUN:   | FileCheck %s --check-prefix=STOP
// RUN: not attnc %s --options=fuze=false 2>&1 \
// RUN:   | FileCheck %s --check-prefix=OPTION
// RUN: not attnc %s --options=fuse=maybe 2>&1 \
// RUN:   | FileCheck %s --check-prefix=VALUE
// RUN: not attnc %s --options=target=host 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REPEATED
// RUN: not attnc --emit=obj < %s 2>&1 | FileCheck %s --check-prefix=STDIN
// RUN: not attnc %s --emit=attn -o %t-missing/x.mlir 2>&1 \
// RUN:   | FileCheck %s --check-prefix=FOLDER

/// A file that can't be made anew stays as it was.
// RUN: echo "before" > %t.h
// RUN: not attnc %s --set q=1 --emit=header -o %t.h
// RUN: FileCheck %s --check-prefix=BEFORE < %t.h

// MISSING: attnc: error: cannot open input file '{{.*}}-missing.mlir': No such file
// TARGET: attnc: error: unknown target `pdp11`; expected host, x86-64-v3, x86-64-v4, sapphirerapids, sm_80 or sm_90
// TARGETS: attnc: error: the IR after `bind` is that of one target; --target names 2
// STOP: attnc: error: --stop-after writes IR
// OPTION: attnc: error: `--options=fuze=false`: no such option fuze
// VALUE: attnc: error: `--options=fuse=maybe`: a value is not of its option's type
// REPEATED: attnc: error: --options takes neither target nor stop-after
// STDIN: attnc: error: code from stdin needs -o
// FOLDER: attnc: error: can't write '{{.*}}-missing/x.mlir'
// BEFORE: before

attn.cascade @sum(%A: !attn.tensor<[b, e], f32>) -> !attn.tensor<[b], f32>
    ranks(b, e = 16) {
  %S = attn.einsum [b] = %A[b, e]
  attn.yield %S
}
