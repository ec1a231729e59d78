//===- DisguiseTest.cpp - Softmax attention in many forms -----------------===//
//
// FuseMax's Cascade 4 written in seeded random ways that leave its value
// alone. Every one must become one traversal with a running maximum, and give
// the naive value in any order, on scores that overflow exp without one.
//
//===----------------------------------------------------------------------===//

#include "test/Analysis/Problem.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace attn;
using namespace attn::test;

namespace {
class Disguise {
public:
  explicit Disguise(unsigned seed) : problem(41, seed), random(seed) {}

  void build();

  Problem problem;
  std::string description;

private:
  std::mt19937 random;

  unsigned choose(llvm::StringRef what, unsigned n) {
    unsigned choice = std::uniform_int_distribution<unsigned>(0, n - 1)(random);
    description += " " + what.str() + "=" + std::to_string(choice);
    return choice;
  }

  Expr number(double value) { return problem.context.constant(value); }
  Expr makeScore();
  Expr makeMaximum(Expr score);
  Expr makeExponential(Expr score, Expr maximum);
  Expr makeNormalised(Expr weight, Expr score, Expr maximum, Expr factor,
                      Expr sum);

  Expr presence;
  Expr maximum(Expr body) {
    return problem.reduction("GM", ExprReducer::Max, body, presence);
  }
  Expr minimum(Expr body) {
    return problem.reduction("GN", ExprReducer::Min, body, presence);
  }
  Expr sum(llvm::StringRef name, Expr body) {
    return problem.reduction(name, ExprReducer::Add, body, presence);
  }
};
} // namespace

Expr Disguise::makeScore() {
  switch (choose("score", 6)) {
  case 0:
    return problem.element("QK", 0, 150);
  case 1:
    return 0.125 * problem.element("QK", 0, 1200);
  case 2:
    return problem.element("QK", 0, 150) + problem.element("B", 0, 20);
  case 3:
    return problem.parameter("scale", 0.125) * problem.element("QK", 0, 1200);
  case 4: // ALiBi
    return problem.element("QK", 0, 150) -
           problem.parameter("slope", 0.25) *
               (problem.parameter("p", 40) -
                problem.context.rankVar(problem.form.rank));
  default:
    return 0.25 * (problem.element("QK0", 0, 400) +
                   problem.element("QK1", 0, 400)) +
           3;
  }
}

Expr Disguise::makeMaximum(Expr score) {
  switch (choose("max", 7)) {
  case 0:
    return maximum(score);
  case 1:
    return -minimum(-score);
  case 2:
    return 0.5 * maximum(2 * score);
  case 3:
    return maximum(score + 5) - 5;
  case 4:
    return maximum(score * M_LOG2E) * M_LN2;
  case 5: { // two halves of the keys
    Expr low = problem.context.compare(
        ExprKind::Less, problem.context.rankVar(problem.form.rank), number(17));
    Expr none = number(-HUGE_VAL);
    Expr a = maximum(problem.context.select(low, score, none));
    Expr b = maximum(problem.context.select(low, none, score));
    return max(a, b);
  }
  default:
    return min(maximum(score), -minimum(-score));
  }
}

Expr Disguise::makeExponential(Expr score, Expr maximum) {
  switch (choose("exp", 10)) {
  case 0:
    return exp(score - maximum);
  case 1:
    return exp2((score - maximum) * M_LOG2E);
  case 2:
    return exp(score) / exp(maximum);
  case 3:
    return 1 / exp(maximum - score);
  case 4:
    return exp(-maximum) * exp(score);
  case 5: {
    Expr half = exp((score - maximum) / 2);
    return half * half;
  }
  case 6:
    return sqrt(exp(2 * (score - maximum)));
  case 7:
    return exp2(score * M_LOG2E - maximum * M_LOG2E);
  case 8:
    return exp(-(maximum - score));
  default:
    return exp2(score / M_LN2) / exp(maximum);
  }
}

Expr Disguise::makeNormalised(Expr weight, Expr score, Expr maximum,
                              Expr factor, Expr sum) {
  switch (choose("normalised", 5)) {
  case 0:
    return weight / sum;
  case 1:
    return (1 / sum) * weight;
  case 2:
    return exp(score - maximum - log(sum)) * factor;
  case 3: {
    Expr logSumExp = maximum + log(sum);
    return factor * exp(score - logSumExp);
  }
  default:
    return exp(log(weight) - log(sum));
  }
}

void Disguise::build() {
  if (choose("filter", 3) == 0)
    presence = problem.context.compare(
        ExprKind::LessEqual, problem.context.rankVar(problem.form.rank),
        number(29));
  Expr score = makeScore();
  if (choose("deadBefore", 3) == 0)
    sum("DEAD", score * score);
  Expr max = makeMaximum(score);
  Expr factor = choose("factor", 2) ? exp(0.1 * problem.element("LOGW", 0, 1))
                                    : number(1);
  Expr weight = makeExponential(score, max) * factor;
  if (choose("swapped", 2))
    weight = factor * makeExponential(score, max);
  Expr denominator = sum("SD", weight);
  bool late = choose("late", 3) == 0;
  Expr normalised =
      late ? weight : makeNormalised(weight, score, max, factor, denominator);
  if (choose("deadBetween", 3) == 0)
    sum("DEAD2", abs(score - max));
  unsigned values = 1 + choose("values", 2);
  for (unsigned i = 0; i < values; ++i) {
    Expr value = problem.element("V" + std::to_string(i), 1, 0.3);
    Expr product = choose("order", 2) ? value * normalised : normalised * value;
    Expr numerator = sum("AV", product);
    problem.output(late ? numerator / denominator : numerator);
  }
  if (choose("lse", 3) == 0)
    problem.output(max + log(denominator));
}

static void expectClose(const std::vector<double> &actual,
                        const std::vector<double> &expected,
                        const std::string &what) {
  ASSERT_EQ(actual.size(), expected.size());
  for (unsigned i = 0; i < actual.size(); ++i)
    EXPECT_NEAR(actual[i], expected[i], 1e-12 * std::fabs(expected[i])) << what;
}

TEST(DisguiseTest, three_hundred_forms_of_cascade_4) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    Disguise disguise(seed);
    disguise.build();
    Problem &problem = disguise.problem;
    Derivation derivation = derive(problem.form);
    std::string text =
        "seed " + std::to_string(seed) + ":" + disguise.description + "\n";
    llvm::raw_string_ostream os(text);
    print(derivation, os);

    ASSERT_EQ(derivation.getNumTraversals(), 1u) << text;
    EXPECT_TRUE(derivation.refusals.empty()) << text;
    bool hasMaximum = false;
    for (const Accumulator &a : derivation.phases.front().accumulators) {
      hasMaximum |= a.reducer == ExprReducer::Max;
      // Each sum moves with the maximum.
      EXPECT_EQ(a.kind, a.reducer == ExprReducer::Add ? CorrectionKind::Multiply
                                                      : CorrectionKind::None)
          << text;
    }
    EXPECT_TRUE(hasMaximum) << text;
    EXPECT_LE(derivation.phases.front().accumulators.size(), 5u) << text;

    std::vector<double> naive = problem.evaluateNaive();
    for (double value : naive)
      EXPECT_TRUE(std::isfinite(value)) << text;
    expectClose(problem.evaluateStream(derivation, 1), naive, text);
    expectClose(problem.evaluateStream(derivation, 8), naive, text);
    expectClose(problem.evaluateTree(derivation, 3), naive, text);
    if (HasFailure())
      return;
  }
}
