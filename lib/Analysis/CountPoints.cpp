//===- CountPoints.cpp - Count the points of a set ------------------------===//
//
// Nested loops, but that the innermost goes from interval to interval: between
// two roots of the conditions, all of them are true or false throughout.
//
//===----------------------------------------------------------------------===//

#include "lib/Analysis/PointSet.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;

/// Steps of all loops around the innermost; beyond, they are sampled.
static constexpr int64_t maxSteps = int64_t(1) << 21;

namespace {

enum class Truth { No, Yes, Maybe };

/// A condition with the symbols as numbers.
struct Test {
  Condition::Kind kind;
  std::vector<Test> operands;
  /// Of a comparison: the sum of `constant` and of coordinates with factors,
  /// or else `expr`.
  bool isLinear = false;
  int64_t constant = 0;
  SmallVector<std::pair<unsigned, int64_t>, 3> terms;
  AffineExpr expr;

  int64_t getFactor(unsigned position) const {
    for (auto [term, factor] : terms)
      if (term == position)
        return factor;
    return 0;
  }
};

class PointCounter {
public:
  using Lookup = llvm::function_ref<std::optional<int64_t>(StringAttr)>;
  PointCounter(const PointSet &set, const Names &names, Lookup value);
  PointCount count();

private:
  Test compile(const Condition &condition) const;
  bool addTerms(AffineExpr expr, int64_t factor, Test &test) const;
  std::optional<int64_t> evaluate(AffineExpr expr) const;
  Truth evaluate(const Test &test) const;
  bool holds();
  bool hasIntervals(const Test &test, unsigned position) const;
  void addBreaks(const Test &test, SmallVectorImpl<int64_t> &breaks) const;
  int64_t countInner();

  SmallVector<std::optional<int64_t>> symbols;
  std::vector<Test> tests;
  SmallVector<int64_t> coordinates; // One for each variable of the names.
  SmallVector<unsigned> outer;      // Positions of all variables but `inner`.
  SmallVector<int64_t> outerExtents;
  unsigned inner = 0;
  int64_t innerExtent = 1;
  bool innerHasIntervals = true, isBound = false;
};

} // namespace

/// Nothing where a scalar is unknown.
std::optional<int64_t> PointCounter::evaluate(AffineExpr expr) const {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return coordinates[dim.getPosition()];
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expr))
    return symbols[symbol.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  std::optional<int64_t> left = evaluate(binary.getLHS());
  std::optional<int64_t> right = evaluate(binary.getRHS());
  if (!left || !right)
    return std::nullopt;
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return *left + *right;
  case AffineExprKind::Mul:
    return *left * *right;
  default:
    break;
  }
  if (!*right)
    return 0; // As the language has it.
  int64_t floor = llvm::divideFloorSigned(*left, *right);
  switch (expr.getKind()) {
  case AffineExprKind::FloorDiv:
    return floor;
  case AffineExprKind::CeilDiv:
    return llvm::divideCeilSigned(*left, *right);
  default:
    return *left - floor * *right;
  }
}

/// Adds `factor` times `expr`; false where that is not linear.
bool PointCounter::addTerms(AffineExpr expr, int64_t factor, Test &test) const {
  if (expr.isSymbolicOrConstant()) {
    test.constant += factor * *evaluate(expr);
    return true;
  }
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    for (auto &[position, sum] : test.terms)
      if (position == dim.getPosition()) {
        sum += factor;
        return true;
      }
    test.terms.push_back({dim.getPosition(), factor});
    return true;
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  AffineExpr left = binary.getLHS(), right = binary.getRHS();
  if (expr.getKind() == AffineExprKind::Add)
    return addTerms(left, factor, test) && addTerms(right, factor, test);
  if (expr.getKind() != AffineExprKind::Mul)
    return false;
  if (left.isSymbolicOrConstant())
    std::swap(left, right);
  return right.isSymbolicOrConstant() &&
         addTerms(left, factor * *evaluate(right), test);
}

Test PointCounter::compile(const Condition &condition) const {
  Test test{condition.getKind(), {}, false, 0, {}, condition.getExpr()};
  for (const Condition &operand : condition.getOperands())
    test.operands.push_back(compile(operand));
  if (test.kind != Condition::Positive && test.kind != Condition::Zero)
    return test;
  // All coordinates are 0 yet: what has no value has none anywhere.
  if (!evaluate(test.expr))
    test.kind = Condition::Unknown;
  else
    test.isLinear = addTerms(test.expr, 1, test);
  return test;
}

/// Whether the coordinates of a variable at which `test` holds are intervals
/// between its roots.
bool PointCounter::hasIntervals(const Test &test, unsigned position) const {
  if (test.kind == Condition::Unknown)
    return true;
  if (test.expr)
    return test.isLinear || !test.expr.isFunctionOfDim(position);
  return llvm::all_of(test.operands, [&](const Test &operand) {
    return hasIntervals(operand, position);
  });
}

PointCounter::PointCounter(const PointSet &set, const Names &names,
                           Lookup value)
    : coordinates(names.getVars().size(), 0) {
  for (StringAttr symbol : names.getSymbols())
    symbols.push_back(value(symbol));
  for (const Condition &condition : set.conditions)
    tests.push_back(compile(condition));
  // The longest variable is the innermost, of those that form intervals.
  std::pair<bool, int64_t> best{false, -1};
  SmallVector<std::pair<unsigned, int64_t>> all;
  for (StringAttr var : set.vars) {
    unsigned position =
        llvm::find(names.getVars(), var) - names.getVars().begin();
    auto extent = value(
        StringAttr::get(var.getContext(), "|" + var.getValue().str() + "|"));
    all.push_back({position, extent.value_or(1)});
    bool intervals = llvm::all_of(
        tests, [&](const Test &test) { return hasIntervals(test, position); });
    if (std::pair(intervals, all.back().second) > best) {
      best = {intervals, all.back().second};
      inner = position;
    }
  }
  std::tie(innerHasIntervals, innerExtent) = best;
  for (auto [position, extent] : all)
    if (position != inner) {
      outer.push_back(position);
      outerExtents.push_back(extent);
    }
}

Truth PointCounter::evaluate(const Test &test) const {
  switch (test.kind) {
  case Condition::Unknown:
    return Truth::Maybe;
  case Condition::Positive:
  case Condition::Zero: {
    int64_t value = test.constant;
    if (test.isLinear)
      for (auto [position, factor] : test.terms)
        value += factor * coordinates[position];
    else
      value = *evaluate(test.expr);
    bool holds = test.kind == Condition::Positive ? value >= 0 : value == 0;
    return holds ? Truth::Yes : Truth::No;
  }
  case Condition::Not: {
    Truth truth = evaluate(test.operands.front());
    if (truth == Truth::Maybe)
      return truth;
    return truth == Truth::Yes ? Truth::No : Truth::Yes;
  }
  case Condition::And:
  case Condition::Or:
    break;
  }
  bool isAnd = test.kind == Condition::And;
  Truth decisive = isAnd ? Truth::No : Truth::Yes;
  Truth result = isAnd ? Truth::Yes : Truth::No;
  for (const Test &operand : test.operands) {
    Truth truth = evaluate(operand);
    if (truth == decisive)
      return decisive;
    if (truth == Truth::Maybe)
      result = truth;
  }
  return result;
}

bool PointCounter::holds() {
  bool isMaybe = false;
  for (const Test &test : tests) {
    Truth truth = evaluate(test);
    if (truth == Truth::No)
      return false;
    isMaybe |= truth == Truth::Maybe;
  }
  isBound |= isMaybe;
  return true;
}

/// Adds the coordinates at which a comparison may change. A root and the
/// coordinate after it both begin an interval, so that an equation's solution
/// stands alone.
void PointCounter::addBreaks(const Test &test,
                             SmallVectorImpl<int64_t> &breaks) const {
  for (const Test &operand : test.operands)
    addBreaks(operand, breaks);
  int64_t slope = test.isLinear ? test.getFactor(inner) : 0;
  if (!slope)
    return;
  int64_t base = test.constant;
  for (auto [position, factor] : test.terms)
    if (position != inner)
      base += factor * coordinates[position];
  int64_t root = llvm::divideFloorSigned(-base, slope);
  for (int64_t at : {root, root + 1})
    if (at > 0 && at < innerExtent)
      breaks.push_back(at);
}

int64_t PointCounter::countInner() {
  SmallVector<int64_t, 16> breaks{0};
  if (innerHasIntervals)
    for (const Test &test : tests)
      addBreaks(test, breaks);
  else
    for (int64_t at = 1; at < innerExtent; ++at)
      breaks.push_back(at);
  llvm::sort(breaks);
  breaks.erase(llvm::unique(breaks), breaks.end());
  breaks.push_back(innerExtent);
  int64_t points = 0;
  for (unsigned i = 0; i + 1 < breaks.size(); ++i) {
    coordinates[inner] = breaks[i];
    if (holds())
      points += breaks[i + 1] - breaks[i];
  }
  return points;
}

PointCount PointCounter::count() {
  int64_t steps = innerHasIntervals ? 1 : innerExtent;
  int64_t all = 1;
  for (int64_t extent : outerExtents)
    if (llvm::MulOverflow(all, extent, all))
      all = std::numeric_limits<int64_t>::max();
  int64_t wanted = std::max<int64_t>(1, maxSteps / steps);
  // An odd stride: it meets all residues of a power of two.
  int64_t stride = all <= wanted ? 1 : (all / wanted) | 1;
  double points = 0, looked = 0;
  for (int64_t at = 0; at < all; at += stride) {
    int64_t rest = at;
    for (auto [position, extent] : llvm::zip(outer, outerExtents)) {
      coordinates[position] = rest % extent;
      rest /= extent;
    }
    points += countInner();
    ++looked;
    if (all - at <= stride)
      break;
  }
  if (stride > 1)
    points *= double(all) / looked;
  return {points, isBound, stride > 1};
}

PointCount attn::countPoints(
    const PointSet &set, const Names &names,
    llvm::function_ref<std::optional<int64_t>(StringAttr)> value) {
  return PointCounter(set, names, value).count();
}
