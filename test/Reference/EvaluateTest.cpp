//===- EvaluateTest.cpp - Statements, operators, and demand ---------------===//

#include "dialect/Attn/Reference/Generate.h"
#include "test/Reference/Cascades.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace attn::reference;

namespace {
constexpr double inf = std::numeric_limits<double>::infinity();
using Values = std::vector<double>;

/// Expects that any part of an output is what the whole has there.
void expectParts(Call &run, const std::string &output) {
  Tensor whole = run.getTensor(output);
  uint64_t counter = 0;
  for (int trial = 0; trial != 20; ++trial) {
    CoordinateBox box;
    for (const Coordinates &all : whole.box) {
      std::vector<int64_t> some;
      for (int64_t i = 0; i != all.size(); ++i)
        if (generate({Distribution::Boolean, 0.3}, trial, 7, counter++))
          some.push_back(i);
      box.push_back(Coordinates::of(some));
    }
    Tensor part = run.getTensor(output, box);
    ASSERT_GE(static_cast<int64_t>(part.values.size()), getNumPoints(box));
    for (size_t at = 0; at != part.values.size(); ++at) {
      int64_t offset = whole.getOffset(part.getPoint(at));
      ASSERT_GE(offset, 0);
      EXPECT_NEAR(part.values[at], whole.values[offset],
                  1e-12 * (1 + std::fabs(whole.values[offset])));
      EXPECT_EQ(part.present.empty() || part.present[at],
                whole.present.empty() || whole.present[offset]);
    }
  }
}

TEST(Demand, parts_of_softmax_are_those_of_the_whole) {
  auto filter = [](Scope &s) { s.where(s["m"] <= s["p"]); };
  for (Builder b : {makeNaiveSoftmax(filter), makeStreamedSoftmax(filter)}) {
    Call run(b, {{"p", 13}, {"m", 21}, {"e", 3}, {"f", 5}});
    run.options.chunk = 4;
    run.randomize();
    expectParts(run, "AV");
  }
}

TEST(Demand, one_row_costs_one_row) {
  Builder b = makeNaiveSoftmax();
  Call run(b, {{"p", 100}, {"m", 50}, {"e", 4}, {"f", 4}});
  run.getTensor("AV", {Coordinates::of({7}), Coordinates::all(4)});
  EXPECT_EQ(run.counts[b.findValue("S")], 50 * 4);
  EXPECT_EQ(run.counts[b.findValue("AV")], 50 * 4);
}

TEST(Demand, parts_of_views_groups_and_gathers) {
  Builder b("views");
  b.rank("k").rank("g").product("h", "k g").rank("m").ceilDiv("m1", "m", 4);
  b.rank("m0", 4).rank("s");
  b.input("X", "h m").input("I", "s", ElementType::I32);
  b.einsum("Y", "(k,g) m",
           [](Scope &s) { return s("X", "(k,g)", "m") * s["g"] + s["k"]; });
  b.einsum("B", "k m1 m0 g", [](Scope &s) {
    return s("Y", "(k,g)", s["m1"] * s.integer(4) + s["m0"]);
  });
  b.einsum("G", "(k,g) s", [](Scope &s) {
    return s("B", "k", s.apply(Op::FloorDiv, {s("I", "s"), s.integer(4)}),
             s.apply(Op::Mod, {s("I", "s"), s.integer(4)}), "g");
  });
  b.einsum("Z", "h s", [](Scope &s) {
    return s("G", "h", "s") + s("X", "h", s("I", "s"));
  });
  b.yield("B").yield("Z");
  Call run(b, {{"k", 3}, {"g", 2}, {"m", 10}, {"s", 7}});
  run.randomize().set("I", {0, 9, 3, -1, 4, 10, 8});
  expectParts(run, "B");
  expectParts(run, "Z");
  Values z = run.get("Z"), &x = run["X"];
  for (int h = 0; h != 6; ++h)
    for (int s = 0; s != 7; ++s) {
      int i = static_cast<int>(run["I"][s]);
      double expected = 0;
      if (i >= 0 && i < 10)
        expected = x[h * 10 + i] * (h % 2) + h / 2 + x[h * 10 + i];
      EXPECT_NEAR(z[h * 7 + s], expected, 1e-14);
    }
}

/// A recurrence that also looks at its own neighbour.
static Builder makeRecurrence(bool reverse) {
  Builder b("recurrence");
  b.rank("t").rank("e").input("X", "t e").input("S0", "e");
  Iterate iterate;
  iterate.rank = b.findRank("t");
  iterate.reverse = reverse;
  State state;
  state.initTensor = b.findValue("S0");
  state.state = b.value("S", "e");
  state.result = b.value("SN", "e");
  b.into(iterate.body).bind("t");
  b.einsum("T", "e", [](Scope &s) {
    return s.apply(Op::Select,
                   {s["e"] < s.integer(1), s.number(0.5), s.number(0.25)}) *
           s("S", s.apply(Op::Max, {s["e"] - s.integer(1), s.integer(0)}));
  });
  state.next = b.einsum(
      "S1", "e", [](Scope &s) { return s("T", "e") + s("X", "t", "e"); });
  b.end();
  iterate.states.push_back(state);
  iterate.collected.push_back({state.next, b.value("O", "e t"), 1});
  b.body().push_back({iterate});
  b.yield("O").yield("SN");
  return b;
}

TEST(Iterate, carries_the_state) {
  for (bool reverse : {false, true}) {
    Builder b = makeRecurrence(reverse);
    Call run(b, {{"t", 6}, {"e", 4}});
    run.randomize();
    Values state = run["S0"], expected(24);
    for (int step = 0; step != 6; ++step) {
      int t = reverse ? 5 - step : step;
      Values next(4);
      for (int e = 0; e != 4; ++e)
        next[e] = (e < 1 ? 0.5 : 0.25) * state[std::max(e - 1, 0)] +
                  run["X"][t * 4 + e];
      state = next;
      for (int e = 0; e != 4; ++e)
        expected[e * 6 + t] = state[e];
    }
    EXPECT_EQ(run.get("O"), expected);
    EXPECT_EQ(run.get("SN"), state);
    expectParts(run, "O");
    expectParts(run, "SN");
  }
}

TEST(Iterate, no_step_leaves_the_initial_state) {
  Call run(makeRecurrence(false), {{"t", 0}, {"e", 3}});
  run.set("S0", {1, 2, 3});
  EXPECT_EQ(run.get("SN"), (Values{1, 2, 3}));
}

TEST(TopK, ties_go_to_the_smaller_index_and_absent_values_to_none) {
  Builder b("topk");
  b.rank("p").rank("m").rank("s", 3).input("X", "p m");
  b.einsum("Y", "p m", [](Scope &s) {
    s.where(s["m"] >= s["p"]);
    return s("X", "p", "m");
  });
  TopK topK;
  topK.source = b.findValue("Y");
  topK.rank = b.findRank("m");
  topK.indices = b.value("I", "p s", ElementType::I32);
  topK.values = b.value("T", "p s");
  b.body().push_back({topK});
  b.einsum("G", "p s", [](Scope &s) { return s("X", "p", s("I", "p", "s")); });
  b.yield("I", ElementType::I32).yield("T").yield("G");
  Call run(b, {{"p", 4}, {"m", 5}});
  run.set("X", {1,  3, 2, 3,    3,            //
                -1, 7, 7, 8,    std::nan(""), //
                0,  0, 0, -inf, 0,            //
                9,  9, 9, 1,    2});
  EXPECT_EQ(run.get("I"), (Values{1, 3, 4, 3, 1, 2, 2, 4, 3, 4, 3, 0}));
  EXPECT_EQ(run.get("T"), (Values{3, 3, 3, 8, 7, 7, 0, 0, -inf, 2, 1, 0}));
  EXPECT_EQ(run.get("G"), run.get("T"));
  expectParts(run, "I");
  expectParts(run, "G");
}

TEST(Stream, every_order_gives_the_same) {
  auto filter = [](Scope &s) {
    s.where(s["m"] <= s["p"] + s.extent("m") - s.extent("p"));
  };
  Call naive(makeNaiveSoftmax(filter),
             {{"p", 7}, {"m", 40}, {"e", 3}, {"f", 4}});
  Call stream(makeStreamedSoftmax(filter),
              {{"p", 7}, {"m", 40}, {"e", 3}, {"f", 4}});
  Values expected = naive.randomize(3).get("AV");
  stream.randomize(3);
  for (int64_t chunk : {0, 1, 2, 7, 16, 39, 40, 64})
    for (bool tree : {false, true}) {
      stream.options.chunk = chunk;
      stream.options.tree = tree;
      Values actual = stream.get("AV");
      for (size_t i = 0; i != expected.size(); ++i)
        EXPECT_NEAR(actual[i], expected[i], 1e-13)
            << "chunk " << chunk << " tree " << tree;
    }
}

TEST(Stream, negative_a_body_that_leaves_its_chunk) {
  Builder b("leaves");
  b.rank("m").input("X", "m");
  Stream stream;
  stream.rank = b.findRank("m");
  State state;
  state.state = b.value("a", "");
  state.lhs = b.value("l", "");
  state.rhs = b.value("r", "");
  state.result = b.value("R", "");
  b.into(stream.body);
  b.einsum("Y", "m", [](Scope &s) { return s("X", "m") * s("X", "m"); });
  b.einsum("Z", "", [](Scope &s) { return s("Y", s["m"] - s.integer(1)); });
  state.next = b.einsum("n", "", [](Scope &s) { return s("a") + s("Z"); });
  b.end().into(stream.merge);
  state.merged = b.einsum("g", "", [](Scope &s) { return s("l") + s("r"); });
  b.end();
  stream.states = {state};
  b.body().push_back({stream});
  b.yield("R");
  Cascade cascade = b.cascade;
  ASSERT_EQ(verify(cascade), "");
  std::vector<double> x = {1, 2, 3, 4};
  Problem problem{
      cascade, {4}, {makeInput(ElementType::F64, x.data(), {4})}, {}};
  Evaluation result;
  EvaluateOptions options;
  EXPECT_EQ(evaluate(problem, {{0, {}}}, options, result), "");
  EXPECT_EQ(result.outputs[0].values, (Values{1 + 4 + 9}));
  options.chunk = 2;
  EXPECT_EQ(evaluate(problem, {{0, {}}}, options, result),
            "a body reads `Y` outside of its chunk");
}

TEST(Nest, is_transparent) {
  Builder b("nest");
  b.rank("m").input("X", "m");
  Nest nest;
  b.into(nest.body);
  b.einsum("Y", "m", [](Scope &s) { return s("X", "m") + s.number(1); });
  b.end();
  nest.results.emplace_back(b.findValue("Y"), b.value("Z", "m"));
  b.body().push_back({nest});
  b.yield("Z");
  Call run(b, {{"m", 2}});
  EXPECT_EQ(run.set("X", {1, 5}).get("Z"), (Values{2, 6}));
}

//===----------------------------------------------------------------------===//
// Operators, against numbers that NumPy 2 gives
//===----------------------------------------------------------------------===//

struct OpCase {
  Op op;
  std::vector<double> args;
  double expected;
};

TEST(Operators, on_floats) {
  double nan = std::nan("");
  for (const OpCase &c :
       std::vector<OpCase>{{Op::Neg, {1.5}, -1.5},
                           {Op::Add, {0.5, 0.25}, 0.75},
                           {Op::Sub, {0.5, 0.25}, 0.25},
                           {Op::Mul, {0.5, 0.25}, 0.125},
                           {Op::Div, {1, 3}, 0.3333333333333333},
                           {Op::FloorDiv, {-7.5, 2}, -4},
                           {Op::CeilDiv, {-7.5, 2}, -3},
                           {Op::Mod, {-7.5, 2}, 0.5},
                           {Op::Pow, {2, 0.5}, 1.4142135623730951},
                           {Op::Min, {-1, 2}, -1},
                           {Op::Max, {-1, 2}, 2},
                           {Op::Max, {nan, 2}, nan},
                           {Op::Min, {1, nan}, nan},
                           {Op::Exp, {1}, 2.718281828459045},
                           {Op::Exp2, {0.5}, 1.4142135623730951},
                           {Op::Log, {10}, 2.302585092994046},
                           {Op::Log, {0}, -inf},
                           {Op::Log2, {8}, 3},
                           {Op::Tanh, {0.5}, 0.46211715726000975},
                           {Op::Sigmoid, {0.5}, 0.6224593312018546},
                           {Op::Sigmoid, {-1000}, 0},
                           {Op::Erf, {0.5}, 0.5204998778130465},
                           {Op::Sqrt, {2}, 1.4142135623730951},
                           {Op::Rsqrt, {128}, 0.08838834764831845},
                           {Op::Sin, {0.5}, 0.479425538604203},
                           {Op::Cos, {0.5}, 0.8775825618903728},
                           {Op::Abs, {-2}, 2},
                           {Op::Floor, {-0.5}, -1},
                           {Op::Ceil, {0.5}, 1},
                           {Op::Round, {2.5}, 2},
                           {Op::Round, {-1.5}, -2},
                           {Op::Sign, {-3}, -1},
                           {Op::Sign, {0}, 0},
                           {Op::Sign, {nan}, nan}}) {
    Builder b("op");
    b.rank("m");
    for (size_t i = 0; i != c.args.size(); ++i)
      b.input("X" + std::to_string(i), "m", ElementType::F64);
    b.einsum(
        "Y", "m",
        [&](Scope &s) {
          std::vector<Node> args;
          for (size_t i = 0; i != c.args.size(); ++i)
            args.push_back(s("X" + std::to_string(i), "m"));
          return s.apply(c.op, args);
        },
        "", ElementType::F64);
    b.yield("Y");
    Call run(b, {{"m", 300}}); // two blocks
    for (size_t i = 0; i != c.args.size(); ++i)
      run.set("X" + std::to_string(i), Values(300, c.args[i]));
    Values values = run.get("Y");
    if (std::isnan(c.expected))
      EXPECT_TRUE(std::isnan(values[299])) << getName(c.op);
    else if (values[299] != c.expected)
      EXPECT_NEAR(values[299], c.expected, 1e-15 * (1 + std::fabs(c.expected)))
          << getName(c.op);
  }
}

TEST(Operators, on_integers) {
  for (const OpCase &c : std::vector<OpCase>{{Op::Div, {-7, 2}, -3},
                                             {Op::Div, {7, 0}, 0},
                                             {Op::FloorDiv, {-7, 2}, -4},
                                             {Op::FloorDiv, {-8, 2}, -4},
                                             {Op::CeilDiv, {-7, 2}, -3},
                                             {Op::CeilDiv, {7, 2}, 4},
                                             {Op::CeilDiv, {8, -2}, -4},
                                             {Op::Mod, {-7, 2}, 1},
                                             {Op::Mod, {7, -2}, -1},
                                             {Op::Min, {3, -4}, -4},
                                             {Op::Max, {3, -4}, 3},
                                             {Op::Abs, {-5}, 5},
                                             {Op::Sign, {-5}, -1},
                                             {Op::Neg, {5}, -5}}) {
    Builder b("op");
    b.rank("m");
    b.einsum(
        "Y", "m",
        [&](Scope &s) {
          std::vector<Node> args;
          for (double arg : c.args)
            args.push_back(s.integer(static_cast<int64_t>(arg)));
          return s.apply(c.op, args);
        },
        "", ElementType::I64);
    b.yield("Y");
    EXPECT_EQ(Call(b, {{"m", 1}}).get("Y"), (Values{c.expected}))
        << getName(c.op) << " " << c.args[0];
  }
}

TEST(Operators, comparisons_and_logic) {
  Builder b("logic");
  b.rank("m");
  b.einsum("Y", "m", [](Scope &s) {
    Node two = s.integer(2);
    Node between = s.apply(Op::And, {s.apply(Op::Gt, {s["m"], two}),
                                     s.apply(Op::Lt, {s["m"], s.integer(5)})});
    Node either =
        s.apply(Op::Or, {between, s.apply(Op::Eq, {s["m"], s.number(0.0)})});
    return s.apply(Op::Select,
                   {s.apply(Op::Not, {either}), s.number(-1), s["m"]});
  });
  b.yield("Y");
  EXPECT_EQ(Call(b, {{"m", 6}}).get("Y"), (Values{0, -1, -1, 3, 4, -1}));
}

TEST(Operators, casts_round) {
  Builder b("casts");
  b.rank("m").input("X", "m", ElementType::F32);
  b.einsum("A", "m", [](Scope &s) {
    return s.apply(Op::Cast, {s("X", "m")}, ElementType::BF16) * s.number(1);
  });
  b.einsum(
      "B", "m",
      [](Scope &s) {
        return s.apply(Op::Cast, {s("X", "m") * s.number(100)},
                       ElementType::I8);
      },
      "", ElementType::I8);
  b.yield("A").yield("B");
  Call run(b, {{"m", 3}});
  run.set("X", {1.003, -0.999, 5});
  EXPECT_EQ(run.get("A"), (Values{1, -1, 5}));
  EXPECT_EQ(run.get("B"), (Values{100, -99, 127}));
}

TEST(Operators, scalars_are_parameters) {
  Builder b("scalars");
  b.rank("m").scalar("scale").scalar("window", ElementType::I32);
  b.einsum("Y", "m", [](Scope &s) {
    s.where(s["m"] < s.scalar("window"));
    return s.scalar("scale") * s["m"];
  });
  b.yield("Y");
  Call run(b, {{"m", 4}});
  run.scalars = {0.5, 3};
  EXPECT_EQ(run.get("Y"), (Values{0, 0.5, 1, 0}));
}

} // namespace
