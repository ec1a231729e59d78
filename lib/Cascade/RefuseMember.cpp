//===- RefuseMember.cpp - Why an Einsum is not part of the algebra --------===//
//
// What the derivation never sees, because no expression over elements and
// reductions says it, is refused here: with the smallest sub-expression that
// shows it and the rule, like what the derivation refuses (DeriveRefuse.cpp).
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/StreamFormer.h"

using namespace mlir;
using namespace attn;

static std::string quote(StringRef text) { return ("`" + text + "`").str(); }

static void addName(std::string &names, StringRef name) {
  if (!StringRef(names).contains(quote(name)))
    names += (names.empty() ? "" : ", ") + quote(name);
}

/// Adds the reductions that `expr` mentions.
static void addAccumulators(std::string &names, Expr expr) {
  for (Expr leaf : getLeaves(expr))
    if (leaf.isAccumulator())
      addName(names, leaf.leaf().name);
}

static std::string getAccumulators(Expr expr) {
  std::string names;
  addAccumulators(names, expr);
  return names;
}

/// The reductions along the rank that what `op` reads depends on.
std::string StreamFormer::getMovingNames(Operation *op) {
  std::string names;
  for (Value value : getReads(op)) {
    Member *maker = lookup(value);
    if (!maker || maker->role == Role::Independent)
      continue;
    if (maker->role != Role::Map)
      addName(names, getSourceName(value));
    else
      addAccumulators(names, maker->imported.value);
  }
  return names;
}

/// The first sub-expression, from the inside out, that forgets something of an
/// element when a reduction changes; else the whole.
Expr StreamFormer::findForgetting(Expr expr) {
  for (Expr part : postOrder(expr)) {
    bool forgets = part.is(ExprKind::Round) || part.is(ExprKind::Floor) ||
                   part.is(ExprKind::Cast) || part.is(ExprKind::Abs) ||
                   part.is(ExprKind::Max) || part.is(ExprKind::Less) ||
                   part.is(ExprKind::LessEqual) || part.is(ExprKind::Equal);
    if (forgets && part.hasAccumulator() && (part.ranks() & streamed).any())
      return part;
  }
  return expr;
}

/// Why `einsum`, which reads what depends on a reduction along the rank, is no
/// part of the algebra.
std::string StreamFormer::describeRefusal(EinsumOp einsum,
                                          const ImportedEinsum &imported) {
  std::string names = getMovingNames(einsum);
  std::string rule = " (" + stringify(RefusalRule::NotSeparable).str() + ")";
  if (imported.shown && imported.shown.hasAccumulator()) {
    Expr part = findForgetting(imported.shown);
    return quote(part.str()) +
           describeMixture(part, getAccumulators(part), "add") + rule;
  }
  if (imported.opaque && imported.opaque->getResult(0).getType().isInteger())
    return quote(imported.text) + " computes integers from " + names +
           ", which wrap, so no correction of them holds" + rule;
  if (imported.opaque)
    return quote(imported.text) + " depends on " + names +
           ", and the algebra has no words for it" + rule;
  for (Expr condition : imported.conditions)
    if (condition.hasAccumulator())
      return quote(condition.str()) + " selects other points when " +
             getAccumulators(condition) +
             " changes, and is no comparison with an extremum of the same "
             "points (" +
             stringify(RefusalRule::PointsMove).str() + ")";
  std::string name = quote(getSourceName(einsum.getResult()));
  if (einsum.getReducer(rank))
    return name + " is reduced in a type in which no change of " + names +
           " can be corrected" + rule;
  if (!einsum.getReducers().empty()) {
    std::string others;
    for (StringAttr var : getReduced(einsum))
      addName(others, var.getValue());
    return name + " reduces " + others + " of what depends on " + names +
           ", and no change can be followed through that" + rule;
  }
  return name + " is no float that a change of " + names + " could correct" +
         rule;
}
