//===- Derivation.h - The one-pass form of chained reductions -------------===//
//
// Input: reductions along one rank, each body inlined down to tensor accesses
// and earlier reductions (reduction normal form):
//
//   D_i = reduce over r of F_i(x[r]; D_1 .. D_{i-1}),      out = g(D_1 .. D_n)
//
// Read literally, every D_i that another body uses costs one more traversal of
// r. Output: the same values in as few traversals as the rules below find. In
// one traversal (a phase), every accumulator is updated chunk by chunk:
//
//   new = correct(old)  reduce  (reduce over the chunk of body)
//
// where `body` uses the new values of the accumulators before it in the phase,
// and `correct` moves the old state, which was made with their old values, to
// the new ones. With c = the joint value of two states a and b, the same
// `correct` merges partial results in any order:
//
//   merged = correct(a -> c)  reduce  correct(b -> c)
//
// Rules, in order (the reducer table says what distributes over what):
//   defer    F = G(x) * H(d): reduce G, multiply by H after the reduction;
//            likewise + for max. Never where H = exp(..d..) guards an
//            exponential of G that nothing else bounds (a stabiliser).
//   correct  F(x, d') = C(d, d') * F(x, d): multiply the old state by C;
//            likewise + for max.
//   keep     Over the points where x = d, and d the maximum of x so far: the
//   old
//            state while d stays, the identity once it moves (argmax).
//   close    F and its derivatives by d span a finite space: carry them all,
//            and correct by a matrix (moments about a running mean, entropy).
// What no rule covers starts a new phase, and a Refusal says why. A correction
// that holds on random data without a proof is used only if that is allowed.
//
// Sources: FuseMax (MICRO 2024) section III-C; Milakov and Gimelshein, "Online
// normalizer calculation for softmax" (2018); Neptune (arXiv 2510.08726);
// RedFuser (ASPLOS 2026); Flashlight (arXiv 2511.02043).
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CASCADE_DERIVATION_H
#define LIB_CASCADE_DERIVATION_H

#include "lib/Analysis/ExprReducer.h"
#include "lib/Analysis/ScalarExpr.h"
#include "lib/Cascade/MaximumChoice.h"

namespace attn {

/// `result` = reduce `body` over the ranks `reduced`, at the points where
/// `presence` holds.
struct Reduction {
  /// An accumulator leaf; later bodies and the outputs refer to it.
  Expr result;
  ExprReducer reducer = ExprReducer::Add;
  Expr body;
  RankSet reduced;
  /// A condition, or null where every point is present. Two reductions over
  /// the same points have the same presence.
  Expr presence;
};

/// The reductions along `rank` in topological order, and what is made of them.
struct NormalForm {
  unsigned rank = 0;
  llvm::SmallVector<Reduction> reductions;
  /// Null where an output is not wanted.
  llvm::SmallVector<Expr> outputs;
};

struct DerivationOptions {
  /// An argument of exp within +-expLimit needs no stabiliser. 64 keeps sums of
  /// 2^32 in f32 from overflowing, and none flushes to 0.
  double expLimit = 64;
  /// The most accumulators that `close` may carry for one reduction.
  unsigned maxClosure = 6;
  /// Corrects exponentials that no running maximum is proved to bound, too.
  /// Exact in exact arithmetic; but while an accumulator is not final, the
  /// exponential may overflow or vanish where the final one does not.
  bool allowUnstabilised = false;
  /// Takes corrections that held on random data but that no rule proves.
  bool allowUnproved = false;
  MaximumChoice maximum = MaximumChoice::Running;
  /// A scalar that is said to be above every element of a maximum, and to
  /// stay within expLimit of the largest; null if there is none.
  Expr maximumBound;
  /// By how much elements may exceed a stale maximum: ln 256, so that 2^120 of
  /// their exponentials fit into f32.
  double staleness = 5.545177444479562;
};

enum class CorrectionKind { None, Multiply, Add, Keep, Linear };

struct Accumulator {
  /// The value after an update, and before it. Both are leaves; `leaf` is the
  /// reduction's own result if that is what is accumulated.
  Expr leaf;
  Expr previous;
  ExprReducer reducer = ExprReducer::Add;
  /// Over elements and the `leaf` of accumulators before this one.
  Expr body;
  RankSet reduced;
  Expr presence;
  /// Which reduction of the normal form it serves. An auxiliary accumulator
  /// was introduced beside it: a moment, or whether there is a point.
  unsigned reduction = 0;
  bool auxiliary = false;

  CorrectionKind kind = CorrectionKind::None;
  /// The factor of Multiply, the summand of Add, the condition of Keep; null
  /// else. Over the
  /// `previous` and `leaf` of accumulators before this one. Where the old
  /// state is empty, it is such that the identity stays the identity.
  Expr correction;
  /// The old state moved to the new values, for every kind: `previous` for
  /// None, previous * correction for Multiply, previous or the identity for
  /// Keep, a sum over the `previous` of several accumulators for Linear.
  Expr corrected;

  /// False only with allowUnstabilised, where that was made use of.
  bool stabilised = true;
  /// With allowUnproved, the random points at which a correction held that no
  /// rule proves; 0 where one does.
  unsigned unprovedPoints = 0;

  /// If positive, a maximum that is replaced only by one that exceeds it by
  /// more. It lies between the maximum less this and the maximum.
  double staleness = 0;

  double getIdentity() const { return getReducer(reducer).identity; }
};

/// One traversal of the rank.
struct Phase {
  llvm::SmallVector<Accumulator> accumulators;
  /// Each chunk is reduced alone, with its own values of the accumulators, and
  /// then merged:
  ///   new = correct(old -> new)  reduce  correct(chunk -> new)
  bool isMerged = false;
};

struct FinishedOutput {
  /// Over accumulators, and over elements if it keeps the rank.
  Expr value;
  /// It varies along the rank: it is computed during traversal `phase`.
  bool keepsRank = false;
  unsigned phase = 0;
};

enum class RefusalRule {
  /// The expression is no finite sum of (element) * (accumulator) products.
  NotSeparable,
  /// The derivatives by an accumulator span more than maxClosure dimensions,
  /// or move in a way that is no shift.
  NotClosed,
  /// Nothing that could correct distributes over the reducer.
  NoDistributiveOperation,
  /// The points that it reduces change with an accumulator, and not from none
  /// to some.
  PointsMove,
  /// The accumulator it depends on varies along a rank that is reduced.
  VariesAlongReducedRank,
  /// The correction would not leave an empty state empty.
  UndefinedAtIdentity,
  /// An exponential may overflow or vanish while what it subtracts is not
  /// final: nothing proves that it is bounded by then.
  Unstabilised,
  /// Random data suggests a correction, but no rule proves it.
  Unproved,
  /// The output has the rank and needs a finished reduction.
  OutputKeepsRank,
};

/// Why a reduction (or an output) had to wait for the next traversal.
struct Refusal {
  RefusalRule rule;
  bool isOutput = false;
  /// The number of the reduction or output, and the phase that it waits for.
  unsigned index = 0, phase = 0;
  /// The smallest sub-expression that shows it.
  Expr offending;
  std::string text;
};

enum class RewriteKind { Deferred, Corrected, Closed, Shared, Dropped };

/// What was done to a reduction, for reports. `detail` is the factor or
/// summand deferred, or the correction.
struct Rewrite {
  RewriteKind kind;
  unsigned reduction;
  Expr detail;
};

/// What became of a maximum where another choice than Running was asked for.
struct ChosenMaximum {
  unsigned reduction;
  /// The name of the reduction.
  std::string name;
  MaximumChoice choice = MaximumChoice::Running;
  /// Of Static: what stands for it.
  Expr bound;
  /// Of Running: what forbids the choice that was asked for.
  std::string reason;
};

struct Derivation {
  llvm::SmallVector<Phase> phases;
  llvm::SmallVector<ChosenMaximum> maxima;
  llvm::SmallVector<FinishedOutput> outputs;
  llvm::SmallVector<Refusal> refusals;
  llvm::SmallVector<Rewrite> rewrites;

  /// Traversals of the rank, outputs that keep it included.
  unsigned getNumTraversals() const;
};

Derivation derive(const NormalForm &form,
                  const DerivationOptions &options = {});

/// The accumulators and outputs as text, one a line.
void print(const Derivation &derivation, llvm::raw_ostream &os);
llvm::StringRef stringify(RefusalRule rule);
/// Why no correction under `reducer` follows from a change of `names` in what
/// cannot be separated.
std::string describeMixture(Expr offending, llvm::StringRef names,
                            llvm::StringRef reducer);
llvm::StringRef stringify(MaximumChoice choice);

} // namespace attn

#endif // LIB_CASCADE_DERIVATION_H
