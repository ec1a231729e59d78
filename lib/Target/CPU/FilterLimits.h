//===- FilterLimits.h - What a filter bounds a coordinate by ----*- C++ -*-===//

#ifndef LIB_TARGET_CPU_FILTERLIMITS_H
#define LIB_TARGET_CPU_FILTERLIMITS_H

#include "dialect/Tile/TileOps.h"
#include <optional>

namespace attn::cpu {

/// What a coordinate stays below: an index that never falls as the coordinate
/// of the lane rises, and else depends on what the kernel knows.
struct Limit {
  mlir::Value value;
  bool isInclusive = false;
};

/// The conditions that all have to hold where `condition` does; none of null.
llvm::SmallVector<mlir::Value> getConjuncts(mlir::Value condition);

/// Whether the index `value` never falls as the coordinate of `lanes` rises,
/// and depends on nothing else inside of `map`; never changes with it, if
/// `isFixed`.
bool isRising(mlir::Value value, tile::MapOp map, mlir::StringAttr lanes,
              bool isFixed = false);

/// What `condition`, in `map`, bounds the coordinate of `rank` by, if it does
/// nothing else.
std::optional<Limit> getLimit(mlir::Value condition, tile::MapOp map,
                              mlir::StringAttr rank, mlir::StringAttr lanes);

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_FILTERLIMITS_H
