//===- Branches.h - What is emitted under a condition -----------*- C++ -*-===//

#ifndef LIB_TARGET_BRANCHES_H
#define LIB_TARGET_BRANCHES_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace attn {

/// Emits, with `b`, what `then` emits for where `condition` holds, and what
/// `otherwise` does, if there is one, for where it doesn't.
void emitBranches(mlir::ImplicitLocOpBuilder &b, mlir::Value condition,
                  llvm::function_ref<void()> then,
                  llvm::function_ref<void()> otherwise = nullptr);

} // namespace attn

#endif // LIB_TARGET_BRANCHES_H
