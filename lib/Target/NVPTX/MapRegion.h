//===- MapRegion.h - A tile.map at one of its points ------------*- C++ -*-===//

#ifndef LIB_TARGET_NVPTX_MAPREGION_H
#define LIB_TARGET_NVPTX_MAPREGION_H

#include "lib/Target/NVPTX/KernelLowering.h"

namespace attn::nvptx {

/// What a map computes at a point: `filter` is null where it has none.
struct PointValue {
  mlir::Value value, filter;
};

/// Emits the region of `op` for the element at `at`, whose inputs are
/// `arguments`.
mlir::FailureOr<PointValue> emitRegion(KernelLowering &k, tile::MapOp op,
                                       const Position &at,
                                       mlir::ValueRange arguments);
/// The same with the inputs read from shared memory.
mlir::FailureOr<PointValue> emitPoint(KernelLowering &k, tile::MapOp op,
                                      const Position &at);

/// x and y reduced to one.
mlir::Value emitReduce(mlir::ImplicitLocOpBuilder &b, ReducerKind kind,
                       mlir::Value x, mlir::Value y);
/// What reducing nothing gives.
mlir::Value emitIdentity(mlir::ImplicitLocOpBuilder &b, ReducerKind kind,
                         mlir::Type type);
/// The one reducer of `op`, or nothing if it reduces nothing; fails, with an
/// error, where there are several or one that the GPU lacks.
mlir::FailureOr<std::optional<ReducerKind>> getReducer(tile::MapOp op);

} // namespace attn::nvptx

#endif // LIB_TARGET_NVPTX_MAPREGION_H
