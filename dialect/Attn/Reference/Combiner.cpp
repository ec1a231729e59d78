//===- Combiner.cpp - A reducer that a cascade defines --------------------===//
//
// The expression is that of an Einsum over no rank whose two scalars are the
// operands. Its error is not the sum of its operations' as in Errors.h: chained
// a thousand times, a factor per link of what is in truth 1 would be a bound of
// nothing. An operation that is associative and has an identity is monotone in
// each operand where it is continuous, so its extremes are at the corners.
//
//===----------------------------------------------------------------------===//

#include "dialect/Attn/Reference/Combiner.h"
#include "dialect/Attn/Reference/Errors.h"
#include <algorithm>
#include <cmath>

namespace attn::reference {

Combiner::Combiner(const UserReducer &reducer, bool withErrors)
    : type(reducer.type), identity(reducer.identity) {
  Cascade cascade;
  cascade.scalars.assign(2, {"", reducer.type});
  Einsum einsum;
  einsum.exprs = reducer.exprs;
  einsum.value = reducer.value;
  Extents extents;
  std::vector<double> operands(2);
  Environment environment(cascade, extents, operands, withErrors,
                          /*independent=*/false);
  program = compile(einsum, Tensor({}, 0, /*present=*/true, withErrors),
                    /*variables=*/{}, environment);
}

double Combiner::evaluate(double a, double b, bool withErrors) {
  for (auto [scalar, reg] : program.scalars) {
    double operand = scalar == 0 ? a : b;
    if (program.registers[reg].isInteger)
      program.registers[reg].integers[0] = toInteger(operand);
    else
      program.registers[reg].numbers[0] = operand;
  }
  for (const Step &step : program.steps[0]) {
    execute(step.instruction, program.registers, /*count=*/1);
    if (withErrors)
      executeErrors(step.instruction, program.registers, /*count=*/1);
  }
  return program.registers[program.value].getNumber(0);
}

double Combiner::combine(double a, double b) {
  if (a == identity)
    return b;
  return b == identity ? a : evaluate(a, b);
}

double Combiner::getError(double a, double ea, double b, double eb) {
  if (a == identity && ea == 0)
    return eb;
  if (b == identity && eb == 0)
    return ea;
  double value = combine(a, b), farthest = 0;
  for (double x : {a - ea, a, a + ea})
    for (double y : {b - eb, b, b + eb})
      if (ea != 0 || eb != 0)
        farthest = std::max(farthest, std::fabs(combine(x, y) - value));
  // Twice: in another order, the operands are others.
  evaluate(a, b, /*withErrors=*/true);
  double rounding = 2 * program.registers[program.value].getError(0);
  return finishError(type, value, farthest + rounding);
}

} // namespace attn::reference
