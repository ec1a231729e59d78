// The passes, in order: a line that is left over fails here. Options are cut
// off, since those of MLIR's passes are not ours.

// RUN: attn-opt %s --attn-pipeline --dump-pass-pipeline -o %t 2>&1 \
// RUN:   | sed -e 's/{.*//' -e 's/[(),]*$//' -e '/^ *$/d' \
// RUN:   | FileCheck %s --strict-whitespace --match-full-lines

//      CHECK:Pass Manager with 21 passes:
// CHECK-NEXT:builtin.module
// CHECK-NEXT:  attn-check-reducers
// CHECK-NEXT:  attn.cascade
// CHECK-NEXT:    attn-split-reducers
// CHECK-NEXT:    attn-expand-reducers
// CHECK-NEXT:    attn-form-nests
// CHECK-NEXT:  attn.cascade
// CHECK-NEXT:    attn-one-pass
// CHECK-NEXT:  attn-partition
// CHECK-NEXT:  cse
// CHECK-NEXT:  canonicalize
// CHECK-NEXT:  cse
// CHECK-NEXT:  tile.kernel
// CHECK-NEXT:    tile-intervals
// CHECK-NEXT:  tile.kernel
// CHECK-NEXT:    tile-bind
// CHECK-NEXT:  tile.kernel
// CHECK-NEXT:    tile-narrow-operands
// CHECK-NEXT:  canonicalize
// CHECK-NEXT:  tile.kernel
// CHECK-NEXT:    tile-hoist-invariants
// CHECK-NEXT:  cse
// CHECK-NEXT:  cpu-lower-tiles
// CHECK-NEXT:  cpu-approximate-math
// CHECK-NEXT:  arith-expand
// CHECK-NEXT:  cse
// CHECK-NEXT:  convert-scf-to-cf
// CHECK-NEXT:  convert-vector-to-llvm
// CHECK-NEXT:  convert-to-llvm
// CHECK-NEXT:  reconcile-unrealized-casts
//  CHECK-NOT:{{.}}
