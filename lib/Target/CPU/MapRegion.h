//===- MapRegion.h - A tile.map at some of its points -----------*- C++ -*-===//

#ifndef LIB_TARGET_CPU_MAPREGION_H
#define LIB_TARGET_CPU_MAPREGION_H

#include "lib/Target/CPU/Lanes.h"

namespace attn::cpu {

/// Emits what a map computes at one position of its ranks and, where it has the
/// lane rank, for some vectors of lanes from a panel on.
class MapRegion {
public:
  MapRegion(KernelLowering &k, tile::MapOp op,
            llvm::SmallVector<Buffer> inputs);

  /// How the lane rank is cut; meaningless without it.
  TileLayout lanes;
  bool hasLanes = false;
  /// Vectors that are worked on at once.
  int64_t numVectors = 1;
  /// Without lanes: the last rank of tiles that are rows of whole vectors, if
  /// one vector along it is worked on; else null.
  mlir::StringAttr alongRows;
  /// Ranks of which no coordinate at the extent or past it is worked on: what a
  /// filter asks of them is known.
  llvm::SmallDenseSet<mlir::StringAttr> insideRanks;
  /// Whether the values are rounded to bf16 where they are not summed.
  bool isRough = false;

  /// The value there; `filter` is set if the map has one. Varying with lanes or
  /// `alongRows`, else uniform.
  mlir::FailureOr<LaneValue> emit(const Position &at, LaneValue &filter);
  /// Loads now what doesn't vary along `ranks`, for every `emit` that follows.
  void hoistInputs(const Position &at,
                   llvm::function_ref<bool(mlir::StringAttr)> varies);
  /// Makes `value` the input number `index` of every `emit` that follows.
  void setInput(unsigned index, LaneValue value) {
    hoisted[index] = std::move(value);
  }
  /// The input number `index`, if it is loaded already.
  const LaneValue *getHoisted(unsigned index) const {
    auto it = hoisted.find(index);
    return it == hoisted.end() ? nullptr : &it->second;
  }
  /// Whether the map, without lanes, may work on vectors along `rank`: all
  /// inputs have it last or not at all, and no coordinate along it is read.
  bool canWorkAlong(mlir::StringAttr rank, int64_t size) const;
  LaneValue load(const Buffer &buffer, const Position &at);
  void store(const LaneValue &value, const Buffer &buffer, const Position &at);

private:
  KernelLowering &k;
  mlir::ImplicitLocOpBuilder &b;
  tile::MapOp op;
  llvm::SmallVector<Buffer> inputs;
  llvm::DenseMap<unsigned, LaneValue> hoisted;
  /// The ranks whose coordinates the region reads.
  llvm::SmallDenseSet<mlir::StringAttr> usedCoordinates;

  mlir::Value getVectorAddress(const Buffer &buffer, const Position &at,
                               int64_t vector);
};

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_MAPREGION_H
