//===- MapGroups.h - Maps that are computed where they are read -*- C++ -*-===//
//
// The weights of attention are summed and rounded, and read by nothing else:
// three walks over a tile that one walk can do, without storing it. A *group*
// is a map whose tile is nowhere, with the reductions and conversions that read
// it.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_MAPGROUPS_H
#define LIB_TARGET_MAPGROUPS_H

#include "dialect/Tile/TileOps.h"

namespace attn {

struct MapGroup {
  tile::MapOp producer;
  llvm::SmallVector<tile::MapOp> reductions;
  llvm::SmallVector<tile::ConvertOp> conversions;
  /// The last member in the block: where the group is computed.
  mlir::Operation *last = nullptr;
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
