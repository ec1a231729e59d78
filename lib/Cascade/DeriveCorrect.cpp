//===- DeriveCorrect.cpp - Moves an old state to new accumulators ---------===//
//
// F(x, d') = C(d, d') * F(x, d): multiplies the old state by C; likewise + for
// max. Where there is no C, `close` is tried.
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/DerivationRules.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace attn;
using llvm::SmallVector;

//===----------------------------------------------------------------------===//
// Coefficients and summands
//===----------------------------------------------------------------------===//

/// A number for every element leaf, so that a quotient that is known not to
/// depend on them can be read off.
static ExprMap getSample(Expr expr, const RankSet &reduced, unsigned attempt) {
  ExprMap map;
  for (Expr inner : postOrder(expr))
    if ((inner.is(ExprKind::Leaf) || inner.is(ExprKind::RankVar)) &&
        (inner.ranks() & reduced).any())
      map[inner] = expr.context().constant(0.5 + 0.125 * (map.size() + 1) +
                                           0.0625 * attempt);
  return map;
}

/// Fresh names for every element leaf.
static ExprMap renameElements(Expr expr, const RankSet &reduced) {
  ExprMap map;
  for (Expr inner : postOrder(expr))
    if ((inner.is(ExprKind::Leaf) || inner.is(ExprKind::RankVar)) &&
        (inner.ranks() & reduced).any())
      map[inner] = expr.context().freshLeaf("x0", inner.ranks());
  return map;
}

/// C with after = C * before for every element, or null.
Expr Deriver::getMultiplier(const Work &work, Expr after, Expr before) {
  Expr ratio = context.quotient(after, before);
  if (isInvariant(work, ratio))
    return ratio;
  // The rank-1 test: F(x,d') F(x0,d) = F(x,d) F(x0,d').
  ExprMap rename = renameElements(after, work.reduction.reduced);
  Expr left = expand(after * substitute(before, rename));
  Expr right = expand(before * substitute(after, rename));
  if (left != right)
    return Expr();
  for (unsigned attempt = 0; attempt < 4; ++attempt) {
    ExprMap sample = getSample(after, work.reduction.reduced, attempt);
    Expr denominator = substitute(before, sample);
    if (denominator.isConstant(0))
      continue;
    ratio = context.quotient(substitute(after, sample), denominator);
    if (cancelFactors(ratio * before) == cancelFactors(after))
      return ratio;
  }
  return Expr();
}

/// C with after = before + C for every element, or null.
Expr Deriver::getSummand(const Work &work, Expr after, Expr before) {
  for (Expr difference : {after - before, expand(after - before)})
    if (isInvariant(work, difference))
      return difference;
  return Expr();
}

//===----------------------------------------------------------------------===//
// Where a correction is defined
//===----------------------------------------------------------------------===//

/// A value that the leaf may have, near `value`.
static double sampleParameter(Expr leaf, double value) {
  if (leaf.is(ExprKind::Extent))
    return 7;
  if (!leaf.is(ExprKind::Leaf))
    return std::fabs(value);
  const LeafInfo &info = leaf.leaf();
  return std::min(std::max(value, info.lower), info.upper);
}

/// Evaluates a coefficient with every old value empty, and the new values
/// empty or not: it multiplies 0 then, so any number will do, but not an
/// infinity. Parameters take either sign and 0. With `seen`, which are old
/// maxima that are not empty, only the other maxima are: sums are not.
bool Deriver::isFiniteAtIdentity(Expr coefficient, llvm::ArrayRef<Expr> seen) {
  constexpr double number = 0.75;
  llvm::DenseMap<Expr, double> oldValue, newValue;
  for (const Placed &other : placed) {
    const Accumulator &a = other.accumulator;
    bool isSeen = !seen.empty() && (llvm::is_contained(seen, a.previous) ||
                                    std::isfinite(a.getIdentity()));
    oldValue[a.previous] = isSeen ? number : a.getIdentity();
    newValue[a.leaf] = oldValue[a.previous];
  }
  for (bool empty : {true, false}) {
    for (double parameter : {0.7, 0.0, -1.3}) {
      double value = evaluate(coefficient, [&](Expr leaf) {
        if (auto it = oldValue.find(leaf); it != oldValue.end())
          return it->second;
        if (auto it = newValue.find(leaf); it != newValue.end())
          return empty ? it->second : number;
        return sampleParameter(leaf, parameter);
      });
      if (!std::isfinite(value))
        return false;
    }
  }
  return true;
}

/// `coefficient`, made 0 where the old maxima are empty if it would not be
/// finite there: all of them if that helps, since max(a, b) is something where
/// one is; else any of them. Null if nothing helps.
Expr Deriver::guardIdentity(Expr coefficient) {
  if (isFiniteAtIdentity(coefficient))
    return coefficient;
  SmallVector<Expr> maxima, empty;
  for (Expr leaf : getLeaves(coefficient))
    for (const Placed &other : placed)
      if (double identity = other.accumulator.getIdentity();
          other.accumulator.previous == leaf && std::isinf(identity)) {
        maxima.push_back(leaf);
        empty.push_back(
            context.compare(ExprKind::Equal, leaf, context.constant(identity)));
      }
  if (empty.empty())
    return Expr();
  Expr zero = context.constant(0);
  Expr guarded = context.select(context.logicalAnd(empty), zero, coefficient);
  bool isEnough = maxima.size() <= 8 && isFiniteAtIdentity(guarded);
  for (unsigned subset = 1; isEnough && subset < 1u << maxima.size();
       ++subset) {
    SmallVector<Expr> seen;
    for (auto [i, leaf] : llvm::enumerate(maxima))
      if (subset >> i & 1)
        seen.push_back(leaf);
    isEnough = isFiniteAtIdentity(guarded, seen);
  }
  if (isEnough)
    return guarded;
  guarded = context.select(context.logicalOr(empty), zero, coefficient);
  return isFiniteAtIdentity(guarded) ? guarded : Expr();
}

/// The first exponential of a moving accumulator that may overflow or vanish
/// half way, or null. It cannot if its argument is bounded by what the element
/// alone contributes: exp(w + x - max(x)) is no larger than exp(w), always.
Expr Deriver::findUnstabilised(const Work &work) const {
  std::optional<RangeAnalysis> ranges;
  for (Expr expr : postOrder(expandExponents(work.body))) {
    if (!expr.is(ExprKind::Exp) || !dependsOnMoving(work, expr))
      continue;
    if (!ranges) {
      ranges = getRanges(work);
      ranges->assumeScalesNonNegative(work.reduction.reduced);
    }
    Expr argument = expr.operand(0);
    if (dependsOnMoving(work, ranges->getUpperBound(argument)) &&
        !ranges->isStabilised(argument, options.expLimit))
      return expr;
  }
  return Expr();
}

//===----------------------------------------------------------------------===//
// The rule
//===----------------------------------------------------------------------===//

ExprMap Deriver::getPreviousMap(const Work &work) const {
  ExprMap map;
  for (Expr leaf : work.moving)
    map[leaf] = placed[placedOf.lookup(leaf)].accumulator.previous;
  return map;
}

/// Finds a correction for work.body and places its accumulator; `value` is
/// then what the reduction is equal to. Else says which rule fails.
std::optional<RefusalRule> Deriver::correct(Work &work, Expr &value) {
  const Reducer &reducer = getReducer(work.reduction.reducer);
  if (llvm::any_of(work.moving,
                   [&](Expr leaf) { return !isInvariant(work, leaf); }))
    return RefusalRule::VariesAlongReducedRank;
  if (Expr presence = work.reduction.presence;
      presence && dependsOnMoving(work, presence))
    return keep(work, value);
  // All that distributes over a list was deferred.
  if (!reducer.scalar || (!reducer.mulDistributes && !reducer.addDistributes))
    return RefusalRule::NoDistributiveOperation;
  // An infinite accumulator can only be corrected where nothing was reduced
  // with it: it must have seen every point that this reduction sees.
  for (Expr leaf : work.moving) {
    const Accumulator &a = placed[placedOf.lookup(leaf)].accumulator;
    if (std::isinf(a.getIdentity()) &&
        !implies(work.reduction.presence, a.presence))
      return RefusalRule::UndefinedAtIdentity;
  }
  bool stabilised = !findUnstabilised(work);

  Expr after = expandExponents(work.body);
  Expr before = substitute(after, getPreviousMap(work));
  Expr coefficient, summand;
  if (reducer.addDistributes)
    summand = getSummand(work, after, before);
  if (!summand && reducer.positiveMulDistributes) {
    coefficient = getMultiplier(work, after, before);
    if (coefficient && !reducer.mulDistributes &&
        !getRanges(work).get(coefficient).isPositive())
      coefficient = Expr();
  }
  if (!summand && !coefficient) {
    // Far from the final centre, moments about it would cancel.
    RangeAnalysis ranges = getRanges(work);
    bool tame = llvm::all_of(work.moving, [&](Expr leaf) {
      return ranges.get(leaf).growth <= Growth::Polynomial;
    });
    bool mayClose = (stabilised && tame) || options.allowUnstabilised;
    if (reducer.mulDistributes && mayClose &&
        close(work, value, stabilised && tame))
      return std::nullopt;
    if (stabilised || options.allowUnstabilised)
      findCandidate(work, after, before);
    if (work.candidate && !options.allowUnproved)
      return RefusalRule::Unproved;
    if (work.candidate)
      (work.isProduct ? coefficient : summand) = work.candidate;
    else if (!mayClose && isSeparable(work, work.body))
      return RefusalRule::Unstabilised;
    else if (!isSeparable(work, work.body))
      return RefusalRule::NotSeparable;
    else // only sums have moments
      return reducer.mulDistributes ? RefusalRule::NotClosed
                                    : RefusalRule::NoDistributiveOperation;
  }
  if (!stabilised && !options.allowUnstabilised)
    return RefusalRule::Unstabilised;
  Expr &correction = coefficient ? coefficient : summand;
  correction = guardIdentity(correction);
  if (!correction)
    return RefusalRule::UndefinedAtIdentity;
  if (Expr same = findPlaced(work, work.body, work.phase)) {
    value = same;
    result.rewrites.push_back({RewriteKind::Shared, work.index, same});
    return std::nullopt;
  }
  Accumulator &a = create(work, work.body, work.phase);
  a.kind = coefficient ? CorrectionKind::Multiply : CorrectionKind::Add;
  a.correction = coefficient ? coefficient : summand;
  a.corrected = coefficient ? a.previous * coefficient : a.previous + summand;
  // An infinite identity does not survive a product with 0.
  if (Expr identity = context.constant(a.getIdentity());
      coefficient && !identity.isConstant(0))
    a.corrected =
        context.select(context.compare(ExprKind::Equal, a.previous, identity),
                       identity, a.corrected);
  a.stabilised = stabilised;
  a.unprovedPoints = work.points;
  result.rewrites.push_back({RewriteKind::Corrected, work.index, a.correction});
  value = a.leaf;
  return std::nullopt;
}
