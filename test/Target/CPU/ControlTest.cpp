//===- ControlTest.cpp - Tiles carried through loops and branches ---------===//
//
// What one iteration leaves to the next must be what the IR says, whatever
// buffers share memory: tiles that change places, that outlive the loop, that
// pass through one arm of a branch only.
//
//===----------------------------------------------------------------------===//

#include "test/Target/CPU/Compiled.h"

using namespace attn::test;

namespace {
class ControlTest : public CpuTest {};

/// Loads X and Y, runs `$body`, which defines %r and %s, and stores them.
const char *text = R"(
tile.kernel @k grid(%z = one) lanes j
    (%X: !tile.view<[j], f32>, %Y: !tile.view<[j], f32>,
     %R: !tile.view<[j], f32>, %S: !tile.view<[j], f32>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %n = tile.extent "n"
  %x = tile.load %X[%c0] dims ["j"] : !tile.view<[j], f32> -> $t
  %y = tile.load %Y[%c0] dims ["j"] : !tile.view<[j], f32> -> $t
  $body
  tile.store %r, %R[%c0] dims ["j"] : $t, !tile.view<[j], f32>
  tile.store %s, %S[%c0] dims ["j"] : $t, !tile.view<[j], f32>
}
tile.program @p(%X: !tile.view<[j], f32>, %Y: !tile.view<[j], f32>)
    -> (%R: !tile.view<[j], f32>, %S: !tile.view<[j], f32>)
    attributes {ranks = [#attn.rank<"one", fixed, 1>, #attn.rank<"j", free, 0>, #attn.rank<"n", free, 0>]} {
  tile.launch @k(%X, %Y, %R, %S) : !tile.view<[j], f32>, !tile.view<[j], f32>, !tile.view<[j], f32>, !tile.view<[j], f32>
}
)";

/// `%name = f(operand)`: twice it and one more, or the difference of two.
std::string twice(const std::string &name, const std::string &operand) {
  return substitute(
      R"(%$n = tile.map ranks ["j"] sizes [40] at(%c0) ins(%$o : $t) reducers [] {
  ^bb0(%p: f32):
    %one = arith.constant 1.0 : f32
    %q = arith.addf %p, %p : f32
    %sum = arith.addf %q, %one : f32
    tile.yield %sum : f32
  } : $t
)",
      {{"n", name}, {"o", operand}});
}

std::string minus(const std::string &name, const std::string &left,
                  const std::string &right) {
  return substitute(
      R"(%$n = tile.map ranks ["j"] sizes [40] at(%c0) ins(%$l, %$r : $t, $t) reducers [] {
  ^bb0(%p: f32, %q: f32):
    %rest = arith.subf %p, %q : f32
    tile.yield %rest : f32
  } : $t
)",
      {{"n", name}, {"l", left}, {"r", right}});
}

using Pair = std::pair<double, double>;

void expectResults(const Level &level, const std::string &body,
                   Pair (*model)(double x, double y, int64_t n)) {
  Compiled compiled(
      substitute(text, {{"body", body}, {"t", "!tile.tile<[j: 40], f32>"}}),
      level);
  for (int64_t n : {0, 1, 2, 3, 6}) {
    Tensor X(ElementType::F32, {40}), Y(ElementType::F32, {40}),
        R(ElementType::F32, {40}), S(ElementType::F32, {40});
    X.fill([](int64_t i) { return static_cast<double>(i); });
    Y.fill([](int64_t i) { return static_cast<double>(1000 - 3 * i); });
    ASSERT_EQ(compiled.run({1, 40, n}, {&X, &Y, &R, &S}), 0);
    for (int64_t j = 0; j != 40; ++j) {
      auto [r, s] = model(X.get({j}), Y.get({j}), n);
      ASSERT_EQ(R.get({j}), r) << "first result, n = " << n << ", j = " << j;
      ASSERT_EQ(S.get({j}), s) << "second result, n = " << n << ", j = " << j;
    }
  }
}

const std::string loop = "%r, %s = scf.for %i = %c0 to %n step %c1 "
                         "iter_args(%a = %x, %b = %y) -> ($t, $t) {\n";

TEST_P(ControlTest, Swaps) {
  expectResults(GetParam(), loop + "scf.yield %b, %a : $t, $t\n}",
                [](double x, double y, int64_t n) {
                  return n % 2 ? Pair(y, x) : Pair(x, y);
                });
}

TEST_P(ControlTest, ShiftsAndComputes) {
  expectResults(GetParam(),
                loop + twice("c", "a") + "scf.yield %b, %c : $t, $t\n}",
                [](double x, double y, int64_t n) {
                  for (; n; --n) {
                    double c = 2 * x + 1;
                    x = y;
                    y = c;
                  }
                  return Pair(x, y);
                });
}

TEST_P(ControlTest, OneTileTwice) {
  expectResults(GetParam(),
                loop + twice("c", "a") + "scf.yield %c, %c : $t, $t\n}",
                [](double x, double y, int64_t n) {
                  for (; n; --n)
                    x = y = 2 * x + 1;
                  return Pair(x, y);
                });
}

/// Both start from one tile, which is read in the loop and after it too.
TEST_P(ControlTest, InitIsUsedLater) {
  expectResults(
      GetParam(),
      "%t0, %t1 = scf.for %i = %c0 to %n step %c1 iter_args(%a = %x, %b = %x)"
      " -> ($t, $t) {\n" +
          twice("c", "a") + minus("d", "b", "x") +
          "scf.yield %c, %d : $t, $t\n}\n" + minus("r", "t0", "x") +
          minus("s", "t1", "y"),
      [](double x, double y, int64_t n) {
        double a = x, b = x;
        for (; n; --n) {
          a = 2 * a + 1;
          b = b - x;
        }
        return Pair(a - x, b - y);
      });
}

/// The old value is read after the new one is made.
TEST_P(ControlTest, OldValueOutlivesNew) {
  expectResults(GetParam(),
                loop + twice("c", "a") + minus("d", "c", "a") +
                    minus("e", "b", "d") + "scf.yield %c, %e : $t, $t\n}",
                [](double x, double y, int64_t n) {
                  for (; n; --n) {
                    double c = 2 * x + 1;
                    y = y - (c - x);
                    x = c;
                  }
                  return Pair(x, y);
                });
}

const std::string isEven = "%h = arith.remsi %i, %c2 : index\n"
                           "%even = arith.cmpi eq, %h, %c0 : index\n";

TEST_P(ControlTest, PassesThroughABranch) {
  expectResults(GetParam(),
                loop + isEven + "%u, %v = scf.if %even -> ($t, $t) {\n" +
                    twice("c", "a") + minus("d", "b", "c") +
                    "scf.yield %c, %d : $t, $t\n} else {\n"
                    "scf.yield %a, %b : $t, $t\n}\n"
                    "scf.yield %u, %v : $t, $t\n}",
                [](double x, double y, int64_t n) {
                  for (int64_t i = 0; i != n; ++i)
                    if (i % 2 == 0) {
                      x = 2 * x + 1;
                      y = y - x;
                    }
                  return Pair(x, y);
                });
}

TEST_P(ControlTest, BranchesExchange) {
  expectResults(GetParam(),
                loop + isEven + "%u, %v = scf.if %even -> ($t, $t) {\n" +
                    "scf.yield %b, %a : $t, $t\n} else {\n" + twice("c", "b") +
                    "scf.yield %a, %c : $t, $t\n}\n" + minus("w", "u", "a") +
                    "scf.yield %v, %w : $t, $t\n}",
                [](double x, double y, int64_t n) {
                  for (int64_t i = 0; i != n; ++i) {
                    double u = i % 2 ? x : y, v = i % 2 ? 2 * y + 1 : x;
                    y = u - x;
                    x = v;
                  }
                  return Pair(x, y);
                });
}

TEST_P(ControlTest, NestedLoops) {
  expectResults(
      GetParam(),
      loop +
          "%u, %v = scf.for %k = %c0 to %i step %c1 iter_args(%c = %b, %d = %a)"
          " -> ($t, $t) {\n" +
          minus("e", "c", "a") + minus("f", "d", "y") +
          "scf.yield %f, %e : $t, $t\n}\n" + twice("w", "u") +
          "scf.yield %v, %w : $t, $t\n}",
      [](double x, double y, int64_t n) {
        double a = x, b = y;
        for (int64_t i = 0; i != n; ++i) {
          double c = b, d = a;
          for (int64_t k = 0; k != i; ++k) {
            double e = c - a;
            c = d - y;
            d = e;
          }
          a = d;
          b = 2 * c + 1;
        }
        return Pair(a, b);
      });
}
} // namespace

INSTANTIATE_LEVELS(ControlTest);
