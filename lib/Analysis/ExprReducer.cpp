//===- ExprReducer.cpp - The reducer table --------------------------------===//

#include "lib/Analysis/ExprReducer.h"

#include "llvm/Support/ErrorHandling.h"

#include <cmath>
#include <limits>

using namespace attn;

const Reducer &attn::getReducer(ExprReducer kind) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  // clang-format off
  static const Reducer table[] = {
      // name     identity assoc  comm   idem   mul    add    mul>0  incr.  scalar
      {"add",     0,       true,  true,  false, true,  false, true,  false, true},
      {"max",     -inf,    true,  true,  true,  false, true,  true,  true,  true},
      {"min",     inf,     true,  true,  true,  false, true,  true,  true,  true},
      {"mul",     1,       true,  true,  false, false, false, false, false, true},
      {"and",     1,       true,  true,  true,  false, false, false, false, true},
      {"or",      0,       true,  true,  true,  false, false, false, false, true},
      {"lse",     -inf,    true,  true,  false, false, true,  false, false, true},
      {"argmax",  -inf,    true,  true,  true,  false, false, false, false, false},
      {"topk",    -inf,    true,  true,  true,  false, true,  true,  true,  false},
  };
  // clang-format on
  return table[static_cast<unsigned>(kind)];
}

/// A NaN stays, as in the dialect; std::fmax would drop it.
static double maximum(double a, double b) {
  return std::isnan(a) || a > b ? a : b;
}

double attn::reduce(ExprReducer kind, double a, double b) {
  switch (kind) {
  case ExprReducer::Add:
    return a + b;
  case ExprReducer::Max:
    return maximum(a, b);
  case ExprReducer::Min:
    return -maximum(-a, -b);
  case ExprReducer::Mul:
    return a * b;
  case ExprReducer::And:
    return a != 0 && b != 0;
  case ExprReducer::Or:
    return a != 0 || b != 0;
  case ExprReducer::Lse:
    return maximum(a, b) == -INFINITY
               ? -INFINITY
               : maximum(a, b) + std::log1p(std::exp(-std::fabs(a - b)));
  case ExprReducer::ArgMax:
  case ExprReducer::TopK:
    break;
  }
  llvm_unreachable("not a reducer of scalars");
}
