//===- Reduce.h - Reducers on scalars and vectors ---------------*- C++ -*-===//

#ifndef LIB_TARGET_REDUCE_H
#define LIB_TARGET_REDUCE_H

#include "dialect/Tile/TileOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace attn {

/// What a map reduces by; `definition` is set of a user-defined reducer.
struct MapReducer {
  ReducerName name;
  ReducerOp definition;
};

/// The one reducer of `op`, or nothing if it reduces nothing; fails, with an
/// error, where there are several or one that no target has.
mlir::FailureOr<std::optional<MapReducer>> getReducer(tile::MapOp op);

/// `y` taken into `x`; both are alike, numbers or vectors of them. `emit` gives
/// what a definition's expression is of two operands, or null; then this does.
mlir::Value emitReduce(
    mlir::ImplicitLocOpBuilder &b, const MapReducer &reducer, mlir::Value x,
    mlir::Value y,
    llvm::function_ref<mlir::Value(ReducerOp, mlir::Value, mlir::Value)> emit);

/// What a reduction over nothing is, in every element of `type`.
mlir::Value emitIdentity(mlir::ImplicitLocOpBuilder &b,
                         const MapReducer &reducer, mlir::Type type);

} // namespace attn

#endif // LIB_TARGET_REDUCE_H
