//===- ExplainNests.cpp - What a second kernel costs ----------------------===//
//
// Einsums that share no loop are different kernels (FormNests). Where one walks
// a rank that another has walked for it, that is a traversal more, whichever
// form is derived for each: a remark says what forces it and what it costs.
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/ExplainStreams.h"
#include "lib/Cascade/ImportExpr.h"
#include "lib/Cascade/LoopRank.h"
#include "lib/Cascade/StreamFormer.h"

using namespace mlir;
using namespace attn;

/// What `root` is computed from inside of its nest, itself included.
static llvm::SetVector<Operation *> getSlice(Value root, NestOp nest) {
  llvm::SetVector<Operation *> slice;
  if (root.getDefiningOp())
    slice.insert(root.getDefiningOp());
  for (unsigned i = 0; i < slice.size(); ++i)
    for (Value value : getReads(slice[i]))
      if (Operation *op = value.getDefiningOp();
          op && nest->isProperAncestor(op))
        slice.insert(op);
  return slice;
}

/// What makes a result of a nest.
static llvm::SetVector<Operation *> getSlice(OpResult result) {
  auto nest = cast<NestOp>(result.getOwner());
  Operation *yield = nest.getBody().front().getTerminator();
  return getSlice(yield->getOperand(result.getResultNumber()), nest);
}

static bool hasRank(Value value, StringAttr rank) {
  auto type = dyn_cast<attn::TensorType>(value.getType());
  return type && type.getRankPosition(rank) >= 0;
}

/// The Einsums along `rank` in `slice`, and what it reads of arguments and of
/// other nests with that rank.
static Fallback getWalks(const llvm::SetVector<Operation *> &slice,
                         StringAttr rank) {
  Fallback walks;
  for (Operation *op : slice) {
    if (isa<EinsumOp>(op) && hasRank(op->getResult(0), rank))
      walks.computed.insert(op->getResult(0));
    for (Value value : getReads(op))
      if ((isa<BlockArgument>(value) || value.getDefiningOp<NestOp>()) &&
          hasRank(value, rank))
        walks.read.insert(value);
  }
  return walks;
}

/// Whether something in `slice` is reduced, or chosen, along `rank`.
static bool reduces(const llvm::SetVector<Operation *> &slice,
                    StringAttr rank) {
  return llvm::any_of(slice, [&](Operation *op) {
    if (auto topk = dyn_cast<TopKOp>(op))
      return topk.getFromAttr() == rank;
    auto einsum = dyn_cast<EinsumOp>(op);
    return einsum && einsum.getReducer(rank);
  });
}

/// Whether `op` reads `tensor`, which has `rank`, at other coordinates of it
/// than the one at hand.
static bool readsElsewhere(Operation *op, Value tensor, StringAttr rank) {
  auto einsum = dyn_cast<EinsumOp>(op);
  auto type = dyn_cast<attn::TensorType>(tensor.getType());
  if (!einsum || !type || type.getRankPosition(rank) < 0)
    return false;
  for (auto read : einsum.getBody().getOps<ReadOp>()) {
    auto argument = cast<BlockArgument>(read.getTensor());
    if (einsum.getInputs()[argument.getArgNumber()] != tensor)
      continue;
    Value index = read.getIndices()[type.getRankPosition(rank)];
    auto var = index.getDefiningOp<RankVarOp>();
    if (!var || var.getRankAttr() != rank)
      return true;
  }
  return false;
}

namespace {
/// What nests before it have to finish, for one result and one rank.
struct Awaited {
  llvm::SmallSetVector<Value, 2> reduced, elsewhere;
  Fallback before;
};
} // namespace

static Awaited getAwaited(const llvm::SetVector<Operation *> &slice,
                          StringAttr rank) {
  Awaited awaited;
  for (Operation *op : slice)
    for (Value value : getReads(op)) {
      if (!value.getDefiningOp<NestOp>())
        continue;
      auto maker = getSlice(cast<OpResult>(value));
      if (reduces(maker, rank))
        awaited.reduced.insert(value);
      else if (readsElsewhere(op, value, rank))
        awaited.elsewhere.insert(value);
      else
        continue;
      Fallback walks = getWalks(maker, rank);
      awaited.before.computed.insert_range(walks.computed);
      awaited.before.read.insert_range(walks.read);
    }
  return awaited;
}

/// What a traversal of `rank` for `slice` repeats of those before.
static Fallback getRepeated(const llvm::SetVector<Operation *> &slice,
                            StringAttr rank, const Fallback &before) {
  Fallback again = getWalks(slice, rank);
  // What two nests compute is one Einsum of the source.
  again.computed.remove_if([&](Value value) {
    return llvm::none_of(before.computed, [&](Value other) {
      return other.getLoc() == value.getLoc();
    });
  });
  again.read.remove_if(
      [&](Value value) { return !before.read.contains(value); });
  for (Value value : again.computed) {
    bool isInner = llvm::any_of(again.computed, [&](Value other) {
      return llvm::is_contained(getReads(other.getDefiningOp()), value);
    });
    if (!isInner)
      again.stored.insert(value);
  }
  return again;
}

/// The loop ranks of `result` that none of `values` has.
static std::string getLackedRanks(Value result, ArrayRef<Value> values,
                                  CascadeOp cascade, int64_t maxResident) {
  std::string list;
  for (StringAttr rank : cast<attn::TensorType>(result.getType()).getRanks())
    if (isLoopRank(cascade, rank, maxResident) &&
        llvm::none_of(values,
                      [&](Value value) { return hasRank(value, rank); }))
      list += (list.empty() ? "`" : ", `") + rank.str() + "`";
  return list;
}

void attn::explainNests(CascadeOp cascade, int64_t maxResident) {
  std::optional<CascadeCounts> counts;
  auto explain = [&](NestOp nest, Value result, StringAttr rank) {
    llvm::SetVector<Operation *> slice = getSlice(result, nest);
    bool isKept = llvm::is_contained(nest.getParallel(), Attribute(rank));
    if (!isKept && !reduces(slice, rank))
      return;
    Awaited awaited = getAwaited(slice, rank);
    if (awaited.reduced.empty() && awaited.elsewhere.empty())
      return;
    if (!counts)
      counts.emplace(cascade);
    std::string cost =
        describeFallback(*counts, getRepeated(slice, rank, awaited.before));
    std::string name = "`" + getSourceName(result) + "`",
                along = "`" + rank.str() + "`";
    ArrayRef<Value> reduced = awaited.reduced.getArrayRef();
    std::string text;
    if (isKept && !reduced.empty()) {
      text = name + " keeps " + along + " and needs " + quoteNames(reduced) +
             ", finished after all of " + along +
             ", so no rule can help (output-keeps-rank)";
    } else if (cost.empty()) {
      return; // another walk, but of nothing that was walked before
    } else if (!reduced.empty()) {
      std::string lacked =
          getLackedRanks(result, reduced, cascade, maxResident);
      text = name + " reduces " + along + " and needs " + quoteNames(reduced) +
             ", which another kernel finishes" +
             (lacked.empty()
                  ? ""
                  : ", as a loop over " + lacked + " would repeat them") +
             " (other-kernel)";
    } else {
      text = name + " reads " + quoteNames(awaited.elsewhere.getArrayRef()) +
             " at other coordinates of " + along +
             " than the one at hand, so another kernel finishes it before "
             "(other-kernel)";
    }
    InFlightDiagnostic remark = result.getDefiningOp()->emitRemark();
    remark << text << ": it is one more traversal of " << along;
    if (!cost.empty())
      remark << ", which" << cost;
  };
  for (auto nest : cascade.getBody().getOps<NestOp>())
    for (Value result : nest.getBody().front().getTerminator()->getOperands())
      for (auto rank : cascade.getRanks().getAsRange<RankAttr>())
        if (isLoopRank(cascade, rank.getName(), maxResident) &&
            result.getDefiningOp())
          explain(nest, result, rank.getName());
}
