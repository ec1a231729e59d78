//===- LayoutTest.cpp - Fragments as the PTX ISA draws them ---------------===//

#include "lib/Target/NVPTX/Layout.h"
#include "gtest/gtest.h"
#include <map>

using namespace attn::nvptx;

namespace {
/// PTX ISA, "Matrix Fragments for mma.m16n8k16 with floating point type":
/// groupID = lane >> 2, threadID_in_group = lane % 4.
Place accumulatorOfPTX(int64_t i, int64_t lane) {
  return {i < 2 ? lane / 4 : lane / 4 + 8, lane % 4 * 2 + (i & 1)};
}

Place leftOperandOfPTX(int64_t i, int64_t lane) {
  bool isUpper = i < 2 || (4 <= i && i < 6);
  return {isUpper ? lane / 4 : lane / 4 + 8,
          lane % 4 * 2 + (i & 1) + (i < 4 ? 0 : 8)};
}

/// PTX ISA, "Register fragments for wgmma.mma_async.m64nNk16", matrix D.
Place wgmmaOfPTX(int64_t i, int64_t lane, int64_t warp) {
  return {16 * warp + lane / 4 + ((i & 2) ? 8 : 0),
          i / 4 * 8 + lane % 4 * 2 + (i & 1)};
}
} // namespace

TEST(LayoutTest, AccumulatorIsThatOfPTX) {
  Layout layout = Layout::accumulator(16, 8);
  ASSERT_EQ(layout.getNumRegisters(), 4);
  ASSERT_EQ(layout.getNumWarps(), 1);
  for (int64_t lane = 0; lane != 32; ++lane)
    for (int64_t i = 0; i != 4; ++i)
      EXPECT_EQ(layout.getPlace(i, lane), accumulatorOfPTX(i, lane));
}

TEST(LayoutTest, LeftOperandIsThatOfPTX) {
  Layout layout = Layout::leftOperand(16, 16);
  ASSERT_EQ(layout.getNumRegisters(), 8);
  for (int64_t lane = 0; lane != 32; ++lane)
    for (int64_t i = 0; i != 8; ++i)
      EXPECT_EQ(layout.getPlace(i, lane), leftOperandOfPTX(i, lane));
}

/// So wgmma can take the place of mma.sync, and nothing else changes.
TEST(LayoutTest, FourWarpsAreOneWgmma) {
  for (int64_t columns : {8, 72, 128, 176}) {
    Layout layout = Layout::accumulator(64, columns);
    ASSERT_EQ(layout.getNumWarps(), 4);
    ASSERT_EQ(layout.getNumRegisters(), columns / 2);
    for (int64_t warp = 0; warp != 4; ++warp)
      for (int64_t lane = 0; lane != 32; ++lane)
        for (int64_t i = 0; i != columns / 2; ++i)
          EXPECT_EQ(layout.getPlace(i, lane, warp), wgmmaOfPTX(i, lane, warp));
  }
}

TEST(LayoutTest, EveryElementLiesInOneRegister) {
  for (int64_t rows : {16, 48, 128})
    for (int64_t columns : {8, 24, 80}) {
      Layout layout = Layout::accumulator(rows, columns);
      std::map<std::pair<int64_t, int64_t>, int> seen;
      for (int64_t warp = 0; warp != layout.getNumWarps(); ++warp)
        for (int64_t lane = 0; lane != 32; ++lane)
          for (int64_t i = 0; i != layout.getNumRegisters(); ++i) {
            Place place = layout.getPlace(i, lane, warp);
            ++seen[{place.row, place.column}];
          }
      EXPECT_EQ(int64_t(seen.size()), rows * columns);
      for (auto [place, times] : seen) {
        EXPECT_LT(place.first, rows);
        EXPECT_LT(place.second, columns);
        EXPECT_EQ(times, 1);
      }
    }
}

/// A sum becomes an operand by rounding alone, whatever its size.
TEST(LayoutTest, SumsLieWhereOperandsDo) {
  for (int64_t columns : {16, 48, 64, 80})
    EXPECT_EQ(Layout::accumulator(64, columns),
              Layout::leftOperand(64, columns));
  EXPECT_NE(Layout::accumulator(64, 16), Layout::accumulator(64, 32));
  EXPECT_NE(Layout::accumulator(64, 16), Layout::accumulator(32, 16));
  EXPECT_NE(Layout::accumulator(64, 16), Layout::rowVector(64));
}

TEST(LayoutTest, RowsAreReducedWithinQuads) {
  Layout layout = Layout::accumulator(32, 24);
  Layout reduced = layout.reduce(Axis::Column);
  EXPECT_EQ(reduced, Layout::rowVector(32));
  EXPECT_EQ(reduced.getNumRegisters(), 2);
  EXPECT_EQ(layout.getLaneMasks(Axis::Column),
            (llvm::SmallVector<int64_t>{1, 2}));
  EXPECT_EQ(layout.getLaneMasks(Axis::Row),
            (llvm::SmallVector<int64_t>{4, 8, 16}));
  for (int64_t lane = 0; lane != 32; ++lane)
    for (int64_t i = 0; i != layout.getNumRegisters(); ++i) {
      int64_t into = layout.getReducedRegister(Axis::Column, i);
      EXPECT_EQ(reduced.getPlace(into, lane, 1).row,
                layout.getPlace(i, lane, 1).row);
      // In every lane that the masks reach.
      EXPECT_EQ(reduced.getPlace(into, lane ^ 1, 1).row,
                layout.getPlace(i, lane, 1).row);
    }
}
