//===- Program.cpp - An Einsum compiled for its interpreter ---------------===//

#include "dialect/Attn/Reference/Program.h"
#include "dialect/Attn/Reference/Demand.h"
#include "dialect/Attn/Reference/Errors.h"
#include <algorithm>

namespace attn::reference {

namespace {
constexpr unsigned none = ~0u;

class ProgramCompiler {
public:
  ProgramCompiler(const Einsum &einsum, const Tensor &result,
                  const std::vector<Coordinates> &variables,
                  const Environment &environment)
      : einsum(einsum), result(result), variables(variables),
        environment(environment), loopOf(environment.extents.size(), none),
        registerOf(einsum.exprs.size(), none) {}

  Program run();

private:
  void makeLoops();
  double getBlockCost(RankId rank) const;
  void findDifferences();
  void compileRoot(ExprId root);
  void compileFilter();
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
} // namespace

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// The strides of a value as it lies in memory.
static const std::vector<int64_t> &getStrides(const Environment &environment,
                                              ValueId value) {
  if (const InputTensor *input = environment.inputs[value])
    return input->strides;
  return environment.tensors[value]->strides;
}

/// What a point costs, roughly, if `rank` is taken a block at a time.
double ProgramCompiler::getBlockCost(RankId rank) const {
  int64_t size = variables[rank].size();
  double cost = 60.0 / static_cast<double>(std::clamp<int64_t>(size, 1, 256));
  std::vector<bool> used = getUsedExprs(einsum);
  for (ExprId id = 0; id != used.size(); ++id) {
    const Expr &expr = einsum.exprs[id];
    if (!used[id] || expr.op != Op::Read)
      continue;
    const std::vector<int64_t> &strides = getStrides(environment, expr.id);
    for (size_t i = 0; i != expr.args.size(); ++i) {
      const Expr &index = einsum.exprs[expr.args[i]];
      if (index.op != Op::RankVar)
        cost += 2;
      else if (index.id == rank)
        cost += strides[i] == 1 ? 1 : 3;
    }
  }
  return cost;
}

void ProgramCompiler::makeLoops() {
  std::vector<RankId> ranks;
  for (size_t i = 0; i != einsum.output.size(); ++i)
    ranks.insert(ranks.end(), einsum.output[i].begin(), einsum.output[i].end());
  for (const Reduction &reduction : einsum.reductions)
    ranks.push_back(reduction.rank);
  auto isGrouped = [&](RankId rank) {
    return std::any_of(einsum.output.begin(), einsum.output.end(),
                       [&](const std::vector<RankId> &group) {
                         return group.size() > 1 &&
                                std::count(group.begin(), group.end(), rank);
                       });
  };
  if (!ranks.empty()) {
    auto block =
        std::min_element(ranks.begin(), ranks.end(), [&](RankId a, RankId b) {
          return std::pair(isGrouped(a), getBlockCost(a)) <
                 std::pair(isGrouped(b), getBlockCost(b));
        });
    program.blockIsOnePoint = isGrouped(*block);
    std::rotate(block, block + 1, ranks.end());
  }
  for (RankId rank : ranks) {
    loopOf[rank] = program.loops.size();
    program.loops.push_back({rank, variables[rank], 0});
  }
  if (ranks.empty()) // a single point
    program.loops.push_back({none, Coordinates::range(0, 1), 0});
  for (unsigned i = 0; i != einsum.output.size(); ++i) {
    const std::vector<RankId> &group = einsum.output[i];
    if (group.size() == 1) {
      program.loops[loopOf[group[0]]].outputStride = result.strides[i];
      continue;
    }
    program.groups.push_back({i, {}, {}});
    for (RankId rank : group) {
      program.groups.back().loops.push_back(loopOf[rank]);
      program.groups.back().extents.push_back(environment.extents[rank]);
    }
  }
  program.steps.resize(program.loops.size() + 1);
}

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

/// Each conjunct of the filter guards as early as it can be known.
void ProgramCompiler::compileFilter() {
  if (!einsum.filter)
    return;
  std::vector<ExprId> conjuncts = {*einsum.filter};
  while (!conjuncts.empty()) {
    ExprId id = conjuncts.back();
    conjuncts.pop_back();
    if (einsum.exprs[id].op == Op::And) {
      conjuncts.insert(conjuncts.end(), einsum.exprs[id].args.begin(),
                       einsum.exprs[id].args.end());
      continue;
    }
    compileRoot(id);
    addStep({Step::Guard, registerOf[id], 0, {}}, levelOf[registerOf[id]]);
  }
}

Program ProgramCompiler::run() {
  makeLoops();
  findDifferences();
  compileFilter();
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

Program compile(const Einsum &einsum, const Tensor &result,
                const std::vector<Coordinates> &variables,
                const Environment &environment) {
  return ProgramCompiler(einsum, result, variables, environment).run();
}

} // namespace attn::reference
