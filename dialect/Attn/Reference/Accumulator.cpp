//===- Accumulator.cpp - Results of an Einsum -----------------------------===//

#include "dialect/Attn/Reference/Accumulator.h"
#include "dialect/Attn/Reference/Errors.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace attn::reference {

Accumulator::Accumulator(Tensor &tensor, const Cascade &cascade,
                         std::optional<Reduction> reduction,
                         ElementType computeType, double narrowRoundoff,
                         bool independent)
    : tensor(tensor), computeType(computeType), narrowRoundoff(narrowRoundoff) {
  if (reduction)
    reducer = reduction->reducer;
  if (reducer == Reducer::User)
    combiner.emplace(cascade.reducers[reduction->user], !tensor.errors.empty());
  if (reducer == Reducer::Lse && !tensor.errors.empty())
    numTerms.assign(tensor.values.size(), 0.0);
  if (reducer == Reducer::Add && !tensor.errors.empty()) {
    numTerms.assign(tensor.values.size(), 0.0);
    magnitudes.assign(tensor.values.size(), 0.0);
    if (independent && narrowRoundoff > 0)
      squares.assign(tensor.values.size(), 0.0);
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

/// Adds `count` numbers in eight chains, because one would wait for each
/// addition.
template <typename F> static double sumLanes(int count, F lane) {
  double sums[8] = {};
  int i = 0;
  for (; i + 8 <= count; i += 8)
    for (int j = 0; j != 8; ++j)
      sums[j] += lane(i + j);
  for (; i != count; ++i)
    sums[0] += lane(i);
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) +
         ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

/// A block that is present everywhere.
void Accumulator::addWholeSum(const Block &block, int64_t offset,
                              int64_t stride) {
  const double *v = block.values, *e = block.errors;
  bool bounds = !tensor.errors.empty();
  if (stride == 0) {
    tensor.values[offset] += sumLanes(block.count, [=](int i) { return v[i]; });
    if (!bounds)
      return;
    numTerms[offset] += block.count;
    magnitudes[offset] +=
        sumLanes(block.count, [=](int i) { return std::fabs(v[i]); });
    if (!squares.empty())
      squares[offset] +=
          sumLanes(block.count, [=](int i) { return v[i] * v[i]; });
    if (e)
      tensor.errors[offset] +=
          sumLanes(block.count, [=](int i) { return e[i]; });
    return;
  }
  auto addTo = [&](std::vector<double> &sums, auto lane) {
    double *sum = &sums[offset];
    if (stride == 1)
      for (int i = 0; i != block.count; ++i)
        sum[i] += lane(i);
    else
      for (int i = 0; i != block.count; ++i)
        sum[i * stride] += lane(i);
  };
  addTo(tensor.values, [=](int i) { return v[i]; });
  if (!bounds)
    return;
  addTo(numTerms, [](int) { return 1.0; });
  addTo(magnitudes, [=](int i) { return std::fabs(v[i]); });
  if (!squares.empty())
    addTo(squares, [=](int i) { return v[i] * v[i]; });
  if (e)
    addTo(tensor.errors, [=](int i) { return e[i]; });
}

void Accumulator::addSum(const Block &block, int64_t offset, int64_t stride) {
  if (!block.mask && !block.doubt)
    return addWholeSum(block, offset, stride);
  for (int i = 0; i != block.count; ++i) {
    int64_t at = offset + i * stride;
    bool isPresent = !block.mask || block.mask[i];
    if (isPresent)
      tensor.values[at] += block.values[i];
    if (tensor.errors.empty())
      continue;
    if (isPresent) {
      magnitudes[at] += std::fabs(block.values[i]);
      numTerms[at] += 1;
      if (!squares.empty())
        squares[at] += block.values[i] * block.values[i];
      if (block.errors)
        tensor.errors[at] += block.errors[i];
    }
    if (block.doubt && block.doubt[i])
      tensor.errors[at] = std::numeric_limits<double>::infinity();
  }
}

/// log(exp(a) + exp(b)).
static double addExponentials(double a, double b) {
  double largest = std::max(a, b);
  if (std::isnan(a) || std::isnan(b) || std::isinf(largest))
    return largest < 0 ? largest : std::numeric_limits<double>::quiet_NaN();
  return largest + std::log1p(std::exp(-std::fabs(a - b)));
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
  case Reducer::Lse:
    result = addExponentials(previous, value);
    break;
  case Reducer::User:
    result = combiner->combine(previous, value);
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
  case Reducer::Lse: // its derivatives are weights
    bound = std::max(bound, error);
    numTerms[offset] += 1;
    break;
  case Reducer::User:
    bound = combiner->getError(previous, bound, value, error);
    break;
  }
}

/// What rounding the computed factor of each term may add (S10).
double Accumulator::getNarrowError(size_t at) const {
  double most = magnitudes[at];
  if (!squares.empty())
    most = std::min(most,
                    std::fabs(tensor.values[at]) + 4 * std::sqrt(squares[at]));
  return narrowRoundoff * most;
}

void Accumulator::finish(ElementType declared) {
  // A relative error of the sum is an absolute one of its logarithm; 32 is what
  // the functions add.
  for (size_t i = 0; i != numTerms.size() && reducer == Reducer::Lse; ++i)
    tensor.errors[i] =
        finishError(computeType, tensor.values[i],
                    tensor.errors[i] + getComputeRoundoff(computeType) *
                                           (getSumFactor(numTerms[i]) + 32 +
                                            4 * std::fabs(tensor.values[i])));
  for (size_t i = 0; i != numTerms.size() && reducer == Reducer::Add; ++i) {
    double factor = getComputeRoundoff(computeType) * getSumFactor(numTerms[i]);
    tensor.errors[i] = finishError(computeType, tensor.values[i],
                                   tensor.errors[i] + factor * magnitudes[i] +
                                       getNarrowError(i));
  }
  bool wraps = isInteger(declared) && isInteger(computeType);
  // A sum of numbers of a narrow type, as a cast makes them, need not have it.
  bool rounds = (declared != computeType && declared != ElementType::F64) ||
                isNarrowFloat(declared);
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

Tensor Accumulator::reduceLast(const Tensor &tensor, const Cascade &cascade,
                               const Reduction &reduction,
                               ElementType computeType, ElementType declared,
                               bool withErrors) {
  CoordinateBox box(tensor.box.begin(), tensor.box.end() - 1);
  int64_t length = tensor.box.back().size();
  Tensor result(std::move(box), getIdentity(cascade, reduction, declared),
                /*present=*/true, withErrors);
  Accumulator accumulator(result, cascade, reduction, computeType,
                          /*narrowRoundoff=*/0, /*independent=*/false);
  for (size_t i = 0; i != result.values.size(); ++i) {
    Block block;
    int64_t begin = static_cast<int64_t>(i) * length;
    block.count = static_cast<int>(length);
    block.values = &tensor.values[begin];
    block.errors = withErrors ? &tensor.errors[begin] : nullptr;
    block.mask = tensor.present.empty() ? nullptr : &tensor.present[begin];
    accumulator.add(block, static_cast<int64_t>(i), /*stride=*/0);
  }
  accumulator.finish(declared);
  return result;
}

} // namespace attn::reference
