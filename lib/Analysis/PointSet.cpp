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
