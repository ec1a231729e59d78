//===- OverlapProducts.cpp - Which contractions run during the next turn --===//

#include "lib/Target/NVPTX/Fragment.h"
#include "lib/Target/NVPTX/Passes.h"

namespace attn::nvptx {
#define GEN_PASS_DEF_OVERLAPPRODUCTS
#include "lib/Target/NVPTX/Passes.h.inc"
} // namespace attn::nvptx

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

/// Whether `op` may end when the next turn has begun: it adds to what the loop
/// carries, and a turn reads that after its first product only.
static bool canWait(tile::ContractOp op, scf::ForOp loop,
                    tile::ContractOp first) {
  if (!isWarpgroupContract(op) || op == first || !op.getAcc() ||
      !isInRegisters(op.getRhs()) || !op.getResult().hasOneUse() ||
      op.getLhs().getDefiningOp()->getBlock() != loop.getBody())
    return false;
  auto yield = dyn_cast<scf::YieldOp>(*op.getResult().user_begin());
  if (!yield || yield->getParentOp() != loop)
    return false;
  OpOperand &use = *op.getResult().use_begin();
  return llvm::all_of(loop.getRegionIterArg(use.getOperandNumber()).getUsers(),
                      [&](Operation *user) {
                        return first->isBeforeInBlock(
                            loop.getBody()->findAncestorOpInBlock(*user));
                      });
}

namespace {
struct OverlapProducts : nvptx::impl::OverlapProductsBase<OverlapProducts> {
  void runOnOperation() override {
    getOperation().walk([](scf::ForOp loop) {
      // Else there is nothing to run beside another product.
      SmallVector<tile::ContractOp> first = getFirstProducts(loop);
      if (first.empty())
        return;
      for (auto op : loop.getBody()->getOps<tile::ContractOp>())
        if (canWait(op, loop, first.front()))
          op.setStage(1);
    });
  }
};
} // namespace
