//===- EinsumConditions.cpp - Where the points of an Einsum are -----------===//

#include "lib/Analysis/EinsumCounter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;

AffineExpr EinsumCounter::getExtentExpr(StringAttr rank) {
  RankAttr declared = graph.getCascade().lookupRank(rank);
  if (declared.getKind() == RankKind::Product) {
    AffineExpr product = getAffineConstantExpr(1, names.getContext());
    for (StringAttr factor : declared.getOperands())
      product = product * getExtentExpr(factor);
    return product;
  }
  if (std::optional<int64_t> extent = graph.getFixedExtent(rank))
    return getAffineConstantExpr(*extent, names.getContext());
  return names.getSymbol(CascadeCounts::getExtentSymbol(rank));
}

/// The value of an integer operation, or null where it is not affine.
AffineExpr EinsumCounter::getIndex(Operation &op) {
  if (auto var = dyn_cast<RankVarOp>(op))
    return names.getVar(var.getRankAttr());
  if (auto extent = dyn_cast<ExtentOp>(op))
    return getExtentExpr(extent.getRankAttr());
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto number = dyn_cast<IntegerAttr>(constant.getValue());
    if (!number || number.getValue().getSignificantBits() > 64)
      return nullptr;
    return getAffineConstantExpr(number.getInt(), names.getContext());
  }
  SmallVector<AffineExpr> operands;
  for (Value operand : op.getOperands()) {
    AffineExpr index = indices.lookup(operand);
    if (!index)
      return nullptr;
    operands.push_back(index);
  }
  auto isSymbolic = [&](unsigned i) {
    return operands[i].isSymbolicOrConstant();
  };
  if (auto flat = dyn_cast<FlattenOp>(op)) {
    AffineExpr index = operands.front();
    for (auto [operand, rank] : llvm::drop_begin(llvm::zip_equal(
             operands, flat.getRanks().getAsRange<StringAttr>())))
      index = index * getExtentExpr(rank) + operand;
    return index;
  }
  if (auto cast = dyn_cast<CastOp>(op))
    return cast.getImplicit() && isa<IntegerType, IndexType>(cast.getType())
               ? operands.front()
               : nullptr;
  if (isa<arith::AddIOp>(op))
    return operands[0] + operands[1];
  if (isa<arith::SubIOp>(op))
    return operands[0] - operands[1];
  if (isa<arith::MulIOp>(op) && (isSymbolic(0) || isSymbolic(1)))
    return operands[0] * operands[1];
  if (isa<arith::FloorDivSIOp>(op) && isSymbolic(1))
    return operands[0].floorDiv(operands[1]);
  if (isa<arith::CeilDivSIOp>(op) && isSymbolic(1))
    return operands[0].ceilDiv(operands[1]);
  return nullptr;
}

/// A condition that is not affine, by what it depends on.
Condition EinsumCounter::getUnknown(Value value) {
  AffineExpr vars = getAffineConstantExpr(0, names.getContext());
  for (StringAttr name : dependences.lookup(value))
    if (llvm::is_contained(names.getVars(), name)) // No mark of a stream.
      vars = vars + names.getVar(name);
  return Condition::test(Condition::Unknown, vars);
}

Condition EinsumCounter::getCondition(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return getUnknown(value);
  if (isa<arith::AndIOp, arith::OrIOp>(op))
    return Condition::combine(
        isa<arith::AndIOp>(op) ? Condition::And : Condition::Or,
        {getCondition(op->getOperand(0)), getCondition(op->getOperand(1))});
  if (isa<arith::XOrIOp>(op)) // With `true`: the language has no other.
    return Condition::combine(Condition::Not, getCondition(op->getOperand(0)));
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return Condition::test(
        Condition::Positive,
        getAffineConstantExpr(
            cast<IntegerAttr>(constant.getValue()).getValue().isZero() ? -1 : 0,
            names.getContext()));
  auto compare = dyn_cast<arith::CmpIOp>(op);
  AffineExpr left = compare ? indices.lookup(compare.getLhs()) : nullptr;
  AffineExpr right = compare ? indices.lookup(compare.getRhs()) : nullptr;
  if (!left || !right)
    return getUnknown(value);
  switch (compare.getPredicate()) {
  case arith::CmpIPredicate::eq:
    return Condition::test(Condition::Zero, left - right);
  case arith::CmpIPredicate::ne:
    return Condition::combine(Condition::Not,
                              Condition::test(Condition::Zero, left - right));
  case arith::CmpIPredicate::slt:
    return Condition::test(Condition::Positive, right - left - 1);
  case arith::CmpIPredicate::sle:
    return Condition::test(Condition::Positive, right - left);
  case arith::CmpIPredicate::sgt:
    return Condition::test(Condition::Positive, left - right - 1);
  case arith::CmpIPredicate::sge:
    return Condition::test(Condition::Positive, left - right);
  default:
    return getUnknown(value);
  }
}

void EinsumCounter::addCondition(Condition condition) {
  if (llvm::any_of(conditions, [&](const PointCondition &known) {
        return known.condition == condition;
      }))
    return;
  PointCondition added{condition, {}};
  condition.collectVars(names, added.vars);
  if (added.vars.empty() && condition.getKind() == Condition::Unknown)
    added.vars.insert(cast<StringAttr>(einsum.getVars()[0]));
  conditions.push_back(std::move(added));
}

/// Adds the operands of the outermost `and`s (S4).
void EinsumCounter::addConjuncts(Value filter) {
  SmallVector<Value> worklist{filter};
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    if (auto both = value.getDefiningOp<arith::AndIOp>())
      worklist.append({both.getRhs(), both.getLhs()});
    else
      addCondition(getCondition(value));
  }
}

/// Whether `index` reaches no further than `rank` does, whatever the extents.
bool EinsumCounter::isInBounds(AffineExpr index, Value value, StringAttr rank) {
  RankAttr declared = graph.getCascade().lookupRank(rank);
  if (index == names.getVar(rank))
    return true;
  if (auto flat = value.getDefiningOp<FlattenOp>())
    return declared.getKind() == RankKind::Product &&
           llvm::equal(flat.getRanks().getAsRange<StringAttr>(),
                       declared.getOperands()) &&
           llvm::all_of(llvm::zip(flat.getIndices(), declared.getOperands()),
                        [&](auto pair) {
                          auto [part, factor] = pair;
                          return indices.lookup(part) == names.getVar(factor);
                        });
  if (declared.getKind() == RankKind::CeilDiv)
    return index == names.getVar(declared.getOperands().front())
                        .floorDiv(getAffineConstantExpr(declared.getValue(),
                                                        names.getContext()));
  return false;
}

/// An access outside of a tensor's extents is absent (S2). Where an index is
/// not affine, as in a gather, it is taken to be inside.
void EinsumCounter::addBounds(ReadOp read) {
  for (auto [value, rank] : llvm::zip_equal(
           read.getIndices(), read.getTensor().getType().getRanks())) {
    AffineExpr index = indices.lookup(value);
    if (!index || isInBounds(index, value, rank))
      continue;
    addCondition(Condition::test(Condition::Positive, index));
    addCondition(
        Condition::test(Condition::Positive, getExtentExpr(rank) - index - 1));
  }
}

/// Adds where what `read` reads is present.
void EinsumCounter::addPresence(unsigned tensor, ReadOp read) {
  if (presence[tensor].empty())
    return;
  SmallVector<AffineExpr> at(names.getVars().size());
  for (auto [var, coordinate] : llvm::zip(names.getVars(), at))
    if (isCarried(einsum, var))
      coordinate = names.getVar(var);
  for (auto [value, vars] :
       llvm::zip_equal(read.getIndices(), graph.getTensors()[tensor].dims)) {
    AffineExpr rest = indices.lookup(value);
    for (StringAttr var : llvm::reverse(vars)) {
      unsigned position = cast<AffineDimExpr>(names.getVar(var)).getPosition();
      if (position >= at.size())
        continue; // No condition mentions it.
      bool isFirst = var == vars.front();
      at[position] = !rest || isFirst ? rest : rest % getExtentExpr(var);
      rest = !rest ? rest : rest.floorDiv(getExtentExpr(var));
    }
  }
  for (const PointCondition &known : presence[tensor])
    addCondition(known.condition.substitute(at));
}

void EinsumCounter::visitRead(ReadOp read) {
  unsigned tensor = getTensor(read);
  addLoops(tensor, dependences[read.getResult()]);
  addBounds(read);
  addPresence(tensor, read);
}

void EinsumCounter::visit(Operation &op) {
  if (op.getNumResults() != 1)
    return;
  Dependences on;
  if (auto var = dyn_cast<RankVarOp>(op))
    on.insert(var.getRankAttr());
  for (Value operand : op.getOperands())
    if (auto it = dependences.find(operand); it != dependences.end())
      on.insert(it->second.begin(), it->second.end());
  dependences[op.getResult(0)] = std::move(on);
  indices[op.getResult(0)] = getIndex(op);
  if (auto read = dyn_cast<ReadOp>(op))
    visitRead(read);
}

void EinsumCounter::readRegion(EinsumOp einsum) {
  dependences.clear();
  indices.clear();
  conditions.clear();
  this->einsum = einsum;
  for (auto [argument, input] :
       llvm::zip_equal(einsum.getBody().getArguments(), einsum.getInputs()))
    if (isa<IntegerType>(input.getType())) {
      auto name = cast<StringAttr>(
          graph.getCascade()
              .getArgNames()[cast<BlockArgument>(input).getArgNumber()]);
      indices[argument] = names.getSymbol(
          StringAttr::get(name.getContext(), "%" + name.getValue().str()));
    }
  for (Operation &op : einsum.getBody().front())
    visit(op);
  if (Value filter = einsum.getFilter())
    addConjuncts(filter);
}
