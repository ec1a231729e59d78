//===- ExprAlgebra.cpp - Traversal, substitution, expansion, derivative ---===//
//
// An operand is always older than its user, so visiting the reachable nodes by
// id is a post-order without recursion, each shared node once.
//
//===----------------------------------------------------------------------===//

#include "lib/Analysis/ScalarExpr.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"

#include <cmath>

using namespace attn;
using llvm::ArrayRef;
using llvm::SmallVector;

SmallVector<Expr> attn::postOrder(ArrayRef<Expr> roots) {
  llvm::DenseSet<Expr> seen;
  SmallVector<Expr> order;
  SmallVector<Expr> worklist(roots);
  while (!worklist.empty()) {
    Expr expr = worklist.pop_back_val();
    if (!seen.insert(expr).second)
      continue;
    order.push_back(expr);
    llvm::append_range(worklist, expr.operands());
  }
  llvm::sort(order, [](Expr a, Expr b) { return a.id() < b.id(); });
  return order;
}

SmallVector<Expr> attn::getLeaves(Expr root) {
  SmallVector<Expr> leaves;
  for (Expr expr : postOrder(root))
    if (expr.is(ExprKind::Leaf))
      leaves.push_back(expr);
  return leaves;
}

bool attn::contains(Expr root, llvm::function_ref<bool(Expr)> predicate) {
  return llvm::any_of(postOrder(root), predicate);
}

Expr attn::substitute(Expr root, const ExprMap &map) {
  ExprMap result;
  for (Expr expr : postOrder(root)) {
    if (auto it = map.find(expr); it != map.end()) {
      result[expr] = it->second;
      continue;
    }
    SmallVector<Expr> operands;
    for (Expr operand : expr.operands())
      operands.push_back(result.lookup(operand));
    bool changed = ArrayRef<Expr>(operands) != expr.operands();
    result[expr] = changed ? expr.context().rebuild(expr, operands) : expr;
  }
  return result.lookup(root);
}

/// The product of `factors`, multiplied out, or null if it has too many terms.
static Expr expandProduct(ExprContext &context, ArrayRef<Expr> factors,
                          unsigned maxTerms) {
  SmallVector<Expr> terms = {context.constant(1)};
  for (Expr factor : factors) {
    auto [base, exponent] = splitPower(factor);
    bool isSum = base.is(ExprKind::Add) && exponent >= 1 && exponent <= 8 &&
                 std::floor(exponent) == exponent;
    unsigned repeat = isSum ? exponent : 1;
    for (unsigned i = 0; i < repeat; ++i) {
      SmallVector<Expr> next;
      SmallVector<Expr> addends = getTerms(isSum ? base : factor);
      // Of so many, hardly enough would add up.
      if (addends.size() * terms.size() > 8 * maxTerms)
        return Expr();
      for (Expr addend : addends)
        for (Expr term : terms)
          next.push_back(term * addend);
      Expr sum = context.add(next);
      terms = getTerms(sum);
      if (terms.size() > maxTerms)
        return Expr();
    }
  }
  return context.add(terms);
}

Expr Expander::operator()(Expr root) {
  ExprContext &context = root.context();
  if (Expr known = result.lookup(root))
    return known;
  for (Expr expr : postOrder(root)) {
    if (result.count(expr))
      continue;
    SmallVector<Expr> operands;
    for (Expr operand : expr.operands())
      operands.push_back(result.lookup(operand));
    bool changed = ArrayRef<Expr>(operands) != expr.operands();
    Expr rebuilt = changed ? context.rebuild(expr, operands) : expr;
    if (rebuilt.is(ExprKind::Mul) || rebuilt.is(ExprKind::Pow))
      if (Expr product = expandProduct(context, getFactors(rebuilt), maxTerms))
        rebuilt = product;
    result[expr] = rebuilt;
  }
  return result.lookup(root);
}

Expr attn::expand(Expr root) { return Expander()(root); }

/// d f / d operand for a function of one operand, or null.
static Expr differentiateUnary(Expr expr) {
  ExprContext &context = expr.context();
  Expr operand = expr.operand(0);
  switch (expr.kind()) {
  case ExprKind::Pow:
    return expr.value() * context.pow(operand, expr.value() - 1);
  case ExprKind::Exp:
    return expr;
  case ExprKind::Log:
    return 1 / operand;
  case ExprKind::Tanh:
    return context.constant(1) - expr * expr;
  case ExprKind::Sigmoid:
    return expr - expr * expr;
  case ExprKind::Erf:
    return M_2_SQRTPI * exp(-(operand * operand));
  case ExprKind::Sin:
    return context.unary(ExprKind::Cos, operand);
  case ExprKind::Cos:
    return -context.unary(ExprKind::Sin, operand);
  default:
    return Expr();
  }
}

Expr attn::differentiate(Expr root, Expr variable) {
  ExprContext &context = root.context();
  Expr zero = context.constant(0);
  ExprMap derivative;
  for (Expr expr : postOrder(root)) {
    Expr &result = derivative.try_emplace(expr, zero).first->second;
    if (expr == variable) {
      result = context.constant(1);
      continue;
    }
    SmallVector<Expr> inner;
    for (Expr operand : expr.operands())
      inner.push_back(derivative.find(operand)->second);
    if (llvm::all_of(inner, [&](Expr d) { return d == zero; }))
      continue;
    if (llvm::any_of(inner, [](Expr d) { return !d; })) {
      result = Expr();
      continue;
    }
    if (expr.is(ExprKind::Add)) {
      result = context.add(inner);
    } else if (expr.is(ExprKind::Mul)) {
      SmallVector<Expr> terms;
      for (auto [i, d] : llvm::enumerate(inner)) {
        SmallVector<Expr> factors(expr.operands());
        factors[i] = d;
        terms.push_back(context.mul(factors));
      }
      result = context.add(terms);
    } else {
      Expr outer = differentiateUnary(expr);
      result = outer ? outer * inner.front() : Expr();
    }
  }
  return derivative.find(root)->second;
}
