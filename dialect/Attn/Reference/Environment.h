//===- Environment.h - What statements are evaluated in -------------------===//

#ifndef DIALECT_ATTN_REFERENCE_ENVIRONMENT_H
#define DIALECT_ATTN_REFERENCE_ENVIRONMENT_H

#include "dialect/Attn/Reference/Model.h"
#include "dialect/Attn/Reference/Tensor.h"
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace attn::reference {

struct Environment {
  Environment(const Cascade &cascade, const Extents &extents,
              const std::vector<double> &scalars, bool withErrors,
              bool independent)
      : cascade(cascade), extents(extents), scalars(scalars),
        withErrors(withErrors), independent(independent),
        tensors(cascade.values.size()), inputs(cascade.values.size()),
        coordinates(cascade.ranks.size(), -1), chunks(cascade.ranks.size()),
        counts(cascade.values.size()) {}

  const Cascade &cascade;
  const Extents &extents;
  const std::vector<double> &scalars;
  bool withErrors;
  bool independent; // EvaluateOptions::independentRounding
  /// By value: what is evaluated so far, and the inputs.
  std::vector<std::shared_ptr<const Tensor>> tensors;
  std::vector<const InputTensor *> inputs;
  /// By rank: the coordinate of an enclosing Iterate, -1 outside of one; the
  /// chunk of an enclosing Stream.
  std::vector<int64_t> coordinates;
  std::vector<std::optional<Coordinates>> chunks;
  /// By value: how many points of the Einsum that makes it were present.
  std::vector<double> counts;
  /// What went wrong, if anything: the model says something that has no
  /// meaning.
  std::string failure;
};

/// Evaluates `einsum` at the points of `box`; `variables` are the coordinates
/// of its rank variables, by rank.
Tensor evaluateEinsum(const Einsum &einsum, const CoordinateBox &box,
                      const std::vector<Coordinates> &variables,
                      Environment &environment);

} // namespace attn::reference

#endif // DIALECT_ATTN_REFERENCE_ENVIRONMENT_H
