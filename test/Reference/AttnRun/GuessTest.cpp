//===- GuessTest.cpp - What generated inputs hold -------------------------===//

#include "tools/attn-run/Guess.h"
#include "test/Reference/Builder.h"
#include <gtest/gtest.h>

using namespace attn::reference;
using namespace attn::tool;

namespace {
TEST(Guess, tables_hold_coordinates_and_lengths_reach_the_end) {
  Builder b("paged");
  b.rank("b").rank("p").rank("page").rank("m1").rank("m0", 16);
  b.input("K", "page m0").input("table", "b m1", ElementType::I32);
  b.input("len", "b", ElementType::I32).input("mask", "b", ElementType::I1);
  b.input("q", "b", ElementType::I8).input("u", "b", ElementType::UI8);
  b.einsum("X", "b p m1 m0", [](Scope &s) {
    s.where(s["m1"] * s.integer(16) + s["m0"] <=
            s["p"] + s("len", "b") - s.extent("p"));
    return s("K", s("table", "b", "m1"), "m0");
  });
  ASSERT_EQ(verify(b.cascade), "");
  Extents extents;
  ASSERT_EQ(bindExtents(b.cascade,
                        {{"b", 2}, {"p", 1}, {"page", 50}, {"m1", 8}}, extents),
            "");
  auto guess = [&](const char *input) {
    return describe(guessDistribution(b.cascade, extents, b.findValue(input),
                                      /*scale=*/0.5));
  };
  EXPECT_EQ(guess("table"), "int:0:49");
  EXPECT_EQ(guess("len"), "int:0:128");
  EXPECT_EQ(guess("K"), "normal:0.5");
  EXPECT_EQ(guess("mask"), "bool:0.5");
  EXPECT_EQ(guess("q"), "int:-127:127");
  EXPECT_EQ(guess("u"), "int:0:255");
}

} // namespace
