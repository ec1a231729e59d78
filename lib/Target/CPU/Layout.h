//===- Layout.h - Where the elements of a tile lie in scratch ---*- C++ -*-===//
//
// A tile without the lane rank is row-major; rows of a vector or more are
// padded to whole vectors. A tile with it is cut along the lanes into *panels*,
// one or a few vectors wide, each contiguous: a contraction walks down one
// panel, and rows that are a power of two apart would share a cache set
// otherwise.
//
//   [e: 2, p: 64], panels of 32:  e0 p0..31 | e1 p0..31 || e0 p32..63 | ..
//
// 16-bit elements with lanes are what a matrix unit multiplies: two rows lie
// as one, lane by lane, so that a lane takes 32 bits in every tile. Of 8-bit
// elements four rows do.
//
//   [e: 2, p: 64], 16 bits:  e0 p0, e1 p0, e0 p1, e1 p1, .. || e0 p32, e1 p32,
//   ..
//
// Without lanes they are the unit's other operand: cut along the last rank into
// panels of 64 bytes, so that the 16 rows that a register takes are one after
// the other in memory.
//
//   [m: 16, e: 64], 16 bits:  m0 e0..31 | m1 e0..31 | .. || m0 e32..63 | ..
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_CPU_LAYOUT_H
#define LIB_TARGET_CPU_LAYOUT_H

#include "dialect/Tile/TileOps.h"

namespace attn::cpu {

/// What the lowering has to know of the machine.
struct VectorUnit {
  int64_t lanes = 16;     ///< f32 in a vector
  int64_t registers = 32; ///< vector registers
  /// Coordinates of a loop ahead of which its lines are asked for.
  int64_t prefetchDistance = 8;
  /// How far ahead memory is asked for what is read once.
  int64_t prefetchBytes = 8192;
  /// The multiply-adds of vectors with a line from which on it is asked for so.
  int64_t prefetchFrom = 1;
  /// How many rows that are read once are read in step, at most: a power of
  /// two.
  int64_t rowsInStep = 8;
  bool hasTiles = false;   ///< AMX
  bool hasDots = false;    ///< AVX-512 VNNI
  bool isAccurate = false; ///< no function rougher for what is rounded anyway

  /// Vectors in a panel of a tile of `count`: as many as loads a sum of
  /// products in these registers least often.
  int64_t getPanelVectors(int64_t count) const;
};

struct TileLayout {
  /// In elements, one per rank; that of the rank with panels is the distance in
  /// one. Of packed rows it leads to those that begin a pack.
  llvm::SmallVector<int64_t> strides;
  /// The position of the rank that is cut into panels, or -1, and its size.
  int64_t panelPosition = -1;
  int64_t panelledSize = 1;
  /// Whether that is the lane rank.
  bool isAlongLanes = false;
  /// How many vectors make a panel, and how many panels the tile.
  int64_t panelVectors = 1, numPanels = 1;
  /// How many rows lie as one.
  int64_t pack = 1;
  /// In elements.
  int64_t panelStride = 0;
  int64_t elementBytes = 0, bytes = 0;

  bool hasPanels() const { return panelPosition >= 0; }
  bool hasLanes() const { return isAlongLanes; }

  static TileLayout get(tile::TileType type, mlir::StringAttr laneRank,
                        const VectorUnit &unit);
};

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_LAYOUT_H
