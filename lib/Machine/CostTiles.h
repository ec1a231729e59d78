//===- CostTiles.h - The bytes that loops over tiles move -----------------===//

#ifndef LIB_MACHINE_COSTTILES_H
#define LIB_MACHINE_COSTTILES_H

#include "lib/Machine/CostKernel.h"
#include "lib/Machine/CostModel.h"

namespace attn::cost {

struct TileTraffic {
  /// From each of the machine's memories to the next inner one, and if it has
  /// a `processor` from the innermost to the first-level cache.
  std::vector<double> bytes;
  /// How often an Einsum begins in a tile.
  double numStarts = 0;
  /// All that one turn of the innermost loop touches.
  double turnBytes = 0;
};

TileTraffic estimateTileTraffic(const Kernel &kernel, CallCounts &call,
                                const CascadeCounts &counts,
                                const Tiling &tiling);

} // namespace attn::cost

#endif // LIB_MACHINE_COSTTILES_H
