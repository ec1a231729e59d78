//===- ChunkFormer.cpp - A linear recurrence over chunks of steps ---------===//
//
// What the body is, which ranks there are, and what takes its place;
// EmitChunks.cpp has the chunk's Einsums.
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/ChunkFormer.h"

using namespace mlir;
using namespace attn;

ChunkFormer::ChunkFormer(IterateOp iterate, int64_t chunk)
    : original(iterate), cascade(getCascade(iterate)), chunk(chunk),
      oldRanks(cascade.getRanks()) {}

Expr ChunkFormer::var(StringAttr name) {
  return context.rankVar(context.getRank(name.getValue()));
}

//===----------------------------------------------------------------------===//
// Ranks
//===----------------------------------------------------------------------===//

void ChunkFormer::declareRanks() {
  Builder builder(cascade.getContext());
  StringAttr step = iterate.getRankAttr();
  auto makeName = [&](StringRef suffix) {
    std::string name = (step.getValue() + suffix).str();
    while (cascade.lookupRank(builder.getStringAttr(name)))
      name += "_";
    return builder.getStringAttr(name);
  };
  vars.step = step;
  vars.outer = makeName("1");
  vars.i = makeName("i");
  vars.j = makeName("j");
  vars.l = makeName("l");
  // What is known of the cascade's own ranks stays true: new ones come last,
  // but stand next to the step's in tensors.
  SmallVector<Attribute> ranks(cascade.getRanks().begin(),
                               cascade.getRanks().end());
  SmallVector<StringAttr> order;
  for (auto rank : cascade.getRanks().getAsRange<RankAttr>()) {
    order.push_back(rank.getName());
    if (rank.getName() == step)
      order.append({vars.outer, vars.i, vars.j, vars.l});
  }
  emitter->setOrder(order);
  auto declare = [&](StringAttr name, RankKind kind,
                     ArrayRef<StringAttr> operands) {
    ranks.push_back(
        RankAttr::get(cascade.getContext(), name, kind, chunk, operands));
  };
  declare(vars.outer, RankKind::CeilDiv, step);
  for (StringAttr name : {vars.i, vars.j, vars.l})
    declare(name, RankKind::Fixed, {});
  cascade.setRanksAttr(builder.getArrayAttr(ranks));
  llvm::DenseSet<StringAttr> used;
  for (auto [var, inner] : {std::pair(&vars.stepI, vars.i),
                            {&vars.stepJ, vars.j},
                            {&vars.stepL, vars.l}}) {
    *var = leaves->makeFresh(step, used);
    emitter->setStep(*var, vars.outer, inner, chunk);
  }
}

//===----------------------------------------------------------------------===//
// Analysis
//===----------------------------------------------------------------------===//

bool ChunkFormer::makeReader(const StepForm &form, const StepTerm &term,
                             Reader &reader) {
  const State &state = states[term.ref->state];
  reader.isBefore = !term.ref->isNext;
  auto refuseIndex = [&] {
    return forms->refuse(iterate,
                         "`" + forms->getStateName(term.ref->state).str() +
                             "` is read at variables that it can't be "
                             "summed over in a chunk");
  };
  llvm::DenseSet<StringAttr> used;
  for (const auto &group : form.groups)
    used.insert(group.begin(), group.end());
  for (const auto &group : term.ref->index)
    for (StringAttr var : group)
      if (!llvm::is_contained(term.sums, var))
        used.insert(var);
  Renaming names{{vars.step, vars.stepI}};
  for (auto [group, own] :
       llvm::zip(term.ref->index, state.transition.groups)) {
    if (group.size() != own.size())
      return refuseIndex();
    for (auto [var, ownVar] : llvm::zip(group, own)) {
      reader.at[ownVar] = var;
      if (!llvm::is_contained(term.sums, var))
        continue;
      // A summed variable is called as the state calls it, if it can be.
      StringAttr name = used.contains(ownVar) ? leaves->getBase(var) : ownVar;
      if (!used.insert(name).second)
        return refuseIndex();
      names[var] = name;
      reader.at[ownVar] = name;
      reader.contracted.push_back(name);
    }
  }
  reader.coefficient = leaves->rename(term.coefficient, names);
  return true;
}

bool ChunkFormer::analyse() {
  if (!forms->analyse())
    return false;
  for (unsigned i = 0; i < forms->getNumStates(); ++i) {
    Type type = iterate.getInits()[i].getType();
    if (cast<attn::TensorType>(type).getElementType() !=
        emitter->getFloatType())
      return forms->refuse(iterate, "the states have different element types");
    if (!leaves->isPresent(iterate.getInits()[i]))
      return forms->refuse(iterate, "`" + forms->getStateName(i).str() +
                                        "` may be absent at the start");
    std::optional<Transition> transition = findTransition(*forms, *leaves, i);
    if (!transition)
      return false;
    State &state = states.emplace_back();
    state.transition = std::move(*transition);
    for (auto &[own, inner] : state.transition.mixed)
      state.contracted.push_back(own);
  }
  for (auto &[tensor, form] : forms->getReadouts())
    for (const StepTerm &term : form.terms) {
      if (!term.ref)
        continue;
      State &state = states[term.ref->state];
      for (auto [group, own] :
           llvm::zip(term.ref->index, state.transition.groups))
        for (auto [var, ownVar] : llvm::zip(group, own))
          if (llvm::is_contained(term.sums, var) &&
              !llvm::is_contained(state.contracted, ownVar))
            state.contracted.push_back(ownVar);
      Reader reader;
      if (!makeReader(form, term, reader))
        return false;
    }
  return true;
}

//===----------------------------------------------------------------------===//
// Replacement
//===----------------------------------------------------------------------===//

void ChunkFormer::eraseUnused() {
  for (Operation *op : llvm::reverse(emitter->getEmitted()))
    if (op->use_empty())
      op->erase();
}

void ChunkFormer::replace() {
  forms->emitRest();
  llvm::DenseSet<Value> taken;
  unsigned numStates = states.size();
  auto yield = cast<YieldOp>(iterate.getBody().front().getTerminator());
  for (auto [i, result] : llvm::enumerate(original.getResults())) {
    if (i < numStates) {
      result.replaceAllUsesWith(finals[i]);
      continue;
    }
    Value whole = forms->getWhole(yield.getOperand(i));
    // Of two results that are one tensor, each has its name.
    if (whole.getType() != result.getType() || !taken.insert(whole).second) {
      auto type = cast<attn::TensorType>(result.getType());
      StepEmitter::Shape shape;
      for (StringAttr rank : type.getRanks())
        shape.groups.push_back({rank});
      Groups groups;
      for (StringAttr rank : cast<attn::TensorType>(whole.getType()).getRanks())
        groups.push_back({rank});
      whole = emitter->emitTensor(getSourceName(result),
                                  leaves->read(whole, groups), shape);
    }
    if (auto einsum = whole.getDefiningOp<EinsumOp>())
      einsum.setName(getSourceName(result));
    result.replaceAllUsesWith(whole);
  }
}

bool ChunkFormer::run() {
  Type type =
      cast<attn::TensorType>(original.getInits()[0].getType()).getElementType();
  OpBuilder builder(original);
  iterate = cast<IterateOp>(builder.clone(*original));
  leaves = std::make_unique<StepLeaves>(context, cascade);
  emitter = std::make_unique<StepEmitter>(*leaves, type, original.getLoc(),
                                          OpBuilder(iterate));
  forms = std::make_unique<StepForms>(iterate, *leaves, *emitter);
  declareRanks();
  bool isDone = analyse();
  if (isDone) {
    for (State &state : states)
      prepareState(state);
    for (auto &[tensor, form] : forms->getReadouts())
      prepareReadout(tensor, form);
    emitChunks();
    replace();
    for (auto [i, state] : llvm::enumerate(states))
      description += (i ? "; `" : "`") + forms->getStateName(i).str() + "`: " +
                     state.transition.describe(*leaves, state.contracted);
  }
  iterate.erase();
  if (isDone)
    original.erase();
  else
    cascade.setRanksAttr(oldRanks);
  eraseUnused();
  return isDone;
}
