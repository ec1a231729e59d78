//===- Rows.h - Which coordinates of the outputs are evaluated ------------===//

#ifndef TOOLS_ATTN_RUN_ROWS_H
#define TOOLS_ATTN_RUN_ROWS_H

#include "dialect/Attn/Reference/Evaluate.h"
#include <functional>
#include <string>

namespace attn::tool {

/// At most `count` of [0, extent): the first, the last, those around multiples
/// of tile sizes, where mistakes are, and random ones.
reference::Coordinates pickRows(int64_t extent, int64_t count, uint64_t seed);

/// At most `count` of [0, extent), in the middle of equal parts.
reference::Coordinates pickEvenly(int64_t extent, int64_t count);

using Picker =
    std::function<reference::Coordinates(int64_t extent, int64_t count)>;

/// The coordinates of every rank at which outputs are evaluated.
class Selection {
public:
  /// Everything, thinned out until at most `budget` points have to be walked,
  /// if that is possible. `rows`: how many coordinates of the longest rank to
  /// take, 0 for any number.
  Selection(const reference::Problem &problem, std::vector<unsigned> yields,
            double budget, int64_t rows, const Picker &pick);

  reference::OutputRequest getRequest(unsigned yield) const;
  double getPoints() const;
  bool isWhole() const;
  /// "64 of 1000 p, 2 of 8 h"; empty if whole.
  std::string describe() const;

  /// The outputs in groups that can be evaluated together, each in parts of
  /// about `points` points.
  std::vector<std::vector<reference::OutputRequest>>
  getBatches(double points) const;

private:
  double estimate(const std::vector<reference::Coordinates> &sets) const;
  bool thinOut(const Picker &pick, std::vector<bool> &isFinal);
  reference::OutputRequest
  makeRequest(unsigned yield,
              const std::vector<reference::Coordinates> &sets) const;
  const std::vector<reference::RankId> &getRanks(unsigned yield) const;

  const reference::Problem &problem;
  std::vector<unsigned> yields;
  std::vector<reference::Coordinates> sets; // by rank
};

} // namespace attn::tool

#endif // TOOLS_ATTN_RUN_ROWS_H
