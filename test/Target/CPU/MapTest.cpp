//===- MapTest.cpp - Maps, filters, reductions ----------------------------===//

#include "test/Target/CPU/Compiled.h"

#include <cmath>
#include <functional>

using namespace attn::test;

namespace {
class MapTest : public CpuTest {};

double getNumber(int64_t n) { return static_cast<double>(n * 37 % 101 - 50); }

/// One map over [i, j] of X[i, j] and Y[j]; `$result` are its ranks.
const char *mapText = R"(
tile.kernel @k grid(%i0 = i: $is, %j0 = j: $js)$lanes
    (%X: !tile.view<[i, j], $type>, %Y: !tile.view<[j], $type>, %I: !tile.view<[j], i32>, %R: !tile.view<[$ranks], $to>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %ei = tile.extent "i"
  %ej = tile.extent "j"
  %x = tile.load %X[%i0, %j0] dims ["i", "j"] : !tile.view<[i, j], $type> -> !tile.tile<[$tile], $type>
  %y = tile.load %Y[%j0] dims ["j"] : !tile.view<[j], $type> -> !tile.tile<[j: $js], $type>
  %r = tile.map ranks ["i", "j"] sizes [$is, $js] at(%i0, %j0) ins(%x, %y : !tile.tile<[$tile], $type>, !tile.tile<[j: $js], $type>)
      $acc reducers [$reducers] {
  ^bb0(%a: $type, %b: $type):
    $body
  } : !tile.tile<[$result], $to>
  tile.store %r, %R[$at] dims [$dims] : !tile.tile<[$result], $to>, !tile.view<[$ranks], $to>
}
tile.program @p(%X: !tile.view<[i, j], $type>, %Y: !tile.view<[j], $type>, %I: !tile.view<[j], i32>) -> (%R: !tile.view<[$ranks], $to>)
    attributes {ranks = [#attn.rank<"i", free, 0>, #attn.rank<"j", free, 0>]} {
  tile.launch @k(%X, %Y, %I, %R) : !tile.view<[i, j], $type>, !tile.view<[j], $type>, !tile.view<[j], i32>, !tile.view<[$ranks], $to>
}
)";

/// The reductions' regions: where j <= 2 i and both are inside.
const char *filtered = R"(%i = tile.coord "i"
    %j = tile.coord "j"
    %i2 = arith.addi %i, %i : index
    %f = arith.cmpi sle, %j, %i2 : index
    %fi = arith.cmpi slt, %i, %ei : index
    %fj = arith.cmpi slt, %j, %ej : index
    %g = arith.andi %f, %fi : i1
    %h = arith.andi %g, %fj : i1
    tile.yield %a : $type where %h)";

struct Case {
  int is, js;
  const char *lanes; ///< "i", "j" or ""
};
const Case cases[] = {{16, 32, "j"}, {32, 16, "i"}, {20, 37, "j"},
                      {37, 20, "i"}, {5, 7, ""},    {3, 200, "j"},
                      {64, 1, "i"},  {9, 48, "j"}};

std::string makeText(const Case &c, const std::string &body,
                     const std::string &reduced, const std::string &kind,
                     const std::string &type, const std::string &to,
                     const std::string &accType = "") {
  std::string i = "i: " + std::to_string(c.is),
              j = "j: " + std::to_string(c.js);
  bool iLast = std::string(c.lanes) == "i";
  auto tile = [&](bool hasI, bool hasJ) {
    if (hasI && hasJ)
      return iLast ? j + ", " + i : i + ", " + j;
    return hasI ? i : hasJ ? j : std::string();
  };
  bool hasI = reduced.find('i') == std::string::npos;
  bool hasJ = reduced.find('j') == std::string::npos;
  auto list = [&](const char *first, const char *second) {
    return std::string(hasI ? first : "") + (hasI && hasJ ? ", " : "") +
           (hasJ ? second : "");
  };
  std::string reducers;
  for (char rank : reduced)
    reducers += std::string(reducers.empty() ? "" : ", ") + "#attn.reduce<" +
                kind + " \"" + rank + "\">";
  std::string lanes = c.lanes;
  return substitute(
      mapText, {{"acc", accType.empty() ? "" : "acc(%y : " + accType + ")"},
                {"body", body},
                {"lanes", lanes.empty() ? "" : " lanes " + lanes},
                {"tile", tile(true, true)},
                {"result", tile(hasI, hasJ)},
                {"reducers", reducers},
                {"ranks", list("i", "j")},
                {"dims", list("\"i\"", "\"j\"")},
                {"at", list("%i0", "%j0")},
                {"type", type},
                {"to", to},
                {"is", std::to_string(c.is)},
                {"js", std::to_string(c.js)}});
}

/// Extents of one tile, so that a reduction is over all of a rank.
struct Tensors {
  Tensors(const Case &c, ElementType type, const std::string &reduced,
          ElementType to, int cut)
      : i(std::max(1, c.is - cut)), j(std::max(1, c.js - cut)), X(type, {i, j}),
        Y(type, {j}), I(ElementType::I32, {j}), R(to, getExtents(reduced)) {
    X.fill(getNumber);
    Y.fill(getNumber);
    I.fill([](int64_t n) { return static_cast<double>(n * 5 % 13 - 3); });
  }
  std::vector<int64_t> getExtents(const std::string &reduced) const {
    std::vector<int64_t> extents;
    if (reduced.find('i') == std::string::npos)
      extents.push_back(i);
    if (reduced.find('j') == std::string::npos)
      extents.push_back(j);
    return extents;
  }
  int64_t i, j;
  Tensor X, Y, I, R;
};

struct Reducer {
  const char *kind;
  double identity;
  std::function<double(double, double)> combine;
};

TEST_P(MapTest, Reduces) {
  const Reducer reducers[] = {
      {"add", 0, std::plus<double>()},
      {"max", -INFINITY, [](double x, double y) { return std::max(x, y); }},
      {"min", INFINITY, [](double x, double y) { return std::min(x, y); }}};
  int number = 0;
  for (const Case &c : cases)
    for (const char *reduced : {"i", "j", "ij"}) {
      const Reducer &reducer = reducers[number++ % 3];
      Compiled compiled(
          makeText(c, filtered, reduced, reducer.kind, "f32", "f32"),
          GetParam());
      for (int cut : {0, 1, 4}) {
        Tensors t(c, ElementType::F32, reduced, ElementType::F32, cut);
        ASSERT_EQ(compiled.run({t.i, t.j}, {&t.X, &t.Y, &t.I, &t.R}), 0);
        std::vector<double> expected(t.i * t.j, reducer.identity);
        auto place = [&](int64_t i, int64_t j) {
          std::vector<int64_t> at;
          if (t.R.extents.size() == 2 || std::string(reduced) == "j")
            at.push_back(i);
          if (t.R.extents.size() == 2 || std::string(reduced) == "i")
            at.push_back(j);
          return at;
        };
        t.R.forEach([&](const std::vector<int64_t> &at) {
          double value = reducer.identity;
          for (int64_t i = 0; i != t.i; ++i)
            for (int64_t j = 0; j != t.j; ++j)
              if (j <= 2 * i && place(i, j) == at)
                value = reducer.combine(value, t.X.get({i, j}));
          EXPECT_EQ(t.R.get(at), value)
              << reducer.kind << " over " << reduced << " of " << c.is << " x "
              << c.js << " lanes " << c.lanes << " less " << cut;
        });
      }
    }
}

/// A reduction that starts from a tile, not from the identity.
TEST_P(MapTest, ReducesIntoATile) {
  for (const Case &c : {cases[0], cases[1], cases[4]}) {
    std::string j = std::to_string(c.js);
    Compiled compiled(makeText(c, filtered, "i", "add", "f32", "f32",
                               "!tile.tile<[j: " + j + "], f32>"),
                      GetParam());
    Tensors t(c, ElementType::F32, "i", ElementType::F32, 2);
    ASSERT_EQ(compiled.run({t.i, t.j}, {&t.X, &t.Y, &t.I, &t.R}), 0);
    for (int64_t j = 0; j != t.j; ++j) {
      double expected = t.Y.get({j});
      for (int64_t i = 0; i != t.i; ++i)
        expected += j <= 2 * i ? t.X.get({i, j}) : 0;
      EXPECT_EQ(t.R.get({j}), expected);
    }
  }
}

TEST_P(MapTest, ReducesIntegersAndConditions) {
  for (const Case &c : {cases[0], cases[1], cases[4]}) {
    Compiled mul(makeText(c, "tile.yield %a : $type", "i", "mul", "i32", "i32"),
                 GetParam());
    Tensors t(c, ElementType::I32, "i", ElementType::I32, 0);
    t.X.fill([](int64_t n) { return static_cast<double>(n % 3 - 1 ? 1 : -1); });
    ASSERT_EQ(mul.run({t.i, t.j}, {&t.X, &t.Y, &t.I, &t.R}), 0);
    for (int64_t j = 0; j != t.j; ++j) {
      double expected = 1;
      for (int64_t i = 0; i != t.i; ++i)
        expected *= t.X.get({i, j});
      EXPECT_EQ(t.R.get({j}), expected);
    }
    Compiled any(makeText(c,
                          "%z = arith.constant 49.0 : f32\n"
                          "%c = arith.cmpf oge, %a, %z : f32\n"
                          "tile.yield %c : i1",
                          "j", "or", "f32", "i1"),
                 GetParam());
    Tensors u(c, ElementType::F32, "j", ElementType::I1, 0);
    ASSERT_EQ(any.run({u.i, u.j}, {&u.X, &u.Y, &u.I, &u.R}), 0);
    for (int64_t i = 0; i != u.i; ++i) {
      bool expected = false;
      for (int64_t j = 0; j != u.j; ++j)
        expected |= u.X.get({i, j}) >= 49;
      EXPECT_EQ(u.R.get({i}), expected);
    }
  }
}

/// A NaN anywhere is the largest and the smallest.
TEST_P(MapTest, NaNStays) {
  for (const char *kind : {"max", "min"})
    for (const char *reduced : {"i", "j"}) {
      const Case &c = cases[0];
      Compiled compiled(
          makeText(c, "tile.yield %a : $type", reduced, kind, "f32", "f32"),
          GetParam());
      for (int64_t at : {0, 3, 15}) {
        Tensors t(c, ElementType::F32, reduced, ElementType::F32, 0);
        t.X.set({at, at}, NAN);
        ASSERT_EQ(compiled.run({t.i, t.j}, {&t.X, &t.Y, &t.I, &t.R}), 0);
        EXPECT_TRUE(std::isnan(t.R.get({at}))) << kind << " over " << reduced;
        EXPECT_FALSE(std::isnan(t.R.get({at == 0 ? 1 : 0})));
      }
    }
}

using Expected = std::function<double(Tensors &, int64_t, int64_t)>;

void expectMap(const Level &level, const std::string &body,
               const Expected &expected) {
  for (const Case &c : cases) {
    Compiled compiled(makeText(c, body, "", "", "f32", "f32"), level);
    for (int cut : {0, 3}) {
      Tensors t(c, ElementType::F32, "", ElementType::F32, cut);
      // More than one tile.
      t.R = Tensor(ElementType::F32, {t.i, t.j});
      ASSERT_EQ(compiled.run({t.i, t.j}, {&t.X, &t.Y, &t.I, &t.R}), 0);
      t.R.forEach([&](const std::vector<int64_t> &at) {
        EXPECT_EQ(t.R.get(at), expected(t, at[0], at[1]))
            << "at " << at[0] << ", " << at[1] << " of " << c.is << " x "
            << c.js << " lanes " << c.lanes;
      });
    }
  }
}

TEST_P(MapTest, Broadcasts) {
  expectMap(GetParam(), "%s = arith.addf %a, %b : f32\ntile.yield %s : f32",
            [](Tensors &t, int64_t i, int64_t j) {
              return t.X.get({i, j}) + t.Y.get({j});
            });
}

/// Coordinates as numbers: linear ones, a product and a quotient.
TEST_P(MapTest, ComputesWithCoordinates) {
  expectMap(GetParam(), R"(%i = tile.coord "i"
    %j = tile.coord "j"
    %c3 = arith.constant 3 : index
    %c5 = arith.constant -5 : index
    %k = arith.muli %j, %c3 : index
    %d = arith.subi %i, %k : index
    %q = arith.floordivsi %d, %c5 : index
    %m = arith.muli %i, %j : index
    %e = arith.cmpi eq, %j, %c3 : index
    %lt = arith.cmpi sgt, %d, %c5 : index
    %fd = attn.cast %d to f32 : index -> f32
    %fq = attn.cast %q to f32 : index -> f32
    %fm = attn.cast %m to f32 : index -> f32
    %fe = attn.cast %e to f32 : i1 -> f32
    %s0 = arith.addf %fd, %fq : f32
    %s1 = arith.addf %s0, %fm : f32
    %s2 = arith.addf %s1, %fe : f32
    %s3 = arith.select %lt, %s2, %s0 : f32
    tile.yield %s3 : f32)",
            [](Tensors &, int64_t i, int64_t j) {
              double d = static_cast<double>(i - 3 * j);
              double s = d + std::floor(d / -5);
              return d > -5 ? s + static_cast<double>(i * j + (j == 3)) : s;
            });
}

/// Y[I[j]], and 0 where that is outside.
TEST_P(MapTest, Gathers) {
  expectMap(GetParam(), R"(%j = tile.coord "j"
    %w, %ok0 = tile.read %I[%j] : !tile.view<[j], i32> -> i32
    %k = attn.cast %w to index : i32 -> index
    %v, %ok1 = tile.read %Y[%k] : !tile.view<[j], f32> -> f32
    %u, %ok2 = tile.read %X[%c0, %c0] : !tile.view<[i, j], f32> -> f32
    %hundred = arith.constant 100.0 : f32
    %z = arith.select %ok1, %v, %hundred : f32
    %s = arith.addf %z, %u : f32
    tile.yield %s : f32)",
            [](Tensors &t, int64_t, int64_t j) {
              auto k = static_cast<int64_t>(t.I.get({j}));
              bool isInside = k >= 0 && k < t.j;
              return (isInside ? t.Y.get({k}) : 100) + t.X.get({0, 0});
            });
}

/// exp of a difference of two -inf is 0; of a NaN it is NaN (S6).
TEST_P(MapTest, DifferenceOfInfinities) {
  const Case &c = cases[0];
  Compiled compiled(makeText(c,
                             "%d = arith.subf %a, %b : f32\n"
                             "%e = math.exp %d : f32\n"
                             "tile.yield %e : f32",
                             "", "", "f32", "f32"),
                    GetParam());
  Tensors t(c, ElementType::F32, "", ElementType::F32, 0);
  t.Y.set({0}, -INFINITY);
  t.X.set({0, 0}, -INFINITY);
  t.X.set({1, 0}, 1);
  t.X.set({2, 0}, NAN);
  t.X.set({3, 1}, -INFINITY);
  t.X.set({4, 1}, NAN);
  t.X.set({5, 1}, t.Y.get({1}));
  ASSERT_EQ(compiled.run({t.i, t.j}, {&t.X, &t.Y, &t.I, &t.R}), 0);
  EXPECT_EQ(t.R.get({0, 0}), 0);
  EXPECT_EQ(t.R.get({1, 0}), INFINITY);
  EXPECT_TRUE(std::isnan(t.R.get({2, 0})));
  EXPECT_EQ(t.R.get({3, 1}), 0);
  EXPECT_TRUE(std::isnan(t.R.get({4, 1})));
  EXPECT_EQ(t.R.get({5, 1}), 1);
}

/// Division by 0, and the one quotient that has no value, don't trap.
TEST_P(MapTest, IntegerDivision) {
  const Case &c = cases[2];
  const char *names[] = {"floordivsi", "ceildivsi", "divsi", "remsi"};
  for (const char *name : names) {
    Compiled compiled(makeText(c,
                               std::string("%q = arith.") + name +
                                   " %a, %b : i32\ntile.yield %q : i32",
                               "", "", "i32", "i32"),
                      GetParam());
    Tensors t(c, ElementType::I32, "", ElementType::I32, 0);
    t.Y.fill([](int64_t n) { return static_cast<double>(n % 9 - 4); });
    t.X.set({0, 3}, -2147483648.0);
    ASSERT_EQ(compiled.run({t.i, t.j}, {&t.X, &t.Y, &t.I, &t.R}), 0);
    t.R.forEach([&](const std::vector<int64_t> &at) {
      auto x = static_cast<int64_t>(t.X.get(at));
      auto y = static_cast<int64_t>(t.Y.get({at[1]}));
      std::string op = name;
      double exact = y ? static_cast<double>(x) / static_cast<double>(y) : 0;
      double expected = op == "floordivsi"  ? std::floor(exact)
                        : op == "ceildivsi" ? std::ceil(exact)
                        : op == "divsi"     ? std::trunc(exact)
                        : y                 ? static_cast<double>(x % y)
                                            : 0;
      if (expected == 2147483648.0)
        expected = -expected; // wraps
      EXPECT_EQ(t.R.get(at), expected) << x << " " << name << " " << y;
    });
  }
}
} // namespace

INSTANTIATE_LEVELS(MapTest);
