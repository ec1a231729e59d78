//===- ContractTest.cpp - Sums of products of every shape -----------------===//

#include "test/Target/CPU/Compiled.h"

#include <array>

using namespace attn::test;

namespace {
class ContractTest : public CpuTest {};

/// Small integers, so that sums are exact in any order.
double getSmall(int64_t n) { return static_cast<double>(n * 7 % 11 - 5); }

/// C[i, j] = start + sum over c of A[i, c] B[c, j]
const char *productText = R"(
tile.kernel @k grid(%z = one) lanes j
    (%A: !tile.view<[i, c], $type>, %B: !tile.view<[c, j], $type>,
     %S: !tile.view<[j], $type>, %C: !tile.view<[i, j], $type>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %a = tile.load %A[%c0, %c0] dims ["i", "c"] : !tile.view<[i, c], $type> -> !tile.tile<[$lhs], $type>
  %b = tile.load %B[%c0, %c0] dims ["c", "j"] : !tile.view<[c, j], $type> -> !tile.tile<[c: $c, j: $j], $type>
  %s = tile.load %S[%c0] dims ["j"] : !tile.view<[j], $type> -> !tile.tile<[j: $j], $type>
  $acc
  tile.store %r, %C[%c0, %c0] dims ["i", "j"] : !tile.tile<[i: $i, j: $j], $type>, !tile.view<[i, j], $type>
}
tile.program @p(%A: !tile.view<[i, c], $type>, %B: !tile.view<[c, j], $type>, %S: !tile.view<[j], $type>)
    -> (%C: !tile.view<[i, j], $type>)
    attributes {ranks = [#attn.rank<"one", fixed, 1>, #attn.rank<"i", free, 0>,
                         #attn.rank<"j", free, 0>, #attn.rank<"c", free, 0>]} {
  tile.launch @k(%A, %B, %S, %C) : !tile.view<[i, c], $type>, !tile.view<[c, j], $type>,
      !tile.view<[j], $type>, !tile.view<[i, j], $type>
}
)";

const char *plain = R"(
  %r = tile.contract %a, %b over ["c"] : !tile.tile<[$lhs], $type>, !tile.tile<[c: $c, j: $j], $type> -> !tile.tile<[i: $i, j: $j], $type>)";

/// The accumulator is computed as it is loaded.
const char *fused = R"(
  %acc = tile.map ranks ["i", "j"] sizes [$i, $j] at(%c0, %c0) ins(%s : !tile.tile<[j: $j], $type>) reducers [] {
  ^bb0(%x: $type):
    $coord
    tile.yield %y : $type
  } : !tile.tile<[i: $i, j: $j], $type>
  %r = tile.contract %a, %b, %acc over ["c"] : !tile.tile<[$lhs], $type>, !tile.tile<[c: $c, j: $j], $type>, !tile.tile<[i: $i, j: $j], $type> -> !tile.tile<[i: $i, j: $j], $type>)";

/// Its region reads coordinates, so that the code can't be shared.
const char *withCoordinates = R"(%i = tile.coord "i"
    %j = tile.coord "j"
    %ij = arith.addi %i, %j : index
    %f = attn.cast %ij to $type : index -> $type
    %y = arith.add$f %x, %f : $type)";
const char *withoutCoordinates = "%y = arith.add$f %x, %x : $type";

enum Start { None, Twice, Coordinates };

/// A product of tiles of i by c and c by j.
struct Product {
  int i, j, c;
  Start start;
  bool transposed;
  const char *type;

  std::string getText() const {
    std::string I = std::to_string(i), J = std::to_string(j),
                C = std::to_string(c);
    std::string lhs = "i: " + I + ", c: " + C;
    if (transposed)
      lhs = "c: " + C + ", i: " + I;
    return substitute(
        productText,
        {{"acc", start == None ? plain : fused},
         {"coord", start == Coordinates ? withCoordinates : withoutCoordinates},
         {"lhs", lhs},
         {"type", type},
         {"f", type[0] == 'f' ? "f" : "i"},
         {"i", I},
         {"j", J},
         {"c", C}});
  }

  /// Compares what `compiled` makes of tensors of these extents, at most those
  /// of the tiles. The strides between elements are `gap`.
  void expect(Compiled &compiled, std::array<int64_t, 3> extents,
              int64_t gap) const {
    auto [numRows, numColumns, depth] = extents;
    auto element = *attn::reference::parseElementType(type);
    Tensor A(element, {numRows, depth}, {0, 1}, gap),
        B(element, {depth, numColumns}, {1, 0}, gap), S(element, {numColumns}),
        R(element, {numRows, numColumns});
    A.fill(getSmall);
    B.fill(getSmall);
    S.fill(getSmall);
    ASSERT_EQ(compiled.run({1, numRows, numColumns, depth}, {&A, &B, &S, &R}),
              0);
    int failures = 0;
    R.forEach([&, depth = depth](const std::vector<int64_t> &at) {
      double expected =
          start == None ? 0
          : start == Twice
              ? 2 * S.get({at[1]})
              : S.get({at[1]}) + static_cast<double>(at[0] + at[1]);
      for (int64_t k = 0; k != depth; ++k)
        expected += A.get({at[0], k}) * B.get({k, at[1]});
      if (R.get(at) != expected && ++failures < 4)
        ADD_FAILURE() << "at " << at[0] << ", " << at[1] << ": " << R.get(at)
                      << ", expected " << expected;
    });
    ASSERT_EQ(failures, 0) << type << " " << numRows << " x " << numColumns
                           << " x " << depth;
  }
};

void expectProduct(const Level &level, const Product &product) {
  Compiled compiled(product.getText(), level);
  // Strides that let the product read the view itself, and strides that don't.
  for (int64_t gap : {1, 2})
    ASSERT_NO_FATAL_FAILURE(
        product.expect(compiled, {product.i, product.j, product.c}, gap));
}

TEST_P(ContractTest, AllShapes) {
  const int shapes[][3] = {{1, 1, 1},     {13, 16, 4}, {14, 32, 5},
                           {15, 33, 6},   {29, 48, 7}, {43, 20, 9},
                           {64, 128, 64}, {6, 96, 3},  {3, 7, 130}};
  int number = 0;
  for (auto [i, j, c] : shapes) {
    auto start = static_cast<Start>(number % 3);
    expectProduct(GetParam(), {i, j, c, start, bool(number++ % 2), "f32"});
  }
}

TEST_P(ContractTest, OtherTypes) {
  for (const char *type : {"f64", "i32", "i64"})
    for (Start start : {None, Twice, Coordinates})
      expectProduct(GetParam(), {15, 20, 6, start, false, type});
}

/// Tensors that end inside of the tile: in each vector of lanes, in whole and
/// half panels, in blocks of rows and what follows them.
TEST_P(ContractTest, PartsOfTiles) {
  for (Start start : {None, Twice, Coordinates})
    for (bool transposed : {false, true}) {
      Product product{29, 128, 12, start, transposed, "f32"};
      Compiled compiled(product.getText(), GetParam());
      for (int64_t j : {1, 16, 17, 32, 33, 64, 65, 96, 97, 127})
        for (int64_t i : {1, 6, 28})
          ASSERT_NO_FATAL_FAILURE(product.expect(compiled, {i, j, 7}, 1));
    }
}

/// A batch rank, a rank that only rhs has, two contracted ranks, no lanes.
TEST_P(ContractTest, ManyRanks) {
  const char *text = R"(
tile.kernel @k grid(%z = one)$lanes
    (%A: !tile.view<[g, i, c, d], f32>, %B: !tile.view<[g, h, c, d, j], f32>,
     %C: !tile.view<[g, h, i, j], f32>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %a = tile.load %A[%c0, %c0, %c0, %c0] dims ["g", "i", "c", "d"] : !tile.view<[g, i, c, d], f32> -> !tile.tile<[g: 2, i: 5, c: 3, d: 4], f32>
  %b = tile.load %B[%c0, %c0, %c0, %c0, %c0] dims ["g", "h", "c", "d", "j"] : !tile.view<[g, h, c, d, j], f32> -> !tile.tile<[g: 2, h: 3, c: 3, d: 4, j: 18], f32>
  %r = tile.contract %a, %b over ["c", "d"] : !tile.tile<[g: 2, i: 5, c: 3, d: 4], f32>, !tile.tile<[g: 2, h: 3, c: 3, d: 4, j: 18], f32> -> !tile.tile<[g: 2, h: 3, i: 5, j: 18], f32>
  tile.store %r, %C[%c0, %c0, %c0, %c0] dims ["g", "h", "i", "j"] : !tile.tile<[g: 2, h: 3, i: 5, j: 18], f32>, !tile.view<[g, h, i, j], f32>
}
tile.program @p(%A: !tile.view<[g, i, c, d], f32>, %B: !tile.view<[g, h, c, d, j], f32>) -> (%C: !tile.view<[g, h, i, j], f32>)
    attributes {ranks = [#attn.rank<"one", fixed, 1>, #attn.rank<"g", free, 0>, #attn.rank<"h", free, 0>,
                         #attn.rank<"i", free, 0>, #attn.rank<"j", free, 0>,
                         #attn.rank<"c", free, 0>, #attn.rank<"d", free, 0>]} {
  tile.launch @k(%A, %B, %C) : !tile.view<[g, i, c, d], f32>, !tile.view<[g, h, c, d, j], f32>, !tile.view<[g, h, i, j], f32>
}
)";
  for (const char *lanes : {" lanes j", ""}) {
    Compiled compiled(substitute(text, {{"lanes", lanes}}), GetParam());
    Tensor A(ElementType::F32, {2, 5, 3, 4}),
        B(ElementType::F32, {2, 3, 3, 4, 18}),
        C(ElementType::F32, {2, 3, 5, 18});
    A.fill(getSmall);
    B.fill(getSmall);
    ASSERT_EQ(compiled.run({1, 2, 3, 5, 18, 3, 4}, {&A, &B, &C}), 0);
    C.forEach([&](const std::vector<int64_t> &at) {
      double expected = 0;
      for (int64_t c = 0; c != 3; ++c)
        for (int64_t d = 0; d != 4; ++d)
          expected +=
              A.get({at[0], at[2], c, d}) * B.get({at[0], at[1], c, d, at[3]});
      EXPECT_EQ(C.get(at), expected);
    });
  }
}
} // namespace

INSTANTIATE_LEVELS(ContractTest);
