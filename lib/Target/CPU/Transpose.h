//===- Transpose.h - Squares of vectors transposed in registers -*- C++ -*-===//

#ifndef LIB_TARGET_CPU_TRANSPOSE_H
#define LIB_TARGET_CPU_TRANSPOSE_H

#include "lib/Target/CPU/KernelLowering.h"

namespace attn::cpu {

/// Transposes a square of as many vectors as each has elements, a power of two.
llvm::SmallVector<mlir::Value> transpose(mlir::ImplicitLocOpBuilder &b,
                                         llvm::ArrayRef<mlir::Value> rows);

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_TRANSPOSE_H
