//===- DeriveUnproved.cpp - Corrections that numbers suggest --------------===//
//
// Where the algebra finds no correction, one may still be there: an identity
// that it does not know. A candidate is read off at one element,
//
//   C = F(x0, d') / F(x0, d),
//
// and tested in float64 on random data of several magnitudes, with old and new
// accumulators that belong to it. An identity that is false holds at no random
// point, but for rounding; one that holds at all of them is still not proved.
// So it is used only where a user asks for that, and marked.
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/DerivationRules.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>
#include <random>

using namespace attn;
using llvm::SmallVector;

namespace {
/// Values for the leaves of one random problem.
class RandomData {
public:
  RandomData(const RankSet &reduced, double magnitude, uint64_t seed)
      : reduced(reduced), magnitude(magnitude), random(seed) {}

  /// The value at an element; what does not vary with it has one for all.
  double get(Expr leaf, unsigned element) {
    if (leaf.is(ExprKind::Extent))
      return 7;
    bool varies = (leaf.ranks() & reduced).any();
    if (leaf.is(ExprKind::RankVar))
      return varies ? element : 3;
    auto [it, isNew] = values.try_emplace({leaf, varies ? element : 0});
    if (isNew) {
      // Uniform, so that it is the same on every machine.
      double unit = double(random() >> 11) * 0x1p-52 - 1;
      it->second = (varies ? magnitude : 1) * unit;
      if (leaf.is(ExprKind::Leaf))
        it->second = std::min(std::max(it->second, leaf.leaf().lower),
                              leaf.leaf().upper);
    }
    return it->second;
  }
  void set(Expr leaf, double value) { values[{leaf, 0}] = value; }

private:
  RankSet reduced;
  double magnitude;
  std::mt19937_64 random;
  llvm::DenseMap<std::pair<Expr, unsigned>, double> values;
};
} // namespace

/// Whether `after` equals `corrected` wherever the numbers are finite; the
/// points that it held at, or nothing.
std::optional<unsigned> Deriver::countAgreement(const Work &work, Expr after,
                                                Expr corrected) const {
  constexpr double magnitudes[] = {0.03125, 1, 8, 64};
  constexpr unsigned numTrials = 32, numOld = 3, numAll = 5;
  constexpr double tolerance = 1e-9;
  unsigned points = 0;
  uint64_t seed = 0; // each trial's own: signs decide conditions
  for (double magnitude : magnitudes) {
    unsigned finite = 0;
    for (unsigned trial = 0; trial < numTrials; ++trial) {
      RandomData data(work.reduction.reduced, magnitude, seed++);
      // The accumulators after the old elements, then after all.
      for (unsigned numSeen : {numOld, numAll})
        for (const Placed &other : placed) {
          const Accumulator &a = other.accumulator;
          if (!getReducer(a.reducer).scalar)
            continue;
          bool isFinished = other.phase < work.phase;
          double value = a.getIdentity();
          for (unsigned element = 0; element < (isFinished ? numAll : numSeen);
               ++element)
            value = reduce(a.reducer, value, evaluate(a.body, [&](Expr leaf) {
                             return data.get(leaf, element);
                           }));
          data.set(a.leaf, value);
          if (numSeen == numOld)
            data.set(a.previous, value);
        }
      for (unsigned element = 0; element < numOld; ++element) {
        auto valueOf = [&](Expr leaf) { return data.get(leaf, element); };
        double expected = evaluate(after, valueOf);
        double actual = evaluate(corrected, valueOf);
        if (!std::isfinite(expected) || !std::isfinite(actual))
          continue;
        double scale = std::max(std::fabs(expected), std::fabs(actual));
        if (std::fabs(expected - actual) > tolerance * scale)
          return std::nullopt;
        ++finite;
      }
    }
    // Too large for float64 once is no reason; always is.
    if (finite < numTrials)
      return std::nullopt;
    points += finite;
  }
  return points;
}

/// Numbers for elements; for one that a moving maximum is made of, that
/// maximum: an element that is there, and at which F does not vanish.
ExprMap Deriver::getElementSample(const Work &work, Expr after,
                                  unsigned attempt) const {
  ExprMap sample;
  for (Expr leaf : postOrder(after)) {
    bool isElement = (leaf.is(ExprKind::Leaf) || leaf.is(ExprKind::RankVar)) &&
                     (leaf.ranks() & work.reduction.reduced).any();
    if (!isElement)
      continue;
    sample[leaf] =
        context.constant(0.5 + 0.125 * (sample.size() + 1) + 0.0625 * attempt);
    for (Expr moving : work.moving) {
      const Accumulator &a = placed[placedOf.lookup(moving)].accumulator;
      if (attempt > 0 || !std::isinf(a.getIdentity()))
        continue;
      if (a.body == leaf)
        sample[leaf] = a.previous;
      else if (a.body == -leaf)
        sample[leaf] = -a.previous;
    }
  }
  return sample;
}

/// Sets work.candidate to a factor, or else a summand, that corrected `before`
/// to `after` at all random points.
void Deriver::findCandidate(Work &work, Expr after, Expr before) {
  const Reducer &reducer = getReducer(work.reduction.reducer);
  // What float64 does not compute as the cascade does says nothing.
  if (contains(after, [&](Expr expr) {
        return (expr.is(ExprKind::Cast) || expr.is(ExprKind::Call)) &&
               dependsOnMoving(work, expr);
      }))
    return;
  for (bool isProduct : {true, false})
    for (unsigned attempt = 0; attempt < 3; ++attempt) {
      if (isProduct ? !reducer.mulDistributes : !reducer.addDistributes)
        continue;
      ExprMap sample = getElementSample(work, after, attempt);
      Expr there = substitute(after, sample);
      Expr here = substitute(before, sample);
      if (isProduct && here.isConstant(0))
        continue;
      Expr candidate = isProduct ? context.quotient(there, here) : there - here;
      std::optional<unsigned> points = countAgreement(
          work, after, isProduct ? candidate * before : candidate + before);
      if (!points || !guardIdentity(candidate))
        continue;
      work.candidate = candidate;
      work.isProduct = isProduct;
      work.points = *points;
      return;
    }
}
