//===- EinsumRegion.cpp - Building the region of an Einsum ----------------===//

#include "lib/Cascade/EinsumRegion.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/OperationSupport.h"

using namespace mlir;
using namespace attn;

SmallVector<Operation *> attn::getSliceOps(ValueRange values) {
  BackwardSliceOptions options;
  options.inclusive = true;
  options.omitBlockArguments = true;
  llvm::SetVector<Operation *> slice;
  for (Value value : values)
    if (value.getDefiningOp())
      (void)getBackwardSlice(value, &slice, options);
  SmallVector<Operation *> ordered(slice.getArrayRef());
  llvm::sort(ordered,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return ordered;
}

unsigned EqualOperation::getHashValue(const Operation *op) {
  return OperationEquivalence::computeHash(
      const_cast<Operation *>(op), OperationEquivalence::directHashValue,
      OperationEquivalence::ignoreHashValue,
      OperationEquivalence::Flags::IgnoreLocations);
}

bool EqualOperation::isEqual(const Operation *lhs, const Operation *rhs) {
  if (lhs == rhs)
    return true;
  if (lhs == getEmptyKey() || lhs == getTombstoneKey() ||
      rhs == getEmptyKey() || rhs == getTombstoneKey())
    return false;
  return OperationEquivalence::isEquivalentTo(
      const_cast<Operation *>(lhs), const_cast<Operation *>(rhs),
      OperationEquivalence::Flags::IgnoreLocations);
}

Value EinsumRegion::insert(Operation *op) {
  auto [known, isNew] = operations.insert(op);
  if (!isNew) {
    op->destroy();
    return (*known)->getResult(0);
  }
  Block &block = region.front();
  bool isLeaf = isa<arith::ConstantOp, RankVarOp, ExtentOp>(op);
  if (!isLeaf)
    block.push_back(op);
  else if (lastLeaf)
    block.getOperations().insertAfter(Block::iterator(lastLeaf), op);
  else
    block.push_front(op);
  if (isLeaf)
    lastLeaf = op;
  return op->getResult(0);
}

Value EinsumRegion::read(const TensorAccess &access) {
  SmallVector<Value> indices;
  for (ArrayRef<StringAttr> group : access.groups) {
    SmallVector<Value> vars;
    for (StringAttr var : group)
      vars.push_back(makeVar(var));
    if (vars.size() == 1) {
      indices.push_back(vars.front());
      continue;
    }
    SmallVector<Attribute> names(group.begin(), group.end());
    indices.push_back(make<FlattenOp>(builder.getIndexType(), vars,
                                      builder.getArrayAttr(names)));
  }
  auto type = cast<attn::TensorType>(access.tensor.getType());
  return make<ReadOp>(getComputeType(type.getElementType()),
                      getInput(access.tensor), indices);
}

Value EinsumRegion::clone(Value value, const IRMapping &tensors,
                          function_ref<Value(StringAttr)> coordinate) {
  // What has other coordinates is a copy of its own.
  IRMapping renamed;
  IRMapping &cloned = coordinate ? renamed : this->cloned;
  SmallVector<Value> worklist{value};
  llvm::DenseSet<Operation *> slice;
  EinsumOp source;
  while (!worklist.empty()) {
    Value next = worklist.pop_back_val();
    if (cloned.contains(next))
      continue;
    if (auto argument = dyn_cast<BlockArgument>(next)) {
      auto owner = cast<EinsumOp>(argument.getOwner()->getParentOp());
      Value input = owner.getInputs()[argument.getArgNumber()];
      cloned.map(next, getInput(tensors.lookupOrDefault(input)));
    } else if (slice.insert(next.getDefiningOp()).second) {
      llvm::append_range(worklist, next.getDefiningOp()->getOperands());
    }
  }
  SmallVector<Operation *> ordered(slice.begin(), slice.end());
  llvm::sort(ordered,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  for (Operation *op : ordered) {
    if (auto var = dyn_cast<RankVarOp>(op); var && coordinate) {
      cloned.map(var.getResult(), coordinate(var.getRankAttr()));
      continue;
    }
    // A detached copy: insert() puts it in its place.
    Operation *copy = op->clone(cloned);
    cloned.map(op->getResult(0), insert(copy));
  }
  return cloned.lookup(value);
}

/// The definition's expression; S11: the identity leaves the other as it is.
Value EinsumRegion::combine(ReducerOp definition, Value a, Value b) {
  IRMapping values;
  values.map(definition.getBody().getArguments(), ValueRange{a, b});
  for (Operation &op : definition.getBody().front().without_terminator())
    values.map(op.getResult(0), insert(op.clone(values)));
  Value combined = values.lookup(definition.getValue());
  Value identity = make<arith::ConstantOp>(definition.getIdentity());
  auto isNone = [&](Value operand) {
    if (isa<FloatType>(a.getType()))
      return make<arith::CmpFOp>(arith::CmpFPredicate::OEQ, operand, identity);
    if (!a.getType().isInteger(1))
      return make<arith::CmpIOp>(arith::CmpIPredicate::eq, operand, identity);
    // Conditions don't compare in the language.
    bool isTrue = cast<IntegerAttr>(definition.getIdentity()).getInt() != 0;
    Value one = make<arith::ConstantOp>(builder.getBoolAttr(true));
    return isTrue ? operand : make<arith::XOrIOp>(operand, one);
  };
  Value either = make<arith::SelectOp>(isNone(b), a, combined);
  return make<arith::SelectOp>(isNone(a), b, either);
}

Value EinsumRegion::combine(ReducerName reducer, ReducerOp definition, Value a,
                            Value b) {
  bool isReal = isa<FloatType>(a.getType());
  switch (reducer.kind) {
  case ReducerKind::User:
    return combine(definition, a, b);
  case ReducerKind::Add:
    return isReal ? make<arith::AddFOp>(a, b) : make<arith::AddIOp>(a, b);
  case ReducerKind::Mul:
    return isReal ? make<arith::MulFOp>(a, b) : make<arith::MulIOp>(a, b);
  case ReducerKind::Max:
    return isReal ? make<arith::MaximumFOp>(a, b) : make<arith::MaxSIOp>(a, b);
  case ReducerKind::Min:
    return isReal ? make<arith::MinimumFOp>(a, b) : make<arith::MinSIOp>(a, b);
  case ReducerKind::And:
    return make<arith::AndIOp>(a, b);
  case ReducerKind::Or:
    return make<arith::OrIOp>(a, b);
  case ReducerKind::ArgMax:
  case ReducerKind::TopK:
  case ReducerKind::Lse:
    break;
  }
  llvm_unreachable("not a reducer of two elements");
}

/// An Einsum of `region` over the ranks of `type`.
static Value createEinsum(OpBuilder &builder, EinsumRegion &region, Value value,
                          attn::TensorType type, StringAttr name) {
  SmallVector<Attribute> vars(type.getRanks().begin(), type.getRanks().end());
  SmallVector<Attribute> out;
  for (StringAttr rank : type.getRanks())
    out.push_back(builder.getArrayAttr({rank}));
  region.builder.setInsertionPointToEnd(&region.region.front());
  ValueOp::create(region.builder, region.loc, value, Value());
  auto einsum =
      EinsumOp::create(builder, region.loc, type, region.inputs, name,
                       builder.getArrayAttr(vars), builder.getArrayAttr(out),
                       builder.getArrayAttr({}));
  einsum.getBody().takeBody(region.region);
  return einsum.getResult();
}

Value attn::createConstant(OpBuilder &builder, Location loc,
                           attn::TensorType type, TypedAttr number) {
  EinsumRegion region(loc);
  Value value = region.make<arith::ConstantOp>(number);
  return createEinsum(builder, region, value, type, StringAttr());
}

Value attn::createSum(OpBuilder &builder, Value tensor, Value added,
                      int64_t number, StringRef name) {
  EinsumRegion region(tensor.getLoc());
  auto type = cast<attn::TensorType>(tensor.getType());
  TensorAccess access{tensor, {}, {}};
  for (StringAttr rank : type.getRanks())
    access.groups.push_back({rank});
  Value value = region.read(access);
  if (added)
    value = region.make<arith::AddIOp>(value, region.getInput(added));
  if (number)
    value = region.make<arith::AddIOp>(
        value, region.make<arith::ConstantOp>(
                   builder.getIntegerAttr(value.getType(), number)));
  return createEinsum(builder, region, value, type,
                      builder.getStringAttr(name));
}
