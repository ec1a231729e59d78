//===- ProgramCompiler.h - From an Einsum to its program ------------------===//
//
// Private to Program.cpp and ProgramLoops.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECT_ATTN_REFERENCE_PROGRAMCOMPILER_H
#define DIALECT_ATTN_REFERENCE_PROGRAMCOMPILER_H

#include "dialect/Attn/Reference/Program.h"

namespace attn::reference {

/// The strides of a value as it lies in memory.
inline const std::vector<int64_t> &getStrides(const Environment &environment,
                                              ValueId value) {
  if (const InputTensor *input = environment.inputs[value])
    return input->strides;
  return environment.tensors[value]->strides;
}

/// Makes the program of one Einsum; used once.
class ProgramCompiler {
public:
  ProgramCompiler(const Einsum &einsum, const Tensor &result,
                  const std::vector<Coordinates> &variables,
                  const Environment &environment)
      : einsum(einsum), result(result), variables(variables),
        environment(environment), loopOf(environment.extents.size(), none),
        registerOf(einsum.exprs.size(), none) {}

  Program run();
  std::optional<Program> runConditions();

private:
  static constexpr unsigned none = ~0u;

  void makeLoops(bool withReduced);
  double getBlockCost(RankId rank) const;
  void findDifferences();
  void compileRoot(ExprId root);
  std::vector<ExprId> getConjuncts() const;
  void compileGuard(ExprId condition);
  void compileExpr(ExprId id);
  void compileRead(ExprId id);
  void compileFlatten(ExprId id);

  unsigned makeRegister(bool isInteger, unsigned level, bool isExact);
  unsigned makeConstant(bool isInteger, double number, int64_t integer);
  unsigned toFloat(unsigned reg);
  unsigned compute(Op op, ElementType type, const std::vector<unsigned> &args,
                   bool difference = false);
  void addStep(Step step, unsigned level) {
    program.steps[level].push_back(std::move(step));
  }

  const Einsum &einsum;
  const Tensor &result;
  const std::vector<Coordinates> &variables;
  const Environment &environment;
  Program program;
  std::vector<unsigned> loopOf;     // by rank
  std::vector<unsigned> registerOf; // by expression
  std::vector<unsigned> levelOf;    // by register
  std::vector<bool> isDifference;   // by expression: S6
};

} // namespace attn::reference

#endif // DIALECT_ATTN_REFERENCE_PROGRAMCOMPILER_H
