//===- SoftmaxTest.cpp - What the rules say of softmax, in every form -----===//
//
// The cases in which readings of softmax differ: an empty row, a row of -inf
// biases, a zero normaliser, a padded query; in the naive form, and as a stream
// in chunks and as a tree.
//
//===----------------------------------------------------------------------===//

#include "test/Reference/Cascades.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace attn::reference;

namespace {
constexpr double inf = std::numeric_limits<double>::infinity();
using Values = std::vector<double>;

void expectNear(const Values &actual, const Values &expected,
                double tolerance = 1e-12) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i != actual.size(); ++i)
    if (actual[i] != expected[i])
      EXPECT_NEAR(actual[i], expected[i], tolerance) << "at " << i;
}

/// How a cascade is evaluated: chunk 0 is the naive form.
struct Form {
  const char *name;
  bool isStreamed;
  int64_t chunk;
  bool tree;
};

class SoftmaxForms : public testing::TestWithParam<Form> {
protected:
  Call makeRun(const Filter &filter,
               const std::vector<std::pair<std::string, int64_t>> &sizes) {
    Builder b = GetParam().isStreamed ? makeStreamedSoftmax(filter)
                                      : makeNaiveSoftmax(filter);
    Call run(b, sizes);
    run.options.chunk = GetParam().chunk;
    run.options.tree = GetParam().tree;
    return run;
  }
};

INSTANTIATE_TEST_SUITE_P(Semantics, SoftmaxForms,
                         testing::Values(Form{"naive", false, 0, false},
                                         Form{"whole", true, 0, false},
                                         Form{"one", true, 1, false},
                                         Form{"seven", true, 7, false},
                                         Form{"tree3", true, 3, true},
                                         Form{"tree1", true, 1, true}),
                         [](const auto &info) { return info.param.name; });

TEST_P(SoftmaxForms, causal_rows_agree_with_the_formula) {
  auto causal = [](int64_t p, int64_t m) { return m <= p; };
  Call run = makeRun([](Scope &s) { s.where(s["m"] <= s["p"]); },
                     {{"p", 9}, {"m", 17}, {"e", 5}, {"f", 3}});
  run.randomize();
  Values values = run.get("AV");
  for (int64_t p = 0; p != 9; ++p)
    expectNear(Values(values.begin() + p * 3, values.begin() + p * 3 + 3),
               attend(run, p, causal));
}

TEST_P(SoftmaxForms, a_row_with_nothing_to_attend_to_is_0) {
  Call run = makeRun([](Scope &s) { s.where(s["m"] < s["p"]); },
                     {{"p", 3}, {"m", 8}, {"e", 2}, {"f", 2}});
  run.randomize();
  Values values = run.get("AV");
  EXPECT_EQ(values[0], 0);
  EXPECT_EQ(values[1], 0);
  EXPECT_NE(values[2], 0);
}

TEST_P(SoftmaxForms, a_row_of_negative_infinite_bias_is_0) {
  Call run = makeRun(nullptr, {{"p", 2}, {"m", 8}, {"e", 2}, {"f", 2}});
  run.randomize();
  for (int m = 0; m != 8; ++m)
    run["B"][m] = -inf;
  run["B"][8] = -inf; // and one key of the other row
  Values values = run.get("AV");
  EXPECT_EQ(values[0], 0);
  EXPECT_EQ(values[1], 0);
  expectNear({values[2], values[3]},
             attend(run, 1, [](int64_t, int64_t m) { return m != 0; }));
}

TEST_P(SoftmaxForms, no_key_at_all_gives_0) {
  Call run = makeRun(nullptr, {{"p", 2}, {"m", 0}, {"e", 2}, {"f", 2}});
  EXPECT_EQ(run.get("AV"), (Values{0, 0, 0, 0}));
}

TEST(Semantics, a_zero_normaliser_gives_0) {
  // Attention normalised by the sum of relu: a row of negative scores.
  Builder b("relu");
  b.rank("m").input("S", "m").input("V", "m");
  b.einsum("SN", "m", [](Scope &s) { return max(s("S", "m"), s.number(0)); });
  b.einsum("SD", "", [](Scope &s) { return s("SN", "m"); });
  b.einsum("AV", "",
           [](Scope &s) { return s("SN", "m") / s("SD") * s("V", "m"); });
  b.yield("AV");
  Call run(b, {{"m", 3}});
  run.set("S", {-1, -2, -3}).set("V", {1, 2, 3});
  EXPECT_EQ(run.get("AV"), (Values{0}));
  run.set("S", {-1, 1, 3});
  EXPECT_EQ(run.get("AV"), (Values{2.75}));
}

TEST(Semantics, a_padded_query_is_stored_as_0) {
  Builder b = makeNaiveSoftmax();
  b.input("L", "", ElementType::I32);
  b.einsum("O", "p f", [](Scope &s) {
    s.where(s["p"] < s("L"));
    return s("AV", "p", "f");
  });
  b.yield("O");
  Call run(b, {{"p", 3}, {"m", 4}, {"e", 2}, {"f", 1}});
  run.randomize().set("L", {2});
  Values all = run.get("AV"), padded = run.get("O");
  EXPECT_EQ(padded, (Values{all[0], all[1], 0}));
}

} // namespace
