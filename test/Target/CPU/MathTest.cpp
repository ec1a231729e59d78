//===- MathTest.cpp - The error of every function -------------------------===//
//
// Largest errors in units in the last place, over numbers of all magnitudes,
// against the C library in double precision. The bounds are those that
// docs/spec.md and Scalar.cpp state.
//
//===----------------------------------------------------------------------===//

#include "test/Target/CPU/Compiled.h"

#include "llvm/ADT/bit.h"

#include <cfloat>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

using namespace attn::test;

namespace {
class MathTest : public CpuTest {};

const char *mapText = R"(
tile.kernel @k grid(%n0 = n: 512)$lanes
    (%A: !tile.view<[n], f32>, %B: !tile.view<[n], f32>)
    attributes {ranks = []} {
  %a = tile.load %A[%n0] dims ["n"] : !tile.view<[n], f32> -> !tile.tile<[n: 512], f32>
  %b = tile.map ranks ["n"] sizes [512] at(%n0) ins(%a : !tile.tile<[n: 512], f32>) reducers [] {
  ^bb0(%x: f32):
    %y = $op %x : f32
    tile.yield %y : f32
  } : !tile.tile<[n: 512], f32>
  tile.store %b, %B[%n0] dims ["n"] : !tile.tile<[n: 512], f32>, !tile.view<[n], f32>
}
tile.program @p(%A: !tile.view<[n], f32>) -> (%B: !tile.view<[n], f32>)
    attributes {ranks = [#attn.rank<"n", free, 0>]} {
  tile.launch @k(%A, %B) : !tile.view<[n], f32>, !tile.view<[n], f32>
}
)";

struct Function {
  const char *op;
  double (*exact)(double);
  double low, high; ///< where it is measured
  double maxUlps;
  double smallest = 0; ///< below it in size, the absolute error counts
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double rsqrt(double x) { return 1 / std::sqrt(x); }

const Function functions[] = {
    {"math.exp", std::exp, -87.3, 88.72, 1},
    {"math.exp2", std::exp2, -125.9, 127.99, 1},
    {"math.log", std::log, 1e-37, 3e38, 1},
    {"math.log2", std::log2, 1e-37, 3e38, 1},
    {"math.tanh", std::tanh, -20, 20, 5},
    {"attn.sigmoid", sigmoid, -80, 80, 3},
    {"math.sqrt", std::sqrt, 0, 3e38, 0.5001},
    {"math.rsqrt", rsqrt, 1e-37, 3e38, 1.5},
    {"math.erf", std::erf, -5, 5, 5},
    {"math.sin", std::sin, -1e5, 1e5, 2, 1e-3},
    {"math.cos", std::cos, -1e5, 1e5, 2, 1e-3},
};

/// Distances are counted in units of the float at `exact`.
double getUlps(float actual, double exact, double smallest) {
  double magnitude = std::max(std::fabs(exact), smallest);
  int exponent = std::max(std::ilogb(magnitude), -126);
  return std::fabs(actual - exact) / std::ldexp(1.0, exponent - 23);
}

/// Half of the numbers are spread evenly, half over all magnitudes.
std::vector<float> getNumbers(double low, double high) {
  std::vector<float> numbers;
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int i = 0; i != 100000; ++i)
    numbers.push_back(static_cast<float>(low + (high - low) * uniform(random)));
  double largest = std::max(std::fabs(low), std::fabs(high));
  while (numbers.size() != 200000) {
    double x = largest * std::exp2(-40 * uniform(random));
    x = uniform(random) < 0.5 ? x : -x;
    if (x >= low && x <= high)
      numbers.push_back(static_cast<float>(x));
  }
  return numbers;
}

/// The results of the program `text`, a function of f32 or f64, at `numbers`.
template <typename Float>
std::vector<Float> run(const std::string &text, const Level &level,
                       const std::vector<Float> &numbers) {
  constexpr ElementType type =
      sizeof(Float) == 4 ? ElementType::F32 : ElementType::F64;
  Compiled compiled(text, level);
  int64_t count = static_cast<int64_t>(numbers.size());
  Tensor from(type, {count}), to(type, {count});
  std::memcpy(from.data(), numbers.data(), sizeof(Float) * numbers.size());
  EXPECT_EQ(compiled.run({count}, {&from, &to}), 0);
  std::vector<Float> results(numbers.size());
  std::memcpy(results.data(), to.data(), sizeof(Float) * numbers.size());
  return results;
}

std::vector<float> evaluate(const std::string &op, const Level &level,
                            const std::vector<float> &numbers,
                            bool hasLanes = true) {
  return run(
      substitute(mapText, {{"op", op}, {"lanes", hasLanes ? " lanes n" : ""}}),
      level, numbers);
}

/// `text` with f64 for f32.
std::string widen(std::string text) {
  for (size_t at = 0; (at = text.find("f32", at)) != std::string::npos;)
    text.replace(at, 3, "f64");
  return text;
}

TEST_P(MathTest, ErrorsAreBounded) {
  for (const Function &function : functions) {
    auto numbers = getNumbers(function.low, function.high);
    auto results = evaluate(function.op, GetParam(), numbers);
    double worst = 0, at = 0;
    for (size_t i = 0; i != numbers.size(); ++i) {
      double ulps =
          getUlps(results[i], function.exact(numbers[i]), function.smallest);
      if (!(ulps <= worst)) {
        worst = ulps;
        at = numbers[i];
      }
    }
    RecordProperty(function.op, std::to_string(worst));
    printf("%-14s %6.3f ulp at %.9g (bound %g)\n", function.op, worst, at,
           function.maxUlps);
    EXPECT_LE(worst, function.maxUlps) << function.op << " at " << at;
  }
}

// exp is summed, over one row, and rounded to bf16.
const char *roughText = R"(
tile.kernel @k grid(%n0 = n: 32) lanes n
    (%A: !tile.view<[n], f32>, %C: !tile.view<[i, c], bf16>, %B: !tile.view<[n], f32>, %D: !tile.view<[i, n], f32>)
    attributes {ranks = []} {
  %c0 = arith.constant 0 : index
  %a = tile.load %A[%n0] dims ["n"] : !tile.view<[n], f32> -> !tile.tile<[n: 32], f32>
  %low = arith.constant 0xFF800000 : f32
  %c1 = arith.constant 1 : index
  %x = tile.map ranks ["c", "n"] sizes [2, 32] at(%c0, %n0) ins(%a : !tile.tile<[n: 32], f32>) reducers [] {
  ^bb0(%v: f32):
    %c = tile.coord "c"
    %first = arith.cmpi slt, %c, %c1 : index
    %y = arith.select %first, %v, %low : f32
    tile.yield %y : f32
  } : !tile.tile<[c: 2, n: 32], f32>
  %e = tile.map ranks ["c", "n"] sizes [2, 32] at(%c0, %n0) ins(%x : !tile.tile<[c: 2, n: 32], f32>) reducers [] {
  ^bb0(%v: f32):
    %y = $op %v : f32
    tile.yield %y : f32
  } : !tile.tile<[c: 2, n: 32], f32>
  %sum = tile.map ranks ["c", "n"] sizes [2, 32] at(%c0, %n0) ins(%e : !tile.tile<[c: 2, n: 32], f32>) reducers [#attn.reduce<add "c">] {
  ^bb0(%v: f32):
    tile.yield %v : f32
  } : !tile.tile<[n: 32], f32>
  %r = tile.convert %e : !tile.tile<[c: 2, n: 32], f32> -> !tile.tile<[c: 2, n: 32], bf16>
  %w = tile.load %C[%c0, %c0] dims ["i", "c"] : !tile.view<[i, c], bf16> -> !tile.tile<[i: 1, c: 2], bf16>
  %d = tile.contract %w, %r over ["c"] : !tile.tile<[i: 1, c: 2], bf16>, !tile.tile<[c: 2, n: 32], bf16> -> !tile.tile<[i: 1, n: 32], f32>
  tile.store %sum, %B[%n0] dims ["n"] : !tile.tile<[n: 32], f32>, !tile.view<[n], f32>
  tile.store %d, %D[%c0, %n0] dims ["i", "n"] : !tile.tile<[i: 1, n: 32], f32>, !tile.view<[i, n], f32>
}
tile.program @p(%A: !tile.view<[n], f32>, %C: !tile.view<[i, c], bf16>) -> (%B: !tile.view<[n], f32>, %D: !tile.view<[i, n], f32>)
    attributes {ranks = [#attn.rank<"n", free, 0>, #attn.rank<"i", fixed, 1>, #attn.rank<"c", fixed, 2>]} {
  tile.launch @k(%A, %C, %B, %D) : !tile.view<[n], f32>, !tile.view<[i, c], bf16>, !tile.view<[n], f32>, !tile.view<[i, n], f32>
}
)";

/// What is rounded to bf16 for AMX has exponentials that are rough, to the
/// error that Scalar.h states; special values stay.
TEST(RoughExpTest, ErrorIsBounded) {
  const Level amx{"amx", 16, 32, "sapphirerapids", /*hasTiles=*/true};
  if (!amx.isSupported())
    GTEST_SKIP() << "this machine has no AMX, or the system refuses it";
  for (bool isBase2 : {false, true}) {
    auto numbers = getNumbers(-87, 88);
    const float inf = INFINITY;
    numbers.insert(numbers.end(), {-inf, inf, 0.0f, -200.0f, 200.0f});
    int64_t count = static_cast<int64_t>(numbers.size());
    Compiled compiled(
        substitute(roughText, {{"op", isBase2 ? "math.exp2" : "math.exp"}}),
        amx);
    Tensor from(ElementType::F32, {count}), ones(ElementType::BF16, {1, 2}),
        to(ElementType::F32, {count}), rounded(ElementType::F32, {1, count});
    std::memcpy(from.data(), numbers.data(), 4 * numbers.size());
    ones.fill([](int64_t) { return 1.0; });
    ASSERT_EQ(compiled.run({count, 1, 2}, {&from, &ones, &to, &rounded}), 0);
    double worst = 0, worstRounded = 0;
    for (int64_t i = 0; i != count - 5; ++i) {
      double exact =
          isBase2 ? std::exp2(from.get({i})) : std::exp(from.get({i}));
      worst = std::max(worst, std::fabs(to.get({i}) / exact - 1));
      worstRounded =
          std::max(worstRounded, std::fabs(rounded.get({0, i}) / exact - 1));
    }
    printf("rough %s: %.2e of the value (bound 8e-5), rounded %.2e\n",
           isBase2 ? "exp2" : "exp", worst, worstRounded);
    EXPECT_LE(worst, 8e-5);
    EXPECT_GE(worst, 1e-5); // it is the rough one that ran
    EXPECT_LE(worstRounded, 1.05 * std::exp2(-8));
    EXPECT_EQ(to.get({count - 5}), 0);
    EXPECT_EQ(to.get({count - 4}), inf);
    EXPECT_NEAR(to.get({count - 3}), 1, 8e-5);
    EXPECT_LT(to.get({count - 2}), 1e-38);
    EXPECT_EQ(to.get({count - 1}), inf);
  }
}

double getUlps(double actual, long double exact) {
  int exponent = std::max(std::ilogb(static_cast<double>(exact)), -1022);
  return static_cast<double>(std::fabs(actual - exact) /
                             std::ldexp(1.0L, exponent - 52));
}

/// The exponentials of f64, against long double.
TEST_P(MathTest, DoublePrecision) {
  std::string text = widen(mapText);
  for (bool isBase2 : {false, true}) {
    const char *op = isBase2 ? "math.exp2" : "math.exp";
    Compiled compiled(substitute(text, {{"op", op}, {"lanes", " lanes n"}}),
                      GetParam());
    Tensor from(ElementType::F64, {20000}), to(ElementType::F64, {20000});
    for (int64_t i = 0; i != 20000; ++i)
      from.set({i}, static_cast<double>(i - 10000) * 0.07081);
    from.set({0}, -INFINITY);
    from.set({1}, INFINITY);
    from.set({2}, NAN);
    ASSERT_EQ(compiled.run({20000}, {&from, &to}), 0);
    EXPECT_EQ(to.get({0}), 0);
    EXPECT_EQ(to.get({1}), INFINITY);
    EXPECT_TRUE(std::isnan(to.get({2})));
    double worst = 0;
    for (int64_t i = 3; i != 20000; ++i) {
      long double x = from.get({i});
      worst = std::max(
          worst, getUlps(to.get({i}), isBase2 ? std::exp2(x) : std::exp(x)));
    }
    printf("%-14s %6.3f ulp in f64 (bound 1)\n", op, worst);
    EXPECT_LE(worst, 1) << op;
  }
}

/// The logarithms of f64, against long double: near 1, of all magnitudes, and
/// of subnormal numbers. Powers of two are exact.
TEST_P(MathTest, DoublePrecisionLogarithms) {
  std::string text = widen(mapText);
  for (bool isBase2 : {false, true}) {
    const char *op = isBase2 ? "math.log2" : "math.log";
    Compiled compiled(substitute(text, {{"op", op}, {"lanes", " lanes n"}}),
                      GetParam());
    Tensor from(ElementType::F64, {20000}), to(ElementType::F64, {20000});
    for (int64_t i = 0; i != 10000; ++i) {
      from.set({i}, 1 + static_cast<double>(i - 5000) * 0.00019);
      from.set({10000 + i}, std::exp2(static_cast<double>(i - 5100) * 0.2101));
    }
    const double special[] = {0,        -0.0, -1, -INFINITY,
                              INFINITY, NAN,  8,  0x1p-1060};
    for (int64_t i = 0; i != 8; ++i)
      from.set({i}, special[i]);
    ASSERT_EQ(compiled.run({20000}, {&from, &to}), 0);
    EXPECT_EQ(to.get({0}), -INFINITY);
    EXPECT_EQ(to.get({1}), -INFINITY);
    EXPECT_TRUE(std::isnan(to.get({2})));
    EXPECT_TRUE(std::isnan(to.get({3})));
    EXPECT_EQ(to.get({4}), INFINITY);
    EXPECT_TRUE(std::isnan(to.get({5})));
    if (isBase2) {
      EXPECT_EQ(to.get({6}), 3);
      EXPECT_EQ(to.get({7}), -1060);
    }
    double worst = 0;
    for (int64_t i = 8; i != 20000; ++i) {
      long double x = from.get({i}),
                  exact = isBase2 ? std::log2(x) : std::log(x);
      if (std::isfinite(exact) && exact != 0)
        worst = std::max(worst, getUlps(to.get({i}), exact));
    }
    const double bound = isBase2 ? 2 : 1;
    printf("%-14s %6.3f ulp in f64 (bound %.0f)\n", op, worst, bound);
    EXPECT_LE(worst, bound) << op;
  }
}

/// Half evenly in +-limit, half of all magnitudes below it.
std::vector<double> getWideNumbers(double limit) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<double> numbers;
  for (int i = 0; i != 40000; ++i) {
    double x = uniform(random);
    numbers.push_back(
        i % 2 ? limit * x : limit * x * std::exp2(20 * (uniform(random) - 1)));
  }
  return numbers;
}

struct WideFunction {
  const char *op;
  long double (*exact)(long double);
  double limit, maxUlps;
  bool ofOne; ///< in units of the last place of 1
};

const WideFunction wideFunctions[] = {
    {"math.tanh", std::tanh, 25, 3, false},
    {"math.erf", std::erf, 7, 2, false},
    {"math.sin", std::sin, 7, 1, true},
    {"math.sin", std::sin, 0x1p40, 1, true},
    {"math.cos", std::cos, 7, 1, true},
    {"math.cos", std::cos, 0x1p40, 1, true},
};

/// The other functions of f64, against long double; scalars take the same
/// formulas.
TEST_P(MathTest, DoublePrecisionFunctions) {
  for (const WideFunction &function : wideFunctions)
    for (const char *lanes : {" lanes n", ""}) {
      auto numbers = getWideNumbers(function.limit);
      numbers.insert(numbers.end(), {NAN, 0.0, -0.0});
      if (!*lanes)
        numbers.erase(numbers.begin(), numbers.end() - 1003);
      auto results = run(
          substitute(widen(mapText), {{"op", function.op}, {"lanes", lanes}}),
          GetParam(), numbers);
      size_t count = numbers.size() - 3;
      EXPECT_TRUE(std::isnan(results[count])) << function.op;
      double atZero = static_cast<double>(function.exact(0));
      EXPECT_EQ(results[count + 1], atZero) << function.op;
      EXPECT_EQ(results[count + 2], atZero) << function.op;
      double worst = 0, at = 0;
      for (size_t i = 0; i != count; ++i) {
        long double exact = function.exact(numbers[i]);
        double ulps =
            function.ofOne
                ? static_cast<double>(std::fabs(results[i] - exact) * 0x1p52L)
                : getUlps(results[i], exact);
        if (!(ulps <= worst)) {
          worst = ulps;
          at = numbers[i];
        }
      }
      printf("%-14s %6.3f ulp in f64 at %.17g (bound %g)\n", function.op, worst,
             at, function.maxUlps);
      EXPECT_LE(worst, function.maxUlps) << function.op << " at " << at;
    }
  for (const char *op : {"math.tanh", "math.erf"}) {
    auto results = run<double>(
        substitute(widen(mapText), {{"op", op}, {"lanes", " lanes n"}}),
        GetParam(), {INFINITY, -INFINITY, 1e300, -1e300, 5e-324});
    EXPECT_EQ(results, (std::vector<double>{1, -1, 1, -1, results[4]})) << op;
    EXPECT_GT(results[4], 0) << op;
  }
}

/// Powers of f64, of constants and to constants, against long double; and what
/// the C library says of special values.
TEST_P(MathTest, DoublePrecisionPowers) {
  for (bool isBase : {true, false})
    for (double constant : {1.00390625, 2.0, 0.0078125, 10.0, -3.0, 0.5, 1e-200,
                            0.0, 1.0, -1.0, 7.0, -0.5, 1000.5}) {
      std::string text = widen(mapText);
      std::string region = "^bb0(%x: f64):";
      char number[64];
      snprintf(number, sizeof number, "\n    %%c = arith.constant %.17e : f64",
               constant);
      text.insert(text.find(region) + region.size(), number);
      text = substitute(text, {{"op", "$op"}, {"lanes", " lanes n"}});
      std::string op = "$op %x";
      text.replace(text.find(op), op.size(),
                   isBase ? "math.powf %c, %x" : "math.powf %x, %c");
      auto numbers = getWideNumbers(isBase ? 700 : 30);
      if (!isBase)
        for (size_t i = 0; i < numbers.size(); i += 4)
          numbers[i] = std::exp2(30 * numbers[i + 1]);
      for (double whole : {1.0, 2.0, -3.0, 8.0, -21.0})
        numbers.push_back(whole);
      for (double special : {0.0, -0.0, (double)INFINITY, -(double)INFINITY,
                             (double)NAN, DBL_MIN, 1e308})
        numbers.push_back(special);
      auto results = run(text, GetParam(), numbers);
      double worst = 0, at = 0;
      for (size_t i = 0; i != numbers.size(); ++i) {
        long double x = numbers[i], c = constant;
        long double exact = isBase ? std::pow(c, x) : std::pow(x, c);
        double rounded = static_cast<double>(exact);
        if (std::isnan(rounded)) {
          EXPECT_TRUE(std::isnan(results[i])) << constant << " " << numbers[i];
          continue;
        }
        // Below the smallest normal number there is 0 (Scalar.cpp).
        if (std::isinf(rounded) || std::fabs(rounded) < DBL_MIN) {
          EXPECT_EQ(results[i], std::isinf(rounded) ? rounded : 0)
              << constant << " " << numbers[i];
          continue;
        }
        double ulps = getUlps(results[i], exact);
        if (!(ulps <= worst)) {
          worst = ulps;
          at = numbers[i];
        }
      }
      EXPECT_LE(worst, 3) << (isBase ? "base " : "exponent ") << constant
                          << " at " << at;
    }
}

/// Values without the lane rank take the same formulas on scalars.
TEST_P(MathTest, ScalarsAgreeWithVectors) {
  for (const Function &function : functions) {
    auto numbers = getNumbers(function.low, function.high);
    numbers.resize(2000);
    auto vectors = evaluate(function.op, GetParam(), numbers);
    auto scalars = evaluate(function.op, GetParam(), numbers, false);
    for (size_t i = 0; i != numbers.size(); ++i)
      EXPECT_LE(getUlps(scalars[i], vectors[i], function.smallest),
                function.maxUlps)
          << function.op << " at " << numbers[i];
  }
}

TEST_P(MathTest, ExponentialsKeepSpecialValues) {
  const float inf = INFINITY;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const char *op : {"math.exp", "math.exp2"}) {
    auto results = evaluate(op, GetParam(),
                            {-inf, inf, nan, 0.0f, -0.0f, -1e30f, 1e30f, 200.0f,
                             -200.0f, 88.8f, 128.0f});
    EXPECT_EQ(results[0], 0) << op;
    EXPECT_EQ(results[1], inf) << op;
    EXPECT_TRUE(std::isnan(results[2])) << op;
    EXPECT_EQ(results[3], 1) << op;
    EXPECT_EQ(results[4], 1) << op;
    EXPECT_EQ(results[5], 0) << op;
    EXPECT_EQ(results[6], inf) << op;
    EXPECT_EQ(results[7], inf) << op;
    EXPECT_EQ(results[8], 0) << op;
    if (std::string(op) == "math.exp")
      EXPECT_EQ(results[9], inf);
    EXPECT_EQ(results[10], inf) << op;
  }
}

/// The bits of a NaN below the first differ: a GPU's own has all of them, and
/// what is added to an exponent would make a number of it.
TEST_P(MathTest, EveryNaNStays) {
  std::vector<float> nans;
  std::vector<double> wideNaNs;
  for (uint32_t bits : {0x7fc00000u, 0xffc00000u, 0x7fffffffu, 0xffffffffu,
                        0x7fc00001u, 0x7fd5a5a5u, 0xffc00180u})
    nans.push_back(llvm::bit_cast<float>(bits));
  for (uint64_t bits :
       {0x7ff8000000000000u, 0x7fffffffffffffffu, 0xffffffffffffffffu,
        0x7ff8000000000001u, 0x7ffd5a5a5a5a5a5au, 0xfff8000000000c00u})
    wideNaNs.push_back(llvm::bit_cast<double>(bits));
  for (const Function &function : functions)
    for (const char *lanes : {" lanes n", ""}) {
      std::string text =
          substitute(mapText, {{"op", function.op}, {"lanes", lanes}});
      for (float result : run(text, GetParam(), nans))
        EXPECT_TRUE(std::isnan(result)) << function.op << lanes;
      for (double result : run(widen(text), GetParam(), wideNaNs))
        EXPECT_TRUE(std::isnan(result)) << function.op << lanes << " of f64";
    }
}

TEST_P(MathTest, OtherFunctionsKeepSpecialValues) {
  const float inf = INFINITY;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> numbers{-inf, inf, nan, 0.0f, -1.0f};
  auto log = evaluate("math.log", GetParam(), numbers);
  EXPECT_TRUE(std::isnan(log[0]));
  EXPECT_EQ(log[1], inf);
  EXPECT_TRUE(std::isnan(log[2]));
  EXPECT_EQ(log[3], -inf);
  EXPECT_TRUE(std::isnan(log[4]));
  auto tanh = evaluate("math.tanh", GetParam(), numbers);
  EXPECT_EQ(tanh[0], -1);
  EXPECT_EQ(tanh[1], 1);
  EXPECT_TRUE(std::isnan(tanh[2]));
  EXPECT_EQ(tanh[3], 0);
  auto sigmoids = evaluate("attn.sigmoid", GetParam(), numbers);
  EXPECT_EQ(sigmoids[0], 0);
  EXPECT_EQ(sigmoids[1], 1);
  EXPECT_TRUE(std::isnan(sigmoids[2]));
  EXPECT_EQ(sigmoids[3], 0.5f);
  auto rsqrts = evaluate("math.rsqrt", GetParam(), numbers);
  EXPECT_EQ(rsqrts[1], 0);
  EXPECT_EQ(rsqrts[3], inf);
}
} // namespace

INSTANTIATE_LEVELS(MathTest);
