//===- RowsTest.cpp - Which coordinates of the outputs are evaluated ------===//

#include "tools/attn-run/Rows.h"
#include "test/Reference/Builder.h"
#include <gtest/gtest.h>

using namespace attn::reference;
using namespace attn::tool;

namespace {
TEST(Rows, first_last_and_the_edges_of_tiles_are_picked) {
  Coordinates rows = pickRows(1000, 40, 1);
  EXPECT_EQ(rows.size(), 40);
  for (int64_t row : {0, 999, 15, 16, 17, 63, 64, 65, 960, 959})
    EXPECT_TRUE(rows.contains(row)) << row;
  EXPECT_EQ(pickRows(30, 40, 1), Coordinates::all(30));
  for (int64_t extent : {1, 2, 17, 129, 5000})
    for (int64_t count : {1, 2, 3, 8, 100}) {
      Coordinates some = pickRows(extent, count, 2);
      EXPECT_EQ(some.size(), std::min(extent, count));
      EXPECT_LT(some.back(), extent);
    }
  EXPECT_NE(pickRows(5000, 40, 1), pickRows(5000, 40, 2)) << "random ones too";
}

TEST(Rows, even_rows_have_the_mean_of_all) {
  Coordinates rows = pickEvenly(1000, 10);
  int64_t sum = 0;
  for (int64_t i = 0; i != rows.size(); ++i)
    sum += rows[i];
  EXPECT_EQ(sum, 10 * 500);
}

/// Attention over b, p, m, e with a second output, and a recurrence.
struct Cascades : testing::Test {
  Cascades() {
    b.rank("b").rank("p").rank("m").rank("e", 8);
    b.input("Q", "b p e").input("K", "b m e");
    b.einsum("S", "b p m", [](Scope &s) {
      return s("Q", "b", "p", "e") * s("K", "b", "m", "e");
    });
    b.einsum("D", "b p", [](Scope &s) { return s("S", "b", "p", "m"); });
    b.einsum("O", "b p e", [](Scope &s) {
      return s("S", "b", "p", "m") * s("K", "b", "m", "e");
    });
    b.yield("O").yield("D");
    EXPECT_EQ(verify(b.cascade), "");
  }

  Problem makeProblem(int64_t batches, int64_t p, int64_t m) {
    Extents extents;
    EXPECT_EQ(
        bindExtents(b.cascade, {{"b", batches}, {"p", p}, {"m", m}}, extents),
        "");
    return {b.cascade, extents, {}, {}};
  }

  Builder b{"rows"};
};

Coordinates pick(int64_t extent, int64_t count) {
  return pickRows(extent, count, 1);
}

TEST_F(Cascades, a_small_problem_is_whole) {
  Problem problem = makeProblem(2, 10, 10);
  Selection selection(problem, {0, 1}, 1e6, 0, pick);
  EXPECT_TRUE(selection.isWhole());
  EXPECT_EQ(selection.getRequest(0).box,
            getWholeBox(b.cascade, problem.extents, 0));
  EXPECT_EQ(selection.getBatches(1e9).size(), 1u);
}

TEST_F(Cascades, a_large_problem_is_thinned_out_to_the_budget) {
  Problem problem = makeProblem(16, 2000, 2000);
  Selection selection(problem, {0, 1}, 1e7, 0, pick);
  EXPECT_LE(selection.getPoints(), 1e7);
  EXPECT_GE(selection.getPoints(), 1e6);
  EXPECT_NE(selection.describe().find(" of 2000 p"), std::string::npos);
  Selection rows(problem, {0, 1}, 1e7, 12, pick);
  EXPECT_EQ(rows.getRequest(0).box[1].size(), 12);
  EXPECT_LE(rows.getPoints(), 1e7);
}

TEST_F(Cascades, batches_cover_the_selection_once) {
  Problem problem = makeProblem(2, 300, 100);
  Selection selection(problem, {0, 1}, 1e9, 0, pick);
  auto batches = selection.getBatches(1e5);
  EXPECT_GT(batches.size(), 5u);
  int64_t points = 0, rows = 0;
  for (const auto &requests : batches) {
    ASSERT_EQ(requests.size(), 2u);
    points += getNumPoints(requests[0].box);
    rows += getNumPoints(requests[1].box);
  }
  EXPECT_EQ(points, 2 * 300 * 8);
  EXPECT_EQ(rows, 2 * 300);
}

} // namespace
