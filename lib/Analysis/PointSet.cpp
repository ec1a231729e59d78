//===- PointSet.cpp - How many points a filter leaves ---------------------===//

#include "lib/Analysis/PointSet.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

static unsigned intern(llvm::SetVector<StringAttr> &names, StringAttr name) {
  names.insert(name);
  return llvm::find(names, name) - names.begin();
}

AffineExpr Names::getVar(StringAttr var) {
  return getAffineDimExpr(intern(vars, var), context);
}

AffineExpr Names::getSymbol(StringAttr name) {
  return getAffineSymbolExpr(intern(symbols, name), context);
}

/// Expressions nest as deep as the language's do: 256.
void Names::print(AffineExpr expr, raw_ostream &out) const {
  switch (expr.getKind()) {
  case AffineExprKind::Constant:
    out << cast<AffineConstantExpr>(expr).getValue();
    return;
  case AffineExprKind::DimId:
    out << vars[cast<AffineDimExpr>(expr).getPosition()].getValue();
    return;
  case AffineExprKind::SymbolId:
    out << symbols[cast<AffineSymbolExpr>(expr).getPosition()].getValue();
    return;
  default:
    break;
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  AffineExpr left = binary.getLHS(), right = binary.getRHS();
  auto printFactor = [&](AffineExpr factor) {
    bool isSum = factor.getKind() == AffineExprKind::Add;
    out << (isSum ? "(" : "");
    print(factor, out);
    out << (isSum ? ")" : "");
  };
  /// The expression of which `term` is -1 times, or null.
  auto getNegated = [](AffineExpr term) -> AffineExpr {
    auto product = dyn_cast<AffineBinaryOpExpr>(term);
    if (!product || product.getKind() != AffineExprKind::Mul)
      return nullptr;
    auto factor = dyn_cast<AffineConstantExpr>(product.getRHS());
    return factor && factor.getValue() == -1 ? product.getLHS() : nullptr;
  };
  if (expr.getKind() == AffineExprKind::Add) {
    if (getNegated(left) && !getNegated(right))
      if (auto number = dyn_cast<AffineConstantExpr>(right);
          !number || number.getValue() > 0)
        std::swap(left, right); // b - a rather than -a + b
    print(left, out);
    auto number = dyn_cast<AffineConstantExpr>(right);
    if (number && number.getValue() < 0) {
      out << " - " << -number.getValue();
    } else if (AffineExpr negated = getNegated(right)) {
      out << " - ";
      printFactor(negated);
    } else {
      out << " + ";
      print(right, out);
    }
    return;
  }
  if (AffineExpr negated = getNegated(expr)) {
    out << "-";
    printFactor(negated);
    return;
  }
  StringRef symbol = expr.getKind() == AffineExprKind::Mul        ? " * "
                     : expr.getKind() == AffineExprKind::Mod      ? " mod "
                     : expr.getKind() == AffineExprKind::FloorDiv ? " floordiv "
                                                                  : " ceildiv ";
  printFactor(left);
  out << symbol;
  printFactor(right);
}

//===----------------------------------------------------------------------===//
// Conditions
//===----------------------------------------------------------------------===//

struct Condition::Node {
  Kind kind;
  AffineExpr expr;
  SmallVector<Condition, 2> operands;
};

Condition::Kind Condition::getKind() const { return node->kind; }
AffineExpr Condition::getExpr() const { return node->expr; }
ArrayRef<Condition> Condition::getOperands() const { return node->operands; }

Condition Condition::test(Kind kind, AffineExpr expr) {
  Condition condition;
  condition.node = std::make_shared<const Node>(Node{kind, expr, {}});
  return condition;
}

Condition Condition::combine(Kind kind, ArrayRef<Condition> operands) {
  Condition condition;
  condition.node = std::make_shared<const Node>(
      Node{kind, nullptr,
           SmallVector<Condition, 2>(operands.begin(), operands.end())});
  return condition;
}

Condition Condition::substitute(ArrayRef<AffineExpr> at) const {
  if (AffineExpr expr = getExpr()) {
    Kind kind = getKind();
    SmallVector<AffineExpr> coordinates(at);
    for (auto [position, coordinate] : llvm::enumerate(coordinates)) {
      if (coordinate)
        continue;
      coordinate = getAffineConstantExpr(0, expr.getContext());
      if (expr.isFunctionOfDim(position))
        kind = Unknown;
    }
    return test(kind, expr.replaceDims(coordinates));
  }
  return combine(getKind(), llvm::map_to_vector(getOperands(), [&](auto &each) {
                   return each.substitute(at);
                 }));
}

void Condition::collectVars(const Names &names,
                            llvm::SmallSetVector<StringAttr, 4> &vars) const {
  if (AffineExpr expr = getExpr())
    expr.walk([&](AffineExpr part) {
      if (auto dim = dyn_cast<AffineDimExpr>(part))
        vars.insert(names.getVarName(dim.getPosition()));
    });
  for (const Condition &operand : getOperands())
    operand.collectVars(names, vars);
}

bool Condition::operator==(const Condition &other) const {
  return node == other.node ||
         (getKind() == other.getKind() && getExpr() == other.getExpr() &&
          getOperands() == other.getOperands());
}

void Condition::print(const Names &names, raw_ostream &out) const {
  switch (getKind()) {
  case Positive:
  case Zero:
    names.print(getExpr(), out);
    out << (getKind() == Positive ? " >= 0" : " == 0");
    return;
  case Unknown: {
    llvm::SmallSetVector<StringAttr, 4> vars;
    collectVars(names, vars);
    out << "a condition on (";
    llvm::interleaveComma(vars, out,
                          [&](StringAttr var) { out << var.getValue(); });
    out << ")";
    return;
  }
  case Not:
    out << "not (";
    getOperands().front().print(names, out);
    out << ")";
    return;
  case And:
  case Or:
    out << "(";
    llvm::interleave(
        getOperands(), out,
        [&](const Condition &operand) { operand.print(names, out); },
        getKind() == And ? " and " : " or ");
    out << ")";
    return;
  }
}

void PointSet::print(const Names &names, raw_ostream &out) const {
  out << "points (";
  llvm::interleaveComma(vars, out,
                        [&](StringAttr var) { out << var.getValue(); });
  out << ") where ";
  llvm::interleave(
      conditions, out,
      [&](const Condition &condition) { condition.print(names, out); },
      " and ");
}

//===----------------------------------------------------------------------===//
// Counting
//===----------------------------------------------------------------------===//

namespace {
/// Counts points as nested loops do, but that the innermost goes from interval
/// to interval.
class PointCounter {
public:
  using Lookup = llvm::function_ref<std::optional<int64_t>(StringAttr)>;
  PointCounter(const PointSet &set, const Names &names, Lookup value);
  PointCount count();

private:
  enum Truth { No, Yes, Maybe };
  std::optional<int64_t> evaluate(AffineExpr expr) const;
  Truth evaluate(const Condition &condition) const;
  bool holds();
  bool isLinear(AffineExpr expr) const;
  bool isLinear(const Condition &condition) const;
  void addBreaks(const Condition &condition, SmallVectorImpl<int64_t> &breaks);
  int64_t countInner();

  const PointSet &set;
  const Names &names;
  SmallVector<std::optional<int64_t>> symbols;
  SmallVector<int64_t> coordinates; // One for each variable of `names`.
  SmallVector<unsigned> outer;      // Positions of all variables but `inner`.
  SmallVector<int64_t> outerExtents;
  unsigned inner = 0;
  int64_t innerExtent = 1;
  bool hasIntervals = true, isBound = false;
};
} // namespace

/// Steps of all loops around the innermost; beyond, they are sampled.
static constexpr int64_t maxSteps = int64_t(1) << 21;

PointCounter::PointCounter(const PointSet &set, const Names &names,
                           Lookup value)
    : set(set), names(names), coordinates(names.getVars().size(), 0) {
  for (StringAttr symbol : names.getSymbols())
    symbols.push_back(value(symbol));
  // The longest variable is the innermost, among those that form intervals.
  SmallVector<std::pair<unsigned, int64_t>> all;
  std::pair<bool, int64_t> best{false, -1};
  for (StringAttr var : set.vars) {
    auto extent = value(
        StringAttr::get(var.getContext(), "|" + var.getValue().str() + "|"));
    all.push_back(
        {unsigned(llvm::find(names.getVars(), var) - names.getVars().begin()),
         extent.value_or(1)});
    inner = all.back().first;
    bool linear = llvm::all_of(set.conditions, [&](const Condition &condition) {
      return isLinear(condition);
    });
    best = std::max(best, {linear, all.back().second});
  }
  for (auto [position, extent] : all) {
    inner = position;
    bool linear = llvm::all_of(set.conditions, [&](const Condition &condition) {
      return isLinear(condition);
    });
    if (std::pair(linear, extent) == best)
      break;
  }
  hasIntervals = best.first;
  for (auto [position, extent] : all) {
    if (position == inner) {
      innerExtent = extent;
      continue;
    }
    outer.push_back(position);
    outerExtents.push_back(extent);
  }
}

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

PointCounter::Truth PointCounter::evaluate(const Condition &condition) const {
  switch (condition.getKind()) {
  case Condition::Unknown:
    return Maybe;
  case Condition::Positive:
  case Condition::Zero: {
    std::optional<int64_t> value = evaluate(condition.getExpr());
    if (!value)
      return Maybe;
    bool isPositive = condition.getKind() == Condition::Positive;
    return (isPositive ? *value >= 0 : *value == 0) ? Yes : No;
  }
  case Condition::Not: {
    Truth truth = evaluate(condition.getOperands().front());
    return truth == Maybe ? Maybe : truth == Yes ? No : Yes;
  }
  case Condition::And:
  case Condition::Or:
    break;
  }
  Truth decisive = condition.getKind() == Condition::And ? No : Yes;
  Truth result = decisive == No ? Yes : No;
  for (const Condition &operand : condition.getOperands()) {
    Truth truth = evaluate(operand);
    if (truth == decisive)
      return decisive;
    if (truth == Maybe)
      result = Maybe;
  }
  return result;
}

bool PointCounter::holds() {
  bool isMaybe = false;
  for (const Condition &condition : set.conditions) {
    Truth truth = evaluate(condition);
    if (truth == No)
      return false;
    isMaybe |= truth == Maybe;
  }
  isBound |= isMaybe;
  return true;
}

/// Whether `expr` is a sum with a multiple of the innermost variable.
bool PointCounter::isLinear(AffineExpr expr) const {
  if (!expr.isFunctionOfDim(inner) || isa<AffineDimExpr>(expr))
    return true;
  auto binary = cast<AffineBinaryOpExpr>(expr);
  bool isSum = expr.getKind() == AffineExprKind::Add ||
               expr.getKind() == AffineExprKind::Mul;
  return isSum && isLinear(binary.getLHS()) && isLinear(binary.getRHS());
}

bool PointCounter::isLinear(const Condition &condition) const {
  if (AffineExpr expr = condition.getExpr())
    return isLinear(expr);
  return llvm::all_of(condition.getOperands(), [&](const Condition &operand) {
    return isLinear(operand);
  });
}

/// Adds the coordinates at which a comparison may change.
void PointCounter::addBreaks(const Condition &condition,
                             SmallVectorImpl<int64_t> &breaks) {
  for (const Condition &operand : condition.getOperands())
    addBreaks(operand, breaks);
  AffineExpr expr = condition.getExpr();
  if (!expr || !expr.isFunctionOfDim(inner))
    return;
  coordinates[inner] = 0;
  std::optional<int64_t> base = evaluate(expr);
  coordinates[inner] = 1;
  std::optional<int64_t> next = evaluate(expr);
  if (!base || !next || *base == *next)
    return;
  // base + slope * v crosses 0 here; on both sides of it the sign is constant.
  int64_t slope = *next - *base;
  int64_t root = llvm::divideFloorSigned(-*base, slope);
  for (int64_t at : {root, root + 1})
    if (at > 0 && at < innerExtent)
      breaks.push_back(at);
}

int64_t PointCounter::countInner() {
  SmallVector<int64_t> breaks{0};
  if (hasIntervals)
    for (const Condition &condition : set.conditions)
      addBreaks(condition, breaks);
  else
    for (int64_t at = 1; at < innerExtent; ++at)
      breaks.push_back(at);
  llvm::sort(breaks);
  breaks.erase(llvm::unique(breaks), breaks.end());
  breaks.push_back(innerExtent);
  int64_t points = 0;
  for (unsigned i = 0; i + 1 < breaks.size(); ++i) {
    coordinates[inner] = breaks[i];
    // A root and the coordinate after it both begin an interval, so that an
    // equation's solution stands alone.
    if (holds())
      points += breaks[i + 1] - breaks[i];
  }
  return points;
}

PointCount PointCounter::count() {
  double steps = hasIntervals ? 1 : innerExtent;
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
