//===- Program.cpp - An Einsum compiled for its interpreter ---------------===//

#include "dialect/Attn/Reference/Demand.h"
#include "dialect/Attn/Reference/Errors.h"
#include "dialect/Attn/Reference/ProgramCompiler.h"
#include <algorithm>

namespace attn::reference {

//===----------------------------------------------------------------------===//
// Registers
//===----------------------------------------------------------------------===//

unsigned ProgramCompiler::makeRegister(bool isInteger, unsigned level,
                                       bool isExact) {
  Register reg;
  reg.isInteger = isInteger;
  reg.isUniform = level != program.loops.size();
  reg.isExact = isExact || !environment.withErrors;
  reg.allocate();
  program.registers.push_back(std::move(reg));
  levelOf.push_back(level);
  return program.registers.size() - 1;
}

unsigned ProgramCompiler::makeConstant(bool isInteger, double number,
                                       int64_t integer) {
  unsigned reg = makeRegister(isInteger, /*level=*/0, /*isExact=*/true);
  if (isInteger)
    program.registers[reg].integers[0] = integer;
  else
    program.registers[reg].numbers[0] = number;
  return reg;
}

/// Operators that compute no new number: exact on exact operands.
static bool isExactOp(Op op) {
  return op == Op::Neg || op == Op::Abs || op == Op::Min || op == Op::Max ||
         op == Op::Select || (op >= Op::Floor && op <= Op::Not);
}

unsigned ProgramCompiler::compute(Op op, ElementType type,
                                  const std::vector<unsigned> &args,
                                  bool difference) {
  Step step{Step::Compute, 0, 0, {}};
  Instruction &instruction = step.instruction;
  instruction.op = op;
  instruction.type = type;
  instruction.differenceOfExponents = difference;
  instruction.numArgs = args.size();
  unsigned level = 0;
  bool exact = isInteger(type) || isExactOp(op);
  for (size_t i = 0; i != args.size(); ++i) {
    instruction.args[i] = args[i];
    level = std::max(level, levelOf[args[i]]);
    exact &= program.registers[args[i]].isExact;
  }
  unsigned reg = makeRegister(isInteger(type), level, exact);
  instruction.result = reg;
  addStep(std::move(step), level);
  return reg;
}

unsigned ProgramCompiler::toFloat(unsigned reg) {
  if (!program.registers[reg].isInteger)
    return reg;
  return compute(Op::Cast, ElementType::F64, {reg});
}

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

/// S6: finds the differences that only exp and exp2 see.
void ProgramCompiler::findDifferences() {
  std::vector<bool> used = getUsedExprs(einsum);
  isDifference.assign(used.size(), false);
  for (ExprId id = 0; id != used.size(); ++id)
    isDifference[id] = einsum.exprs[id].op == Op::Sub && id != einsum.value;
  for (ExprId id = 0; id != used.size(); ++id) {
    const Expr &expr = einsum.exprs[id];
    if (used[id] && expr.op != Op::Exp && expr.op != Op::Exp2)
      for (ExprId arg : expr.args)
        isDifference[arg] = false;
  }
}

void ProgramCompiler::compileFlatten(ExprId id) {
  const Expr &expr = einsum.exprs[id];
  unsigned flat = makeConstant(/*isInteger=*/true, 0, 0);
  for (size_t i = 0; i != expr.args.size(); ++i) {
    unsigned extent =
        makeConstant(/*isInteger=*/true, 0, environment.extents[expr.ranks[i]]);
    flat = compute(Op::Mul, ElementType::I64, {flat, extent});
    flat = compute(Op::Add, ElementType::I64, {flat, registerOf[expr.args[i]]});
  }
  registerOf[id] = flat;
}

void ProgramCompiler::compileRead(ExprId id) {
  const Expr &expr = einsum.exprs[id];
  const Value &value = environment.cascade.values[expr.id];
  Access access;
  access.name = value.name;
  access.input = environment.inputs[expr.id];
  access.tensor = environment.tensors[expr.id];
  const std::vector<int64_t> &strides = getStrides(environment, expr.id);
  unsigned level = 0;
  for (size_t i = 0; i != expr.args.size(); ++i) {
    const Expr &index = einsum.exprs[expr.args[i]];
    int64_t extent = environment.extents[value.ranks[i]];
    const Coordinates *set = access.input ? nullptr : &access.tensor->box[i];
    if (index.op != Op::RankVar || loopOf[index.id] == none) {
      unsigned reg = registerOf[expr.args[i]];
      access.computed.push_back({reg, extent, strides[i], set});
      level = std::max(level, levelOf[reg]);
      continue;
    }
    unsigned loop = loopOf[index.id];
    level = std::max(level, loop + 1);
    Access::Table table{loop, {}, true, 0};
    const Coordinates &coordinates = program.loops[loop].set;
    for (int64_t j = 0; j != coordinates.size(); ++j) {
      int64_t position = coordinates[j];
      if (position >= extent)
        position = -1;
      else if (set)
        position = set->getPosition(position);
      table.isAffine &= position >= 0;
      table.offsets.push_back(position < 0 ? -1 : position * strides[i]);
    }
    size_t count = table.offsets.size();
    table.step = count > 1 ? table.offsets[1] - table.offsets[0] : 0;
    for (size_t j = 1; j < count; ++j)
      table.isAffine &= table.offsets[j] - table.offsets[j - 1] == table.step;
    access.tables.push_back(std::move(table));
  }
  bool exact = access.input || access.tensor->errors.empty();
  registerOf[id] = makeRegister(isInteger(value.type), level, exact);
  program.accesses.push_back(std::move(access));
  unsigned index = program.accesses.size() - 1;
  addStep({Step::Read, registerOf[id], index, {}}, level);
}

void ProgramCompiler::compileExpr(ExprId id) {
  const Expr &expr = einsum.exprs[id];
  switch (expr.op) {
  case Op::Constant:
    registerOf[id] =
        makeConstant(isInteger(expr.type), expr.number, expr.integer);
    return;
  case Op::Extent:
    registerOf[id] =
        makeConstant(/*isInteger=*/true, 0, environment.extents[expr.id]);
    return;
  case Op::Scalar: {
    double value = environment.scalars[expr.id];
    bool whole = isInteger(environment.cascade.scalars[expr.id].type);
    registerOf[id] = makeConstant(whole, value, whole ? toInteger(value) : 0);
    program.scalars.emplace_back(expr.id, registerOf[id]);
    return;
  }
  case Op::RankVar: {
    unsigned loop = loopOf[expr.id];
    if (loop == none) {
      registerOf[id] =
          makeConstant(/*isInteger=*/true, 0, environment.coordinates[expr.id]);
      return;
    }
    registerOf[id] =
        makeRegister(/*isInteger=*/true, loop + 1, /*isExact=*/true);
    addStep({Step::Coordinate, registerOf[id], loop, {}}, loop + 1);
    return;
  }
  case Op::Read:
    return compileRead(id);
  case Op::Flatten:
    return compileFlatten(id);
  default:
    break;
  }
  std::vector<unsigned> args;
  for (ExprId arg : expr.args)
    args.push_back(registerOf[arg]);
  bool compares = expr.op >= Op::Eq && expr.op <= Op::Ge;
  bool onFloats = compares
                      ? std::any_of(args.begin(), args.end(),
                                    [&](unsigned reg) {
                                      return !program.registers[reg].isInteger;
                                    })
                      : isFloat(expr.type);
  for (size_t i = expr.op == Op::Select; i < args.size(); ++i)
    if (onFloats && expr.op != Op::Cast)
      args[i] = toFloat(args[i]);
  registerOf[id] = compute(expr.op, expr.type, args, isDifference[id]);
}

/// Compiles what `root` needs, operands first.
void ProgramCompiler::compileRoot(ExprId root) {
  std::vector<bool> needed(root + 1);
  needed[root] = true;
  for (ExprId id = root + 1; id-- != 0;)
    if (needed[id])
      for (ExprId arg : einsum.exprs[id].args)
        needed[arg] = true;
  for (ExprId id = 0; id <= root; ++id)
    if (needed[id] && registerOf[id] == none)
      compileExpr(id);
}

/// The operands of the filter's outermost `and`s.
std::vector<ExprId> ProgramCompiler::getConjuncts() const {
  std::vector<ExprId> open, conjuncts;
  std::vector<bool> seen(einsum.exprs.size());
  if (einsum.filter)
    open.push_back(*einsum.filter);
  while (!open.empty()) {
    ExprId id = open.back();
    open.pop_back();
    if (seen[id])
      continue;
    seen[id] = true;
    const Expr &expr = einsum.exprs[id];
    if (expr.op == Op::And)
      open.insert(open.end(), expr.args.begin(), expr.args.end());
    else
      conjuncts.push_back(id);
  }
  return conjuncts;
}

/// A condition guards as early as it can be known.
void ProgramCompiler::compileGuard(ExprId condition) {
  compileRoot(condition);
  unsigned reg = registerOf[condition];
  addStep({Step::Guard, reg, 0, {}}, levelOf[reg]);
}

std::optional<Program> ProgramCompiler::runConditions() {
  makeLoops(/*withReduced=*/false);
  isDifference.assign(einsum.exprs.size(), false);
  std::vector<bool> mentionsReduced = findReduced(einsum);
  std::vector<bool> used = getUsedExprs(einsum);
  bool hasAny = false;
  for (ExprId id : getConjuncts())
    if (!mentionsReduced[id]) {
      compileGuard(id);
      hasAny = true;
    }
  for (ExprId id = 0; id != used.size(); ++id)
    if (used[id] && !mentionsReduced[id] && einsum.exprs[id].op == Op::Read) {
      compileRoot(id);
      hasAny = true;
    }
  if (!hasAny)
    return std::nullopt;
  program.value = makeConstant(/*isInteger=*/false, 1, 0);
  return std::move(program);
}

Program ProgramCompiler::run() {
  makeLoops(/*withReduced=*/true);
  findDifferences();
  for (ExprId id : getConjuncts())
    compileGuard(id);
  compileRoot(einsum.value);
  program.value = registerOf[einsum.value];
  if (environment.withErrors)
    if (auto factor = findNarrowFactor(environment.cascade, einsum)) {
      program.narrowFactor = registerOf[*factor];
      program.narrowType =
          environment.cascade.values[einsum.exprs[*factor].id].type;
    }
  return std::move(program);
}

std::optional<Program>
compileConditions(const Einsum &einsum, const Tensor &result,
                  const std::vector<Coordinates> &variables,
                  const Environment &environment) {
  return ProgramCompiler(einsum, result, variables, environment)
      .runConditions();
}

Program compile(const Einsum &einsum, const Tensor &result,
                const std::vector<Coordinates> &variables,
                const Environment &environment) {
  return ProgramCompiler(einsum, result, variables, environment).run();
}

} // namespace attn::reference
