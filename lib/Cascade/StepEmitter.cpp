//===- StepEmitter.cpp - Einsums over steps and chunks --------------------===//

#include "lib/Cascade/StepEmitter.h"
#include "lib/Cascade/EinsumLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;

class StepEmitter::Lowering : public EinsumLowering {
public:
  Lowering(StepEmitter &emitter, EinsumRegion &region)
      : EinsumLowering(region, noAccesses, emitter.leaves.getImporter(),
                       noTensors, emitter.floatType),
        emitter(emitter), region(region) {}

protected:
  Value leaf(Expr expr) override {
    const StepLeaf *leaf = emitter.leaves.lookup(expr);
    Value value;
    if (leaf->slice) {
      value = region.clone(leaf->slice, noTensors, [&](StringAttr var) {
        return emitter.makeIndex(region, leaf->renamed.lookup(var));
      });
    } else {
      value = readAt(leaf->access);
    }
    return value.getType().isInteger(1)
               ? value
               : region.makeCast(value, emitter.floatType);
  }
  Value rankVar(unsigned rank) override {
    auto var = region.builder.getStringAttr(
        emitter.leaves.getContext().getRankName(rank));
    return region.makeCast(emitter.makeIndex(region, var), emitter.floatType);
  }

  /// Coordinates compare as what they are.
  Value binary(ExprKind kind, Value a, Value b) override {
    Value x = getCoordinate(a), y = getCoordinate(b);
    if (!x || !y)
      return EinsumLowering::binary(kind, a, b);
    using P = arith::CmpIPredicate;
    P predicate = kind == ExprKind::Less        ? P::slt
                  : kind == ExprKind::LessEqual ? P::sle
                                                : P::eq;
    return region.make<arith::CmpIOp>(predicate, x, y);
  }

private:
  static Value getCoordinate(Value value) {
    auto cast = value.getDefiningOp<CastOp>();
    bool isCoordinate = cast && cast.getInput().getType().isIndex();
    return isCoordinate ? cast.getInput() : Value();
  }
  Value readAt(const TensorAccess &access) {
    SmallVector<Value> indices;
    for (const auto &group : access.groups) {
      SmallVector<Value> vars;
      for (StringAttr var : group)
        vars.push_back(emitter.makeIndex(region, var));
      if (vars.size() == 1) {
        indices.push_back(vars.front());
        continue;
      }
      SmallVector<Attribute> names(group.begin(), group.end());
      indices.push_back(
          region.make<FlattenOp>(region.builder.getIndexType(), vars,
                                 region.builder.getArrayAttr(names)));
    }
    auto type = ::mlir::cast<attn::TensorType>(access.tensor.getType());
    return region.make<ReadOp>(getComputeType(type.getElementType()),
                               region.getInput(access.tensor), indices);
  }

  inline static const Accesses noAccesses;
  inline static const IRMapping noTensors;
  StepEmitter &emitter;
  EinsumRegion &region;
};

Value StepEmitter::makeIndex(EinsumRegion &region, StringAttr var) {
  auto it = parts.find(var);
  if (it == parts.end())
    return region.makeVar(var);
  const Part &part = it->second;
  if (part.kind == Part::Computed)
    return part.make(region);
  Type index = region.builder.getIndexType();
  Value first = region.makeVar(part.of.front());
  Value second =
      part.kind == Part::Step ? region.makeVar(part.of.back()) : Value();
  Value chunk =
      region.make<arith::ConstantOp>(region.builder.getIndexAttr(part.chunk));
  if (part.kind == Part::Step) {
    Value start = region.make<arith::MulIOp>(index, first, chunk);
    return region.make<arith::AddIOp>(index, start, second);
  }
  Value quotient = region.make<arith::FloorDivSIOp>(index, first, chunk);
  if (part.kind == Part::Quotient)
    return quotient;
  Value start = region.make<arith::MulIOp>(index, quotient, chunk);
  return region.make<arith::SubIOp>(index, first, start);
}

SmallVector<StringAttr> StepEmitter::insertRank(ArrayRef<StringAttr> ranks,
                                                StringAttr rank) {
  SmallVector<StringAttr> result(ranks);
  unsigned position = 0;
  for (auto [i, other] : llvm::enumerate(ranks))
    if (llvm::find(order, other) < llvm::find(order, rank))
      position = i + 1;
  result.insert(result.begin() + position, rank);
  return result;
}

SmallVector<StringAttr> StepEmitter::getVars(Expr expr) {
  ExprContext &context = leaves.getContext();
  RankSet ranks = expr.ranks();
  for (auto &[var, part] : parts)
    if (ranks.test(context.getRank(var.getValue())))
      for (StringAttr of : part.of)
        ranks.set(context.getRank(of.getValue()));
  SmallVector<StringAttr> vars;
  for (StringAttr rank : order)
    if (ranks.test(context.getRank(rank.getValue())) && !parts.count(rank))
      vars.push_back(rank);
  return vars;
}

Value StepEmitter::emitTensor(StringRef name, Expr value, const Shape &shape) {
  EinsumRegion region(loc);
  Lowering lowering(*this, region);
  Value result = lowering.lower(value);
  Value filter = shape.filter       ? lowering.lower(shape.filter)
                 : shape.makeFilter ? shape.makeFilter(region)
                                    : Value();
  Block &block = region.region.front();
  region.builder.setInsertionPointToEnd(&block);
  ValueOp::create(region.builder, loc, result, filter);
  // Of coordinates that are compared, the conversions to floats.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (op.use_empty() && !op.hasTrait<OpTrait::IsTerminator>())
      op.erase();

  Groups groups = shape.groups;
  if (groups.empty()) {
    SmallVector<StringAttr> vars = getVars(value);
    for (StringAttr var : shape.more)
      if (!llvm::is_contained(vars, var))
        vars = insertRank(vars, var);
    for (StringAttr var : vars)
      if (!llvm::is_contained(shape.reduced, var) &&
          !llvm::is_contained(carried, var))
        groups.push_back({var});
  }
  SmallVector<Attribute> vars, out, reducers;
  SmallVector<StringAttr> ranks;
  CascadeOp cascade = leaves.getCascade();
  for (const auto &group : groups) {
    SmallVector<Attribute> names(group.begin(), group.end());
    llvm::append_range(vars, names);
    out.push_back(builder.getArrayAttr(names));
    ranks.push_back(group.front());
    for (auto rank : cascade.getRanks().getAsRange<RankAttr>())
      if (group.size() > 1 && rank.getKind() == RankKind::Product &&
          rank.getOperands() == ArrayRef(group))
        ranks.back() = rank.getName();
  }
  for (StringAttr var : shape.reduced) {
    vars.push_back(var);
    reducers.push_back(
        ReduceAttr::get(builder.getContext(), shape.reducer, var));
  }
  auto type = attn::TensorType::get(builder.getContext(), ranks,
                                    shape.element ? shape.element : floatType);
  auto einsum = EinsumOp::create(
      builder, loc, type, region.inputs, builder.getStringAttr(name),
      builder.getArrayAttr(vars), builder.getArrayAttr(out),
      builder.getArrayAttr(reducers));
  einsum.getBody().takeBody(region.region);
  if (carried.empty())
    note(einsum);
  return einsum.getResult();
}

/// All of a shape but its filter.
static Attribute getKey(Builder &builder, const StepEmitter::Shape &shape) {
  auto getList = [&](ArrayRef<StringAttr> names) {
    SmallVector<Attribute> list(names.begin(), names.end());
    return builder.getArrayAttr(list);
  };
  SmallVector<Attribute> key{
      getList(shape.reduced), getList(shape.more),
      builder.getI32IntegerAttr(static_cast<int32_t>(shape.reducer))};
  for (const auto &group : shape.groups)
    key.push_back(getList(group));
  return builder.getArrayAttr(key);
}

Expr StepEmitter::emit(StringRef name, Expr value, const Shape &shape) {
  // A filter is a condition on the value: together they are one key.
  ExprContext &context = leaves.getContext();
  Expr whole = shape.filter
                   ? context.select(shape.filter, value, context.constant(0))
                   : value;
  if (!carried.empty())
    return emitNew(name, value, shape);
  Expr &result = known[{whole, getKey(builder, shape)}];
  if (!result)
    result = emitNew(name, value, shape);
  return result;
}

Expr StepEmitter::emitNew(StringRef name, Expr value, const Shape &shape) {
  Value tensor = emitTensor(name, value, shape);
  auto einsum = tensor.getDefiningOp<EinsumOp>();
  Groups groups;
  for (auto group : einsum.getOut().getAsRange<ArrayAttr>())
    llvm::append_range(groups.emplace_back(), group.getAsRange<StringAttr>());
  return leaves.read(tensor, groups);
}

ValueRange StepEmitter::emitIterate(StringAttr rank, ValueRange inits,
                                    ArrayRef<std::string> stateNames,
                                    function_ref<Body(ValueRange)> emitBody) {
  SmallVector<StringRef> names(stateNames.begin(), stateNames.end());
  ArrayAttr states = builder.getStrArrayAttr(names);
  // The results' types are known once the body is.
  auto draft = IterateOp::create(builder, loc, TypeRange(), rank, inits, states,
                                 ArrayAttr());
  Block &block = draft.getBody().emplaceBlock();
  for (Value init : inits)
    block.addArgument(init.getType(), loc);
  OpBuilder outside = builder;
  builder.setInsertionPointToEnd(&block);
  carried.push_back(rank);
  Body body = emitBody(block.getArguments());
  carried.pop_back();
  SmallVector<Value> yielded = body.states;
  llvm::append_range(yielded, body.collected);
  YieldOp::create(builder, loc, yielded);
  builder = outside;

  SmallVector<Type> types(inits.getTypes());
  for (Value value : body.collected) {
    auto type = cast<attn::TensorType>(value.getType());
    types.push_back(attn::TensorType::get(builder.getContext(),
                                          insertRank(type.getRanks(), rank),
                                          type.getElementType()));
  }
  SmallVector<Attribute> resultNames(body.names.begin(), body.names.end());
  auto iterate = IterateOp::create(builder, loc, types, rank, inits, states,
                                   builder.getArrayAttr(resultNames));
  iterate.getBody().takeBody(draft.getBody());
  draft.erase();
  if (carried.empty())
    note(iterate);
  return iterate.getResults();
}
