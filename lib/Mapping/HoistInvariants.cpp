//===- HoistInvariants.cpp - Out of loops, through branches ---------------===//

#include "lib/Mapping/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace attn {
#define GEN_PASS_DEF_HOISTINVARIANTS
#include "lib/Mapping/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

/// Whether nothing that `op` uses, in its regions too, is defined in `loop`.
static bool isInvariant(Operation *op, scf::ForOp loop) {
  WalkResult result = op->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands()) {
      Region *region = operand.getParentRegion();
      bool isOwn = op->isAncestor(region->getParentOp());
      if (!isOwn && loop.getRegion().isAncestor(region))
        return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return !result.wasInterrupted();
}

static void hoist(scf::ForOp loop) {
  // In order, so that what an op needs is moved before it is looked at.
  loop.getBody()->walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<scf::ForOp, scf::IfOp>(op))
      return WalkResult::advance();
    // Not out of a map's region: those run per element.
    if (!isa<scf::ForOp, scf::IfOp>(op->getParentOp()))
      return WalkResult::skip();
    if (isMemoryEffectFree(op) && isSpeculatable(op) &&
        !op->hasTrait<OpTrait::IsTerminator>() && isInvariant(op, loop)) {
      op->moveBefore(loop);
      return WalkResult::skip();
    }
    return WalkResult::skip();
  });
}

namespace {
struct HoistInvariants : attn::impl::HoistInvariantsBase<HoistInvariants> {
  void runOnOperation() override {
    // Innermost loops first: post-order.
    getOperation().walk([](scf::ForOp loop) { hoist(loop); });
  }
};
} // namespace
