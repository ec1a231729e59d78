//===- Chunkwise.cpp - Linear recurrences over chunks of steps ------------===//

#include "lib/Cascade/ChunkFormer.h"
#include "lib/Cascade/Passes.h"

namespace attn {
#define GEN_PASS_DEF_CHUNKWISE
#include "lib/Cascade/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {
struct Chunkwise : attn::impl::ChunkwiseBase<Chunkwise> {
  using ChunkwiseBase::ChunkwiseBase;

  void runOnOperation() override {
    if (chunk < 1 || chunk > int64_t(1) << 20) {
      getOperation().emitError("chunks have 1 to 2^20 steps, not ")
          << int64_t(chunk);
      return signalPassFailure();
    }
    auto iterates =
        llvm::to_vector(getOperation().getBody().getOps<IterateOp>());
    for (IterateOp iterate : iterates) {
      ChunkFormer former(iterate, chunk);
      Location loc = iterate.getLoc();
      std::string rank = iterate.getRank().str();
      if (former.run()) {
        emitRemark(loc) << "chunks of " << int64_t(chunk) << " of `" << rank
                        << "`; transitions: " << former.getDescription();
        continue;
      }
      const StepRefusal &refusal = former.getRefusal();
      emitRemark(*refusal.loc)
          << refusal.text << "; `" << rank << "` is walked step by step";
    }
  }
};
} // namespace
