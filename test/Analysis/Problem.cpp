//===- Problem.cpp - Normal forms evaluated on numbers
//---------------------===//

#include "test/Analysis/Problem.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>

using namespace attn;
using namespace attn::test;

double Problem::evaluateAt(Expr expr, const State &state,
                           unsigned element) const {
  return evaluate(expr, [&](Expr leaf) -> double {
    if (auto it = state.find(leaf); it != state.end())
      return it->second;
    if (auto it = elements.find(leaf); it != elements.end())
      return it->second[element];
    if (auto it = parameters.find(leaf); it != parameters.end())
      return it->second;
    if (leaf.is(ExprKind::RankVar))
      return element;
    if (leaf.is(ExprKind::Extent))
      return numElements;
    return std::nan("");
  });
}

double Problem::reduceOver(ExprReducer reducer, Expr body, Expr presence,
                           const State &state, unsigned begin,
                           unsigned end) const {
  double value = getReducer(reducer).identity;
  for (unsigned i = begin; i < end; ++i)
    if (!presence || evaluateAt(presence, state, i) != 0)
      value = reduce(reducer, value, evaluateAt(body, state, i));
  return value;
}

std::vector<double> Problem::evaluateNaive() const {
  State state;
  for (const Reduction &r : form.reductions)
    state[r.result] =
        reduceOver(r.reducer, r.body, r.presence, state, 0, numElements);
  std::vector<double> results;
  for (Expr output : form.outputs)
    results.push_back(evaluateAt(output, state, 0));
  return results;
}

static llvm::DenseMap<Expr, double> getEmpty(const Phase &phase) {
  llvm::DenseMap<Expr, double> state;
  for (const Accumulator &a : phase.accumulators)
    state[a.leaf] = a.getIdentity();
  return state;
}

Problem::State Problem::update(const Phase &phase, const State &old,
                               const State &finished, unsigned begin,
                               unsigned end) const {
  if (phase.isMerged) {
    Phase alone = phase;
    alone.isMerged = false;
    State chunk = update(alone, getEmpty(phase), finished, begin, end);
    return merge(phase, old, chunk, finished);
  }
  State values = finished, result;
  for (const Accumulator &a : phase.accumulators)
    values[a.previous] = old.lookup(a.leaf);
  for (const Accumulator &a : phase.accumulators) {
    double chunk =
        reduceOver(a.reducer, a.body, a.presence, values, begin, end);
    double corrected = evaluateAt(a.corrected, values, 0);
    bool stays = a.staleness > 0 && chunk <= corrected + a.staleness;
    values[a.leaf] = result[a.leaf] =
        stays ? corrected : reduce(a.reducer, corrected, chunk);
  }
  return result;
}

Problem::State Problem::merge(const Phase &phase, const State &a,
                              const State &b, const State &finished) const {
  State valuesA = finished, valuesB = finished, result;
  for (const Accumulator &acc : phase.accumulators) {
    valuesA[acc.previous] = a.lookup(acc.leaf);
    valuesB[acc.previous] = b.lookup(acc.leaf);
  }
  for (const Accumulator &acc : phase.accumulators) {
    double value = reduce(acc.reducer, evaluateAt(acc.corrected, valuesA, 0),
                          evaluateAt(acc.corrected, valuesB, 0));
    valuesA[acc.leaf] = valuesB[acc.leaf] = result[acc.leaf] = value;
  }
  return result;
}

std::vector<double> Problem::finish(const Derivation &derivation,
                                    const State &state) const {
  std::vector<double> results;
  for (const FinishedOutput &output : derivation.outputs)
    results.push_back(evaluateAt(output.value, state, 0));
  return results;
}

std::vector<double> Problem::evaluateStream(const Derivation &derivation,
                                            unsigned chunk) const {
  State finished;
  for (const Phase &phase : derivation.phases) {
    State state = getEmpty(phase);
    for (unsigned i = 0; i < numElements; i += chunk)
      state =
          update(phase, state, finished, i, std::min(i + chunk, numElements));
    finished.insert(state.begin(), state.end());
  }
  return finish(derivation, finished);
}

std::vector<double> Problem::evaluateTree(const Derivation &derivation,
                                          unsigned chunk) const {
  State finished;
  for (const Phase &phase : derivation.phases) {
    // An empty state on the left and in between must not matter.
    std::vector<State> states = {getEmpty(phase)};
    for (unsigned i = 0; i < numElements; i += chunk)
      states.push_back(update(phase, getEmpty(phase), finished, i,
                              std::min(i + chunk, numElements)));
    while (states.size() > 1) {
      std::vector<State> next;
      for (unsigned i = 0; i + 1 < states.size(); i += 2)
        next.push_back(merge(phase, states[i], states[i + 1], finished));
      if (states.size() % 2)
        next.push_back(merge(phase, states.back(), getEmpty(phase), finished));
      states = std::move(next);
    }
    finished.insert(states.front().begin(), states.front().end());
  }
  return finish(derivation, finished);
}
