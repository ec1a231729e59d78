//===- Demand.h - Which coordinates are needed ----------------------------===//
//
// Evaluation is on demand: from the wanted coordinates of some outputs, walking
// the statements backwards, this finds for every tensor the coordinates of each
// of its ranks that are needed. The product of them is evaluated, which may be
// more than is needed. A gathered rank is needed in full.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECT_ATTN_REFERENCE_DEMAND_H
#define DIALECT_ATTN_REFERENCE_DEMAND_H

#include "dialect/Attn/Reference/Coordinates.h"
#include "dialect/Attn/Reference/Model.h"
#include <optional>
#include <vector>

namespace attn::reference {

class Demand {
public:
  Demand(const Cascade &cascade, const Extents &extents,
         const std::vector<double> &scalars);

  /// Asks for the points of `box` of `value`, besides what was asked before.
  void request(ValueId value, const CoordinateBox &box);
  /// Finds what `request` needs; once, after all requests.
  void propagate();

  /// The needed part of a value; nothing where no point is.
  const std::optional<CoordinateBox> &get(ValueId value) const {
    return boxes[value];
  }
  bool isNeeded(ValueId value) const { return boxes[value].has_value(); }
  /// The coordinates that an Iterate has to walk.
  const Coordinates &getSteps(const Iterate &iterate) const;

  /// The number of points of all needed Einsums, before any filter.
  double countPoints() const;

  /// The coordinates of each rank variable of `einsum`, by rank, that a result
  /// at `box` is computed from.
  std::vector<Coordinates> getVariables(const Einsum &einsum,
                                        const CoordinateBox &box) const;

private:
  void visit(const std::vector<Statement> &body);
  void visit(const Einsum &einsum);
  void visit(const TopK &topK);
  void visit(const Join &join);
  void visit(const Iterate &iterate);
  void visit(const Stream &stream);
  void visit(const Nest &nest);

  bool growStates(const std::vector<State> &states, bool isStream,
                  std::vector<std::optional<CoordinateBox>> &needed,
                  unsigned round) const;
  Coordinates getIndexCoordinates(const Einsum &einsum, ExprId index,
                                  const std::vector<Coordinates> &variables,
                                  int64_t extent) const;
  CoordinateBox getFullBox(ValueId value) const;
  double countPoints(const std::vector<Statement> &body) const;

  const Cascade &cascade;
  const Extents &extents;
  const std::vector<double> &scalars;
  std::vector<std::optional<CoordinateBox>> boxes; // by value
  std::vector<Coordinates> steps;                  // by rank, of Iterate
  std::vector<bool> isInput;
};

/// The expressions that the value and the filter of `einsum` are made of.
std::vector<bool> getUsedExprs(const Einsum &einsum);

} // namespace attn::reference

#endif // DIALECT_ATTN_REFERENCE_DEMAND_H
