//===- DeriveDefer.cpp - Moves factors and terms out of a reduction -------===//
//
// F = G(x) * H(d): reduces G, and multiplies by H after the reduction; likewise
// + for max, and an increasing function of all of F for what orders. What keeps
// an exponential of G in range stays inside.
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/DerivationRules.h"

#include "llvm/ADT/STLExtras.h"

using namespace attn;
using llvm::SmallVector;
using llvm::SmallVectorImpl;

/// Splits exp(x + d) into the part that must stay under the reduction and
/// exp(..) of the terms that may leave it. A term leaves only if what stays
/// is proved to be stabilised without it.
Expr Deriver::splitStabiliser(const Work &work, Expr exponential,
                              Expr &deferred) {
  SmallVector<Expr> kept, elements, leaving;
  for (Expr term : getTerms(expand(exponential.operand(0))))
    (isDeferrable(work, term) ? kept : elements).push_back(term);
  if (kept.empty())
    return exponential;
  RangeAnalysis ranges = getRanges(work);
  for (unsigned i = 0; i < kept.size();) {
    SmallVector<Expr> staying = elements;
    for (Expr term : kept)
      if (term != kept[i])
        staying.push_back(term);
    if (!ranges.isStabilised(context.add(staying), options.expLimit)) {
      ++i;
      continue;
    }
    leaving.push_back(kept[i]);
    kept.erase(kept.begin() + i);
  }
  if (leaving.empty())
    return exponential;
  deferred = exp(context.add(leaving));
  llvm::append_range(elements, kept);
  return exp(context.add(elements));
}

/// Takes out of the body the factors that do not vary along the reduction and
/// depend on accumulators. Factors of a parameter alone stay: moving them
/// would save work but no traversal.
bool Deriver::deferFactors(Work &work, SmallVectorImpl<Deferred> &deferred,
                           bool onlyPositive) {
  SmallVector<Expr> staying, leaving;
  std::optional<RangeAnalysis> ranges;
  auto mayLeave = [&](Expr factor) {
    if (!onlyPositive)
      return true;
    if (!ranges)
      ranges = getRanges(work);
    return ranges->get(factor).isPositive();
  };
  // A sum gives up the factors that all its terms have.
  if (work.body.is(ExprKind::Add)) {
    SmallVector<Expr> common;
    for (Expr factor : getFactors(work.body.operand(0)))
      if (!factor.is(ExprKind::Exp) && isDeferrable(work, factor) &&
          mayLeave(factor) &&
          llvm::all_of(work.body.operands(), [&](Expr term) {
            return llvm::is_contained(getFactors(term), factor);
          }))
        common.push_back(factor);
    if (common.empty())
      return false;
    Expr factor = context.mul(common);
    SmallVector<Expr> terms;
    for (Expr term : work.body.operands()) {
      SmallVector<Expr> rest = getFactors(term);
      llvm::erase_if(rest,
                     [&](Expr f) { return llvm::is_contained(common, f); });
      terms.push_back(rest.empty() ? context.constant(1) : context.mul(rest));
    }
    deferred.push_back({Deferred::Product, factor});
    work.body = context.add(terms);
    return true;
  }
  for (Expr factor : getFactors(work.body)) {
    if (isDeferrable(work, factor) && mayLeave(factor)) {
      leaving.push_back(factor);
    } else if (factor.is(ExprKind::Exp)) {
      Expr outside;
      staying.push_back(splitStabiliser(work, factor, outside));
      if (outside)
        leaving.push_back(outside);
    } else {
      staying.push_back(factor);
    }
  }
  if (leaving.empty())
    return false;
  deferred.push_back({Deferred::Product, context.mul(leaving)});
  work.body = staying.empty() ? context.constant(1) : context.mul(staying);
  return true;
}

bool Deriver::deferTerms(Work &work, SmallVectorImpl<Deferred> &deferred) {
  SmallVector<Expr> staying, leaving;
  // Multiplied out only if that frees a term.
  for (Expr candidate : {work.body, expand(work.body)}) {
    staying.clear();
    leaving.clear();
    for (Expr term : getTerms(candidate))
      (isDeferrable(work, term) ? leaving : staying).push_back(term);
    if (!leaving.empty())
      break;
  }
  if (leaving.empty() || staying.empty())
    return false;
  deferred.push_back({Deferred::Sum, context.add(leaving)});
  work.body = context.add(staying);
  return true;
}

bool attn::isIncreasing(Expr expr) {
  switch (expr.kind()) {
  case ExprKind::Exp:
  case ExprKind::Log:
  case ExprKind::Tanh:
  case ExprKind::Sigmoid:
  case ExprKind::Erf:
    return true;
  case ExprKind::Pow:
    return expr.value() > 0 && isStructurallyNonNegative(expr.operand(0));
  default:
    return false;
  }
}

/// The largest of exp(x - d) is exp of the largest x - d, where there is one:
/// `guardNone` must be able to say so. A list knows by its coordinates.
bool Deriver::deferFunction(Work &work, SmallVectorImpl<Deferred> &deferred) {
  if (!isIncreasing(work.body) || !work.body.hasAccumulator())
    return false;
  const Reduction &reduction = work.reduction;
  if (getReducer(reduction.reducer).scalar && reduction.presence &&
      reduction.presence.hasAccumulator())
    return false;
  deferred.push_back({Deferred::Function, work.body});
  work.body = work.body.operand(0);
  return true;
}

/// What the reduction was before `deferred` was taken out, if it is now
/// `value`.
Expr Deriver::applyDeferred(const Deferred &deferred, Expr value) {
  switch (deferred.kind) {
  case Deferred::Product:
    return value * deferred.value;
  case Deferred::Sum:
    return value + deferred.value;
  case Deferred::Function:
    return context.rebuild(deferred.value, value);
  }
  llvm_unreachable("unknown kind");
}
