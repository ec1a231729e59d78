// RUN: not attn-opt %s --attn-partition=target=pdp-11 2>&1 | FileCheck %s

// CHECK: error: unknown target `pdp-11`
module {}
