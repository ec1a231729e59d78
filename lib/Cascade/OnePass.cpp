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

namespace {
struct OnePass : attn::impl::OnePassBase<OnePass> {
  using OnePassBase::OnePassBase;
  void runOnOperation() override;
  void formStreams(Block &block, Type floatType);
};
} // namespace

/// Streams the loop ranks that are reduced in `block`, then those in the steps.
void OnePass::formStreams(Block &block, Type floatType) {
  CascadeOp cascade = getOperation();
  SmallVector<Block *> worklist{&block};
  while (!worklist.empty()) {
    Block *next = worklist.pop_back_val();
    llvm::SmallSetVector<StringAttr, 4> streamed;
    for (Operation *parent = next->getParentOp(); parent != cascade;
         parent = parent->getParentOp())
      if (auto stream = dyn_cast<StreamOp>(parent))
        streamed.insert(stream.getRankAttr());
    for (auto rank : cascade.getRanks().getAsRange<RankAttr>()) {
      StringAttr name = rank.getName();
      bool isReduced = llvm::any_of(next->getOps<EinsumOp>(), [&](EinsumOp e) {
        return e.getReducer(name).has_value();
      });
      if (isReduced && !streamed.contains(name) &&
          isLoopRank(cascade, name, maxResident))
        StreamFormer(cascade, *next, name, floatType, onePass).run();
    }
    for (auto stream : next->getOps<StreamOp>())
      worklist.push_back(&stream.getStep().front());
  }
}

void OnePass::runOnOperation() {
  for (auto nest : getOperation().getBody().getOps<NestOp>()) {
    // An iteration walks its rank by itself.
    if (!nest.getBody().getOps<IterateOp>().empty())
      continue;
    formStreams(nest.getBody().front(), getFloatType(nest));
  }
}
