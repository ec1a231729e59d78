//===- SharedLayoutTest.cpp - Rows for cp.async and for ldmatrix ----------===//

#include "lib/Target/NVPTX/SharedLayout.h"
#include "mlir/IR/Builders.h"
#include "gtest/gtest.h"
#include <set>

using namespace attn;
using namespace attn::nvptx;

namespace {
class SharedLayoutTest : public testing::TestWithParam<int64_t> {
protected:
  SharedLayoutTest() {
    context.loadDialect<tile::TileDialect>();
    mlir::Builder b(&context);
    layout = std::make_unique<SharedLayout>(tile::TileType::get(
        &context, {b.getStringAttr("m"), b.getStringAttr("e")},
        {numRows, GetParam()}, b.getBF16Type(), tile::Space::Scratch));
  }

  /// In bytes, from where the tile begins.
  int64_t getOffset(int64_t row, int64_t piece) const {
    int64_t place =
        piece ^ row / layout->getRowsPerPlace() % layout->groupPieces;
    return row * layout->strides[0] * layout->elementBytes +
           place * SharedLayout::pieceBytes;
  }

  static constexpr int64_t numRows = 32;
  int64_t numPieces = GetParam() / 8;
  mlir::MLIRContext context;
  std::unique_ptr<SharedLayout> layout;
};
} // namespace

/// ldmatrix reads the same piece of eight rows at a time.
TEST_P(SharedLayoutTest, EightRowsLieInAllBanks) {
  for (int64_t first = 0; first != numRows; first += 8)
    for (int64_t piece = 0; piece != numPieces; ++piece) {
      std::set<int64_t> banks;
      for (int64_t row = first; row != first + 8; ++row)
        banks.insert(getOffset(row, piece) % 128);
      EXPECT_EQ(banks.size(), 8u);
    }
}

TEST_P(SharedLayoutTest, EveryPieceHasAPlace) {
  std::set<int64_t> places;
  for (int64_t row = 0; row != numRows; ++row)
    for (int64_t piece = 0; piece != numPieces; ++piece) {
      places.insert(getOffset(row, piece));
      EXPECT_LE(getOffset(row, piece) + 16, layout->bytes);
    }
  EXPECT_EQ(int64_t(places.size()), numRows * numPieces);
}

/// Sectors of a row that begins at one stay whole.
TEST_P(SharedLayoutTest, NeighboursStayInTheirSector) {
  if (numPieces % 2 != 0)
    return;
  for (int64_t row = 0; row != numRows; ++row)
    for (int64_t piece = 0; piece != numPieces; piece += 2)
      EXPECT_EQ(getOffset(row, piece) / 32, getOffset(row, piece + 1) / 32);
}

INSTANTIATE_TEST_SUITE_P(HeadSizes, SharedLayoutTest,
                         testing::Values(8, 16, 32, 40, 64, 72, 80, 96, 128,
                                         160, 192, 224, 256));
