//===- ExprNumbers.h - Constants of expressions -----------------*- C++ -*-===//

#ifndef LIB_ANALYSIS_EXPRNUMBERS_H
#define LIB_ANALYSIS_EXPRNUMBERS_H

#include "lib/Analysis/ScalarExpr.h"

#include <cmath>

namespace attn {

/// Two constants closer than this, relative to them, are one constant.
inline constexpr double relativeTolerance = 1e-12;

inline bool isInteger(double value) { return std::floor(value) == value; }
inline bool isEven(double value) { return isInteger(value / 2); }

/// What a function of one number makes of it, in float64; not of `Not`.
double applyUnary(ExprKind kind, double value);

} // namespace attn

#endif // LIB_ANALYSIS_EXPRNUMBERS_H
