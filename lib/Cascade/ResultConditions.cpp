//===- ResultConditions.cpp - Where the result of an Einsum is present ----===//

#include "lib/Cascade/ResultConditions.h"
#include "lib/Cascade/EinsumRegion.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"
#include <set>

using namespace mlir;
using namespace attn;

namespace {

/// Emits conditions at the end of an Einsum's region. Equal values are one, so
/// a tensor that is reached on many paths at the same coordinates is visited
/// once, and its conditions are there once.
class ConditionEmitter {
public:
  /// The variables of an Einsum, as coordinates in the target's region.
  using Coordinates = llvm::SmallDenseMap<StringAttr, Value>;

  explicit ConditionEmitter(EinsumOp target)
      : target(target),
        builder(OpBuilder::atBlockEnd(&target.getBody().front())) {
    for (Operation &op : target.getBody().front())
      known.insert(&op);
  }

  /// Adds the conditions on the result of `maker`, and on what it reads.
  LogicalResult add(EinsumOp maker, const Coordinates &at);
  /// Adds those on what `read`, of the target's region, reads of `producer`.
  LogicalResult addRead(EinsumOp producer, ReadOp read) {
    return add(producer,
               getCoordinates(producer, read.getLoc(), read.getIndices()));
  }
  /// Adds those on an entry of `list`, which `read` has a part of.
  void addEntry(JoinOp list, ReadOp read);
  ArrayRef<Value> getConditions() const { return conditions.getArrayRef(); }
  OpBuilder &getBuilder() { return builder; }
  /// The region's argument for a tensor or scalar of the cascade.
  Value getArgument(Value input);

private:
  /// An Einsum whose result is read at some coordinates.
  struct Frame {
    EinsumOp maker;
    IRMapping mapping;
  };
  Value unique(Value value);
  Value clone(Value value, Frame &frame);
  void addBounds(ReadOp read, ValueRange indices);
  Frame makeFrame(EinsumOp maker, const Coordinates &at);
  Coordinates getCoordinates(EinsumOp producer, Location loc,
                             ValueRange indices);
  void addFrame(Frame frame, std::vector<Frame> &worklist);

  EinsumOp target;
  OpBuilder builder;
  llvm::DenseSet<Operation *, EqualOperation> known;
  llvm::SetVector<Value> conditions;
  /// The Einsums that were visited, each with its coordinates.
  std::set<std::pair<Operation *, SmallVector<const void *, 4>>> visited;
};

} // namespace

/// More than any Einsum means; products of alternatives grow beyond.
static constexpr size_t maxConditions = 256;

/// Whether `values` mention a variable that `einsum` reduces.
static bool mentionReduced(EinsumOp einsum, ValueRange values) {
  return llvm::any_of(getSliceOps(values), [&](Operation *op) {
    auto var = dyn_cast<RankVarOp>(op);
    return var && einsum.getReducer(var.getRankAttr());
  });
}

Value ConditionEmitter::getArgument(Value input) {
  for (auto [argument, known] :
       llvm::zip(target.getBody().getArguments(), target.getInputs()))
    if (known == input)
      return argument;
  target.getInputsMutable().append(input);
  return target.getBody().addArgument(input.getType(), target.getLoc());
}

/// The value that was there before, if `value` was just made and is no other.
Value ConditionEmitter::unique(Value value) {
  Operation *made = value.getDefiningOp();
  auto [it, isNew] = known.insert(made);
  if (isNew)
    return value;
  Operation *first = *it;
  made->erase();
  return first->getResult(0);
}

ConditionEmitter::Frame ConditionEmitter::makeFrame(EinsumOp maker,
                                                    const Coordinates &at) {
  Frame frame{maker, {}};
  maker.getBody().walk([&](RankVarOp var) {
    if (Value coordinate = at.lookup(var.getRankAttr()))
      frame.mapping.map(var.getResult(), coordinate);
  });
  return frame;
}

Value ConditionEmitter::clone(Value value, Frame &frame) {
  for (Operation *op : getSliceOps(value)) {
    if (frame.mapping.contains(op->getResult(0)))
      continue;
    for (Value operand : op->getOperands())
      if (auto argument = dyn_cast<BlockArgument>(operand))
        frame.mapping.map(
            operand,
            getArgument(frame.maker.getInputs()[argument.getArgNumber()]));
    Value made = builder.clone(*op, frame.mapping)->getResult(0);
    frame.mapping.map(op->getResult(0), unique(made));
  }
  if (auto argument = dyn_cast<BlockArgument>(value))
    return getArgument(frame.maker.getInputs()[argument.getArgNumber()]);
  return frame.mapping.lookup(value);
}

void ConditionEmitter::addBounds(ReadOp read, ValueRange indices) {
  Location loc = read.getLoc();
  ArrayRef<StringAttr> ranks = read.getTensor().getType().getRanks();
  for (auto [original, index, rank] :
       llvm::zip(read.getIndices(), indices, ranks)) {
    auto var = original.getDefiningOp<RankVarOp>();
    if (original.getDefiningOp<FlattenOp>() ||
        (var && var.getRankAttr() == rank))
      continue; // inside by S1
    Value zero = unique(arith::ConstantIndexOp::create(builder, loc, 0));
    Value extent =
        unique(ExtentOp::create(builder, loc, builder.getIndexType(), rank));
    conditions.insert(unique(arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::sge, index, zero)));
    conditions.insert(unique(arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::slt, index, extent)));
  }
}

/// The variables of `producer` where its result is read at `indices`.
ConditionEmitter::Coordinates
ConditionEmitter::getCoordinates(EinsumOp producer, Location loc,
                                 ValueRange indices) {
  Coordinates at;
  for (auto [group, index] :
       llvm::zip(producer.getOut().getAsRange<ArrayAttr>(), indices)) {
    auto vars = llvm::to_vector(group.getAsRange<StringAttr>());
    auto flat = index.getDefiningOp<FlattenOp>();
    if (flat && flat.getRanks() == group) {
      for (auto [var, part] : llvm::zip(vars, flat.getIndices()))
        at[var] = part;
      continue;
    }
    // The last variable of a group runs fastest.
    Value rest = index;
    for (StringAttr var : llvm::reverse(vars)) {
      if (var == vars.front()) {
        at[var] = rest;
        break;
      }
      Value extent =
          unique(ExtentOp::create(builder, loc, builder.getIndexType(), var));
      Value quotient =
          unique(arith::FloorDivSIOp::create(builder, loc, rest, extent));
      Value whole =
          unique(arith::MulIOp::create(builder, loc, quotient, extent));
      at[var] = unique(arith::SubIOp::create(builder, loc, rest, whole));
      rest = quotient;
    }
  }
  return at;
}

void ConditionEmitter::addFrame(Frame frame, std::vector<Frame> &worklist) {
  EinsumOp maker = frame.maker;
  SmallVector<Value> conjuncts;
  if (Value filter = maker.getFilter())
    conjuncts.push_back(filter);
  while (!conjuncts.empty()) {
    Value conjunct = conjuncts.pop_back_val();
    if (auto both = conjunct.getDefiningOp<arith::AndIOp>()) {
      conjuncts.push_back(both.getRhs());
      conjuncts.push_back(both.getLhs());
    } else if (!mentionReduced(maker, conjunct)) {
      conditions.insert(clone(conjunct, frame));
    }
  }
  for (auto read : maker.getBody().getOps<ReadOp>()) {
    if (mentionReduced(maker, read.getIndices()))
      continue;
    SmallVector<Value> indices;
    for (Value index : read.getIndices())
      indices.push_back(clone(index, frame));
    addBounds(read, indices);
    auto argument = cast<BlockArgument>(read.getTensor());
    Value tensor = maker.getInputs()[argument.getArgNumber()];
    auto producer = tensor.getDefiningOp<EinsumOp>();
    if (!producer)
      continue;
    Coordinates at = getCoordinates(producer, read.getLoc(), indices);
    SmallVector<const void *, 4> key;
    for (StringAttr var : producer.getOutVars())
      key.push_back(at.lookup(var).getAsOpaquePointer());
    if (visited.insert({producer, key}).second)
      worklist.push_back(makeFrame(producer, at));
  }
}

void ConditionEmitter::addEntry(JoinOp list, ReadOp read) {
  Location loc = read.getLoc();
  Value coordinate =
      unique(ReadOp::create(builder, loc, builder.getI32Type(),
                            getArgument(list.getResult(1)), read.getIndices()));
  Value zero = unique(
      arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0)));
  conditions.insert(unique(arith::CmpIOp::create(
      builder, loc, arith::CmpIPredicate::sle, zero, coordinate)));
}

LogicalResult ConditionEmitter::add(EinsumOp maker, const Coordinates &at) {
  // An iterative walk: cascades are long.
  std::vector<Frame> worklist{makeFrame(maker, at)};
  while (!worklist.empty()) {
    Frame frame = std::move(worklist.back());
    worklist.pop_back();
    addFrame(std::move(frame), worklist);
    if (conditions.size() > maxConditions ||
        visited.size() > 64 * maxConditions)
      return maker.emitOpError("is present under more than ")
             << maxConditions
             << " conditions, too many to repeat where it is "
                "read";
  }
  return success();
}

/// Ends a region with `value`, where all of `conditions` hold.
static void endRegion(OpBuilder &builder, Location loc, Value value,
                      ArrayRef<Value> conditions) {
  Value filter;
  for (Value condition : conditions)
    filter = filter
                 ? Value(arith::AndIOp::create(builder, loc, filter, condition))
                 : condition;
  ValueOp::create(builder, loc, value, filter);
}

/// The variables of each index of what `op`, an Einsum or a top-k, makes.
static SmallVector<ArrayAttr> getOutGroups(Operation *op) {
  if (auto einsum = dyn_cast<EinsumOp>(op))
    return llvm::to_vector(einsum.getOut().getAsRange<ArrayAttr>());
  Builder builder(op->getContext());
  return llvm::map_to_vector(
      cast<attn::TensorType>(op->getResult(0).getType()).getRanks(),
      [&](StringAttr rank) { return builder.getArrayAttr(rank); });
}

bool attn::readsInPlace(Operation *producer, Operation *consumer) {
  SmallVector<ArrayAttr> groups = getOutGroups(producer);
  // Lists are read at the ranks of their tensors.
  if (isa<TopKOp, JoinOp>(consumer))
    return llvm::all_of(groups,
                        [](ArrayAttr group) { return group.size() == 1; });
  auto einsum = cast<EinsumOp>(consumer);
  Block &block = einsum.getBody().front();
  for (auto [arg, input] :
       llvm::zip(block.getArguments(), einsum.getInputs())) {
    if (input.getDefiningOp() != producer)
      continue;
    for (Operation *user : arg.getUsers()) {
      auto read = cast<ReadOp>(user);
      for (auto [index, group] : llvm::zip(read.getIndices(), groups)) {
        if (auto var = index.getDefiningOp<RankVarOp>()) {
          if (group.size() != 1 || group[0] != var.getRankAttr())
            return false;
        } else if (auto flat = index.getDefiningOp<FlattenOp>()) {
          if (flat.getRanks() != group)
            return false;
        } else {
          return false;
        }
      }
    }
  }
  return true;
}

/// A copy of what `consumer` reads with `read`, without a filter yet, whose
/// variables are those that the access mentions.
static std::pair<EinsumOp, ReadOp> copyRead(EinsumOp consumer, ReadOp read) {
  OpBuilder builder(consumer);
  SmallVector<Operation *> slice = getSliceOps(read.getResult());
  llvm::SetVector<StringAttr> vars;
  for (Operation *op : slice)
    if (auto var = dyn_cast<RankVarOp>(op))
      vars.insert(var.getRankAttr());
  SmallVector<Attribute> names(vars.begin(), vars.end()), groups;
  for (StringAttr var : vars)
    groups.push_back(builder.getArrayAttr(var));
  auto type = attn::TensorType::get(builder.getContext(), vars.getArrayRef(),
                                    read.getType());
  auto copy =
      EinsumOp::create(builder, read.getLoc(), type, ValueRange(), StringAttr(),
                       builder.getArrayAttr(names),
                       builder.getArrayAttr(groups), builder.getArrayAttr({}));
  copy.getBody().emplaceBlock();
  ConditionEmitter emitter(copy);
  IRMapping mapping;
  for (Operation *op : slice) {
    for (Value operand : op->getOperands())
      if (auto input = dyn_cast<BlockArgument>(operand))
        mapping.map(operand, emitter.getArgument(
                                 consumer.getInputs()[input.getArgNumber()]));
    emitter.getBuilder().clone(*op, mapping);
  }
  return {copy, mapping.lookup(read.getResult()).getDefiningOp<ReadOp>()};
}

/// Makes `read` one of `copy`, at its variables.
static void readCopy(EinsumOp consumer, ReadOp read, EinsumOp copy) {
  OpBuilder builder(read);
  consumer.getInputsMutable().append(copy.getResult());
  Value argument =
      consumer.getBody().addArgument(copy.getType(), read.getLoc());
  SmallVector<Value> indices;
  for (StringAttr var : copy.getOutVars())
    indices.push_back(
        RankVarOp::create(builder, read.getLoc(), builder.getIndexType(), var));
  Value element =
      ReadOp::create(builder, read.getLoc(), read.getType(), argument, indices);
  SmallVector<Operation *> slice = getSliceOps(read.getResult());
  read.replaceAllUsesWith(element);
  for (Operation *op : llvm::reverse(slice))
    if (op->use_empty())
      op->erase();
  for (unsigned i = consumer.getInputs().size(); i-- > 0;) {
    if (!consumer.getBody().getArgument(i).use_empty())
      continue;
    consumer.getBody().eraseArgument(i);
    consumer.getInputsMutable().erase(i);
  }
}

/// What `read`, of `consumer`, reads from.
static Value getTensor(EinsumOp consumer, ReadOp read) {
  auto argument = cast<BlockArgument>(read.getTensor());
  return consumer.getInputs()[argument.getArgNumber()];
}

FailureOr<EinsumOp> attn::copyAbsentRead(EinsumOp consumer, ReadOp read) {
  auto producer = getTensor(consumer, read).getDefiningOp<EinsumOp>();
  if (!producer)
    return EinsumOp();
  auto [copy, copied] = copyRead(consumer, read);
  ConditionEmitter emitter(copy);
  LogicalResult added = emitter.addRead(producer, copied);
  if (failed(added) || emitter.getConditions().empty()) {
    copy.erase();
    return failed(added) ? FailureOr<EinsumOp>(failure()) : EinsumOp();
  }
  endRegion(emitter.getBuilder(), read.getLoc(), copied,
            emitter.getConditions());
  readCopy(consumer, read, copy);
  return copy;
}

JoinOp attn::completeList(TopKOp topk) {
  OpBuilder builder(topk->getContext());
  builder.setInsertionPointAfter(topk);
  SmallVector<Value> lists(topk->getResults());
  for (auto [part, value] : llvm::enumerate(topk->getResults())) {
    auto type = cast<attn::TensorType>(value.getType());
    Type element = getComputeType(type.getElementType());
    TypedAttr none = part == 0   ? getIdentity(ReducerKind::Max, element)
                     : part == 1 ? TypedAttr(builder.getI32IntegerAttr(-1))
                                 : builder.getZeroAttr(element);
    lists.push_back(createConstant(builder, topk.getLoc(), type, none));
  }
  return JoinOp::create(builder, topk.getLoc(), topk->getResultTypes(),
                        topk.getToAttr(), lists, topk.getNamesAttr());
}

EinsumOp attn::copyEntryRead(EinsumOp consumer, ReadOp read, JoinOp list) {
  auto part = cast<OpResult>(getTensor(consumer, read)).getResultNumber();
  auto [copy, copied] = copyRead(consumer, read);
  auto argument = cast<BlockArgument>(copied.getTensor());
  copy.getInputsMutable()
      .slice(argument.getArgNumber(), 1)
      .assign(list.getResult(part));
  ConditionEmitter emitter(copy);
  emitter.addEntry(list, copied);
  endRegion(emitter.getBuilder(), read.getLoc(), copied,
            emitter.getConditions());
  readCopy(consumer, read, copy);
  return copy;
}
