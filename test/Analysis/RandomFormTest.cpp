//===- RandomFormTest.cpp - The derivation on random normal forms ---------===//
//
// Whatever is derived must have the value of what was written. Forms are drawn
// at random; where the value as written is finite and well conditioned, every
// order of the derived form must agree with it.
//
//===----------------------------------------------------------------------===//

#include "test/Analysis/Problem.h"

#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace attn;
using namespace attn::test;

namespace {
class RandomForm {
public:
  explicit RandomForm(unsigned seed) : problem(19, seed), random(seed) {
    for (const char *name : {"X", "Y", "W"})
      elements.push_back(problem.element(name, 0.3, 1));
    build();
  }

  Problem problem;

private:
  std::mt19937 random;
  std::vector<Expr> elements;
  std::vector<Expr> results;

  unsigned choose(unsigned n) {
    return std::uniform_int_distribution<unsigned>(0, n - 1)(random);
  }
  Expr number(double value) { return problem.context.constant(value); }

  /// Of elements, of results, or of both.
  Expr makeAtom() {
    if (!results.empty() && choose(2))
      return results[choose(results.size())];
    if (choose(6) == 0)
      return number(0.5 * (1 + choose(5)));
    return elements[choose(elements.size())];
  }

  Expr makeBody(unsigned depth) {
    if (depth == 0)
      return makeAtom();
    Expr a = makeBody(depth - 1);
    Expr b = choose(2) ? makeBody(depth - 1) : makeAtom();
    switch (choose(14)) {
    case 0:
    case 1:
      return a + b;
    case 2:
    case 3:
      return a - b;
    case 4:
    case 5:
      return a * b;
    case 6:
      return a / (abs(b) + 1);
    case 7:
    case 8:
      return exp(a - b);
    case 9:
      return exp(-abs(a));
    case 10:
      return log(abs(a) + 1);
    case 11:
      return tanh(a) * b;
    case 12:
      return a * a;
    default:
      return max(a, b);
    }
  }

  void build() {
    unsigned numReductions = 2 + choose(4);
    ExprReducer reducers[] = {ExprReducer::Add, ExprReducer::Add,
                              ExprReducer::Add, ExprReducer::Max,
                              ExprReducer::Max, ExprReducer::Min};
    for (unsigned i = 0; i < numReductions; ++i) {
      // Known shapes now and then, so that derivations are not rare.
      Expr body = makeBody(1 + choose(3));
      if (!results.empty()) {
        Expr d = results[choose(results.size())];
        Expr x = elements[choose(elements.size())];
        Expr w = elements[choose(elements.size())];
        switch (choose(7)) {
        case 0:
          body = exp(x - d) * w;
          break;
        case 1:
          body = (x - d) * (w - d);
          break;
        case 2:
          body = (x - d) * exp(x - d);
          break;
        case 3:
          body = body / (abs(d) + 1);
          break;
        default:
          break;
        }
      }
      results.push_back(problem.reduction("D" + std::to_string(i),
                                          reducers[choose(6)], body));
    }
    for (Expr result : results)
      problem.output(result);
  }
};

/// The forms are not all well conditioned.
double getTolerance(double value) {
  return 1e-7 * std::max(1.0, std::fabs(value));
}
} // namespace

TEST(RandomFormTest, derived_value_is_the_value_as_written) {
  unsigned compared = 0, onePass = 0, corrected = 0, closed = 0, refused = 0;
  for (unsigned seed = 0; seed < 3000; ++seed) {
    RandomForm form(seed);
    Problem &p = form.problem;
    Derivation d = derive(p.form);
    std::string text = "seed " + std::to_string(seed) + "\n";
    llvm::raw_string_ostream os(text);
    for (const Reduction &r : p.form.reductions)
      os << r.result << " = " << getReducer(r.reducer).name << "(" << r.body
         << ")\n";
    print(d, os);

    std::vector<double> naive = p.evaluateNaive();
    bool tame = true;
    for (double value : naive)
      tame &= std::isfinite(value) && std::fabs(value) < 1e8;
    if (!tame)
      continue;
    std::vector<std::vector<double>> all = {
        p.evaluateStream(d, 1), p.evaluateStream(d, 5), p.evaluateTree(d, 4)};
    ++compared;
    onePass += d.getNumTraversals() == 1;
    refused += !d.refusals.empty();
    for (const Phase &phase : d.phases)
      for (const Accumulator &a : phase.accumulators) {
        corrected += a.kind == CorrectionKind::Multiply;
        closed += a.kind == CorrectionKind::Linear;
      }
    for (auto &values : all)
      for (unsigned i = 0; i < naive.size(); ++i)
        ASSERT_NEAR(values[i], naive[i], getTolerance(naive[i]))
            << "output " << i << "\n"
            << text;
  }
  // The test is only worth what it covers.
  EXPECT_GT(compared, 1500u);
  EXPECT_GT(onePass, 500u);
  EXPECT_GT(corrected, 40u);
  EXPECT_GT(closed, 50u);
  EXPECT_GT(refused, 300u);
}

/// Whatever stands for a maximum, the values are the same.
TEST(RandomFormTest, chosen_maxima) {
  unsigned taken[4] = {}, kept = 0;
  for (unsigned seed = 0; seed < 300; ++seed) {
    for (MaximumChoice choice : {MaximumChoice::TileLocal, MaximumChoice::Stale,
                                 MaximumChoice::Static}) {
      RandomForm form(seed);
      Problem &p = form.problem;
      // Only what no output yields can be a gauge.
      p.form.outputs.erase(p.form.outputs.begin(), p.form.outputs.end() - 1);
      DerivationOptions options;
      options.maximum = choice;
      options.staleness = 0.5;
      Derivation d = derive(p.form, options);
      for (const ChosenMaximum &maximum : d.maxima) {
        ++taken[unsigned(maximum.choice)];
        kept += maximum.choice == MaximumChoice::Running;
      }
      std::vector<double> naive = p.evaluateNaive();
      // A chunk alone may overflow where all together do not.
      Derivation running = derive(p.form);
      if (!std::isfinite(naive[0]) || std::fabs(naive[0]) > 1e8 ||
          !std::isfinite(p.evaluateTree(running, 1)[0]))
        continue;
      std::string text = "seed " + std::to_string(seed) + "\n";
      llvm::raw_string_ostream os(text);
      for (const Reduction &r : p.form.reductions)
        os << r.result << " = " << getReducer(r.reducer).name << "(" << r.body
           << ")\n";
      print(d, os);
      for (auto &values : {p.evaluateStream(d, 1), p.evaluateStream(d, 5),
                           p.evaluateTree(d, 4)})
        ASSERT_NEAR(values[0], naive[0], getTolerance(naive[0]))
            << stringify(choice).str() << "\n"
            << text;
    }
  }
  EXPECT_GT(taken[unsigned(MaximumChoice::TileLocal)], 50u);
  EXPECT_GT(kept, 50u);
}
