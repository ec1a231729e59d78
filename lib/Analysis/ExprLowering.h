//===- ExprLowering.h - From canonical expressions to operations ----------===//
//
// Turns the canonical form back into the operations a person would write:
// subtractions and quotients instead of negative coefficients and exponents,
// minima, one factor for a sum whose coefficients agree. A client implements
// one virtual function for each operation, on text, on numbers, or on the SSA
// values of an Einsum's region; each shared expression is lowered once.
//
// exp(a - b) is lowered through expOfDifference, because docs/spec.md defines
// it where a and b are both -inf. There, `shift` collects what accumulators
// alone contribute, so that x - m keeps its meaning however x was summed.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_ANALYSIS_EXPRLOWERING_H
#define LIB_ANALYSIS_EXPRLOWERING_H

#include "lib/Analysis/ScalarExpr.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/ErrorHandling.h"

#include <cmath>

namespace attn {

/// True for max(-a, -b), which is lowered as a minimum.
inline bool isNegatedMin(Expr expr) {
  return expr.is(ExprKind::Max) &&
         llvm::all_of(expr.operands(), [](Expr operand) {
           return splitCoefficient(operand).first < 0;
         });
}

template <typename Value> class ExprLowering {
public:
  virtual ~ExprLowering() = default;

  Value lower(Expr root) {
    markNeeded(root);
    for (Expr expr : postOrder(root))
      if (needed.count(expr) && !cores.count(expr))
        cores.insert({expr, isWhole(expr) ? whole(expr) : lowerCore(expr)});
    return get(root);
  }

protected:
  /// Whether the client lowers `expr` itself, with all that it is made of.
  virtual bool isWhole(Expr expr) { return false; }
  virtual Value whole(Expr expr) { llvm_unreachable("nothing was whole"); }
  virtual Value constant(double value) = 0;
  virtual Value leaf(Expr expr) = 0;
  virtual Value rankVar(unsigned rank) = 0;
  virtual Value extent(unsigned rank) = 0;
  virtual Value add(Value a, Value b) = 0;
  virtual Value sub(Value a, Value b) = 0;
  virtual Value mul(Value a, Value b) = 0;
  /// attnc's quotient: 0 / 0 = 0.
  virtual Value div(Value a, Value b) = 0;
  virtual Value neg(Value a) = 0;
  /// `exponent` is neither 0 nor 1.
  virtual Value power(Value base, double exponent) = 0;
  /// Exp, Log, Tanh, Sigmoid, Erf, Sin, Cos, Abs, Floor, Round, Not.
  virtual Value unary(ExprKind kind, Value a) = 0;
  virtual Value expOfDifference(Value base, Value shift) {
    return unary(ExprKind::Exp, sub(base, shift));
  }
  /// exp(operand) as 2 to the power of operand / ln2, if the client has such an
  /// operation and prefers it here.
  virtual bool prefersExp2(Expr operand) { return false; }
  virtual Value exp2(Value a) { llvm_unreachable("exp2 was not preferred"); }
  /// Max, And, Or, Less, LessEqual, Equal.
  virtual Value binary(ExprKind kind, Value a, Value b) = 0;
  virtual Value minimum(Value a, Value b) = 0;
  virtual Value select(Value condition, Value ifTrue, Value ifFalse) = 0;
  virtual Value cast(Expr expr, Value a) = 0;
  virtual Value call(Expr expr, llvm::ArrayRef<Value> operands) = 0;

private:
  // Of a product, the core is what remains without the coefficient; of
  // max(-a, -b), it is min(a, b). Of all else, it is the value.
  llvm::DenseMap<Expr, Value> cores;
  llvm::DenseMap<Expr, Value> values;
  llvm::DenseMap<Expr, char> needed;

  static double getCoefficient(Expr expr) {
    if (isNegatedMin(expr))
      return -1;
    if (!expr.is(ExprKind::Mul))
      return 1;
    double coefficient = 1;
    for (Expr factor : expr.operands()) {
      if (factor.is(ExprKind::Constant))
        coefficient *= factor.value();
      else if (isNegatedMin(factor))
        coefficient = -coefficient;
    }
    return coefficient;
  }

  /// True if the value is minus the magnitude.
  static bool isNegative(Expr expr) {
    return (expr.is(ExprKind::Constant) ? expr.value() : getCoefficient(expr)) <
           0;
  }

  /// The expressions whose core `expr` is computed from.
  static llvm::SmallVector<Expr> getParts(Expr expr) {
    llvm::SmallVector<Expr> parts;
    for (Expr operand : expr.operands()) {
      if (operand.is(ExprKind::Constant))
        continue;
      if (expr.is(ExprKind::Mul) && operand.is(ExprKind::Pow) &&
          operand.value() < 0)
        operand = operand.operand(0);
      if (expr.is(ExprKind::Exp) && operand.is(ExprKind::Add))
        llvm::append_range(parts, operand.operands());
      else
        parts.push_back(operand);
    }
    return parts;
  }

  void markNeeded(Expr root) {
    needed[root] = 1;
    llvm::SmallVector<Expr> order = postOrder(root);
    for (Expr expr : llvm::reverse(order))
      if (needed.count(expr) && !isWhole(expr))
        for (Expr part : getParts(expr))
          needed[part] = 1;
  }

  Value scale(double magnitude, Value value) {
    return magnitude == 1 ? value : mul(constant(magnitude), value);
  }

  /// The value of |coefficient| * core.
  Value getMagnitude(Expr expr) {
    double magnitude = std::fabs(getCoefficient(expr));
    if (magnitude == 1)
      return cores.find(expr)->second;
    if (auto it = values.find(expr); it != values.end())
      return it->second;
    Value value = scale(magnitude, cores.find(expr)->second);
    values.insert({expr, value});
    return value;
  }

  /// As getMagnitude, for the terms of a sum, times a positive factor.
  Value getTermMagnitude(Expr term, double factor = 1) {
    if (term.is(ExprKind::Constant))
      return constant(factor * std::fabs(term.value()));
    if (factor == 1)
      return getMagnitude(term);
    double magnitude = std::fabs(getCoefficient(term)) * factor;
    // What cancels up to rounding is 1.
    if (std::fabs(magnitude - 1) < 1e-14)
      magnitude = 1;
    return scale(magnitude, cores.find(term)->second);
  }

  Value get(Expr expr) {
    if (expr.is(ExprKind::Constant))
      return constant(expr.value());
    Value magnitude = getMagnitude(expr);
    return getCoefficient(expr) < 0 ? neg(magnitude) : magnitude;
  }

  /// Positive terms first, so that nothing needs a negation if one exists.
  Value lowerSum(llvm::ArrayRef<Expr> terms, double factor = 1) {
    llvm::SmallVector<Expr> plus, minus;
    std::optional<double> common;
    bool agree = true;
    for (Expr term : terms) {
      double coefficient = getCoefficient(term);
      (isNegative(term) ? minus : plus).push_back(term);
      agree &= !common || *common == std::fabs(coefficient);
      agree &= !term.is(ExprKind::Constant);
      common = std::fabs(coefficient);
    }
    bool factorOut = agree && terms.size() > 1 && *common != 1 && factor == 1;
    auto getTerm = [&](Expr term) -> Value {
      return factorOut ? cores.find(term)->second
                       : getTermMagnitude(term, factor);
    };
    bool negate = plus.empty();
    if (negate)
      std::swap(plus, minus);
    Value sum = getTerm(plus.front());
    for (Expr term : llvm::drop_begin(plus))
      sum = add(sum, getTerm(term));
    for (Expr term : minus)
      sum = sub(sum, getTerm(term));
    if (factorOut)
      sum = scale(*common, sum);
    return negate ? neg(sum) : sum;
  }

  Value lowerProduct(Expr expr) {
    std::optional<Value> numerator, denominator;
    auto multiply = [&](std::optional<Value> &product, Value value) {
      product = product ? mul(*product, value) : value;
    };
    for (Expr factor : expr.operands()) {
      if (factor.is(ExprKind::Constant))
        continue;
      if (!factor.is(ExprKind::Pow) || factor.value() > 0) {
        multiply(numerator, cores.find(factor)->second);
        continue;
      }
      Value base = get(factor.operand(0));
      multiply(denominator,
               factor.value() == -1 ? base : power(base, -factor.value()));
    }
    if (!denominator)
      return *numerator;
    return div(numerator ? *numerator : constant(1), *denominator);
  }

  Value lowerExp(Expr operand) {
    llvm::SmallVector<Expr> terms = getTerms(operand);
    auto isShift = [](Expr term) {
      return isNegative(term) && term.hasAccumulator();
    };
    llvm::SmallVector<Expr> base, shift;
    bool hasShift = llvm::any_of(terms, isShift);
    for (Expr term : terms)
      ((hasShift ? isShift(term) : isNegative(term)) ? shift : base)
          .push_back(term);
    bool isExp2 = prefersExp2(operand);
    double factor = isExp2 ? 1 / M_LN2 : 1;
    if (base.empty() || shift.empty()) {
      Value sum = lowerSum(terms, factor);
      return isExp2 ? exp2(sum) : unary(ExprKind::Exp, sum);
    }
    Value baseValue = lowerSum(base, factor);
    // -(a + b) as a sum: the shift's terms with their signs turned.
    Value shiftValue = getTermMagnitude(shift.front(), factor);
    for (Expr term : llvm::drop_begin(shift))
      shiftValue = add(shiftValue, getTermMagnitude(term, factor));
    return isExp2 ? exp2(sub(baseValue, shiftValue))
                  : expOfDifference(baseValue, shiftValue);
  }

  Value lowerCore(Expr expr) {
    switch (expr.kind()) {
    case ExprKind::Constant:
      return constant(expr.value());
    case ExprKind::Leaf:
      return leaf(expr);
    case ExprKind::RankVar:
      return rankVar(expr.rank());
    case ExprKind::Extent:
      return extent(expr.rank());
    case ExprKind::Add:
      return lowerSum(expr.operands());
    case ExprKind::Mul:
      return lowerProduct(expr);
    case ExprKind::Pow:
      if (expr.value() == -1)
        return div(constant(1), get(expr.operand(0)));
      return power(get(expr.operand(0)), expr.value());
    case ExprKind::Exp:
      return lowerExp(expr.operand(0));
    case ExprKind::Max: {
      bool negated = isNegatedMin(expr);
      auto getOperand = [&](Expr operand) -> Value {
        if (!negated)
          return get(operand);
        if (operand.is(ExprKind::Constant))
          return constant(-operand.value());
        Value magnitude = getMagnitude(operand);
        return isNegative(operand) ? magnitude : neg(magnitude);
      };
      Value result = getOperand(expr.operand(0));
      for (Expr operand : expr.operands().drop_front())
        result = negated ? minimum(result, getOperand(operand))
                         : binary(ExprKind::Max, result, getOperand(operand));
      return result;
    }
    case ExprKind::And:
    case ExprKind::Or:
    case ExprKind::Less:
    case ExprKind::LessEqual:
    case ExprKind::Equal: {
      Value result = get(expr.operand(0));
      for (Expr operand : expr.operands().drop_front())
        result = binary(expr.kind(), result, get(operand));
      return result;
    }
    case ExprKind::Select:
      return select(get(expr.operand(0)), get(expr.operand(1)),
                    get(expr.operand(2)));
    case ExprKind::Cast:
      return cast(expr, get(expr.operand(0)));
    case ExprKind::Call: {
      llvm::SmallVector<Value> operands;
      for (Expr operand : expr.operands())
        operands.push_back(get(operand));
      return call(expr, operands);
    }
    default:
      return unary(expr.kind(), get(expr.operand(0)));
    }
  }
};

} // namespace attn

#endif // LIB_ANALYSIS_EXPRLOWERING_H
