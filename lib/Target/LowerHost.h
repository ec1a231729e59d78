//===- LowerHost.h - A program's two host functions -------------*- C++ -*-===//

#ifndef LIB_TARGET_LOWERHOST_H
#define LIB_TARGET_LOWERHOST_H

#include "dialect/Tile/TileOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/StringMap.h"

namespace attn {

/// A launch as the host function sees it: values of its own.
struct HostLaunch {
  tile::KernelOp kernel;
  mlir::Value run, frame, tasks;
};

/// Emits what launches a kernel, and returns its code as an i32: 0 if it went
/// well.
using LaunchEmitter = llvm::function_ref<mlir::Value(
    mlir::ImplicitLocOpBuilder &, const HostLaunch &)>;

/// Emits `@<program>_workspace` and `@<program>_host` before `program`.
/// `kernels`: by name, which their functions may have as well.
mlir::LogicalResult lowerProgram(tile::ProgramOp program,
                                 const llvm::StringMap<tile::KernelOp> &kernels,
                                 LaunchEmitter emitLaunch);

} // namespace attn

#endif // LIB_TARGET_LOWERHOST_H
