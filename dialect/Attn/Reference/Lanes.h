//===- Lanes.h - Expressions on a block of coordinates --------------------===//
//
// An Einsum is interpreted one block of its innermost rank at a time: every
// instruction works on up to 256 lanes, so the interpreter's own cost is spread
// over them. An instruction that does not depend on the innermost rank works on
// one lane, in the loop that it does depend on. Floats are float64, integers
// int64 wrapped to the width of their type.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECT_ATTN_REFERENCE_LANES_H
#define DIALECT_ATTN_REFERENCE_LANES_H

#include "dialect/Attn/Reference/Model.h"
#include <array>
#include <vector>

namespace attn::reference {

constexpr int maxLanes = 256;

/// The value of an expression in every lane, and its error bound.
struct Register {
  bool isInteger = false;
  bool isUniform = true; // one lane, the same for all
  bool isExact = true;   // the errors are 0 and not stored
  std::vector<double> numbers;
  std::vector<int64_t> integers;
  std::vector<double> errors;

  void allocate();
  double getNumber(int lane) const {
    int at = isUniform ? 0 : lane;
    return isInteger ? static_cast<double>(integers[at]) : numbers[at];
  }
  double getError(int lane) const {
    return isExact ? 0 : errors[isUniform ? 0 : lane];
  }
};

struct Instruction {
  Op op = Op::Constant;
  ElementType type = ElementType::F64;
  /// S6: (-inf) - (-inf) is -inf, because only exp and exp2 see it.
  bool differenceOfExponents = false;
  unsigned result = 0;
  std::array<unsigned, 3> args = {};
  unsigned numArgs = 0;
};

/// Computes `count` lanes of the result. All operands of arithmetic are floats
/// or all are integers.
void execute(const Instruction &instruction, std::vector<Register> &registers,
             int count);

/// Computes the error bounds of a result that `execute` computed (Errors.h).
void executeErrors(const Instruction &instruction,
                   std::vector<Register> &registers, int count);

} // namespace attn::reference

#endif // DIALECT_ATTN_REFERENCE_LANES_H
