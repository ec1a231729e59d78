//===- Formula.h - Arithmetic, as formulas are written ----------*- C++ -*-===//
//
// What the expansions of scalar functions share (Scalar.cpp, and WideMath.cpp
// for those of f64).
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_FORMULA_H
#define LIB_TARGET_FORMULA_H

#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/STLExtras.h"

namespace attn {

/// Arithmetic on one type, as formulas are written.
struct Formula {
  mlir::ImplicitLocOpBuilder &b;
  mlir::Type type;
  ScalarTarget target;

  mlir::Value number(double n) { return makeConstant(b, type, n); }
  mlir::Value fma(mlir::Value x, mlir::Value y, mlir::Value z) {
    return mlir::math::FmaOp::create(b, x, y, z);
  }
  mlir::Value add(mlir::Value x, mlir::Value y) {
    return mlir::arith::AddFOp::create(b, x, y);
  }
  mlir::Value sub(mlir::Value x, mlir::Value y) {
    return mlir::arith::SubFOp::create(b, x, y);
  }
  mlir::Value mul(mlir::Value x, mlir::Value y) {
    return mlir::arith::MulFOp::create(b, x, y);
  }
  mlir::Value div(mlir::Value x, mlir::Value y);
  mlir::Value compare(mlir::arith::CmpFPredicate predicate, mlir::Value x,
                      mlir::Value y) {
    return mlir::arith::CmpFOp::create(b, predicate, x, y);
  }
  mlir::Value choose(mlir::Value condition, mlir::Value x, mlir::Value y) {
    return mlir::arith::SelectOp::create(b, condition, x, y);
  }
  /// One instruction each; NaN in `x` stays.
  mlir::Value atLeast(mlir::Value x, mlir::Value bound) {
    return choose(compare(mlir::arith::CmpFPredicate::OGT, bound, x), bound, x);
  }
  mlir::Value atMost(mlir::Value x, mlir::Value bound) {
    return choose(compare(mlir::arith::CmpFPredicate::OLT, bound, x), bound, x);
  }
  /// coefficients[0] + x * (coefficients[1] + ..).
  mlir::Value polynomial(mlir::Value x, llvm::ArrayRef<double> coefficients) {
    mlir::Value sum = number(coefficients.back());
    for (double coefficient : llvm::reverse(coefficients.drop_back()))
      sum = fma(sum, x, number(coefficient));
    return sum;
  }
};

/// What an exponential takes from the format of its type.
struct ExponentialFormat {
  double magic;  ///< has the integers' place last, so that adding it rounds
  double ln2[2]; ///< ln(2), the first part so short that n times it is exact
  double lowest; ///< log2 of the smallest normal number
  double overflow[2]; ///< the first x whose exp, or exp2, is infinite
  llvm::ArrayRef<double> polynomial; ///< of exp(r) for r in +-ln(2)/2
};
ExponentialFormat getExponentialFormat(bool isF64);

/// p * 2^n by adding n to p's exponent, which must not leave the normal range;
/// n is in the low bits of `shifted`.
mlir::Value addToExponent(Formula f, mlir::Value p, mlir::Value shifted);

/// exp(x) or 2^x as 2^n exp(r), r in +-ln(2)/2. The error is below 1 ulp.
/// Infinite above the largest number; below the smallest normal one 0, or
/// rounded where the machine scales by itself.
mlir::Value emitExp(Formula f, mlir::Value x, bool isBase2);

/// sin(x), or cos(x), from those of what is left of x after whole quarters of a
/// turn, the number of which is in the low bits of `shifted`.
mlir::Value chooseQuadrant(Formula f, mlir::Value shifted, mlir::Value sine,
                           mlir::Value cosine, bool isCosine);

// Of f64, in WideMath.cpp.
mlir::Value emitWideLog(Formula f, mlir::Value x, bool isBase2);
mlir::Value emitWideTanh(Formula f, mlir::Value x);
mlir::Value emitWideErf(Formula f, mlir::Value x);
mlir::Value emitWideSine(Formula f, mlir::Value x, bool isCosine);
/// x^y of an x that is not negative.
mlir::Value emitWidePower(Formula f, mlir::Value x, mlir::Value y);

} // namespace attn

#endif // LIB_TARGET_FORMULA_H
