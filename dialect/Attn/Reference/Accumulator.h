//===- Accumulator.h - Results of an Einsum -------------------------------===//

#ifndef DIALECT_ATTN_REFERENCE_ACCUMULATOR_H
#define DIALECT_ATTN_REFERENCE_ACCUMULATOR_H

#include "dialect/Attn/Reference/Combiner.h"
#include "dialect/Attn/Reference/Tensor.h"

namespace attn::reference {

/// The points of a block that are present.
struct Block {
  int count = 0;
  const double *values = nullptr;
  const double *errors = nullptr; // null: 0
  const uint8_t *mask = nullptr;  // null: all are present
  const uint8_t *doubt = nullptr; // points whose presence may be decided
                                  // otherwise by a kernel; null: none
};

/// Writes or reduces blocks into a tensor (S4).
class Accumulator {
public:
  /// `tensor` holds identities, or is absent everywhere for a map.
  /// `narrowRoundoff`: of S10, 0 where nothing may be rounded; `independent`:
  /// of EvaluateOptions.
  Accumulator(Tensor &tensor, const Cascade &cascade,
              std::optional<Reduction> reduction, ElementType computeType,
              double narrowRoundoff, bool independent);

  /// Adds the points of a block; the result of lane i is at offset + i *
  /// stride.
  void add(const Block &block, int64_t offset, int64_t stride);

  /// Completes the bounds, rounds to the declared type of the result.
  void finish(ElementType declared);

  /// Reduces the last rank of the tensor, for reductions of more than one
  /// reducer.
  static Tensor reduceLast(const Tensor &tensor, const Cascade &cascade,
                           const Reduction &reduction, ElementType computeType,
                           ElementType declared, bool withErrors);

private:
  void addSum(const Block &block, int64_t offset, int64_t stride);
  void addWholeSum(const Block &block, int64_t offset, int64_t stride);
  void store(const Block &block, int64_t offset, int64_t stride);
  double getNarrowError(size_t at) const;
  void combine(int64_t offset, double value, double error);

  Tensor &tensor;
  std::optional<Reducer> reducer;
  std::optional<Combiner> combiner; // of User
  ElementType computeType;
  double narrowRoundoff;
  // Of sums: the number of terms, the sum of their magnitudes, and that of
  // their squares.
  std::vector<double> numTerms, magnitudes, squares;
};

} // namespace attn::reference

#endif // DIALECT_ATTN_REFERENCE_ACCUMULATOR_H
