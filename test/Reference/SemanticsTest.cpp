//===- SemanticsTest.cpp - The rules S1 to S9, by number ------------------===//

#include "test/Reference/Cascades.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace attn::reference;

namespace {
constexpr double inf = std::numeric_limits<double>::infinity();
using Values = std::vector<double>;

//===----------------------------------------------------------------------===//
// S1: ranks
//===----------------------------------------------------------------------===//

TEST(Semantics, S1_ranks_are_fixed_product_quotient_or_free) {
  Builder b("ranks");
  b.rank("k").rank("g").product("h", "k g").rank("e", 3).rank("m");
  b.ceilDiv("m1", "m", 4);
  Extents extents;
  EXPECT_EQ(bindExtents(b.cascade, {{"k", 2}, {"g", 5}, {"m", 9}}, extents),
            "");
  EXPECT_EQ(extents, (Extents{2, 5, 10, 3, 9, 3}));
}

TEST(Semantics, S1_a_factor_follows_from_its_product) {
  Builder b("ranks");
  b.rank("k").rank("g").product("h", "k g");
  Extents extents;
  EXPECT_EQ(bindExtents(b.cascade, {{"h", 12}, {"k", 4}}, extents), "");
  EXPECT_EQ(extents, (Extents{4, 3, 12}));
  EXPECT_EQ(bindExtents(b.cascade, {{"h", 13}, {"k", 4}}, extents),
            "extent 13 of rank `h` is not a multiple of 4");
  EXPECT_EQ(bindExtents(b.cascade, {{"k", 4}}, extents),
            "no extent is given for `g`, `h`");
  EXPECT_EQ(bindExtents(b.cascade, {{"q", 4}}, extents),
            "no rank is named `q`");
  EXPECT_EQ(bindExtents(b.cascade, {{"h", 12}, {"k", 4}, {"g", 2}}, extents),
            "extent of rank `h` is 12 but 8 is expected");
}

TEST(Semantics, S1_a_variable_ranges_from_0_to_its_extent) {
  Builder b("sum");
  b.rank("m");
  b.einsum(
      "Y", "m", [](Scope &s) { return s["m"] * s.integer(10) + s.extent("m"); },
      "", ElementType::I64);
  b.yield("Y", ElementType::I64);
  EXPECT_EQ(Call(b, {{"m", 4}}).get("Y"), (Values{4, 14, 24, 34}));
  EXPECT_EQ(Call(b, {{"m", 0}}).get("Y"), Values());
}

//===----------------------------------------------------------------------===//
// S2: presence of inputs
//===----------------------------------------------------------------------===//

TEST(Semantics, S2_an_access_past_the_end_is_absent) {
  // m in blocks of 4: the last block is ragged.
  Builder b("blocks");
  b.rank("m").ceilDiv("m1", "m", 4).rank("m0", 4);
  b.input("K", "m");
  auto read = [](Scope &s) { return s("K", s["m1"] * s.integer(4) + s["m0"]); };
  b.einsum("B", "m1 m0", read);
  b.einsum("X", "m1", read, "max m0");
  b.yield("B").yield("X");
  Call run(b, {{"m", 6}});
  run.set("K", {-1, -2, -3, -4, -5, -6});
  Tensor blocks = run.getTensor("B");
  EXPECT_EQ(blocks.present, (std::vector<uint8_t>{1, 1, 1, 1, 1, 1, 0, 0}));
  EXPECT_EQ(run.get("B"), (Values{-1, -2, -3, -4, -5, -6, 0, 0}));
  EXPECT_EQ(run.get("X"), (Values{-1, -5}));
}

TEST(Semantics, S2_an_access_before_the_start_is_absent) {
  Builder b("shift");
  b.rank("m");
  b.input("K", "m");
  b.einsum("D", "m", [](Scope &s) {
    return s("K", "m") - s("K", s["m"] - s.integer(1));
  });
  b.yield("D");
  Call run(b, {{"m", 4}});
  run.set("K", {1, 4, 9, 16});
  EXPECT_EQ(run.get("D"), (Values{0, 3, 5, 7}));
  EXPECT_EQ(run.getTensor("D").present, (std::vector<uint8_t>{0, 1, 1, 1}));
}

TEST(Semantics, S2_a_gather_outside_is_absent) {
  Builder b("gather");
  b.rank("s").rank("m");
  b.input("I", "s", ElementType::I32).input("K", "m");
  b.einsum("G", "s", [](Scope &s) { return s("K", s("I", "s")); });
  b.yield("G");
  Call run(b, {{"s", 5}, {"m", 3}});
  run.set("I", {2, -1, 0, 3, 1}).set("K", {10, 20, 30});
  EXPECT_EQ(run.get("G"), (Values{30, 0, 10, 0, 20}));
  EXPECT_EQ(run.getTensor("G").present, (std::vector<uint8_t>{1, 0, 1, 0, 1}));
}

//===----------------------------------------------------------------------===//
// S3, S4: presence of points and results
//===----------------------------------------------------------------------===//

TEST(Semantics, S3_an_absent_operand_removes_the_point) {
  Builder b("points");
  b.rank("m");
  b.input("X", "m");
  b.einsum("Y", "m", [](Scope &s) {
    s.where(s["m"] < s.integer(2));
    return s("X", "m");
  });
  b.einsum("Z", "m", [](Scope &s) { return s("Y", "m") + s.number(100); });
  b.einsum("N", "",
           [](Scope &s) { return s("Y", "m") * s.number(0) + s.number(1); });
  b.yield("Z").yield("N");
  Call run(b, {{"m", 4}});
  run.set("X", {1, 2, 3, 4});
  EXPECT_EQ(run.get("Z"), (Values{101, 102, 0, 0}));
  EXPECT_EQ(run.get("N"), (Values{2})) << "of four points two are present";
}

TEST(Semantics, S3_operands_in_an_arm_that_is_not_selected_count) {
  Builder b("select");
  b.rank("m");
  b.input("X", "m");
  b.einsum("Y", "m", [](Scope &s) {
    return s.apply(Op::Select, {s["m"] < s.integer(1), s.number(7),
                                s("X", s["m"] - s.integer(1))});
  });
  b.yield("Y");
  Call run(b, {{"m", 3}});
  run.set("X", {1, 2, 3});
  EXPECT_EQ(run.get("Y"), (Values{0, 1, 2})) << "X[-1] is absent at m = 0";
}

TEST(Semantics, S3_operands_in_the_filter_count) {
  Builder b("filter");
  b.rank("m").rank("s");
  b.input("L", "s", ElementType::I32);
  b.einsum(
      "Y", "",
      [](Scope &s) {
        s.where(s("L", "m") >= s.integer(0)); // L has fewer than m
        return s["m"] * s.integer(0) + s.integer(1);
      },
      "", ElementType::I64);
  b.yield("Y");
  EXPECT_EQ(Call(b, {{"m", 5}, {"s", 3}}).get("Y"), (Values{3}));
}

TEST(Semantics, S4_a_reduction_over_no_point_is_present_and_the_identity) {
  struct Case {
    const char *reducer;
    ElementType type;
    double identity;
  };
  for (const Case &c :
       {Case{"add", ElementType::F32, 0}, Case{"mul", ElementType::F32, 1},
        Case{"max", ElementType::F32, -inf}, Case{"min", ElementType::F32, inf},
        Case{"add", ElementType::I32, 0},
        Case{"max", ElementType::I32, -2147483648.0},
        Case{"min", ElementType::I32, 2147483647.0},
        Case{"and", ElementType::I1, 1}, Case{"or", ElementType::I1, 0}}) {
    Builder b("empty");
    b.rank("p").rank("m").input("X", "m", c.type);
    b.einsum(
        "Y", "p",
        [](Scope &s) {
          s.where(s["m"] < s["p"]);
          return s("X", "m");
        },
        std::string(c.reducer) + " m", c.type);
    b.yield("Y");
    Call run(b, {{"p", 2}, {"m", 3}});
    run.set("X", {1, 0, 0});
    Tensor result = run.getTensor("Y");
    EXPECT_TRUE(result.present.empty()) << c.reducer;
    EXPECT_EQ(result.values[0], c.identity) << c.reducer;
    EXPECT_EQ(result.values[1], 1) << c.reducer;
  }
}

TEST(Semantics, S4_a_condition_without_a_reduced_variable_is_on_the_result) {
  Builder b("conditions");
  b.rank("p").rank("m").rank("e").input("X", "p e").input("Y", "m e");
  b.input("I", "p", ElementType::I32);
  b.einsum("C", "p m", [](Scope &s) {
    s.where(s.apply(Op::And, {s["m"] <= s["p"], s["e"] < s["m"]}));
    return s("X", "p", "e") * s("Y", "m", "e") + s.number(1);
  });
  // An absent operand is such a condition, and so is an absent index.
  b.einsum("D", "p", [](Scope &s) {
    return s("C", "p", s("I", "p")) * s("Y", "m", "e");
  });
  b.einsum(
      "M", "p",
      [](Scope &s) {
        s.where(s["p"] < s.integer(1));
        return s("X", "p", "e") + s("Y", "m", "e");
      },
      "max m, add e");
  b.yield("C").yield("D").yield("M");
  Call run(b, {{"p", 2}, {"m", 3}, {"e", 2}});
  run.set("X", {1, 2, 3, 4}).set("Y", {1, 1, 2, 2, 3, 3}).set("I", {2, 1});
  Tensor c = run.getTensor("C");
  EXPECT_EQ(c.present, (std::vector<uint8_t>{1, 0, 0, 1, 1, 0}));
  EXPECT_EQ(c.values, (Values{0, 0, 0, 0, 7, 0}))
      << "at m = 0 no e is present: the identity";
  Tensor d = run.getTensor("D");
  EXPECT_EQ(d.present, (std::vector<uint8_t>{0, 1}));
  EXPECT_EQ(d.values, (Values{0, 7 * 12}));
  Tensor m = run.getTensor("M");
  EXPECT_TRUE(m.present.empty()) << "the maximum has no condition, the sum has";
  EXPECT_EQ(m.values, (Values{9, -inf}));
}

TEST(Semantics, S4_the_first_reducer_is_the_outermost) {
  Builder b("nested");
  b.rank("m").rank("e").input("X", "m e");
  auto read = [](Scope &s) { return s("X", "m", "e"); };
  b.einsum("Y", "", read, "max m, add e");
  b.einsum("Z", "", read, "add e, max m");
  b.yield("Y").yield("Z");
  Call run(b, {{"m", 2}, {"e", 3}});
  run.set("X", {1, 2, 3, 3, 2, -1});
  EXPECT_EQ(run.get("Y"), (Values{6}));
  EXPECT_EQ(run.get("Z"), (Values{8}));
}

//===----------------------------------------------------------------------===//
// S5, S6: division and differences
//===----------------------------------------------------------------------===//

TEST(Semantics, S5_zero_over_zero_is_zero) {
  Builder b("division");
  b.rank("m").input("X", "m").input("Y", "m");
  b.einsum("Z", "m", [](Scope &s) { return s("X", "m") / s("Y", "m"); });
  b.yield("Z");
  Call run(b, {{"m", 5}});
  run.set("X", {0, -0.0, 3, -3, inf}).set("Y", {0, 0, 0, 0, inf});
  Values values = run.get("Z");
  EXPECT_EQ(Values(values.begin(), values.end() - 1),
            (Values{0, 0, inf, -inf}));
  EXPECT_TRUE(std::isnan(values.back()));
}

TEST(Semantics, S6_exp_of_the_difference_of_two_negative_infinities_is_0) {
  Builder b("difference");
  b.rank("m").input("X", "m").input("G", "m");
  b.einsum("E", "m", [](Scope &s) { return exp(s("X", "m") - s("G", "m")); });
  b.einsum("E2", "m", [](Scope &s) {
    return s.apply(Op::Exp2, {s("X", "m") - s("G", "m")});
  });
  // Another reader sees the difference as it is.
  b.einsum("D", "m", [](Scope &s) {
    Node difference = s("X", "m") - s("G", "m");
    return exp(difference) + difference * s.number(0);
  });
  b.yield("E").yield("E2").yield("D");
  Call run(b, {{"m", 3}});
  run.set("X", {-inf, -inf, 1}).set("G", {-inf, 0, 1});
  EXPECT_EQ(run.get("E"), (Values{0, 0, 1}));
  EXPECT_EQ(run.get("E2"), (Values{0, 0, 1}));
  EXPECT_TRUE(std::isnan(run.get("D")[0]));
}

//===----------------------------------------------------------------------===//
// S7, S8, S9: outputs and types
//===----------------------------------------------------------------------===//

TEST(Semantics, S7_an_absent_coordinate_of_an_output_is_stored_as_0) {
  Builder b("absent");
  b.rank("m").input("X", "m");
  b.einsum("Y", "m", [](Scope &s) {
    s.where(s["m"] < s.integer(1));
    return exp(s("X", "m"));
  });
  b.yield("Y", ElementType::BF16);
  EXPECT_EQ(Call(b, {{"m", 3}}).get("Y"), (Values{1, 0, 0}));
}

TEST(Semantics, S8_reads_widen) {
  auto typeOf = [](ElementType type) {
    Builder b("widen");
    b.rank("m").input("X", "m", type);
    b.einsum("Y", "m", [](Scope &s) { return s("X", "m") + s("X", "m"); });
    EXPECT_EQ(verify(b.cascade), "");
    const auto &einsum = std::get<Einsum>(b.cascade.body[0].op);
    return einsum.exprs[einsum.value].type;
  };
  for (ElementType type : {ElementType::F16, ElementType::BF16,
                           ElementType::F8E4M3FN, ElementType::F8E5M2})
    EXPECT_EQ(typeOf(type), ElementType::F32);
  EXPECT_EQ(typeOf(ElementType::F64), ElementType::F64);
  EXPECT_EQ(typeOf(ElementType::I8), ElementType::I32);
  EXPECT_EQ(typeOf(ElementType::UI8), ElementType::I32);
  EXPECT_EQ(typeOf(ElementType::I64), ElementType::I64);
}

TEST(Semantics, S8_integers_wrap_at_the_width_they_widen_to) {
  Builder b("wrap");
  b.rank("m")
      .input("X", "m", ElementType::I8)
      .input("Y", "m", ElementType::I32);
  b.einsum(
      "A", "m", [](Scope &s) { return s("X", "m") * s("X", "m"); }, "",
      ElementType::I32);
  b.einsum(
      "B", "m", [](Scope &s) { return s("Y", "m") + s.integer(1); }, "",
      ElementType::I32);
  b.yield("A").yield("B");
  Call run(b, {{"m", 1}});
  run.set("X", {-128}).set("Y", {2147483647});
  EXPECT_EQ(run.get("A"), (Values{16384}));
  EXPECT_EQ(run.get("B"), (Values{-2147483648.0}));
}

TEST(Semantics, S9_integers_become_floats_beside_floats) {
  Builder b("mixed");
  b.rank("m").input("X", "m", ElementType::BF16);
  b.einsum("Y", "m", [](Scope &s) {
    return s("X", "m") * (s["m"] - s.extent("m")) / s.integer(4);
  });
  b.einsum(
      "Z", "m", [](Scope &s) { return s["m"] / s.integer(2); }, "",
      ElementType::I64);
  b.yield("Y").yield("Z");
  Call run(b, {{"m", 3}});
  run.set("X", {1, 1, 1});
  EXPECT_EQ(run.get("Y"), (Values{-0.75, -0.5, -0.25}));
  EXPECT_EQ(run.get("Z"), (Values{0, 0, 1})) << "between integers it truncates";
}

TEST(Semantics, S9_a_written_type_rounds_and_so_does_the_yield) {
  Builder b("round");
  b.rank("m").input("X", "m", ElementType::F32);
  b.einsum(
      "Y", "m", [](Scope &s) { return s("X", "m"); }, "", ElementType::BF16);
  b.einsum("Z", "m", [](Scope &s) { return s("X", "m") + s.number(0); });
  b.yield("Y").yield("Z", ElementType::F16);
  Call run(b, {{"m", 2}});
  double x = 1 + 0x1p-9 + 0x1p-12;
  run.set("X", {x, 1 + 0x1p-8 + 0x1p-20});
  EXPECT_EQ(run.get("Y"), (Values{1, 1 + 0x1p-7}));
  EXPECT_EQ(run.get("Z"), (Values{1 + 0x1p-9, 1 + 0x1p-8}));
}

/// The terms have the type, their sum has not.
TEST(Semantics, S9_a_written_type_rounds_a_sum_of_its_own_numbers) {
  Builder b("round_sum");
  b.rank("m").input("X", "m", ElementType::F32);
  b.einsum(
      "S", "",
      [](Scope &s) {
        return s.apply(Op::Cast, {s("X", "m")}, ElementType::F16);
      },
      "add m", ElementType::F16);
  b.einsum("Y", "", [](Scope &s) { return s("S") + s.number(0); });
  b.yield("Y");
  Call run(b, {{"m", 2}});
  run.set("X", {2048, 3});
  EXPECT_EQ(run.get("Y"), (Values{2052})) << "2051 is between 2050 and 2052";
}

//===----------------------------------------------------------------------===//
// S11: user-defined reducers
//===----------------------------------------------------------------------===//

/// a + b - a * b, and log(exp(a) + exp(b)), which is NaN of two -inf.
Builder makeUserReductions() {
  Builder b("user");
  b.rank("p").rank("m");
  b.input("X", "p m");
  b.reducer("either", 0, [](Scope &s) {
    Node x = s.scalar("a"), y = s.scalar("b");
    return x + y - x * y;
  });
  b.reducer("logadd", -inf, [](Scope &s) {
    Node x = s.scalar("a"), y = s.scalar("b");
    Node distance = s.apply(Op::Abs, {x - y});
    Node decay = exp(s.apply(Op::Neg, {distance}));
    return max(x, y) + s.apply(Op::Log, {s.number(1) + decay});
  });
  auto read = [](Scope &s) { return s("X", "p", "m"); };
  b.einsum("E", "p", read, "either m");
  b.einsum("L", "p", read, "logadd m");
  b.einsum("M", "", read, "either p, max m");
  return b.yield("E").yield("L").yield("M");
}

TEST(Semantics, S11_values_are_combined_by_the_expression) {
  Call run(makeUserReductions(), {{"p", 2}, {"m", 3}});
  run.set("X", {0.5, 0.5, 0.5, 0, 0.25, 0});
  EXPECT_EQ(run.get("E"), (Values{0.875, 0.25}));
  EXPECT_NEAR(run.get("L")[0], 0.5 + std::log(3), 1e-15);
  EXPECT_EQ(run.get("M"), (Values{0.5 + 0.25 - 0.125}));
}

TEST(Semantics, S11_over_no_point_it_is_the_identity) {
  Call run(makeUserReductions(), {{"p", 1}, {"m", 0}});
  EXPECT_EQ(run.get("E"), (Values{0}));
  EXPECT_EQ(run.get("L"), (Values{-inf}));
}

/// inf - inf in logadd, 0 * inf in either: the expressions would give NaN.
TEST(Semantics, S11_the_identity_leaves_the_other_as_it_is) {
  Call run(makeUserReductions(), {{"p", 1}, {"m", 3}});
  run.set("X", {-inf, -inf, -inf});
  EXPECT_EQ(run.get("L"), (Values{-inf}));
  run.set("X", {0, inf, 0});
  EXPECT_EQ(run.get("E"), (Values{inf}));
}

/// A factor of less than 1 on every error keeps the bound from growing with the
/// number of values.
TEST(Semantics, S11_bounds_do_not_grow_without_reason) {
  Call run(makeUserReductions(), {{"p", 1}, {"m", 1000}});
  run.set("X", Values(1000, 0.25));
  run.options.errors = true;
  Tensor result = run.getTensor("E");
  EXPECT_GT(result.errors[0], 0);
  EXPECT_LT(result.errors[0], 1e-5);
}

} // namespace
