//===- Program.h - An Einsum compiled for its interpreter -----------------===//
//
// One loop for each rank variable, and for each loop the steps to take when its
// coordinate changes, so that nothing is computed in a deeper loop than the one
// it depends on. The last loop is taken a block at a time (Lanes.h).
//
//===----------------------------------------------------------------------===//

#ifndef DIALECT_ATTN_REFERENCE_PROGRAM_H
#define DIALECT_ATTN_REFERENCE_PROGRAM_H

#include "dialect/Attn/Reference/Environment.h"
#include "dialect/Attn/Reference/Lanes.h"

namespace attn::reference {

struct Loop {
  RankId rank = 0;
  Coordinates set;
  int64_t outputStride = 0; // 0: reduced, or part of a flattened index
};

/// An access to a tensor. Its offset is the sum of what each index contributes.
struct Access {
  /// An index that is a rank variable: the offset by the loop's position, -1
  /// where the coordinate is past the extent.
  struct Table {
    unsigned loop;
    std::vector<int64_t> offsets;
    bool isAffine; // offsets[i] = offsets[0] + i * step, none missing
    int64_t step;
  };
  /// Any other index, computed in a register.
  struct Computed {
    unsigned reg;
    int64_t extent;
    int64_t stride;
    const Coordinates *set; // null: all of the extent
  };

  std::string_view name;
  std::shared_ptr<const Tensor> tensor; // or
  const InputTensor *input = nullptr;
  std::vector<Table> tables;
  std::vector<Computed> computed;
};

struct Step {
  enum Kind : uint8_t { Coordinate, Read, Compute, Guard } kind;
  unsigned reg = 0;        // all but Compute
  unsigned index = 0;      // Coordinate: loop; Read: access
  Instruction instruction; // Compute
};

/// An output index that is a flattened group.
struct Group {
  unsigned dimension;
  std::vector<unsigned> loops;
  std::vector<int64_t> extents;
};

struct Program {
  std::vector<Loop> loops; // at least one
  std::vector<Register> registers;
  std::vector<Access> accesses;
  /// steps[0] before all loops, steps[i + 1] at a new coordinate of loops[i].
  std::vector<std::vector<Step>> steps;
  std::vector<Group> groups;
  /// Which register holds which scalar.
  std::vector<std::pair<unsigned, unsigned>> scalars;
  unsigned value = 0; // register
  bool blockIsOnePoint = false;
  /// S10: a computed factor may be rounded to the type of `narrowFactor`.
  std::optional<unsigned> narrowFactor; // register
  ElementType narrowType = ElementType::F32;
};

/// Compiles the conditions of `einsum` that mention no reduced variable (S4):
/// 1 where they hold, absent elsewhere. Nothing where there are none.
std::optional<Program>
compileConditions(const Einsum &einsum, const Tensor &result,
                  const std::vector<Coordinates> &variables,
                  const Environment &environment);

/// Compiles `einsum` for a result that lies as `result` does.
Program compile(const Einsum &einsum, const Tensor &result,
                const std::vector<Coordinates> &variables,
                const Environment &environment);

} // namespace attn::reference

#endif // DIALECT_ATTN_REFERENCE_PROGRAM_H
