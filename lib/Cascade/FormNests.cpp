//===- FormNests.cpp - Which Einsums become one kernel --------------------===//
//
// A nest is computed for one tile of its parallel ranks at a time, so what it
// reduces must be private to that tile. Passes.td says which Einsums join.
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/LoopRank.h"
#include "lib/Cascade/Passes.h"
#include "lib/Cascade/ResultConditions.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace attn {
#define GEN_PASS_DEF_FORMNESTS
#include "lib/Cascade/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {

using RankSet = llvm::SmallSetVector<StringAttr, 8>;

/// A tensor that some nest stores, with the Einsums computed for it alone.
struct Root {
  /// Its loop ranks, sorted: nests hold roots of equal keys.
  SmallVector<StringAttr> key;
  /// One more than the highest level of a root that it reads.
  unsigned level = 0;
  llvm::SetVector<Operation *> members;
};

class NestFormer {
public:
  NestFormer(CascadeOp cascade, bool fuse, int64_t maxResident)
      : cascade(cascade), fuse(fuse), maxResident(maxResident) {}
  LogicalResult run();

private:
  bool isLoopRank(StringAttr rank);
  SmallVector<StringAttr> getLoopRanks(ArrayRef<StringAttr> ranks);
  bool reducesLoopRank(Operation *op);
  bool mayInline(Operation *producer, Operation *consumer, const Root &root);
  bool copyStoredChoices();
  bool copyStoredLists();
  void yieldOnlyResults();
  void collect(Operation *op);
  bool mayBeStreamed(EinsumOp consumer, ReadOp read);
  FailureOr<bool> copyAbsentReads();
  void emit();
  void emitNest(ArrayRef<Operation *> roots, IRMapping &stored);

  CascadeOp cascade;
  bool fuse;
  int64_t maxResident;
  llvm::MapVector<Operation *, Root> roots;
  /// Copies of what other nests store, and the reads that need none.
  llvm::SmallPtrSet<Operation *, 8> copies;
  llvm::DenseSet<Operation *> presentReads;
  /// The lists that are stored for other nests.
  llvm::DenseMap<Operation *, JoinOp> lists;
};

} // namespace

bool NestFormer::isLoopRank(StringAttr rank) {
  return attn::isLoopRank(cascade, rank, maxResident);
}

SmallVector<StringAttr> NestFormer::getLoopRanks(ArrayRef<StringAttr> ranks) {
  SmallVector<StringAttr> loops;
  llvm::copy_if(ranks, std::back_inserter(loops),
                [&](StringAttr rank) { return isLoopRank(rank); });
  llvm::sort(loops, [](StringAttr a, StringAttr b) {
    return a.getValue() < b.getValue();
  });
  return loops;
}

/// The variables of what `op`, an Einsum, a top-k or a join, makes.
static SmallVector<StringAttr> getOutVars(Operation *op) {
  if (auto einsum = dyn_cast<EinsumOp>(op))
    return einsum.getOutVars();
  return SmallVector<StringAttr>(
      cast<attn::TensorType>(op->getResult(0).getType()).getRanks());
}

/// The variables that `op` reduces or chooses from.
static SmallVector<StringAttr> getReduced(Operation *op) {
  if (auto topk = dyn_cast<TopKOp>(op))
    return {topk.getFromAttr()};
  if (auto join = dyn_cast<JoinOp>(op))
    return {join.getRankAttr()};
  return llvm::map_to_vector(
      cast<EinsumOp>(op).getReducers().getAsRange<ReduceAttr>(),
      [](ReduceAttr reducer) { return reducer.getVar(); });
}

bool NestFormer::reducesLoopRank(Operation *op) {
  return llvm::any_of(getReduced(op),
                      [&](StringAttr rank) { return isLoopRank(rank); });
}

bool NestFormer::mayInline(Operation *producer, Operation *consumer,
                           const Root &root) {
  if (!isa<EinsumOp, TopKOp, JoinOp>(producer) ||
      !isa<EinsumOp, TopKOp, JoinOp>(consumer))
    return false;
  if (copies.contains(producer))
    return true;
  if (!fuse || !readsInPlace(producer, consumer))
    return false;
  return !reducesLoopRank(producer) ||
         getLoopRanks(getOutVars(producer)) == root.key;
}

/// Makes every yielded value the result of an op, each its own.
void NestFormer::yieldOnlyResults() {
  Operation *yield = cascade.getBody().front().getTerminator();
  OpBuilder builder(yield);
  llvm::SmallPtrSet<Value, 4> seen;
  for (OpOperand &operand : yield->getOpOperands()) {
    Value value = operand.get();
    if (value.getDefiningOp() && seen.insert(value).second)
      continue;
    EinsumOp copy = createCopy(yield, value);
    operand.set(copy.getResult());
  }
}

/// Makes `op` a root: what it reads joins it or becomes a root before it.
void NestFormer::collect(Operation *op) {
  if (roots.count(op))
    return;
  Root root;
  if (isa<EinsumOp, TopKOp, JoinOp>(op))
    root.key = getLoopRanks(getOutVars(op));
  SmallVector<Operation *> worklist{op};
  llvm::SmallSetVector<Operation *, 4> before;
  root.members.insert(op);
  while (!worklist.empty()) {
    Operation *member = worklist.pop_back_val();
    SetVector<Value> reads(member->operand_begin(), member->operand_end());
    member->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands())
        if (!member->isAncestor(operand.getParentRegion()->getParentOp()))
          reads.insert(operand);
    });
    for (Value value : reads) {
      Operation *producer = value.getDefiningOp();
      if (!producer || producer->getParentOp() != cascade)
        continue;
      // A constant costs nothing to make again, even before an iteration.
      auto einsum = dyn_cast<EinsumOp>(producer);
      bool inlined = (einsum && einsum.getInputs().empty()) ||
                     mayInline(producer, member, root);
      if (!inlined)
        before.insert(producer);
      else if (root.members.insert(producer))
        worklist.push_back(producer);
    }
  }
  // Dependences are as deep as the cascade is long, once: no re-entry.
  for (Operation *producer : before) {
    collect(producer);
    root.level = std::max(root.level, roots[producer].level + 1);
  }
  roots[op] = std::move(root);
}

/// The ranks that all of the nest's results and reductions have in common, and
/// that nothing in the nest reduces.
static RankSet getParallelRanks(ArrayRef<Operation *> members,
                                ArrayRef<Operation *> roots,
                                function_ref<bool(Operation *)> isReduction) {
  std::optional<RankSet> parallel;
  auto intersect = [&](ArrayRef<StringAttr> vars) {
    RankSet set(vars.begin(), vars.end());
    if (!parallel)
      parallel = set;
    else
      parallel->remove_if([&](StringAttr rank) { return !set.contains(rank); });
  };
  for (Operation *root : roots)
    if (isa<EinsumOp, TopKOp, JoinOp>(root))
      intersect(getOutVars(root));
  RankSet reduced;
  for (Operation *member : members) {
    member->walk([&](Operation *op) {
      if (isa<EinsumOp, TopKOp, JoinOp>(op))
        for (StringAttr rank : getReduced(op))
          reduced.insert(rank);
      // The places of a list are found one after the other.
      if (auto topk = dyn_cast<TopKOp>(op))
        reduced.insert(topk.getToAttr());
    });
    if (auto iterate = dyn_cast<IterateOp>(member)) {
      for (Type type : iterate.getResultTypes()) {
        SmallVector<StringAttr> ranks(cast<attn::TensorType>(type).getRanks());
        llvm::erase(ranks, iterate.getRankAttr());
        // A product's factors: the body says which of the two it walks.
        CascadeOp cascade = getCascade(iterate);
        for (unsigned i = 0; i < ranks.size(); ++i) {
          RankAttr declared = cascade.lookupRank(ranks[i]);
          if (declared.getKind() == RankKind::Product)
            llvm::append_range(ranks, declared.getOperands());
        }
        intersect(ranks);
      }
      // What lacks a rank is made again along it. That is only for ranks that
      // no tile spans: they have to be parallel.
      SmallVector<StringAttr> open;
      for (StringAttr rank : *parallel)
        if (!getCascade(iterate).getFixedExtent(rank) &&
            iterate
                .walk([&](EinsumOp inner) {
                  return llvm::is_contained(inner.getVars(), Attribute(rank))
                             ? WalkResult::interrupt()
                             : WalkResult::advance();
                })
                .wasInterrupted())
          open.push_back(rank);
      iterate.walk([&](EinsumOp inner) {
        SmallVector<StringAttr> vars = inner.getOutVars();
        llvm::append_range(vars, open);
        intersect(vars);
      });
    } else if (isReduction(member)) {
      intersect(getOutVars(member));
    }
  }
  if (!parallel)
    return {};
  parallel->remove_if([&](StringAttr rank) { return reduced.contains(rank); });
  return *parallel;
}

void NestFormer::emitNest(ArrayRef<Operation *> group, IRMapping &stored) {
  // In the order of the cascade, each once.
  llvm::SetVector<Operation *> members;
  for (Operation *root : group)
    members.insert(roots[root].members.begin(), roots[root].members.end());
  SmallVector<Operation *> ordered(members.getArrayRef());
  llvm::sort(ordered,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });

  RankSet parallel = getParallelRanks(
      ordered, group, [&](Operation *op) { return reducesLoopRank(op); });
  OpBuilder builder(cascade.getBody().front().getTerminator());
  SmallVector<Type> types;
  SmallVector<Attribute> names;
  for (Operation *root : group) {
    llvm::append_range(types, root->getResultTypes());
    if (auto name = root->getAttrOfType<StringAttr>("name"))
      names.push_back(name);
    else if (auto list = root->getAttrOfType<ArrayAttr>("names"))
      llvm::append_range(names, list);
  }
  auto nest = NestOp::create(
      builder, group.front()->getLoc(), types,
      builder.getArrayAttr(
          SmallVector<Attribute>(parallel.begin(), parallel.end())),
      names.size() == types.size() ? builder.getArrayAttr(names) : ArrayAttr());
  builder.createBlock(&nest.getBody());
  IRMapping mapping = stored;
  for (Operation *member : ordered) {
    // What a member does not read in place was stored by another nest, though
    // the nest may make it for other members.
    SmallVector<std::pair<Value, Value>> made;
    if (auto consumer = dyn_cast<EinsumOp>(member))
      for (Value input : consumer.getInputs()) {
        Operation *producer = input.getDefiningOp();
        if (!isa_and_nonnull<EinsumOp, TopKOp, JoinOp>(producer) ||
            !members.contains(producer) || readsInPlace(producer, consumer))
          continue;
        made.push_back({input, mapping.lookup(input)});
        mapping.map(input, stored.lookup(input));
      }
    builder.clone(*member, mapping);
    for (auto [input, local] : llvm::reverse(made))
      mapping.map(input, local);
  }
  SmallVector<Value> results;
  for (Operation *root : group)
    for (Value result : root->getResults())
      results.push_back(mapping.lookup(result));
  YieldOp::create(builder, nest.getLoc(), results);
  unsigned index = 0;
  for (Operation *root : group)
    for (Value result : root->getResults())
      stored.map(result, nest.getResult(index++));
}

void NestFormer::emit() {
  // Nests in order of level; inside a level, of first appearance.
  llvm::MapVector<std::pair<unsigned, ArrayAttr>, SmallVector<Operation *>>
      nests;
  OpBuilder builder(cascade.getContext());
  for (auto &[op, root] : roots) {
    SmallVector<Attribute> key(root.key.begin(), root.key.end());
    // Unfused, and for what is no Einsum: a nest of its own.
    if (!fuse || !isa<EinsumOp, TopKOp, JoinOp>(op))
      key.push_back(builder.getI64IntegerAttr(nests.size()));
    nests[{root.level, builder.getArrayAttr(key)}].push_back(op);
  }
  auto ordered = nests.takeVector();
  llvm::stable_sort(
      ordered, [](auto &a, auto &b) { return a.first.first < b.first.first; });

  Operation *yield = cascade.getBody().front().getTerminator();
  SmallVector<Operation *> old;
  for (Operation &op : cascade.getBody().front().without_terminator())
    old.push_back(&op);
  IRMapping stored;
  for (auto &[key, group] : ordered)
    emitNest(group, stored);
  for (OpOperand &operand : yield->getOpOperands())
    operand.set(stored.lookup(operand.get()));
  for (Operation *op : llvm::reverse(old))
    op->erase();
}

/// Whether `read` may end up outside of the loop that `consumer` is walked in,
/// so that what it says about presence is not seen there any more.
bool NestFormer::mayBeStreamed(EinsumOp consumer, ReadOp read) {
  if (fuse)
    return true;
  // A nest of one Einsum: what the reduction walks is read inside of the loop.
  llvm::SetVector<Value> slice(read.getIndices().begin(),
                               read.getIndices().end());
  for (unsigned i = 0; i != slice.size(); ++i) {
    Operation *op = slice[i].getDefiningOp();
    if (auto var = dyn_cast_or_null<RankVarOp>(op))
      if (consumer.getReducer(var.getRankAttr()))
        return false;
    if (op)
      slice.insert(op->operand_begin(), op->operand_end());
  }
  return reducesLoopRank(consumer);
}

/// Lets a top-k or a join that chooses from what another nest stores read a
/// copy of it, which can say where that is present. Returns whether anything
/// changed.
bool NestFormer::copyStoredChoices() {
  llvm::SetVector<OpOperand *> choices;
  for (auto &[op, root] : roots)
    for (Operation *member : root.members) {
      if (!isa<TopKOp, JoinOp>(member))
        continue;
      for (OpOperand &operand : member->getOpOperands()) {
        Operation *producer = operand.get().getDefiningOp();
        bool isStored = producer && producer->getParentOp() == cascade &&
                        !mayInline(producer, member, root);
        if (isStored || (!producer && isa<JoinOp>(member)))
          choices.insert(&operand);
      }
    }
  for (OpOperand *operand : choices) {
    EinsumOp copy = createCopy(operand->getOwner(), operand->get());
    operand->set(copy.getResult());
    copies.insert(copy);
  }
  return !choices.empty();
}

/// Lets an Einsum that reads a list of another nest read a copy of it with a
/// filter: how long the list is, only its nest knows, so that stores
/// coordinates of -1 past the end. Returns whether anything changed.
bool NestFormer::copyStoredLists() {
  llvm::SetVector<std::pair<EinsumOp, ReadOp>> reads;
  for (auto &[op, root] : roots)
    for (Operation *member : root.members) {
      auto consumer = dyn_cast<EinsumOp>(member);
      if (!consumer)
        continue;
      for (auto read : consumer.getBody().getOps<ReadOp>()) {
        auto argument = cast<BlockArgument>(read.getTensor());
        auto topk = consumer.getInputs()[argument.getArgNumber()]
                        .getDefiningOp<TopKOp>();
        if (topk && !mayInline(topk, consumer, root))
          reads.insert({consumer, read});
      }
    }
  for (auto [consumer, read] : reads) {
    auto argument = cast<BlockArgument>(read.getTensor());
    auto topk = cast<TopKOp>(
        consumer.getInputs()[argument.getArgNumber()].getDefiningOp());
    JoinOp &list = lists[topk];
    if (!list) {
      list = completeList(topk);
      copies.insert(topk);
    }
    copies.insert(copyEntryRead(consumer, read, list));
  }
  return !reads.empty();
}

/// Says where what another nest stores is present, for streams to know. Returns
/// whether anything changed.
FailureOr<bool> NestFormer::copyAbsentReads() {
  bool changed = false;
  llvm::SetVector<std::pair<EinsumOp, ReadOp>> reads;
  for (auto &[op, root] : roots)
    for (Operation *member : root.members) {
      auto consumer = dyn_cast<EinsumOp>(member);
      if (!consumer || copies.contains(consumer))
        continue;
      for (auto read : consumer.getBody().getOps<ReadOp>()) {
        auto argument = cast<BlockArgument>(read.getTensor());
        auto producer = consumer.getInputs()[argument.getArgNumber()]
                            .getDefiningOp<EinsumOp>();
        if (producer && !producer.getInputs().empty() &&
            !mayInline(producer, consumer, root) &&
            mayBeStreamed(consumer, read) && !presentReads.contains(read))
          reads.insert({consumer, read});
      }
    }
  for (auto [consumer, read] : reads) {
    FailureOr<EinsumOp> copy = copyAbsentRead(consumer, read);
    if (failed(copy))
      return failure();
    if (*copy)
      copies.insert(*copy);
    else
      presentReads.insert(read);
    changed |= bool(*copy);
  }
  return changed;
}

LogicalResult NestFormer::run() {
  yieldOnlyResults();
  FailureOr<bool> changed = true;
  while (*changed) {
    roots.clear();
    for (Value value : cascade.getBody().front().getTerminator()->getOperands())
      collect(value.getDefiningOp());
    if (copyStoredChoices() || copyStoredLists())
      continue;
    changed = copyAbsentReads();
    if (failed(changed))
      return failure();
  }
  emit();
  return success();
}

namespace {
struct FormNests : attn::impl::FormNestsBase<FormNests> {
  using FormNestsBase::FormNestsBase;
  void runOnOperation() override {
    if (!getOperation().getOps<NestOp>().empty())
      return;
    if (failed(NestFormer(getOperation(), fuse, maxResident).run()))
      signalPassFailure();
  }
};
} // namespace
