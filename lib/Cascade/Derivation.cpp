//===- Derivation.cpp - The one-pass form of chained reductions -----------===//
//
// Reductions are taken in order. Each is rewritten over the accumulators that
// the earlier ones became, so that what was deferred from D_1 is seen, and
// often cancels, in the body of D_2. An accumulator belongs to the phase of
// its last dependency if a correction is found and to the next one if not.
// The rules themselves are in DeriveDefer.cpp, DeriveCorrect.cpp,
// DeriveKeep.cpp and DeriveClose.cpp; what guards reductions that have no
// points is in DeriveEmpty.cpp.
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/ChooseMaximum.h"
#include "lib/Cascade/DerivationRules.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace attn;
using llvm::SmallVector;

//===----------------------------------------------------------------------===//
// Algebra that only proofs need
//===----------------------------------------------------------------------===//

Expr attn::expandExponents(Expr root) {
  ExprMap map;
  Expander expander;
  for (Expr expr : postOrder(root))
    if (expr.is(ExprKind::Exp))
      if (Expr expanded = exp(expander(expr.operand(0))); expanded != expr)
        map[expr] = expanded;
  return map.empty() ? root : substitute(root, map);
}

Expr attn::cancelFactors(Expr expr) {
  ExprContext &context = expr.context();
  SmallVector<Expr> terms;
  for (Expr term : getTerms(expand(expr)))
    terms.push_back(context.quotient(term, context.constant(1)));
  return context.add(terms);
}

bool attn::implies(Expr presence, Expr other) {
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

//===----------------------------------------------------------------------===//
// Placing
//===----------------------------------------------------------------------===//

/// An accumulator that already reduces `body` over the same points.
Expr Deriver::findPlaced(const Work &work, Expr body, unsigned phase) {
  const Reduction &r = work.reduction;
  if (!getReducer(r.reducer).scalar)
    return Expr(); // the length of a list is not compared
  for (const Placed &other : placed) {
    const Accumulator &a = other.accumulator;
    if (a.body == body && a.reducer == r.reducer && a.reduced == r.reduced &&
        a.presence == r.presence && other.phase == phase)
      return a.leaf;
  }
  return Expr();
}

/// An accumulator of `body`; one that is added beside has an auxiliary name.
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
    // A list has the rank of its places, too.
    ranks =
        getReducer(r.reducer).scalar ? ranks & ~r.reduced : r.result.ranks();
    std::string name =
        work.name + "_" + (auxiliary.empty() ? "acc" : auxiliary).str();
    a.leaf = context.freshLeaf(name, ranks, /*accumulator=*/true);
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

/// The phase of the latest dependency, and the dependencies in it.
void Deriver::findPhase(Work &work) {
  work.phase = 0;
  work.moving.clear();
  SmallVector<Expr> leaves = getLeaves(work.body);
  if (work.reduction.presence)
    llvm::append_range(leaves, getLeaves(work.reduction.presence));
  for (Expr leaf : leaves) {
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
  work.body = rewriteBody(work);
  if (reduction.presence)
    reduction.presence = findExtrema(
        work, assumeSome(work, substitute(reduction.presence, replacement)));
  work.body = dropGuards(work, work.body);

  const Reducer &reducer = getReducer(reduction.reducer);
  SmallVector<Deferred> deferred;
  bool changed = work.body.hasAccumulator();
  while (changed) {
    changed = false;
    if (reducer.mulDistributes || reducer.positiveMulDistributes)
      changed |= deferFactors(work, deferred,
                              /*onlyPositive=*/!reducer.mulDistributes);
    if (reducer.addDistributes)
      changed |= deferTerms(work, deferred);
    if (reducer.increasingDistributes)
      changed |= deferFunction(work, deferred);
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
    value = applyDeferred(part, value);
  if (reducer.scalar && llvm::any_of(deferred, [](const Deferred &part) {
        return part.kind == Deferred::Function;
      }))
    value = guardNone(work, value);
  replacement[original] = negated ? -value : value;
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

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
      output.value = guardEmpty(original, output.value);
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
      refusal.phase = output.phase;
      refusal.offending = output.value;
      std::string rank = context.getRankName(form.rank).str();
      refusal.text = "the output `" + output.value.str() + "` keeps `" + rank +
                     "` and needs finished reductions along it, so no rule can "
                     "help (" +
                     stringify(refusal.rule).str() +
                     "); it waits for traversal " +
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
  // No output shows who needs the coordinates of a list.
  for (const Placed &other : placed)
    if (!getReducer(other.accumulator.reducer).scalar)
      worklist.push_back(other.accumulator.leaf);
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
      if (other.accumulator.presence)
        worklist.push_back(other.accumulator.presence);
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

static Derivation deriveRunning(const NormalForm &form,
                                const DerivationOptions &options) {
  for (const Reduction &reduction : form.reductions)
    return Deriver(form, options, reduction.result.context()).run();
  for (Expr output : form.outputs)
    if (output)
      return Deriver(form, options, output.context()).run();
  return Derivation();
}

Derivation attn::derive(const NormalForm &form,
                        const DerivationOptions &options) {
  Derivation derivation = deriveRunning(form, options);
  if (options.maximum == MaximumChoice::Running)
    return derivation;
  return chooseMaxima(form, std::move(derivation), options);
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
    os << "phase " << i << (phase.isMerged ? ", chunks merged" : "") << ":\n";
    for (const Accumulator &a : phase.accumulators) {
      os << "  " << a.leaf << " = ";
      llvm::StringRef name = getReducer(a.reducer).name;
      os << name << "(" << a.body << ")";
      if (a.kind != CorrectionKind::None)
        os << ", old: " << a.corrected;
      if (a.staleness > 0)
        os << ", stale by " << a.staleness;
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
