//===- FormStreams.cpp - Which reductions are streamed together -----------===//

#include "lib/Cascade/ReducerLaws.h"
#include "lib/Cascade/StreamFormer.h"

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Einsums
//===----------------------------------------------------------------------===//

static ExprReducer getExprReducer(ReducerKind kind) {
  switch (kind) {
  case ReducerKind::Add:
    return ExprReducer::Add;
  case ReducerKind::Mul:
    return ExprReducer::Mul;
  case ReducerKind::Max:
    return ExprReducer::Max;
  case ReducerKind::Min:
    return ExprReducer::Min;
  case ReducerKind::And:
    return ExprReducer::And;
  case ReducerKind::Or:
    return ExprReducer::Or;
  case ReducerKind::ArgMax:
    return ExprReducer::ArgMax;
  case ReducerKind::TopK:
    return ExprReducer::TopK;
  case ReducerKind::Lse:
    return ExprReducer::Lse;
  case ReducerKind::User:
    break;
  }
  llvm_unreachable("not a reducer of the language");
}

/// The row of a reducer; that of a user-defined one is made on first use.
ExprReducer StreamFormer::getExprReducer(ReducerName name) {
  if (!name.symbol)
    return ::getExprReducer(name.kind);
  std::unique_ptr<Reducer> &row = userReducers[name.symbol];
  if (!row)
    row = std::make_unique<Reducer>(makeReducer(lookupReducer(name, cascade)));
  return ExprReducer(row.get());
}

ReducerName StreamFormer::getReducerName(ExprReducer reducer) {
  StringRef name = getReducer(reducer).name;
  if (name.consume_front("@"))
    return {ReducerKind::User,
            FlatSymbolRefAttr::get(builder.getContext(), name)};
  std::optional<ReducerKind> kind = symbolizeReducerKind(name);
  assert(kind && "an accumulator has a reducer of the dialect");
  return *kind;
}

ReducerName attn::getReducerName(EinsumOp einsum) {
  return cast<ReduceAttr>(einsum.getReducers()[0]).getReducer();
}

SmallVector<StringAttr> attn::getReduced(EinsumOp einsum) {
  SmallVector<StringAttr> vars;
  for (auto reducer : einsum.getReducers().getAsRange<ReduceAttr>())
    vars.push_back(reducer.getVar());
  return vars;
}

Type attn::getFloatType(Operation *op) {
  bool isWide = false;
  op->walk([&](Operation *inner) {
    for (Type type : inner->getResultTypes())
      isWide |= type.isF64();
  });
  Builder builder(op->getContext());
  return isWide ? builder.getF64Type() : builder.getF32Type();
}

double attn::getExpLimit(Operation *op) {
  bool isHalf = false;
  auto check = [&](Type type) {
    if (auto tensor = dyn_cast<attn::TensorType>(type))
      isHalf |= tensor.getElementType().isF16();
  };
  op->walk([&](Operation *inner) {
    llvm::for_each(inner->getOperandTypes(), check);
    llvm::for_each(inner->getResultTypes(), check);
  });
  // exp(8) and exp(-8) are normal numbers of f16, exp(64) of f32 and bf16,
  // exp(680) of f64, and so are sums of 2^32 of them in f32 or f64.
  return isHalf ? 8 : getFloatType(op).isF64() ? 680 : 64;
}

Groups attn::getGroups(EinsumOp einsum) {
  Groups groups;
  for (auto group : einsum.getOut().getAsRange<ArrayAttr>())
    groups.emplace_back(group.getAsRange<StringAttr>());
  return groups;
}

Groups attn::getGroups(ArrayRef<StringAttr> vars) {
  Groups groups;
  for (StringAttr var : vars)
    groups.push_back({var});
  return groups;
}

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

SmallVector<Value> attn::getReads(Operation *op) {
  llvm::SmallSetVector<Value, 4> reads(op->operand_begin(), op->operand_end());
  op->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      if (!op->isAncestor(operand.getParentBlock()->getParentOp()))
        reads.insert(operand);
  });
  return reads.takeVector();
}

bool StreamFormer::variesAlong(Operation *op, const RankSet &ranks) {
  if (auto einsum = dyn_cast<EinsumOp>(op))
    return (emitter.getRanks(einsum.getOutVars()) & ranks).any();
  return llvm::any_of(op->getResultTypes(), [&](Type type) {
    auto tensor = cast<attn::TensorType>(type);
    return (emitter.getRanks(tensor.getRanks()) & ranks).any();
  });
}

/// Takes out of a sum's body what does not vary along the reduction: the state
/// is then the plain sum, and the factor is applied once, at the end. What
/// might be infinite stays: over no points, the sum is 0 whatever it is.
Expr StreamFormer::splitInvariant(Expr body, const RankSet &reduced,
                                  Expr &factor) {
  auto isScalar = [&](Expr leaf) {
    const LeafSource *source = importer.lookup(leaf);
    return source && llvm::none_of(source->inputs, [](Value input) {
             return isa<attn::TensorType>(input.getType());
           });
  };
  auto isAlwaysPresent = [&](Expr leaf) {
    const LeafSource *source = importer.lookup(leaf);
    return source && source->conditions.empty();
  };
  SmallVector<Expr> staying, leaving;
  for (Expr part : getFactors(body)) {
    bool isDivisor = part.is(ExprKind::Pow) && part.value() < 0;
    bool leaves = (part.ranks() & reduced).none() && !part.hasAccumulator() &&
                  !part.is(ExprKind::Exp) &&
                  (isDivisor ? llvm::all_of(getLeaves(part), isAlwaysPresent)
                             : llvm::all_of(getLeaves(part), isScalar));
    (leaves ? leaving : staying).push_back(part);
  }
  if (leaving.empty() || staying.empty())
    return body;
  factor = context.mul(leaving);
  return context.mul(staying);
}

void StreamFormer::importReduction(Member &member, EinsumOp einsum) {
  RankSet reduced = emitter.getRanks(getReduced(einsum));
  member.body = member.imported.value;
  Expr factor;
  if (attn::getReducerName(einsum) == ReducerKind::Add)
    member.body = splitInvariant(member.body, reduced, factor);
  member.leaf = context.freshLeaf(einsum.getName().value_or("R"),
                                  emitter.getRanks(einsum.getOutVars()),
                                  /*accumulator=*/true);
  Expr value = factor ? factor * member.leaf : member.leaf;
  value =
      importer.roundTo(einsum.getValue().getType(),
                       einsum.getResult().getType().getElementType(), value);
  importer.define(einsum.getResult(), value, /*varies=*/true);
}

void StreamFormer::classify(Member &member, EinsumOp einsum) {
  bool depends = false;
  unsigned ready = 0, finished = 0;
  for (Value value : getReads(einsum)) {
    Member *producer = lookup(value);
    if (!producer || producer->role == Role::Independent)
      continue;
    depends = true;
    ready = std::max(ready, producer->ready);
    finished = std::max(finished, producer->getFinished());
  }
  member.imported = importer.import(einsum);
  const ImportedEinsum &imported = member.imported;
  importer.setPresence(einsum.getResult(),
                       imported.resultConditions.getArrayRef());
  // The points of an extremum can be kept (DeriveKeep.cpp).
  bool filterMoves = llvm::any_of(imported.conditions, [](Expr condition) {
    return condition.hasAccumulator() && !condition.is(ExprKind::Equal);
  });
  Type type = einsum.getValue().getType();
  bool isReal = isa<FloatType>(type);
  bool isStoredAsIs =
      isReal || einsum.getResult().getType().getElementType() == type;
  // What a user defines is defined in one type.
  bool isTyped = einsum.getReducers().empty() ||
                 attn::getReducerName(einsum).kind != ReducerKind::User ||
                 (type == emitter.getFloatType() &&
                  einsum.getResult().getType().getElementType() == type);
  bool isAlgebra = options.derives && imported.value && !filterMoves &&
                   isStoredAsIs && isTyped;

  bool isReduction = einsum.getReducer(rank).has_value();
  if (isReduction && isAlgebra) {
    member.role = Role::Reduction;
    member.segment = member.ready = ready;
    importReduction(member, einsum);
    return;
  } else if (isReduction) {
    member.role = Role::Plain;
    if (depends)
      member.reason = describeRefusal(einsum, imported);
    member.segment = finished;
    member.ready = finished + 1;
    return;
  }
  // A filter that takes whole fibers stays where it is written: in a reduction
  // it would take coordinates of the result.
  bool isKept = !depends && walksRank(einsum) &&
                llvm::any_of(imported.conditions, [&](Expr condition) {
                  return (condition.ranks() & streamed).none();
                });
  bool isSelected = llvm::any_of(imported.conditions, [](Expr condition) {
    return condition.hasAccumulator();
  });
  if (einsum.getReducers().empty() && isAlgebra && isReal && !isKept &&
      !isSelected) {
    member.role = depends ? Role::Map : Role::Independent;
    member.segment = member.ready = ready;
    importer.define(einsum.getResult(), imported.value, /*varies=*/depends);
    if (std::optional<StringRef> name = einsum.getName())
      emitter.setName(imported.value, *name);
  } else if (depends) {
    member.role = Role::Late;
    member.reason = describeRefusal(einsum, imported);
    member.ready = finished;
  }
}

void StreamFormer::classify() {
  for (Operation &op : block.without_terminator()) {
    numberOf[&op] = members.size();
    members.push_back({&op});
    Member &member = members.back();
    if (auto einsum = dyn_cast<EinsumOp>(op)) {
      classify(member, einsum);
      continue;
    }
    auto topk = dyn_cast<TopKOp>(op);
    if (topk && topk.getFromAttr() == rank) {
      classifyList(member, topk);
      continue;
    }
    for (Value value : getReads(&op)) {
      Member *producer = lookup(value);
      if (!producer || producer->role == Role::Independent)
        continue;
      member.role = Role::Late;
      member.reason = "what depends on " + getMovingNames(&op) +
                      " is read by no Einsum, and cannot be corrected";
      member.ready = std::max(member.ready, producer->getFinished());
    }
  }
}

/// Works back from what the block yields.
void StreamFormer::markNeeded() {
  SmallVector<Member *> worklist;
  auto reach = [&](Member *member) {
    if (member && !std::exchange(member->isReached, true))
      worklist.push_back(member);
  };
  auto reachTensor = [&](Value value) {
    Member *member = lookup(value);
    if (!member)
      return;
    unsigned part = cast<OpResult>(value).getResultNumber();
    if (member->role == Role::Reduction && part > 0)
      member->wanted.insert(getListLeaf(*member, part));
    else if (member->role == Role::Reduction)
      member->isOutput = true;
    reach(member);
  };
  llvm::DenseMap<Expr, Member *> memberOf;
  for (Member &member : members) {
    if (member.leaf)
      memberOf[member.leaf] = &member;
    if (member.coordinates)
      memberOf[member.coordinates] = &member;
  }
  auto reachExpr = [&](Expr root, unsigned segment) {
    for (Expr leaf : getLeaves(root)) {
      if (Member *reduction = memberOf.lookup(leaf)) {
        reduction->isLeafNeeded |= reduction->segment < segment;
        reach(reduction);
      } else if (const LeafSource *source = importer.lookup(leaf)) {
        llvm::for_each(source->inputs, reachTensor);
      }
    }
  };
  for (Value value : block.getTerminator()->getOperands()) {
    Member *member = lookup(value);
    if (member && member->role == Role::Map)
      member->isOutput = true;
    reachTensor(value);
  }
  while (!worklist.empty()) {
    Member *member = worklist.pop_back_val();
    if (member->role == Role::Reduction && member->isComputed)
      llvm::for_each(member->getList().getPayload(), reachTensor);
    bool isList = member->role == Role::Reduction && member->getList();
    bool isExpr = isList ? member->isComputed
                         : member->role == Role::Reduction ||
                               (member->role == Role::Map && member->isOutput);
    if (isExpr) {
      reachExpr(member->imported.value, member->segment);
      for (Expr condition : member->imported.conditions)
        reachExpr(condition, member->segment);
    } else {
      // It is computed as it stands.
      for (Value value : getReads(member->op))
        reachTensor(value);
    }
  }
}

//===----------------------------------------------------------------------===//
// Sums of sums
//===----------------------------------------------------------------------===//

/// The terms of the body of reduction `index`, by what they depend on, as
/// reductions of their own: a sum of sums. Null if there is only one.
std::optional<NormalForm> StreamFormer::splitTerms(const NormalForm &form,
                                                   unsigned index) {
  const Reduction &whole = form.reductions[index];
  if (whole.reducer != ExprReducer::Add)
    return std::nullopt;
  using Part = std::pair<SmallVector<Expr>, SmallVector<Expr>>;
  SmallVector<Part> parts;
  for (Expr term : getTerms(expand(whole.body))) {
    SmallVector<Expr> moving = getLeaves(term);
    llvm::erase_if(moving, [](Expr leaf) { return !leaf.isAccumulator(); });
    auto *part = llvm::find_if(
        parts, [&](const Part &other) { return other.first == moving; });
    if (part == parts.end())
      part = &parts.emplace_back(moving, SmallVector<Expr>());
    part->second.push_back(term);
  }
  if (parts.size() < 2)
    return std::nullopt;
  NormalForm split;
  split.rank = form.rank;
  split.reductions.append(form.reductions.begin(),
                          form.reductions.begin() + index);
  SmallVector<Expr> results;
  for (auto &[moving, terms] : parts) {
    Reduction part = whole;
    Expr factor;
    part.body = splitInvariant(context.add(terms), whole.reduced, factor);
    std::string name =
        whole.result.leaf().name + "_" + std::to_string(results.size() + 1);
    part.result = context.freshLeaf(name, whole.result.ranks(),
                                    /*accumulator=*/true);
    results.push_back(factor ? factor * part.result : part.result);
    split.reductions.push_back(part);
  }
  ExprMap sum;
  sum[whole.result] = context.add(results);
  for (Reduction reduction : ArrayRef(form.reductions).drop_front(index + 1)) {
    reduction.body = substitute(reduction.body, sum);
    split.reductions.push_back(reduction);
  }
  for (Expr output : form.outputs)
    split.outputs.push_back(output ? substitute(output, sum) : output);
  return split;
}

/// The leaf of a scalar argument of the cascade that `form` reads, or null.
Expr StreamFormer::findScalar(const NormalForm &form, StringRef name) {
  for (const Reduction &reduction : form.reductions)
    for (Expr leaf : getLeaves(reduction.body)) {
      const LeafSource *source = importer.lookup(leaf);
      if (source && source->inputs.size() == 1 && leaf.leaf().name == name &&
          isa<FloatType>(source->inputs.front().getType()))
        return leaf;
    }
  return Expr();
}

/// The reductions that wait for another traversal.
static unsigned countRefused(const Derivation &derivation) {
  return llvm::count_if(derivation.refusals, [](const Refusal &refusal) {
    return !refusal.isOutput;
  });
}

/// Derives the form, or one with sums taken apart that needs fewer traversals.
/// Several may have to be, before there is one traversal less.
Derivation StreamFormer::deriveBest(NormalForm &form, Segment &segment) {
  constexpr unsigned maxAttempts = 8;
  options.derivation.maximumBound = findScalar(form, options.maximumBound);
  Derivation best = derive(form, options.derivation);
  NormalForm apart = form;
  auto reductions = segment.reductions;
  Derivation current = best;
  unsigned attempts = 0;
  for (unsigned i = 0; i < current.refusals.size() && attempts < maxAttempts;) {
    const Refusal &refusal = current.refusals[i++];
    if (refusal.isOutput)
      continue;
    unsigned index = refusal.index;
    std::optional<NormalForm> split = splitTerms(apart, index);
    if (!split)
      continue;
    ++attempts;
    Derivation derivation = derive(*split, options.derivation);
    if (std::pair(derivation.getNumTraversals(), countRefused(derivation)) >=
        std::pair(current.getNumTraversals(), countRefused(current)))
      continue;
    reductions.insert(reductions.begin() + index,
                      split->reductions.size() - apart.reductions.size(),
                      reductions[index]);
    apart = std::move(*split);
    current = std::move(derivation);
    i = 0;
    if (current.getNumTraversals() == best.getNumTraversals())
      continue;
    form = apart;
    segment.reductions = reductions;
    best = current;
  }
  return best;
}

//===----------------------------------------------------------------------===//
// Segments
//===----------------------------------------------------------------------===//

Segment StreamFormer::getSegment(unsigned number) {
  Segment segment;
  for (Member &member : members) {
    if (!member.isReached || member.segment != number)
      continue;
    if (member.role == Role::Reduction)
      segment.reductions.push_back(&member);
    if (member.role == Role::Plain)
      segment.plain.push_back(&member);
    if (member.isOutput)
      segment.outputs.push_back(&member);
    if (member.isLeafNeeded)
      segment.leaves.push_back(&member);
  }
  return segment;
}

/// The outputs are those of the segment, then its leaves.
NormalForm StreamFormer::makeNormalForm(const Segment &segment) {
  NormalForm form;
  form.rank = importer.getRank(rank);
  for (Member *member : segment.reductions) {
    Reduction reduction;
    reduction.result = member->leaf;
    reduction.body = member->body;
    if (member->getList()) {
      reduction.reducer = ExprReducer::TopK;
      reduction.reduced = streamed;
    } else {
      EinsumOp einsum = member->getEinsum();
      reduction.reducer = getExprReducer(attn::getReducerName(einsum));
      reduction.reduced = emitter.getRanks(getReduced(einsum));
    }
    if (!member->imported.conditions.empty())
      reduction.presence =
          context.logicalAnd(member->imported.conditions.getArrayRef());
    form.reductions.push_back(reduction);
  }
  for (Member *member : segment.outputs)
    form.outputs.push_back(
        member->role == Role::Map ? member->imported.value
        : member->getList()       ? member->leaf
                            : importer.getDefinition(member->op->getResult(0)));
  for (Member *member : segment.leaves)
    form.outputs.push_back(member->leaf);
  return form;
}

void StreamFormer::emitSegment(Segment segment) {
  NormalForm form = makeNormalForm(segment);
  Derivation derivation = deriveBest(form, segment);
  explain(derivation, form, segment);
  emitTraversals(derivation, segment);
  emitOutputs(derivation, segment);
}

void StreamFormer::cleanUp() {
  Operation *terminator = block.getTerminator();
  provide(SmallVector<Value>(terminator->getOperands()), nullptr, builder);
  for (OpOperand &operand : terminator->getOpOperands())
    operand.set(emitter.lookup(operand.get()));
  for (Member &member : llvm::reverse(members))
    member.op->erase();
}

void StreamFormer::run() {
  classify();
  markNeeded();
  if (options.derives)
    explainSegments();
  unsigned numSegments = 0;
  for (const Member &member : members)
    numSegments = std::max(numSegments, member.segment + 1);
  for (unsigned segment = 0; segment < numSegments; ++segment)
    emitSegment(getSegment(segment));
  cleanUp();
}
