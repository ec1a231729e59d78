//===- Transpose.h - Squares of vectors transposed in registers -*- C++ -*-===//

#ifndef LIB_TARGET_CPU_TRANSPOSE_H
#define LIB_TARGET_CPU_TRANSPOSE_H

#include "lib/Target/CPU/KernelLowering.h"

namespace attn::cpu {

/// Transposes a square of as many vectors as each has elements, a power of two.
llvm::SmallVector<mlir::Value> transpose(mlir::ImplicitLocOpBuilder &b,
                                         llvm::ArrayRef<mlir::Value> rows);

/// The vector of which lane i is the sum of row i: of `rows`, a power of two of
/// them, or of those whose number is a multiple of `block`, where the `block`
/// rows from each on have been summed already.
mlir::Value sumTransposed(mlir::ImplicitLocOpBuilder &b,
                          llvm::ArrayRef<mlir::Value> rows, int64_t block);

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_TRANSPOSE_H
