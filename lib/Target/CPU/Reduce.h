//===- Reduce.h - Reducers on scalars and vectors ---------------*- C++ -*-===//

#ifndef LIB_TARGET_CPU_REDUCE_H
#define LIB_TARGET_CPU_REDUCE_H

#include "dialect/Attn/AttnOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace attn::cpu {

/// `y` taken into `x`; both are alike, numbers or vectors of them.
mlir::Value combine(mlir::ImplicitLocOpBuilder &b, ReducerKind kind,
                    mlir::Value x, mlir::Value y);
/// What a reduction over nothing is, in every element of `type`.
mlir::Value makeIdentity(mlir::ImplicitLocOpBuilder &b, ReducerKind kind,
                         mlir::Type type);

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_REDUCE_H
