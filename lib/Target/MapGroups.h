//===- MapGroups.h - Maps that are computed where they are read -*- C++ -*-===//
//
// The weights of attention are summed and rounded, and read by nothing else:
// three walks over a tile that one walk can do, without storing it. A *group*
// is a map with the reductions and conversions that read it. Where a filter
// removes weights, what is rounded is a second map's: zeros in their place.
// Tiles that only members read are nowhere; in f32 the product reads weights as
// they are, and one of the two is stored in the same walk.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_MAPGROUPS_H
#define LIB_TARGET_MAPGROUPS_H

#include "dialect/Tile/TileOps.h"

namespace attn {

struct MapGroup {
  tile::MapOp producer;
  llvm::SmallVector<tile::MapOp> reductions;
  /// Maps of the producer's elements alone, one by one.
  llvm::SmallVector<tile::MapOp> derived;
  /// The producer and derived maps that others than members read.
  llvm::SmallVector<tile::MapOp> stored;
  /// Of the producer or of a derived map.
  llvm::SmallVector<tile::ConvertOp> conversions;
  /// The last member in the block: where the group is computed.
  mlir::Operation *last = nullptr;

  /// Whether the tile that `op` makes is nowhere.
  bool isUnstored(mlir::Operation *op) const {
    return (producer == op || llvm::is_contained(derived, op)) &&
           !llvm::is_contained(stored, op);
  }
};

class MapGroups {
public:
  MapGroups() = default;
  /// Finds the groups of `kernel` and moves the members of each together.
  explicit MapGroups(tile::KernelOp kernel);

  llvm::ArrayRef<MapGroup> getGroups() const { return groups; }
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
