//===- StateRankTest.cpp - How much of a prefix its results depend on -----===//

#include "lib/Cascade/StateRank.h"
#include "test/Analysis/Problem.h"

#include "gtest/gtest.h"

using namespace attn;
using namespace attn::test;

namespace {
struct StateRankTest : testing::Test {
  Problem p{1};
  Expr x = p.element("X", 0, 1), v = p.element("V", 0, 1);

  std::vector<unsigned> measure() {
    std::vector<unsigned> ranks;
    for (unsigned n : {4, 8, 16}) {
      std::optional<unsigned> rank = measureStateRank(p.form, n);
      EXPECT_TRUE(rank.has_value());
      ranks.push_back(rank.value_or(0));
    }
    return ranks;
  }
};
using Ranks = std::vector<unsigned>;
} // namespace

/// Of a state of maximum and sum, the result knows one number.
TEST_F(StateRankTest, log_sum_exp) {
  Expr m = p.maximum("M", x);
  p.output(m + log(p.sum("L", exp(x - m))));
  EXPECT_EQ(measure(), Ranks({1, 1, 1}));
}

TEST_F(StateRankTest, softmax) {
  Expr m = p.maximum("M", x);
  Expr e = exp(x - m);
  p.output(p.sum("O", e * v) / p.sum("L", e));
  EXPECT_EQ(measure(), Ranks({2, 2, 2}));
}

TEST_F(StateRankTest, variance) {
  Expr mean = p.sum("S", x) / p.extent();
  p.output(p.sum("Q", (x - mean) * (x - mean)));
  EXPECT_EQ(measure(), Ranks({2, 2, 2}));
}

/// What the derivation refuses: every longer prefix has more to remember.
TEST_F(StateRankTest, negative_mean_absolute_deviation) {
  Expr mean = p.sum("S", x) / p.extent();
  p.output(p.sum("D", abs(x - mean)));
  Ranks ranks = measure();
  EXPECT_GE(ranks[0], 3u);
  EXPECT_GT(ranks[2], ranks[0]);
}

/// Scores divided by their root mean square.
TEST_F(StateRankTest, negative_scaled_softmax) {
  Expr scale = rsqrt(p.sum("S", x * x) / p.extent());
  Expr e = exp(x * scale);
  p.output(p.sum("O", e * v) / p.sum("L", e));
  Ranks ranks = measure();
  EXPECT_GE(ranks[0], 4u);
  EXPECT_GT(ranks[1], ranks[0]);
}

TEST_F(StateRankTest, negative_output_keeps_rank) {
  Expr m = p.maximum("M", x);
  p.output(x - m);
  EXPECT_FALSE(measureStateRank(p.form, 4).has_value());
}
