//===- LowerHost.h - A program's two host functions -------------*- C++ -*-===//

#ifndef LIB_TARGET_CPU_LOWERHOST_H
#define LIB_TARGET_CPU_LOWERHOST_H

#include "dialect/Tile/TileOps.h"
#include "llvm/ADT/StringMap.h"

namespace attn::cpu {

/// A kernel, and the scratch that its tasks need.
struct LoweredKernel {
  tile::KernelOp op;
  int64_t scratchBytes = 0;
};

/// Emits `@<program>_workspace` and `@<program>_host` before `program`.
mlir::LogicalResult lowerProgram(tile::ProgramOp program,
                                 const llvm::StringMap<LoweredKernel> &kernels);

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_LOWERHOST_H
