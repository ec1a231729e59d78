//===- DerivationRules.h - The rules that derive one-pass forms -----------===//
//
// What the parts of the derivation share: the order in which reductions are
// placed (Derivation.cpp), the rules that save a traversal, defer
// (DeriveDefer.cpp), correct (DeriveCorrect.cpp), keep (DeriveKeep.cpp) and
// close (DeriveClose.cpp), and what guards empty reductions (DeriveEmpty.cpp).
// Derivation.h states the rules.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CASCADE_DERIVATIONRULES_H
#define LIB_CASCADE_DERIVATIONRULES_H

#include "lib/Analysis/ExprRange.h"
#include "lib/Cascade/Derivation.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

#include <optional>
#include <string>
#include <vector>

namespace attn {

/// Multiplies out the arguments of exponentials only, so that
/// exp(s*(x - m)) shows its term in m.
Expr expandExponents(Expr root);

/// Cancels equal factors in each term, wherever they vanish.
Expr cancelFactors(Expr expr);

/// Whether `expr` is a strictly increasing function of its only operand.
bool isIncreasing(Expr expr);

/// True if `presence` holds only where `other` does.
bool implies(Expr presence, Expr other);

/// Derives one normal form: `run` is called once.
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

  /// What is deferred is `value` op the accumulator, or for a function, which
  /// `value` is then a call of, the function of it; outermost first.
  struct Deferred {
    enum Kind { Product, Sum, Function } kind;
    Expr value;
  };

  /// `value`, or the identity where `presence` leaves nothing of a reduction.
  struct Guard {
    Expr guarded, value, presence;
  };
  std::vector<Guard> guards;

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
    /// A factor or a summand that corrected it at random points.
    Expr candidate;
    bool isProduct = false;
    unsigned points = 0;
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

  // Placing, in Derivation.cpp.
  void place(unsigned index);
  void findPhase(Work &work);
  RangeAnalysis getRanges(const Work &work) const;
  Expr findPlaced(const Work &work, Expr body, unsigned phase);
  Accumulator &create(const Work &work, Expr body, unsigned phase,
                      llvm::StringRef auxiliary = "");

  // In DeriveEmpty.cpp.
  Expr guardNone(const Work &work, Expr value);
  Expr assumeSome(const Work &work, Expr expr) const;
  double evaluateEmpty(Expr expr, const Work *work = nullptr) const;
  llvm::SmallVector<const Reduction *> getReductions(Expr expr) const;
  llvm::SmallSetVector<Expr, 4> getChoices(Expr expr) const;
  bool failsWhere(Expr original, Expr rewritten,
                  llvm::function_ref<bool(Expr, Expr)> fails) const;
  Expr guardEmpty(Expr original, Expr rewritten) const;
  Expr guardEach(Expr original,
                 llvm::ArrayRef<const Reduction *> reductions) const;
  Expr rewriteBody(const Work &work) const;
  Expr dropGuards(const Work &work, Expr body) const;

  // Outputs, in Derivation.cpp.
  void finishOutputs();
  void markLive();
  void collectPhases();

  // In DeriveDefer.cpp.
  bool deferFactors(Work &work, llvm::SmallVectorImpl<Deferred> &deferred,
                    bool onlyPositive);
  bool deferTerms(Work &work, llvm::SmallVectorImpl<Deferred> &deferred);
  bool deferFunction(Work &work, llvm::SmallVectorImpl<Deferred> &deferred);
  Expr applyDeferred(const Deferred &deferred, Expr value);
  Expr splitStabiliser(const Work &work, Expr exponential, Expr &deferred);

  // In DeriveCorrect.cpp.
  std::optional<RefusalRule> correct(Work &work, Expr &value);
  ExprMap getPreviousMap(const Work &work) const;
  Expr getMultiplier(const Work &work, Expr after, Expr before);
  Expr getSummand(const Work &work, Expr after, Expr before);
  Expr guardIdentity(Expr coefficient);
  bool isFiniteAtIdentity(Expr coefficient, llvm::ArrayRef<Expr> seen = {});
  Expr findUnstabilised(const Work &work) const;

  // In DeriveUnproved.cpp.
  void findCandidate(Work &work, Expr after, Expr before);
  ExprMap getElementSample(const Work &work, Expr after,
                           unsigned attempt) const;
  std::optional<unsigned> countAgreement(const Work &work, Expr after,
                                         Expr corrected) const;

  // In DeriveRefuse.cpp.
  bool isSeparable(const Work &work, Expr expr) const;
  Expr findOffender(const Work &work) const;
  Expr findMovingCondition(const Work &work) const;
  Expr restoreNames(Expr expr) const;
  void refuse(const Work &work, RefusalRule rule);

  // In DeriveKeep.cpp.
  std::optional<RefusalRule> keep(Work &work, Expr &value);
  bool isReachedLast(Expr presence, Expr leaf, Expr x);
  Expr compareWithExtremum(const Work &work, Expr equal);
  Expr findExtrema(const Work &work, Expr presence);

  // In DeriveClose.cpp.
  bool close(Work &work, Expr &value, bool stabilised);
  Expr abstractInvariants(const Work &work,
                          llvm::MapVector<Expr, Expr> &symbolOf);
  bool sumsToZero(const Work &work, Expr function,
                  const llvm::MapVector<Expr, Expr> &symbolOf,
                  const ExprMap &valueOf);
};

} // namespace attn

#endif // LIB_CASCADE_DERIVATIONRULES_H
