//===- OnePass.cpp - Reductions over a loop rank become streams -----------===//
//
// In each nest, what reduces a loop rank is brought to reduction normal form
// (ImportExpr), handed to the derivation, and written back as one attn.stream
// for each traversal that it finds (EmitExpr). Nothing here knows what the
// Einsums compute.
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/LoopRank.h"
#include "lib/Cascade/Passes.h"
#include "lib/Cascade/StreamFormer.h"

namespace attn {
#define GEN_PASS_DEF_ONEPASS
#include "lib/Cascade/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

llvm::cl::ValuesClass attn::getMaximumValues() {
  return llvm::cl::values(
      clEnumValN(MaximumChoice::Running, "running", "of all that was seen"),
      clEnumValN(MaximumChoice::TileLocal, "tile-local",
                 "each chunk's own, merged"),
      clEnumValN(MaximumChoice::Static, "static",
                 "a number that bounds the elements"),
      clEnumValN(MaximumChoice::Stale, "stale",
                 "an old one until it is exceeded by ln 256"));
}

namespace {
struct OnePass : attn::impl::OnePassBase<OnePass> {
  using OnePassBase::OnePassBase;
  void runOnOperation() override;
  SmallVector<StringAttr> getLoops(Block *block);
  void formStreams(Block &block, NestOp nest);
};
} // namespace

/// The loop ranks that nothing around `block` walks.
SmallVector<StringAttr> OnePass::getLoops(Block *block) {
  CascadeOp cascade = getOperation();
  llvm::SmallSetVector<Attribute, 4> walked;
  for (Operation *parent = block->getParentOp(); parent != cascade;
       parent = parent->getParentOp()) {
    if (auto stream = dyn_cast<StreamOp>(parent))
      walked.insert(stream.getRankAttr());
    if (auto nest = dyn_cast<NestOp>(parent))
      walked.insert_range(nest.getParallel());
  }
  SmallVector<StringAttr> loops;
  for (auto rank : cascade.getRanks().getAsRange<RankAttr>())
    if (!walked.contains(rank.getName()) &&
        isLoopRank(cascade, rank.getName(), maxResident))
      loops.push_back(rank.getName());
  return loops;
}

/// Streams the loop ranks that are reduced in `block`, then those in the steps.
void OnePass::formStreams(Block &block, NestOp nest) {
  CascadeOp cascade = getOperation();
  StreamOptions options;
  options.derives = onePass;
  options.derivation.allowUnproved = unproved;
  options.derivation.maximum = maximum;
  options.derivation.expLimit = getExpLimit(nest);
  options.maximumBound = maximumBound;
  SmallVector<Block *> worklist{&block};
  while (!worklist.empty()) {
    Block *next = worklist.pop_back_val();
    SmallVector<StringAttr> loops = getLoops(next);
    for (StringAttr rank : loops) {
      bool isReduced = llvm::any_of(*next, [&](Operation &op) {
        if (auto topk = dyn_cast<TopKOp>(op))
          return topk.getFromAttr() == rank;
        auto einsum = dyn_cast<EinsumOp>(op);
        return einsum && einsum.getReducer(rank).has_value();
      });
      if (!isReduced)
        continue;
      StreamFormer(cascade, *next, rank, loops, getFloatType(nest), options)
          .run();
    }
    for (auto stream : next->getOps<StreamOp>())
      worklist.push_back(&stream.getStep().front());
  }
}

/// What streams don't know is written with what they know before.
static LogicalResult checkExpanded(CascadeOp cascade) {
  WalkResult result = cascade.walk([](EinsumOp einsum) {
    for (auto reducer : einsum.getReducers().getAsRange<ReduceAttr>())
      if (llvm::is_contained({ReducerKind::ArgMax, ReducerKind::Lse},
                             reducer.getKind())) {
        einsum.emitOpError("reduces by ")
            << stringifyReducerKind(reducer.getKind())
            << ", which --attn-expand-reducers writes with other reducers";
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// A bound is an argument of the cascade.
static LogicalResult checkBound(CascadeOp cascade, StringRef bound) {
  if (bound.empty())
    return success();
  for (auto [name, argument] :
       llvm::zip_equal(cascade.getArgNames().getAsRange<StringAttr>(),
                       cascade.getBody().getArguments()))
    if (name == bound && isa<FloatType>(argument.getType()))
      return success();
  return cascade.emitOpError("has no scalar argument `")
         << bound << "` to bound a maximum by";
}

void OnePass::runOnOperation() {
  if (failed(checkExpanded(getOperation())) ||
      failed(checkBound(getOperation(), maximumBound)))
    return signalPassFailure();
  if (onePass)
    explainNests(getOperation(), maxResident);
  for (auto nest : getOperation().getBody().getOps<NestOp>()) {
    // An iteration walks its rank by itself.
    if (!nest.getBody().getOps<IterateOp>().empty())
      continue;
    formStreams(nest.getBody().front(), nest);
  }
}
