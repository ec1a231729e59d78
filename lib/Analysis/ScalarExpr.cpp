//===- ScalarExpr.cpp - Uniquing ------------------------------------------===//
//
// Every constructor brings its result to the canonical form of ScalarExpr.h: of
// sums, products and powers in ExprProducts.cpp, of functions in
// ExprFunctions.cpp.
// An n-ary operand list is sorted by id, that is by time of making: the order
// is deterministic and follows the source, so that `x - m` prints as written.
//
//===----------------------------------------------------------------------===//

#include "lib/Analysis/ScalarExpr.h"
#include "lib/Analysis/ExprNumbers.h"

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
