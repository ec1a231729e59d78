//===- OverlapProducts.cpp - Which contractions run during the next turn --===//

#include "lib/Target/NVPTX/Fragment.h"
#include "lib/Target/NVPTX/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"

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

/// Whether a loop's last turn alone can take another side than the others:
/// `condition` is made of the turn's coordinate, extents and numbers.
static bool isOfTail(Value condition, scf::ForOp loop) {
  SetVector<Value> made;
  made.insert(condition);
  for (unsigned i = 0; i != made.size(); ++i) {
    if (made[i] == loop.getInductionVar())
      continue;
    Operation *op = made[i].getDefiningOp();
    if (!op || !(isa<tile::ExtentOp, tile::OwnOp>(op) ||
                 isa<arith::ArithDialect>(op->getDialect())))
      return false;
    made.insert(op->operand_begin(), op->operand_end());
  }
  return true;
}

/// The multiply-adds of a turn's products.
static int64_t countProducts(scf::ForOp loop) {
  int64_t count = 0;
  for (auto op : loop.getBody()->getOps<tile::ContractOp>()) {
    if (!isWarpgroupContract(op))
      continue;
    tile::TileType left = op.getLhs().getType(), right = op.getRhs().getType();
    int64_t points = llvm::product_of(left.getSizes());
    for (auto [rank, size] : llvm::zip(right.getRanks(), right.getSizes()))
      if (!llvm::is_contained(left.getRanks(), rank))
        points *= size;
    count += points;
  }
  return count;
}

/// The functions that a turn computes of what it has read, exponentials mostly,
/// where `branch` takes its first side.
static int64_t countFunctions(scf::ForOp loop, scf::IfOp branch) {
  int64_t count = 0;
  loop.getBody()->walk([&](tile::MapOp map) {
    if (branch.getElseRegion().isAncestor(map->getParentRegion()))
      return;
    int64_t points = llvm::product_of(map.getSizes());
    map.getBody().walk([&](Operation *op) {
      bool isFunction = isa<math::MathDialect>(op->getDialect()) ||
                        isa<arith::DivFOp, attn::DivOp>(op);
      bool isOfNumbers = llvm::all_of(op->getOperands(), [](Value operand) {
        return matchPattern(operand, m_Constant());
      });
      if (isFunction && !isa<math::FmaOp>(op) && !isOfNumbers)
        count += points;
    });
  });
  return count;
}

/// ptxas places what a turn does within a block of instructions. Behind a
/// branch that has ended it places nothing beside the exponentials. So a turn
/// branches first where that costs least: where its last turn alone can take
/// the other side. But then ptxas also awaits the last turn's product before
/// the exponentials; so this is for loops in which other warpgroups' products
/// have more to do than can run beside exponentials alone.
static void branchEarly(scf::ForOp loop, double productsPerFunction) {
  SmallVector<scf::IfOp> branches(loop.getBody()->getOps<scf::IfOp>());
  if (branches.size() != 1 || branches.front().getElseRegion().empty())
    return;
  scf::IfOp branch = branches.front();
  if (isOfTail(branch.getCondition(), loop) &&
      countProducts(loop) > countFunctions(loop, branch) * productsPerFunction)
    branch->setAttr(earlyBranch, UnitAttr::get(branch.getContext()));
}

/// Whether all warpgroups count the same turns, and there are several of them.
static bool countsTurns(tile::KernelOp kernel) {
  return kernel.getPersistent() && !findUnevenRank(kernel) &&
         getNumWarps(kernel).value_or(0) > groupWarps;
}

namespace {
struct OverlapProducts : nvptx::impl::OverlapProductsBase<OverlapProducts> {
  using OverlapProductsBase::OverlapProductsBase;
  void runOnOperation() override {
    getOperation().walk([this](scf::ForOp loop) {
      // Else there is nothing to run beside another product.
      SmallVector<tile::ContractOp> first = getFirstProducts(loop);
      if (first.empty())
        return;
      bool overlaps = false;
      for (auto op : loop.getBody()->getOps<tile::ContractOp>())
        if (canWait(op, loop, first.front())) {
          op.setStage(1);
          overlaps = true;
        }
      if (overlaps && productsPerFunction > 0)
        branchEarly(loop, productsPerFunction);
      if (overlaps && pingPongs && countsTurns(getOperation()))
        loop->setAttr(pingPong, UnitAttr::get(&getContext()));
    });
  }
};
} // namespace
