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

/// The name of a part of the list: values, coordinates, payloads.
static std::string getName(TopKOp topk, unsigned part) {
  if (std::optional<ArrayAttr> names = topk.getNames())
    return cast<StringAttr>((*names)[part]).getValue().str();
  return part == 0 ? "W" : part == 1 ? "I" : "Y" + std::to_string(part - 2);
}

static ArrayRef<StringAttr> getRanks(TopKOp topk) {
  return topk.getValues().getType().getRanks();
}

void StreamFormer::classifyList(Member &member, TopKOp topk) {
  member.role = Role::Reduction;
  Value input = topk.getInput();
  Member *producer = lookup(input);
  bool depends = producer && producer->role != Role::Independent;
  unsigned finished = depends ? producer->getFinished() : 0, carried = 0;
  for (Value payload : topk.getPayload())
    if (Member *maker = lookup(payload);
        maker && maker->role != Role::Independent)
      carried = std::max(carried, maker->getFinished());
  Expr body = options.derives ? importer.getDefinition(input) : Expr();
  // What no reduction changes is chosen from as it stands.
  member.isComputed = depends && body && producer->role == Role::Map;
  if (carried > 0 || (depends && !member.isComputed))
    member.reason = "a list does not follow a change of " +
                    getMovingNames(topk) +
                    ", which what it is chosen from or what goes along "
                    "depends on (not-separable)";
  if (member.isComputed) {
    member.segment = member.ready = std::max(producer->ready, carried);
    member.body = member.imported.value = body;
    for (Expr condition : importer.getPresence(input))
      member.imported.conditions.insert(condition);
  } else {
    member.segment = member.ready = std::max(finished, carried);
    member.body = context.freshLeaf(
        getSourceName(input),
        emitter.getRanks(topk.getInput().getType().getRanks()));
  }
  RankSet ranks = emitter.getRanks(getRanks(topk));
  member.leaf =
      context.freshLeaf(getName(topk, 0), ranks, /*accumulator=*/true);
  member.coordinates = context.freshLeaf(getName(topk, 1), ranks);
  for (unsigned part = 2; part < topk->getNumResults(); ++part)
    member.payload.push_back(context.freshLeaf(getName(topk, part), ranks));
  member.entry = context.compare(ExprKind::LessEqual, context.constant(0),
                                 member.coordinates);
  if (isa<FloatType>(topk.getValues().getType().getElementType()))
    importer.define(topk.getValues(), member.leaf, /*varies=*/true);
  else
    importer.block(topk.getValues());
  for (Value result : topk.getResults().drop_front())
    importer.block(result);
  for (Value result : topk.getResults())
    importer.setPresence(result, member.entry);
}

/// What stands for a part of the list but its values.
Expr StreamFormer::getListLeaf(const Member &member, unsigned part) {
  return part == 1 ? member.coordinates : member.payload[part - 2];
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
  values.name = "R" + getName(topk, 0);
  values.reducer = ReducerKind::TopK;
  values.init = accumulator.getIdentity();
  values.type = topk.getValues().getType();
  values.groups = getGroups(getRanks(topk));
  values.previous = accumulator.previous;
  values.leaf = accumulator.leaf;
  values.list = topk;
  // What is chosen from is absent where a filter took it on the way.
  bool isTensor = member.imported.conditions.empty();
  values.source = !member.isComputed ? Value(topk.getInput())
                  : isTensor         ? getTensor(accumulator.body, topk)
                                     : Value();
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
  for (unsigned part = 1; part < topk->getNumResults(); ++part) {
    State other;
    other.name = "R" + getName(topk, part);
    other.reducer = ReducerKind::TopK;
    other.init = part == 1 ? -1 : 0;
    other.type = cast<attn::TensorType>(topk->getResult(part).getType());
    other.groups = states.back().groups;
    other.leaf = getListLeaf(member, part);
    other.previous = context.freshLeaf(other.name, other.leaf.ranks());
    other.list = topk;
    other.part = part;
    states.push_back(std::move(other));
  }
}

/// Joins every list of `left` with that of `right`.
void StreamFormer::joinLists(ArrayRef<State> states, ValueRange left,
                             ValueRange right, OpBuilder &inner) {
  for (auto [i, state] : llvm::enumerate(states)) {
    if (!state.list || state.part > 0)
      continue;
    TopKOp topk = state.list;
    unsigned numParts = topk->getNumResults();
    SmallVector<Value> lists(left.slice(i, numParts));
    llvm::append_range(lists, right.slice(i, numParts));
    SmallVector<Type> types;
    SmallVector<Attribute> names;
    for (const State &part : states.slice(i, numParts)) {
      types.push_back(part.type);
      names.push_back(inner.getStringAttr(part.name + "1"));
    }
    auto join = JoinOp::create(inner, topk.getLoc(), types, topk.getToAttr(),
                               lists, inner.getArrayAttr(names));
    for (auto [part, result] :
         llvm::zip(states.slice(i, numParts), join.getResults()))
      emitter.bind(part.leaf, {result, part.groups, {}});
  }
}

TopKOp StreamFormer::makeLocalList(ArrayRef<State> parts,
                                   ArrayRef<std::string> names,
                                   OpBuilder &inner) {
  const State &first = parts.front();
  TopKOp topk = first.list;
  Value input = first.local ? Value(emitter.lookup(first.local->result)->tensor)
                            : emitter.lookup(first.source);
  SmallVector<Value> payload;
  for (Value value : topk.getPayload())
    payload.push_back(emitter.lookup(value));
  SmallVector<Type> types;
  SmallVector<Attribute> nameAttrs;
  for (auto [part, name] : llvm::zip_equal(parts, names)) {
    types.push_back(part.type);
    nameAttrs.push_back(inner.getStringAttr(name));
  }
  return TopKOp::create(inner, topk.getLoc(), types, input, payload,
                        topk.getFromAttr(), topk.getToAttr(),
                        inner.getArrayAttr(nameAttrs));
}

/// The lists of a chunk, joined with those so far.
void StreamFormer::emitLists(Block *step, ArrayRef<State> states,
                             OpBuilder &inside) {
  SmallVector<Value> chunk(states.size());
  for (auto [i, state] : llvm::enumerate(states)) {
    if (!state.list || state.part > 0)
      continue;
    TopKOp topk = state.list;
    ArrayRef<State> parts = states.slice(i, topk->getNumResults());
    SmallVector<std::string> names;
    for (const State &part : parts)
      names.push_back("L" + StringRef(part.name).drop_front().str());
    TopKOp local = makeLocalList(parts, names, inside);
    llvm::copy(local->getResults(), chunk.begin() + i);
  }
  joinLists(states, step->getArguments(), chunk, inside);
}

/// A part of the list, where that has entries: the coordinates, a payload, or
/// what `value` makes of the values.
EinsumJob StreamFormer::makeListOutput(const Member &member, Expr value) {
  TopKOp topk = member.getList();
  unsigned part = 0;
  for (unsigned other = 1; other < topk->getNumResults(); ++other)
    if (value == getListLeaf(member, other))
      part = other;
  EinsumJob job{topk.getLoc()};
  job.name = getName(topk, part);
  job.groups = getGroups(getRanks(topk));
  job.elementType =
      cast<attn::TensorType>(topk->getResult(part).getType()).getElementType();
  job.value = value;
  job.conditions = {member.entry};
  job.result = context.freshLeaf(job.name, emitter.getRanks(getRanks(topk)));
  return job;
}
