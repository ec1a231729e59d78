//===- DeriveKeep.cpp - Reductions over the points of an extremum ---------===//
//
// A reduction over the points where x = d, with d the maximum of x over what
// was seen: while d stays, so do its points; once d is another, none of the old
// ones is left, because each was below the new one. So the old state is kept,
// or starts again from the identity. The coordinate of a maximum is of this
// kind, the sum of what belongs to it, and how often it occurs. What increases
// with x is largest where x is: the most probable of a softmax is the largest
// of what it is a softmax of.
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/DerivationRules.h"

using namespace attn;
using llvm::SmallVector;

/// Whether `leaf`, or its negative, is the extremum of `x` over all points of
/// `presence` that were seen, so that `x` never equals it before it is final.
bool Deriver::isReachedLast(Expr presence, Expr leaf, Expr x) {
  auto [sign, extremum] = splitCoefficient(leaf);
  auto it = placedOf.find(extremum);
  if (it == placedOf.end() || (sign != 1 && sign != -1))
    return false;
  const Accumulator &a = placed[it->second].accumulator;
  bool orders = a.reducer == ExprReducer::Max || a.reducer == ExprReducer::Min;
  return orders && a.kind == CorrectionKind::None && a.body == sign * x &&
         implies(presence, a.presence);
}

/// `equal`, which compares an element's value with another: if what is left of
/// it without positive factors and increasing functions of both sides compares
/// an element with its extremum, then that.
Expr Deriver::compareWithExtremum(const Work &work, Expr equal) {
  SmallVector<Expr> factors[] = {getFactors(equal.operand(0)),
                                 getFactors(equal.operand(1))};
  RangeAnalysis ranges = getRanges(work);
  for (Expr factor : SmallVector<Expr>(factors[0]))
    if (llvm::is_contained(factors[1], factor) &&
        ranges.get(factor).isPositive())
      for (SmallVector<Expr> &side : factors)
        side.erase(llvm::find(side, factor));
  Expr sides[2];
  for (auto [side, left] : llvm::zip_equal(sides, factors))
    side = left.empty() ? context.constant(1) : context.mul(left);
  // 1 is exp(0).
  if (sides[0].is(ExprKind::Exp) || sides[1].is(ExprKind::Exp))
    for (Expr &side : sides)
      if (side.isConstant(1) || side.is(ExprKind::Exp))
        side = side.is(ExprKind::Exp) ? side.operand(0) : context.constant(0);
  while (isIncreasing(sides[0]) && sides[0].kind() == sides[1].kind() &&
         sides[0].value() == sides[1].value())
    for (Expr &side : sides)
      side = side.operand(0);
  Expr difference = expand(sides[0] - sides[1]);
  for (const Placed &other : placed) {
    const Accumulator &a = other.accumulator;
    if (a.kind != CorrectionKind::None ||
        (a.reducer != ExprReducer::Max && a.reducer != ExprReducer::Min))
      continue;
    for (Expr term : getTerms(difference)) {
      auto [scale, leaf] = splitCoefficient(term);
      if (leaf == a.leaf && difference == expand(scale * (a.leaf - a.body)))
        return context.compare(ExprKind::Equal, a.body, a.leaf);
    }
  }
  return equal;
}

/// Comparisons with an extremum, in a condition, as such.
Expr Deriver::findExtrema(const Work &work, Expr presence) {
  ExprMap map;
  for (Expr conjunct : presence.is(ExprKind::And)
                           ? SmallVector<Expr>(presence.operands())
                           : SmallVector<Expr>{presence})
    if (conjunct.is(ExprKind::Equal) && conjunct.hasAccumulator())
      map[conjunct] = compareWithExtremum(work, conjunct);
  return map.empty() ? presence : substitute(presence, map);
}

/// Finds what keeps the state of a reduction whose points depend on an
/// extremum, and places its accumulator. Else says which rule fails.
std::optional<RefusalRule> Deriver::keep(Work &work, Expr &value) {
  const Reducer &reducer = getReducer(work.reduction.reducer);
  if (!reducer.scalar || dependsOnMoving(work, work.body))
    return RefusalRule::PointsMove;
  Expr presence = work.reduction.presence;
  SmallVector<Expr> moving, fixed;
  for (Expr conjunct : presence.is(ExprKind::And)
                           ? SmallVector<Expr>(presence.operands())
                           : SmallVector<Expr>{presence})
    (dependsOnMoving(work, conjunct) ? moving : fixed).push_back(conjunct);
  Expr others = fixed.empty() ? Expr() : context.logicalAnd(fixed);
  ExprMap previousOf = getPreviousMap(work);
  SmallVector<Expr> stays;
  for (Expr conjunct : moving) {
    if (!conjunct.is(ExprKind::Equal))
      return RefusalRule::PointsMove;
    Expr x = conjunct.operand(0), leaf = conjunct.operand(1);
    if (dependsOnMoving(work, x))
      std::swap(x, leaf);
    if (dependsOnMoving(work, x) || !isReachedLast(others, leaf, x))
      return RefusalRule::PointsMove;
    stays.push_back(
        context.compare(ExprKind::Equal, leaf, substitute(leaf, previousOf)));
  }
  if (Expr same = findPlaced(work, work.body, work.phase)) {
    value = same;
    result.rewrites.push_back({RewriteKind::Shared, work.index, same});
    return std::nullopt;
  }
  Accumulator &a = create(work, work.body, work.phase);
  a.kind = CorrectionKind::Keep;
  a.correction = context.logicalAnd(stays);
  a.corrected = context.select(a.correction, a.previous,
                               context.constant(a.getIdentity()));
  result.rewrites.push_back({RewriteKind::Corrected, work.index, a.correction});
  value = a.leaf;
  return std::nullopt;
}
