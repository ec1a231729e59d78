//===- Scalar.cpp - What the scalar language means, in arith --------------===//

#include "lib/Target/Scalar.h"
#include "dialect/Attn/AttnOps.h"
#include "lib/Target/Formula.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cfloat>
#include <cmath>

using namespace mlir;
using namespace attn;

Value Formula::div(Value x, Value y) {
  if (!target.hasReciprocal || !type.isF32())
    return arith::DivFOp::create(b, x, y);
  Value reciprocal =
      LLVM::CallIntrinsicOp::create(
          b, type, b.getStringAttr("llvm.nvvm.rcp.approx.ftz.f"), ValueRange{y})
          .getResult(0);
  return mul(x, reciprocal);
}

//===----------------------------------------------------------------------===//
// Exponentials, sines and powers
//===----------------------------------------------------------------------===//

/// p * 2^n for an integral n of any size: infinite above the largest number,
/// rounded to 0 below the smallest.
static Value emitScalef(Formula f, Value p, Value n) {
  ImplicitLocOpBuilder &b = f.b;
  Value all = makeInteger(b, b.getI16Type(), -1);
  Value currentRounding = makeInteger(b, b.getI32Type(), 4);
  return LLVM::CallIntrinsicOp::create(
             b, f.type, b.getStringAttr("llvm.x86.avx512.mask.scalef.ps.512"),
             ValueRange{p, n, p, all, currentRounding})
      .getResult(0);
}

Value attn::addToExponent(Formula f, Value p, Value shifted) {
  ImplicitLocOpBuilder &b = f.b;
  bool isF64 = getElementTypeOrSelf(f.type).isF64();
  Type integer = getTypeLike(f.type, b.getIntegerType(isF64 ? 64 : 32));
  Value n = arith::BitcastOp::create(b, integer, shifted);
  Value exponent =
      arith::ShLIOp::create(b, n, makeInteger(b, integer, isF64 ? 52 : 23));
  Value word = arith::BitcastOp::create(b, integer, p);
  return arith::BitcastOp::create(b, f.type,
                                  arith::AddIOp::create(b, word, exponent));
}

ExponentialFormat attn::getExponentialFormat(bool isF64) {
  // A minimax polynomial, relative error 3e-9.
  static constexpr double f32[] = {1.0,
                                   1.0,
                                   0.4999999403953552,
                                   0.1666651964187622,
                                   0.04166839271783829,
                                   0.008368780836462975,
                                   0.001381446490995586};
  // Taylor's, of which the rest is below 1e-17.
  static constexpr double f64[] = {1.0,
                                   1.0,
                                   1.0 / 2,
                                   1.0 / 6,
                                   1.0 / 24,
                                   1.0 / 120,
                                   1.0 / 720,
                                   1.0 / 5040,
                                   1.0 / 40320,
                                   1.0 / 362880,
                                   1.0 / 3628800,
                                   1.0 / 39916800,
                                   1.0 / 479001600,
                                   1.0 / 6227020800};
  if (isF64)
    return {0x1.8p52,
            {0x1.62e42fefa38p-1, 0x1.ef35793c7673p-45},
            -1022,
            {709.78271289338409, 1024},
            f64};
  return {
      0x1.8p23, {0.693359375, -2.12194440e-4}, -126, {88.7228394, 128}, f32};
}

/// exp(x) or 2^x to a relative error of 8e-5, as 2^floor(t) 2^r with r in
/// [0, 1): a minimax polynomial. The two instructions take all of f32, so there
/// is nothing to clamp.
static Value emitRoughExp(Formula f, Value x, bool isBase2) {
  static constexpr double polynomial[] = {
      0.9999251961708069, 0.6958335638046265, 0.22606715559959412,
      0.07802452147006989};
  ImplicitLocOpBuilder &b = f.b;
  Value t = isBase2 ? x : f.mul(x, f.number(1 / std::log(2.0)));
  Value toFloor = makeInteger(b, b.getI32Type(), 9); // no exceptions
  Value all = makeInteger(b, b.getI16Type(), -1);
  Value currentRounding = makeInteger(b, b.getI32Type(), 4);
  Value r =
      LLVM::CallIntrinsicOp::create(
          b, f.type, b.getStringAttr("llvm.x86.avx512.mask.reduce.ps.512"),
          ValueRange{t, toFloor, t, all, currentRounding})
          .getResult(0);
  return emitScalef(f, f.polynomial(r, polynomial), t);
}

Value attn::emitExp(Formula f, Value x, bool isBase2) {
  auto vector = dyn_cast<VectorType>(f.type);
  bool isF64 = getElementTypeOrSelf(f.type).isF64();
  bool scales =
      f.target.hasScalef && !isF64 && vector && vector.getNumElements() == 16;
  if (scales && f.target.hasRoughExp)
    return emitRoughExp(f, x, isBase2);
  if (f.target.hasExp2 && f.type.isF32()) {
    Value t = isBase2 ? x : f.mul(x, f.number(1 / std::log(2.0)));
    return LLVM::CallIntrinsicOp::create(
               f.b, f.type, f.b.getStringAttr("llvm.nvvm.ex2.approx.ftz"),
               ValueRange{t})
        .getResult(0);
  }
  ExponentialFormat format = getExponentialFormat(isF64);
  const double ln2 = std::log(2.0), unit = isBase2 ? 1 : ln2;
  // Beyond these the result is 0 or infinite.
  const double low = (scales ? -151 : format.lowest) * unit;
  const double high = scales ? 129 * unit : format.overflow[isBase2];
  // What is added to an exponent is anything there; a scale is not.
  Value clamped =
      scales ? f.atMost(f.atLeast(x, f.number(low)), f.number(high)) : x;
  Value magic = f.number(format.magic), shifted, n, rest;
  if (isBase2) {
    shifted = f.add(clamped, magic);
    n = f.sub(shifted, magic);
    rest = f.mul(f.sub(clamped, n), f.number(ln2));
  } else {
    shifted = f.fma(clamped, f.number(1 / ln2), magic);
    n = f.sub(shifted, magic);
    rest = f.fma(n, f.number(-format.ln2[0]), clamped);
    rest = f.fma(n, f.number(-format.ln2[1]), rest);
  }
  Value p = f.polynomial(rest, format.polynomial);
  if (scales)
    return emitScalef(f, p, n);
  Value result = addToExponent(f, p, shifted);
  Value isBelow = f.compare(arith::CmpFPredicate::OLT, x, f.number(low));
  result = f.choose(isBelow, f.number(0.0), result);
  // Not so of NaN, with which infinity makes NaN.
  Value isFinite = f.compare(arith::CmpFPredicate::OLT, x, f.number(high));
  return f.choose(isFinite, result, f.add(x, f.number(INFINITY)));
}

/// tanh(x) by two instructions of 2^-22: 1 - 2 / (e^(2x) + 1), which near 0
/// cancels. There it is an odd polynomial, off by 9e-8. The relative error is
/// below 2^-20, the most at 0.6.
static Value emitShortTanh(Formula f, Value x) {
  static constexpr double nearZero[] = {
      -0x1.5553678746ef0p-2, 0x1.10a712af8a426p-3, -0x1.abb817f32a3cap-5,
      0x1.ff983fec8c4efp-7};
  Value scaled = f.mul(x, f.number(2 / std::log(2.0)));
  Value power = emitExp(f, scaled, /*isBase2=*/true);
  Value rest = f.div(f.number(1), f.add(power, f.number(1)));
  Value far = f.fma(rest, f.number(-2), f.number(1));
  Value square = f.mul(x, x);
  Value near = f.fma(f.mul(square, f.polynomial(square, nearZero)), x, x);
  Value size = math::AbsFOp::create(f.b, x);
  Value isNear = f.compare(arith::CmpFPredicate::OLT, size, f.number(0.6));
  return f.choose(isNear, near, far);
}

Value attn::chooseQuadrant(Formula f, Value shifted, Value sine, Value cosine,
                           bool isCosine) {
  ImplicitLocOpBuilder &b = f.b;
  // Quadrants take turns; the second two are negative.
  unsigned width = getElementTypeOrSelf(f.type).getIntOrFloatBitWidth();
  Type integer = getTypeLike(f.type, b.getIntegerType(width));
  Value quadrant = arith::BitcastOp::create(b, integer, shifted);
  if (isCosine)
    quadrant = arith::AddIOp::create(b, quadrant, makeInteger(b, integer, 1));
  auto hasBit = [&](int64_t bit) -> Value {
    Value masked =
        arith::AndIOp::create(b, quadrant, makeInteger(b, integer, bit));
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, masked,
                                 makeInteger(b, integer, 0));
  };
  Value result = f.choose(hasBit(1), cosine, sine);
  return f.choose(hasBit(2), arith::NegFOp::create(b, result), result);
}

/// sin(x), or cos(x), of f32, by reduction to +-pi/4. Accurate to 2 units of
/// the last place of 1 up to |x| = 2^22, where a float is no longer an angle;
/// bounded everywhere.
static Value emitSine(Formula f, Value x, bool isCosine) {
  ImplicitLocOpBuilder &b = f.b;
  Value magic = f.number(0x1.8p23);
  Value shifted = f.fma(x, f.number(2 / M_PI), magic);
  Value n = f.sub(shifted, magic);
  // pi/2 in three parts; each product is exact inside its fma.
  Value r = f.fma(n, f.number(-0x1.921fb6p+0), x);
  r = f.fma(n, f.number(0x1.777a5cp-25), r);
  r = f.fma(n, f.number(0x1.ee59dap-50), r);
  r = f.atMost(f.atLeast(r, f.number(-0.8)), f.number(0.8));
  Value square = f.mul(r, r);
  Value sine =
      f.polynomial(square, {-0.16666654611, 8.3321608736e-3, -1.9515295891e-4});
  sine = f.fma(f.mul(square, r), sine, r);
  Value cosine =
      f.polynomial(square, {4.166664568298827e-2, -1.388731625493765e-3,
                            2.443315711809948e-5});
  cosine = f.fma(f.mul(square, square), cosine,
                 f.fma(square, f.number(-0.5), f.number(1.0)));
  return chooseQuadrant(f, shifted, sine, cosine, isCosine);
}

/// x^y as |x|^y, which is 2^(y log2|x|) in f32, with the sign of x where y is
/// odd; NaN where x is negative and finite and y not whole.
static Value emitPow(Formula f, Value x, Value y) {
  using F = arith::CmpFPredicate;
  ImplicitLocOpBuilder &b = f.b;
  Value one = f.number(1.0);
  Value absolute = math::AbsFOp::create(b, x), size;
  if (getElementTypeOrSelf(f.type).isF64()) {
    size = emitWidePower(f, absolute, y);
  } else {
    Value logarithm = math::Log2Op::create(b, absolute);
    size = emitExp(f, f.mul(y, logarithm), /*isBase2=*/true);
  }
  // 0 * inf is no number here, but 1^y and x^0 are 1.
  Value isOne = arith::OrIOp::create(b, f.compare(F::OEQ, x, one),
                                     f.compare(F::OEQ, y, f.number(0.0)));
  size = f.choose(isOne, one, size);
  auto isWhole = [&](Value value) -> Value {
    return f.compare(F::OEQ, math::FloorOp::create(b, value), value);
  };
  Value isEven = isWhole(f.mul(y, f.number(0.5)));
  Value isNegative =
      arith::AndIOp::create(b, f.compare(F::OLT, x, f.number(0.0)),
                            f.compare(F::OGT, x, f.number(-INFINITY)));
  Value undefined = f.choose(isNegative, f.number(NAN), size);
  Value odd = math::CopySignOp::create(b, size, x);
  return f.choose(isEven, size, f.choose(isWhole(y), odd, undefined));
}

bool attn::isGuardedDifference(Operation *op) {
  return isa<arith::SubFOp>(op) && !op->use_empty() &&
         llvm::all_of(op->getUsers(), [](Operation *user) {
           return isa<math::ExpOp, math::Exp2Op>(user);
         });
}

//===----------------------------------------------------------------------===//
// Dispatch
//===----------------------------------------------------------------------===//

static Value emitCast(ImplicitLocOpBuilder &b, CastOp cast, Value value) {
  Type to = cast.getTo();
  if (isa<IndexType>(to))
    return arith::IndexCastOp::create(b, getTypeLike(value.getType(), to),
                                      value);
  return widenElement(b, narrowElement(b, value, to), to);
}

/// x / y (or its remainder) in which a division by 0 gives 0 and no
/// quotient traps: both occur at points that don't count.
template <typename DivisionOp>
static Value emitIntegerDivision(ImplicitLocOpBuilder &b, Value x, Value y) {
  Type type = x.getType();
  APInt constant;
  if (matchPattern(y, m_ConstantInt(&constant)) && constant.sgt(0))
    return DivisionOp::create(b, x, y);
  Value zero = makeInteger(b, type, 0), one = makeInteger(b, type, 1);
  auto equals = [&](int64_t number) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, y,
                                 makeInteger(b, type, number));
  };
  Value isZero = equals(0), isMinusOne = equals(-1);
  Value isSpecial = arith::OrIOp::create(b, isZero, isMinusOne);
  Value divisor = arith::SelectOp::create(b, isSpecial, one, y);
  Value quotient = DivisionOp::create(b, x, divisor);
  bool isRemainder = std::is_same_v<DivisionOp, arith::RemSIOp>;
  Value negated = isRemainder ? zero : Value(arith::SubIOp::create(b, zero, x));
  quotient = arith::SelectOp::create(b, isMinusOne, negated, quotient);
  return arith::SelectOp::create(b, isZero, zero, quotient);
}

Value attn::emitMax(ImplicitLocOpBuilder &b, Value kept, Value other) {
  Formula f{b, kept.getType(), {}};
  // The first is one instruction, in which `kept` stays where it is NaN.
  Value larger =
      f.choose(f.compare(arith::CmpFPredicate::OGT, other, kept), other, kept);
  Value isNaN = f.compare(arith::CmpFPredicate::UNO, other, other);
  return f.choose(isNaN, other, larger);
}

Value attn::emitMin(ImplicitLocOpBuilder &b, Value kept, Value other) {
  Formula f{b, kept.getType(), {}};
  Value smaller =
      f.choose(f.compare(arith::CmpFPredicate::OLT, other, kept), other, kept);
  Value isNaN = f.compare(arith::CmpFPredicate::UNO, other, other);
  return f.choose(isNaN, other, smaller);
}

Value attn::emitExtreme(ImplicitLocOpBuilder &b, bool isMax, Value kept,
                        ValueRange others) {
  using F = arith::CmpFPredicate;
  Formula f{b, kept.getType(), {}};
  // One instruction, which is `y` where either is NaN.
  auto choose = [&](Value x, Value y) {
    return f.choose(f.compare(isMax ? F::OGT : F::OLT, x, y), x, y);
  };
  SmallVector<Value> level(others);
  Value isNaN;
  for (size_t i = 0; i < level.size(); i += 2) {
    Value other = level[i + 1 == level.size() ? i : i + 1];
    Value either = f.compare(F::UNO, level[i], other);
    isNaN = isNaN ? Value(arith::OrIOp::create(b, isNaN, either)) : either;
  }
  while (level.size() > 1) {
    SmallVector<Value> next;
    for (size_t i = 0; i < level.size(); i += 2)
      next.push_back(i + 1 == level.size() ? level[i]
                                           : choose(level[i], level[i + 1]));
    level = std::move(next);
  }
  // Where `kept` is NaN it stays.
  return f.choose(isNaN, f.number(NAN), choose(level.front(), kept));
}

Value attn::emitScalarOp(ImplicitLocOpBuilder &b, Operation *op,
                         ValueRange operands, ScalarTarget target) {
  if (op->getNumResults() != 1 || operands.empty())
    return {};
  Type type = operands[0].getType();
  Formula f{b, type, target};
  bool isF32 = getElementTypeOrSelf(type).isF32(),
       isF64 = getElementTypeOrSelf(type).isF64();
  using F = arith::CmpFPredicate;
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](CastOp cast) { return emitCast(b, cast, operands[0]); })
      .Case([&](DivOp) {
        Value zero = f.number(0.0);
        Value both =
            arith::AndIOp::create(b, f.compare(F::OEQ, operands[0], zero),
                                  f.compare(F::OEQ, operands[1], zero));
        return f.choose(both, zero, f.div(operands[0], operands[1]));
      })
      .Case([&](SigmoidOp) -> Value {
        Value negated = arith::NegFOp::create(b, operands[0]);
        Value one = f.number(1.0);
        return f.div(one, f.add(one, emitExp(f, negated, /*isBase2=*/false)));
      })
      .Case([&](math::ExpOp) -> Value {
        return emitExp(f, operands[0], /*isBase2=*/false);
      })
      .Case([&](math::Exp2Op) -> Value {
        return emitExp(f, operands[0], /*isBase2=*/true);
      })
      .Case([&](math::LogOp) -> Value {
        return isF64 ? emitWideLog(f, operands[0], /*isBase2=*/false) : Value();
      })
      .Case([&](math::Log2Op) -> Value {
        return isF64 ? emitWideLog(f, operands[0], /*isBase2=*/true) : Value();
      })
      .Case([&](math::TanhOp) -> Value {
        bool isShort = target.hasExp2 && target.hasReciprocal && type.isF32();
        return isF64     ? emitWideTanh(f, operands[0])
               : isShort ? emitShortTanh(f, operands[0])
                         : Value();
      })
      .Case([&](math::ErfOp) -> Value {
        return isF64 ? emitWideErf(f, operands[0]) : Value();
      })
      .Case([&](math::SinOp) -> Value {
        return isF32   ? emitSine(f, operands[0], /*isCosine=*/false)
               : isF64 ? emitWideSine(f, operands[0], /*isCosine=*/false)
                       : Value();
      })
      .Case([&](math::CosOp) -> Value {
        return isF32   ? emitSine(f, operands[0], /*isCosine=*/true)
               : isF64 ? emitWideSine(f, operands[0], /*isCosine=*/true)
                       : Value();
      })
      .Case([&](math::PowFOp) -> Value {
        return isF32 || isF64 ? emitPow(f, operands[0], operands[1]) : Value();
      })
      .Case([&](math::RsqrtOp) {
        return f.div(f.number(1.0), math::SqrtOp::create(b, operands[0]));
      })
      .Case([&](arith::SubFOp sub) -> Value {
        if (!isGuardedDifference(op))
          return f.sub(operands[0], operands[1]);
        // Less the lowest number instead of -inf: what is finite overflows as
        // it would, and -inf stays.
        Value lowest = f.number(isF64 ? -DBL_MAX : -FLT_MAX);
        return f.sub(operands[0], f.atLeast(operands[1], lowest));
      })
      .Case([&](arith::MaximumFOp) {
        return emitMax(b, operands[0], operands[1]);
      })
      .Case([&](arith::MinimumFOp) {
        return emitMin(b, operands[0], operands[1]);
      })
      .Case<arith::DivSIOp, arith::RemSIOp, arith::FloorDivSIOp,
            arith::CeilDivSIOp>([&](auto division) {
        return emitIntegerDivision<decltype(division)>(b, operands[0],
                                                       operands[1]);
      })
      .Default([](Operation *) { return Value(); });
}
