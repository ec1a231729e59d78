//===- ExprRangeTest.cpp - Bounds and growth ------------------------------===//

#include "lib/Analysis/ExprRange.h"

#include "gtest/gtest.h"

using namespace attn;

namespace {
class ExprRangeTest : public ::testing::Test {
protected:
  ExprContext context;
  RankSet none;
  Expr x = context.freshLeaf("x", none), y = context.freshLeaf("y", none);
  Expr d = context.freshLeaf("d", none, /*accumulator=*/true);
  RangeAnalysis ranges;
};

TEST_F(ExprRangeTest, bounded_functions) {
  Range cap = ranges.get(50 * tanh(x / 50));
  EXPECT_EQ(cap.lower, -50);
  EXPECT_EQ(cap.upper, 50);
  EXPECT_EQ(cap.growth, Growth::Bounded);
  Range gate = ranges.get(sigmoid(x));
  EXPECT_EQ(gate.upper, 1);
  EXPECT_TRUE(gate.isPositive());
}

TEST_F(ExprRangeTest, growth) {
  EXPECT_EQ(ranges.get(x * x + y).growth, Growth::Polynomial);
  EXPECT_EQ(ranges.get(exp(x)).growth, Growth::Exponential);
  EXPECT_EQ(ranges.get(exp(exp(x))).growth, Growth::Unknown);
  EXPECT_EQ(ranges.get(exp(-(x * x))).growth, Growth::Bounded);
  EXPECT_EQ(ranges.get(exp(tanh(x))).growth, Growth::Bounded);
}

TEST_F(ExprRangeTest, signs) {
  EXPECT_EQ(ranges.get(x * x).lower, 0);
  EXPECT_EQ(ranges.get(abs(x) + 1).lower, 1);
  EXPECT_TRUE(ranges.get(rsqrt(x * x + 1)).isPositive());
  EXPECT_EQ(ranges.get(rsqrt(x * x + 1)).upper, 1);
  EXPECT_FALSE(ranges.get(x * y).isNonNegative());
}

TEST_F(ExprRangeTest, difference_from_the_maximum) {
  Expr score = 2 * x + y;
  EXPECT_FALSE(ranges.isStabilised(score - d, 80));
  ranges.addFact(d, ExprReducer::Max, score);
  EXPECT_EQ(ranges.get(score - d).upper, 0);
  EXPECT_EQ(ranges.get(exp(score - d)).upper, 1);
  EXPECT_EQ(ranges.get(3 * score - 3 * d).upper, 0);
  EXPECT_TRUE(ranges.isStabilised(score - d, 80));
  EXPECT_FALSE(ranges.isStabilised(d - score, 80));
  EXPECT_FALSE(ranges.isStabilised(2 * score - d, 80));
}

TEST_F(ExprRangeTest, difference_from_the_minimum) {
  ranges.addFact(d, ExprReducer::Min, -x);
  EXPECT_EQ(ranges.get(x + d).upper, 0);
}

/// exp(-x^2) cannot overflow, but every element may vanish.
TEST_F(ExprRangeTest, negative_bounded_above_only) {
  EXPECT_FALSE(ranges.isStabilised(-(x * x), 80));
  EXPECT_TRUE(ranges.isStabilised(50 * tanh(x), 80));
  EXPECT_FALSE(ranges.isStabilised(100 * tanh(x), 80));
}
} // namespace
