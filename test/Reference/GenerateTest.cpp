//===- GenerateTest.cpp - Inputs that every machine makes alike -----------===//

#include "dialect/Attn/Reference/Generate.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace attn::reference;

namespace {

/// The known answers that Random123 ships for philox4x32 with 10 rounds.
TEST(Generate, philox_gives_the_known_answers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c,
                                     0x9b00dbd8}));
  uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox({ones, ones, ones, ones}, {ones, ones}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6,
                                     0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                   {0xa4093822, 0x299f31d0}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420,
                                     0x24126ea1}));
}

TEST(Generate, the_first_numbers_never_change) {
  // From a second implementation, in Python.
  uint64_t q = hashName("Q");
  EXPECT_EQ(q, 0xaf640c4c86023e1cull);
  EXPECT_EQ(generate({}, 1, q, 0), -1.2235114553732604);
  EXPECT_EQ(generate({}, 1, q, 1), 1.979745066998957);
  EXPECT_EQ(generate({Distribution::Normal, 0.5}, 7, hashName("K"), 1ull << 33),
            -0.38767578105988393);
  EXPECT_EQ(generate({Distribution::Integers, 0, 9}, 1, hashName("I"), 5), 1);
  EXPECT_EQ(generate({Distribution::Uniform, 0, 1}, 1, hashName("I"), 5),
            0.8079488689545542);
  EXPECT_NE(generate({}, 0, q, 0), generate({}, 1, q, 0));
  EXPECT_NE(generate({}, 0, q, 0), generate({}, 0, hashName("K"), 0));
  EXPECT_NE(generate({}, 0, q, 0), generate({}, 0, q, 1ull << 32));
}

TEST(Generate, moments_are_those_of_the_distribution) {
  constexpr int count = 200000;
  auto moments = [&](Distribution distribution) {
    double sum = 0, squares = 0, low = INFINITY, high = -INFINITY;
    for (int i = 0; i != count; ++i) {
      double x = generate(distribution, 5, 17, i);
      sum += x;
      squares += x * x;
      low = std::fmin(low, x);
      high = std::fmax(high, x);
    }
    double mean = sum / count;
    return std::array<double, 4>{mean, squares / count - mean * mean, low,
                                 high};
  };
  auto normal = moments({Distribution::Normal, 2, 0});
  EXPECT_NEAR(normal[0], 0, 0.02);
  EXPECT_NEAR(normal[1], 4, 0.05);
  EXPECT_GT(normal[3], 7);
  auto uniform = moments({Distribution::Uniform, -1, 3});
  EXPECT_NEAR(uniform[0], 1, 0.02);
  EXPECT_GE(uniform[2], -1);
  EXPECT_LT(uniform[3], 3);
  auto whole = moments({Distribution::Integers, -2, 3});
  EXPECT_NEAR(whole[0], 0.5, 0.02);
  EXPECT_NEAR(whole[1], 35 / 12.0, 0.03);
  EXPECT_EQ(whole[2], -2);
  EXPECT_EQ(whole[3], 3);
  EXPECT_NEAR(moments({Distribution::Boolean, 0.25, 0})[0], 0.25, 0.01);
}

TEST(Generate, distributions_are_read) {
  auto read = [](const char *text) { return parseDistribution(text); };
  EXPECT_EQ(read("normal")->a, 1);
  EXPECT_EQ(read("normal:0.5")->a, 0.5);
  EXPECT_EQ(read("int:0:9")->b, 9);
  EXPECT_EQ(read("bool")->a, 0.5);
  EXPECT_EQ(read("const:-inf")->a, -std::numeric_limits<double>::infinity());
  for (const char *bad : {"", "gauss", "int", "int:3", "int:3:1", "normal:x",
                          "uniform:1:2:3", "normal:", "int:0:1e300"})
    EXPECT_FALSE(read(bad)) << bad;
}

TEST(Generate, slices_are_set) {
  std::vector<float> values(2 * 3 * 2, 1);
  fillSlice(ElementType::F32, values.data(), {2, 3, 2}, 1, 2, -INFINITY);
  for (int i = 0; i != 12; ++i)
    EXPECT_EQ(values[i], i / 2 % 3 == 2 ? -INFINITY : 1.0f);
}

} // namespace
