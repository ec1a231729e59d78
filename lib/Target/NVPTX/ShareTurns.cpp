//===- ShareTurns.cpp - Which turns a warpgroup takes ---------------------===//
//
// Intervals has found, for the rows of one warpgroup, which turns of a loop
// they need and where a filter holds for all of them. A warpgroup may go by
// that where nothing makes it wait for the others but the rings, whose turns it
// counts (LowerShare).
//
//===----------------------------------------------------------------------===//

#include "lib/Target/NVPTX/Fragment.h"
#include "lib/Target/NVPTX/Passes.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/RegionUtils.h"

namespace attn::nvptx {
#define GEN_PASS_DEF_SHARETURNS
#include "lib/Target/NVPTX/Passes.h.inc"
} // namespace attn::nvptx

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

/// Whether no operation in `op` has a barrier of all warpgroups: tiles in
/// shared memory are the other role's.
static bool isOfGroup(Operation *op) {
  auto isTile = [](Value value) {
    return !isa<tile::TileType>(value.getType()) || isInRegisters(value) ||
           isSwizzled(value);
  };
  return !op->walk([&](Operation *inner) {
              bool waits = isa<tile::StoreOp>(inner) ||
                           !llvm::all_of(inner->getOperands(), isTile) ||
                           !llvm::all_of(inner->getResults(), isTile);
              return waits ? WalkResult::interrupt() : WalkResult::advance();
            }).wasInterrupted();
}

/// Whether a warpgroup may leave out turns of `loop`: it has the places of
/// their tiles to give back, once for each turn.
static bool canLeaveTurns(scf::ForOp loop, tile::KernelOp kernel) {
  bool isCounted = true;
  loop.walk([&](tile::LoadOp load) {
    isCounted &=
        !isSwizzled(load.getResult()) || load->getBlock() == loop.getBody();
  });
  return isCounted && loop->getParentOp() == kernel && isOfGroup(loop);
}

/// Whether warpgroups may take different branches.
static bool canPart(scf::IfOp branch) {
  bool loads = false;
  branch.walk(
      [&](tile::LoadOp load) { loads |= isSwizzled(load.getResult()); });
  return !loads && isOfGroup(branch);
}

namespace {
struct ShareTurns : nvptx::impl::ShareTurnsBase<ShareTurns> {
  void runOnOperation() override {
    tile::KernelOp kernel = getOperation();
    kernel.walk([&](tile::OwnOp own) {
      auto users = own->getUsers();
      bool isBound = llvm::all_of(users, [&](Operation *user) {
        auto loop = dyn_cast<scf::ForOp>(user);
        return loop && canLeaveTurns(loop, kernel);
      });
      bool isCondition = llvm::all_of(users, [](Operation *user) {
        auto branch = dyn_cast<scf::IfOp>(user);
        return branch && canPart(branch);
      });
      if (kernel.getRoles() && isBound)
        return;
      own.replaceAllUsesWith(kernel.getRoles() && isCondition ? own.getOwn()
                                                              : own.getWhole());
      own.erase();
    });
    IRRewriter rewriter(&getContext());
    (void)runRegionDCE(rewriter, kernel->getRegions());
  }
};
} // namespace
