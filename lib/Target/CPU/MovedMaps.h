//===- MovedMaps.h - Maps computed as their tiles are moved -----*- C++ -*-===//
//
// What is loaded is often scaled and nothing else, what is stored divided: a
// walk over the tile that is none where the move's registers hold it anyway.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_CPU_MOVEDMAPS_H
#define LIB_TARGET_CPU_MOVEDMAPS_H

#include "lib/Target/CPU/PanelRuns.h"

namespace attn::cpu {

class MovedMaps {
public:
  /// Finds the maps of `kernel` that a move computes, and gives each the
  /// constants that it reads.
  MovedMaps(tile::KernelOp kernel, const MapGroups &groups,
            const PanelRuns &runs, const VectorUnit &unit);

  /// The load or store that computes `map`, in its place; null if none.
  mlir::Operation *getMove(tile::MapOp map) const { return moves.lookup(map); }
  /// The map that is computed by the load or store `move`; null if none.
  tile::MapOp getMap(mlir::Operation *move) const { return maps.lookup(move); }

private:
  llvm::DenseMap<mlir::Operation *, mlir::Operation *> moves;
  llvm::DenseMap<mlir::Operation *, tile::MapOp> maps;
};

/// The store that alone uses what `op` makes, if the kernel does nothing else
/// than store to that view.
tile::StoreOp getOnlyStore(mlir::Operation *op);

/// Whether a tile's lanes run along the last rank of a view with `dims` and
/// fill its vectors: nothing lies between or after them.
bool hasLanesLast(tile::TileType type, mlir::ArrayAttr dims,
                  mlir::StringAttr laneRank, const VectorUnit &unit);

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_MOVEDMAPS_H
