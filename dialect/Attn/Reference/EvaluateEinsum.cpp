//===- EvaluateEinsum.cpp - The meaning of an Einsum ----------------------===//

#include "dialect/Attn/Reference/Interpreter.h"

namespace attn::reference {

/// S4: where a condition fails that mentions no reduced variable, the result of
/// a reduction is absent.
static void applyConditions(const Einsum &einsum, Tensor &result,
                            const std::vector<Coordinates> &variables,
                            Environment &environment) {
  std::optional<Program> program =
      compileConditions(einsum, result, variables, environment);
  if (!program)
    return;
  Tensor holds(result.box, 0.0, /*present=*/false, environment.withErrors);
  Accumulator accumulator(holds, environment.cascade, std::nullopt,
                          ElementType::F64, /*narrowRoundoff=*/0,
                          /*independent=*/false);
  interpret(*program, holds, accumulator, environment);
  accumulator.finish(ElementType::F64);
  for (size_t i = 0; i != result.values.size(); ++i) {
    bool isPresent = holds.present.empty() || holds.present[i];
    if (!isPresent)
      result.values[i] = 0;
    if (environment.withErrors && !isPresent)
      result.errors[i] = 0;
    if (environment.withErrors && holds.errors[i] > 0)
      result.errors[i] = holds.errors[i];
  }
  result.present = std::move(holds.present);
}

/// Evaluates an Einsum all of whose reductions have one reducer.
static Tensor evaluatePlain(const Einsum &einsum, const CoordinateBox &box,
                            const std::vector<Coordinates> &variables,
                            ElementType declared, Environment &environment) {
  std::optional<Reduction> reduction;
  if (!einsum.reductions.empty())
    reduction = einsum.reductions.back();
  ElementType type = einsum.exprs[einsum.value].type;
  double none =
      reduction ? getIdentity(environment.cascade, *reduction, declared) : 0.0;
  Tensor result(box, none, /*present=*/reduction.has_value(),
                environment.withErrors);
  Program program = compile(einsum, result, variables, environment);
  double narrowRoundoff =
      program.narrowFactor ? getUnitRoundoff(program.narrowType) : 0;
  Accumulator accumulator(result, environment.cascade, reduction, type,
                          narrowRoundoff, environment.independent);
  environment.counts[einsum.result] +=
      interpret(program, result, accumulator, environment);
  accumulator.finish(declared);
  if (reduction)
    applyConditions(einsum, result, variables, environment);
  return result;
}

Tensor evaluateEinsum(const Einsum &einsum, const CoordinateBox &box,
                      const std::vector<Coordinates> &variables,
                      Environment &environment) {
  ElementType declared = environment.cascade.values[einsum.result].type;
  size_t split = einsum.reductions.size();
  while (split > 0 &&
         einsum.reductions[split - 1].hasSameReducer(einsum.reductions.back()))
    --split;
  if (split == 0)
    return evaluatePlain(einsum, box, variables, declared, environment);
  // The outer reductions become ranks of the inner result.
  ElementType type = einsum.exprs[einsum.value].type;
  Einsum innermost = einsum;
  CoordinateBox wider = box;
  innermost.reductions.erase(innermost.reductions.begin(),
                             innermost.reductions.begin() + split);
  for (size_t i = 0; i != split; ++i) {
    RankId rank = einsum.reductions[i].rank;
    innermost.output.push_back({rank});
    wider.push_back(variables[rank]);
  }
  Tensor result = evaluatePlain(innermost, wider, variables, type, environment);
  for (size_t i = split; i-- != 0;)
    result = Accumulator::reduceLast(
        result, environment.cascade, einsum.reductions[i], type,
        i == 0 ? declared : type, environment.withErrors);
  return result;
}

} // namespace attn::reference
