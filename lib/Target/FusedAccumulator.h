//===- FusedAccumulator.h - Maps that contractions begin with ---*- C++ -*-===//
//
// What a contraction starts from is often a map of what it was before: a state
// times a correction. Such a map needs no tile of its own.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_FUSEDACCUMULATOR_H
#define LIB_TARGET_FUSEDACCUMULATOR_H

#include "dialect/Tile/TileOps.h"

namespace attn {

/// The map whose result `contract` starts from, where nothing else reads that:
/// it is computed as the contraction loads its accumulator. Null otherwise.
tile::MapOp getFusedAccumulator(tile::ContractOp contract);
/// Whether the region of `map` computes from its arguments alone, at every
/// coordinate alike.
bool isSelfContained(tile::MapOp map);
/// Whether `map` is the fused accumulator of a contraction.
bool isFusedAccumulator(tile::MapOp map);

} // namespace attn

#endif // LIB_TARGET_FUSEDACCUMULATOR_H
