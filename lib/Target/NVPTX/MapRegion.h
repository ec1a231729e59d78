//===- MapRegion.h - A map or a box at one of its points --------*- C++ -*-===//

#ifndef LIB_TARGET_NVPTX_MAPREGION_H
#define LIB_TARGET_NVPTX_MAPREGION_H

#include "lib/Target/NVPTX/KernelLowering.h"
#include "lib/Target/Reduce.h"

namespace attn::nvptx {

/// What a region computes at a point: `filter` is null where it has none.
struct PointValue {
  mlir::Value value, filter;
};

/// Emits the region of `op` for the element at `at`, whose inputs are
/// `arguments`.
mlir::FailureOr<PointValue> emitRegion(KernelLowering &k, tile::MapOp op,
                                       const Position &at,
                                       mlir::ValueRange arguments);
mlir::FailureOr<PointValue> emitRegion(KernelLowering &k, tile::BoundsOp op,
                                       const Position &at);
/// The first with the inputs read from shared memory.
mlir::FailureOr<PointValue> emitPoint(KernelLowering &k, tile::MapOp op,
                                      const Position &at);

/// x and y reduced to one; null, with an error, where there is no form of it.
mlir::Value combine(KernelLowering &k, const MapReducer &reducer, mlir::Value x,
                    mlir::Value y);

} // namespace attn::nvptx

#endif // LIB_TARGET_NVPTX_MAPREGION_H
