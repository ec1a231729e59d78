//===- DeriveRefuse.cpp - Why a reduction has to wait ---------------------===//
//
// A reduction that no rule covers is refused, with the rule that fails, the
// smallest expression that shows it, and what is the matter with that.
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/DerivationRules.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/raw_ostream.h"

using namespace attn;
using llvm::SmallVector;

llvm::StringRef attn::stringify(RefusalRule rule) {
  switch (rule) {
  case RefusalRule::NotSeparable:
    return "not-separable";
  case RefusalRule::NotClosed:
    return "not-closed";
  case RefusalRule::NoDistributiveOperation:
    return "no-distributive-operation";
  case RefusalRule::PointsMove:
    return "points-move";
  case RefusalRule::VariesAlongReducedRank:
    return "varies-along-reduced-rank";
  case RefusalRule::UndefinedAtIdentity:
    return "undefined-at-identity";
  case RefusalRule::Unstabilised:
    return "unstabilised";
  case RefusalRule::Unproved:
    return "unproved";
  case RefusalRule::OutputKeepsRank:
    return "output-keeps-rank";
  }
  return "";
}

/// True if `expr` is visibly a finite sum of (elements) * (accumulators).
bool Deriver::isSeparable(const Work &work, Expr expr) const {
  auto isMixed = [&](Expr e) {
    return !isInvariant(work, e) && dependsOnMoving(work, e);
  };
  for (Expr term : getTerms(expand(expr)))
    for (Expr factor : getFactors(term)) {
      if (!isMixed(factor))
        continue;
      if (!factor.is(ExprKind::Exp) ||
          llvm::any_of(getTerms(factor.operand(0)), isMixed))
        return false;
    }
  return true;
}

/// The first sub-expression, from the inside out, that is not separable. Of an
/// exponential, the factor whose exponent mixes elements and accumulators.
Expr Deriver::findOffender(const Work &work) const {
  for (Expr expr : postOrder(work.body)) {
    if (isInvariant(work, expr) || !dependsOnMoving(work, expr) ||
        isSeparable(work, expr))
      continue;
    if (!expr.is(ExprKind::Exp))
      return expr;
    for (Expr term : getTerms(expand(restoreNames(expr.operand(0)))))
      if (!isInvariant(work, term) && term.hasAccumulator())
        return exp(term);
    return expr;
  }
  return work.body;
}

/// The part of the presence that changes.
Expr Deriver::findMovingCondition(const Work &work) const {
  Expr presence = work.reduction.presence;
  if (presence.is(ExprKind::And))
    for (Expr conjunct : presence.operands())
      if (dependsOnMoving(work, conjunct))
        return conjunct;
  return presence;
}

std::string attn::describeMixture(Expr offending, llvm::StringRef names,
                                  llvm::StringRef reducer) {
  auto text = [&](llvm::StringRef first, llvm::StringRef second) {
    return (llvm::Twine(first) + names + second).str();
  };
  switch (offending.kind()) {
  case ExprKind::Exp:
    return text(" is raised to a power by a change of ",
                ", and no power distributes over the reducer `") +
           reducer.str() + "`";
  case ExprKind::Abs:
  case ExprKind::Max:
    return text(" has a kink where an element meets ",
                ": on which side each element lies is not known any more when "
                "that changes");
  case ExprKind::Less:
  case ExprKind::LessEqual:
  case ExprKind::Equal:
  case ExprKind::Select:
    return text(" chooses elements by ",
                ": which ones is not known any more when that changes");
  case ExprKind::Floor:
  case ExprKind::Round:
  case ExprKind::Cast:
    return text(" rounds each element after a change by ",
                ": what was rounded off is not known any more when that "
                "changes");
  default:
    return text(" depends on ",
                " in a way that cannot be corrected afterwards: it is no "
                "finite sum of products of an element's part and an "
                "accumulator's part");
  }
}

/// `expr` in the source's words: the reductions that accumulators stand for.
Expr Deriver::restoreNames(Expr expr) const {
  ExprMap original;
  for (auto [result, value] : replacement)
    if (result != value && !value.operands().empty())
      original[value] = result;
  return substitute(expr, original);
}

void Deriver::refuse(const Work &work, RefusalRule rule) {
  Refusal refusal;
  refusal.rule = rule;
  refusal.index = work.index;
  refusal.phase = work.phase + 1;
  Expr unstabilised = findUnstabilised(work);
  refusal.offending = work.body;
  if (rule == RefusalRule::NotSeparable)
    refusal.offending = findOffender(work);
  else if (rule == RefusalRule::PointsMove)
    refusal.offending = findMovingCondition(work);
  else if (rule == RefusalRule::Unstabilised && unstabilised)
    refusal.offending = unstabilised;
  // Of the leaves in it, those that move; as the source calls them.
  Expr named = restoreNames(refusal.offending);
  SmallVector<Expr> leaves;
  for (Expr leaf : getLeaves(named))
    if (work.moving.count(leaf) ||
        (replacement.count(leaf) &&
         dependsOnMoving(work, replacement.lookup(leaf))))
      leaves.push_back(leaf);
  std::string names;
  for (Expr leaf : leaves)
    names += (names.empty() ? "`" : ", `") + leaf.leaf().name + "`";
  std::string offending = "`" + named.str() + "`";
  std::string rank = context.getRankName(form.rank).str();
  llvm::raw_string_ostream text(refusal.text);
  switch (rule) {
  case RefusalRule::NotSeparable:
    text << offending
         << describeMixture(refusal.offending, names,
                            getReducer(work.reduction.reducer).name);
    break;
  case RefusalRule::NotClosed:
    text << offending << " and its derivatives by " << names
         << " span no space of at most " << options.maxClosure
         << " functions that moves by a shift";
    break;
  case RefusalRule::NoDistributiveOperation:
    text << offending << " depends on " << names
         << ", and no correction distributes over the reducer `"
         << getReducer(work.reduction.reducer).name << "`";
    break;
  case RefusalRule::PointsMove:
    text << offending << " selects other points when " << names
         << " changes, and is no comparison with an extremum of the same "
            "points";
    break;
  case RefusalRule::VariesAlongReducedRank:
    text << names << " in " << offending
         << " varies along a rank that is reduced, so its change cannot be "
            "applied to the reduced value";
    break;
  case RefusalRule::UndefinedAtIdentity:
    text << "the correction of " << offending << " for a change of " << names
         << " is undefined while nothing has been seen";
    break;
  case RefusalRule::Unstabilised:
    text << offending << " may overflow or vanish while " << names
         << " is not final, as nothing proves a bound until then";
    break;
  case RefusalRule::Unproved:
    text << offending << " is corrected for a change of " << names << " by `"
         << (work.isProduct ? "* " : "+ ") << restoreNames(work.candidate)
         << "` at " << work.points
         << " random points, but no rule proves it; unproved=true takes it";
    break;
  case RefusalRule::OutputKeepsRank:
    break;
  }
  text << " (" << stringify(rule) << "); `" << work.name
       << "` waits for traversal " << work.phase + 2 << " of `" << rank << "`";
  result.refusals.push_back(std::move(refusal));
}
