//===- ExprProducts.cpp - Sums, products and powers -----------------------===//

#include "lib/Analysis/ExprNumbers.h"
#include "lib/Analysis/ScalarExpr.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace attn;
using llvm::ArrayRef;
using llvm::SmallVector;

std::pair<double, Expr> attn::splitCoefficient(Expr expr) {
  ExprContext &context = expr.context();
  if (std::optional<double> value = expr.getConstant())
    return {*value, context.constant(1)};
  if (!expr.is(ExprKind::Mul))
    return {1, expr};
  std::optional<double> value = expr.operand(0).getConstant();
  if (!value)
    return {1, expr};
  return {*value, context.mul(expr.operands().drop_front())};
}

SmallVector<Expr> attn::getTerms(Expr expr) {
  if (expr.is(ExprKind::Add))
    return SmallVector<Expr>(expr.operands());
  return {expr};
}

SmallVector<Expr> attn::getFactors(Expr expr) {
  if (expr.is(ExprKind::Mul))
    return SmallVector<Expr>(expr.operands());
  return {expr};
}

std::pair<Expr, double> attn::splitPower(Expr expr) {
  if (expr.is(ExprKind::Pow))
    return {expr.operand(0), expr.value()};
  return {expr, 1};
}

Expr ExprContext::add(ArrayRef<Expr> terms) {
  struct Sum {
    double value = 0;
    double magnitude = 0;
    void add(double x) {
      value += x;
      magnitude += std::fabs(x);
    }
    /// What cancels up to rounding is 0.
    double get() const {
      if (std::fabs(value) <= relativeTolerance * magnitude)
        return 0;
      return value;
    }
  };
  llvm::MapVector<Expr, Sum> coefficients;
  Sum offset;
  auto collect = [&](Expr term) {
    auto [coefficient, rest] = splitCoefficient(term);
    if (rest.isConstant(1))
      offset.add(coefficient);
    else
      coefficients[rest].add(coefficient);
  };
  for (Expr term : terms)
    llvm::for_each(getTerms(term), collect);

  SmallVector<std::pair<Expr, double>> sorted;
  for (auto &[rest, coefficient] : coefficients)
    if (double value = coefficient.get(); value != 0)
      sorted.emplace_back(rest, value);
  llvm::sort(sorted,
             [](auto &a, auto &b) { return a.first.id() < b.first.id(); });

  SmallVector<Expr> result;
  for (auto &[rest, coefficient] : sorted) {
    Expr factor = constant(coefficient);
    if (factor.isConstant(1)) {
      result.push_back(rest);
      continue;
    }
    SmallVector<Expr> factors = {factor};
    llvm::append_range(factors, getFactors(rest));
    result.push_back(unique(ExprKind::Mul, factors));
  }
  if (offset.get() != 0 || result.empty())
    result.push_back(constant(offset.get()));
  if (result.size() == 1)
    return result.front();
  return unique(ExprKind::Add, result);
}

/// The factor to take out of a sum so that its first coefficient is 1 (only
/// its magnitude if `keepSign`).
static double getContent(Expr sum, bool keepSign) {
  double coefficient = splitCoefficient(sum.operand(0)).first;
  return keepSign ? std::fabs(coefficient) : coefficient;
}

static Expr scaleSum(ExprContext &context, Expr sum, double factor) {
  if (factor == 1)
    return sum;
  SmallVector<Expr> terms;
  for (Expr term : sum.operands()) {
    auto [coefficient, rest] = splitCoefficient(term);
    terms.push_back(
        context.mul({context.constant(coefficient * factor), rest}));
  }
  return context.add(terms);
}

Expr ExprContext::product(ArrayRef<Expr> factors, bool cancel) {
  double coefficient = 1;
  SmallVector<Expr> exponents;
  // The exponents of a base over and under the line: they meet only where
  // x / x = 1 may be used.
  llvm::MapVector<Expr, std::pair<double, double>> powers;
  auto collectPower = [&](Expr base, double exponent) {
    if (base.is(ExprKind::Add)) {
      double content = getContent(base, /*keepSign=*/!isInteger(exponent));
      coefficient *= std::pow(content, exponent);
      base = scaleSum(*this, base, 1 / content);
    }
    auto &[over, under] = powers[base];
    (exponent > 0 ? over : under) += exponent;
  };
  SmallVector<Expr> worklist(llvm::reverse(factors));
  SmallVector<Expr> result;
  while (!worklist.empty()) {
    Expr factor = worklist.pop_back_val();
    if (factor.is(ExprKind::Constant))
      coefficient *= factor.value();
    else if (factor.is(ExprKind::Mul))
      worklist.append(factor.operands().rbegin(), factor.operands().rend());
    else if (factor.is(ExprKind::Exp))
      exponents.push_back(factor.operand(0));
    else
      std::apply(collectPower, splitPower(factor));
  }
  if (coefficient == 0)
    return constant(0);

  if (exponents.size() == 1) {
    result.push_back(unique(ExprKind::Exp, exponents));
  } else if (!exponents.empty()) {
    for (Expr factor : getFactors(exp(add(exponents)))) {
      if (factor.is(ExprKind::Constant))
        coefficient *= factor.value();
      else if (factor.is(ExprKind::Exp))
        result.push_back(factor);
      else
        std::apply(collectPower, splitPower(factor));
    }
  }
  auto appendPower = [&](Expr base, double exponent) {
    if (exponent == 1)
      result.push_back(base);
    else if (exponent != 0)
      result.push_back(unique(ExprKind::Pow, base, exponent));
  };
  for (auto &[base, exponent] : powers) {
    auto [over, under] = exponent;
    if (cancel || over + under > 0 || isStructurallyNonZero(base)) {
      appendPower(base, over + under);
    } else {
      appendPower(base, over);
      appendPower(base, under);
    }
  }
  auto order = [](Expr factor) {
    auto [base, exponent] = splitPower(factor);
    return std::make_pair(base.id(), -exponent);
  };
  llvm::sort(result, [&](Expr a, Expr b) { return order(a) < order(b); });

  Expr leading = constant(coefficient);
  if (result.empty())
    return leading;
  if (result.size() == 1 && result.front().is(ExprKind::Add))
    return scaleSum(*this, result.front(), leading.value());
  if (!leading.isConstant(1))
    result.insert(result.begin(), leading);
  if (result.size() == 1)
    return result.front();
  return unique(ExprKind::Mul, result);
}

Expr ExprContext::mul(ArrayRef<Expr> factors) {
  // A number times one term is the case that sums are made of.
  if (factors.size() == 1)
    return factors.front();
  return product(factors, /*cancel=*/false);
}

Expr ExprContext::quotient(Expr numerator, Expr denominator) {
  return product({numerator, pow(denominator, -1)}, /*cancel=*/true);
}

Expr ExprContext::pow(Expr base, double exponent) {
  if (exponent == 0)
    return constant(1);
  if (exponent == 1)
    return base;
  switch (base.kind()) {
  case ExprKind::Constant: {
    double value = std::pow(base.value(), exponent);
    if (std::isfinite(value))
      return constant(value);
    break;
  }
  case ExprKind::Exp:
    return exp(mul({constant(exponent), base.operand(0)}));
  case ExprKind::Abs:
    if (isEven(exponent))
      return pow(base.operand(0), exponent);
    break;
  case ExprKind::Pow: {
    Expr inner = base.operand(0);
    if (isInteger(exponent) || isStructurallyNonNegative(inner))
      return pow(inner, base.value() * exponent);
    if (isEven(base.value()))
      return pow(unary(ExprKind::Abs, inner), base.value() * exponent);
    break;
  }
  case ExprKind::Mul: {
    // A root distributes over what is not negative.
    SmallVector<Expr> inside, outside;
    for (Expr factor : base.operands()) {
      if (isInteger(exponent) || isStructurallyNonNegative(factor)) {
        outside.push_back(pow(factor, exponent));
      } else if (std::optional<double> value = factor.getConstant()) {
        outside.push_back(constant(std::pow(-*value, exponent)));
        inside.push_back(constant(-1));
      } else {
        inside.push_back(factor);
      }
    }
    if (inside.empty())
      return mul(outside);
    // One factor of unknown sign takes the sign of the product.
    if (outside.empty())
      break;
    outside.push_back(unique(ExprKind::Pow, mul(inside), exponent));
    return mul(outside);
  }
  case ExprKind::Add: {
    double content = getContent(base, /*keepSign=*/!isInteger(exponent));
    if (content == 1)
      break;
    Expr primitive = scaleSum(*this, base, 1 / content);
    return mul({constant(std::pow(content, exponent)),
                unique(ExprKind::Pow, primitive, exponent)});
  }
  default:
    break;
  }
  return unique(ExprKind::Pow, base, exponent);
}

Expr ExprContext::pow(Expr base, Expr exponent) {
  if (std::optional<double> value = exponent.getConstant())
    return pow(base, *value);
  return call("pow", {base, exponent});
}
