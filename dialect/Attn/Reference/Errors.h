//===- Errors.h - How far a correct kernel may be from the reference ------===//
//
// The stated bound that comparisons divide by. A kernel computes in f32 (in f64
// where the types say so) what the reference computes in float64, and rounds
// where S10 lets it. The bound is that of a running first-order error analysis
// beside the value: every value v has a bound e of |computed - v|.
//
// With u the unit roundoff of the operation's type (2^-24 for f32):
//
//   a + b, a - b   ea + eb + u|v|
//   a * b          |a|eb + |b|ea + ea eb + u|v|
//   a / b          (ea + |v|eb) / (|b| - eb) + u|v|; infinite if eb >= |b|,
//                  and 0 for the 0 / 0 of two exact zeros (S5)
//   exp(a)         v (e^ea - 1) + 8u v; exp2 alike. Functions are given 4 ulp,
//                  8u, the error that the vector polynomials state at most
//   log(a)         ea / (a - ea) + 8u|v| + 2u
//   tanh, sigmoid, erf, sqrt, rsqrt, sin, cos, pow
//                  the largest slope within ea, times ea, + 8u|v|
//   max(a, b)      the farthest that max(a +- ea, b +- eb) gets from v
//   floor, round, sign, a comparison, a cast to an integer
//                  what changes within ea; select adds the distance of its arms
//                  when the condition may change
//   cast to t      0 if exact, else ea + 2 u(t)|v|, the other neighbour
//   sum of n terms the sum of the terms' bounds + min(n, 4 sqrt(n)) u sum|term|
//
// The factor of a sum: rounding a chain of n additions gives at most n u
// sum|term|; the roundings being nearly independent, 4 sqrt(n) is exceeded with
// probability below 1e-3 (Higham and Mary, 2019), and a blocked sum stays far
// below. Where n <= 16 the factor is n itself.
//
// S10: in a sum of products with a factor read from a tensor of 16 bits or
// fewer and another that is computed, the computed one may be rounded to that
// type: u(t)|term| more for each term, and for f16 and f8, which underflow
// early, the underflow error times the read factor. Where the rounding errors
// are independent of the read factor, the sum of u(t)|term| becomes u(t)|sum|
// for their mean and 4 u(t) sqrt(sum term^2) for what they differ from it.
//
// A result beyond the range of f32 has an infinite bound, and one below its
// normal range may be flushed to 0. A value that is not finite must be met
// exactly, so its bound is 0. The yield adds the rounding to the output's type.
//
// Products of errors above first order are kept where they are cheap. What is
// not modelled: cancellation between errors that have one cause, which only
// makes the bound larger than needed, and top-k, whose choice is taken as
// exact.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECT_ATTN_REFERENCE_ERRORS_H
#define DIALECT_ATTN_REFERENCE_ERRORS_H

#include "dialect/Attn/Reference/Model.h"
#include <cmath>
#include <optional>

namespace attn::reference {

/// The bound of a value that an operation in `type` makes, from the part that
/// does not depend on its range.
double finishError(ElementType type, double value, double error);

/// The unit roundoff that arithmetic on `type` has in a kernel.
double getComputeRoundoff(ElementType type);

/// The factor of a sum of `count` terms.
inline double getSumFactor(double count) {
  double root = 4 * std::sqrt(count);
  return count < root ? count : root;
}

/// The bound of max(a, b), or of min where the signs are turned.
inline double getMaxError(double a, double ea, double b, double eb) {
  double value = a < b ? b : a;
  if (std::isinf(value))
    return 0;
  double high = std::fmax(a + ea, b + eb) - value;
  double low = value - std::fmax(a - ea, b - eb);
  return high < low ? low : high;
}

inline double getMulError(double a, double ea, double b, double eb) {
  return std::fabs(a) * eb + std::fabs(b) * ea + ea * eb;
}

/// The bound that rounding to `type` adds, where the nearer neighbour may be
/// missed.
double getCastError(ElementType type, double operand, double error,
                    double value);

/// S10: the access of a sum of products to whose narrow type another, computed,
/// factor may be rounded. Factors that don't depend on a reduced rank come out
/// of the sum and don't count.
std::optional<ExprId> findNarrowFactor(const Cascade &cascade,
                                       const Einsum &einsum);

/// For every expression whether it mentions a reduced variable.
std::vector<bool> findReduced(const Einsum &einsum);

/// Half an ulp of `type` at a value that is at most `magnitude`.
double getRoundingError(ElementType type, double magnitude);

} // namespace attn::reference

#endif // DIALECT_ATTN_REFERENCE_ERRORS_H
