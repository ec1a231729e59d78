//===- WideMath.cpp - Functions of f64 that no instruction computes -------===//
//
// Logarithms, hyperbolic tangents, error functions, sines and powers as
// arithmetic, so that an object needs no mathematical library. Their errors are
// measured against long double (test/Target/CPU/MathTest.cpp): in units of the
// last place below 1 for log, 2 for log2 and erf, 3 for tanh and pow, and 1 of
// the last place of 1 for sin and cos of up to 2^40 in size.
//
// Reductions of the argument are those of W. J. Cody and W. Waite, Software
// Manual for the Elementary Functions, 1980; sums and products in two parts
// those of T. J. Dekker, A Floating-Point Technique for Extending the Available
// Precision, 1971.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Formula.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cfloat>
#include <cmath>

using namespace mlir;
using namespace attn;

namespace {
/// x as m 2^k with m from sqrt(1/2) to sqrt(2).
struct Significand {
  Value m, k;
};

/// A number as a sum: `low` is small beside `high`.
struct Pair {
  Value high, low;
};
} // namespace

/// Of a positive and finite x; subnormal numbers have no exponent of their own.
static Significand splitExponent(Formula f, Value x) {
  ImplicitLocOpBuilder &b = f.b;
  Value isSmall = f.compare(arith::CmpFPredicate::OLT, x, f.number(DBL_MIN));
  Value scaled = f.choose(isSmall, f.mul(x, f.number(0x1p54)), x);
  Type integer = getTypeLike(f.type, b.getI64Type());
  Value word = arith::BitcastOp::create(b, integer, scaled);
  Value above = arith::SubIOp::create(
      b, word, makeInteger(b, integer, 0x3FE6A09E667F3BCD)); // of sqrt(1/2)
  Value place = makeInteger(b, integer, 52);
  Value exponent = arith::ShRSIOp::create(b, above, place);
  Value m = arith::BitcastOp::create(
      b, f.type,
      arith::SubIOp::create(b, word,
                            arith::ShLIOp::create(b, exponent, place)));
  Value k = arith::SIToFPOp::create(b, f.type, exponent);
  return {m, f.choose(isSmall, f.sub(k, f.number(54)), k)};
}

/// 2/3, 2/5, .. of 2 atanh(s) = 2 s + s^3 (2/3 + s^2 2/5 + ..); the rest after
/// ten is below 1e-18.
static SmallVector<double> getLogSeries() {
  SmallVector<double> series;
  for (int n = 1; n <= 10; ++n)
    series.push_back(2.0 / (2 * n + 1));
  return series;
}

/// log(x), or log2(x): log(m) is 2 atanh(s) with s = (m - 1) / (m + 1). m - 1
/// is exact, and what is added to it is small.
Value attn::emitWideLog(Formula f, Value x, bool isBase2) {
  using F = arith::CmpFPredicate;
  auto [m, k] = splitExponent(f, x);
  Value part = f.sub(m, f.number(1)), half = f.mul(part, f.number(0.5));
  Value s = f.div(part, f.add(m, f.number(1)));
  Value squared = f.mul(s, s);
  Value rest = f.mul(squared, f.polynomial(squared, getLogSeries()));
  Value square = f.mul(half, part);
  // log(m) = part - (square - s (square + rest)).
  Value tail = f.mul(s, f.add(square, rest)), result;
  if (isBase2) {
    Value logarithm = f.sub(part, f.sub(square, tail));
    result = f.fma(logarithm, f.number(1 / std::log(2.0)), k);
  } else {
    ExponentialFormat format = getExponentialFormat(/*isF64=*/true);
    tail = f.fma(k, f.number(format.ln2[1]), tail);
    result =
        f.fma(k, f.number(format.ln2[0]), f.sub(part, f.sub(square, tail)));
  }
  // Infinity and NaN stay.
  Value isFinite = f.compare(F::OLT, x, f.number(INFINITY));
  result = f.choose(isFinite, result, x);
  Value isZero = f.compare(F::OEQ, x, f.number(0));
  result = f.choose(isZero, f.number(-INFINITY), result);
  return f.choose(f.compare(F::OLT, x, f.number(0)), f.number(NAN), result);
}

/// tanh(x) = -u / (2 + u) with u = exp(-2|x|) - 1, which is p 2^n + (2^n - 1)
/// with p = exp(r) - 1 and r in +-ln(2)/2, so that nothing cancels.
Value attn::emitWideTanh(Formula f, Value x) {
  ImplicitLocOpBuilder &b = f.b;
  ExponentialFormat format = getExponentialFormat(/*isF64=*/true);
  // Beyond 22 it is 1.
  Value size = f.atMost(math::AbsFOp::create(b, x), f.number(22));
  Value y = f.mul(size, f.number(-2));
  Value magic = f.number(format.magic);
  Value shifted = f.fma(y, f.number(1 / std::log(2.0)), magic);
  Value n = f.sub(shifted, magic);
  Value r = f.fma(n, f.number(-format.ln2[0]), y);
  r = f.fma(n, f.number(-format.ln2[1]), r);
  // exp(r) - 1 = r + r^2 (1/2 + r/6 + ..).
  Value p =
      f.fma(f.mul(r, r), f.polynomial(r, format.polynomial.drop_front(2)), r);
  Value power = addToExponent(f, f.number(1), shifted);
  Value u = f.fma(power, p, f.sub(power, f.number(1)));
  Value result = f.div(arith::NegFOp::create(b, u), f.add(u, f.number(2)));
  return math::CopySignOp::create(b, result, x);
}

/// erf(x) as x P(x^2) up to 1, and as 1 - exp(-x^2) Q(t) beyond, t being
/// 1 / (x + 2) for x from 1 to 6, moved to +-1: interpolations at Chebyshev's
/// points of erf(x) / x and exp(x^2) erfc(x), off by less than 1e-17.
Value attn::emitWideErf(Formula f, Value x) {
  static constexpr double near[] = {
      0x1.20dd750429b6dp+0,   -0x1.812746b0379e6p-2,  0x1.ce2f21a042b30p-4,
      -0x1.b82ce31284e00p-6,  0x1.565bcd0dbaa38p-8,   -0x1.c02db3dac435fp-11,
      0x1.f9a321d5b8e1ep-14,  -0x1.f4d1e3183f7aep-17, 0x1.b9df224ca4b97p-20,
      -0x1.5f1ecb6f0764cp-23, 0x1.f7b4bf3b13964p-27,  -0x1.389d4f2641625p-30,
      0x1.05ffd737fb32ep-34};
  static constexpr double far[] = {
      0x1.c57cd9cd3f3a9p-3,   0x1.4b8edae15a040p-3,   0x1.3be3609c853abp-5,
      0x1.6e44c7276371ap-8,   0x1.9d6e4a467785ep-13,  -0x1.52ddf80316e77p-14,
      -0x1.ec9d234ee5232p-18, 0x1.09b13b489279dp-19,  0x1.5f1cbb3898510p-23,
      -0x1.2ce0e09ffa765p-24, -0x1.4396d5f4bf6b5p-31, 0x1.68c73d873f374p-29,
      -0x1.276fe8c0f5f6fp-32, -0x1.487a382ab6ffap-34, 0x1.856a7ec37fe58p-36,
      0x1.0cda2fef0caa2p-41,  -0x1.07ba0bc13c02bp-40};
  ImplicitLocOpBuilder &b = f.b;
  Value size = f.atMost(math::AbsFOp::create(b, x), f.number(6));
  Value squared = f.mul(size, size);
  Value t = f.div(f.number(1), f.add(size, f.number(2)));
  t = f.mul(f.sub(t, f.number(11.0 / 48)), f.number(9.6));
  Value weight =
      emitExp(f, arith::NegFOp::create(b, squared), /*isBase2=*/false);
  Value large = f.sub(f.number(1), f.mul(weight, f.polynomial(t, far)));
  Value small = f.mul(size, f.polynomial(squared, near));
  Value isNear = f.compare(arith::CmpFPredicate::OLT, size, f.number(1));
  return math::CopySignOp::create(b, f.choose(isNear, small, large), x);
}

/// sin(x), or cos(x), by reduction to +-pi/4; bounded everywhere.
Value attn::emitWideSine(Formula f, Value x, bool isCosine) {
  ImplicitLocOpBuilder &b = f.b;
  Value magic = f.number(0x1.8p52);
  Value shifted = f.fma(x, f.number(2 / M_PI), magic);
  Value n = f.sub(shifted, magic);
  // pi/2 in three parts; each product is exact inside its fma.
  Value r = f.fma(n, f.number(-0x1.921fb54442d18p+0), x);
  r = f.fma(n, f.number(-0x1.1a62633145c07p-54), r);
  r = f.fma(n, f.number(0x1.f1976b7ed8fbcp-110), r);
  r = f.atMost(f.atLeast(r, f.number(-0.8)), f.number(0.8));
  // Taylor's series, of which the rest is below 1e-19: 1/3!, 1/4! and so on,
  // with their signs.
  SmallVector<double> ofSine, ofCosine;
  double factorial = 2;
  for (int k = 3; k <= 20; ++k) {
    factorial *= k;
    double sign = k % 4 == 2 || k % 4 == 3 ? -1 : 1;
    (k % 2 ? ofSine : ofCosine).push_back(sign / factorial);
  }
  Value square = f.mul(r, r);
  Value sine = f.fma(f.mul(square, r), f.polynomial(square, ofSine), r);
  Value cosine = f.fma(f.mul(square, square), f.polynomial(square, ofCosine),
                       f.fma(square, f.number(-0.5), f.number(1)));
  return chooseQuadrant(f, shifted, sine, cosine, isCosine);
}

/// The sum of two numbers, of which |x| >= |y|.
static Pair addInTwo(Formula f, Value x, Value y) {
  Value sum = f.add(x, y);
  return {sum, f.add(f.sub(x, sum), y)};
}

/// x y.
static Pair multiplyInTwo(Formula f, Value x, Value y) {
  Value product = f.mul(x, y);
  return {product,
          f.fma(x, y, arith::NegFOp::create(f.b, product).getResult())};
}

/// x y, without what is below the last place of the lower part.
static Pair multiplyInTwo(Formula f, Pair x, Pair y) {
  Pair product = multiplyInTwo(f, x.high, y.high);
  Value cross = f.fma(x.low, y.high, f.mul(x.high, y.low));
  return {product.high, f.add(product.low, cross)};
}

/// log(x) of a positive and finite x to some 2^-63 of its size, since a power
/// has as many units of error as its exponent has more.
static Pair emitLogInTwo(Formula f, Value x) {
  auto [m, k] = splitExponent(f, x);
  Value one = f.number(1), two = f.number(2);
  Value part = f.sub(m, one), divisor = f.add(m, one);
  // What m + 1 was rounded by, and the quotient's remainder.
  Value rounded = f.sub(part, f.sub(divisor, two));
  Value s = f.div(part, divisor);
  Value remainder = f.fma(arith::NegFOp::create(f.b, s), divisor, part);
  remainder = f.fma(arith::NegFOp::create(f.b, s), rounded, remainder);
  Pair quotient{s, f.div(remainder, divisor)};
  Pair square = multiplyInTwo(f, quotient, quotient);
  Pair cube = multiplyInTwo(f, square, quotient);
  // s^3 (2/3 + ..), and 2/3 in two parts.
  SmallVector<double> series = getLogSeries();
  Value rest = f.mul(square.high,
                     f.polynomial(square.high, ArrayRef(series).drop_front()));
  Pair factor = addInTwo(f, f.number(series.front()), rest);
  factor.low = f.add(factor.low, f.number(0x1.5555555555555p-55));
  Pair tail = multiplyInTwo(f, cube, factor);
  Pair ofM = addInTwo(f, f.mul(s, two), tail.high);
  ofM.low = f.add(ofM.low, f.fma(quotient.low, two, tail.low));
  // k ln(2), the first part of it exact, and larger where it isn't 0.
  ExponentialFormat format = getExponentialFormat(/*isF64=*/true);
  Pair sum = addInTwo(f, f.mul(k, f.number(format.ln2[0])), ofM.high);
  Value low = f.fma(k, f.number(format.ln2[1]), f.add(sum.low, ofM.low));
  return addInTwo(f, sum.high, low);
}

/// |x|^y as exp(y log|x|), both in two parts.
Value attn::emitWidePower(Formula f, Value x, Value y) {
  using F = arith::CmpFPredicate;
  Pair logarithm = emitLogInTwo(f, x);
  Pair exponent = multiplyInTwo(f, y, logarithm.high);
  Value low = f.fma(y, logarithm.low, exponent.low);
  Value size = emitExp(f, exponent.high, /*isBase2=*/false);
  // exp(a + b) is exp(a) + exp(a) b. Of 0 and infinity nothing is left.
  Value corrected = f.fma(size, low, size);
  Value isBounded =
      arith::AndIOp::create(f.b, f.compare(F::OGT, size, f.number(0)),
                            f.compare(F::OLT, size, f.number(INFINITY)));
  size = f.choose(isBounded, corrected, size);
  // 0 and infinity have no finite logarithm.
  auto ofEnd = [&](double end, double large, Value others) {
    Value isLarge = f.compare(F::OGT, y, f.number(0));
    Value power =
        f.choose(isLarge, f.number(large), f.number(large == 0 ? INFINITY : 0));
    return f.choose(f.compare(F::OEQ, x, f.number(end)), power, others);
  };
  size = ofEnd(0, 0, ofEnd(INFINITY, INFINITY, size));
  Value isNaN = f.compare(F::UNO, x, y);
  return f.choose(isNaN, f.number(NAN), size);
}
