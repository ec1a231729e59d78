//===- MoveTest.cpp - Tiles loaded and stored under any strides -----------===//
//
// A kernel copies a shifted box of one view to another, through a tile whose
// ranks are in another order. Strides choose the form of the move, extents cut
// the tiles.
//
//===----------------------------------------------------------------------===//

#include "test/Target/CPU/Compiled.h"

#include <algorithm>
#include <cmath>

using namespace attn::test;

namespace {
class MoveTest : public CpuTest {};

/// B[b, i, j] = A[b, i + di, j + dj], 0 outside A.
const char *copyText = R"(
tile.kernel @copy grid(%b0 = b, %i0 = i: $is, %j0 = j: $js)$lanes
    (%A: !tile.view<[b, x, y], $type>, %B: !tile.view<[b, i, j], $type>)
    attributes {ranks = []} {
  %di = arith.constant $di : index
  %dj = arith.constant $dj : index
  %x0 = arith.addi %i0, %di : index
  %y0 = arith.addi %j0, %dj : index
  %a = tile.load %A[%b0, %x0, %y0] dims ["", "i", "j"]
      : !tile.view<[b, x, y], $type> -> !tile.tile<[$ranks], $wide>
  tile.store %a, %B[%b0, %i0, %j0] dims ["", "i", "j"]
      : !tile.tile<[$ranks], $wide>, !tile.view<[b, i, j], $type>
}
tile.program @p(%A: !tile.view<[b, x, y], $type>) -> (%B: !tile.view<[b, i, j], $type>)
    attributes {ranks = [#attn.rank<"b", free, 0>, #attn.rank<"i", free, 0>,
                         #attn.rank<"j", free, 0>, #attn.rank<"x", free, 0>,
                         #attn.rank<"y", free, 0>]} {
  tile.launch @copy(%A, %B) : !tile.view<[b, x, y], $type>, !tile.view<[b, i, j], $type>
}
)";

struct Shape {
  int is, js;        ///< the tile's sizes
  const char *lanes; ///< the lane rank, or ""
  int di, dj;
  const char *type = "f32", *wide = "f32";
};

double getNumber(int64_t n) { return static_cast<double>(n % 127 + 1); }

void expectCopies(Compiled &compiled, const Shape &shape) {
  std::vector<std::vector<int>> orders = {{0, 1, 2}, {0, 2, 1}, {2, 0, 1}};
  auto type = attn::reference::parseElementType(shape.type);
  for (auto [i, j, x, y] : std::vector<std::array<int64_t, 4>>{
           {1, 1, 1, 1},
           {shape.is, shape.js, shape.is, shape.js},
           {33, 50, 40, 60},
           {50, 33, 47, 30},
           {17, 16, 16, 17},
           {3, 5, 0, 7}})
    for (const std::vector<int> &from : orders)
      for (const std::vector<int> &to : orders)
        for (int64_t gap : {1, 3}) {
          Tensor a(*type, {2, x, y}, from, gap), b(*type, {2, i, j}, to, gap);
          a.fill(getNumber);
          ASSERT_EQ(compiled.run({2, i, j, x, y}, {&a, &b}), 0);
          int failures = 0;
          b.forEach([&](const std::vector<int64_t> &at) {
            int64_t row = at[1] + shape.di, column = at[2] + shape.dj;
            bool isInside = row >= 0 && row < x && column >= 0 && column < y;
            double expected = isInside ? a.get({at[0], row, column}) : 0;
            if (b.get(at) != expected && ++failures < 4)
              ADD_FAILURE() << "at " << at[0] << ", " << at[1] << ", " << at[2]
                            << ": " << b.get(at) << ", expected " << expected;
          });
          ASSERT_EQ(failures, 0)
              << "extents " << i << " " << j << " of " << x << " " << y
              << ", strides " << a.strides[1] << " " << a.strides[2] << " to "
              << b.strides[1] << " " << b.strides[2];
          ASSERT_TRUE(b.isRestUntouched());
        }
}

TEST_P(MoveTest, CopiesBoxes) {
  const Shape shapes[] = {
      {16, 32, "j", 0, 0},
      {32, 16, "i", 0, 0},
      {20, 37, "j", 0, 0},
      {37, 20, "i", 1, -2},
      {7, 48, "j", -3, 5},
      {1, 1, "j", 0, 0},
      {16, 32, "", 0, 0},
      {5, 37, "", 2, 1},
      {3, 4, "", -1, -1},
      {64, 96, "j", 0, 3},
      {16, 32, "j", 1, 1, "bf16"},
      {19, 21, "i", 0, 0, "f16"},
      {9, 40, "", 0, 1, "i8", "i32"},
      {16, 17, "j", 0, 0, "f64", "f64"},
      {8, 24, "j", 0, 0, "i64", "i64"},
      {33, 8, "i", 0, 0, "f8E4M3FN"},
  };
  for (const Shape &shape : shapes) {
    std::string i = "i: " + std::to_string(shape.is);
    std::string j = "j: " + std::to_string(shape.js);
    bool iLast = std::string(shape.lanes) == "i";
    std::string lanes = shape.lanes;
    Compiled compiled(
        substitute(copyText, {{"ranks", iLast ? j + ", " + i : i + ", " + j},
                              {"lanes", lanes.empty() ? "" : " lanes " + lanes},
                              {"is", std::to_string(shape.is)},
                              {"js", std::to_string(shape.js)},
                              {"di", std::to_string(shape.di)},
                              {"dj", std::to_string(shape.dj)},
                              {"type", shape.type},
                              {"wide", shape.wide}}),
        GetParam());
    ASSERT_TRUE(compiled.isValid());
    SCOPED_TRACE(std::string(shape.type) + " [" + i + ", " + j + "] lanes " +
                 lanes);
    expectCopies(compiled, shape);
  }
}

/// B[b, i, j] = (A[b, i, j] / 2) / D[i]: what is loaded is scaled on the way,
/// what is stored divided.
const char *mapText = R"(
tile.kernel @divide grid(%b0 = b, %i0 = i: $is, %j0 = j: $js)$lanes
    (%A: !tile.view<[b, i, j], f32>, %D: !tile.view<[i], f32>, %B: !tile.view<[b, i, j], f32>)
    attributes {ranks = []} {
  %half = arith.constant 0.5 : f32
  %a = tile.load %A[%b0, %i0, %j0] dims ["", "i", "j"]
      : !tile.view<[b, i, j], f32> -> !tile.tile<[$ranks], f32>
  %s = tile.map ranks [$names] sizes [$sizes] at($offsets) ins(%a : !tile.tile<[$ranks], f32>) reducers [] {
  ^bb0(%x: f32):
    %y = arith.mulf %x, %half : f32
    tile.yield %y : f32
  } : !tile.tile<[$ranks], f32>
  %d = tile.load %D[%i0] dims ["i"] : !tile.view<[i], f32> -> !tile.tile<[i: $is], f32>
  %e = tile.map ranks ["i"] sizes [$is] at(%i0) ins(%d : !tile.tile<[i: $is], f32>) reducers [] {
  ^bb0(%x: f32):
    tile.yield %x : f32
  } : !tile.tile<[i: $is], f32>
  %q = tile.map ranks [$names] sizes [$sizes] at($offsets) ins(%s, %e : !tile.tile<[$ranks], f32>, !tile.tile<[i: $is], f32>) reducers [] {
  ^bb0(%x: f32, %y: f32):
    %z = attn.div %x, %y : f32
    tile.yield %z : f32
  } : !tile.tile<[$ranks], f32>
  tile.store %q, %B[%b0, %i0, %j0] dims ["", "i", "j"]
      : !tile.tile<[$ranks], f32>, !tile.view<[b, i, j], f32>
}
tile.program @p(%A: !tile.view<[b, i, j], f32>, %D: !tile.view<[i], f32>) -> (%B: !tile.view<[b, i, j], f32>)
    attributes {ranks = [#attn.rank<"b", free, 0>, #attn.rank<"i", free, 0>,
                         #attn.rank<"j", free, 0>]} {
  tile.launch @divide(%A, %D, %B) : !tile.view<[b, i, j], f32>, !tile.view<[i], f32>, !tile.view<[b, i, j], f32>
}
)";

/// Some rows have divisors whose reciprocals are infinite or 0 or lose bits,
/// and one has none.
double getDivisor(int64_t i) {
  const double rare[] = {0, 1e-40, -3e38, INFINITY, 0x1p-127, 3.0};
  if (i == 10)
    return NAN;
  return i % 40 < 24 ? 1 + 0.37 * static_cast<double>(i) : rare[i % 6];
}

void expectQuotients(Compiled &compiled, int64_t i, int64_t j, int64_t gap,
                     const std::vector<int> &order) {
  Tensor a(ElementType::F32, {2, i, j}, order, gap), d(ElementType::F32, {i});
  Tensor b(ElementType::F32, {2, i, j}, order, gap);
  a.fill([](int64_t n) {
    return n % 5 == 0 ? 0 : n % 5 == 1 ? 2e-39 : n % 91;
  });
  d.fill(getDivisor);
  ASSERT_EQ(compiled.run({2, i, j}, {&a, &d, &b}), 0);
  int failures = 0;
  b.forEach([&](const std::vector<int64_t> &at) {
    double x = a.get(at) / 2, y = d.get({at[1]});
    double expected = x == 0 && y == 0 ? 0 : x / y, found = b.get(at);
    if (std::abs(expected) > 3.4028235e38)
      expected = std::copysign(INFINITY, expected);
    bool isClose =
        std::isnan(expected) ? std::isnan(found)
        : std::isinf(expected)
            ? found == expected
            : std::abs(found - expected) <= 2e-7 * std::abs(expected) + 1.5e-45;
    if (!isClose && ++failures < 4)
      ADD_FAILURE() << "at " << at[0] << ", " << at[1] << ", " << at[2] << ": "
                    << found << ", expected " << expected;
  });
  EXPECT_EQ(failures, 0) << "extents " << i << " " << j << ", gap " << gap;
  EXPECT_TRUE(b.isRestUntouched());
}

TEST_P(MoveTest, ComputesMapsOnTheWay) {
  struct {
    int is, js;
    const char *lanes;
  } shapes[] = {{48, 40, "i"}, {16, 21, "i"}, {21, 37, "j"}, {5, 37, ""}};
  for (auto [is, js, lanes] : shapes) {
    bool iLast = std::string(lanes) == "i";
    auto inOrder = [&](const std::string &ofI, const std::string &ofJ) {
      return iLast ? ofJ + ", " + ofI : ofI + ", " + ofJ;
    };
    std::string i = std::to_string(is), j = std::to_string(js);
    Compiled compiled(
        substitute(mapText, {{"ranks", inOrder("i: " + i, "j: " + j)},
                             {"names", inOrder("\"i\"", "\"j\"")},
                             {"sizes", inOrder(i, j)},
                             {"offsets", inOrder("%i0", "%j0")},
                             {"lanes", *lanes ? std::string(" lanes ") + lanes
                                              : std::string()},
                             {"is", i},
                             {"js", j}}),
        GetParam());
    ASSERT_TRUE(compiled.isValid());
    SCOPED_TRACE("tile " + i + " by " + j + " lanes " + lanes);
    for (const std::vector<int> &order :
         std::vector<std::vector<int>>{{0, 1, 2}, {0, 2, 1}})
      for (int64_t gap : {1, 3})
        for (auto [i, j] : std::vector<std::array<int64_t, 2>>{
                 {is, js}, {100, 80}, {33, 50}, {7, 3}})
          expectQuotients(compiled, i, j, gap, order);
  }
}

/// A view that isn't wanted has no address and must not be touched.
TEST_P(MoveTest, SkipsUnwantedOutputs) {
  Compiled compiled(substitute(copyText, {{"ranks", "i: 16, j: 16"},
                                          {"lanes", " lanes j"},
                                          {"is", "16"},
                                          {"js", "16"},
                                          {"di", "0"},
                                          {"dj", "0"},
                                          {"type", "f32"},
                                          {"wide", "f32"}}),
                    GetParam());
  Tensor a(ElementType::F32, {1, 20, 20});
  a.fill(getNumber);
  auto frame = compiled.makeFrame({1, 20, 20, 20, 20}, {&a});
  EXPECT_EQ(compiled.run(frame), 0);
}

/// A tile without ranks is one element.
TEST_P(MoveTest, CopiesScalars) {
  Compiled compiled(R"(
tile.kernel @copy grid(%i0 = i) (%A: !tile.view<[i], f32>, %B: !tile.view<[i], f32>)
    attributes {ranks = []} {
  %a = tile.load %A[%i0] dims [""] : !tile.view<[i], f32> -> !tile.tile<[], f32>
  tile.store %a, %B[%i0] dims [""] : !tile.tile<[], f32>, !tile.view<[i], f32>
}
tile.program @p(%A: !tile.view<[i], f32>) -> (%B: !tile.view<[i], f32>)
    attributes {ranks = [#attn.rank<"i", free, 0>]} {
  tile.launch @copy(%A, %B) : !tile.view<[i], f32>, !tile.view<[i], f32>
}
)",
                    GetParam());
  Tensor a(ElementType::F32, {5}), b(ElementType::F32, {5});
  a.fill(getNumber);
  ASSERT_EQ(compiled.run({5}, {&a, &b}), 0);
  for (int64_t i = 0; i != 5; ++i)
    EXPECT_EQ(b.get({i}), a.get({i}));
}
} // namespace

INSTANTIATE_LEVELS(MoveTest);
