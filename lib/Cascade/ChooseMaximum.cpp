//===- ChooseMaximum.cpp - What stands for a running maximum --------------===//

#include "lib/Cascade/ChooseMaximum.h"
#include "lib/Cascade/DerivationRules.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace attn;
using llvm::SmallVector;

llvm::StringRef attn::stringify(MaximumChoice choice) {
  switch (choice) {
  case MaximumChoice::Running:
    return "running";
  case MaximumChoice::TileLocal:
    return "tile-local";
  case MaximumChoice::Static:
    return "static";
  case MaximumChoice::Stale:
    return "stale";
  }
  return "";
}

static bool mentions(Expr expr, Expr leaf) {
  return expr && contains(expr, [&](Expr inner) { return inner == leaf; });
}

//===----------------------------------------------------------------------===//
// Invariance
//===----------------------------------------------------------------------===//

/// What `expr` is where an element was seen: no accumulator is its identity
/// then, if that is infinite.
static Expr assumeSeen(Expr expr) {
  ExprMap map;
  for (Expr inner : postOrder(expr)) {
    if (!inner.is(ExprKind::Equal))
      continue;
    for (auto [leaf, other] : {std::pair(inner.operand(0), inner.operand(1)),
                               {inner.operand(1), inner.operand(0)}})
      if (std::optional<double> value = other.getConstant();
          value && std::isinf(*value) && leaf.isAccumulator())
        map[inner] = expr.context().constant(0);
  }
  return map.empty() ? expr : substitute(expr, map);
}

/// Whether the two are equal by an identity of the algebra.
static bool isSame(Expr a, Expr b) {
  return a == b || a.context().quotient(a, b).isConstant(1) ||
         cancelFactors(a - b).isConstant(0);
}

/// The values of the phase's accumulators if `maximum` were `other`; or, of
/// one that has none, what it is, in `obstacle`.
static ExprMap shiftMaximum(const Phase &phase, Expr maximum, Expr other,
                            Expr &obstacle) {
  ExprMap made, shifted;
  for (const Accumulator &a : phase.accumulators)
    made[a.previous] = a.leaf;
  for (const Accumulator &a : phase.accumulators) {
    bool depends = llvm::any_of(shifted, [&](auto &pair) {
      return mentions(a.body, pair.first) || mentions(a.presence, pair.first);
    });
    if (a.leaf == maximum)
      shifted[a.leaf] = other;
    else if (depends && (a.kind == CorrectionKind::None ||
                         a.kind == CorrectionKind::Keep || a.unprovedPoints))
      obstacle =
          a.presence && a.kind == CorrectionKind::Keep ? a.presence : a.body;
    else if (depends)
      shifted[a.leaf] = substitute(assumeSeen(a.corrected), made);
    if (obstacle)
      return shifted;
    if (Expr value = shifted.lookup(a.leaf))
      made[a.leaf] = value;
  }
  return shifted;
}

Expr attn::findGaugeDependence(const Derivation &derivation, Expr maximum) {
  auto hasIt = [&](const Phase &phase) {
    return llvm::any_of(phase.accumulators, [&](const Accumulator &a) {
      return a.leaf == maximum;
    });
  };
  const Phase *own = llvm::find_if(derivation.phases, hasIt);
  Expr other = maximum.context().freshLeaf("d", maximum.ranks()), obstacle;
  ExprMap shifted = shiftMaximum(*own, maximum, other, obstacle);
  if (obstacle)
    return obstacle;
  auto moves = [&](Expr expr) {
    if (!expr)
      return false;
    Expr seen = assumeSeen(expr);
    return !isSame(substitute(seen, shifted), seen);
  };
  for (const Phase *later = own + 1; later < derivation.phases.end(); ++later)
    for (const Accumulator &a : later->accumulators)
      for (Expr expr : {a.body, a.presence})
        if (moves(expr))
          return expr;
  for (const FinishedOutput &output : derivation.outputs)
    if (moves(output.value))
      return output.value;
  return Expr();
}

//===----------------------------------------------------------------------===//
// Range
//===----------------------------------------------------------------------===//

/// An exponential of `maximum` under `roots` that may overflow or vanish with
/// `other` in its place; null if there is none.
static Expr findUnstable(llvm::ArrayRef<Expr> roots, Expr maximum, Expr other,
                         RangeAnalysis ranges, double limit) {
  ExprMap map;
  map[maximum] = other;
  for (Expr root : roots)
    for (Expr expr : postOrder(expandExponents(root))) {
      if (!expr.is(ExprKind::Exp) || !mentions(expr, maximum))
        continue;
      Expr argument = expand(substitute(expr.operand(0), map));
      if (!ranges.isStabilised(argument, limit))
        return expr;
    }
  return Expr();
}

//===----------------------------------------------------------------------===//
// The choice
//===----------------------------------------------------------------------===//

namespace {
class MaximumChooser {
public:
  MaximumChooser(const NormalForm &form, Derivation derivation,
                 const DerivationOptions &options)
      : form(form), derivation(std::move(derivation)), options(options) {}

  Derivation run();

private:
  struct Candidate {
    unsigned phase;
    Accumulator accumulator;
  };

  SmallVector<Candidate> getCandidates() const;
  /// The reductions whose result is the accumulator, as it is.
  SmallVector<unsigned> getReductions(const Accumulator &a) const;
  std::string makeStale(const Candidate &candidate);
  std::string makeStatic(const Candidate &candidate, ChosenMaximum &chosen);
  bool isSameWhenEmpty(const ExprMap &bounds) const;
  std::string describeDependence(const Accumulator &a, Expr dependence) const;

  NormalForm form;
  Derivation derivation;
  DerivationOptions options;
};
} // namespace

/// The maxima that others in their traversal depend on.
SmallVector<MaximumChooser::Candidate> MaximumChooser::getCandidates() const {
  SmallVector<Candidate> candidates;
  for (auto [number, phase] : llvm::enumerate(derivation.phases))
    for (const Accumulator &a : phase.accumulators)
      if (a.reducer == ExprReducer::Max &&
          llvm::any_of(phase.accumulators, [&](const Accumulator &other) {
            return mentions(other.body, a.leaf) ||
                   mentions(other.presence, a.leaf);
          }))
        candidates.push_back({unsigned(number), a});
  return candidates;
}

std::string MaximumChooser::describeDependence(const Accumulator &a,
                                               Expr dependence) const {
  return "`" + dependence.str() + "` is another for another value of `" +
         a.leaf.leaf().name + "`";
}

/// Keeps an old maximum while no element exceeds it by much; or says why not.
std::string MaximumChooser::makeStale(const Candidate &candidate) {
  const Accumulator &a = candidate.accumulator;
  if (a.kind != CorrectionKind::None)
    return "`" + a.leaf.leaf().name + "` is itself corrected";
  if (Expr dependence = findGaugeDependence(derivation, a.leaf))
    return describeDependence(a, dependence);
  Phase &phase = derivation.phases[candidate.phase];
  RangeAnalysis ranges;
  SmallVector<Expr> bodies;
  for (const Accumulator &other : phase.accumulators) {
    ranges.addFact(other.leaf, other.reducer, other.body);
    bodies.push_back(other.body);
  }
  // The maximum may be this much larger than what is subtracted.
  if (Expr unstable = findUnstable(bodies, a.leaf, a.leaf - options.staleness,
                                   ranges, options.expLimit))
    return "nothing proves a bound of `" + unstable.str() + "` for an older `" +
           a.leaf.leaf().name + "`";
  for (Accumulator &other : phase.accumulators)
    if (other.leaf == a.leaf)
      other.staleness = options.staleness;
  return "";
}

SmallVector<unsigned>
MaximumChooser::getReductions(const Accumulator &a) const {
  SmallVector<unsigned> reductions = {a.reduction};
  for (const Rewrite &rewrite : derivation.rewrites)
    if (rewrite.kind == RewriteKind::Shared && rewrite.detail == a.leaf)
      reductions.push_back(rewrite.reduction);
  return reductions;
}

/// Whether what is computed of no elements stays what it was with `bounds` for
/// the results of maxima.
bool MaximumChooser::isSameWhenEmpty(const ExprMap &bounds) const {
  llvm::DenseMap<Expr, double> identityOf;
  for (const Reduction &reduction : form.reductions)
    identityOf[reduction.result] = getReducer(reduction.reducer).identity;
  auto valueOf = [&](Expr leaf) {
    auto it = identityOf.find(leaf);
    return it != identityOf.end() ? it->second : 0.7;
  };
  return llvm::all_of(form.outputs, [&](Expr output) {
    if (!output)
      return true;
    double before = evaluate(output, valueOf);
    double after = evaluate(substitute(output, bounds), valueOf);
    return before == after || (std::isnan(before) && std::isnan(after));
  });
}

/// Writes a number, or the user's scalar, for a maximum in `form`; or says why
/// not.
std::string MaximumChooser::makeStatic(const Candidate &candidate,
                                       ChosenMaximum &chosen) {
  const Accumulator &a = candidate.accumulator;
  if (Expr dependence = findGaugeDependence(derivation, a.leaf))
    return describeDependence(a, dependence);
  SmallVector<unsigned> reductions = getReductions(a);
  const Reduction &first = form.reductions[reductions.front()];
  for (unsigned other : llvm::ArrayRef(reductions).drop_front()) {
    const Reduction &reduction = form.reductions[other];
    if (reduction.body != first.body || reduction.reducer != first.reducer)
      return "`" + reduction.result.leaf().name + "` is computed from `" +
             a.leaf.leaf().name + "`";
  }
  bool isMax = first.reducer == ExprReducer::Max;
  ExprContext &context = first.result.context();
  SmallVector<Expr> users;
  for (const Reduction &reduction : form.reductions)
    users.push_back(reduction.body);
  for (Expr output : form.outputs)
    if (output)
      users.push_back(output);
  Expr bound, unstable;
  Range range = RangeAnalysis().get(first.body);
  if (range.isBounded()) {
    double end = isMax ? range.upper : range.lower;
    for (double value : {end, (range.lower + range.upper) / 2}) {
      unstable = findUnstable(users, first.result, context.constant(value),
                              RangeAnalysis(), options.expLimit);
      if (unstable)
        continue;
      bound = context.constant(value);
      break;
    }
  }
  if (!bound)
    bound = options.maximumBound;
  if (!bound && unstable)
    return "no number keeps `" + unstable.str() +
           "` in range, whatever the data";
  if (!bound)
    return "nothing bounds `" + first.body.str() +
           "`; maximum-bound can name a scalar that does";
  ExprMap bounds;
  for (unsigned reduction : reductions)
    bounds[form.reductions[reduction].result] = bound;
  if (!isSameWhenEmpty(bounds))
    return "over no elements, the result would be another";
  for (Reduction &reduction : form.reductions) {
    reduction.body = substitute(reduction.body, bounds);
    if (reduction.presence)
      reduction.presence = substitute(reduction.presence, bounds);
  }
  for (Expr &output : form.outputs)
    if (output)
      output = substitute(output, bounds);
  chosen.bound = bound;
  return "";
}

Derivation MaximumChooser::run() {
  SmallVector<ChosenMaximum> maxima;
  SmallVector<unsigned> done;
  for (bool changed = true; changed;) {
    changed = false;
    for (const Candidate &candidate : getCandidates()) {
      const Accumulator &a = candidate.accumulator;
      if (llvm::is_contained(done, a.reduction))
        continue;
      done.push_back(a.reduction);
      ChosenMaximum chosen;
      chosen.reduction = a.reduction;
      chosen.name = form.reductions[a.reduction].result.leaf().name;
      if (options.maximum == MaximumChoice::TileLocal)
        derivation.phases[candidate.phase].isMerged = true;
      else if (options.maximum == MaximumChoice::Stale)
        chosen.reason = makeStale(candidate);
      else
        chosen.reason = makeStatic(candidate, chosen);
      if (chosen.reason.empty())
        chosen.choice = options.maximum;
      maxima.push_back(chosen);
      if (!chosen.bound)
        continue;
      // The form is another now.
      DerivationOptions running = options;
      running.maximum = MaximumChoice::Running;
      derivation = derive(form, running);
      changed = true;
      break;
    }
  }
  derivation.maxima = std::move(maxima);
  return std::move(derivation);
}

Derivation attn::chooseMaxima(const NormalForm &form, Derivation derivation,
                              const DerivationOptions &options) {
  return MaximumChooser(form, std::move(derivation), options).run();
}
