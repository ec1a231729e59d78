//===- Derivation.cpp - The one-pass form of chained reductions -----------===//
//
// Reductions are taken in order. Each is rewritten over the accumulators that
// the earlier ones became, so that what was deferred from D_1 is seen, and
// often cancels, in the body of D_2. An accumulator belongs to the phase of
// its last dependency if a correction is found and to the next one if not.
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/Derivation.h"

#include "lib/Analysis/ExprClosure.h"
#include "lib/Analysis/ExprRange.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace attn;
using llvm::ArrayRef;
using llvm::SmallVector;
using llvm::SmallVectorImpl;

//===----------------------------------------------------------------------===//
// Algebra that only proofs need
//===----------------------------------------------------------------------===//

/// Multiplies out the arguments of exponentials only, so that
/// exp(s*(x - m)) shows its term in m.
static Expr expandExponents(Expr root) {
  ExprMap map;
  for (Expr expr : postOrder(root))
    if (expr.is(ExprKind::Exp))
      if (Expr expanded = exp(expand(expr.operand(0))); expanded != expr)
        map[expr] = expanded;
  return map.empty() ? root : substitute(root, map);
}

/// Cancels equal factors in each term, wherever they vanish.
static Expr cancelFactors(Expr expr) {
  ExprContext &context = expr.context();
  SmallVector<Expr> terms;
  for (Expr term : getTerms(expand(expr)))
    terms.push_back(context.quotient(term, context.constant(1)));
  return context.add(terms);
}

namespace {
class Deriver {
public:
  Deriver(const NormalForm &form, const DerivationOptions &options,
          ExprContext &context)
      : form(form), options(options), context(context) {}

  Derivation run();

private:
  const NormalForm &form;
  const DerivationOptions &options;
  ExprContext &context;

  struct Placed {
    Accumulator accumulator;
    unsigned phase;
    bool live = false;
  };
  std::vector<Placed> placed;
  llvm::DenseMap<Expr, unsigned> placedOf;
  /// What a reduction's result became, over accumulators.
  ExprMap replacement;
  Derivation result;

  /// What is deferred is `value` op the accumulator, outermost first.
  struct Deferred {
    bool isProduct;
    Expr value;
  };

  /// The reduction being placed.
  struct Work {
    unsigned index;
    Reduction reduction;
    std::string name;
    /// Over the accumulators so far.
    Expr body;
    unsigned phase = 0;
    /// The dependencies in that phase.
    llvm::SmallDenseSet<Expr> moving;
  };

  bool isInvariant(const Work &work, Expr expr) const {
    return (expr.ranks() & work.reduction.reduced).none();
  }
  bool dependsOnMoving(const Work &work, Expr expr) const {
    return expr.hasAccumulator() &&
           contains(expr, [&](Expr inner) { return work.moving.count(inner); });
  }
  bool isDeferrable(const Work &work, Expr expr) const {
    return isInvariant(work, expr) && expr.hasAccumulator();
  }

  void place(unsigned index);
  RangeAnalysis getRanges(const Work &work) const;
  bool deferFactors(Work &work, SmallVectorImpl<Deferred> &deferred,
                    bool onlyPositive);
  bool deferTerms(Work &work, SmallVectorImpl<Deferred> &deferred);
  Expr splitStabiliser(const Work &work, Expr exponential, Expr &deferred);
  void findPhase(Work &work);

  std::optional<RefusalRule> correct(Work &work, Expr &value);
  Expr getMultiplier(const Work &work, Expr after, Expr before);
  Expr getSummand(const Work &work, Expr after, Expr before);
  bool close(Work &work, Expr &value, bool stabilised);
  Expr abstractInvariants(const Work &work,
                          llvm::MapVector<Expr, Expr> &symbolOf);
  bool sumsToZero(const Work &work, Expr function,
                  const llvm::MapVector<Expr, Expr> &symbolOf,
                  const ExprMap &valueOf);
  Expr guardIdentity(Expr coefficient);
  bool isFiniteAtIdentity(Expr coefficient);
  Expr findUnstabilised(const Work &work) const;

  Expr findPlaced(const Work &work, Expr body, unsigned phase);
  Accumulator &create(const Work &work, Expr body, unsigned phase,
                      llvm::StringRef auxiliary = "");
  ExprMap getPreviousMap(const Work &work) const;
  bool isSeparable(const Work &work, Expr expr) const;
  Expr findOffender(const Work &work) const;
  void refuse(const Work &work, RefusalRule rule);

  void finishOutputs();
  Expr guardEmptyOutput(Expr original, Expr rewritten);
  void markLive();
  void collectPhases();
};
} // namespace

//===----------------------------------------------------------------------===//
// Defer
//===----------------------------------------------------------------------===//

/// True if `presence` holds only where `other` does.
static bool implies(Expr presence, Expr other) {
  if (!other || presence == other)
    return true;
  auto getConjuncts = [](Expr condition) {
    if (condition && condition.is(ExprKind::And))
      return SmallVector<Expr>(condition.operands());
    return SmallVector<Expr>({condition});
  };
  SmallVector<Expr> conjuncts = getConjuncts(presence);
  return llvm::all_of(getConjuncts(other), [&](Expr conjunct) {
    return llvm::is_contained(conjuncts, conjunct);
  });
}

/// Facts of the accumulators that saw at least the points of `work`.
RangeAnalysis Deriver::getRanges(const Work &work) const {
  RangeAnalysis ranges;
  for (const Placed &other : placed) {
    const Accumulator &a = other.accumulator;
    if (implies(work.reduction.presence, a.presence))
      ranges.addFact(a.leaf, a.reducer, a.body);
  }
  return ranges;
}

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
    deferred.push_back({/*isProduct=*/true, factor});
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
  deferred.push_back({/*isProduct=*/true, context.mul(leaving)});
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
  deferred.push_back({/*isProduct=*/false, context.add(leaving)});
  work.body = context.add(staying);
  return true;
}

//===----------------------------------------------------------------------===//
// Correct
//===----------------------------------------------------------------------===//

ExprMap Deriver::getPreviousMap(const Work &work) const {
  ExprMap map;
  for (Expr leaf : work.moving)
    map[leaf] = placed[placedOf.lookup(leaf)].accumulator.previous;
  return map;
}

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
/// infinity. Parameters take either sign and 0.
bool Deriver::isFiniteAtIdentity(Expr coefficient) {
  llvm::DenseMap<Expr, double> identityOf;
  for (const Placed &other : placed) {
    const Accumulator &a = other.accumulator;
    identityOf[a.previous] = a.getIdentity();
    identityOf[a.leaf] = a.getIdentity();
  }
  auto isPrevious = [&](Expr leaf) {
    return llvm::any_of(placed, [&](const Placed &other) {
      return other.accumulator.previous == leaf;
    });
  };
  for (bool empty : {true, false}) {
    for (double parameter : {0.7, 0.0, -1.3}) {
      double value = evaluate(coefficient, [&](Expr leaf) {
        auto it = identityOf.find(leaf);
        if (it == identityOf.end())
          return sampleParameter(leaf, parameter);
        return empty || isPrevious(leaf) ? it->second : 0.75;
      });
      if (!std::isfinite(value))
        return false;
    }
  }
  return true;
}

/// `coefficient`, made 0 where an old maximum is empty if it would not be
/// finite there; null if that does not help.
Expr Deriver::guardIdentity(Expr coefficient) {
  if (isFiniteAtIdentity(coefficient))
    return coefficient;
  SmallVector<Expr> empty;
  for (Expr leaf : getLeaves(coefficient))
    for (const Placed &other : placed)
      if (double identity = other.accumulator.getIdentity();
          other.accumulator.previous == leaf && std::isinf(identity))
        empty.push_back(
            context.compare(ExprKind::Equal, leaf, context.constant(identity)));
  if (empty.empty())
    return Expr();
  Expr guarded = context.select(context.logicalOr(empty), context.constant(0),
                                coefficient);
  return isFiniteAtIdentity(guarded) ? guarded : Expr();
}

/// Finds a correction for work.body and places its accumulator; `value` is
/// then what the reduction is equal to. Else says which rule fails.
std::optional<RefusalRule> Deriver::correct(Work &work, Expr &value) {
  const Reducer &reducer = getReducer(work.reduction.reducer);
  if (llvm::any_of(work.moving,
                   [&](Expr leaf) { return !isInvariant(work, leaf); }))
    return RefusalRule::VariesAlongReducedRank;
  if (!reducer.mulDistributes && !reducer.addDistributes)
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
  if (!summand && reducer.nonNegativeMulDistributes) {
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
    if (!mayClose && isSeparable(work, work.body))
      return RefusalRule::Unstabilised;
    return isSeparable(work, work.body) ? RefusalRule::NotClosed
                                        : RefusalRule::NotSeparable;
  }
  if (!stabilised && !options.allowUnstabilised)
    return RefusalRule::Unstabilised;
  if (coefficient) {
    coefficient = guardIdentity(coefficient);
    if (!coefficient)
      return RefusalRule::UndefinedAtIdentity;
  } else if (!isFiniteAtIdentity(summand)) {
    return RefusalRule::UndefinedAtIdentity;
  }
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
  result.rewrites.push_back({RewriteKind::Corrected, work.index, a.correction});
  value = a.leaf;
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Close
//===----------------------------------------------------------------------===//

/// The body with its largest sub-expressions of moving accumulators alone
/// replaced by symbols: the variables of the closure.
Expr Deriver::abstractInvariants(const Work &work,
                                 llvm::MapVector<Expr, Expr> &symbolOf) {
  auto getSymbol = [&](Expr expr) {
    auto [coefficient, rest] = splitCoefficient(expr);
    if (rest.is(ExprKind::Add)) {
      coefficient = splitCoefficient(rest.operand(0)).first;
      rest = rest / coefficient;
    }
    Expr &symbol = symbolOf[rest];
    if (!symbol)
      symbol = context.freshLeaf("u", RankSet());
    return coefficient * symbol;
  };
  auto isVariable = [&](Expr expr) {
    return isInvariant(work, expr) && dependsOnMoving(work, expr);
  };
  Expr body = expandExponents(work.body);
  ExprMap abstracted;
  for (Expr expr : postOrder(body)) {
    SmallVector<Expr> operands, variables;
    bool nary = expr.is(ExprKind::Add) || expr.is(ExprKind::Mul);
    for (Expr operand : expr.operands()) {
      if (isInvariant(work, expr) || !isVariable(operand))
        operands.push_back(abstracted.lookup(operand));
      else if (nary)
        variables.push_back(operand);
      else
        operands.push_back(getSymbol(operand));
    }
    if (!variables.empty())
      operands.push_back(getSymbol(expr.is(ExprKind::Add)
                                       ? context.add(variables)
                                       : context.mul(variables)));
    bool changed = ArrayRef<Expr>(operands) != expr.operands();
    abstracted[expr] = changed ? context.rebuild(expr, operands) : expr;
  }
  return abstracted.lookup(body);
}

/// True if the sum of `function`, written with sums that are accumulated
/// anyway, is 0: sum(x - S/N) = S - N*S/N.
bool Deriver::sumsToZero(const Work &work, Expr function,
                         const llvm::MapVector<Expr, Expr> &symbolOf,
                         const ExprMap &valueOf) {
  SmallVector<Expr> sums;
  for (Expr term : getTerms(expand(function))) {
    SmallVector<Expr> elements, rest;
    for (Expr factor : getFactors(term))
      (isInvariant(work, factor) ? rest : elements).push_back(factor);
    Expr body = elements.empty() ? context.constant(1) : context.mul(elements);
    Expr sum = findPlaced(work, body, work.phase);
    if (!sum)
      return false;
    rest.push_back(sum);
    sums.push_back(context.mul(rest));
  }
  return cancelFactors(substitute(context.add(sums), valueOf)).isConstant(0);
}

bool Deriver::close(Work &work, Expr &value, bool stabilised) {
  llvm::MapVector<Expr, Expr> symbolOf;
  Expr function = abstractInvariants(work, symbolOf);
  SmallVector<Expr> symbols, targets;
  for (auto &[target, symbol] : symbolOf) {
    symbols.push_back(symbol);
    targets.push_back(target);
  }
  if (contains(function, [&](Expr e) { return work.moving.count(e); }))
    return false;
  std::optional<ShiftClosure> closure =
      ShiftClosure::get(function, symbols, options.maxClosure);
  if (!closure)
    return false;
  ArrayRef<Expr> basis = closure->getBasis();

  // During the traversal the variables may have any value. A mean over the
  // whole extent would start far off; the mean of what was seen is better, and
  // the finish moves to the value asked for.
  SmallVector<Expr> centres = targets;
  ExprMap countOf;
  for (Expr target : targets)
    for (Expr inner : postOrder(target))
      if (inner.is(ExprKind::Extent) &&
          work.reduction.reduced.test(inner.rank()) &&
          work.reduction.reduced.count() == 1)
        countOf[inner] = Expr();
  if (!countOf.empty()) {
    Expr one = context.constant(1);
    Expr count = findPlaced(work, one, work.phase);
    if (!count)
      count = create(work, one, work.phase, "count").leaf;
    for (auto &entry : countOf)
      entry.second = count;
    for (Expr &centre : centres)
      centre = substitute(centre, countOf);
  }

  ExprMap valueOf, previousOf = getPreviousMap(work);
  for (auto &entry : countOf) {
    Expr count = entry.second;
    previousOf[count] = placed[placedOf.lookup(count)].accumulator.previous;
  }
  SmallVector<Expr> moves, finalMoves;
  for (auto [symbol, target, centre] :
       llvm::zip_equal(symbols, targets, centres)) {
    valueOf[symbol] = centre;
    moves.push_back(centre - substitute(centre, previousOf));
    finalMoves.push_back(target - centre);
  }
  auto transition = closure->getTransition(moves);
  for (auto &row : transition)
    for (Expr &entry : row)
      if (entry = guardIdentity(entry); !entry)
        return false;

  // Accumulators of the basis functions; null for one that stays 0.
  SmallVector<Expr> leaves(basis.size());
  SmallVector<unsigned> created;
  for (unsigned i = basis.size(); i-- > 0;) {
    Expr body = substitute(basis[i], valueOf);
    bool moves = dependsOnMoving(work, body) || contains(body, [&](Expr e) {
                   return llvm::any_of(
                       countOf, [&](auto &entry) { return entry.second == e; });
                 });
    if (i > 0 && sumsToZero(work, basis[i], symbolOf, valueOf))
      continue;
    // One that does not move is accumulated here too: the rows of the others
    // multiply what it was before.
    leaves[i] = findPlaced(work, body, work.phase);
    if (leaves[i])
      continue;
    std::string name = i > 0 ? "moment" + std::to_string(i) : "";
    leaves[i] = create(work, body, work.phase, name).leaf;
    if (moves)
      created.push_back(i);
  }
  for (unsigned i : created) {
    Accumulator &a = placed[placedOf.lookup(leaves[i])].accumulator;
    SmallVector<Expr> terms;
    for (auto [j, leaf] : llvm::enumerate(leaves))
      if (leaf)
        terms.push_back(transition[i][j] *
                        placed[placedOf.lookup(leaf)].accumulator.previous);
    a.kind = CorrectionKind::Linear;
    a.corrected = context.add(terms);
    a.stabilised = stabilised;
    result.rewrites.push_back({RewriteKind::Closed, work.index, a.corrected});
  }
  value = leaves.front();
  if (!countOf.empty()) {
    auto finish = closure->getTransition(finalMoves);
    SmallVector<Expr> terms;
    for (auto [j, leaf] : llvm::enumerate(leaves))
      if (leaf)
        terms.push_back(finish[0][j] * leaf);
    value = context.add(terms);
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Refusals
//===----------------------------------------------------------------------===//

llvm::StringRef attn::stringify(RefusalRule rule) {
  switch (rule) {
  case RefusalRule::NotSeparable:
    return "not-separable";
  case RefusalRule::NotClosed:
    return "not-closed";
  case RefusalRule::NoDistributiveOperation:
    return "no-distributive-operation";
  case RefusalRule::VariesAlongReducedRank:
    return "varies-along-reduced-rank";
  case RefusalRule::UndefinedAtIdentity:
    return "undefined-at-identity";
  case RefusalRule::Unstabilised:
    return "unstabilised";
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

/// The first sub-expression, from the inside out, that is not separable.
Expr Deriver::findOffender(const Work &work) const {
  for (Expr expr : postOrder(work.body))
    if (!isInvariant(work, expr) && dependsOnMoving(work, expr) &&
        !isSeparable(work, expr))
      return expr;
  return work.body;
}

void Deriver::refuse(const Work &work, RefusalRule rule) {
  Refusal refusal;
  refusal.rule = rule;
  refusal.index = work.index;
  Expr unstabilised = findUnstabilised(work);
  refusal.offending = work.body;
  if (rule == RefusalRule::NotSeparable)
    refusal.offending = findOffender(work);
  else if (rule == RefusalRule::Unstabilised && unstabilised)
    refusal.offending = unstabilised;
  SmallVector<Expr> leaves(work.moving.begin(), work.moving.end());
  llvm::sort(leaves, [](Expr a, Expr b) { return a.id() < b.id(); });
  std::string names;
  for (Expr leaf : leaves)
    if (dependsOnMoving(work, refusal.offending) &&
        contains(refusal.offending, [&](Expr e) { return e == leaf; }))
      names += (names.empty() ? "`" : ", `") + leaf.leaf().name + "`";
  std::string offending = "`" + refusal.offending.str() + "`";
  std::string rank = context.getRankName(form.rank).str();
  llvm::raw_string_ostream text(refusal.text);
  switch (rule) {
  case RefusalRule::NotSeparable:
    text << offending << " depends on " << names
         << " in a way that cannot be corrected afterwards: it is no finite "
            "sum of products of an element's part and an accumulator's part";
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
  case RefusalRule::OutputKeepsRank:
    break;
  }
  text << "; `" << work.name << "` needs traversal " << work.phase + 2
       << " of `" << rank << "`";
  result.refusals.push_back(std::move(refusal));
}

//===----------------------------------------------------------------------===//
// Placing
//===----------------------------------------------------------------------===//

/// An accumulator that already reduces `body` over the same points.
Expr Deriver::findPlaced(const Work &work, Expr body, unsigned phase) {
  const Reduction &r = work.reduction;
  for (const Placed &other : placed) {
    const Accumulator &a = other.accumulator;
    if (a.body == body && a.reducer == r.reducer && a.reduced == r.reduced &&
        a.presence == r.presence && other.phase == phase)
      return a.leaf;
  }
  return Expr();
}

/// An accumulator of `body`; one that `close` adds has an auxiliary name.
Accumulator &Deriver::create(const Work &work, Expr body, unsigned phase,
                             llvm::StringRef auxiliary) {
  const Reduction &r = work.reduction;
  Accumulator a;
  if (body == r.body && auxiliary.empty()) {
    a.leaf = r.result;
  } else {
    RankSet ranks = body.ranks();
    if (r.presence)
      ranks |= r.presence.ranks();
    std::string name =
        work.name + "_" + (auxiliary.empty() ? "acc" : auxiliary).str();
    a.leaf = context.freshLeaf(name, ranks & ~r.reduced, /*accumulator=*/true);
  }
  a.previous = context.freshLeaf(a.leaf.leaf().name + "_old", a.leaf.ranks(),
                                 /*accumulator=*/true);
  a.reducer = r.reducer;
  a.body = body;
  a.reduced = r.reduced;
  a.presence = r.presence;
  a.reduction = work.index;
  a.auxiliary = !auxiliary.empty();
  a.corrected = a.previous;
  placedOf[a.leaf] = placed.size();
  placed.push_back({a, phase});
  return placed.back().accumulator;
}

/// The phase of the latest dependency, and the dependencies in it.
void Deriver::findPhase(Work &work) {
  work.phase = 0;
  work.moving.clear();
  for (Expr leaf : getLeaves(work.body)) {
    auto it = placedOf.find(leaf);
    if (it == placedOf.end())
      continue;
    unsigned phase = placed[it->second].phase;
    if (phase > work.phase)
      work.moving.clear();
    work.phase = std::max(work.phase, phase);
    if (phase == work.phase)
      work.moving.insert(leaf);
  }
}

void Deriver::place(unsigned index) {
  Work work;
  work.index = index;
  work.reduction = form.reductions[index];
  work.name = work.reduction.result.leaf().name;
  Reduction &reduction = work.reduction;
  Expr original = reduction.result;

  // A minimum that others depend on becomes the maximum of the negated: the
  // rules for empty rows are stated for -inf.
  bool negated =
      reduction.reducer == ExprReducer::Min &&
      llvm::any_of(form.reductions, [&](const Reduction &other) {
        return contains(other.body, [&](Expr e) { return e == original; });
      });
  if (negated) {
    reduction.reducer = ExprReducer::Max;
    reduction.body = -reduction.body;
    reduction.result = context.freshLeaf(work.name + "_neg", original.ranks(),
                                         /*accumulator=*/true);
  }
  work.body = substitute(reduction.body, replacement);

  const Reducer &reducer = getReducer(reduction.reducer);
  SmallVector<Deferred> deferred;
  bool changed = work.body.hasAccumulator();
  while (changed && reducer.scalar) {
    changed = false;
    if (reducer.mulDistributes || reducer.nonNegativeMulDistributes)
      changed |= deferFactors(work, deferred,
                              /*onlyPositive=*/!reducer.mulDistributes);
    if (reducer.addDistributes)
      changed |= deferTerms(work, deferred);
  }
  for (const Deferred &part : deferred)
    result.rewrites.push_back({RewriteKind::Deferred, index, part.value});
  // What was deferred from an accumulator may cancel inside an exponent.
  if (Expr simpler = expandExponents(work.body);
      postOrder(simpler).size() < postOrder(work.body).size())
    work.body = simpler;

  findPhase(work);
  Expr value;
  if (!work.moving.empty()) {
    if (std::optional<RefusalRule> rule = correct(work, value)) {
      refuse(work, *rule);
      ++work.phase;
    }
  }
  if (!value) {
    value = findPlaced(work, work.body, work.phase);
    if (value)
      result.rewrites.push_back({RewriteKind::Shared, index, value});
    else
      value = create(work, work.body, work.phase).leaf;
  }
  for (const Deferred &part : llvm::reverse(deferred))
    value = part.isProduct ? value * part.value : value + part.value;
  replacement[original] = negated ? -value : value;
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

/// Where nothing was present, a deferred factor such as exp(-m) is infinite,
/// and what it was deferred from was the identity.
Expr Deriver::guardEmptyOutput(Expr original, Expr rewritten) {
  ExprMap emptyOriginal;
  for (const Reduction &reduction : form.reductions)
    emptyOriginal[reduction.result] =
        context.constant(getReducer(reduction.reducer).identity);
  llvm::DenseMap<Expr, double> identityOf;
  for (const Reduction &reduction : form.reductions)
    identityOf[reduction.result] = getReducer(reduction.reducer).identity;
  for (const Placed &other : placed)
    identityOf[other.accumulator.leaf] = other.accumulator.getIdentity();
  auto valueOf = [&](Expr leaf) {
    auto it = identityOf.find(leaf);
    return it != identityOf.end() ? it->second : 0.7;
  };
  double expected = evaluate(original, valueOf);
  double actual = evaluate(rewritten, valueOf);
  if (actual == expected || std::isnan(expected) ||
      std::fabs(actual - expected) <= 1e-9 * std::fabs(expected))
    return rewritten;
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
  Expr emptyValue = getLeaves(original).size() == 1
                        ? context.constant(expected)
                        : substitute(original, emptyOriginal);
  if (!std::isfinite(evaluate(emptyValue, valueOf)))
    emptyValue = context.constant(expected);
  return context.select(context.logicalAnd(empty), emptyValue, rewritten);
}

void Deriver::finishOutputs() {
  for (auto [index, original] : llvm::enumerate(form.outputs)) {
    FinishedOutput output;
    if (!original) {
      result.outputs.push_back(output);
      continue;
    }
    output.value = substitute(original, replacement);
    output.keepsRank = output.value.ranks().test(form.rank);
    if (output.value != original && !output.keepsRank)
      output.value = guardEmptyOutput(original, output.value);
    bool depends = false;
    for (Expr leaf : getLeaves(output.value)) {
      auto it = placedOf.find(leaf);
      if (it == placedOf.end())
        continue;
      depends = true;
      output.phase = std::max(output.phase, placed[it->second].phase);
    }
    if (output.keepsRank && depends) {
      ++output.phase;
      Refusal refusal;
      refusal.rule = RefusalRule::OutputKeepsRank;
      refusal.isOutput = true;
      refusal.index = index;
      refusal.offending = output.value;
      std::string rank = context.getRankName(form.rank).str();
      refusal.text = "the output `" + output.value.str() + "` keeps `" + rank +
                     "` and needs finished reductions along it; it needs "
                     "traversal " +
                     std::to_string(output.phase + 1) + " of `" + rank + "`";
      result.refusals.push_back(std::move(refusal));
    }
    result.outputs.push_back(output);
  }
}

void Deriver::markLive() {
  SmallVector<Expr> worklist;
  for (const FinishedOutput &output : result.outputs)
    if (output.value)
      worklist.push_back(output.value);
  llvm::DenseMap<Expr, unsigned> ownerOf = placedOf;
  for (auto [i, other] : llvm::enumerate(placed))
    ownerOf[other.accumulator.previous] = i;
  while (!worklist.empty()) {
    for (Expr leaf : getLeaves(worklist.pop_back_val())) {
      auto it = ownerOf.find(leaf);
      if (it == ownerOf.end() || placed[it->second].live)
        continue;
      Placed &other = placed[it->second];
      other.live = true;
      worklist.push_back(other.accumulator.body);
      worklist.push_back(other.accumulator.corrected);
    }
  }
}

void Deriver::collectPhases() {
  unsigned numPhases = 0;
  for (const Placed &other : placed)
    if (other.live)
      numPhases = std::max(numPhases, other.phase + 1);
  // A phase can only become empty with all after it.
  result.phases.resize(numPhases);
  for (const Placed &other : placed) {
    if (other.live)
      result.phases[other.phase].accumulators.push_back(other.accumulator);
    else
      result.rewrites.push_back({RewriteKind::Dropped,
                                 other.accumulator.reduction,
                                 other.accumulator.leaf});
  }
  // Nothing is refused for the sake of a reduction that nobody wants.
  llvm::erase_if(result.refusals, [&](const Refusal &refusal) {
    return !refusal.isOutput && llvm::none_of(placed, [&](const Placed &other) {
      return other.live && other.accumulator.reduction == refusal.index;
    });
  });
}

Derivation Deriver::run() {
  for (unsigned index = 0; index < form.reductions.size(); ++index)
    place(index);
  finishOutputs();
  markLive();
  collectPhases();
  return std::move(result);
}

Derivation attn::derive(const NormalForm &form,
                        const DerivationOptions &options) {
  for (const Reduction &reduction : form.reductions)
    return Deriver(form, options, reduction.result.context()).run();
  for (Expr output : form.outputs)
    if (output)
      return Deriver(form, options, output.context()).run();
  return Derivation();
}

unsigned Derivation::getNumTraversals() const {
  unsigned traversals = phases.size();
  for (const FinishedOutput &output : outputs)
    if (output.keepsRank)
      traversals = std::max(traversals, output.phase + 1);
  return traversals;
}

void attn::print(const Derivation &derivation, llvm::raw_ostream &os) {
  for (auto [i, phase] : llvm::enumerate(derivation.phases)) {
    os << "phase " << i << ":\n";
    for (const Accumulator &a : phase.accumulators) {
      os << "  " << a.leaf << " = ";
      llvm::StringRef name = getReducer(a.reducer).name;
      os << name << "(" << a.body << ")";
      if (a.kind != CorrectionKind::None)
        os << ", old: " << a.corrected;
      os << "\n";
    }
  }
  for (auto [i, output] : llvm::enumerate(derivation.outputs))
    if (output.value)
      os << "output " << i << " = " << output.value << "\n";
  for (const Refusal &refusal : derivation.refusals)
    os << "refused (" << stringify(refusal.rule) << "): " << refusal.text
       << "\n";
}
