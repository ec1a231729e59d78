//===- ErrorsTest.cpp - Bounds hold for right kernels, not for wrong ones -===//

#include "dialect/Attn/Reference/Errors.h"
#include "dialect/Attn/Reference/Compare.h"
#include "test/Reference/Cascades.h"
#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace attn::reference;

namespace {
constexpr float infinity = std::numeric_limits<float>::infinity();

/// Attention as a kernel computes it: f32, one pass over blocks of keys.
struct Kernel {
  ElementType type = ElementType::F32; // of inputs and output
  int64_t block = 16;
  bool roundsWeights = false; // S10
  // Mistakes:
  bool dropsCorrection = false, skipsTail = false, filterOffByOne = false;

  std::vector<double> run(Call &run, int64_t P, int64_t M, int64_t E,
                          int64_t F) const;
};

std::vector<double> Kernel::run(Call &run, int64_t P, int64_t M, int64_t E,
                                int64_t F) const {
  std::vector<double> result(P * F);
  for (int64_t p = 0; p != P; ++p) {
    float top = -infinity, sum = 0;
    std::vector<float> numerator(F, 0.0f);
    int64_t end = std::min(M, p + M - P + 1 + filterOffByOne);
    if (skipsTail)
      end = std::min(end, M / block * block);
    for (int64_t begin = 0; begin < end; begin += block) {
      int64_t stop = std::min(begin + block, end);
      std::vector<float> weights;
      float local = top;
      for (int64_t m = begin; m != stop; ++m) {
        float score = 0;
        for (int64_t e = 0; e != E; ++e)
          score += float(run["Q"][p * E + e]) * float(run["K"][m * E + e]);
        weights.push_back(score + float(run["B"][p * M + m]));
        local = std::max(local, weights.back());
      }
      float correction = top == -infinity ? 0 : std::exp(top - local);
      if (dropsCorrection)
        correction = 1;
      sum *= correction;
      for (float &value : numerator)
        value *= correction;
      for (int64_t m = begin; m != stop; ++m) {
        float weight = std::exp(weights[m - begin] - local);
        sum += weight;
        if (roundsWeights)
          weight = float(roundTo(type, weight));
        for (int64_t f = 0; f != F; ++f)
          numerator[f] += weight * float(run["V"][m * F + f]);
      }
      top = local;
    }
    for (int64_t f = 0; f != F; ++f)
      result[p * F + f] = roundTo(type, sum == 0 ? 0 : numerator[f] / sum);
  }
  return result;
}

/// Causal attention with inputs and output of `type`.
Call makeCall(ElementType type, int64_t P, int64_t M, int64_t E, int64_t F,
              bool independent) {
  Builder b = makeNaiveSoftmax([](Scope &s) {
    s.where(s["m"] <= s["p"] + s.extent("m") - s.extent("p"));
  });
  for (const char *input : {"Q", "K", "V"})
    b.cascade.values[b.findValue(input)].type = type;
  Call run(b, {{"p", P}, {"m", M}, {"e", E}, {"f", F}});
  run.options.errors = true;
  run.options.independentRounding = independent;
  run.randomize();
  for (double &q : run["Q"])
    q = roundTo(type, q / std::sqrt(E));
  return run;
}

Comparison check(const Tensor &expected, ElementType type,
                 const std::vector<double> &actual,
                 const std::vector<int64_t> &extents) {
  std::vector<char> bytes(actual.size() * getByteSize(type));
  for (size_t i = 0; i != actual.size(); ++i)
    storeElement(type, bytes.data(), i, actual[i]);
  Comparison comparison;
  compare(expected, makeInput(type, bytes.data(), extents), comparison);
  return comparison;
}

TEST(Errors, right_kernels_stay_inside_the_bound) {
  constexpr int64_t P = 4, M = 300, E = 32, F = 4;
  for (ElementType type :
       {ElementType::F32, ElementType::BF16, ElementType::F16})
    for (bool independent : {false, true}) {
      Call run = makeCall(type, P, M, E, F, independent);
      Tensor expected = run.getTensor("AV");
      for (int64_t block : {1, 16, 300})
        for (bool rounds : {false, true}) {
          Kernel kernel{type, block, rounds && type != ElementType::F32};
          Comparison comparison =
              check(expected, type, kernel.run(run, P, M, E, F), {P, F});
          EXPECT_TRUE(comparison.passed()) << describe(comparison);
          EXPECT_GT(comparison.worst, 0.002) << "the bound is far too wide";
          EXPECT_EQ(comparison.numCompared, P * F);
        }
    }
}

TEST(Errors, wrong_kernels_do_not) {
  constexpr int64_t P = 9, M = 300, E = 64, F = 8;
  for (ElementType type : {ElementType::F32, ElementType::BF16}) {
    Call run = makeCall(type, P, M, E, F, /*independent=*/true);
    Tensor expected = run.getTensor("AV");
    auto expectCaught = [&](Kernel kernel, const char *what) {
      kernel.type = type;
      Comparison comparison =
          check(expected, type, kernel.run(run, P, M, E, F), {P, F});
      EXPECT_FALSE(comparison.passed())
          << what << " " << getName(type) << ": " << describe(comparison);
    };
    Kernel correction, tail, filter;
    correction.dropsCorrection = true;
    tail.skipsTail = true;
    filter.filterOffByOne = true;
    expectCaught(correction, "correction dropped");
    expectCaught(tail, "tail skipped");
    expectCaught(filter, "filter off by one");
  }
}

TEST(Errors, an_empty_row_must_be_exactly_zero) {
  Builder b = makeNaiveSoftmax([](Scope &s) { s.where(s["m"] < s["p"]); });
  Call run(b, {{"p", 2}, {"m", 4}, {"e", 2}, {"f", 1}});
  run.options.errors = true;
  Tensor expected = run.randomize().getTensor("AV");
  double second = expected.values[1];
  EXPECT_TRUE(check(expected, ElementType::F32, {0, second}, {2, 1}).passed());
  Comparison wrong = check(expected, ElementType::F32, {1e-30, second}, {2, 1});
  EXPECT_EQ(wrong.numWrong, 1);
  EXPECT_EQ(wrong.point, (std::vector<int64_t>{0, 0}));
  EXPECT_FALSE(check(expected, ElementType::F32, {std::nan(""), second}, {2, 1})
                   .passed());
}

TEST(Errors, infinities_and_overflow) {
  Builder b("range");
  b.rank("m").input("X", "m");
  b.einsum("Y", "m", [](Scope &s) { return s("X", "m") * s.number(2); });
  b.einsum("L", "m", [](Scope &s) { return s.apply(Op::Log, {s("X", "m")}); });
  b.yield("Y", ElementType::F16).yield("L");
  Call run(b, {{"m", 2}});
  run.options.errors = true;
  run.set("X", {40000, 0});
  Tensor y = run.getTensor("Y"), l = run.getTensor("L");
  EXPECT_TRUE(check(y, ElementType::F16, {INFINITY, 0}, {2}).passed());
  EXPECT_FALSE(check(y, ElementType::F16, {-INFINITY, 0}, {2}).passed());
  EXPECT_FALSE(check(y, ElementType::F16, {60000, 0}, {2}).passed());
  double log = std::log(40000);
  EXPECT_TRUE(check(l, ElementType::F32, {log, -INFINITY}, {2}).passed());
  EXPECT_FALSE(check(l, ElementType::F32, {log, -1e38}, {2}).passed());
}

TEST(Errors, a_choice_that_rounding_decides_has_no_bound) {
  Builder b("choice");
  b.rank("m").input("X", "m").input("T", "");
  b.einsum("D", "m", [](Scope &s) { return s("X", "m") / s.number(3); });
  b.einsum("Y", "m", [](Scope &s) {
    s.where(s("T") < s("D", "m"));
    return s("X", "m");
  });
  b.einsum("Z", "m", [](Scope &s) {
    return s.apply(Op::Round, {s("D", "m") * s.number(1.5)});
  });
  b.yield("Y").yield("Z");
  Call run(b, {{"m", 2}});
  run.options.errors = true;
  run.set("X", {1, 2}).set("T", {1.0 / 3});
  Tensor y = run.getTensor("Y"), z = run.getTensor("Z");
  EXPECT_TRUE(std::isinf(y.errors[0]));
  EXPECT_FALSE(std::isinf(y.errors[1]));
  EXPECT_EQ(z.errors[0], 1) << "0.5 may be rounded to 0 or 1";
  EXPECT_EQ(z.errors[1], 0);
}

TEST(Errors, narrow_factors_are_found) {
  auto find = [](Builder &b) {
    EXPECT_EQ(verify(b.cascade), "");
    const auto &einsum = std::get<Einsum>(b.cascade.body.back().op);
    std::optional<ExprId> factor = findNarrowFactor(b.cascade, einsum);
    return factor ? b.cascade.values[einsum.exprs[*factor].id].name : "";
  };
  Builder b("factors");
  b.rank("p").rank("m").input("A", "p m", ElementType::F32);
  b.input("V", "m", ElementType::BF16).input("W", "m", ElementType::BF16);
  b.scalar("c");
  b.einsum("X", "p", [](Scope &s) { return s("A", "p", "m") * s("V", "m"); });
  EXPECT_EQ(find(b), "V");
  b.einsum("Y", "",
           [](Scope &s) { return s("W", "m") * s("V", "m") * s.scalar("c"); });
  EXPECT_EQ(find(b), "") << "both are read, and the scale comes out of the sum";
  b.einsum("Z", "p m", [](Scope &s) { return s("A", "p", "m") * s("V", "m"); });
  EXPECT_EQ(find(b), "") << "no contraction";
}

} // namespace
