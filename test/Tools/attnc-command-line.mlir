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
// RUN: not attnc %s --emit=llvm --stop-after=nests 2>&1 \
// RUN:   | FileCheck %s --check-prefix=STOP
// RUN: not attnc %s --emit=nests --stop-after=bind 2>&1 \
// RUN:   | FileCheck %s --check-prefix=STAGES
// RUN: not attnc %s --emit=tile --stop-after=nests 2>&1 \
// RUN:   | FileCheck %s --check-prefix=TILE
// RUN: attnc %s --emit=tile --stop-after=bind
// RUN: not attnc %s --emit=foo 2>&1 | FileCheck %s --check-prefix=EMITS
// RUN: not attnc %s --stop-after=foo 2>&1 | FileCheck %s --check-prefix=NAMES
// RUN: not attnc %s --options="reassociate=true assume=q=5" --emit=nests 2>&1 \
// RUN:   | FileCheck %s --check-prefix=ASSUME
// RUN: not attnc %s --options=assume=b=5 --emit=nests 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REASSOCIATE
// RUN: attnc %s --options="reassociate=true assume=b=5" --emit=nests
// RUN: attnc %s --options=reassociate=true --options=assume=b=5 --emit=nests
// RUN: not attnc %s --options=reassociate=true --options=assume=q=5 --emit=nests 2>&1 \
// RUN:   | FileCheck %s --check-prefix=BOTH
// RUN: not attnc %s --merge=q --emit=nests 2>&1 \
// RUN:   | FileCheck %s --check-prefix=MERGE
// RUN: not attnc --emit=obj < %s 2>&1 | FileCheck %s --check-prefix=STDIN
// RUN: not attnc %s --emit=attn -o %t-missing/x.mlir 2>&1 \
// RUN:   | FileCheck %s --check-prefix=FOLDER

/// A spec without a cascade, whatever is asked for.
// RUN: not attnc /dev/null --emit=nests 2>&1 \
// RUN:   | FileCheck %s --check-prefix=EMPTY
// RUN: not attnc /dev/null --explain 2>&1 | FileCheck %s --check-prefix=EMPTY
// RUN: not attnc /dev/null --cost --machine=host 2>&1 \
// RUN:   | FileCheck %s --check-prefix=EMPTY

/// A file that can't be made anew stays as it was.
// RUN: echo "before" > %t.h
// RUN: not attnc %s --set q=1 --emit=header -o %t.h
// RUN: FileCheck %s --check-prefix=BEFORE < %t.h

// MISSING: attnc: error: cannot open input file '{{.*}}-missing.mlir': No such file
// TARGET: attnc: error: unknown target `pdp11`; expected host, x86-64-v3, x86-64-v4, x86-64-v4-vnni, sapphirerapids, sm_80, sm_90 or sm_90a
// TARGETS: attnc: error: the IR after `bind` is that of one target; --target names 2
// STOP: attnc: error: --stop-after writes IR, so it excludes --emit=llvm, asm, ptx, obj, so and header
// STAGES: attnc: error: --emit=nests is the IR after `one-pass`, --stop-after asks for that after `bind`
// TILE: attnc: error: --emit=tile is the IR after `bind`, --stop-after asks for that after `nests`
// EMITS: --emit option: unknown value `foo`; expected attn, nests, tile, llvm, asm, ptx, obj, so, header
// NAMES: --stop-after option: unknown value `foo`; expected parse, nests, one-pass, partition, intervals, bind, llvm
// ASSUME: attnc: error: `--options=assume=q=5`: no cascade has a rank `q`
// BOTH: attnc: error: `--options=assume=q=5`: no cascade has a rank `q`
// REASSOCIATE: attnc: error: `--options=assume` is what reassociate chooses by, but reassociate=true is not given
// MERGE: attnc-command-line.mlir:[[#@LINE+9]]:1: error: no cascade reduces a rank `q`
// EMPTY: attnc: error: there is no attn.cascade in the spec
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
