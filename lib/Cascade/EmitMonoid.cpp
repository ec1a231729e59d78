//===- EmitMonoid.cpp - A traversal's states as functions -----------------===//
//
// What a stream does inside of one kernel, as three functions: the states of
// some coordinates of the rank, the states of two sets of coordinates as those
// of both, and the outputs from the states of all.
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
  SmallVector<Value> results;
  for (const State &state : states)
    results.push_back(emitter.lookup(state.leaf)->tensor);
  YieldOp::create(inner, cascade.getLoc(), results);
}

void StreamFormer::emitFinish(Block &finish, const Derivation &derivation,
                              const Segment &segment, ArrayRef<State> states) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&finish);
  mapArguments(finish, states.size());
  for (auto [state, argument] : llvm::zip(states, finish.getArguments()))
    emitter.bind(state.leaf, {argument, state.groups, {}});
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
    if (TopKOp list = state.list)
      return list.emitOpError("carries a list along `")
             << rank.getValue() << "`, which has no merge function yet";
  for (const State &state : states)
    monoid.states.push_back(state.name);
  emitPartial(monoid.partial.getBody().front(), states);
  emitter.reset();
  Block &merge = monoid.merge.getBody().front();
  emitMerge(merge, states, cascade.getLoc());
  for (auto [value, state] :
       llvm::zip_equal(merge.getTerminator()->getOperands(), states))
    value.getDefiningOp<EinsumOp>().setName(state.name);
  Block &finish = monoid.finish.getBody().front();
  for (auto [i, state] : llvm::enumerate(states))
    finish.insertArgument(i, state.type, cascade.getLoc());
  emitFinish(finish, derivation, segment, states);
  return success();
}
