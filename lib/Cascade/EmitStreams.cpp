//===- EmitStreams.cpp - States, steps, merges and outputs ----------------===//

#include "lib/Cascade/StreamFormer.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// What stays as it is
//===----------------------------------------------------------------------===//

/// What makes `values`, in order, where that is not at hand. What `stops` is
/// left out, with what it alone reads.
SmallVector<Operation *>
StreamFormer::getMakers(ArrayRef<Value> values,
                        function_ref<bool(Operation *)> stops) {
  SmallVector<Value> worklist(values);
  llvm::SetVector<Operation *> makers;
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    Member *member = lookup(value);
    if (!member || emitter.isMapped(value) || stops(member->op) ||
        !makers.insert(member->op))
      continue;
    llvm::append_range(worklist, getReads(member->op));
  }
  SmallVector<Operation *> ordered = makers.takeVector();
  llvm::sort(ordered,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return ordered;
}

/// Copies what makes `values` to where they are needed: to `inside`, the step
/// of a stream, what walks a rank that nothing around the stream walks; to
/// `outside` all else, with its own copies of what it reads.
void StreamFormer::provide(ArrayRef<Value> values, OpBuilder *inside,
                           OpBuilder &outside) {
  auto isLocal = [&](Operation *op) { return inside && isWalked(op); };
  auto copy = [&](Operation *op, OpBuilder &builder) {
    Operation *made = emitter.clone(op, builder);
    for (auto [old, now] : llvm::zip(op->getResults(), made->getResults()))
      emitter.map(old, now);
  };
  SmallVector<Operation *> local =
      getMakers(values, [&](Operation *op) { return !isLocal(op); });
  SmallVector<Value> reads(values);
  for (Operation *op : local)
    llvm::append_range(reads, getReads(op));
  llvm::erase_if(reads, [&](Value value) {
    Member *member = lookup(value);
    return member && isLocal(member->op);
  });

  // The step's copies are not seen outside.
  SmallVector<std::pair<Value, Value>> hidden;
  for (Value value : stepCopies) {
    hidden.push_back({value, emitter.lookup(value)});
    emitter.unmap(value);
  }
  SmallVector<Value> passing;
  for (Operation *op : getMakers(reads, [](Operation *) { return false; })) {
    copy(op, outside);
    if (isLocal(op))
      llvm::append_range(passing, op->getResults());
  }
  for (Value value : passing)
    emitter.unmap(value);
  for (auto [value, copied] : hidden)
    emitter.map(value, copied);

  for (Operation *op : local) {
    copy(op, *inside);
    llvm::append_range(stepCopies, op->getResults());
  }
}

void StreamFormer::provide(ArrayRef<EinsumJob> jobs, OpBuilder *inside,
                           OpBuilder &outside) {
  SmallVector<Expr> roots;
  for (const EinsumJob &job : jobs) {
    llvm::append_range(roots, job.getRoots());
    llvm::append_range(roots, job.conditions);
  }
  SmallVector<Value> values;
  for (Expr expr : postOrder(roots))
    if (expr.is(ExprKind::Leaf) && !emitter.lookup(expr))
      if (const LeafSource *source = importer.lookup(expr))
        llvm::append_range(values, source->inputs);
  provide(values, inside, outside);
}

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

/// `GM` is short for the global maximum, and `M` for what there is a running
/// and a local one of.
static std::string getBase(StringRef name) {
  if (name.size() > 1 && (name[0] == 'G' || name[0] == 'S') &&
      llvm::isUpper(name[1]))
    name = name.drop_front();
  return name.str();
}

static SmallVector<Expr> getConjuncts(Expr condition) {
  if (!condition)
    return {};
  if (condition.is(ExprKind::And))
    return SmallVector<Expr>(condition.operands());
  return {condition};
}

/// The identity of `reducer` in `type`, as a number.
static double getInit(ReducerName reducer, Type type, CascadeOp cascade) {
  TypedAttr identity = attn::getIdentity(reducer, type, cascade);
  if (auto real = dyn_cast<FloatAttr>(identity))
    return real.getValueAsDouble();
  auto integer = cast<IntegerAttr>(identity);
  return type.isInteger(1) ? integer.getValue().getBoolValue()
                           : double(integer.getInt());
}

State StreamFormer::makeState(const Accumulator &accumulator,
                              const Member &member) {
  EinsumOp einsum = cast<EinsumOp>(member.op);
  // `AV` also where the derivation calls it AV_acc; but AV_count, AV_1.
  StringRef own = accumulator.leaf.leaf().name;
  std::string base = getBase(own.ends_with("_acc") ? own.drop_back(4) : own);
  State state;
  state.name = "R" + base;
  state.reducer = getReducerName(accumulator.reducer);
  state.previous = accumulator.previous;
  state.leaf = accumulator.leaf;
  if (accumulator.kind != CorrectionKind::None)
    state.corrected = accumulator.corrected;
  state.isUnproved = accumulator.unprovedPoints > 0;
  state.staleness = accumulator.staleness;

  // The ranks in the order that the source gives them.
  RankSet ranks = accumulator.leaf.ranks();
  SmallVector<StringAttr> vars;
  for (StringAttr var : einsum.getOutVars())
    if (ranks.test(importer.getRank(var)))
      vars.push_back(var);
  for (StringAttr var : emitter.getVars(ranks))
    if (!llvm::is_contained(vars, var))
      vars.push_back(var);
  state.groups = getGroups(vars);

  EinsumJob local{einsum.getLoc()};
  local.name = "L" + base;
  local.value = accumulator.body;
  local.groups = state.groups;
  local.reduced = emitter.getVars(accumulator.reduced);
  local.reducer = state.reducer;
  local.conditions = getConjuncts(accumulator.presence);
  local.result = context.freshLeaf(local.name, ranks, /*accumulator=*/true);
  // An integer is reduced as one.
  Type type = emitter.getFloatType();
  if (const LeafSource *source = importer.lookup(accumulator.body))
    if (!isa<FloatType>(source->value.getType()))
      type = source->value.getType();
  if (state.reducer == ReducerKind::And || state.reducer == ReducerKind::Or)
    type = builder.getI1Type();
  state.type = attn::TensorType::get(builder.getContext(), vars, type);
  state.init = getInit(state.reducer, type, cascade);
  state.local = std::move(local);
  return state;
}

/// The state of a reduction that is reduced as it stands.
State StreamFormer::makeState(const Member &member) {
  EinsumOp einsum = cast<EinsumOp>(member.op);
  State state;
  std::string base = getBase(einsum.getName().value_or("R"));
  state.name = "R" + base;
  state.reducer = attn::getReducerName(einsum);
  SmallVector<StringAttr> vars = einsum.getOutVars();
  state.groups = getGroups(vars);
  Type type = einsum.getValue().getType();
  state.init = getInit(state.reducer, type, cascade);
  state.type = attn::TensorType::get(builder.getContext(), vars, type);
  RankSet ranks = emitter.getRanks(vars);
  state.previous = context.freshLeaf(base + "_old", ranks);
  state.leaf = context.freshLeaf(base, ranks);
  state.plain = einsum;
  return state;
}

/// The new value of a state, from what the old one became and `local`.
static EinsumJob makeUpdate(const State &state, Expr previous, Expr local,
                            Location loc) {
  EinsumJob job{loc};
  job.name = state.name + (llvm::isDigit(state.name.back()) ? "_1" : "1");
  job.groups = state.groups;
  job.result = state.leaf;
  job.value = previous;
  job.other = local;
  job.combiner = state.reducer;
  return job;
}

/// The state stays what it is while `local` does not exceed it by much. Only
/// within a chunk: merged twice, it would lag behind twice as far.
static void makeStale(const State &state, EinsumJob &update) {
  ExprContext &context = update.value.context();
  Expr stays = context.compare(ExprKind::LessEqual, update.other,
                               update.value + state.staleness);
  update.value = context.select(stays, update.value, update.other);
  update.other = Expr();
}

/// Calls the factor that corrects for a change of `RM`, `PRM`.
void StreamFormer::nameCorrections(ArrayRef<State> states, const ExprMap &side,
                                   StringRef suffix) {
  llvm::DenseMap<Expr, StringRef> nameOf;
  SmallVector<Expr> roots;
  for (const State &state : states) {
    nameOf[side.lookup_or(state.previous, state.previous)] = state.name;
    if (state.corrected)
      roots.push_back(substitute(state.corrected, side));
  }
  for (Expr expr : postOrder(roots)) {
    if (expr.operands().empty() || !expr.is(ExprKind::Exp))
      continue;
    for (Expr leaf : getLeaves(expr)) {
      auto name = nameOf.find(leaf);
      if (name == nameOf.end())
        continue;
      emitter.setName(expr, ("P" + name->second + suffix).str());
      break;
    }
  }
}

/// `merge` takes the states of one side, then those of the other.
void StreamFormer::emitMerge(Block &merge, ArrayRef<State> states,
                             Location loc) {
  for (unsigned side = 0; side < 2; ++side)
    for (const State &state : states)
      merge.addArgument(state.type, loc);
  OpBuilder inner = OpBuilder::atBlockEnd(&merge);
  ExprMap sides[2];
  for (auto [side, map] : llvm::enumerate(sides)) {
    for (auto [i, state] : llvm::enumerate(states)) {
      Expr leaf = context.freshLeaf(state.name, state.previous.ranks(),
                                    /*accumulator=*/true);
      emitter.bind(
          leaf,
          {merge.getArgument(side * states.size() + i), state.groups, {}});
      map[state.previous] = leaf;
    }
  }
  std::vector<EinsumJob> jobs;
  for (const State &state : states) {
    if (state.list)
      continue;
    Expr sum[2];
    for (unsigned side = 0; side < 2; ++side)
      sum[side] = substitute(state.corrected ? state.corrected : state.previous,
                             sides[side]);
    jobs.push_back(makeUpdate(state, sum[0], sum[1], loc));
  }
  nameCorrections(states, sides[0], "_a");
  nameCorrections(states, sides[1], "_b");
  emitter.emit(jobs, inner);
  joinLists(states, merge.getArguments().take_front(states.size()),
            merge.getArguments().drop_front(states.size()), inner);
  SmallVector<Value> merged;
  for (const State &state : states)
    merged.push_back(emitter.lookup(state.leaf)->tensor);
  YieldOp::create(inner, loc, merged);
}

ArrayAttr attn::getArrayAttr(Builder &builder, const Groups &groups) {
  SmallVector<Attribute> attrs;
  for (const auto &group : groups)
    attrs.push_back(builder.getArrayAttr(
        SmallVector<Attribute>(group.begin(), group.end())));
  return builder.getArrayAttr(attrs);
}

void StreamFormer::emitStep(StreamOp stream, ArrayRef<State> states,
                            ArrayRef<EinsumJob> collected) {
  Location loc = stream.getLoc();
  SmallVector<Type> types;
  for (const State &state : states)
    types.push_back(state.type);
  OpBuilder outside(stream), inside(builder.getContext());
  Block *step = inside.createBlock(&stream.getStep(), {}, types,
                                   SmallVector<Location>(types.size(), loc));

  std::vector<EinsumJob> jobs;
  llvm::DenseSet<Expr> moving;
  // Where chunks are merged, what a chunk has instead of the joint values, and
  // instead of the old ones.
  ExprMap own, side;
  for (auto [state, argument] : llvm::zip(states, step->getArguments())) {
    emitter.bind(state.previous, {argument, state.groups, {}});
    moving.insert(state.previous);
    Expr local;
    if (state.list) {
      if (state.local)
        jobs.push_back(*state.local);
      else if (state.source)
        provide(state.source, &inside, outside);
      if (state.part == 0)
        provide(SmallVector<Value>(TopKOp(state.list).getPayload()), &inside,
                outside);
      continue;
    }
    if (state.local) {
      jobs.push_back(*state.local);
      local = state.local->result;
      if (state.isMerged) {
        jobs.back().substitute(own);
        own[state.leaf] = side[state.previous] = local;
        if (state.corrected)
          local = substitute(state.corrected, side);
      }
    } else {
      provide(getReads(state.plain), &inside, outside);
      auto copy = cast<EinsumOp>(emitter.clone(state.plain, inside));
      copy.setName("L" + state.name.substr(1));
      copy.setOutAttr(getArrayAttr(builder, state.groups));
      copy.getResult().setType(state.type);
      local = context.freshLeaf(state.name, state.leaf.ranks());
      emitter.bind(local, {copy.getResult(), state.groups, {}});
      moving.insert(local);
    }
    jobs.push_back(makeUpdate(
        state, state.corrected ? state.corrected : state.previous, local, loc));
    if (state.staleness > 0)
      makeStale(state, jobs.back());
  }
  nameCorrections(states, ExprMap(), "");
  if (!side.empty())
    nameCorrections(states, side, "_l");
  llvm::append_range(jobs, collected);
  provide(jobs, &inside, outside);
  emitter.emit(jobs, inside, &outside, walked, moving);
  emitLists(step, states, inside);

  SmallVector<Value> next;
  for (const State &state : states)
    next.push_back(emitter.lookup(state.leaf)->tensor);
  for (const EinsumJob &job : collected)
    next.push_back(emitter.lookup(job.result)->tensor);
  YieldOp::create(inside, loc, next);
  for (Value copy : std::exchange(stepCopies, {}))
    emitter.unmap(copy);
}

/// One traversal: the states, and what is collected on the way.
void StreamFormer::emitStream(ArrayRef<State> states,
                              ArrayRef<EinsumJob> collected) {
  SmallVector<Type> types;
  SmallVector<Attribute> reducers, stateNames, names;
  SmallVector<double> inits;
  std::optional<Location> loc;
  for (const State &state : states) {
    TopKOp list = state.list;
    Operation *copied = list ? list.getOperation() : state.plain;
    loc = loc.value_or(copied ? copied->getLoc() : state.local->loc);
    types.push_back(state.type);
    inits.push_back(state.init);
    reducers.push_back(
        ReduceAttr::get(builder.getContext(), state.reducer, rank));
    stateNames.push_back(builder.getStringAttr(StringRef(state.name).lower()));
    names.push_back(builder.getStringAttr(state.name));
  }
  for (const EinsumJob &job : collected) {
    loc = loc.value_or(job.loc);
    SmallVector<StringAttr> ranks;
    for (const auto &group : job.groups)
      ranks.push_back(group.front());
    types.push_back(
        attn::TensorType::get(builder.getContext(), ranks, job.elementType));
    names.push_back(builder.getStringAttr(job.name));
  }
  auto stream = StreamOp::create(
      builder, *loc, types, rank, builder.getF64ArrayAttr(inits),
      builder.getArrayAttr(reducers), builder.getArrayAttr(stateNames),
      builder.getArrayAttr(names));
  SmallVector<Attribute> unproved;
  for (auto [state, name] : llvm::zip(states, stateNames))
    if (state.isUnproved)
      unproved.push_back(name);
  if (!unproved.empty())
    stream->setAttr("attn.unproved", builder.getArrayAttr(unproved));
  emitStep(stream, states, collected);
  if (!states.empty())
    emitMerge(stream.getMerge().emplaceBlock(), states, *loc);

  auto results = stream.getResults();
  for (auto [state, result] : llvm::zip(states, results))
    emitter.bind(state.leaf, {result, state.groups, {}});
  for (auto [job, result] :
       llvm::zip(collected, results.drop_front(states.size())))
    emitter.bind(job.result, {result, job.groups, {}});
}

//===----------------------------------------------------------------------===//
// Outputs
//===----------------------------------------------------------------------===//

/// What remains of a result's value once it is stored in its own type.
static Expr dropLastCast(Expr value, Type type) {
  std::string name;
  llvm::raw_string_ostream(name) << type;
  return value.is(ExprKind::Cast) && value.name() == name ? value.operand(0)
                                                          : value;
}

EinsumJob StreamFormer::makeOutput(const Member &member, Expr value) {
  if (member.getList())
    return makeListOutput(member, value);
  EinsumOp einsum = member.getEinsum();
  EinsumJob job{einsum.getLoc()};
  job.name = einsum.getName().value_or("T").str();
  job.groups = getGroups(einsum);
  job.elementType = einsum.getResult().getType().getElementType();
  job.value = dropLastCast(value, job.elementType);
  llvm::append_range(job.conditions, importer.getPresence(einsum.getResult()));
  job.result =
      context.freshLeaf(job.name, emitter.getRanks(einsum.getOutVars()));
  return job;
}

std::vector<State> StreamFormer::makeStates(const Derivation &derivation,
                                            const Segment &segment,
                                            unsigned traversal) {
  std::vector<State> states;
  if (traversal < derivation.phases.size())
    for (const Accumulator &a : derivation.phases[traversal].accumulators) {
      const Member &member = *segment.reductions[a.reduction];
      if (member.getList()) {
        addListStates(a, member, states);
        continue;
      }
      states.push_back(makeState(a, member));
      states.back().isMerged = derivation.phases[traversal].isMerged;
    }
  if (traversal > 0)
    return states;
  for (Member *member : segment.plain) {
    states.push_back(makeState(*member));
    member->leaf = states.back().leaf;
  }
  return states;
}

void StreamFormer::emitTraversals(const Derivation &derivation,
                                  const Segment &segment) {
  unsigned numTraversals = derivation.getNumTraversals();
  if (!segment.plain.empty())
    numTraversals = std::max(numTraversals, 1u);
  for (unsigned i = 0; i < numTraversals; ++i) {
    std::vector<State> states = makeStates(derivation, segment, i);
    std::vector<EinsumJob> collected;
    SmallVector<Member *> owners;
    for (auto [member, output] :
         llvm::zip(segment.outputs, derivation.outputs)) {
      if (!output.keepsRank || output.phase != i)
        continue;
      collected.push_back(makeOutput(*member, output.value));
      owners.push_back(member);
    }
    emitStream(states, collected);
    for (auto [job, member] : llvm::zip(collected, owners))
      emitter.map(member->op->getResult(0), emitter.lookup(job.result)->tensor);
  }
}

/// Emits what follows the traversals, but for outputs that are states as they
/// are.
void StreamFormer::emitOutputs(const Derivation &derivation,
                               const Segment &segment) {
  std::vector<EinsumJob> jobs;
  /// The tensors and leaves that the jobs' results stand for.
  std::vector<std::pair<Expr, Value>> tensors;
  std::vector<std::pair<Expr, Expr>> leaves;
  auto add = [&](EinsumJob job) {
    const TensorAccess *access = emitter.lookup(job.value);
    auto hasType = [&](Value tensor) {
      return !job.elementType ||
             cast<attn::TensorType>(tensor.getType()).getElementType() ==
                 job.elementType;
    };
    bool isState = access && access->groups == job.groups &&
                   job.conditions.empty() && hasType(access->tensor);
    if (isState)
      emitter.bind(job.result, *access);
    else
      jobs.push_back(std::move(job));
  };
  auto addTensor = [&](Member *member, Expr value) {
    EinsumJob job = makeOutput(*member, value);
    tensors.push_back({job.result, member->op->getResult(0)});
    add(std::move(job));
  };
  for (Member *member : segment.plain)
    addTensor(member, member->leaf);
  ArrayRef<FinishedOutput> outputs = derivation.outputs;
  for (auto [member, output] : llvm::zip(segment.outputs, outputs))
    if (!output.keepsRank)
      addTensor(member, output.value);
  for (Member *member : segment.reductions)
    for (Expr leaf : member->wanted) {
      EinsumJob job = makeListOutput(*member, leaf);
      unsigned part = 1 + (leaf == member->coordinates
                               ? 0
                               : 1 + (llvm::find(member->payload, leaf) -
                                      member->payload.begin()));
      tensors.push_back({job.result, member->op->getResult(part)});
      jobs.push_back(std::move(job));
    }
  for (auto [member, output] :
       llvm::zip(segment.leaves, outputs.drop_front(segment.outputs.size()))) {
    if (output.value == member->leaf)
      continue;
    EinsumJob job = makeOutput(*member, output.value);
    if (!member->getList())
      job.groups = getGroups(member->getEinsum().getOutVars());
    job.elementType = Type(); // that of the value
    job.conditions.clear();
    leaves.push_back({job.result, member->leaf});
    add(std::move(job));
  }
  provide(jobs, nullptr, builder);
  emitter.emit(jobs, builder);
  for (auto [result, tensor] : tensors)
    emitter.map(tensor, emitter.lookup(result)->tensor);
  for (auto [result, leaf] : leaves)
    emitter.bind(leaf, *emitter.lookup(result));
}
