//===- SharedLayout.cpp - Where a tile's elements lie in shared memory ----===//

#include "lib/Target/NVPTX/SharedLayout.h"
#include "lib/Target/Scalar.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

SharedLayout::SharedLayout(tile::TileType type) {
  constexpr int64_t bankBytes = 4, numBanks = 32;
  Type element = getScratchType(type.getElementType());
  elementBytes = element.getIntOrFloatBitWidth() / 8;
  int64_t numRanks = type.getRanks().size(), count = 1;
  strides.resize(numRanks);
  for (int64_t i = numRanks; i-- > 0;) {
    strides[i] = count;
    count *= type.getSizes()[i];
    bool isRow = i + 1 == numRanks && numRanks > 1;
    if (isRow && count * elementBytes % (bankBytes * numBanks) == 0)
      ++count;
  }
  bytes = count * elementBytes;
}
