//===- Compare.cpp - A result against the reference -----------------------===//

#include "dialect/Attn/Reference/Compare.h"
#include "dialect/Attn/Reference/Errors.h"
#include <cmath>
#include <limits>
#include <sstream>

namespace attn::reference {

static constexpr double inf = std::numeric_limits<double>::infinity();

/// The error as a fraction of the bound.
static double getFraction(ElementType type, double actual, double expected,
                          double bound) {
  if (actual == expected || (std::isnan(actual) && std::isnan(expected)))
    return 0;
  if (std::isnan(expected))
    return inf;
  // A value that the type does not reach becomes infinite, or NaN.
  if (isFloat(type) && std::isfinite(expected) && !std::isfinite(actual) &&
      std::fabs(expected) + bound > getLargest(type) &&
      !(std::isinf(actual) && std::signbit(actual) != std::signbit(expected)))
    return 0;
  double error = std::fabs(actual - expected);
  if (!(error < inf))
    return inf;
  return error / bound; // inf where the bound is 0
}

void compare(const Tensor &expected, const InputTensor &actual,
             Comparison &comparison) {
  for (size_t at = 0; at != expected.values.size(); ++at) {
    std::vector<int64_t> point = expected.getPoint(static_cast<int64_t>(at));
    int64_t offset = 0;
    for (size_t i = 0; i != point.size(); ++i)
      offset += point[i] * actual.strides[i];
    double value = loadElement(actual.type, actual.base, offset);
    bool isPresent = expected.present.empty() || expected.present[at];
    double wanted = isPresent ? expected.values[at] : 0.0;
    double bound = expected.errors.empty() ? 0.0 : expected.errors[at];
    ++comparison.numCompared;
    if (std::isinf(bound)) {
      ++comparison.numUnbounded;
      continue;
    }
    if (isInteger(actual.type))
      wanted = roundTo(actual.type, wanted);
    else if (isPresent && std::isfinite(wanted) && wanted != 0)
      bound += getRoundingError(actual.type, std::fabs(wanted) + bound);
    double fraction = getFraction(actual.type, value, wanted, bound);
    if (std::isfinite(value) && std::isfinite(wanted))
      comparison.largestError =
          std::fmax(comparison.largestError, std::fabs(value - wanted));
    comparison.numWrong += fraction > 1;
    if (fraction <= comparison.worst && comparison.numCompared > 1)
      continue;
    comparison.worst = fraction;
    comparison.point = std::move(point);
    comparison.actual = value;
    comparison.expected = wanted;
    comparison.bound = bound;
  }
}

std::string describe(const Comparison &comparison) {
  std::ostringstream text;
  text.precision(9);
  text << "max error ";
  std::ostringstream fraction;
  fraction.precision(3);
  fraction << comparison.worst;
  text << fraction.str() << " of the bound at [";
  for (size_t i = 0; i != comparison.point.size(); ++i)
    text << (i ? ", " : "") << comparison.point[i];
  text << "]: " << comparison.actual << " where " << comparison.expected
       << " is expected (bound ";
  text.precision(3);
  text << comparison.bound << "); " << comparison.numCompared
       << " values compared";
  if (comparison.numWrong)
    text << ", " << comparison.numWrong << " over their bound";
  if (comparison.numUnbounded)
    text << ", " << comparison.numUnbounded << " without a bound";
  return text.str();
}

} // namespace attn::reference
