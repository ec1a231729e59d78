//===- MapGroups.h - Maps that are computed where they are read -*- C++ -*-===//
//
// The weights of attention are summed and rounded, and read by nothing else:
// three walks over a tile that one walk can do, without storing it. A *group*
// is a map whose tile is nowhere, with the reductions and conversions that read
// it. Where a filter removes weights, what is rounded is a second map's: zeros
// in their place. Its tile is nowhere, too.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_MAPGROUPS_H
#define LIB_TARGET_MAPGROUPS_H

#include "dialect/Tile/TileOps.h"

namespace attn {

struct MapGroup {
  tile::MapOp producer;
  llvm::SmallVector<tile::MapOp> reductions;
  /// Maps of the producer's elements alone, one by one, that only conversions
  /// read.
  llvm::SmallVector<tile::MapOp> derived;
  /// Of the producer or of a derived map.
  llvm::SmallVector<tile::ConvertOp> conversions;
  /// The last member in the block: where the group is computed.
  mlir::Operation *last = nullptr;

  /// Whether the tile that `op` makes is nowhere.
  bool isUnstored(mlir::Operation *op) const {
    return producer == op || llvm::is_contained(derived, op);
  }
};

class MapGroups {
public:
  MapGroups() = default;
  /// Finds the groups of `kernel` and moves the members of each together.
  explicit MapGroups(tile::KernelOp kernel);

  /// The group of which `op` is the producer or a member; null if none.
  const MapGroup *lookup(mlir::Operation *op) const {
    auto it = members.find(op);
    return it == members.end() ? nullptr : &groups[it->second];
  }

private:
  std::vector<MapGroup> groups;
  llvm::DenseMap<mlir::Operation *, unsigned> members;
};

} // namespace attn

#endif // LIB_TARGET_MAPGROUPS_H
