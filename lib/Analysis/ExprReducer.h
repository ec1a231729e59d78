//===- ExprReducer.h - The reducer table ----------------------------------===//
//
// What is known of each reducer, as data. A rewrite asks this table and never
// compares with a reducer by name.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_ANALYSIS_EXPRREDUCER_H
#define LIB_ANALYSIS_EXPRREDUCER_H

#include <functional>
#include <string>

namespace attn {

struct Reducer;

/// A reducer: a row of the table, or one that a user defines.
class ExprReducer {
public:
  static const ExprReducer Add, Max, Min, Mul, And, Or, Lse;
  // A list of values with their coordinates: no value of a scalar expression.
  static const ExprReducer ArgMax, TopK;

  /// `row` outlives all that refers to the reducer.
  explicit constexpr ExprReducer(const Reducer *row) : row(row) {}

  bool operator==(ExprReducer other) const { return row == other.row; }
  bool operator!=(ExprReducer other) const { return row != other.row; }

private:
  const Reducer *row;
  friend const Reducer &getReducer(ExprReducer reducer);
};

struct Reducer {
  /// As the dialect has it; `@name` where a user defines it.
  std::string name;
  double identity = 0;
  /// On floating point, Add and Mul hold up to rounding.
  bool associative = true;
  bool commutative = true;
  bool idempotent = false;
  /// c op (a reduce b) = (c op a) reduce (c op b), for which op?
  bool mulDistributes = false;
  bool addDistributes = false;
  /// As mulDistributes, for c > 0.
  bool positiveMulDistributes = false;
  /// f(a reduce b) = f(a) reduce f(b), for strictly increasing f?
  bool increasingDistributes = false;
  /// Its value is a scalar expression.
  bool scalar = true;
  /// The reduction of two values of a scalar reducer.
  std::function<double(double, double)> combine;
};

const Reducer &getReducer(ExprReducer reducer);

/// The reduction of two values of a scalar reducer.
double reduce(ExprReducer reducer, double a, double b);

} // namespace attn

#endif // LIB_ANALYSIS_EXPRREDUCER_H
