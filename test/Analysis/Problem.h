//===- Problem.h - Normal forms evaluated on numbers
//-----------------------===//
//
// The oracle: a normal form evaluated as written, one traversal for each
// reduction, against its derivation evaluated element by element, tile by
// tile, and as a tree of merges.
//
//===----------------------------------------------------------------------===//

#ifndef TEST_ANALYSIS_PROBLEM_H
#define TEST_ANALYSIS_PROBLEM_H

#include "lib/Cascade/Derivation.h"

#include <random>
#include <vector>

namespace attn::test {

/// Writes normal forms along one rank `m`, and holds their data.
class Problem {
public:
  explicit Problem(unsigned numElements, unsigned seed = 0)
      : numElements(numElements), random(seed) {
    form.rank = context.getRank("m");
    m.set(form.rank);
  }

  /// A leaf that walks m, with normally distributed values.
  Expr element(llvm::StringRef name, double mean, double deviation) {
    LeafInfo info = {name.str(), nextKey++, m};
    Expr leaf = context.leaf(info);
    std::normal_distribution<double> normal(mean, deviation);
    std::vector<double> &values = elements[leaf];
    for (unsigned i = 0; i < numElements; ++i)
      values.push_back(normal(random));
    return leaf;
  }

  Expr element(llvm::StringRef name, std::vector<double> values) {
    LeafInfo info = {name.str(), nextKey++, m};
    Expr leaf = context.leaf(info);
    elements[leaf] = std::move(values);
    return leaf;
  }

  Expr parameter(llvm::StringRef name, double value) {
    LeafInfo info = {name.str(), nextKey++, RankSet()};
    Expr leaf = context.leaf(info);
    parameters[leaf] = value;
    return leaf;
  }

  Expr reduction(llvm::StringRef name, ExprReducer reducer, Expr body,
                 Expr presence = Expr()) {
    LeafInfo info = {name.str(), nextKey++, RankSet(), /*accumulator=*/true};
    Expr leaf = context.leaf(info);
    form.reductions.push_back({leaf, reducer, body, m, presence});
    return leaf;
  }
  Expr sum(llvm::StringRef name, Expr body) {
    return reduction(name, ExprReducer::Add, body);
  }
  Expr maximum(llvm::StringRef name, Expr body) {
    return reduction(name, ExprReducer::Max, body);
  }
  Expr extent() { return context.extent(form.rank); }
  void output(Expr expr) { form.outputs.push_back(expr); }

  /// Every reduction as one traversal.
  std::vector<double> evaluateNaive() const;
  /// Every phase as one traversal in chunks of `chunk` elements.
  std::vector<double> evaluateStream(const Derivation &derivation,
                                     unsigned chunk) const;
  /// Every phase as a binary tree of merges over chunks.
  std::vector<double> evaluateTree(const Derivation &derivation,
                                   unsigned chunk) const;

  ExprContext context;
  NormalForm form;
  RankSet m;
  unsigned numElements;
  std::mt19937_64 random;

private:
  using State = llvm::DenseMap<Expr, double>;
  uint64_t nextKey = 1;
  llvm::DenseMap<Expr, std::vector<double>> elements;
  llvm::DenseMap<Expr, double> parameters;

  double evaluateAt(Expr expr, const State &state, unsigned element) const;
  double reduceOver(ExprReducer reducer, Expr body, Expr presence,
                    const State &state, unsigned begin, unsigned end) const;
  State update(const Phase &phase, const State &old, const State &finished,
               unsigned begin, unsigned end) const;
  State merge(const Phase &phase, const State &a, const State &b,
              const State &finished) const;
  std::vector<double> finish(const Derivation &derivation,
                             const State &state) const;
};

} // namespace attn::test

#endif // TEST_ANALYSIS_PROBLEM_H
