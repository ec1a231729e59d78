//===- FormLists.cpp - The lists of a stream ------------------------------===//
//
// A top-k along the rank that is streamed carries the best entries so far: two
// states, the values and their coordinates, which start at -inf and -1. A chunk
// gives its own list, and `attn.join` takes the best of both. What was chosen
// from may depend on other reductions; what orders alike is deferred
// (DeriveDefer.cpp), so that the list is of what does not.
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/StreamFormer.h"

using namespace mlir;
using namespace attn;

/// The name of the list's values or coordinates.
static std::string getName(TopKOp topk, bool isCoordinates) {
  std::optional<ArrayAttr> names = topk.getNames();
  if (!names)
    return isCoordinates ? "I" : "W";
  return cast<StringAttr>((*names)[isCoordinates]).getValue().str();
}

static ArrayRef<StringAttr> getRanks(TopKOp topk) {
  return topk.getValues().getType().getRanks();
}

void StreamFormer::classifyList(Member &member, TopKOp topk) {
  member.role = Role::Reduction;
  Value input = topk.getInput();
  Member *producer = lookup(input);
  bool depends = producer && producer->role != Role::Independent;
  Expr body = options.derives ? importer.getDefinition(input) : Expr();
  // What no reduction changes is chosen from as it stands.
  member.isComputed = depends && body && producer->role == Role::Map;
  if (member.isComputed) {
    member.segment = member.ready = producer->ready;
    member.body = member.imported.value = body;
    for (Expr condition : importer.getPresence(input))
      member.imported.conditions.insert(condition);
  } else {
    member.segment = member.ready = depends ? producer->getFinished() : 0;
    member.body = context.freshLeaf(
        getSourceName(input),
        emitter.getRanks(topk.getInput().getType().getRanks()));
  }
  RankSet ranks = emitter.getRanks(getRanks(topk));
  member.leaf =
      context.freshLeaf(getName(topk, false), ranks, /*accumulator=*/true);
  member.coordinates = context.freshLeaf(getName(topk, true), ranks);
  member.entry = context.compare(ExprKind::LessEqual, context.constant(0),
                                 member.coordinates);
  if (isa<FloatType>(topk.getValues().getType().getElementType()))
    importer.define(topk.getValues(), member.leaf, /*varies=*/true);
  else
    importer.block(topk.getValues());
  importer.block(topk.getIndices());
  for (Value result : topk.getResults())
    importer.setPresence(result, member.entry);
}

/// The tensor that `body` reads at the ranks of what `topk` chooses from, if it
/// does nothing else; or null.
Value StreamFormer::getTensor(Expr body, TopKOp topk) {
  const LeafSource *source = importer.lookup(body);
  auto read = source ? source->value.getDefiningOp<ReadOp>() : ReadOp();
  if (!read || !source->conditions.empty() || source->inputs.size() != 1)
    return {};
  Value tensor = source->inputs.front();
  ArrayRef<StringAttr> ranks = topk.getInput().getType().getRanks();
  bool isInPlace =
      read.getTensor().getType().getRanks() == ranks &&
      llvm::all_of(llvm::zip(read.getIndices(), ranks), [](auto pair) {
        auto var = std::get<0>(pair).template getDefiningOp<RankVarOp>();
        return var && var.getRankAttr() == std::get<1>(pair);
      });
  return isInPlace && isa<attn::TensorType>(tensor.getType()) ? tensor
                                                              : Value();
}

void StreamFormer::addListStates(const Accumulator &accumulator,
                                 const Member &member,
                                 std::vector<State> &states) {
  TopKOp topk = member.getList();
  State values;
  values.name = "R" + getName(topk, false);
  values.reducer = ReducerKind::TopK;
  values.init = accumulator.getIdentity();
  values.type = topk.getValues().getType();
  values.groups = getGroups(getRanks(topk));
  values.previous = accumulator.previous;
  values.leaf = accumulator.leaf;
  values.list = topk;
  State coordinates = values;
  coordinates.name = "R" + getName(topk, true);
  coordinates.init = -1;
  coordinates.type = topk.getIndices().getType();
  coordinates.leaf = member.coordinates;
  coordinates.previous =
      context.freshLeaf(coordinates.name, member.coordinates.ranks());
  coordinates.isCoordinates = true;
  values.source = member.isComputed ? getTensor(accumulator.body, topk)
                                    : Value(topk.getInput());
  if (!values.source) {
    EinsumJob local{topk.getLoc()};
    local.name = getSourceName(topk.getInput());
    local.value = accumulator.body;
    local.groups = getGroups(topk.getInput().getType().getRanks());
    local.conditions = llvm::to_vector(member.imported.conditions);
    local.elementType = values.type.getElementType();
    local.result = context.freshLeaf(local.name, accumulator.body.ranks());
    values.local = std::move(local);
  }
  states.push_back(std::move(values));
  states.push_back(std::move(coordinates));
}

/// Joins every list of `left` with that of `right`.
void StreamFormer::joinLists(ArrayRef<State> states, ValueRange left,
                             ValueRange right, OpBuilder &inner) {
  for (auto [i, state] : llvm::enumerate(states)) {
    if (!state.list || state.isCoordinates)
      continue;
    TopKOp topk = state.list;
    SmallVector<Value> lists{left[i], left[i + 1], right[i], right[i + 1]};
    SmallVector<Attribute> names;
    for (const State &part : states.slice(i, 2))
      names.push_back(inner.getStringAttr(part.name + "1"));
    auto join = JoinOp::create(
        inner, topk.getLoc(), TypeRange{state.type, states[i + 1].type},
        topk.getToAttr(), lists, inner.getArrayAttr(names));
    for (auto [part, result] : llvm::zip(states.slice(i, 2), join.getResults()))
      emitter.bind(part.leaf, {result, part.groups, {}});
  }
}

/// The lists of a chunk, joined with those so far.
void StreamFormer::emitLists(Block *step, ArrayRef<State> states,
                             OpBuilder &inside) {
  SmallVector<Value> chunk(states.size());
  for (auto [i, state] : llvm::enumerate(states)) {
    if (!state.list || state.isCoordinates)
      continue;
    TopKOp topk = state.list;
    Value input = state.local
                      ? Value(emitter.lookup(state.local->result)->tensor)
                      : emitter.lookup(state.source);
    SmallVector<Attribute> names;
    for (const State &part : states.slice(i, 2))
      names.push_back(
          inside.getStringAttr("L" + StringRef(part.name).drop_front().str()));
    auto local = TopKOp::create(inside, topk.getLoc(), state.type,
                                states[i + 1].type, input, topk.getFromAttr(),
                                topk.getToAttr(), inside.getArrayAttr(names));
    chunk[i] = local.getValues();
    chunk[i + 1] = local.getIndices();
  }
  joinLists(states, step->getArguments(), chunk, inside);
}

/// The values or the coordinates where the list has entries.
EinsumJob StreamFormer::makeListOutput(const Member &member, Expr value) {
  TopKOp topk = member.getList();
  bool isCoordinates = value == member.coordinates;
  EinsumJob job{topk.getLoc()};
  job.name = getName(topk, isCoordinates);
  job.groups = getGroups(getRanks(topk));
  Value tensor = isCoordinates ? topk.getIndices() : topk.getValues();
  job.elementType = cast<attn::TensorType>(tensor.getType()).getElementType();
  job.value = value;
  job.conditions = {member.entry};
  job.result = context.freshLeaf(job.name, emitter.getRanks(getRanks(topk)));
  return job;
}
