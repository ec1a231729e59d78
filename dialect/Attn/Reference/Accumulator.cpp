//===- Accumulator.cpp - Results of an Einsum -----------------------------===//

#include "dialect/Attn/Reference/Accumulator.h"
#include "dialect/Attn/Reference/Errors.h"
#include <algorithm>
#include <limits>

namespace attn::reference {

Accumulator::Accumulator(Tensor &tensor, std::optional<Reducer> reducer,
                         ElementType computeType, double narrowRoundoff)
    : tensor(tensor), reducer(reducer), computeType(computeType),
      narrowRoundoff(narrowRoundoff) {
  if (reducer == Reducer::Add && !tensor.errors.empty()) {
    numTerms.assign(tensor.values.size(), 0.0);
    magnitudes.assign(tensor.values.size(), 0.0);
  }
}

void Accumulator::add(const Block &block, int64_t offset, int64_t stride) {
  if (!reducer)
    return store(block, offset, stride);
  if (reducer == Reducer::Add)
    return addSum(block, offset, stride);
  for (int i = 0; i != block.count; ++i)
    if (!block.mask || block.mask[i])
      combine(offset + i * stride, block.values[i],
              block.errors ? block.errors[i] : 0);
  for (int i = 0; i != block.count && block.doubt; ++i)
    if (block.doubt[i] && !tensor.errors.empty())
      tensor.errors[offset + i * stride] =
          std::numeric_limits<double>::infinity();
}

void Accumulator::store(const Block &block, int64_t offset, int64_t stride) {
  for (int i = 0; i != block.count; ++i) {
    int64_t at = offset + i * stride;
    bool isPresent = !block.mask || block.mask[i];
    if (isPresent) {
      tensor.values[at] = block.values[i];
      tensor.present[at] = 1;
    }
    if (tensor.errors.empty())
      continue;
    if (isPresent && block.errors)
      tensor.errors[at] = block.errors[i];
    if (block.doubt && block.doubt[i])
      tensor.errors[at] = std::numeric_limits<double>::infinity();
  }
}

void Accumulator::addSum(const Block &block, int64_t offset, int64_t stride) {
  double *values = &tensor.values[offset];
  if (tensor.errors.empty() && !block.mask) {
    if (stride == 0) {
      // Eight chains, because one would wait for each addition.
      double sums[8] = {};
      int i = 0;
      for (; i + 8 <= block.count; i += 8)
        for (int j = 0; j != 8; ++j)
          sums[j] += block.values[i + j];
      for (; i != block.count; ++i)
        sums[0] += block.values[i];
      for (double sum : sums)
        *values += sum;
      return;
    }
    for (int i = 0; i != block.count; ++i)
      values[i * stride] += block.values[i];
    return;
  }
  for (int i = 0; i != block.count; ++i) {
    bool isPresent = !block.mask || block.mask[i];
    if (isPresent)
      values[i * stride] += block.values[i];
    if (tensor.errors.empty())
      continue;
    int64_t at = offset + i * stride;
    if (isPresent) {
      magnitudes[at] += std::fabs(block.values[i]);
      numTerms[at] += 1;
      if (block.errors)
        tensor.errors[at] += block.errors[i];
    }
    if (block.doubt && block.doubt[i])
      tensor.errors[at] = std::numeric_limits<double>::infinity();
  }
}

void Accumulator::combine(int64_t offset, double value, double error) {
  double &result = tensor.values[offset];
  double previous = result;
  bool isNaN = value != value || previous != previous;
  switch (*reducer) {
  case Reducer::Add:
    result += value;
    break;
  case Reducer::Mul:
    result *= value;
    break;
  case Reducer::Max:
    result = isNaN ? value + previous : std::max(previous, value);
    break;
  case Reducer::Min:
    result = isNaN ? value + previous : std::min(previous, value);
    break;
  case Reducer::And:
    result = previous != 0 && value != 0;
    break;
  case Reducer::Or:
    result = previous != 0 || value != 0;
    break;
  }
  if (tensor.errors.empty())
    return;
  double &bound = tensor.errors[offset];
  switch (*reducer) {
  case Reducer::Add:
    bound += error;
    break;
  case Reducer::Mul:
    bound =
        finishError(computeType, result,
                    getMulError(previous, bound, value, error) +
                        getComputeRoundoff(computeType) * std::fabs(result));
    break;
  case Reducer::Max:
    bound = isNaN ? 0 : getMaxError(previous, bound, value, error);
    break;
  case Reducer::Min:
    bound = isNaN ? 0 : getMaxError(-previous, bound, -value, error);
    break;
  case Reducer::And:
  case Reducer::Or:
    bound = std::max(bound, error);
    break;
  }
}

void Accumulator::finish(ElementType declared) {
  for (size_t i = 0; i != numTerms.size(); ++i) {
    double factor =
        getComputeRoundoff(computeType) * getSumFactor(numTerms[i]) +
        narrowRoundoff;
    tensor.errors[i] = finishError(computeType, tensor.values[i],
                                   tensor.errors[i] + factor * magnitudes[i]);
  }
  bool wraps = isInteger(declared) && isInteger(computeType);
  bool rounds = declared != computeType && declared != ElementType::F64;
  for (size_t i = 0; i != tensor.values.size() && rounds; ++i) {
    double before = tensor.values[i];
    double after =
        wraps ? static_cast<double>(wrapTo(declared, toInteger(before)))
              : roundTo(declared, before);
    tensor.values[i] = after;
    if (!tensor.errors.empty() && !isInteger(declared))
      tensor.errors[i] =
          getCastError(declared, before, tensor.errors[i], after);
  }
  bool everywhere = std::all_of(tensor.present.begin(), tensor.present.end(),
                                [](uint8_t present) { return present; });
  if (everywhere)
    tensor.present.clear();
}

Tensor Accumulator::reduceLast(const Tensor &tensor, Reducer reducer,
                               ElementType type, bool withErrors) {
  CoordinateBox box(tensor.box.begin(), tensor.box.end() - 1);
  int64_t length = tensor.box.back().size();
  Tensor result(std::move(box), getIdentity(reducer, type), /*present=*/true,
                withErrors);
  Accumulator accumulator(result, reducer, type, /*narrowRoundoff=*/0);
  for (size_t i = 0; i != result.values.size(); ++i) {
    Block block;
    int64_t begin = static_cast<int64_t>(i) * length;
    block.count = static_cast<int>(length);
    block.values = &tensor.values[begin];
    block.errors = withErrors ? &tensor.errors[begin] : nullptr;
    accumulator.add(block, static_cast<int64_t>(i), /*stride=*/0);
  }
  accumulator.finish(type);
  return result;
}

} // namespace attn::reference
