//===- Evaluate.h - The meaning of a cascade ------------------------------===//
//
// The oracle of every numeric test: plain loops in float64 that follow the
// rules S1 to S9 of docs/spec.md one by one, and share no code with a lowering.
// Only what the wanted coordinates need is evaluated, so that a few rows of a
// problem with 128 K keys take seconds.
//
//   Problem problem{cascade, extents, {makeInput(ElementType::BF16, q, {...}),
//                                      ...}, {0.125}};
//   Evaluation result;
//   std::string error = evaluate(problem, {{/*yield=*/0, box}}, {}, result);
//
//===----------------------------------------------------------------------===//

#ifndef DIALECT_ATTN_REFERENCE_EVALUATE_H
#define DIALECT_ATTN_REFERENCE_EVALUATE_H

#include "dialect/Attn/Reference/Model.h"
#include "dialect/Attn/Reference/Tensor.h"
#include <string>
#include <vector>

namespace attn::reference {

/// A cascade, verified, and what it is called with.
struct Problem {
  const Cascade &cascade;
  Extents extents;                 // by rank
  std::vector<InputTensor> inputs; // as Cascade::inputs
  std::vector<double> scalars;     // as Cascade::scalars
};

struct EvaluateOptions {
  /// The coordinates that a Stream takes at a time; 0: all of them.
  int64_t chunk = 0;
  /// Starts every chunk of a Stream from the initial state and joins the
  /// results pairwise with its merge, instead of carrying the state on.
  bool tree = false;
  /// Also computes the error bounds (Errors.h); about twice the time.
  bool errors = false;
  /// Takes the roundings of S10 as independent of the factor they meet, which
  /// is so for random inputs, and without which the bound of a 16-bit
  /// contraction over many keys is too wide to see one of them missing
  /// (Errors.h).
  bool independentRounding = false;
};

/// The wanted coordinates of one output.
struct OutputRequest {
  unsigned yield;
  CoordinateBox box;
};

struct Evaluation {
  /// One for each request: the points of its box, or more. Not yet rounded to
  /// the type of the output; getStored does that.
  std::vector<Tensor> outputs;
  /// By value: the present points of the Einsum that makes it, and how much of
  /// the value was evaluated, as a fraction of its points.
  std::vector<double> counts, fractions;
};

/// All coordinates of an output.
CoordinateBox getWholeBox(const Cascade &cascade, const Extents &extents,
                          unsigned yield);

/// Evaluates the requests. Returns what is wrong, or an empty string.
std::string evaluate(const Problem &problem,
                     const std::vector<OutputRequest> &requests,
                     const EvaluateOptions &options, Evaluation &result);

/// The number of points that `evaluate` walks, before filters.
double estimatePoints(const Problem &problem,
                      const std::vector<OutputRequest> &requests);

/// What is stored at a place of an output (S7, S9).
double getStored(const Tensor &output, int64_t offset, ElementType type);

} // namespace attn::reference

#endif // DIALECT_ATTN_REFERENCE_EVALUATE_H
