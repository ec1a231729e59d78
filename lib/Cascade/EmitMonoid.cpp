//===- EmitMonoid.cpp - A traversal's states as functions -----------------===//
//
// What a stream does inside of one kernel, as three functions: the states of
// some coordinates of the rank, the states of two sets of coordinates as those
// of both, and the outputs from the states of all.
//
// A list is passed as values and coordinates, counted from 1: what is absent is
// stored as 0 (S7), and is then no entry.
//
// The states are written as the reductions that they are at the end of a
// traversal, RD = sum of exp(x - RM). That this is one traversal in its turn is
// derived when the function is compiled.
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/StreamFormer.h"

using namespace mlir;
using namespace attn;

/// The arguments of the cascade are those of `function` after `numStates`.
void StreamFormer::mapArguments(Block &function, unsigned numStates) {
  emitter.reset();
  for (auto [old, now] :
       llvm::zip_equal(cascade.getBody().front().getArguments(),
                       function.getArguments().drop_front(numStates)))
    emitter.map(old, now);
}

void StreamFormer::emitPartial(Block &partial, ArrayRef<State> states) {
  OpBuilder inner = OpBuilder::atBlockEnd(&partial);
  mapArguments(partial, 0);
  std::vector<EinsumJob> jobs;
  for (const State &state : states) {
    if (state.list) {
      if (state.local)
        jobs.push_back(*state.local);
      else if (state.source)
        provide({state.source}, nullptr, inner);
      if (state.part == 0)
        provide(SmallVector<Value>(TopKOp(state.list).getPayload()), nullptr,
                inner);
      continue;
    }
    if (state.local) {
      EinsumJob job = *state.local;
      job.name = state.name;
      job.result = state.leaf;
      jobs.push_back(std::move(job));
      continue;
    }
    provide(getReads(state.plain), nullptr, inner);
    auto copy = cast<EinsumOp>(emitter.clone(state.plain, inner));
    copy.setName(state.name);
    copy.setOutAttr(getArrayAttr(inner, state.groups));
    copy.getResult().setType(state.type);
    emitter.bind(state.leaf, {copy.getResult(), state.groups, {}});
  }
  provide(jobs, nullptr, inner);
  emitter.emit(jobs, inner);
  emitPartialLists(states, inner);
  SmallVector<Value> results;
  for (const State &state : states)
    results.push_back(emitter.lookup(state.leaf)->tensor);
  YieldOp::create(inner, cascade.getLoc(), results);
}

/// The lists of a piece.
void StreamFormer::emitPartialLists(ArrayRef<State> states, OpBuilder &inner) {
  for (auto [i, state] : llvm::enumerate(states)) {
    if (!state.list || state.part > 0)
      continue;
    TopKOp topk = state.list;
    ArrayRef<State> parts = states.slice(i, topk->getNumResults());
    SmallVector<std::string> names;
    for (const State &part : parts)
      names.push_back(part.part == 1 ? part.name + "_local" : part.name);
    TopKOp local = makeLocalList(parts, names, inner);
    for (auto [part, result] : llvm::zip(parts, local->getResults()))
      emitter.bind(part.leaf,
                   {part.part == 1 ? createSum(inner, result, Value(),
                                               /*number=*/1, part.name)
                                   : Value(result),
                    part.groups,
                    {}});
  }
}

/// Takes the merge of a stream as a function: coordinates count from 1.
void StreamFormer::countFromOne(Block &merge, ArrayRef<State> states) {
  OpBuilder front = OpBuilder::atBlockBegin(&merge);
  Operation *yield = merge.getTerminator();
  for (auto [i, state] : llvm::enumerate(states)) {
    if (state.list && state.part == 0) {
      auto join = yield->getOperand(i).getDefiningOp<JoinOp>();
      SmallVector<Attribute> names;
      for (const State &part : states.slice(i, join.getNumResults()))
        names.push_back(
            front.getStringAttr(part.part == 1 ? part.name + "0" : part.name));
      join.setNamesAttr(front.getArrayAttr(names));
    }
    if (!state.list)
      continue;
    // A join reads what Einsums make.
    int64_t first = state.part == 1 ? -1 : 0;
    for (auto [side, suffix] : {std::pair(0, "_a"), {1, "_b"}}) {
      BlockArgument argument = merge.getArgument(side * states.size() + i);
      SmallVector<OpOperand *> uses;
      for (OpOperand &use : argument.getUses())
        uses.push_back(&use);
      Value local =
          createSum(front, argument, Value(), first, state.name + "0" + suffix);
      for (OpOperand *use : uses)
        use->set(local);
    }
    if (state.part != 1)
      continue;
    OpBuilder back(yield);
    yield->setOperand(i, createSum(back, yield->getOperand(i), Value(),
                                   /*number=*/1, state.name));
  }
}

void StreamFormer::emitFinish(Block &finish, const Derivation &derivation,
                              const Segment &segment, ArrayRef<State> states) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&finish);
  mapArguments(finish, states.size());
  for (auto [state, argument] : llvm::zip(states, finish.getArguments())) {
    Value value = argument;
    if (state.list && state.part == 1)
      value = createSum(builder, argument, Value(), /*number=*/-1,
                        state.name + "0");
    emitter.bind(state.leaf, {value, state.groups, {}});
  }
  emitOutputs(derivation, segment);
  unsigned numSegments = 0;
  for (const Member &member : members)
    numSegments = std::max(numSegments, member.segment + 1);
  for (unsigned later = 1; later < numSegments; ++later)
    emitSegment(getSegment(later));

  Operation *terminator = block.getTerminator();
  provide(SmallVector<Value>(terminator->getOperands()), nullptr, builder);
  SmallVector<Value> results;
  for (Value output : terminator->getOperands()) {
    Value result = emitter.lookup(output);
    // An output that is a state as it is gets its own name again.
    if (auto argument = dyn_cast<BlockArgument>(result)) {
      const State &state = states[argument.getArgNumber()];
      EinsumJob job = makeOutput(*lookup(output), state.leaf);
      Expr leaf = job.result;
      emitter.emit({std::move(job)}, builder);
      result = emitter.lookup(leaf)->tensor;
    }
    results.push_back(result);
  }
  YieldOp::create(builder, cascade.getLoc(), results);
}

LogicalResult StreamFormer::formMonoid(Monoid &monoid) {
  classify();
  markNeeded();
  explainSegments();
  Segment segment = getSegment(0);
  NormalForm form = makeNormalForm(segment);
  Derivation derivation = deriveBest(form, segment);
  explain(derivation, form, segment);
  auto fail = [&]() {
    return emitError(cascade.getLoc(), "@")
           << cascade.getSymName() << " is not one traversal of `"
           << rank.getValue() << "`, so it has no states to merge";
  };
  for (const Member &member : members)
    if (member.isReached && member.segment > 0 &&
        (member.role == Role::Reduction || member.role == Role::Plain))
      return fail();
  if (derivation.getNumTraversals() > 1)
    return fail();
  for (Value output : block.getTerminator()->getOperands())
    if (cast<attn::TensorType>(output.getType()).getRankPosition(rank) >= 0)
      return output.getDefiningOp()->emitError()
             << "the output `" << getSourceName(output) << "` keeps `"
             << rank.getValue() << "`, so it cannot be merged";
  std::vector<State> states = makeStates(derivation, segment, 0);

  for (const State &state : states)
    monoid.states.push_back(state.name);
  emitPartial(monoid.partial.getBody().front(), states);
  emitter.reset();
  Block &merge = monoid.merge.getBody().front();
  emitMerge(merge, states, cascade.getLoc());
  countFromOne(merge, states);
  for (auto [value, state] :
       llvm::zip_equal(merge.getTerminator()->getOperands(), states))
    if (auto einsum = value.getDefiningOp<EinsumOp>())
      einsum.setName(state.name);
  Block &finish = monoid.finish.getBody().front();
  for (auto [i, state] : llvm::enumerate(states))
    finish.insertArgument(i, state.type, cascade.getLoc());
  emitFinish(finish, derivation, segment, states);
  return success();
}
