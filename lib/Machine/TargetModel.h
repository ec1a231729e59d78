//===- TargetModel.h - What the mapping asks of a machine -----------------===//
//
// lib/Mapping includes no target. It asks this interface for what a choice
// needs; each target implements it.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_MACHINE_TARGETMODEL_H
#define LIB_MACHINE_TARGETMODEL_H

#include "mlir/IR/Types.h"
#include "llvm/ADT/ArrayRef.h"
#include <memory>

namespace attn {

class TargetModel {
public:
  virtual ~TargetModel() = default;

  /// The name by which options and messages call the target.
  virtual mlir::StringRef getName() const = 0;
  /// The machine by whose cost model tiles are chosen; null where the sizes
  /// below are taken.
  virtual const struct MachineDescription *getPricedMachine() const {
    return nullptr;
  }
  /// Coordinates of the lane rank in one tile, where a call has many of them.
  virtual int64_t getLaneTile() const = 0;
  /// The same where a call has few of them (decoding): one vector.
  virtual int64_t getNarrowLaneTile() const = 0;
  /// How many of them are few.
  virtual int64_t getNarrowLanes() const { return 2 * getNarrowLaneTile(); }
  /// Whether heads that share what is streamed are the lanes where a call has
  /// fewer queries than such heads.
  virtual bool packsSharingRanks() const { return false; }
  /// Whether what is streamed is the lanes where a call has one coordinate of
  /// the rank that else is. Measured on CPUs only.
  virtual bool streamsAlongLanes() const { return false; }
  /// With how many coordinates of that rank at most: the rows of its tiles.
  virtual int64_t getFewRows() const { return 1; }
  /// Tasks for each thread that a call with fewer is to have, by splitting what
  /// it streams into as many parts as that takes; 0: a number of parts that is
  /// fixed.
  virtual int64_t getSplitTasks() const { return 0; }
  /// Whether such parts take tiles in turn: where all run at the same time,
  /// they read neighbours then. Else each is a chunk, which one thread reads in
  /// order.
  virtual bool partsTakeTurns() const { return false; }
  /// Coordinates of the lane rank in one tile where such parts are merged.
  virtual int64_t getMergeLaneTile() const { return getNarrowLaneTile(); }
  /// Coordinates of a streamed rank in one tile.
  virtual int64_t getStreamTile() const = 0;
  /// The most of them where a call has few coordinates of the lane rank.
  virtual int64_t getNarrowStreamTile() const { return INT64_MAX; }
  /// The least of them where a call has one, and what is streamed is the lanes:
  /// its rows are read once, in order.
  virtual int64_t getSingleStreamTile() const { return 1; }
  /// The most of them in a kernel for short streams that a filter cuts at
  /// several places; 0: there is no such kernel.
  virtual int64_t getShortStreamTile() const { return 0; }
  /// What a task of such a kernel may stream, so that the tasks that run at the
  /// same time find it in a cache of all.
  virtual int64_t getSharedStreamBytes() const { return 0; }
  /// Coordinates of both where a call has at most as many, the least first: of
  /// products whose tiles a matrix unit takes whole, however few are used.
  virtual llvm::ArrayRef<int64_t> getShortTiles() const { return {}; }
  /// Coordinates of the lane rank, of a second parallel rank and of a streamed
  /// rank in one tile, in nests whose results have no other rank than the lanes
  /// to reuse operands along: products of two tensors.
  virtual int64_t getProductLaneTile() const = 0;
  virtual int64_t getProductRowTile() const = 0;
  virtual int64_t getProductStreamTile() const = 0;
  /// Coordinates of the lane rank, and of the rank before it, in one tile of a
  /// nest that only sweeps over memory.
  virtual int64_t getSweepTile() const = 0;
  virtual int64_t getSweepRows() const = 0;
  /// Whether the matrix unit sums, in f32 (of integers: in i32), products of
  /// two `element`s over `contracted` coordinates of one rank.
  virtual bool hasMatrixUnit(mlir::Type element, int64_t contracted) const {
    return false;
  }
  /// The most elements that one loaded tile may have.
  virtual int64_t getMaxTileElements() const = 0;
};

/// The model of the target that options call `name`; null if there is none.
std::unique_ptr<TargetModel> createTargetModel(mlir::StringRef name);

} // namespace attn

#endif // LIB_MACHINE_TARGETMODEL_H
