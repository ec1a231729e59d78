//===- DeriveClose.cpp - Carries what a reduction needs to be corrected ---===//
//
// F and its derivatives by d span a finite space: carries a reduction of each
// basis function, and corrects by the matrix of a shift of d. Moments about a
// running mean and entropy are of this kind.
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/DerivationRules.h"

#include "lib/Analysis/ExprClosure.h"

#include "llvm/ADT/STLExtras.h"

using namespace attn;
using llvm::ArrayRef;
using llvm::SmallVector;

/// The body with its largest sub-expressions of moving accumulators alone
/// replaced by symbols: the variables of the closure.
Expr Deriver::abstractInvariants(const Work &work,
                                 llvm::MapVector<Expr, Expr> &symbolOf) {
  auto getSymbol = [&](Expr expr) {
    auto [coefficient, rest] = splitCoefficient(expr);
    if (rest.is(ExprKind::Add)) {
      coefficient = splitCoefficient(rest.operand(0)).first;
      rest = rest / coefficient;
    }
    Expr &symbol = symbolOf[rest];
    if (!symbol)
      symbol = context.freshLeaf("u", RankSet());
    return coefficient * symbol;
  };
  auto isVariable = [&](Expr expr) {
    return isInvariant(work, expr) && dependsOnMoving(work, expr);
  };
  Expr body = expandExponents(work.body);
  ExprMap abstracted;
  for (Expr expr : postOrder(body)) {
    SmallVector<Expr> operands, variables;
    bool nary = expr.is(ExprKind::Add) || expr.is(ExprKind::Mul);
    for (Expr operand : expr.operands()) {
      if (isInvariant(work, expr) || !isVariable(operand))
        operands.push_back(abstracted.lookup(operand));
      else if (nary)
        variables.push_back(operand);
      else
        operands.push_back(getSymbol(operand));
    }
    if (!variables.empty())
      operands.push_back(getSymbol(expr.is(ExprKind::Add)
                                       ? context.add(variables)
                                       : context.mul(variables)));
    bool changed = ArrayRef<Expr>(operands) != expr.operands();
    abstracted[expr] = changed ? context.rebuild(expr, operands) : expr;
  }
  return abstracted.lookup(body);
}

/// True if the sum of `function`, written with sums that are accumulated
/// anyway, is 0: sum(x - S/N) = S - N*S/N.
bool Deriver::sumsToZero(const Work &work, Expr function,
                         const llvm::MapVector<Expr, Expr> &symbolOf,
                         const ExprMap &valueOf) {
  SmallVector<Expr> sums;
  for (Expr term : getTerms(expand(function))) {
    SmallVector<Expr> elements, rest;
    for (Expr factor : getFactors(term))
      (isInvariant(work, factor) ? rest : elements).push_back(factor);
    Expr body = elements.empty() ? context.constant(1) : context.mul(elements);
    Expr sum = findPlaced(work, body, work.phase);
    if (!sum)
      return false;
    rest.push_back(sum);
    sums.push_back(context.mul(rest));
  }
  return cancelFactors(substitute(context.add(sums), valueOf)).isConstant(0);
}

bool Deriver::close(Work &work, Expr &value, bool stabilised) {
  llvm::MapVector<Expr, Expr> symbolOf;
  Expr function = abstractInvariants(work, symbolOf);
  SmallVector<Expr> symbols, targets;
  for (auto &[target, symbol] : symbolOf) {
    symbols.push_back(symbol);
    targets.push_back(target);
  }
  if (contains(function, [&](Expr e) { return work.moving.count(e); }))
    return false;
  std::optional<ShiftClosure> closure =
      ShiftClosure::get(function, symbols, options.maxClosure);
  if (!closure)
    return false;
  ArrayRef<Expr> basis = closure->getBasis();

  // During the traversal the variables may have any value. A mean over the
  // whole extent would start far off; the mean of what was seen is better, and
  // the finish moves to the value asked for.
  SmallVector<Expr> centres = targets;
  ExprMap countOf;
  for (Expr target : targets)
    for (Expr inner : postOrder(target))
      if (inner.is(ExprKind::Extent) &&
          work.reduction.reduced.test(inner.rank()) &&
          work.reduction.reduced.count() == 1)
        countOf[inner] = Expr();
  if (!countOf.empty()) {
    Expr one = context.constant(1);
    Expr count = findPlaced(work, one, work.phase);
    if (!count)
      count = create(work, one, work.phase, "count").leaf;
    for (auto &entry : countOf)
      entry.second = count;
    for (Expr &centre : centres)
      centre = substitute(centre, countOf);
  }

  ExprMap valueOf, previousOf = getPreviousMap(work);
  for (auto &entry : countOf) {
    Expr count = entry.second;
    previousOf[count] = placed[placedOf.lookup(count)].accumulator.previous;
  }
  SmallVector<Expr> moves, finalMoves;
  for (auto [symbol, target, centre] :
       llvm::zip_equal(symbols, targets, centres)) {
    valueOf[symbol] = centre;
    moves.push_back(centre - substitute(centre, previousOf));
    finalMoves.push_back(target - centre);
  }
  auto transition = closure->getTransition(moves);
  for (auto &row : transition)
    for (Expr &entry : row)
      if (entry = guardIdentity(entry); !entry)
        return false;

  // Accumulators of the basis functions; null for one that stays 0.
  SmallVector<Expr> leaves(basis.size());
  SmallVector<unsigned> created;
  for (unsigned i = basis.size(); i-- > 0;) {
    Expr body = substitute(basis[i], valueOf);
    bool moves = dependsOnMoving(work, body) || contains(body, [&](Expr e) {
                   return llvm::any_of(
                       countOf, [&](auto &entry) { return entry.second == e; });
                 });
    if (i > 0 && sumsToZero(work, basis[i], symbolOf, valueOf))
      continue;
    // One that does not move is accumulated here too: the rows of the others
    // multiply what it was before.
    leaves[i] = findPlaced(work, body, work.phase);
    if (leaves[i])
      continue;
    std::string name = i > 0 ? "moment" + std::to_string(i) : "";
    leaves[i] = create(work, body, work.phase, name).leaf;
    if (moves)
      created.push_back(i);
  }
  for (unsigned i : created) {
    Accumulator &a = placed[placedOf.lookup(leaves[i])].accumulator;
    SmallVector<Expr> terms;
    for (auto [j, leaf] : llvm::enumerate(leaves))
      if (leaf)
        terms.push_back(transition[i][j] *
                        placed[placedOf.lookup(leaf)].accumulator.previous);
    a.kind = CorrectionKind::Linear;
    a.corrected = context.add(terms);
    a.stabilised = stabilised;
    result.rewrites.push_back({RewriteKind::Closed, work.index, a.corrected});
  }
  value = leaves.front();
  if (!countOf.empty()) {
    auto finish = closure->getTransition(finalMoves);
    SmallVector<Expr> terms;
    for (auto [j, leaf] : llvm::enumerate(leaves))
      if (leaf)
        terms.push_back(finish[0][j] * leaf);
    value = context.add(terms);
  }
  return true;
}
