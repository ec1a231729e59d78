//===- ExprRange.cpp - Bounds and growth of expressions -------------------===//

#include "lib/Analysis/ExprRange.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cmath>

using namespace attn;
using llvm::SmallVector;

static constexpr double inf = std::numeric_limits<double>::infinity();

bool Range::isBounded() const {
  return std::isfinite(lower) && std::isfinite(upper);
}

/// The product of bounds, where a bound 0 wins over an infinite one.
static double mulBound(double a, double b) {
  return a == 0 || b == 0 ? 0 : a * b;
}

static Range mulRange(const Range &a, const Range &b) {
  auto [lower, upper] =
      std::minmax({mulBound(a.lower, b.lower), mulBound(a.lower, b.upper),
                   mulBound(a.upper, b.lower), mulBound(a.upper, b.upper)});
  Range result;
  result.lower = lower;
  result.upper = upper;
  result.growth = std::max(a.growth, b.growth);
  result.nonZero = a.nonZero && b.nonZero;
  return result;
}

static Range makeRange(double lower, double upper, Growth growth) {
  Range range;
  range.lower = lower;
  range.upper = upper;
  range.growth = growth;
  return range;
}

static Range powRange(const Range &base, double exponent) {
  bool even = std::floor(exponent / 2) == exponent / 2;
  bool integer = std::floor(exponent) == exponent;
  Range result;
  result.nonZero = base.nonZero || exponent < 0;
  result.growth = exponent > 0 ? base.growth : Growth::Unknown;
  if (!even && integer && !base.isNonNegative()) {
    // Monotone if it has no pole.
    if (exponent > 0) {
      result.lower = std::pow(base.lower, exponent);
      result.upper = std::pow(base.upper, exponent);
    }
    return result;
  }
  double least = std::max(0.0, base.lower);
  double most = base.upper;
  if (even && base.lower < 0) {
    least = base.upper < 0 ? -base.upper : 0;
    most = std::max(-base.lower, base.upper);
  }
  result.lower = std::pow(exponent > 0 ? least : most, exponent);
  result.upper = std::pow(exponent > 0 ? most : least, exponent);
  if (std::isnan(result.lower) || std::isnan(result.upper))
    return makeRange(0, inf, Growth::Unknown);
  if (exponent < 0 && std::isfinite(result.upper))
    result.growth = Growth::Bounded;
  return result;
}

static Range expRange(const Range &argument) {
  Range result = makeRange(std::exp(argument.lower), std::exp(argument.upper),
                           Growth::Unknown);
  if (argument.upper < inf)
    result.growth = Growth::Bounded;
  else if (argument.growth <= Growth::Polynomial)
    result.growth = Growth::Exponential;
  result.nonZero = true;
  return result;
}

static Range logRange(const Range &argument) {
  Range result;
  result.lower = argument.lower > 0 ? std::log(argument.lower) : -inf;
  result.upper = argument.upper > 0 ? std::log(argument.upper) : inf;
  result.growth = std::min(argument.growth, Growth::Polynomial);
  if (argument.growth == Growth::Unknown)
    result.growth = Growth::Unknown;
  return result;
}

Range RangeAnalysis::addTerms(Expr sum) {
  Range result = makeRange(0, 0, Growth::Bounded);
  bool sameSign = true;
  for (Expr term : getTerms(sum)) {
    Range range = get(term);
    result.lower += range.lower;
    result.upper += range.upper;
    result.growth = std::max(result.growth, range.growth);
    result.nonZero |= range.isPositive();
    sameSign &= range.isNonNegative();
  }
  result.nonZero &= sameSign;
  return result;
}

/// True if `expr` is, or may be taken to be, a non-negative scale.
bool RangeAnalysis::isScale(Expr expr) {
  if (expr.hasAccumulator())
    return false;
  if (get(expr).isNonNegative())
    return true;
  return elementRanks && (expr.ranks() & *elementRanks).none() &&
         !expr.is(ExprKind::Constant);
}

/// An expression that is not less (`above`) or not greater than `expr`, with
/// the reduced body in place of accumulators: d = max(x) is not less than x.
Expr RangeAnalysis::getBound(Expr expr, bool above, unsigned depth) {
  if (!expr.hasAccumulator() || depth == 0)
    return expr;
  ExprContext &context = expr.context();
  if (expr.is(ExprKind::Leaf)) {
    auto fact = facts.find(expr);
    ExprReducer bounding = above ? ExprReducer::Min : ExprReducer::Max;
    if (fact == facts.end() || fact->second.reducer != bounding)
      return expr;
    return fact->second.body;
  }
  if (expr.is(ExprKind::Add) || expr.is(ExprKind::Max)) {
    SmallVector<Expr> operands;
    for (Expr operand : expr.operands())
      operands.push_back(getBound(operand, above, depth - 1));
    return context.rebuild(expr, operands);
  }
  if (expr.is(ExprKind::Mul)) {
    auto [coefficient, rest] = splitCoefficient(expr);
    SmallVector<Expr> scales = {context.constant(coefficient)}, bounded;
    for (Expr factor : getFactors(rest))
      (isScale(factor) ? scales : bounded).push_back(factor);
    if (bounded.size() != 1)
      return expr;
    scales.push_back(
        getBound(bounded.front(), coefficient < 0 ? !above : above, depth - 1));
    return context.mul(scales);
  }
  return expr;
}

/// An upper bound of a sum with maxima in it, operand by operand.
double RangeAnalysis::getUpper(Expr sum, unsigned depth) {
  double upper = sum.is(ExprKind::Add) ? addTerms(sum).upper : get(sum).upper;
  if (depth == 0 || upper < inf)
    return upper;
  ExprContext &context = sum.context();
  for (Expr term : getTerms(sum)) {
    auto [coefficient, maximum] = splitCoefficient(term);
    if (!maximum.is(ExprKind::Max))
      continue;
    double most = -inf, least = inf;
    for (Expr operand : maximum.operands()) {
      Expr other = expand(context.add(
          {sum, -term, context.mul({context.constant(coefficient), operand})}));
      double bound = getUpper(other, depth - 1);
      most = std::max(most, bound);
      least = std::min(least, bound);
    }
    upper = std::min(upper, coefficient < 0 ? least : most);
  }
  return upper;
}

/// A sum of intervals, then a better upper bound from x - max(x) <= 0.
Range RangeAnalysis::computeSum(Expr expr) {
  Range best = addTerms(expr);
  if (!expr.hasAccumulator())
    return best;
  Expr bound = getUpperBound(expr);
  if (bound == expr)
    return best;
  double upper = getUpper(expand(bound), /*depth=*/3);
  if (upper < best.upper) {
    best.upper = upper;
    best.attained = std::isfinite(upper);
  }
  return best;
}

Range RangeAnalysis::compute(Expr expr) {
  auto operand = [&](unsigned i) { return lookup(expr.operand(i)); };
  switch (expr.kind()) {
  case ExprKind::Constant: {
    Range range = makeRange(expr.value(), expr.value(), Growth::Bounded);
    range.nonZero = expr.value() != 0;
    return range;
  }
  case ExprKind::Leaf: {
    if (auto it = facts.find(expr); it != facts.end()) {
      Range body = get(it->second.body);
      // Of the elements that were seen there is at least one.
      if (it->second.reducer == ExprReducer::Max ||
          it->second.reducer == ExprReducer::Min)
        return makeRange(body.lower, body.upper, body.growth);
      if (it->second.reducer == ExprReducer::Add && body.isNonNegative())
        return makeRange(0, inf, std::max(body.growth, Growth::Polynomial));
      return makeRange(-inf, inf, std::max(body.growth, Growth::Polynomial));
    }
    const LeafInfo &info = expr.leaf();
    Range range = makeRange(info.lower, info.upper, Growth::Polynomial);
    if (range.isBounded())
      range.growth = Growth::Bounded;
    range.nonZero = info.lower > 0 || info.upper < 0;
    return range;
  }
  case ExprKind::RankVar:
  case ExprKind::Extent:
    return makeRange(0, inf, Growth::Polynomial);
  case ExprKind::Add:
    return computeSum(expr);
  case ExprKind::Mul: {
    Range range = operand(0);
    for (Expr factor : expr.operands().drop_front())
      range = mulRange(range, lookup(factor));
    return range;
  }
  case ExprKind::Pow:
    return powRange(operand(0), expr.value());
  case ExprKind::Exp:
    return expRange(operand(0));
  case ExprKind::Log:
    return logRange(operand(0));
  case ExprKind::Tanh:
  case ExprKind::Erf:
  case ExprKind::Sin:
  case ExprKind::Cos:
    return makeRange(-1, 1, Growth::Bounded);
  case ExprKind::Sigmoid: {
    Range range = makeRange(0, 1, Growth::Bounded);
    range.nonZero = true;
    return range;
  }
  case ExprKind::Abs: {
    Range a = operand(0);
    double least = a.lower > 0 ? a.lower : a.upper < 0 ? -a.upper : 0;
    Range range = makeRange(least, std::max(-a.lower, a.upper), a.growth);
    range.nonZero = a.nonZero;
    return range;
  }
  case ExprKind::Floor:
    return makeRange(std::floor(operand(0).lower), operand(0).upper,
                     operand(0).growth);
  case ExprKind::Round:
    return makeRange(std::nearbyint(operand(0).lower),
                     std::nearbyint(operand(0).upper), operand(0).growth);
  case ExprKind::Max: {
    Range range = operand(0);
    for (Expr other : expr.operands().drop_front()) {
      const Range &b = lookup(other);
      range.nonZero = range.isPositive() || b.isPositive();
      range.lower = std::max(range.lower, b.lower);
      range.upper = std::max(range.upper, b.upper);
      range.growth = std::max(range.growth, b.growth);
      range.attained = false;
    }
    return range;
  }
  case ExprKind::Select: {
    Range a = operand(1), b = operand(2);
    a.lower = std::min(a.lower, b.lower);
    a.upper = std::max(a.upper, b.upper);
    a.growth = std::max(a.growth, b.growth);
    a.nonZero &= b.nonZero;
    a.attained = false;
    return a;
  }
  case ExprKind::Less:
  case ExprKind::LessEqual:
  case ExprKind::Equal:
  case ExprKind::And:
  case ExprKind::Or:
  case ExprKind::Not:
    return makeRange(0, 1, Growth::Bounded);
  case ExprKind::Cast: {
    Range range = operand(0);
    range.attained = range.nonZero = false;
    return range;
  }
  case ExprKind::Call: {
    const FunctionTraits &traits = expr.traits();
    Range range = makeRange(traits.lower, traits.upper, Growth::Unknown);
    if (range.isBounded())
      range.growth = Growth::Bounded;
    else if (traits.polynomial)
      range.growth = Growth::Polynomial;
    range.nonZero = traits.lower > 0 || traits.upper < 0;
    return range;
  }
  }
  return Range();
}

Range RangeAnalysis::get(Expr root) {
  if (auto it = ranges.find(root); it != ranges.end())
    return it->second;
  // Facts refer to older accumulators only, so get() through them ends.
  for (Expr expr : postOrder(root)) {
    if (ranges.count(expr))
      continue;
    Range range = compute(expr);
    ranges.insert({expr, range});
  }
  return lookup(root);
}

bool RangeAnalysis::isStabilised(Expr argument, double limit) {
  Range range = get(argument);
  if (range.upper > limit)
    return false;
  return range.lower >= -limit || range.attained;
}
