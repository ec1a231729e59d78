//===- ExprReducer.h - The reducer table ----------------------------------===//
//
// What is known of each reducer, as data. A rewrite asks this table and never
// compares with a reducer by name.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_ANALYSIS_EXPRREDUCER_H
#define LIB_ANALYSIS_EXPRREDUCER_H

#include "llvm/ADT/StringRef.h"

namespace attn {

enum class ExprReducer : uint8_t {
  Add,
  Max,
  Min,
  Mul,
  And,
  Or,
  Lse,
  // A list of values with their coordinates: no value of a scalar expression.
  ArgMax,
  TopK,
};

struct Reducer {
  llvm::StringRef name;
  double identity;
  /// On floating point, Add and Mul hold up to rounding.
  bool associative;
  bool commutative;
  bool idempotent;
  /// c op (a reduce b) = (c op a) reduce (c op b), for which op?
  bool mulDistributes;
  bool addDistributes;
  /// As mulDistributes, for c > 0.
  bool positiveMulDistributes;
  /// f(a reduce b) = f(a) reduce f(b), for strictly increasing f?
  bool increasingDistributes;
  /// Its value is a scalar expression.
  bool scalar;
};

const Reducer &getReducer(ExprReducer kind);

/// The reduction of two values of a scalar reducer.
double reduce(ExprReducer kind, double a, double b);

} // namespace attn

#endif // LIB_ANALYSIS_EXPRREDUCER_H
