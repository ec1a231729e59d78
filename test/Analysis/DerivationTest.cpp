//===- DerivationTest.cpp - One-pass forms, and refusals ------------------===//

#include "test/Analysis/Problem.h"

#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

#include <chrono>
#include <cmath>

using namespace attn;
using namespace attn::test;

namespace {
std::string getText(const Derivation &derivation) {
  std::string text;
  llvm::raw_string_ostream os(text);
  print(derivation, os);
  return text;
}

/// The derived form in every order against the form as written.
void expectSameValues(const Problem &problem, const Derivation &derivation,
                      double tolerance = 1e-12) {
  std::vector<double> naive = problem.evaluateNaive();
  auto compare = [&](const char *order, const std::vector<double> &values) {
    ASSERT_EQ(values.size(), naive.size());
    for (unsigned i = 0; i < naive.size(); ++i) {
      if (values[i] == naive[i])
        continue;
      EXPECT_NEAR(values[i], naive[i], tolerance * std::fabs(naive[i]))
          << order << ", output " << i << "\n"
          << getText(derivation);
    }
  };
  compare("element by element", problem.evaluateStream(derivation, 1));
  compare("tile by tile", problem.evaluateStream(derivation, 7));
  compare("all at once", problem.evaluateStream(derivation, 1000));
  compare("tree", problem.evaluateTree(derivation, 5));
}

const Accumulator &getAccumulator(const Derivation &derivation, unsigned i,
                                  unsigned phase = 0) {
  return derivation.phases[phase].accumulators[i];
}

/// FuseMax's Cascade 4 becomes its Cascade 5.
TEST(DerivationTest, softmax_attention) {
  Problem p(48);
  Expr qk = p.element("QK", 0, 150), v = p.element("V", 1, 0.3);
  Expr gm = p.maximum("GM", qk);
  Expr sn = exp(qk - gm);
  Expr sd = p.sum("SD", sn);
  Expr av = p.sum("AV", sn / sd * v);
  p.output(av);
  Derivation d = derive(p.form);
  EXPECT_EQ(getText(d),
            "phase 0:\n"
            "  GM = max(QK)\n"
            "  SD = add(exp(QK - GM)), old: exp(GM_old - GM)*SD_old\n"
            "  AV_acc = add(V*exp(QK - GM)), old: "
            "exp(GM_old - GM)*AV_acc_old\n"
            "output 0 = AV_acc/SD\n");
  // One correction for both sums.
  EXPECT_EQ(getAccumulator(d, 1).correction, getAccumulator(d, 2).correction);
  EXPECT_EQ(getAccumulator(d, 1).leaf, sd);
  expectSameValues(p, d);
}

TEST(DerivationTest, log_sum_exp) {
  Problem p(48);
  Expr x = p.element("X", 0, 150);
  Expr m = p.maximum("M", x);
  Expr l = p.sum("L", exp(x - m));
  p.output(m + log(l));
  Derivation d = derive(p.form);
  EXPECT_EQ(d.getNumTraversals(), 1u);
  EXPECT_EQ(d.outputs[0].value, p.form.outputs[0]);
  expectSameValues(p, d);
}

/// FlashAttention-1 kept its output normalised; the division is deferred.
TEST(DerivationTest, normalised_output) {
  Problem p(48);
  Expr x = p.element("X", 0, 150), v = p.element("V", 1, 0.3);
  Expr m = p.maximum("M", x);
  Expr l = p.sum("L", exp(x - m));
  p.output(p.sum("O", exp(x - m) * v / l));
  Derivation d = derive(p.form);
  EXPECT_EQ(d.getNumTraversals(), 1u);
  EXPECT_EQ(d.outputs[0].value, getAccumulator(d, 2).leaf / l);
  expectSameValues(p, d);
}

TEST(DerivationTest, sigmoid_attention_is_left_alone) {
  Problem p(48);
  Expr x = p.element("X", 0, 10), v = p.element("V", 1, 0.3);
  Expr o = p.sum("O", sigmoid(x) * v);
  p.output(o);
  Derivation d = derive(p.form);
  EXPECT_TRUE(d.rewrites.empty());
  ASSERT_EQ(d.phases.size(), 1u);
  EXPECT_EQ(getAccumulator(d, 0).leaf, o);
  EXPECT_EQ(getAccumulator(d, 0).body, p.form.reductions[0].body);
  EXPECT_EQ(getAccumulator(d, 0).kind, CorrectionKind::None);
  EXPECT_EQ(d.outputs[0].value, o);
}

/// The cap bounds the scores, so that no running maximum is needed.
TEST(DerivationTest, softcap_needs_no_maximum) {
  Problem p(48);
  Expr x = p.element("X", 0, 150), v = p.element("V", 1, 0.3);
  Expr z = 50 * tanh(x / 50);
  Expr m = p.maximum("M", z);
  Expr l = p.sum("L", exp(z - m));
  p.output(p.sum("O", exp(z - m) / l * v));
  p.output(m + log(l));
  Derivation d = derive(p.form);
  ASSERT_EQ(d.phases.size(), 1u);
  ASSERT_EQ(d.phases[0].accumulators.size(), 2u);
  for (const Accumulator &a : d.phases[0].accumulators) {
    EXPECT_EQ(a.reducer, ExprReducer::Add);
    EXPECT_EQ(a.kind, CorrectionKind::None);
  }
  expectSameValues(p, d);
}

/// If the shifted sum itself is an output, the maximum is still needed, and an
/// empty row must not multiply 0 by exp(inf).
TEST(DerivationTest, softcap_with_the_shifted_sum_as_output) {
  for (bool empty : {false, true}) {
    Problem p(48);
    Expr x = p.element("X", 0, 150);
    Expr z = 50 * tanh(x / 50);
    Expr presence = p.context.constant(!empty);
    Expr m = p.reduction("M", ExprReducer::Max, z, presence);
    p.output(p.reduction("L", ExprReducer::Add, exp(z - m), presence));
    Derivation d = derive(p.form);
    EXPECT_EQ(d.getNumTraversals(), 1u);
    expectSameValues(p, d);
    EXPECT_EQ(p.evaluateStream(d, 4)[0] == 0, empty);
  }
}

/// Whatever bounds the argument too late, on one side only, or not at all.
TEST(DerivationTest, negative_stabiliser_is_never_deferred) {
  Problem p(48);
  Expr x = p.element("X", 0, 150), v = p.element("V", 1, 0.3);
  for (Expr z : {x, 100 * tanh(x), -(x * x), 3 * x + v, max(x, v), abs(x)}) {
    p.form.reductions.clear();
    p.form.outputs.clear();
    Expr m = p.maximum("M", z);
    Expr l = p.sum("L", exp(z - m));
    p.output(p.sum("O", exp(z - m) / l * v));
    Derivation d = derive(p.form);
    ASSERT_EQ(d.getNumTraversals(), 1u);
    ASSERT_EQ(d.phases[0].accumulators.size(), 3u) << getText(d);
    EXPECT_EQ(getAccumulator(d, 1).body, exp(z - m));
    EXPECT_EQ(getAccumulator(d, 1).kind, CorrectionKind::Multiply);
    EXPECT_EQ(getAccumulator(d, 2).kind, CorrectionKind::Multiply);
    expectSameValues(p, d);
  }
}

/// What another stabiliser bounds already may lose a second one: exp(x - m)
/// is bounded by m, so exp(-t) leaves.
TEST(DerivationTest, only_the_stabilising_term_stays) {
  Problem p(48);
  Expr x = p.element("X", 0, 150), y = p.element("Y", 0, 1);
  Expr m = p.maximum("M", x);
  Expr t = p.sum("T", 0.01 * y);
  p.output(p.sum("L", exp(x - m - t)));
  Derivation d = derive(p.form);
  EXPECT_EQ(d.getNumTraversals(), 1u);
  EXPECT_EQ(getAccumulator(d, 2).body, exp(x - m));
  expectSameValues(p, d);
}

/// A user's own unstabilised softmax stays what it is; the division leaves.
TEST(DerivationTest, unstabilised_softmax) {
  Problem p(48);
  Expr x = p.element("X", 0, 2), v = p.element("V", 1, 0.3);
  Expr l = p.sum("L", exp(x));
  p.output(p.sum("O", exp(x) / l * v));
  Derivation d = derive(p.form);
  EXPECT_EQ(d.getNumTraversals(), 1u);
  EXPECT_EQ(getAccumulator(d, 1).body, exp(x) * v);
  expectSameValues(p, d);
}

TEST(DerivationTest, scale_of_unknown_sign_is_guarded_while_empty) {
  for (double scale : {0.125, 0.0, -0.001}) {
    Problem p(48);
    Expr x = p.element("X", 0, 150), v = p.element("V", 1, 0.3);
    Expr s = p.parameter("s", scale);
    Expr m = p.maximum("M", x);
    Expr l = p.sum("L", exp(s * (x - m)));
    p.output(p.sum("O", exp(s * (x - m)) * v / l));
    Derivation d = derive(p.form);
    EXPECT_EQ(d.getNumTraversals(), 1u);
    expectSameValues(p, d);
  }
}

/// Off-by-one softmax, with the 1 under the same maximum.
TEST(DerivationTest, softmax_with_a_sink) {
  Problem p(48);
  Expr x = p.element("X", 0, 150), v = p.element("V", 1, 0.3);
  Expr m = max(p.maximum("M", x), p.context.constant(0));
  Expr l = p.sum("L", exp(x - m)) + exp(-m);
  p.output(p.sum("O", exp(x - m) / l * v));
  Derivation d = derive(p.form);
  EXPECT_EQ(d.getNumTraversals(), 1u);
  expectSameValues(p, d);
}

TEST(DerivationTest, rows_of_nothing) {
  const double inf = HUGE_VAL;
  std::vector<std::vector<double>> rows = {
      {-inf, -inf, -inf, -inf},
      {-inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, 3, -inf, 5},
      {7, -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf},
      {}};
  for (const std::vector<double> &row : rows) {
    Problem p(row.size());
    Expr x = p.element("X", row), v = p.element("V", 1, 0.3);
    Expr m = p.maximum("M", x);
    Expr l = p.sum("L", exp(x - m));
    p.output(p.sum("O", exp(x - m) / l * v));
    p.output(m + log(l));
    Derivation d = derive(p.form);
    expectSameValues(p, d);
    EXPECT_FALSE(std::isnan(p.evaluateStream(d, 1)[0]));
  }
}

/// Welford's variance, in Chan's form for merging.
TEST(DerivationTest, variance) {
  Problem p(48);
  Expr x = p.element("X", 1e4, 1);
  Expr s = p.sum("S", x), n = p.sum("N", p.context.constant(1));
  Expr mean = s / n;
  p.output(p.sum("M2", (x - mean) * (x - mean)) / n);
  Derivation d = derive(p.form);
  EXPECT_EQ(getText(d), "phase 0:\n"
                        "  S = add(X)\n"
                        "  N = add(1)\n"
                        "  M2 = add((X - S/N)^2), old: "
                        "M2_old + N_old*(S/N - S_old/N_old)^2\n"
                        "output 0 = M2/N\n");
  EXPECT_EQ(getAccumulator(d, 2).kind, CorrectionKind::Linear);
  expectSameValues(p, d, 1e-11);
}

/// With the mean over the extent, a running count centres what is summed.
TEST(DerivationTest, variance_over_the_extent) {
  Problem p(48);
  Expr x = p.element("X", 1e4, 1);
  Expr mean = p.sum("S", x) / p.extent();
  p.output(p.sum("M2", (x - mean) * (x - mean)) / p.extent());
  Derivation d = derive(p.form);
  EXPECT_EQ(d.getNumTraversals(), 1u);
  EXPECT_TRUE(getAccumulator(d, 1).auxiliary);
  expectSameValues(p, d, 1e-11);
}

TEST(DerivationTest, higher_moments_share) {
  Problem p(48);
  Expr x = p.element("X", 100, 2), w = p.element("W", 3, 0.1);
  Expr s = p.sum("S", w * x), n = p.sum("N", w);
  Expr c = x - s / n;
  p.output(p.sum("M2", w * c * c));
  p.output(p.sum("M3", w * c * c * c));
  p.output(p.sum("M4", w * c * c * c * c));
  Derivation d = derive(p.form);
  ASSERT_EQ(d.getNumTraversals(), 1u);
  EXPECT_EQ(d.phases[0].accumulators.size(), 5u);
  expectSameValues(p, d, 1e-9);
}

TEST(DerivationTest, covariance) {
  Problem p(48);
  Expr x = p.element("X", 100, 1), y = p.element("Y", -50, 3);
  Expr s = p.sum("S", x), t = p.sum("T", y);
  Expr n = p.sum("N", p.context.constant(1));
  p.output(p.sum("C", (x - s / n) * (y - t / n)) / n);
  Derivation d = derive(p.form);
  EXPECT_EQ(d.getNumTraversals(), 1u);
  expectSameValues(p, d, 1e-10);
}

TEST(DerivationTest, entropy) {
  for (bool normalised : {false, true}) {
    Problem p(48);
    Expr x = p.element("X", 0, 1);
    Expr m = p.maximum("M", x);
    Expr l = p.sum("L", exp(x - m));
    Expr probability = exp(x - m) / l;
    if (normalised)
      p.output(-p.sum("E", probability * log(probability)));
    else
      p.output(log(l) - p.sum("E", (x - m) * exp(x - m)) / l);
    Derivation d = derive(p.form);
    EXPECT_EQ(d.getNumTraversals(), 1u) << getText(d);
    expectSameValues(p, d);
  }
}

TEST(DerivationTest, maximum_of_centred_elements) {
  Problem p(48);
  Expr x = p.element("X", 3, 150);
  Expr mean = p.sum("S", x) / p.sum("N", p.context.constant(1));
  p.output(p.maximum("M", x - mean));
  Derivation d = derive(p.form);
  EXPECT_EQ(d.getNumTraversals(), 1u);
  EXPECT_EQ(getAccumulator(d, 2).body, x);
  expectSameValues(p, d);
}

/// exp(x - m) moves by a factor, and max keeps it as the factor is positive.
TEST(DerivationTest, maximum_of_exponentials) {
  Problem p(48);
  Expr x = p.element("X", 3, 15), w = p.element("W", 0, 1);
  Expr m = p.maximum("M", x);
  p.output(p.maximum("P", w * exp(x - m)));
  Derivation d = derive(p.form);
  EXPECT_EQ(d.getNumTraversals(), 1u) << getText(d);
  expectSameValues(p, d);
}

TEST(DerivationTest, rms_norm_then_contraction) {
  Problem p(48);
  Expr x = p.element("X", 0, 3), w = p.element("W", 1, 1);
  Expr ss = p.sum("SS", x * x);
  p.output(p.sum("Y", x * rsqrt(ss / p.extent() + 1e-6) * w));
  Derivation d = derive(p.form);
  EXPECT_EQ(d.getNumTraversals(), 1u);
  EXPECT_EQ(getAccumulator(d, 1).body, x * w);
  expectSameValues(p, d);
}

TEST(DerivationTest, factor_common_to_a_sum) {
  Problem p(48);
  Expr x = p.element("X", 1, 1), v = p.element("V", 1, 0.3);
  Expr a = p.sum("A", abs(x));
  p.output(p.sum("Y", x / a + v / a));
  Derivation d = derive(p.form);
  EXPECT_EQ(d.getNumTraversals(), 1u);
  EXPECT_EQ(getAccumulator(d, 1).body, x + v);
  expectSameValues(p, d);
}

TEST(DerivationTest, dead_reductions_leave) {
  Problem p(48);
  Expr x = p.element("X", 1, 1);
  Expr m = p.maximum("M", x);
  p.sum("L", abs(x - m));
  p.output(m);
  Derivation d = derive(p.form);
  EXPECT_EQ(d.phases[0].accumulators.size(), 1u);
  EXPECT_TRUE(d.refusals.empty());
}

TEST(DerivationTest, equal_reductions_are_one) {
  Problem p(48);
  Expr x = p.element("X", 1, 1), v = p.element("V", 1, 0.3);
  Expr a = p.maximum("A", x), b = p.maximum("B", x);
  p.output(p.sum("L", exp(x - a)) / p.sum("R", v * exp(x - b)));
  Derivation d = derive(p.form);
  EXPECT_EQ(d.phases[0].accumulators.size(), 3u);
  expectSameValues(p, d);
}

/// Over other points it is another reduction.
TEST(DerivationTest, negative_equal_bodies_over_other_points) {
  Problem p(48);
  Expr x = p.element("X", 1, 1);
  Expr low = p.context.compare(ExprKind::Less, p.context.rankVar(p.form.rank),
                               p.context.constant(9));
  p.output(p.reduction("A", ExprReducer::Max, x, low));
  p.output(p.maximum("B", x));
  Derivation d = derive(p.form);
  EXPECT_EQ(d.phases[0].accumulators.size(), 2u);
  expectSameValues(p, d);
}

//===----------------------------------------------------------------------===//
// Refusals
//===----------------------------------------------------------------------===//

void expectRefusal(const Problem &p, RefusalRule rule,
                   llvm::StringRef offending, unsigned traversals) {
  Derivation d = derive(p.form);
  EXPECT_EQ(d.getNumTraversals(), traversals) << getText(d);
  ASSERT_FALSE(d.refusals.empty()) << getText(d);
  EXPECT_EQ(d.refusals[0].rule, rule) << getText(d);
  EXPECT_EQ(d.refusals[0].offending.str(), offending.str());
  EXPECT_NE(d.refusals[0].text.find(offending.str()), std::string::npos)
      << d.refusals[0].text;
  expectSameValues(p, d, 1e-10);
}

/// Random points agree with an identity that the algebra does not know.
TEST(DerivationTest, unproved_only_where_asked_for) {
  for (double deviation : {1.0, 150.0}) {
    Problem p(48);
    Expr x = p.element("X", 2, deviation), v = p.element("V", 1, 0.3);
    Expr m = p.maximum("M", x);
    Expr weight = sigmoid(x - m) / sigmoid(m - x);
    p.output(p.sum("O", weight * v) / p.sum("L", weight));
    Derivation refused = derive(p.form);
    EXPECT_EQ(refused.getNumTraversals(), 2u);
    ASSERT_EQ(refused.refusals.size(), 2u);
    EXPECT_EQ(refused.refusals[0].rule, RefusalRule::Unproved);
    expectSameValues(p, refused, 1e-12);

    DerivationOptions options;
    options.allowUnproved = true;
    Derivation taken = derive(p.form, options);
    EXPECT_EQ(taken.getNumTraversals(), 1u) << getText(taken);
    ASSERT_EQ(taken.phases[0].accumulators.size(), 3u);
    EXPECT_EQ(taken.phases[0].accumulators[0].unprovedPoints, 0u);
    EXPECT_GE(taken.phases[0].accumulators[1].unprovedPoints, 8u);
    expectSameValues(p, taken, 1e-12);
  }
}

/// Not where they differ by little, or only where nothing has saturated.
TEST(DerivationTest, negative_unproved) {
  DerivationOptions options;
  options.allowUnproved = true;
  for (unsigned kind = 0; kind < 3; ++kind) {
    Problem p(48);
    Expr x = p.element("X", 2, 1);
    Expr m = p.maximum("M", x);
    Expr weight = sigmoid(x - m) / sigmoid(m - x);
    p.output(p.sum("L", kind == 0   ? weight + 1e-6 * tanh(x - m)
                        : kind == 1 ? tanh(1000 * (x - m) - 5)
                                    : sigmoid(x - m)));
    Derivation d = derive(p.form, options);
    ASSERT_EQ(d.refusals.size(), 1u) << kind;
    EXPECT_EQ(d.refusals[0].rule, RefusalRule::NotSeparable);
    expectSameValues(p, d, 1e-12);
  }
}

/// The variance is derived, so three traversals become two.
TEST(DerivationTest, negative_z_score_softmax) {
  Problem p(48);
  Expr x = p.element("X", 2, 1), v = p.element("V", 1, 0.3);
  Expr n = p.sum("N", p.context.constant(1));
  Expr mean = p.sum("S", x) / n;
  Expr variance = p.sum("M2", (x - mean) * (x - mean)) / n;
  Expr z = (x - mean) * rsqrt(variance);
  Expr l = p.sum("L", exp(z));
  p.output(p.sum("O", exp(z) / l * v));
  Derivation d = derive(p.form);
  EXPECT_EQ(d.getNumTraversals(), 2u) << getText(d);
  ASSERT_EQ(d.refusals.size(), 2u);
  EXPECT_EQ(d.refusals[0].rule, RefusalRule::NotSeparable);
  EXPECT_TRUE(d.refusals[0].offending.is(ExprKind::Exp));
  expectSameValues(p, d, 1e-11);
}

TEST(DerivationTest, negative_mean_absolute_deviation) {
  Problem p(48);
  Expr x = p.element("X", 2, 1);
  Expr n = p.sum("N", p.context.constant(1));
  p.output(p.sum("D", abs(x - p.sum("S", x) / n)) / n);
  // The operands of the call above are evaluated in either order.
  llvm::sort(p.form.reductions, [](const Reduction &a, const Reduction &b) {
    return a.body.hasAccumulator() < b.body.hasAccumulator();
  });
  expectRefusal(p, RefusalRule::NotSeparable, "abs(X - S/N)", 2);
}

TEST(DerivationTest, negative_integer_quantisation) {
  Problem p(48);
  Expr x = p.element("X", 2, 1), v = p.element("V", 1, 0.3);
  Expr a = p.maximum("A", abs(x)) / 127;
  p.output(p.sum("D", round(x / a) * v));
  expectRefusal(p, RefusalRule::NotSeparable, "round(127*X/A)", 2);
}

TEST(DerivationTest, negative_sparsemax) {
  Problem p(48);
  Expr x = p.element("X", 2, 1);
  Expr t = p.sum("T", x) / 48;
  p.output(p.sum("D", max(x - t, p.context.constant(0))));
  expectRefusal(p, RefusalRule::NotSeparable,
                derive(p.form).refusals[0].offending.str(), 2);
}

TEST(DerivationTest, negative_softplus) {
  Problem p(48);
  Expr x = p.element("X", 2, 1);
  Expr m = p.maximum("M", x);
  p.output(p.sum("D", log(exp(x - m) + 1)));
  expectRefusal(p, RefusalRule::NotSeparable, "log(exp(X - M) + 1)", 2);
}

/// Half way, the smallest so far may be far above the smallest.
TEST(DerivationTest, negative_shift_that_does_not_stabilise) {
  Problem p(48);
  Expr x = p.element("X", 2, 1);
  Expr least = p.reduction("M", ExprReducer::Min, x);
  p.output(p.sum("D", exp(x - least)));
  Derivation d = derive(p.form);
  ASSERT_EQ(d.refusals.size(), 1u);
  EXPECT_EQ(d.refusals[0].rule, RefusalRule::Unstabilised);
  EXPECT_EQ(d.getNumTraversals(), 2u);
  expectSameValues(p, d);

  DerivationOptions options;
  options.allowUnstabilised = true;
  d = derive(p.form, options);
  EXPECT_EQ(d.getNumTraversals(), 1u);
  EXPECT_FALSE(getAccumulator(d, 1).stabilised);
  expectSameValues(p, d);
}

TEST(DerivationTest, negative_product_of_moving_factors) {
  Problem p(12);
  Expr x = p.element("X", 1, 0.1);
  Expr m = p.maximum("M", x);
  p.output(p.reduction("D", ExprReducer::Mul, x / m));
  expectRefusal(p, RefusalRule::NoDistributiveOperation, "X/M", 2);
}

TEST(DerivationTest, negative_output_that_keeps_the_rank) {
  Problem p(48);
  Expr x = p.element("X", 0, 150);
  Expr m = p.maximum("M", x);
  Expr l = p.sum("L", exp(x - m));
  p.output(exp(x - m) / l);
  Derivation d = derive(p.form);
  EXPECT_EQ(d.phases.size(), 1u);
  EXPECT_EQ(d.getNumTraversals(), 2u);
  EXPECT_TRUE(d.outputs[0].keepsRank);
  ASSERT_EQ(d.refusals.size(), 1u);
  EXPECT_EQ(d.refusals[0].rule, RefusalRule::OutputKeepsRank);
}

/// A chunk may have points of the sum and none of the maximum.
TEST(DerivationTest, negative_maximum_over_fewer_points) {
  Problem p(48);
  Expr x = p.element("X", 0, 3), w = p.element("W", 1, 2);
  Expr late = p.context.compare(ExprKind::Less, p.context.constant(30),
                                p.context.rankVar(p.form.rank));
  Expr m = p.reduction("M", ExprReducer::Max, x, late);
  p.output(p.sum("S", w * (x + m)));
  expectRefusal(p, RefusalRule::UndefinedAtIdentity, "W*(X + M)", 2);
}

TEST(DerivationTest, negative_accumulator_along_a_second_reduced_rank) {
  Problem p(4);
  RankSet f;
  f.set(p.context.getRank("f"));
  Expr x = p.context.freshLeaf("X", p.m | f);
  Expr a = p.context.freshLeaf("A", f, /*accumulator=*/true);
  Expr d = p.context.freshLeaf("D", RankSet(), /*accumulator=*/true);
  p.form.reductions.push_back({a, ExprReducer::Max, x, p.m, Expr()});
  p.form.reductions.push_back({d, ExprReducer::Add, exp(x - a), p.m | f, {}});
  p.output(d);
  Derivation derivation = derive(p.form);
  EXPECT_EQ(derivation.getNumTraversals(), 2u);
  ASSERT_EQ(derivation.refusals.size(), 1u);
  EXPECT_EQ(derivation.refusals[0].rule, RefusalRule::VariesAlongReducedRank);
}

/// A second softmax over the first one's probabilities: the first is one
/// traversal, the second needs the finished first.
TEST(DerivationTest, softmax_of_softmax) {
  Problem p(48);
  Expr x = p.element("X", 0, 150), v = p.element("V", 1, 0.3);
  Expr m = p.maximum("M", x);
  Expr l = p.sum("L", exp(x - m));
  Expr a = exp(x - m) / l;
  Expr r = p.sum("R", exp(a));
  p.output(p.sum("O", exp(a) / r * v));
  Derivation d = derive(p.form);
  EXPECT_EQ(d.getNumTraversals(), 2u) << getText(d);
  expectSameValues(p, d);
}

/// Chained statistics: time stays near linear in their number.
TEST(DerivationTest, many_reductions) {
  Problem p(4);
  Expr x = p.element("X", 0, 1), v = p.element("V", 1, 0.3);
  for (unsigned i = 0; i < 100; ++i) {
    Expr z = x * (1 + 0.001 * i);
    Expr m = p.maximum("M", z);
    Expr l = p.sum("L", exp(z - m));
    p.output(p.sum("O", exp(z - m) / l * v));
  }
  auto start = std::chrono::steady_clock::now();
  Derivation d = derive(p.form);
  std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(d.getNumTraversals(), 1u);
  EXPECT_EQ(d.phases[0].accumulators.size(), 300u);
  EXPECT_LT(time.count(), 5);
  RecordProperty("milliseconds", int(time.count() * 1000));
}
} // namespace

/// The sign of a sum is not known, so it may turn a maximum into a minimum.
TEST(DerivationTest, negative_factor_of_unknown_sign) {
  for (ExprReducer reducer : {ExprReducer::Max, ExprReducer::Min}) {
    Problem p(48);
    Expr x = p.element("X", 0, 1), y = p.element("Y", 0, 1);
    Expr s = p.sum("S", y);
    p.output(p.reduction("D", reducer, x * s));
    Derivation d = derive(p.form);
    EXPECT_EQ(d.getNumTraversals(), 2u) << getText(d);
    expectSameValues(p, d);
  }
}

/// A function that turns back is not that of the largest element.
TEST(DerivationTest, negative_function_that_turns_back) {
  Problem p(48);
  Expr x = p.element("X", 0, 2);
  Expr s = p.sum("S", x);
  p.output(p.maximum("D", p.context.unary(ExprKind::Sin, x - s)));
  Derivation d = derive(p.form);
  EXPECT_EQ(d.getNumTraversals(), 2u) << getText(d);
  expectSameValues(p, d);
}

/// A term is no factor of a product, and not all terms of a sum have it.
TEST(DerivationTest, negative_factor_of_one_term) {
  Problem p(48);
  Expr x = p.element("X", 1, 0.1), y = p.element("Y", 1, 0.1);
  Expr s = p.sum("S", y);
  p.output(p.reduction("D", ExprReducer::Mul, x + s));
  p.output(p.sum("E", tanh(x * s + y)));
  Derivation d = derive(p.form);
  EXPECT_EQ(d.refusals.size(), 2u) << getText(d);
  expectSameValues(p, d, 1e-11);
}

/// What a minimum has that is not the minimum of the same values.
TEST(DerivationTest, negative_points_of_another_minimum) {
  Problem p(48);
  Expr x = p.element("X", 0, 1), y = p.element("Y", 0, 1);
  Expr m = p.reduction("M", ExprReducer::Min, x);
  p.output(p.reduction("I", ExprReducer::Add, y,
                       p.context.compare(ExprKind::LessEqual, x, m + 0.5)));
  Derivation d = derive(p.form);
  ASSERT_EQ(d.refusals.size(), 1u) << getText(d);
  EXPECT_EQ(d.refusals[0].rule, RefusalRule::PointsMove);
  expectSameValues(p, d);
}
