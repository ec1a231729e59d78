//===- ChooseMaximumTest.cpp - What stands for a running maximum ----------===//

#include "lib/Cascade/ChooseMaximum.h"
#include "test/Analysis/Problem.h"

#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

#include <cmath>

using namespace attn;
using namespace attn::test;

namespace {
constexpr MaximumChoice all[] = {MaximumChoice::Running,
                                 MaximumChoice::TileLocal,
                                 MaximumChoice::Static, MaximumChoice::Stale};

DerivationOptions getOptions(MaximumChoice choice) {
  DerivationOptions options;
  options.maximum = choice;
  options.expLimit = 700; // of f64, in which this is evaluated
  return options;
}

std::string getText(const Derivation &derivation) {
  std::string text;
  llvm::raw_string_ostream os(text);
  print(derivation, os);
  for (const ChosenMaximum &maximum : derivation.maxima)
    os << maximum.name << ": " << stringify(maximum.choice) << " "
       << maximum.reason << "\n";
  return text;
}

void expectSameValues(const Problem &problem, const Derivation &derivation) {
  std::vector<double> naive = problem.evaluateNaive();
  for (const std::vector<double> &values :
       {problem.evaluateStream(derivation, 1),
        problem.evaluateStream(derivation, 7),
        problem.evaluateStream(derivation, 1000),
        problem.evaluateTree(derivation, 5)})
    for (unsigned i = 0; i < naive.size(); ++i)
      if (values[i] != naive[i])
        EXPECT_NEAR(values[i], naive[i], 1e-12 * std::fabs(naive[i]))
            << "output " << i << "\n"
            << getText(derivation);
}

/// The choice was taken, and the values are those as written.
void expectTaken(const Problem &problem, const Derivation &derivation,
                 MaximumChoice choice) {
  EXPECT_EQ(derivation.getNumTraversals(), 1u);
  if (choice != MaximumChoice::Running) {
    ASSERT_EQ(derivation.maxima.size(), 1u) << getText(derivation);
    EXPECT_EQ(derivation.maxima[0].choice, choice) << getText(derivation);
  }
  expectSameValues(problem, derivation);
}

/// The running maximum stays, for a reason that says `part`.
void expectKept(const Problem &problem, const Derivation &derivation,
                llvm::StringRef part) {
  ASSERT_EQ(derivation.maxima.size(), 1u) << getText(derivation);
  EXPECT_EQ(derivation.maxima[0].choice, MaximumChoice::Running);
  EXPECT_NE(derivation.maxima[0].reason.find(part), std::string::npos)
      << derivation.maxima[0].reason;
  expectSameValues(problem, derivation);
}
} // namespace

/// Scores N(0, 150^2); a scalar above them all is there for the asking.
TEST(ChooseMaximumTest, softmax) {
  for (MaximumChoice choice : all)
    for (unsigned seed = 0; seed < 4; ++seed) {
      Problem p(48, seed);
      Expr x = p.element("X", 0, 150), v = p.element("V", 1, 0.3);
      Expr bound = p.parameter("bound", 640);
      Expr m = p.maximum("M", x);
      Expr l = p.sum("L", exp(x - m));
      p.output(p.sum("O", exp(x - m) / l * v));
      DerivationOptions options = getOptions(choice);
      options.maximumBound = bound;
      Derivation d = derive(p.form, options);
      expectTaken(p, d, choice);
      unsigned numStates = choice == MaximumChoice::Static ? 2 : 3;
      EXPECT_EQ(d.phases[0].accumulators.size(), numStates);
    }
}

/// The logarithm of a sum is invariant, though the maximum stands in it.
TEST(ChooseMaximumTest, log_sum_exp) {
  for (MaximumChoice choice : all) {
    Problem p(48);
    Expr x = p.element("X", 0, 150);
    Expr m = p.maximum("M", x);
    Expr l = p.sum("L", exp(x - m));
    p.output(m + log(l));
    DerivationOptions options = getOptions(choice);
    options.maximumBound = p.parameter("bound", 640);
    expectTaken(p, derive(p.form, options), choice);
  }
}

/// The finite-rank closure corrects by a matrix; that is seen through, too.
TEST(ChooseMaximumTest, entropy) {
  for (MaximumChoice choice : all) {
    Problem p(48);
    Expr x = p.element("X", 0, 5);
    Expr m = p.maximum("M", x);
    Expr l = p.sum("L", exp(x - m));
    Expr s = p.sum("S", (x - m) * exp(x - m));
    p.output(log(l) - s / l);
    DerivationOptions options = getOptions(choice);
    options.maximumBound = p.parameter("bound", 10);
    expectTaken(p, derive(p.form, options), choice);
  }
}

/// A number is found where the elements have a range: its end, or its middle.
TEST(ChooseMaximumTest, static_by_range) {
  for (double cap : {300.0, 600.0}) {
    Problem p(48);
    Expr x = p.element("X", 0, 150), v = p.element("V", 1, 0.3);
    Expr z = 1000 + cap * tanh(x / cap);
    Expr m = p.maximum("M", z);
    p.output(p.sum("O", exp(z - m) * v) / p.sum("L", exp(z - m)));
    Derivation d = derive(p.form, getOptions(MaximumChoice::Static));
    expectTaken(p, d, MaximumChoice::Static);
    EXPECT_TRUE(d.maxima[0].bound.isConstant(cap < 350 ? 1000 + cap : 1000));
  }
}

/// With the elements within the limit of 0 the maximum is deferred and gone,
/// whatever function it is that bounds them.
TEST(ChooseMaximumTest, bounded_elements_need_none) {
  for (unsigned kind = 0; kind < 4; ++kind) {
    Problem p(48);
    Expr x = p.element("X", 0, 150), v = p.element("V", 1, 0.3);
    ExprContext &context = p.context;
    Expr z = kind == 0   ? 300 * tanh(x / 300)
             : kind == 1 ? 600 * sigmoid(x) - 50
             : kind == 2
                 ? max(min(x, context.constant(200)), context.constant(-100))
                 : 300 * context.unary(ExprKind::Sin, x);
    Expr m = p.maximum("M", z);
    p.output(p.sum("O", exp(z - m) * v) / p.sum("L", exp(z - m)));
    Derivation d = derive(p.form, getOptions(MaximumChoice::Running));
    EXPECT_EQ(d.phases[0].accumulators.size(), 2u) << getText(d);
    expectSameValues(p, d);
  }
}

TEST(ChooseMaximumTest, negative_nothing_bounds) {
  Problem p(48);
  Expr x = p.element("X", 0, 150), v = p.element("V", 1, 0.3);
  Expr m = p.maximum("M", x);
  p.output(p.sum("O", exp(x - m) * v) / p.sum("L", exp(x - m)));
  expectKept(p, derive(p.form, getOptions(MaximumChoice::Static)),
             "nothing bounds `X`");
}

/// In f32 no number is near enough to both ends of the range.
TEST(ChooseMaximumTest, negative_range_too_wide) {
  Problem p(48);
  Expr x = p.element("X", 0, 150), v = p.element("V", 1, 0.3);
  Expr z = 300 * tanh(x / 300);
  Expr m = p.maximum("M", z);
  p.output(p.sum("O", exp(z - m) * v) / p.sum("L", exp(z - m)));
  DerivationOptions options;
  options.maximum = MaximumChoice::Static;
  expectKept(p, derive(p.form, options), "no number keeps");
}

/// The maximum is yielded, or the sum is, which means nothing without it.
TEST(ChooseMaximumTest, negative_outputs_show_it) {
  for (MaximumChoice choice : {MaximumChoice::Static, MaximumChoice::Stale})
    for (unsigned kind = 0; kind < 4; ++kind) {
      Problem p(48);
      Expr x = p.element("X", 0, 150);
      Expr m = p.maximum("M", x);
      Expr l = p.sum("L", exp(x - m));
      p.output(m + log(l));
      p.output(kind == 0   ? m
               : kind == 1 ? l
               : kind == 2 ? exp(m / 1000) * l
                           : log(l));
      DerivationOptions options = getOptions(choice);
      options.maximumBound = p.parameter("bound", 640);
      expectKept(p, derive(p.form, options), "is another for another value");
    }
}

/// What an element has that reaches the maximum is not what another has.
TEST(ChooseMaximumTest, negative_points_of_the_maximum) {
  for (MaximumChoice choice : {MaximumChoice::Static, MaximumChoice::Stale}) {
    Problem p(48);
    Expr x = p.element("X", 0, 150), v = p.element("V", 1, 0.3);
    Expr m = p.maximum("M", x);
    p.output(p.reduction("A", ExprReducer::Add, v,
                         p.context.compare(ExprKind::Equal, x, m)));
    DerivationOptions options = getOptions(choice);
    options.maximumBound = p.parameter("bound", 640);
    expectKept(p, derive(p.form, options), "is another for another value");
  }
}

/// exp(s * (x - m)) for an m that lags behind is bounded only if s is.
TEST(ChooseMaximumTest, negative_stale_with_unknown_scale) {
  Problem p(48);
  Expr x = p.element("X", 0, 150), v = p.element("V", 1, 0.3);
  Expr s = p.parameter("s", 0.5);
  Expr m = p.maximum("M", x);
  Expr e = exp(s * (x - m));
  p.output(p.sum("O", e * v) / p.sum("L", e));
  expectKept(p, derive(p.form, getOptions(MaximumChoice::Stale)),
             "nothing proves a bound");
}

/// Two maxima, one of which an output shows.
TEST(ChooseMaximumTest, each_on_its_own) {
  Problem p(48);
  Expr x = p.element("X", 0, 150), y = p.element("Y", 0, 150),
       v = p.element("V", 1, 0.3);
  Expr m = p.maximum("M", x), n = p.maximum("N", y);
  Expr l = p.sum("L", exp(x - m)), k = p.sum("K", exp(y - n));
  p.output(p.sum("O", exp(x - m) / l * v));
  p.output(p.sum("P", exp(y - n) / k * v));
  p.output(n);
  Derivation d = derive(p.form, getOptions(MaximumChoice::Stale));
  ASSERT_EQ(d.maxima.size(), 2u);
  EXPECT_EQ(d.maxima[0].choice, MaximumChoice::Stale);
  EXPECT_EQ(d.maxima[1].choice, MaximumChoice::Running);
  expectSameValues(p, d);
}

/// No choice defers a stabiliser away: some state still bounds the exponent.
TEST(ChooseMaximumTest, negative_never_gone) {
  for (MaximumChoice choice : all) {
    Problem p(48);
    Expr x = p.element("X", 0, 150), v = p.element("V", 1, 0.3);
    Expr m = p.maximum("M", x);
    p.output(p.sum("O", exp(x - m) * v) / p.sum("L", exp(x - m)));
    Derivation d = derive(p.form, getOptions(choice));
    EXPECT_EQ(d.phases[0].accumulators.size(), 3u) << getText(d);
  }
}

/// Far older maxima would be wrong; the test of it can fail.
TEST(ChooseMaximumTest, negative_stale_is_bounded) {
  Problem p(48);
  std::vector<double> rising;
  for (unsigned i = 0; i < 48; ++i)
    rising.push_back(300.0 * i);
  Expr x = p.element("X", rising), v = p.element("V", 1, 0.3);
  Expr m = p.maximum("M", x);
  p.output(p.sum("O", exp(x - m) * v) / p.sum("L", exp(x - m)));
  Derivation d = derive(p.form, getOptions(MaximumChoice::Stale));
  expectTaken(p, d, MaximumChoice::Stale);
  d.phases[0].accumulators[0].staleness = 1e9;
  EXPECT_FALSE(std::isfinite(p.evaluateStream(d, 1)[0]));
}

/// Sums of powers of exp(x - m), and random functions of them: those that are
/// homogeneous of degree 0 have m as a gauge, others don't, and all keep their
/// value.
TEST(ChooseMaximumTest, random_functions_of_sums) {
  unsigned taken = 0, kept = 0;
  for (unsigned seed = 0; seed < 300; ++seed)
    for (MaximumChoice choice : all) {
      Problem p(23, seed);
      auto choose = [&](unsigned n) {
        return std::uniform_int_distribution<unsigned>(0, n - 1)(p.random);
      };
      Expr x = p.element("X", 0, 150), v = p.element("V", 1, 0.1),
           w = p.element("W", 2, 0.1);
      Expr m = p.maximum("M", x);
      // Some disguises of exp(k * (x - m)) u.
      auto sum = [&](unsigned k, const char *name) {
        Expr e = choose(3) == 0 ? exp2((k * x - k * m) / std::log(2.0))
                 : choose(2)    ? exp(double(k) * x - double(k) * m)
                                : exp(double(k) * (x - m));
        Expr u = choose(3) == 0 ? v * w : choose(2) ? v : abs(w) + 1;
        return p.sum(name, choose(2) ? e * u : u * e + 2 * e * v);
      };
      unsigned degrees[4];
      Expr sums[4];
      const char *names[] = {"A", "B", "C", "D"};
      for (unsigned i = 0; i < 4; ++i) {
        degrees[i] = 1 + choose(2);
        sums[i] = sum(degrees[i], names[i]);
      }
      Expr output = sums[0] * sums[1] / (sums[2] * sums[3]);
      int degree = degrees[0] + degrees[1] - degrees[2] - degrees[3];
      if (choose(4) == 0) {
        output = log(sums[0]) + double(degrees[0]) * m;
        degree = 0;
      } else if (choose(4) == 0 && degrees[0] == degrees[1]) {
        output = (sums[0] + 3 * sums[1]) / sums[2];
        degree = degrees[0] - degrees[2];
      }
      p.output(output);
      DerivationOptions options = getOptions(choice);
      options.expLimit = 1500;
      Derivation d = derive(p.form, options);
      for (const ChosenMaximum &maximum : d.maxima) {
        bool mayTake = choice == MaximumChoice::TileLocal || degree == 0;
        if (choice != MaximumChoice::Static) {
          EXPECT_EQ(maximum.choice == choice, mayTake)
              << "seed " << seed << ": " << getText(d);
        }
        ++(maximum.choice == choice ? taken : kept);
      }
      expectSameValues(p, d);
    }
  EXPECT_GT(taken, 300u);
  EXPECT_GT(kept, 300u);
}
