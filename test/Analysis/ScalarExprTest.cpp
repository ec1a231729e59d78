//===- ScalarExprTest.cpp - Canonical form --------------------------------===//

#include "lib/Analysis/ScalarExpr.h"

#include "gtest/gtest.h"

#include <cmath>
#include <functional>
#include <random>

using namespace attn;

namespace {
class ScalarExprTest : public ::testing::Test {
protected:
  ExprContext context;
  RankSet none;
  Expr a = context.freshLeaf("a", none), b = context.freshLeaf("b", none);
  Expr c = context.freshLeaf("c", none), x = context.freshLeaf("x", none);
  Expr m = context.freshLeaf("m", none, /*accumulator=*/true);

  Expr number(double value) { return context.constant(value); }
};

TEST_F(ScalarExprTest, equal_structure_is_one_pointer) {
  EXPECT_EQ(a + b, b + a);
  EXPECT_EQ((a + b) + c, a + (b + c));
  EXPECT_EQ(a * (b * c), (c * a) * b);
  EXPECT_EQ(max(a, max(b, c)), max(max(c, b), a));
  EXPECT_NE(a - b, b - a);
}

TEST_F(ScalarExprTest, sums_collect) {
  EXPECT_EQ(2 * a + 3 * a, 5 * a);
  EXPECT_EQ(a - (a - b), b);
  EXPECT_EQ(a + b - b, a);
  EXPECT_EQ(0.5 * (a + b) - 0.5 * b, 0.5 * a);
  EXPECT_EQ(0.1 * a + 0.2 * a - 0.3 * a, number(0));
  EXPECT_EQ(c * (2 * a + 2 * b), 2 * (c * (a + b)));
  EXPECT_EQ(c * (a - b), -(c * (b - a)));
}

TEST_F(ScalarExprTest, products_collect) {
  EXPECT_EQ(a * a, context.pow(a, 2.0));
  EXPECT_EQ(a / b / c, a / (b * c));
  EXPECT_EQ(sqrt(x) * sqrt(x), x);
  EXPECT_EQ(1 / (1 / a), a);
  EXPECT_EQ(exp(a) / exp(a), number(1));
  EXPECT_EQ((a - b) * (a - b), (b - a) * (b - a));
}

/// 0 / 0 is 0, so x / x is 0 at 0.
TEST_F(ScalarExprTest, negative_quotient_of_what_may_vanish) {
  EXPECT_NE(x / x, number(1));
  EXPECT_NE(x / (x * x), 1 / x);
  EXPECT_EQ(x * x / x, x);
  Expr positive = context.leaf({"p", 1, none, false, 0.5, 2});
  EXPECT_EQ(positive / positive, number(1));
  EXPECT_EQ(context.quotient(a * x, b * x), a / b);
}

TEST_F(ScalarExprTest, exponentials) {
  EXPECT_EQ(exp(a) * exp(b), exp(a + b));
  EXPECT_EQ(exp(a) / exp(b), exp(a - b));
  EXPECT_EQ(1 / exp(m - x), exp(x - m));
  EXPECT_EQ(exp2(a * 1.4426950408889634), exp(a));
  EXPECT_EQ(exp2((x - m) * 1.4426950408889634), exp(x - m));
  EXPECT_EQ(log(exp(a)), a);
  EXPECT_EQ(log(b * exp(a)), a + log(b));
  EXPECT_EQ(exp(x - log(b)), exp(x) / b);
  EXPECT_EQ(log2(exp2(a)), a);
  EXPECT_EQ(sqrt(exp(2 * a)), exp(a));
}

TEST_F(ScalarExprTest, minima_and_absolute_values) {
  EXPECT_EQ(min(a, b), -max(-a, -b));
  EXPECT_EQ(-min(-a, -b), max(a, b));
  EXPECT_EQ(max(a, a), a);
  EXPECT_EQ(max(a, number(-HUGE_VAL)), a);
  EXPECT_EQ(abs(a - b), abs(b - a));
  EXPECT_EQ(abs(-2 * a), 2 * abs(a));
  EXPECT_EQ(sqrt(a * a), abs(a));
  EXPECT_EQ(tanh(-a), -tanh(a));
}

TEST_F(ScalarExprTest, conditions) {
  Expr less = context.compare(ExprKind::Less, a, b);
  EXPECT_EQ(context.select(less, a, a), a);
  EXPECT_EQ(context.select(context.logicalNot(less), a, b),
            context.select(less, b, a));
  EXPECT_EQ(context.logicalAnd({less, number(1)}), less);
  EXPECT_EQ(context.logicalOr({less, number(1)}), number(1));
  EXPECT_EQ(context.compare(ExprKind::Equal, a, a), number(1));
}

TEST_F(ScalarExprTest, prints_as_written) {
  EXPECT_EQ((a - b).str(), "a - b");
  EXPECT_EQ((a / b).str(), "a/b");
  EXPECT_EQ((a / (b * c)).str(), "a/(b*c)");
  EXPECT_EQ(exp(x - m).str(), "exp(x - m)");
  EXPECT_EQ(min(a, b).str(), "min(a, b)");
  EXPECT_EQ((c - min(a, b)).str(), "c - min(a, b)");
  EXPECT_EQ((0.5 * (a + b)).str(), "0.5*(a + b)");
  EXPECT_EQ((c * (a + b)).str(), "c*(a + b)");
  EXPECT_EQ((-a - b).str(), "-(a + b)");
  EXPECT_EQ((-(a * b)).str(), "-a*b");
  EXPECT_EQ((a * rsqrt(b)).str(), "a/sqrt(b)");
  EXPECT_EQ(rsqrt(b).str(), "rsqrt(b)");
  EXPECT_EQ((a * a * a).str(), "a^3");
  EXPECT_EQ((a + 1).str(), "a + 1");
  EXPECT_EQ((a - 1).str(), "a - 1");
}

TEST_F(ScalarExprTest, ranks_and_leaves) {
  unsigned r = context.getRank("r"), s = context.getRank("s");
  RankSet rOnly;
  rOnly.set(r);
  Expr y = context.freshLeaf("y", rOnly);
  Expr expr = exp(y - m) * context.rankVar(s) + context.extent(r);
  EXPECT_TRUE(expr.ranks().test(r));
  EXPECT_TRUE(expr.ranks().test(s));
  EXPECT_EQ(expr.ranks().count(), 2u);
  EXPECT_TRUE(expr.hasAccumulator());
  EXPECT_EQ(getLeaves(expr).size(), 2u);
  EXPECT_EQ(context.leaf({"t", 7, none}), context.leaf({"t", 7, none}));
  EXPECT_NE(context.leaf({"t", 7, none}), context.leaf({"t", 8, none}));
}

TEST_F(ScalarExprTest, substitution_is_simultaneous_and_canonical) {
  EXPECT_EQ(substitute(a - b, {{a, b}, {b, a}}), b - a);
  EXPECT_EQ(substitute(exp(x - m), {{m, x}}), number(1));
}

TEST_F(ScalarExprTest, expansion) {
  EXPECT_EQ(expand((a + b) * (a - b)), a * a - b * b);
  EXPECT_EQ(expand(exp(c * (a - b))), exp(c * a - c * b));
  EXPECT_EQ(expand((a + 1) * (a + 1)), a * a + 2 * a + 1);
}

/// Sums of so many terms are left alone before they are made: new expressions
/// have ids in the order of their making.
TEST_F(ScalarExprTest, expansion_of_a_chain_is_linear) {
  auto count = [&](unsigned length) {
    Expr chain = x * (length + 2); // another one each time
    for (unsigned i = 0; i != length; ++i)
      chain = chain * chain + exp(chain);
    Expr last = expand(chain);
    return last.id() - chain.id();
  };
  unsigned shorter = count(20), longer = count(40);
  EXPECT_LT(longer, 3 * shorter);
}

TEST_F(ScalarExprTest, derivatives) {
  EXPECT_EQ(differentiate((x - a) * (x - a), a), 2 * a - 2 * x);
  EXPECT_EQ(differentiate(exp(x * a), a), x * exp(x * a));
  EXPECT_EQ(differentiate(abs(b), a), number(0));
  EXPECT_FALSE(differentiate(abs(a), a));
}

/// A chain whose tree would have 2^200 nodes.
TEST_F(ScalarExprTest, shared_expressions_stay_small) {
  Expr e = x;
  for (int i = 0; i < 200; ++i)
    e = tanh(e * sqrt(abs(e) + 1));
  EXPECT_LT(postOrder(e).size(), 2000u);
  Expr moved = substitute(e, {{x, a}});
  EXPECT_NE(moved, e);
  EXPECT_EQ(substitute(moved, {{a, x}}), e);
  EXPECT_TRUE(std::isfinite(evaluate(e, [](Expr) { return 0.3; })));
  EXPECT_LT(e.str().size(), 20000u);
}

/// A chain deeper than any stack.
TEST_F(ScalarExprTest, deep_expressions_do_not_recurse) {
  Expr e = x;
  for (int i = 0; i < 100000; ++i)
    e = context.unary(ExprKind::Sin, e + 1);
  EXPECT_NE(substitute(e, {{x, a}}), e);
  EXPECT_TRUE(std::isfinite(evaluate(e, [](Expr) { return 0.3; })));
}

/// Random expressions, built canonically and computed directly side by side.
TEST_F(ScalarExprTest, every_rule_keeps_the_value) {
  struct Pair {
    Expr expr;
    double value;
  };
  unsigned compared = 0;
  for (unsigned seed = 0; seed < 500; ++seed) {
    std::mt19937 random(seed);
    auto choose = [&](unsigned n) {
      return std::uniform_int_distribution<unsigned>(0, n - 1)(random);
    };
    std::uniform_real_distribution<double> uniform(-2, 2);
    llvm::DenseMap<Expr, double> leaves;
    std::vector<Pair> pool;
    for (Expr leaf : {a, b, c, x})
      pool.push_back({leaf, leaves[leaf] = uniform(random)});
    double constants[] = {-2, -1, 0.5, 2, 3, M_LN2, M_LOG2E};
    for (double value : constants)
      pool.push_back({number(value), value});
    for (unsigned step = 0; step < 25; ++step) {
      Pair p = pool[choose(pool.size())], q = pool[choose(pool.size())];
      Pair r;
      switch (choose(16)) {
      case 0:
        r = {p.expr + q.expr, p.value + q.value};
        break;
      case 1:
        r = {p.expr - q.expr, p.value - q.value};
        break;
      case 2:
      case 3:
        r = {p.expr * q.expr, p.value * q.value};
        break;
      case 4:
      case 5:
        r = {p.expr / q.expr, p.value / q.value};
        break;
      case 6:
        r = {exp(p.expr), std::exp(p.value)};
        break;
      case 7:
        r = {exp2(p.expr), std::exp2(p.value)};
        break;
      case 8:
        r = {log(abs(p.expr)), std::log(std::fabs(p.value))};
        break;
      case 9:
        r = {tanh(p.expr), std::tanh(p.value)};
        break;
      case 10:
        r = {abs(p.expr), std::fabs(p.value)};
        break;
      case 11:
        r = {max(p.expr, q.expr), std::fmax(p.value, q.value)};
        break;
      case 12:
        r = {min(p.expr, q.expr), std::fmin(p.value, q.value)};
        break;
      case 13:
        r = {sqrt(abs(p.expr)), std::sqrt(std::fabs(p.value))};
        break;
      case 14:
        r = {-p.expr, -p.value};
        break;
      case 15:
        r = {sigmoid(p.expr), 1 / (1 + std::exp(-p.value))};
        break;
      }
      // Stay away from poles and overflow: the rules are about finite values.
      if (!std::isfinite(r.value) || std::fabs(r.value) > 1e6 ||
          (r.value != 0 && std::fabs(r.value) < 1e-6))
        continue;
      pool.push_back(r);
      auto valueOf = [&](Expr leaf) { return leaves.lookup(leaf); };
      double tolerance = 1e-5 * std::max(1.0, std::fabs(r.value));
      ASSERT_NEAR(evaluate(r.expr, valueOf), r.value, tolerance)
          << "seed " << seed << ": " << r.expr.str();
      ASSERT_NEAR(evaluate(expand(r.expr), valueOf), r.value, tolerance)
          << "seed " << seed << ": " << r.expr.str();
      ++compared;
    }
  }
  EXPECT_GT(compared, 5000u);
}
} // namespace
