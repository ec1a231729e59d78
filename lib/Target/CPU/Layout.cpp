//===- Layout.cpp - Where the elements of a tile lie in scratch -----------===//

#include "lib/Target/CPU/Layout.h"
#include "lib/Target/Scalar.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

TileLayout TileLayout::get(tile::TileType type, StringAttr laneRank,
                           int64_t lanes) {
  TileLayout layout;
  Type element = getScratchType(type.getElementType());
  layout.elementBytes = element.getIntOrFloatBitWidth() / 8;
  int64_t numRanks = type.getRanks().size();
  layout.strides.resize(numRanks);
  if (laneRank)
    layout.lanePosition = type.getRankPosition(laneRank);
  int64_t count = 1;
  if (layout.hasLanes()) {
    layout.laneSize = type.getSizes()[layout.lanePosition];
    int64_t vectors = llvm::divideCeil(layout.laneSize, lanes);
    layout.panelVectors = vectors == 1 || vectors == 3 ? vectors : 2;
    layout.numPanels = llvm::divideCeil(vectors, layout.panelVectors);
    bool isPacked = element.getIntOrFloatBitWidth() < 32 &&
                    !type.getElementType().isInteger(1);
    layout.pack = isPacked ? 4 / layout.elementBytes : 1;
    layout.strides[layout.lanePosition] = layout.pack;
    count = layout.panelVectors * lanes;
  }
  for (int64_t i = numRanks - 1; i >= 0; --i) {
    if (i == layout.lanePosition)
      continue;
    layout.strides[i] = count;
    count *= type.getSizes()[i];
    // Rows that vectors are moved along begin where one may.
    if (count >= lanes && !layout.hasLanes() && i + 1 == numRanks)
      count = llvm::alignTo(count, lanes);
  }
  layout.panelStride = count;
  layout.bytes = count * layout.numPanels * layout.elementBytes;
  return layout;
}
