//===- ScalarExpr.cpp - Uniquing and canonical form -----------------------===//
//
// Every constructor brings its result to the canonical form of ScalarExpr.h.
// An n-ary operand list is sorted by id, that is by time of making: the order
// is deterministic and follows the source, so that `x - m` prints as written.
//
//===----------------------------------------------------------------------===//

#include "lib/Analysis/ScalarExpr.h"

#include "llvm/ADT/FoldingSet.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Allocator.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <map>
#include <vector>

using namespace attn;
using llvm::ArrayRef;
using llvm::SmallVector;

namespace attn {
struct ExprNode : llvm::FoldingSetNode {
  ExprKind kind;
  bool hasAccumulator;
  bool nonNegative;
  bool nonZero;
  unsigned id;
  unsigned index;
  double value;
  ExprContext *context;
  ArrayRef<Expr> operands;
  RankSet ranks;

  static void profile(llvm::FoldingSetNodeID &id, ExprKind kind,
                      ArrayRef<Expr> operands, double value, unsigned index) {
    id.AddInteger(static_cast<unsigned>(kind));
    id.AddInteger(index);
    id.AddInteger(llvm::bit_cast<uint64_t>(value));
    for (Expr operand : operands)
      id.AddPointer(operand.getNode());
  }
  void Profile(llvm::FoldingSetNodeID &id) const {
    profile(id, kind, operands, value, index);
  }
};
} // namespace attn

struct ExprContext::Impl {
  llvm::BumpPtrAllocator allocator;
  llvm::FoldingSet<ExprNode> nodes;
  unsigned nextId = 0;
  std::map<double, Expr> constants;
  std::vector<LeafInfo> leaves;
  llvm::DenseMap<uint64_t, Expr> leafOfKey;
  std::vector<std::string> rankNames;
  llvm::StringMap<unsigned> rankOfName;
  std::vector<std::pair<std::string, FunctionTraits>> functions;
  llvm::StringMap<unsigned> functionOfName;
  std::vector<std::string> types;
  llvm::StringMap<unsigned> typeOfName;
};

/// Two constants closer than this, relative to them, are one constant.
static constexpr double relativeTolerance = 1e-12;

static bool isInteger(double value) { return std::floor(value) == value; }
static bool isEven(double value) { return isInteger(value / 2); }

//===----------------------------------------------------------------------===//
// Expr
//===----------------------------------------------------------------------===//

ExprKind Expr::kind() const { return node->kind; }
ArrayRef<Expr> Expr::operands() const { return node->operands; }
double Expr::value() const { return node->value; }
unsigned Expr::rank() const { return node->index; }
const RankSet &Expr::ranks() const { return node->ranks; }
bool Expr::hasAccumulator() const { return node->hasAccumulator; }
unsigned Expr::id() const { return node->id; }
ExprContext &Expr::context() const { return *node->context; }

std::optional<double> Expr::getConstant() const {
  if (!is(ExprKind::Constant))
    return std::nullopt;
  return node->value;
}

llvm::StringRef Expr::name() const {
  ExprContext::Impl &impl = *node->context->impl;
  return is(ExprKind::Cast) ? impl.types[node->index]
                            : impl.functions[node->index].first;
}

const FunctionTraits &Expr::traits() const {
  return node->context->impl->functions[node->index].second;
}

const LeafInfo &Expr::leaf() const {
  return node->context->impl->leaves[node->index];
}

bool attn::isStructurallyNonNegative(Expr expr) {
  return expr.getNode()->nonNegative;
}
bool attn::isStructurallyNonZero(Expr expr) { return expr.getNode()->nonZero; }

//===----------------------------------------------------------------------===//
// Uniquing
//===----------------------------------------------------------------------===//

ExprContext::ExprContext() : impl(std::make_unique<Impl>()) {
  // So that what is computed from them snaps to them.
  constant(0);
  constant(1);
  constant(M_LN2);
}

ExprContext::~ExprContext() = default;

unsigned ExprContext::getRank(llvm::StringRef name) {
  auto [it, inserted] =
      impl->rankOfName.try_emplace(name, impl->rankNames.size());
  if (inserted) {
    if (impl->rankNames.size() == RankSet().size())
      llvm::report_fatal_error("more than 256 rank variables in a cascade");
    impl->rankNames.push_back(name.str());
  }
  return it->second;
}

llvm::StringRef ExprContext::getRankName(unsigned rank) const {
  return impl->rankNames[rank];
}

/// Sets what a node inherits from its operands.
static void summarise(ExprNode &node, const LeafInfo *leaf,
                      const FunctionTraits *traits) {
  ArrayRef<Expr> operands = node.operands;
  for (Expr operand : operands) {
    node.ranks |= operand.ranks();
    node.hasAccumulator |= operand.hasAccumulator();
  }
  bool allNonNegative = llvm::all_of(operands, isStructurallyNonNegative);
  bool allNonZero = llvm::all_of(operands, isStructurallyNonZero);
  switch (node.kind) {
  case ExprKind::Constant:
    node.nonNegative = node.value >= 0;
    node.nonZero = node.value != 0;
    break;
  case ExprKind::Leaf:
    node.ranks = leaf->ranks;
    node.hasAccumulator = leaf->accumulator;
    node.nonNegative = leaf->lower >= 0;
    node.nonZero = leaf->lower > 0 || leaf->upper < 0;
    break;
  case ExprKind::RankVar:
    node.ranks.set(node.index);
    node.nonNegative = true;
    break;
  case ExprKind::Extent:
  case ExprKind::Less:
  case ExprKind::LessEqual:
  case ExprKind::Equal:
  case ExprKind::And:
  case ExprKind::Or:
  case ExprKind::Not:
    node.nonNegative = true;
    break;
  case ExprKind::Add:
    node.nonNegative = allNonNegative;
    node.nonZero =
        allNonNegative && llvm::any_of(operands, isStructurallyNonZero);
    break;
  case ExprKind::Mul:
    node.nonNegative = allNonNegative;
    node.nonZero = allNonZero;
    break;
  case ExprKind::Pow:
    // A root is defined for nothing else.
    node.nonNegative =
        allNonNegative || !isInteger(node.value) || isEven(node.value);
    node.nonZero = allNonZero;
    break;
  case ExprKind::Exp:
  case ExprKind::Sigmoid:
    node.nonNegative = node.nonZero = true;
    break;
  case ExprKind::Abs:
    node.nonNegative = true;
    node.nonZero = allNonZero;
    break;
  case ExprKind::Max:
    node.nonNegative = llvm::any_of(operands, isStructurallyNonNegative);
    node.nonZero = llvm::any_of(operands, [](Expr operand) {
      return isStructurallyNonNegative(operand) &&
             isStructurallyNonZero(operand);
    });
    break;
  case ExprKind::Select:
    node.nonNegative =
        llvm::all_of(operands.drop_front(), isStructurallyNonNegative);
    node.nonZero = llvm::all_of(operands.drop_front(), isStructurallyNonZero);
    break;
  case ExprKind::Tanh:
  case ExprKind::Erf:
  case ExprKind::Floor:
  case ExprKind::Round:
  case ExprKind::Cast:
    node.nonNegative = allNonNegative;
    break;
  case ExprKind::Call:
    node.nonNegative = traits->lower >= 0;
    node.nonZero = traits->lower > 0 || traits->upper < 0;
    break;
  case ExprKind::Log:
  case ExprKind::Sin:
  case ExprKind::Cos:
    break;
  }
}

Expr ExprContext::unique(ExprKind kind, ArrayRef<Expr> operands, double value,
                         unsigned index) {
  llvm::FoldingSetNodeID id;
  ExprNode::profile(id, kind, operands, value, index);
  void *position;
  if (ExprNode *node = impl->nodes.FindNodeOrInsertPos(id, position))
    return Expr(node);
  auto *node = new (impl->allocator.Allocate<ExprNode>()) ExprNode();
  node->kind = kind;
  node->id = impl->nextId++;
  node->index = index;
  node->value = value;
  node->context = this;
  node->operands = operands.copy(impl->allocator);
  summarise(*node, kind == ExprKind::Leaf ? &impl->leaves[index] : nullptr,
            kind == ExprKind::Call ? &impl->functions[index].second : nullptr);
  impl->nodes.InsertNode(node, position);
  return Expr(node);
}

Expr ExprContext::constant(double value) {
  if (!std::isfinite(value))
    return unique(ExprKind::Constant, {}, value);
  double tolerance = relativeTolerance * std::fabs(value);
  if (double nearest = std::nearbyint(value);
      std::fabs(value - nearest) <= tolerance)
    value = nearest;
  if (value == 0)
    value = 0; // not -0
  auto it = impl->constants.lower_bound(value - tolerance);
  if (it != impl->constants.end() && it->first <= value + tolerance)
    return it->second;
  return impl->constants[value] = unique(ExprKind::Constant, {}, value);
}

Expr ExprContext::leaf(LeafInfo info) {
  auto [it, inserted] = impl->leafOfKey.try_emplace(info.key);
  if (inserted) {
    impl->leaves.push_back(std::move(info));
    it->second = unique(ExprKind::Leaf, {}, 0, impl->leaves.size() - 1);
  }
  return it->second;
}

Expr ExprContext::freshLeaf(llvm::StringRef name, const RankSet &ranks,
                            bool accumulator) {
  LeafInfo info;
  info.name = name.str();
  info.ranks = ranks;
  info.accumulator = accumulator;
  impl->leaves.push_back(std::move(info));
  return unique(ExprKind::Leaf, {}, 0, impl->leaves.size() - 1);
}

Expr ExprContext::rankVar(unsigned rank) {
  return unique(ExprKind::RankVar, {}, 0, rank);
}
Expr ExprContext::extent(unsigned rank) {
  return unique(ExprKind::Extent, {}, 0, rank);
}

//===----------------------------------------------------------------------===//
// Sums and products
//===----------------------------------------------------------------------===//

std::pair<double, Expr> attn::splitCoefficient(Expr expr) {
  ExprContext &context = expr.context();
  if (std::optional<double> value = expr.getConstant())
    return {*value, context.constant(1)};
  if (!expr.is(ExprKind::Mul))
    return {1, expr};
  std::optional<double> value = expr.operand(0).getConstant();
  if (!value)
    return {1, expr};
  return {*value, context.mul(expr.operands().drop_front())};
}

SmallVector<Expr> attn::getTerms(Expr expr) {
  if (expr.is(ExprKind::Add))
    return SmallVector<Expr>(expr.operands());
  return {expr};
}

SmallVector<Expr> attn::getFactors(Expr expr) {
  if (expr.is(ExprKind::Mul))
    return SmallVector<Expr>(expr.operands());
  return {expr};
}

std::pair<Expr, double> attn::splitPower(Expr expr) {
  if (expr.is(ExprKind::Pow))
    return {expr.operand(0), expr.value()};
  return {expr, 1};
}

Expr ExprContext::add(ArrayRef<Expr> terms) {
  struct Sum {
    double value = 0;
    double magnitude = 0;
    void add(double x) {
      value += x;
      magnitude += std::fabs(x);
    }
    /// What cancels up to rounding is 0.
    double get() const {
      if (std::fabs(value) <= relativeTolerance * magnitude)
        return 0;
      return value;
    }
  };
  llvm::MapVector<Expr, Sum> coefficients;
  Sum offset;
  auto collect = [&](Expr term) {
    auto [coefficient, rest] = splitCoefficient(term);
    if (rest.isConstant(1))
      offset.add(coefficient);
    else
      coefficients[rest].add(coefficient);
  };
  for (Expr term : terms)
    llvm::for_each(getTerms(term), collect);

  SmallVector<std::pair<Expr, double>> sorted;
  for (auto &[rest, coefficient] : coefficients)
    if (double value = coefficient.get(); value != 0)
      sorted.emplace_back(rest, value);
  llvm::sort(sorted,
             [](auto &a, auto &b) { return a.first.id() < b.first.id(); });

  SmallVector<Expr> result;
  for (auto &[rest, coefficient] : sorted) {
    Expr factor = constant(coefficient);
    if (factor.isConstant(1)) {
      result.push_back(rest);
      continue;
    }
    SmallVector<Expr> factors = {factor};
    llvm::append_range(factors, getFactors(rest));
    result.push_back(unique(ExprKind::Mul, factors));
  }
  if (offset.get() != 0 || result.empty())
    result.push_back(constant(offset.get()));
  if (result.size() == 1)
    return result.front();
  return unique(ExprKind::Add, result);
}

/// The factor to take out of a sum so that its first coefficient is 1 (only
/// its magnitude if `keepSign`).
static double getContent(Expr sum, bool keepSign) {
  double coefficient = splitCoefficient(sum.operand(0)).first;
  return keepSign ? std::fabs(coefficient) : coefficient;
}

static Expr scaleSum(ExprContext &context, Expr sum, double factor) {
  if (factor == 1)
    return sum;
  SmallVector<Expr> terms;
  for (Expr term : sum.operands()) {
    auto [coefficient, rest] = splitCoefficient(term);
    terms.push_back(
        context.mul({context.constant(coefficient * factor), rest}));
  }
  return context.add(terms);
}

Expr ExprContext::product(ArrayRef<Expr> factors, bool cancel) {
  double coefficient = 1;
  SmallVector<Expr> exponents;
  // The exponents of a base over and under the line: they meet only where
  // x / x = 1 may be used.
  llvm::MapVector<Expr, std::pair<double, double>> powers;
  auto collectPower = [&](Expr base, double exponent) {
    if (base.is(ExprKind::Add)) {
      double content = getContent(base, /*keepSign=*/!isInteger(exponent));
      coefficient *= std::pow(content, exponent);
      base = scaleSum(*this, base, 1 / content);
    }
    auto &[over, under] = powers[base];
    (exponent > 0 ? over : under) += exponent;
  };
  SmallVector<Expr> worklist(llvm::reverse(factors));
  SmallVector<Expr> result;
  while (!worklist.empty()) {
    Expr factor = worklist.pop_back_val();
    if (factor.is(ExprKind::Constant))
      coefficient *= factor.value();
    else if (factor.is(ExprKind::Mul))
      worklist.append(factor.operands().rbegin(), factor.operands().rend());
    else if (factor.is(ExprKind::Exp))
      exponents.push_back(factor.operand(0));
    else
      std::apply(collectPower, splitPower(factor));
  }
  if (coefficient == 0)
    return constant(0);

  if (exponents.size() == 1) {
    result.push_back(unique(ExprKind::Exp, exponents));
  } else if (!exponents.empty()) {
    for (Expr factor : getFactors(exp(add(exponents)))) {
      if (factor.is(ExprKind::Constant))
        coefficient *= factor.value();
      else if (factor.is(ExprKind::Exp))
        result.push_back(factor);
      else
        std::apply(collectPower, splitPower(factor));
    }
  }
  auto appendPower = [&](Expr base, double exponent) {
    if (exponent == 1)
      result.push_back(base);
    else if (exponent != 0)
      result.push_back(unique(ExprKind::Pow, base, exponent));
  };
  for (auto &[base, exponent] : powers) {
    auto [over, under] = exponent;
    if (cancel || over + under > 0 || isStructurallyNonZero(base)) {
      appendPower(base, over + under);
    } else {
      appendPower(base, over);
      appendPower(base, under);
    }
  }
  auto order = [](Expr factor) {
    auto [base, exponent] = splitPower(factor);
    return std::make_pair(base.id(), -exponent);
  };
  llvm::sort(result, [&](Expr a, Expr b) { return order(a) < order(b); });

  Expr leading = constant(coefficient);
  if (result.empty())
    return leading;
  if (result.size() == 1 && result.front().is(ExprKind::Add))
    return scaleSum(*this, result.front(), leading.value());
  if (!leading.isConstant(1))
    result.insert(result.begin(), leading);
  if (result.size() == 1)
    return result.front();
  return unique(ExprKind::Mul, result);
}

Expr ExprContext::mul(ArrayRef<Expr> factors) {
  // A number times one term is the case that sums are made of.
  if (factors.size() == 1)
    return factors.front();
  return product(factors, /*cancel=*/false);
}

Expr ExprContext::quotient(Expr numerator, Expr denominator) {
  return product({numerator, pow(denominator, -1)}, /*cancel=*/true);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

Expr ExprContext::pow(Expr base, double exponent) {
  if (exponent == 0)
    return constant(1);
  if (exponent == 1)
    return base;
  switch (base.kind()) {
  case ExprKind::Constant: {
    double value = std::pow(base.value(), exponent);
    if (std::isfinite(value))
      return constant(value);
    break;
  }
  case ExprKind::Exp:
    return exp(mul({constant(exponent), base.operand(0)}));
  case ExprKind::Abs:
    if (isEven(exponent))
      return pow(base.operand(0), exponent);
    break;
  case ExprKind::Pow: {
    Expr inner = base.operand(0);
    if (isInteger(exponent) || isStructurallyNonNegative(inner))
      return pow(inner, base.value() * exponent);
    if (isEven(base.value()))
      return pow(unary(ExprKind::Abs, inner), base.value() * exponent);
    break;
  }
  case ExprKind::Mul: {
    // A root distributes over what is not negative.
    SmallVector<Expr> inside, outside;
    for (Expr factor : base.operands()) {
      if (isInteger(exponent) || isStructurallyNonNegative(factor)) {
        outside.push_back(pow(factor, exponent));
      } else if (std::optional<double> value = factor.getConstant()) {
        outside.push_back(constant(std::pow(-*value, exponent)));
        inside.push_back(constant(-1));
      } else {
        inside.push_back(factor);
      }
    }
    if (inside.empty())
      return mul(outside);
    // One factor of unknown sign takes the sign of the product.
    if (outside.empty())
      break;
    outside.push_back(unique(ExprKind::Pow, mul(inside), exponent));
    return mul(outside);
  }
  case ExprKind::Add: {
    double content = getContent(base, /*keepSign=*/!isInteger(exponent));
    if (content == 1)
      break;
    Expr primitive = scaleSum(*this, base, 1 / content);
    return mul({constant(std::pow(content, exponent)),
                unique(ExprKind::Pow, primitive, exponent)});
  }
  default:
    break;
  }
  return unique(ExprKind::Pow, base, exponent);
}

Expr ExprContext::pow(Expr base, Expr exponent) {
  if (std::optional<double> value = exponent.getConstant())
    return pow(base, *value);
  return call("pow", {base, exponent});
}

Expr ExprContext::exp(Expr operand) {
  if (std::optional<double> value = operand.getConstant())
    return constant(std::exp(*value));
  SmallVector<Expr> kept, powers;
  for (Expr term : getTerms(operand)) {
    auto [coefficient, rest] = splitCoefficient(term);
    if (rest.is(ExprKind::Log))
      powers.push_back(pow(rest.operand(0), coefficient));
    else
      kept.push_back(term);
  }
  if (powers.empty())
    return unique(ExprKind::Exp, operand);
  powers.push_back(exp(add(kept)));
  return mul(powers);
}

Expr ExprContext::log(Expr operand) {
  if (std::optional<double> value = operand.getConstant(); value && *value > 0)
    return constant(std::log(*value));
  if (operand.is(ExprKind::Exp))
    return operand.operand(0);
  if (operand.is(ExprKind::Pow) &&
      (!isEven(operand.value()) ||
       isStructurallyNonNegative(operand.operand(0))))
    return mul({constant(operand.value()), log(operand.operand(0))});
  SmallVector<Expr> outside, inside;
  for (Expr factor : getFactors(operand)) {
    if (factor.is(ExprKind::Exp))
      outside.push_back(factor.operand(0));
    else
      inside.push_back(factor);
  }
  if (outside.empty())
    return unique(ExprKind::Log, operand);
  outside.push_back(log(mul(inside)));
  return add(outside);
}

static double foldUnary(ExprKind kind, double value) {
  switch (kind) {
  case ExprKind::Tanh:
    return std::tanh(value);
  case ExprKind::Sigmoid:
    return 1 / (1 + std::exp(-value));
  case ExprKind::Erf:
    return std::erf(value);
  case ExprKind::Sin:
    return std::sin(value);
  case ExprKind::Cos:
    return std::cos(value);
  case ExprKind::Abs:
    return std::fabs(value);
  case ExprKind::Floor:
    return std::floor(value);
  case ExprKind::Round:
    return std::nearbyint(value);
  default:
    llvm_unreachable("not a function of one operand");
  }
}

/// The sign of the first coefficient.
static bool isLeadingNegative(Expr expr) {
  Expr first = expr.is(ExprKind::Add) ? expr.operand(0) : expr;
  return splitCoefficient(first).first < 0;
}

Expr ExprContext::oddFunction(ExprKind kind, Expr operand) {
  if (isLeadingNegative(operand))
    return -unique(kind, -operand);
  return unique(kind, operand);
}

Expr ExprContext::unary(ExprKind kind, Expr operand) {
  if (kind == ExprKind::Exp)
    return exp(operand);
  if (kind == ExprKind::Log)
    return log(operand);
  if (std::optional<double> value = operand.getConstant())
    return constant(foldUnary(kind, *value));
  switch (kind) {
  case ExprKind::Tanh:
  case ExprKind::Erf:
  case ExprKind::Sin:
  case ExprKind::Round:
    return oddFunction(kind, operand);
  case ExprKind::Cos:
    return unique(kind, isLeadingNegative(operand) ? -operand : operand);
  case ExprKind::Abs: {
    if (isStructurallyNonNegative(operand))
      return operand;
    if (operand.is(ExprKind::Add))
      return unique(kind, isLeadingNegative(operand) ? -operand : operand);
    auto [coefficient, rest] = splitCoefficient(operand);
    if (coefficient == 1)
      return unique(kind, rest);
    return mul({constant(std::fabs(coefficient)), unary(kind, rest)});
  }
  default:
    return unique(kind, operand);
  }
}

Expr ExprContext::max(ArrayRef<Expr> operands) {
  double bound = -std::numeric_limits<double>::infinity();
  SmallVector<Expr> result;
  // max(c ? a : b, c ? d : e) = c ? max(a, d) : max(b, e)
  llvm::MapVector<Expr, Expr> selects;
  auto collect = [&](Expr operand) {
    if (operand.is(ExprKind::Select)) {
      Expr &merged = selects[operand.operand(0)];
      merged = !merged ? operand
                       : select(operand.operand(0),
                                max({merged.operand(1), operand.operand(1)}),
                                max({merged.operand(2), operand.operand(2)}));
      if (merged.is(ExprKind::Select))
        return;
      result.push_back(merged);
      selects.erase(operand.operand(0));
      return;
    }
    if (std::optional<double> value = operand.getConstant())
      bound = std::max(bound, *value);
    else
      result.push_back(operand);
  };
  for (Expr operand : operands) {
    if (operand.is(ExprKind::Max))
      llvm::for_each(operand.operands(), collect);
    else
      collect(operand);
  }
  for (auto &[condition, merged] : selects)
    result.push_back(merged);
  // By what is under a sign, so that a minimum keeps its order too.
  auto order = [](Expr operand) {
    auto [coefficient, rest] = splitCoefficient(operand);
    return std::make_pair(rest.id(), coefficient);
  };
  llvm::sort(result, [&](Expr a, Expr b) { return order(a) < order(b); });
  result.erase(llvm::unique(result), result.end());
  if (result.empty() || std::isfinite(bound) || bound > 0)
    result.push_back(constant(bound));
  if (result.size() == 1)
    return result.front();
  return unique(ExprKind::Max, result);
}

Expr ExprContext::min(ArrayRef<Expr> operands) {
  SmallVector<Expr> negated;
  for (Expr operand : operands)
    negated.push_back(-operand);
  return -max(negated);
}

Expr ExprContext::select(Expr condition, Expr ifTrue, Expr ifFalse) {
  if (ifTrue == ifFalse)
    return ifTrue;
  if (std::optional<double> value = condition.getConstant())
    return *value != 0 ? ifTrue : ifFalse;
  if (condition.is(ExprKind::Not))
    return select(condition.operand(0), ifFalse, ifTrue);
  return unique(ExprKind::Select, {condition, ifTrue, ifFalse});
}

Expr ExprContext::compare(ExprKind kind, Expr lhs, Expr rhs) {
  if (lhs == rhs)
    return constant(kind != ExprKind::Less);
  std::optional<double> a = lhs.getConstant(), b = rhs.getConstant();
  if (a && b)
    return constant(kind == ExprKind::Less        ? *a < *b
                    : kind == ExprKind::LessEqual ? *a <= *b
                                                  : *a == *b);
  if (kind == ExprKind::Equal && rhs.id() < lhs.id())
    std::swap(lhs, rhs);
  return unique(kind, {lhs, rhs});
}

Expr ExprContext::connective(ExprKind kind, ArrayRef<Expr> operands) {
  bool identity = kind == ExprKind::And;
  SmallVector<Expr> result;
  for (Expr operand : operands) {
    if (operand.is(kind)) {
      llvm::append_range(result, operand.operands());
    } else if (std::optional<double> value = operand.getConstant()) {
      if ((*value != 0) != identity)
        return constant(!identity);
    } else {
      result.push_back(operand);
    }
  }
  llvm::sort(result, [](Expr a, Expr b) { return a.id() < b.id(); });
  result.erase(llvm::unique(result), result.end());
  if (result.empty())
    return constant(identity);
  if (result.size() == 1)
    return result.front();
  return unique(kind, result);
}

Expr ExprContext::logicalAnd(ArrayRef<Expr> operands) {
  return connective(ExprKind::And, operands);
}
Expr ExprContext::logicalOr(ArrayRef<Expr> operands) {
  return connective(ExprKind::Or, operands);
}

Expr ExprContext::logicalNot(Expr operand) {
  if (std::optional<double> value = operand.getConstant())
    return constant(*value == 0);
  if (operand.is(ExprKind::Not))
    return operand.operand(0);
  return unique(ExprKind::Not, operand);
}

Expr ExprContext::cast(llvm::StringRef type, Expr operand) {
  auto [it, inserted] = impl->typeOfName.try_emplace(type, impl->types.size());
  if (inserted)
    impl->types.push_back(type.str());
  return unique(ExprKind::Cast, operand, 0, it->second);
}

Expr ExprContext::call(llvm::StringRef function, ArrayRef<Expr> operands,
                       const FunctionTraits &traits) {
  auto [it, inserted] =
      impl->functionOfName.try_emplace(function, impl->functions.size());
  if (inserted)
    impl->functions.emplace_back(function.str(), traits);
  return unique(ExprKind::Call, operands, 0, it->second);
}

Expr ExprContext::rebuild(Expr expr, ArrayRef<Expr> operands) {
  switch (expr.kind()) {
  case ExprKind::Constant:
  case ExprKind::Leaf:
  case ExprKind::RankVar:
  case ExprKind::Extent:
    return expr;
  case ExprKind::Add:
    return add(operands);
  case ExprKind::Mul:
    return mul(operands);
  case ExprKind::Pow:
    return pow(operands[0], expr.value());
  case ExprKind::Exp:
  case ExprKind::Log:
  case ExprKind::Tanh:
  case ExprKind::Sigmoid:
  case ExprKind::Erf:
  case ExprKind::Sin:
  case ExprKind::Cos:
  case ExprKind::Abs:
  case ExprKind::Floor:
  case ExprKind::Round:
    return unary(expr.kind(), operands[0]);
  case ExprKind::Max:
    return max(operands);
  case ExprKind::Select:
    return select(operands[0], operands[1], operands[2]);
  case ExprKind::Less:
  case ExprKind::LessEqual:
  case ExprKind::Equal:
    return compare(expr.kind(), operands[0], operands[1]);
  case ExprKind::And:
  case ExprKind::Or:
    return connective(expr.kind(), operands);
  case ExprKind::Not:
    return logicalNot(operands[0]);
  case ExprKind::Cast:
  case ExprKind::Call:
    return unique(expr.kind(), operands, 0, expr.getNode()->index);
  }
  llvm_unreachable("unknown expression kind");
}

//===----------------------------------------------------------------------===//
// Infix
//===----------------------------------------------------------------------===//

static Expr number(Expr expr, double value) {
  return expr.context().constant(value);
}

Expr attn::operator+(Expr a, Expr b) { return a.context().add({a, b}); }
Expr attn::operator*(Expr a, Expr b) { return a.context().mul({a, b}); }
Expr attn::operator-(Expr a, Expr b) { return a + -b; }
Expr attn::operator/(Expr a, Expr b) { return a * a.context().pow(b, -1.0); }
Expr attn::operator-(Expr a) { return number(a, -1) * a; }
Expr attn::operator+(Expr a, double b) { return a + number(a, b); }
Expr attn::operator-(Expr a, double b) { return a + number(a, -b); }
Expr attn::operator+(double a, Expr b) { return number(b, a) + b; }
Expr attn::operator-(double a, Expr b) { return number(b, a) - b; }
Expr attn::operator*(double a, Expr b) { return number(b, a) * b; }
Expr attn::operator*(Expr a, double b) { return a * number(a, b); }
Expr attn::operator/(Expr a, double b) { return a / number(a, b); }
Expr attn::operator/(double a, Expr b) { return number(b, a) / b; }
Expr attn::exp(Expr a) { return a.context().exp(a); }
Expr attn::exp2(Expr a) { return exp(M_LN2 * a); }
Expr attn::log(Expr a) { return a.context().log(a); }
Expr attn::log2(Expr a) { return 1 / M_LN2 * log(a); }
Expr attn::sqrt(Expr a) { return a.context().pow(a, 0.5); }
Expr attn::rsqrt(Expr a) { return a.context().pow(a, -0.5); }
Expr attn::tanh(Expr a) { return a.context().unary(ExprKind::Tanh, a); }
Expr attn::sigmoid(Expr a) { return a.context().unary(ExprKind::Sigmoid, a); }
Expr attn::abs(Expr a) { return a.context().unary(ExprKind::Abs, a); }
Expr attn::round(Expr a) { return a.context().unary(ExprKind::Round, a); }
Expr attn::max(Expr a, Expr b) { return a.context().max({a, b}); }
Expr attn::min(Expr a, Expr b) { return a.context().min({a, b}); }
