//===- DeriveEmpty.cpp - Reductions that have no points -------------------===//
//
// Over no points a reduction is its identity. What was deferred from it may
// make another number of that, or none: exp(-m) of a maximum m over no points
// is infinite. Where this can be, the identity is chosen after the reduction,
// of outputs and of bodies that are reduced over other points.
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/DerivationRules.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>
#include <functional>

using namespace attn;
using llvm::SmallVector;

/// `value`, to which a function was applied, or the identity over no point,
/// which the function would change. That the extremum is infinite says too
/// little: elements may be. So a filter's points are reduced to 0 beside it.
Expr Deriver::guardNone(const Work &work, Expr value) {
  const Reduction &reduction = work.reduction;
  Expr zero = context.constant(0);
  Expr identity = context.constant(getReducer(reduction.reducer).identity);
  SmallVector<Expr> isNone;
  if (reduction.presence) {
    Expr some = findPlaced(work, zero, work.phase);
    if (!some)
      some = create(work, zero, work.phase, "some").leaf;
    isNone.push_back(context.compare(ExprKind::Equal, some, identity));
  } else {
    for (unsigned rank = 0; rank < reduction.reduced.size(); ++rank)
      if (reduction.reduced.test(rank))
        isNone.push_back(
            context.compare(ExprKind::Equal, context.extent(rank), zero));
  }
  Expr guarded = context.select(context.logicalOr(isNone), identity, value);
  guards.push_back({guarded, value, reduction.presence});
  return guarded;
}

/// `expr` where `work` has a point: what was reduced over at least its points
/// was reduced over one.
Expr Deriver::assumeSome(const Work &work, Expr expr) const {
  ExprMap map;
  for (const Guard &guard : guards)
    if (implies(work.reduction.presence, guard.presence))
      map[guard.guarded] = guard.value;
  return map.empty() ? expr : substitute(expr, map);
}

/// `expr` where reductions have no points: those that `work` may have none of
/// where it has one or, without it, all.
double Deriver::evaluateEmpty(Expr expr, const Work *work) const {
  llvm::DenseMap<Expr, double> valueOf;
  auto add = [&](Expr leaf, ExprReducer reducer, Expr presence) {
    if (!work || !implies(work->reduction.presence, presence))
      valueOf[leaf] = getReducer(reducer).identity;
  };
  for (const Reduction &reduction : form.reductions)
    add(reduction.result, reduction.reducer, reduction.presence);
  for (const Placed &other : placed)
    add(other.accumulator.leaf, other.accumulator.reducer,
        other.accumulator.presence);
  if (!work)
    valueOf[context.extent(form.rank)] = 0;
  std::function<double(Expr)> getValue = [&](Expr leaf) {
    // Of a function that the algebra doesn't know.
    if (llvm::any_of(leaf.operands(), [&](Expr operand) {
          return !std::isfinite(evaluate(operand, getValue));
        }))
      return std::nan("");
    auto it = valueOf.find(leaf);
    return it != valueOf.end() ? it->second : 0.7;
  };
  return evaluate(expr, getValue);
}

/// The reductions whose results `expr` reads.
SmallVector<const Reduction *> Deriver::getReductions(Expr expr) const {
  SmallVector<const Reduction *> reductions;
  for (const Reduction &reduction : form.reductions)
    if (contains(expr, [&](Expr e) { return e == reduction.result; }))
      reductions.push_back(&reduction);
  return reductions;
}

/// The conditions by which selects of `expr` choose, but for those that read a
/// reduction's result.
llvm::SmallSetVector<Expr, 4> Deriver::getChoices(Expr expr) const {
  llvm::SmallSetVector<Expr, 4> choices;
  for (Expr inner : postOrder(expr))
    if (inner.is(ExprKind::Select) && getReductions(inner.operand(0)).empty())
      choices.insert(inner.operand(0));
  return choices;
}

/// Whether `fails` is true of `original` and `rewritten` for anything that
/// their selects may choose; taken for true where that is too much to try.
bool Deriver::failsWhere(Expr original, Expr rewritten,
                         llvm::function_ref<bool(Expr, Expr)> fails) const {
  constexpr size_t mostChoices = 6;
  llvm::SmallSetVector<Expr, 4> choices = getChoices(original);
  if (choices.size() > mostChoices)
    return true;
  for (unsigned bits = 0; bits != 1u << choices.size(); ++bits) {
    ExprMap chosen;
    for (auto [place, condition] : llvm::enumerate(choices))
      chosen[condition] = context.constant(bits >> place & 1);
    if (fails(substitute(original, chosen), substitute(rewritten, chosen)))
      return true;
  }
  return false;
}

/// Where nothing was present, a deferred factor such as exp(-m) is infinite,
/// and what it was deferred from was the identity. Reductions of other points
/// may have some where one has none, so they are guarded each by itself.
Expr Deriver::guardEmpty(Expr original, Expr rewritten) const {
  SmallVector<const Reduction *> reductions = getReductions(original);
  // Of a list without entries, there is no output.
  if (llvm::any_of(reductions, [](const Reduction *reduction) {
        return !getReducer(reduction->reducer).scalar;
      }))
    return rewritten;
  auto differs = [&](Expr original, Expr rewritten) {
    double expected = evaluateEmpty(original);
    double actual = evaluateEmpty(rewritten);
    if (!std::isfinite(expected))
      return actual != expected && !std::isnan(expected);
    return !(std::fabs(actual - expected) <= 1e-9 * std::fabs(expected));
  };
  if (!failsWhere(original, rewritten, differs))
    return rewritten;
  if (llvm::any_of(reductions, [&](const Reduction *reduction) {
        return reduction->presence != reductions.front()->presence;
      }))
    return guardEach(original, reductions);
  SmallVector<Expr> empty;
  for (Expr leaf : getLeaves(rewritten)) {
    auto it = placedOf.find(leaf);
    if (it == placedOf.end())
      continue;
    double identity = placed[it->second].accumulator.getIdentity();
    if (std::isinf(identity))
      empty.push_back(
          context.compare(ExprKind::Equal, leaf, context.constant(identity)));
  }
  if (empty.empty())
    return rewritten;
  ExprMap emptyOriginal;
  for (const Reduction *reduction : reductions)
    emptyOriginal[reduction->result] =
        context.constant(getReducer(reduction->reducer).identity);
  Expr emptyValue = substitute(original, emptyOriginal);
  if (getChoices(original).empty() &&
      (getLeaves(original).size() == 1 ||
       !std::isfinite(evaluateEmpty(emptyValue))))
    emptyValue = context.constant(evaluateEmpty(original));
  return context.select(context.logicalAnd(empty), emptyValue, rewritten);
}

/// `original` over what its reductions became, each guarded.
Expr Deriver::guardEach(Expr original,
                        llvm::ArrayRef<const Reduction *> reductions) const {
  ExprMap guarded = replacement;
  for (const Reduction *reduction : reductions)
    guarded[reduction->result] =
        guardEmpty(reduction->result, replacement.lookup(reduction->result));
  return substitute(original, guarded);
}

/// What `work` reduces, over accumulators. Where a reduction of other points
/// has none, it must not be 0 times an infinite factor.
Expr Deriver::rewriteBody(const Work &work) const {
  Expr original = work.reduction.body;
  Expr body = substitute(original, replacement);
  auto isInfinite = [&](Expr original, Expr body) {
    return std::isfinite(evaluateEmpty(original, &work)) &&
           !std::isfinite(evaluateEmpty(body, &work));
  };
  if (failsWhere(original, body, isInfinite))
    body = guardEach(original, getReductions(original));
  return assumeSome(work, body);
}

/// exp(x - select(d == -inf, c, d)), which keeps -inf from -inf, is exp(x - d)
/// where x is at most d: both are 0 where d is -inf (S6).
Expr Deriver::dropGuards(const Work &work, Expr body) const {
  auto getGuarded = [](Expr expr) {
    if (!expr.is(ExprKind::Select) || !expr.operand(0).is(ExprKind::Equal) ||
        !expr.operand(1).getConstant() ||
        !std::isfinite(*expr.operand(1).getConstant()))
      return Expr();
    Expr guarded = expr.operand(2);
    llvm::ArrayRef<Expr> sides = expr.operand(0).operands();
    bool isEmpty = llvm::is_contained(sides, guarded) &&
                   llvm::any_of(sides, [](Expr side) {
                     return side.isConstant(-HUGE_VAL);
                   });
    return isEmpty ? guarded : Expr();
  };
  ExprMap map;
  for (Expr expr : postOrder(body)) {
    if (!expr.is(ExprKind::Exp))
      continue;
    ExprMap dropped;
    for (Expr inner : postOrder(expr.operand(0)))
      if (Expr guarded = getGuarded(inner))
        dropped[inner] = guarded;
    if (dropped.empty())
      continue;
    Expr argument = substitute(expr.operand(0), dropped);
    RangeAnalysis ranges = getRanges(work);
    ranges.assumeScalesNonNegative(work.reduction.reduced);
    if (!ranges.getUpperBound(argument).hasAccumulator())
      map[expr] = exp(argument);
  }
  return map.empty() ? body : substitute(body, map);
}
