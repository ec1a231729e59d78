//===- Passes.h - From tiles to the CPU -------------------------*- C++ -*-===//

#ifndef LIB_TARGET_CPU_PASSES_H
#define LIB_TARGET_CPU_PASSES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace attn::cpu {

#define GEN_PASS_DECL
#include "lib/Target/CPU/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "lib/Target/CPU/Passes.h.inc"

/// The passes from the tile dialect (filters expanded) to the llvm dialect, for
/// one feature level.
void buildTileToLLVM(mlir::OpPassManager &pm, const LowerTilesOptions &options);

/// Registers the passes and `tile-to-llvm-cpu`.
void registerPasses();

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_PASSES_H
