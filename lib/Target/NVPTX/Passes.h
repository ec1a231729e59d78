//===- Passes.h - From tiles to the GPU -------------------------*- C++ -*-===//

#ifndef LIB_TARGET_NVPTX_PASSES_H
#define LIB_TARGET_NVPTX_PASSES_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace attn::nvptx {

#define GEN_PASS_DECL
#include "lib/Target/NVPTX/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "lib/Target/NVPTX/Passes.h.inc"

/// The passes from the tile dialect (filters expanded) to the llvm dialect: the
/// host's functions, and a module of the GPU's inside.
void buildTileToLLVM(mlir::OpPassManager &pm, const LowerTilesOptions &options);

/// Registers the passes and `tile-to-llvm-nvptx`.
void registerPasses();

} // namespace attn::nvptx

#endif // LIB_TARGET_NVPTX_PASSES_H
