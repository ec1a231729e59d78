//===- Interpreter.cpp - Every present point of an Einsum, once -----------===//

#include "dialect/Attn/Reference/Interpreter.h"
#include "dialect/Attn/Reference/Errors.h"
#include <algorithm>
#include <cstring>

namespace attn::reference {

namespace {
class Interpreter {
public:
  Interpreter(Program &program, Tensor &result, Accumulator &accumulator,
              Environment &environment)
      : program(program), result(result), accumulator(accumulator),
        environment(environment), inner(program.loops.size() - 1),
        positions(program.loops.size()), verdicts(program.steps.size()) {}

  double run() {
    if (runOuterSteps(0))
      walk(0);
    return numPoints;
  }

private:
  void walk(unsigned depth);
  void walkBlocks();
  bool runOuterSteps(unsigned level);
  bool runBlockSteps(int64_t start);
  void accumulate();

  bool getOuterOffset(const Access &access, int64_t &offset);
  int64_t getComputedOffset(const Access &access, const Access::Computed &index,
                            int lane);
  void readBlock(const Access &access, Register &reg, int64_t start);
  void guardBlock(const Register &reg);
  void dropLane(int lane) {
    if (!isMasked)
      std::fill_n(mask, count, 1);
    isMasked = true;
    mask[lane] = 0;
  }
  void dropBlock() {
    isMasked = true;
    std::fill_n(mask, count, 0);
  }

  Program &program;
  Tensor &result;
  Accumulator &accumulator;
  Environment &environment;
  unsigned inner;
  std::vector<int64_t> positions; // by loop
  /// By level: guards of an outer loop that a kernel may decide otherwise.
  struct Verdict {
    bool isDoubtful = false;
    bool isAbsent = false;
  };
  std::vector<Verdict> verdicts;
  double numPoints = 0;
  // Of the block at hand:
  int count = 0;
  bool isMasked = false, isDoubtful = false;
  uint8_t mask[maxLanes], doubt[maxLanes];
  int64_t offsets[maxLanes];
  double values[maxLanes], errors[maxLanes];
};
} // namespace

//===----------------------------------------------------------------------===//
// Access
//===----------------------------------------------------------------------===//

/// The contribution of an index to the offset; -1 where it is outside (S2).
int64_t Interpreter::getComputedOffset(const Access &access,
                                       const Access::Computed &index,
                                       int lane) {
  const Register &reg = program.registers[index.reg];
  int64_t coordinate = reg.integers[reg.isUniform ? 0 : lane];
  if (coordinate < 0 || coordinate >= index.extent)
    return -1;
  int64_t position =
      index.set ? index.set->getPosition(coordinate) : coordinate;
  if (position < 0) {
    environment.failure =
        "a body reads `" + std::string(access.name) + "` outside of its chunk";
    return -1;
  }
  return position * index.stride;
}

/// Sums what the indices contribute that the innermost loop doesn't change.
/// Returns false where one is outside.
bool Interpreter::getOuterOffset(const Access &access, int64_t &offset) {
  offset = 0;
  for (const Access::Table &table : access.tables) {
    if (table.loop == inner)
      continue;
    int64_t part = table.offsets[positions[table.loop]];
    if (part < 0)
      return false;
    offset += part;
  }
  for (const Access::Computed &index : access.computed) {
    if (!program.registers[index.reg].isUniform)
      continue;
    int64_t part = getComputedOffset(access, index, 0);
    if (part < 0)
      return false;
    offset += part;
  }
  return true;
}

template <ElementType type>
static void loadLanes(const InputTensor &input, int64_t offset, int64_t step,
                      int count, double *values) {
  for (int i = 0; i != count; ++i)
    values[i] = loadElement(type, input.base, offset + i * step);
}

/// One loop for each of the types that are common.
static void loadInput(const InputTensor &input, int64_t offset, int64_t step,
                      int count, double *values) {
  switch (input.type) {
  case ElementType::F64:
    return loadLanes<ElementType::F64>(input, offset, step, count, values);
  case ElementType::F32:
    return loadLanes<ElementType::F32>(input, offset, step, count, values);
  case ElementType::BF16:
    return loadLanes<ElementType::BF16>(input, offset, step, count, values);
  default:
    for (int i = 0; i != count; ++i)
      values[i] = loadElement(input.type, input.base, offset + i * step);
  }
}

/// Loads lanes that lie `step` apart; the offsets are inside the tensor.
static void load(const Access &access, int64_t offset, int64_t step, int count,
                 Register &reg) {
  double integers[maxLanes];
  double *values = reg.isInteger ? integers : reg.numbers.data();
  if (access.input) {
    loadInput(*access.input, offset, step, count, values);
  } else if (step == 1) {
    std::memcpy(values, &access.tensor->values[offset], sizeof(double) * count);
  } else {
    for (int i = 0; i != count; ++i)
      values[i] = access.tensor->values[offset + i * step];
  }
  for (int i = 0; i != count && reg.isInteger; ++i)
    reg.integers[i] = static_cast<int64_t>(values[i]);
  for (int i = 0; i != count && !reg.isExact; ++i)
    reg.errors[i] = access.tensor->errors[offset + i * step];
}

void Interpreter::readBlock(const Access &access, Register &reg,
                            int64_t start) {
  int64_t outer;
  if (!getOuterOffset(access, outer))
    return dropBlock();
  const Access::Table *table = nullptr;
  unsigned numInner = 0;
  for (const Access::Table &candidate : access.tables)
    if (candidate.loop == inner && ++numInner)
      table = &candidate;
  for (const Access::Computed &index : access.computed)
    numInner += !program.registers[index.reg].isUniform;
  const std::vector<uint8_t> *present =
      access.tensor && !access.tensor->present.empty() ? &access.tensor->present
                                                       : nullptr;
  if (numInner == 1 && table && table->isAffine) {
    int64_t first = outer + table->offsets[start];
    load(access, first, table->step, count, reg);
    for (int i = 0; i != count && present; ++i)
      if (!(*present)[first + i * table->step])
        dropLane(i);
    return;
  }
  std::fill_n(offsets, count, outer);
  auto contribute = [&](int lane, int64_t part) {
    offsets[lane] = part < 0 || offsets[lane] < 0 ? -1 : offsets[lane] + part;
  };
  for (const Access::Table &candidate : access.tables)
    for (int i = 0; i != count && candidate.loop == inner; ++i)
      contribute(i, candidate.offsets[start + i]);
  for (const Access::Computed &index : access.computed)
    if (!program.registers[index.reg].isUniform)
      for (int i = 0; i != count; ++i)
        if (!isMasked || mask[i]) // an absent index has no meaning
          contribute(i, getComputedOffset(access, index, i));
  for (int i = 0; i != count; ++i) {
    if (offsets[i] < 0 || (present && !(*present)[offsets[i]])) {
      dropLane(i);
      continue;
    }
    if (isMasked && !mask[i])
      continue;
    double value = access.input ? loadElement(access.input->type,
                                              access.input->base, offsets[i])
                                : access.tensor->values[offsets[i]];
    if (reg.isInteger)
      reg.integers[i] = static_cast<int64_t>(value);
    else
      reg.numbers[i] = value;
    if (!reg.isExact)
      reg.errors[i] = access.tensor->errors[offsets[i]];
  }
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

/// Runs the steps of a loop that is not the innermost, on one lane. Returns
/// false where no point inside is present (S3).
bool Interpreter::runOuterSteps(unsigned level) {
  verdicts[level] = Verdict();
  for (const Step &step : program.steps[level]) {
    Register &reg = program.registers[step.reg];
    switch (step.kind) {
    case Step::Coordinate:
      reg.integers[0] = program.loops[step.index].set[positions[step.index]];
      break;
    case Step::Read: {
      const Access &access = program.accesses[step.index];
      int64_t offset;
      if (!getOuterOffset(access, offset))
        return false;
      if (access.tensor && !access.tensor->present.empty() &&
          !access.tensor->present[offset])
        return false;
      load(access, offset, /*step=*/1, /*count=*/1, reg);
      break;
    }
    case Step::Compute:
      execute(step.instruction, program.registers, 1);
      executeErrors(step.instruction, program.registers, 1);
      break;
    case Step::Guard:
      if (reg.getError(0) > 0) {
        verdicts[level].isDoubtful = true;
        verdicts[level].isAbsent |= !reg.integers[0];
      } else if (!reg.integers[0]) {
        return false;
      }
      break;
    }
  }
  return true;
}

void Interpreter::guardBlock(const Register &reg) {
  for (int i = 0; i != count; ++i) {
    if (!reg.isExact && reg.errors[i] > 0 && (!isMasked || mask[i])) {
      if (!isDoubtful)
        std::fill_n(doubt, count, 0);
      isDoubtful = true;
      doubt[i] = 1;
    }
    if (!reg.integers[i])
      dropLane(i);
  }
}

/// Runs the steps of the innermost loop. Returns false where the whole block is
/// absent.
bool Interpreter::runBlockSteps(int64_t start) {
  isMasked = isDoubtful = false;
  for (const Verdict &verdict : verdicts) {
    if (!verdict.isDoubtful)
      continue;
    isDoubtful = true;
    std::fill_n(doubt, count, 1);
    if (verdict.isAbsent)
      dropBlock();
  }
  for (const Step &step : program.steps[inner + 1]) {
    Register &reg = program.registers[step.reg];
    switch (step.kind) {
    case Step::Coordinate:
      for (int i = 0; i != count; ++i)
        reg.integers[i] = program.loops[inner].set[start + i];
      break;
    case Step::Read:
      readBlock(program.accesses[step.index], reg, start);
      break;
    case Step::Compute:
      execute(step.instruction, program.registers, count);
      executeErrors(step.instruction, program.registers, count);
      continue;
    case Step::Guard:
      guardBlock(reg);
      break;
    }
    if (isMasked && !isDoubtful &&
        std::find(mask, mask + count, 1) == mask + count)
      return false;
  }
  return true;
}

void Interpreter::accumulate() {
  int64_t offset = 0;
  for (unsigned i = 0; i != program.loops.size(); ++i)
    offset += positions[i] * program.loops[i].outputStride;
  for (const Group &group : program.groups) {
    int64_t flat = 0;
    for (size_t i = 0; i != group.loops.size(); ++i)
      flat = flat * group.extents[i] +
             program.loops[group.loops[i]].set[positions[group.loops[i]]];
    int64_t position = result.box[group.dimension].getPosition(flat);
    if (position < 0) // in the product of the factors, but not asked for
      return;
    offset += position * result.strides[group.dimension];
  }
  const Register &reg = program.registers[program.value];
  Block block;
  block.count = count;
  block.mask = isMasked ? mask : nullptr;
  block.doubt = isDoubtful ? doubt : nullptr;
  block.values = reg.numbers.data();
  block.errors = reg.isExact ? nullptr : reg.errors.data();
  if (reg.isInteger || reg.isUniform) {
    for (int i = 0; i != count; ++i)
      values[i] = reg.getNumber(i);
    block.values = values;
  }
  double underflow = 0;
  if (program.narrowFactor)
    underflow = getUnderflowError(program.narrowType);
  bool adds = underflow > 0x1p-100; // not bf16, which has the range of f32
  if (adds || (reg.isUniform && !reg.isExact)) {
    for (int i = 0; i != count; ++i) {
      errors[i] = reg.getError(i);
      if (adds)
        errors[i] +=
            underflow *
            std::fabs(program.registers[*program.narrowFactor].getNumber(i));
    }
    block.errors = errors;
  }
  accumulator.add(block, offset, program.loops[inner].outputStride);
  numPoints +=
      isMasked ? static_cast<double>(std::count(mask, mask + count, 1)) : count;
}

void Interpreter::walkBlocks() {
  int64_t size = program.loops[inner].set.size();
  int64_t step = program.blockIsOnePoint ? 1 : maxLanes;
  for (int64_t start = 0; start < size; start += step) {
    count = static_cast<int>(std::min(step, size - start));
    positions[inner] = start;
    if (runBlockSteps(start))
      accumulate();
  }
}

void Interpreter::walk(unsigned depth) {
  if (depth == inner)
    return walkBlocks();
  for (int64_t i = 0; i != program.loops[depth].set.size(); ++i) {
    positions[depth] = i;
    if (runOuterSteps(depth + 1))
      walk(depth + 1);
  }
}

double interpret(Program &program, Tensor &result, Accumulator &accumulator,
                 Environment &environment) {
  return Interpreter(program, result, accumulator, environment).run();
}

} // namespace attn::reference
