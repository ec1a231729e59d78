//===- DeriveKeep.cpp - Reductions over the points of an extremum ---------===//
//
// A reduction over the points where x = d, with d the maximum of x over what
// was seen: while d stays, so do its points; once d is another, none of the old
// ones is left, because each was below the new one. So the old state is kept,
// or starts again from the identity. The coordinate of a maximum is of this
// kind, the sum of what belongs to it, and how often it occurs.
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
