//===- ExprRange.h - Bounds and growth of expressions ---------------------===//
//
// How large can a value get, whatever the data? It decides whether a running
// maximum guards an exponential (a stabiliser, theory of gauge variables) or
// is ballast: exp of an argument without bound needs one, exp(50*tanh(x)) does
// not. The answer comes from interval arithmetic, from the growth class of the
// functions, and from one fact about reductions: while d is the maximum of x
// over what was seen, x - d <= 0 for everything seen.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_ANALYSIS_EXPRRANGE_H
#define LIB_ANALYSIS_EXPRRANGE_H

#include "lib/Analysis/ExprReducer.h"
#include "lib/Analysis/ScalarExpr.h"

namespace attn {

/// How fast a value grows with the magnitude of the leaves, in rising order.
enum class Growth : uint8_t { Bounded, Polynomial, Exponential, Unknown };

struct Range {
  double lower = -std::numeric_limits<double>::infinity();
  double upper = std::numeric_limits<double>::infinity();
  Growth growth = Growth::Polynomial;
  /// Never 0 (but perhaps infinite).
  bool nonZero = false;
  /// `upper` comes from x - max(x) <= 0, so some element comes within
  /// `slack` of it: not every exponential of this can vanish.
  bool attained = false;

  bool isBounded() const;
  bool isNonNegative() const { return lower >= 0; }
  bool isPositive() const { return lower >= 0 && (nonZero || lower > 0); }
};

/// The reduction that an accumulator leaf stands for, if known.
struct ReductionFact {
  ExprReducer reducer = ExprReducer::Add;
  Expr body;
};

class RangeAnalysis {
public:
  /// Records that `accumulator` holds the reduction of `body` over everything
  /// seen, the element under consideration included.
  void addFact(Expr accumulator, ExprReducer reducer, Expr body) {
    facts[accumulator] = {reducer, body};
    ranges.clear();
  }

  /// Takes factors that vary along none of `ranks` and depend on no
  /// accumulator to be non-negative where they multiply one: exp(s*(x - m))
  /// with s < 0 would overflow as written, so a form may assume s >= 0.
  void assumeScalesNonNegative(const RankSet &ranks) {
    elementRanks = ranks;
    ranges.clear();
  }

  Range get(Expr expr);

  /// An expression that is not less than `expr`, over elements instead of
  /// accumulators where the facts allow it: x for 2*x - max(x).
  Expr getUpperBound(Expr expr) {
    return getBound(expr, /*above=*/true, /*depth=*/8);
  }

  /// True if exp(argument) neither overflows nor vanishes for every element:
  /// the argument stays within +-limit, or below it and attaining it.
  bool isStabilised(Expr argument, double limit);

private:
  llvm::DenseMap<Expr, ReductionFact> facts;
  llvm::DenseMap<Expr, Range> ranges;
  std::optional<RankSet> elementRanks;

  Range compute(Expr expr);
  Range computeSum(Expr expr);
  Range addTerms(Expr sum);
  double getUpper(Expr sum, unsigned depth);
  Expr getBound(Expr expr, bool above, unsigned depth);
  bool isScale(Expr expr);
  const Range &lookup(Expr expr) { return ranges.find(expr)->second; }
};

} // namespace attn

#endif // LIB_ANALYSIS_EXPRRANGE_H
