//===- PanelRuns.cpp - Operations done panel by panel ---------------------===//

#include "lib/Target/CPU/PanelRuns.h"
#include "lib/Target/CPU/Layout.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

/// Whether each lane of what `op` makes depends on that lane alone.
static bool keepsLanes(Operation *op, StringAttr laneRank) {
  if (!isa<tile::MapOp, tile::ContractOp, tile::ConvertOp>(op))
    return false;
  Value result = op->getResult(0);
  if (cast<tile::TileType>(result.getType()).getRankPosition(laneRank) < 0)
    return false;
  // What is stored may lie in the view, where lanes have another place.
  return llvm::none_of(result.getUsers(), [](Operation *user) {
    return isa<tile::StoreOp>(user);
  });
}

static int64_t getLaneSize(Operation *op, StringAttr laneRank) {
  auto type = cast<tile::TileType>(op->getResult(0).getType());
  return type.getSizes()[type.getRankPosition(laneRank)];
}

bool attn::cpu::isMatrixProduct(Operation *op) {
  auto contract = dyn_cast<tile::ContractOp>(op);
  return contract && contract.getLhs().getType().getElementType() !=
                         contract.getResult().getType().getElementType();
}

/// Whether `op`, or what is inside of it, reads what one of `run` makes.
static bool reads(Operation *op, ArrayRef<Operation *> run) {
  return op
      ->walk([&](Operation *inner) {
        for (Value operand : inner->getOperands())
          if (llvm::is_contained(run, operand.getDefiningOp()))
            return WalkResult::interrupt();
        return WalkResult::advance();
      })
      .wasInterrupted();
}

void PanelRuns::findRuns(Block &block, StringAttr laneRank,
                         const VectorUnit &unit) {
  OperationRun run;
  auto finish = [&] {
    if (llvm::any_of(run, isMatrixProduct) ||
        (llvm::any_of(run, llvm::IsaPred<tile::ContractOp>) &&
         haveUnequalEnds(run, laneRank, unit))) {
      auto type = cast<tile::TileType>(run.front()->getResult(0).getType());
      if (TileLayout::get(type, laneRank, unit).numPanels > 1) {
        for (Operation *op : run)
          members[op] = runs.size();
        runs.push_back(run);
      }
    }
    run.clear();
  };
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (keepsLanes(&op, laneRank)) {
      if (!run.empty() &&
          getLaneSize(&op, laneRank) != getLaneSize(run.front(), laneRank))
        finish();
      run.push_back(&op);
    } else if (!run.empty()) {
      if (op.getNumRegions() == 0 && isPure(&op) && !reads(&op, run))
        op.moveBefore(run.front());
      else
        finish();
    }
  }
  finish();
}

PanelRuns::PanelRuns(tile::KernelOp kernel, const VectorUnit &unit) {
  StringAttr laneRank = kernel.getLanesAttr();
  if (!laneRank)
    return;
  kernel.walk([&](Block *block) {
    if (!isa<tile::MapOp>(block->getParentOp()))
      findRuns(*block, laneRank, unit);
  });
}
