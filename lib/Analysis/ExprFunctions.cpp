//===- ExprFunctions.cpp - Functions in canonical form --------------------===//

#include "lib/Analysis/ExprNumbers.h"
#include "lib/Analysis/ScalarExpr.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace attn;
using llvm::ArrayRef;
using llvm::SmallVector;

Expr ExprContext::exp(Expr operand) {
  if (std::optional<double> value = operand.getConstant())
    return constant(std::exp(*value));
  SmallVector<Expr> kept, powers;
  for (Expr term : getTerms(operand)) {
    auto [coefficient, rest] = splitCoefficient(term);
    if (rest.is(ExprKind::Log))
      powers.push_back(pow(rest.operand(0), coefficient));
    else
      kept.push_back(term);
  }
  if (powers.empty())
    return unique(ExprKind::Exp, operand);
  powers.push_back(exp(add(kept)));
  return mul(powers);
}

Expr ExprContext::log(Expr operand) {
  if (std::optional<double> value = operand.getConstant(); value && *value > 0)
    return constant(std::log(*value));
  if (operand.is(ExprKind::Exp))
    return operand.operand(0);
  if (operand.is(ExprKind::Pow) &&
      (!isEven(operand.value()) ||
       isStructurallyNonNegative(operand.operand(0))))
    return mul({constant(operand.value()), log(operand.operand(0))});
  SmallVector<Expr> outside, inside;
  for (Expr factor : getFactors(operand)) {
    if (factor.is(ExprKind::Exp))
      outside.push_back(factor.operand(0));
    else
      inside.push_back(factor);
  }
  if (outside.empty())
    return unique(ExprKind::Log, operand);
  outside.push_back(log(mul(inside)));
  return add(outside);
}

/// The sign of the first coefficient.
static bool isLeadingNegative(Expr expr) {
  Expr first = expr.is(ExprKind::Add) ? expr.operand(0) : expr;
  return splitCoefficient(first).first < 0;
}

Expr ExprContext::oddFunction(ExprKind kind, Expr operand) {
  if (isLeadingNegative(operand))
    return -unique(kind, -operand);
  return unique(kind, operand);
}

Expr ExprContext::unary(ExprKind kind, Expr operand) {
  if (kind == ExprKind::Exp)
    return exp(operand);
  if (kind == ExprKind::Log)
    return log(operand);
  if (std::optional<double> value = operand.getConstant())
    return constant(applyUnary(kind, *value));
  switch (kind) {
  case ExprKind::Tanh:
  case ExprKind::Erf:
  case ExprKind::Sin:
  case ExprKind::Round:
    return oddFunction(kind, operand);
  case ExprKind::Cos:
    return unique(kind, isLeadingNegative(operand) ? -operand : operand);
  case ExprKind::Abs: {
    if (isStructurallyNonNegative(operand))
      return operand;
    if (operand.is(ExprKind::Add))
      return unique(kind, isLeadingNegative(operand) ? -operand : operand);
    auto [coefficient, rest] = splitCoefficient(operand);
    if (coefficient == 1)
      return unique(kind, rest);
    return mul({constant(std::fabs(coefficient)), unary(kind, rest)});
  }
  default:
    return unique(kind, operand);
  }
}

Expr ExprContext::max(ArrayRef<Expr> operands) {
  double bound = -std::numeric_limits<double>::infinity();
  SmallVector<Expr> result;
  // max(c ? a : b, c ? d : e) = c ? max(a, d) : max(b, e)
  llvm::MapVector<Expr, Expr> selects;
  auto collect = [&](Expr operand) {
    if (operand.is(ExprKind::Select)) {
      Expr &merged = selects[operand.operand(0)];
      merged = !merged ? operand
                       : select(operand.operand(0),
                                max({merged.operand(1), operand.operand(1)}),
                                max({merged.operand(2), operand.operand(2)}));
      if (merged.is(ExprKind::Select))
        return;
      result.push_back(merged);
      selects.erase(operand.operand(0));
      return;
    }
    if (std::optional<double> value = operand.getConstant())
      bound = std::max(bound, *value);
    else
      result.push_back(operand);
  };
  for (Expr operand : operands) {
    if (operand.is(ExprKind::Max))
      llvm::for_each(operand.operands(), collect);
    else
      collect(operand);
  }
  for (auto &[condition, merged] : selects)
    result.push_back(merged);
  // By what is under a sign, so that a minimum keeps its order too.
  auto order = [](Expr operand) {
    auto [coefficient, rest] = splitCoefficient(operand);
    return std::make_pair(rest.id(), coefficient);
  };
  llvm::sort(result, [&](Expr a, Expr b) { return order(a) < order(b); });
  result.erase(llvm::unique(result), result.end());
  if (result.empty() || std::isfinite(bound) || bound > 0)
    result.push_back(constant(bound));
  if (result.size() == 1)
    return result.front();
  return unique(ExprKind::Max, result);
}

Expr ExprContext::min(ArrayRef<Expr> operands) {
  SmallVector<Expr> negated;
  for (Expr operand : operands)
    negated.push_back(-operand);
  return -max(negated);
}

Expr ExprContext::select(Expr condition, Expr ifTrue, Expr ifFalse) {
  if (ifTrue == ifFalse)
    return ifTrue;
  if (std::optional<double> value = condition.getConstant())
    return *value != 0 ? ifTrue : ifFalse;
  if (condition.is(ExprKind::Not))
    return select(condition.operand(0), ifFalse, ifTrue);
  return unique(ExprKind::Select, {condition, ifTrue, ifFalse});
}

Expr ExprContext::compare(ExprKind kind, Expr lhs, Expr rhs) {
  if (lhs == rhs)
    return constant(kind != ExprKind::Less);
  std::optional<double> a = lhs.getConstant(), b = rhs.getConstant();
  if (a && b)
    return constant(kind == ExprKind::Less        ? *a < *b
                    : kind == ExprKind::LessEqual ? *a <= *b
                                                  : *a == *b);
  if (kind == ExprKind::Equal && rhs.id() < lhs.id())
    std::swap(lhs, rhs);
  return unique(kind, {lhs, rhs});
}

Expr ExprContext::connective(ExprKind kind, ArrayRef<Expr> operands) {
  bool identity = kind == ExprKind::And;
  SmallVector<Expr> result;
  for (Expr operand : operands) {
    if (operand.is(kind)) {
      llvm::append_range(result, operand.operands());
    } else if (std::optional<double> value = operand.getConstant()) {
      if ((*value != 0) != identity)
        return constant(!identity);
    } else {
      result.push_back(operand);
    }
  }
  llvm::sort(result, [](Expr a, Expr b) { return a.id() < b.id(); });
  result.erase(llvm::unique(result), result.end());
  if (result.empty())
    return constant(identity);
  if (result.size() == 1)
    return result.front();
  return unique(kind, result);
}

Expr ExprContext::logicalAnd(ArrayRef<Expr> operands) {
  return connective(ExprKind::And, operands);
}
Expr ExprContext::logicalOr(ArrayRef<Expr> operands) {
  return connective(ExprKind::Or, operands);
}

Expr ExprContext::logicalNot(Expr operand) {
  if (std::optional<double> value = operand.getConstant())
    return constant(*value == 0);
  if (operand.is(ExprKind::Not))
    return operand.operand(0);
  return unique(ExprKind::Not, operand);
}

//===----------------------------------------------------------------------===//
// Infix
//===----------------------------------------------------------------------===//

static Expr number(Expr expr, double value) {
  return expr.context().constant(value);
}

Expr attn::operator+(Expr a, Expr b) { return a.context().add({a, b}); }
Expr attn::operator*(Expr a, Expr b) { return a.context().mul({a, b}); }
Expr attn::operator-(Expr a, Expr b) { return a + -b; }
Expr attn::operator/(Expr a, Expr b) { return a * a.context().pow(b, -1.0); }
Expr attn::operator-(Expr a) { return number(a, -1) * a; }
Expr attn::operator+(Expr a, double b) { return a + number(a, b); }
Expr attn::operator-(Expr a, double b) { return a + number(a, -b); }
Expr attn::operator+(double a, Expr b) { return number(b, a) + b; }
Expr attn::operator-(double a, Expr b) { return number(b, a) - b; }
Expr attn::operator*(double a, Expr b) { return number(b, a) * b; }
Expr attn::operator*(Expr a, double b) { return a * number(a, b); }
Expr attn::operator/(Expr a, double b) { return a / number(a, b); }
Expr attn::operator/(double a, Expr b) { return number(b, a) / b; }
Expr attn::exp(Expr a) { return a.context().exp(a); }
Expr attn::exp2(Expr a) { return exp(M_LN2 * a); }
Expr attn::log(Expr a) { return a.context().log(a); }
Expr attn::log2(Expr a) { return 1 / M_LN2 * log(a); }
Expr attn::sqrt(Expr a) { return a.context().pow(a, 0.5); }
Expr attn::rsqrt(Expr a) { return a.context().pow(a, -0.5); }
Expr attn::tanh(Expr a) { return a.context().unary(ExprKind::Tanh, a); }
Expr attn::sigmoid(Expr a) { return a.context().unary(ExprKind::Sigmoid, a); }
Expr attn::abs(Expr a) { return a.context().unary(ExprKind::Abs, a); }
Expr attn::round(Expr a) { return a.context().unary(ExprKind::Round, a); }
Expr attn::max(Expr a, Expr b) { return a.context().max({a, b}); }
Expr attn::min(Expr a, Expr b) { return a.context().min({a, b}); }
