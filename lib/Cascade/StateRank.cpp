//===- StateRank.cpp - How much of a prefix its results depend on ---------===//

#include "lib/Cascade/StateRank.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>
#include <random>
#include <vector>

using namespace attn;
using llvm::SmallVector;

namespace {
/// A form on numbers: one traversal for each reduction.
class Sample {
public:
  Sample(const NormalForm &form, unsigned numPrefix, unsigned seed);

  unsigned getNumColumns() const { return elements.size() * numPrefix; }
  /// New elements after the prefix.
  void drawSuffix();
  /// The derivatives of each output by the elements of the prefix.
  std::vector<std::vector<double>> differentiate();

private:
  static constexpr unsigned numSuffix = 4;

  std::vector<double> evaluateOutputs();
  double evaluateAt(Expr expr, unsigned element);

  const NormalForm &form;
  unsigned numPrefix;
  std::mt19937_64 random;
  std::normal_distribution<double> normal{0.4, 1};
  SmallVector<Expr> elements;
  llvm::DenseMap<Expr, std::vector<double>> data;
  llvm::DenseMap<Expr, double> values;
};
} // namespace

Sample::Sample(const NormalForm &form, unsigned numPrefix, unsigned seed)
    : form(form), numPrefix(numPrefix), random(seed) {
  SmallVector<Expr> roots;
  for (const Reduction &reduction : form.reductions) {
    roots.push_back(reduction.body);
    if (reduction.presence)
      roots.push_back(reduction.presence);
  }
  for (Expr output : form.outputs)
    if (output)
      roots.push_back(output);
  for (Expr expr : postOrder(roots)) {
    if (!expr.is(ExprKind::Leaf) || expr.isAccumulator())
      continue;
    const LeafInfo &info = expr.leaf();
    auto draw = [&] {
      return std::min(std::max(normal(random), info.lower), info.upper);
    };
    if (!expr.ranks().test(form.rank)) {
      values[expr] = draw();
      continue;
    }
    elements.push_back(expr);
    for (unsigned i = 0; i < numPrefix + numSuffix; ++i)
      data[expr].push_back(draw());
  }
}

void Sample::drawSuffix() {
  for (Expr leaf : elements)
    for (unsigned i = 0; i < numSuffix; ++i)
      data[leaf][numPrefix + i] = std::min(
          std::max(normal(random), leaf.leaf().lower), leaf.leaf().upper);
}

double Sample::evaluateAt(Expr expr, unsigned element) {
  return evaluate(expr, [&](Expr leaf) -> double {
    if (auto it = data.find(leaf); it != data.end())
      return it->second[element];
    if (leaf.is(ExprKind::RankVar))
      return leaf.rank() == form.rank ? element : 1;
    if (leaf.is(ExprKind::Extent))
      return leaf.rank() == form.rank ? numPrefix + numSuffix : 8;
    return values.lookup(leaf);
  });
}

std::vector<double> Sample::evaluateOutputs() {
  for (const Reduction &reduction : form.reductions) {
    double value = getReducer(reduction.reducer).identity;
    for (unsigned i = 0; i < numPrefix + numSuffix; ++i)
      if (!reduction.presence || evaluateAt(reduction.presence, i) != 0)
        value = reduce(reduction.reducer, value, evaluateAt(reduction.body, i));
    values[reduction.result] = value;
  }
  std::vector<double> outputs;
  for (Expr output : form.outputs)
    if (output)
      outputs.push_back(evaluateAt(output, 0));
  return outputs;
}

std::vector<std::vector<double>> Sample::differentiate() {
  // Four values, so that the error is of the fourth order in the step.
  constexpr double step = 1e-3;
  std::vector<std::vector<double>> rows(evaluateOutputs().size());
  for (Expr leaf : elements)
    for (unsigned i = 0; i < numPrefix; ++i) {
      double &element = data[leaf][i], old = element;
      auto at = [&](double offset) {
        element = old + offset;
        return evaluateOutputs();
      };
      auto far = at(2 * step), near = at(step), back = at(-step),
           behind = at(-2 * step);
      element = old;
      for (unsigned j = 0; j < rows.size(); ++j)
        rows[j].push_back((8 * (near[j] - back[j]) - (far[j] - behind[j])) /
                          (12 * step));
    }
  return rows;
}

/// Eliminates with the largest pivots, until all that is left is small.
static unsigned getRank(std::vector<std::vector<double>> rows) {
  constexpr double tolerance = 1e-7;
  for (auto &row : rows) {
    double norm = 0;
    for (double x : row)
      norm = std::max(norm, std::fabs(x));
    for (double &x : row)
      x = norm > 0 ? x / norm : 0;
  }
  unsigned rank = 0;
  for (; rank < rows.size() && !rows[rank].empty(); ++rank) {
    unsigned bestRow = rank, bestColumn = 0;
    double best = 0;
    for (unsigned i = rank; i < rows.size(); ++i)
      for (unsigned j = 0; j < rows[i].size(); ++j)
        if (std::fabs(rows[i][j]) > best) {
          best = std::fabs(rows[i][j]);
          bestRow = i;
          bestColumn = j;
        }
    if (best <= tolerance)
      break;
    std::swap(rows[rank], rows[bestRow]);
    for (unsigned i = rank + 1; i < rows.size(); ++i) {
      double factor = rows[i][bestColumn] / rows[rank][bestColumn];
      for (unsigned j = 0; j < rows[i].size(); ++j)
        rows[i][j] -= factor * rows[rank][j];
      rows[i][bestColumn] = 0;
    }
  }
  return rank;
}

std::optional<unsigned> attn::measureStateRank(const NormalForm &form,
                                               unsigned numElements,
                                               unsigned seed) {
  for (const Reduction &reduction : form.reductions)
    if (!getReducer(reduction.reducer).scalar ||
        reduction.reduced.count() != 1 || !reduction.reduced.test(form.rank))
      return std::nullopt;
  for (Expr output : form.outputs)
    if (output && output.ranks().test(form.rank))
      return std::nullopt;
  Sample sample(form, numElements, seed);
  std::vector<std::vector<double>> rows;
  constexpr unsigned numSuffixes = 16;
  for (unsigned i = 0; i < numSuffixes; ++i) {
    sample.drawSuffix();
    for (std::vector<double> &row : sample.differentiate()) {
      // A row that is not finite says nothing.
      if (llvm::all_of(row, [](double x) { return std::isfinite(x); }))
        rows.push_back(std::move(row));
    }
  }
  if (rows.empty())
    return std::nullopt;
  return getRank(std::move(rows));
}
