//===- SharedLayout.cpp - Where a tile's elements lie in shared memory ----===//

#include "lib/Target/NVPTX/SharedLayout.h"
#include "lib/Target/Scalar.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

SharedLayout::SharedLayout(tile::TileType type) {
  constexpr int64_t bankBytes = 4, numBanks = 32;
  Type element = getScratchType(type.getElementType());
  elementBytes = element.getIntOrFloatBitWidth() / 8;
  int64_t numRanks = type.getRanks().size(), count = 1;
  if (type.getSpace() == tile::Space::Swizzled) {
    numRows = type.getSizes().front();
    numBlocks = llvm::divideCeil(type.getSizes().back(), blockColumns);
    bytes = numBlocks * getBlockBytes();
    return;
  }
  strides.resize(numRanks);
  for (int64_t i = numRanks; i-- > 0;) {
    strides[i] = count;
    count *= type.getSizes()[i];
    if (i + 1 != numRanks || numRanks == 1)
      continue;
    int64_t rowBytes = count * elementBytes;
    if (elementBytes == 2 && rowBytes % pieceBytes == 0)
      groupPieces =
          numRanks == 1 ? 1 : std::gcd(rowBytes / pieceBytes, rowPieces);
    else if (rowBytes % (bankBytes * numBanks) == 0)
      ++count;
  }
  bytes = count * elementBytes;
}
