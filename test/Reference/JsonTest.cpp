//===- JsonTest.cpp - Cascades as text ------------------------------------===//

#include "dialect/Attn/Reference/Json.h"
#include "test/Reference/Cascades.h"
#include <gtest/gtest.h>
#include <iterator>

using namespace attn::reference;

namespace {
TEST(Json, a_cascade_is_read_back) {
  for (Builder b : {makeNaiveSoftmax([](Scope &s) {
                      s.where(s["m"] <= s["p"] + s.extent("m"));
                    }),
                    makeStreamedSoftmax()}) {
    b.scalar("scale");
    std::string text = toJson(b.cascade), error;
    std::optional<Cascade> cascade = parseJson(text, error);
    ASSERT_TRUE(cascade) << error;
    EXPECT_EQ(toJson(*cascade), text);
    EXPECT_EQ(cascade->scalars[0].name, "scale");
  }
}

/// What is read back means the same: numbers keep every bit, infinities too.
TEST(Json, a_cascade_that_is_read_back_means_the_same) {
  Builder b = makeStreamedSoftmax();
  Call before(b, {{"p", 3}, {"m", 10}, {"e", 2}, {"f", 2}});
  before.randomize();
  std::string error;
  b.cascade = *parseJson(toJson(b.cascade), error);
  Call after(b, {{"p", 3}, {"m", 10}, {"e", 2}, {"f", 2}});
  after.randomize();
  EXPECT_EQ(before.get("AV"), after.get("AV"));
}

TEST(Json, a_reducer_is_read_back) {
  Builder b("sum");
  b.rank("m").input("X", "m");
  b.reducer("plus", -0.5, [](Scope &s) {
    return s.scalar("a") + s.scalar("b") + s.number(0.5);
  });
  auto read = [](Scope &s) { return s("X", "m"); };
  b.einsum("S", "", read, "plus m");
  b.yield("S");
  std::string text = toJson(b.cascade), error;
  std::optional<Cascade> cascade = parseJson(text, error);
  ASSERT_TRUE(cascade) << error;
  EXPECT_EQ(toJson(*cascade), text);
  b.cascade = *cascade;
  Call run(b, {{"m", 2}});
  run.set("X", {1, 2});
  EXPECT_EQ(run.get("S"), std::vector<double>{3.5});
}

TEST(Json, a_reducer_that_makes_no_sense_is_refused) {
  auto read = [](const std::string &reducer, const std::string &use) {
    std::string error;
    parseJson(R"({"version":1,"name":"x","ranks":[{"name":"m"}],
      "values":[{"name":"X","type":"f32","ranks":[0]},
                {"name":"Y","type":"f32","ranks":[]}],
      "inputs":[0],"scalars":[],"yields":[],"reducers":[)" +
                  reducer + R"(],"body":[{"kind":"einsum","result":1,
      "output":[],"reduce":[[0,"user",)" +
                  use + R"(]],"exprs":[["var",0],["read",0,0]],"value":1}]})",
              error);
    return error;
  };
  auto make = [](const std::string &type, const std::string &exprs) {
    return R"({"name":"r","type":")" + type + R"(","identity":0,"exprs":)" +
           exprs + R"(,"value":0})";
  };
  EXPECT_EQ(read(make("f32", R"([["scalar",1]])"), "0"), "");
  EXPECT_EQ(read(make("f32", R"([["scalar",1]])"), "1"),
            "reducer 1 does not exist");
  EXPECT_EQ(read(make("f32", R"([["scalar",2]])"), "0"),
            "reducer `r` reads something else than its operands");
  EXPECT_EQ(read(make("f32", R"([["var",0]])"), "0"),
            "reducer `r` reads something else than its operands");
  EXPECT_EQ(read(make("f32", R"([["neg",0]])"), "0"),
            "an expression of `r` stands before its operand");
  EXPECT_EQ(read(make("f32", R"([["const","i1",1]])"), "0"),
            "reducer `r` gives i1 of f32");
  EXPECT_EQ(read(make("f64", R"([["scalar",0]])"), "0"),
            "the values of `Y` are not of the type that `r` reduces");
}

TEST(Json, every_statement_and_kind_of_rank_is_read_back) {
  const char *text = R"({"version":1,"name":"all",
    "ranks":[{"name":"k"},{"name":"g","fixed":2},{"name":"h","product":[0,1]},
             {"name":"t"},{"name":"t1","ceildiv":3,"divisor":16},
             {"name":"s","fixed":2}],
    "values":[{"name":"X","type":"bf16","ranks":[2,3]},
              {"name":"Y","type":"f32","ranks":[2,3]},
              {"name":"I","type":"i32","ranks":[2,5]},
              {"name":"a","type":"f32","ranks":[2]},
              {"name":"a1","type":"f32","ranks":[2]},
              {"name":"A","type":"f32","ranks":[2]},
              {"name":"C","type":"f32","ranks":[2,3]},
              {"name":"N","type":"f32","ranks":[2,3]}],
    "inputs":[0],"scalars":[{"name":"c","type":"f32"}],
    "body":[
      {"kind":"nest","results":[[1,7]],"body":[
        {"kind":"einsum","result":1,"output":[[0,1],3],"reduce":[],
         "exprs":[["var",0],["var",1],["flatten",[0,1],0,1],["var",3],
                  ["read",0,2,3],["scalar",0],["mul",4,5],["cast","f32",6]],
         "value":7}]},
      {"kind":"topk","source":7,"rank":3,"indices":2},
      {"kind":"iterate","rank":3,"reverse":true,
       "states":[{"state":3,"init":"-inf","next":4,"result":5}],
       "collected":[{"value":4,"result":6,"position":1}],
       "body":[{"kind":"einsum","result":4,"output":[2],"reduce":[],
         "exprs":[["var",2],["var",3],["read",7,0,1],["read",3,0],
                  ["max",2,3]],"value":4}]}],
    "yields":[{"value":2,"name":"I","type":"i32"},
              {"value":6,"name":"C","type":"f32"}]})";
  std::string error;
  std::optional<Cascade> cascade = parseJson(text, error);
  ASSERT_TRUE(cascade) << error;
  std::string written = toJson(*cascade);
  std::optional<Cascade> again = parseJson(written, error);
  ASSERT_TRUE(again) << error;
  EXPECT_EQ(toJson(*again), written);
  Builder b("");
  b.cascade = *cascade;
  Call run(b, {{"k", 1}, {"t", 3}});
  run.scalars = {2};
  run.set("X", {1, 3, 2, 9, 7, 8});
  EXPECT_EQ(run.get("I"), (std::vector<double>{1, 2, 0, 2}));
  EXPECT_EQ(run.get("C"), (std::vector<double>{6, 6, 4, 18, 16, 16}));
}

TEST(Json, negative_text_that_is_no_cascade) {
  std::string good = toJson(makeStreamedSoftmax().cascade), error;
  for (size_t length = 0; length < good.size(); length += 97)
    EXPECT_FALSE(parseJson(good.substr(0, length), error));
  std::string deep(100000, '[');
  EXPECT_FALSE(parseJson(deep, error));
  EXPECT_FALSE(parseJson("{}", error));
  EXPECT_FALSE(parseJson("null", error));
}

/// Any one number of the text replaced: refused or a cascade, never a crash.
TEST(Json, negative_places_that_do_not_exist) {
  std::string good = toJson(makeStreamedSoftmax().cascade), error;
  const char *numbers[] = {"999", "-1", "1e30", "\"x\"", "[]"};
  unsigned turn = 0;
  for (size_t at = 0; at != good.size(); ++at) {
    if (!isdigit(good[at]) || isdigit(good[at - 1]))
      continue;
    std::string bad = good;
    size_t end = bad.find_first_not_of("0123456789", at);
    bad.replace(at, end - at, numbers[turn++ % std::size(numbers)]);
    parseJson(bad, error);
  }
}

TEST(Json, negative_messages) {
  auto expectError = [](Builder b, const std::string &message) {
    EXPECT_EQ(verify(b.cascade), message);
  };
  Builder twice = makeNaiveSoftmax();
  twice.cascade.body.push_back(twice.cascade.body[0]);
  expectError(twice, "value `S` is defined twice");
  Builder early = makeNaiveSoftmax();
  std::swap(early.cascade.body[0], early.cascade.body[1]);
  expectError(early, "value `S` is used before it is defined");
  Builder filter = makeNaiveSoftmax([](Scope &s) { s.where(s["m"]); });
  expectError(filter, "the filter of `S` is not i1");
  Builder ranks = makeNaiveSoftmax();
  ranks.cascade.values[ranks.findValue("S")].ranks.pop_back();
  expectError(ranks, "`S` has 1 ranks but its Einsum has 2 output indices");
  Builder free("free");
  free.rank("m").rank("t").input("X", "m t");
  free.bind("t").einsum("Y", "m", [](Scope &s) { return s("X", "m", "t"); });
  expectError(free, "rank variable `t` is neither in the output of `Y` nor "
                    "reduced");
  Builder index("index");
  index.rank("m").input("X", "m");
  index.einsum("Y", "m", [](Scope &s) { return s("X", s("X", "m")); });
  expectError(index, "an expression of `Y` has an operand of a type that it "
                     "can't have");
}

TEST(Json, names_of_operators_are_read_back) {
  for (unsigned i = 0; i <= static_cast<unsigned>(Op::Cast); ++i) {
    auto op = static_cast<Op>(i);
    EXPECT_EQ(parseOp(getName(op)), op) << i;
    EXPECT_FALSE(getName(op).empty());
  }
  EXPECT_EQ(getName(Op::Cast), "cast");
  EXPECT_EQ(getName(Op::Not), "not");
}

} // namespace
