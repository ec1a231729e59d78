//===- ExpressionEmitter.cpp - Einsum expressions and presence, in tiles --===//

#include "lib/Mapping/ExpressionEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

/// A known integer that meets a float is a float constant.
static Value foldCast(OpBuilder &builder, Operation *op,
                      const IRMapping &mapping) {
  auto cast = dyn_cast<CastOp>(op);
  if (!cast || !cast.getImplicit() || !isa<FloatType>(cast.getType()))
    return {};
  auto constant =
      mapping.lookup(cast.getInput()).getDefiningOp<arith::ConstantIndexOp>();
  if (!constant)
    return {};
  return arith::ConstantOp::create(
      builder, op->getLoc(),
      builder.getFloatAttr(cast.getType(), double(constant.value())));
}

Value ExpressionEmitter::emit(Value value) {
  if (Value known = emitted.lookup(value))
    return known;
  if (auto argument = dyn_cast<BlockArgument>(value))
    return scalars(einsum.getInputs()[argument.getArgNumber()]);
  Operation *op = value.getDefiningOp();
  Location loc = op->getLoc();
  Value result;
  if (auto var = dyn_cast<RankVarOp>(op)) {
    result = coordinates.lookup(var.getRankAttr());
  } else if (auto extent = dyn_cast<ExtentOp>(op)) {
    std::optional<int64_t> fixed =
        getCascade(einsum).getFixedExtent(extent.getRankAttr());
    if (fixed)
      result = arith::ConstantIndexOp::create(builder, loc, *fixed);
    else
      result = tile::ExtentOp::create(builder, loc, builder.getIndexType(),
                                      extent.getRankAttr());
  } else if (auto read = dyn_cast<ReadOp>(op)) {
    result = reads(read);
  } else if (auto flatten = dyn_cast<FlattenOp>(op)) {
    for (auto [index, rank] :
         llvm::zip(flatten.getIndices(),
                   flatten.getRanks().getAsRange<StringAttr>())) {
      Value next = emit(index);
      if (!next)
        return {};
      if (result) {
        Value extent =
            tile::ExtentOp::create(builder, loc, builder.getIndexType(), rank);
        result = arith::MulIOp::create(builder, loc, result, extent);
        next = arith::AddIOp::create(builder, loc, result, next);
      }
      result = next;
    }
  } else {
    IRMapping mapping;
    for (Value operand : op->getOperands()) {
      Value mapped = emit(operand);
      if (!mapped)
        return {};
      mapping.map(operand, mapped);
    }
    result = foldCast(builder, op, mapping);
    if (!result)
      result = builder.clone(*op, mapping)->getResult(0);
  }
  if (result)
    emitted[value] = result;
  return result;
}

llvm::SmallSetVector<StringAttr, 4>
attn::getCoordinateVars(Value value, const LoopCoordinates &loops) {
  llvm::SmallSetVector<StringAttr, 4> vars;
  SmallVector<Value> worklist{value};
  llvm::DenseSet<Value> seen;
  while (!worklist.empty()) {
    Value next = worklist.pop_back_val();
    if (!next || !seen.insert(next).second)
      continue;
    if (StringAttr rank = loops.lookup(next))
      vars.insert(rank);
    Operation *op = next.getDefiningOp();
    if (!op)
      continue;
    if (auto coord = dyn_cast<tile::CoordOp>(op))
      vars.insert(coord.getRankAttr());
    llvm::append_range(worklist, op->getOperands());
  }
  return vars;
}

//===----------------------------------------------------------------------===//
// Presence
//===----------------------------------------------------------------------===//

/// The tile coordinates behind the rank variables that `values`, of an Einsum's
/// region, mention: a condition is as a whole one on points or on results (S4).
llvm::SmallSetVector<StringAttr, 4>
PresenceEmitter::getMentioned(ValueRange values,
                              const Coordinates &coordinates) {
  llvm::SmallSetVector<StringAttr, 4> mentioned;
  llvm::SetVector<Value> slice(values.begin(), values.end());
  for (unsigned i = 0; i != slice.size(); ++i) {
    Operation *op = slice[i].getDefiningOp();
    if (!op)
      continue;
    if (auto var = dyn_cast<RankVarOp>(op))
      mentioned.insert_range(
          getCoordinateVars(coordinates.lookup(var.getRankAttr()), loops));
    slice.insert_range(op->getOperands());
  }
  return mentioned;
}

/// An access at a plain variable of the same rank, at a group of variables of
/// their product, or at `v floordiv c` of the rank `ceildiv(v, c)` is inside by
/// S1.
static bool isInside(ReadOp read, Value index, StringAttr rank) {
  if (auto var = index.getDefiningOp<RankVarOp>())
    return var.getRankAttr() == rank;
  if (auto quotient = index.getDefiningOp<arith::FloorDivSIOp>()) {
    auto var = quotient.getLhs().getDefiningOp<RankVarOp>();
    RankAttr declared = getCascade(read).lookupRank(rank);
    APInt divisor;
    return var && matchPattern(quotient.getRhs(), m_ConstantInt(&divisor)) &&
           declared && declared.getKind() == RankKind::CeilDiv &&
           declared.getOperands().front() == var.getRankAttr() &&
           declared.getValue() == divisor.getSExtValue();
  }
  return index.getDefiningOp<FlattenOp>() != nullptr;
}

/// That `index` lies inside the extents of dimension `dim`.
void PresenceEmitter::emitBounds(ReadOp read, unsigned dim, Value index,
                                 SmallVectorImpl<Value> &conditions) {
  attn::TensorType type = read.getTensor().getType();
  StringAttr rank = type.getRanks()[dim];
  if (isInside(read, read.getIndices()[dim], rank))
    return;
  if (!index) {
    conditions.push_back({});
    return;
  }
  Location loc = read.getLoc();
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  Value extent =
      tile::ExtentOp::create(builder, loc, builder.getIndexType(), rank);
  conditions.push_back(arith::CmpIOp::create(
      builder, loc, arith::CmpIPredicate::sge, index, zero));
  conditions.push_back(arith::CmpIOp::create(
      builder, loc, arith::CmpIPredicate::slt, index, extent));
}

/// The presence of a tensor that `maker` makes, at the given indices.
void PresenceEmitter::emitProducer(EinsumOp maker, ValueRange indices,
                                   ReadOp read,
                                   SmallVectorImpl<Value> &conditions) {
  Coordinates inner;
  for (auto [group, index] :
       llvm::zip(maker.getOut().getAsRange<ArrayAttr>(), indices)) {
    auto vars = llvm::to_vector(group.getAsRange<StringAttr>());
    Value rest = index;
    // The last variable of a group runs fastest.
    for (StringAttr var : llvm::reverse(vars)) {
      if (var == vars.front()) {
        inner[var] = rest;
        break;
      }
      Location loc = read.getLoc();
      Value extent =
          tile::ExtentOp::create(builder, loc, builder.getIndexType(), var);
      inner[var] = arith::RemSIOp::create(builder, loc, rest, extent);
      rest = arith::DivSIOp::create(builder, loc, rest, extent);
    }
  }
  // What the producer reduces stands for itself: conditions on it cull points
  // of the reduction, not coordinates of the result.
  SmallVector<StringAttr> placeholders;
  for (auto reducer : maker.getReducers().getAsRange<ReduceAttr>()) {
    StringAttr var = reducer.getVar();
    auto name =
        StringAttr::get(var.getContext(), "reduced." + std::to_string(depth) +
                                              "." + var.getValue());
    placeholders.push_back(name);
    inner[var] = tile::CoordOp::create(builder, read.getLoc(),
                                       builder.getIndexType(), name);
  }
  for (PresenceCondition &condition : emit(maker, inner)) {
    bool culls = llvm::any_of(placeholders, [&](StringAttr name) {
      return condition.vars.contains(name);
    });
    if (!culls)
      conditions.push_back(condition.value);
  }
}

/// The conjunction of `conditions`; null where one of them is.
Value PresenceEmitter::conjoin(Location loc, ArrayRef<Value> conditions) {
  Value all;
  for (Value condition : conditions) {
    if (!condition)
      return {};
    all = all ? Value(arith::AndIOp::create(builder, loc, all, condition))
              : condition;
  }
  return all;
}

SmallVector<PresenceCondition>
PresenceEmitter::emit(EinsumOp einsum, const Coordinates &coordinates) {
  ++depth;
  SmallVector<PresenceCondition> conditions;
  auto readElement = [&](ReadOp read) {
    return reads(einsum, read, coordinates);
  };
  ExpressionEmitter expression(builder, einsum, coordinates, scalars,
                               readElement);
  SmallVector<Value> conjuncts;
  if (Value filter = einsum.getFilter())
    conjuncts.push_back(filter);
  while (!conjuncts.empty()) {
    Value conjunct = conjuncts.pop_back_val();
    if (auto both = conjunct.getDefiningOp<arith::AndIOp>()) {
      conjuncts.push_back(both.getRhs());
      conjuncts.push_back(both.getLhs());
      continue;
    }
    conditions.push_back(
        {expression.emit(conjunct), getMentioned(conjunct, coordinates)});
  }
  for (Operation &op : einsum.getBody().front()) {
    auto read = dyn_cast<ReadOp>(&op);
    if (!read)
      continue;
    auto argument = cast<BlockArgument>(read.getTensor());
    EinsumOp maker = producer(einsum.getInputs()[argument.getArgNumber()]);
    SmallVector<Value> indices, parts;
    for (auto [dim, index] : llvm::enumerate(read.getIndices())) {
      indices.push_back(expression.emit(index));
      emitBounds(read, dim, indices.back(), parts);
    }
    if (maker && !llvm::is_contained(indices, Value()))
      emitProducer(maker, indices, read, parts);
    if (!parts.empty())
      conditions.push_back({conjoin(read.getLoc(), parts),
                            getMentioned(read.getIndices(), coordinates)});
  }
  --depth;
  return conditions;
}
