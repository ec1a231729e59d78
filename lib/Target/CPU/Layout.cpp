//===- Layout.cpp - Where the elements of a tile lie in scratch -----------===//

#include "lib/Target/CPU/Layout.h"
#include "lib/Target/Scalar.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

/// What a row of a matrix unit's register has.
static constexpr int64_t operandRowBytes = 64;

int64_t VectorUnit::getPanelVectors(int64_t count) const {
  if (count == 1 || count == 3)
    return count;
  // Beside 2 by 13 sums are 15 loads, beside 4 by 6 only 10. The matrix unit's
  // registers take two vectors.
  return registers == 32 && count % 4 == 0 && !hasTiles ? 4 : 2;
}

TileLayout TileLayout::get(tile::TileType type, StringAttr laneRank,
                           const VectorUnit &unit) {
  int64_t lanes = unit.lanes;
  TileLayout layout;
  Type element = getScratchType(type.getElementType());
  layout.elementBytes = element.getIntOrFloatBitWidth() / 8;
  int64_t numRanks = type.getRanks().size();
  layout.strides.resize(numRanks);
  if (laneRank)
    layout.panelPosition = type.getRankPosition(laneRank);
  layout.isAlongLanes = layout.hasPanels();
  bool isOperand = element.getIntOrFloatBitWidth() < 32 &&
                   !type.getElementType().isInteger(1);
  if (!layout.hasPanels() && isOperand)
    layout.panelPosition = numRanks - 1;
  int64_t count = 1;
  if (layout.hasPanels()) {
    layout.panelledSize = type.getSizes()[layout.panelPosition];
    int64_t vectors = llvm::divideCeil(layout.panelledSize, lanes);
    layout.panelVectors = unit.getPanelVectors(vectors);
    if (layout.hasLanes() && isOperand)
      layout.pack = 4 / layout.elementBytes;
    if (!layout.hasLanes())
      layout.panelVectors = operandRowBytes / layout.elementBytes / lanes;
    layout.numPanels = llvm::divideCeil(vectors, layout.panelVectors);
    layout.strides[layout.panelPosition] = layout.pack;
    count = layout.panelVectors * lanes;
  }
  for (int64_t i = numRanks - 1; i >= 0; --i) {
    if (i == layout.panelPosition)
      continue;
    layout.strides[i] = count;
    count *= type.getSizes()[i];
    // Rows that vectors are moved along begin where one may.
    if (count >= lanes && !layout.hasPanels() && i + 1 == numRanks)
      count = llvm::alignTo(count, lanes);
  }
  layout.panelStride = count;
  layout.bytes = count * layout.numPanels * layout.elementBytes;
  return layout;
}
