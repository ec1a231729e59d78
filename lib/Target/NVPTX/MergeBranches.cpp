//===- MergeBranches.cpp - What both branches do, once --------------------===//

#include "lib/Target/NVPTX/Fragment.h"
#include "lib/Target/NVPTX/Passes.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace attn::nvptx {
#define GEN_PASS_DEF_MERGEBRANCHES
#include "lib/Target/NVPTX/Passes.h.inc"
} // namespace attn::nvptx

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

/// Whether two operations differ in nothing, or in their operands alone.
static bool isEquivalent(Operation *a, Operation *b, bool ofOperandsToo) {
  DenseMap<Value, Value> same;
  auto check = [&](Value x, Value y) {
    bool isOperand = llvm::is_contained(a->getOperands(), x);
    return success(x == y || same.lookup(x) == y ||
                   (!ofOperandsToo && isOperand && x.getType() == y.getType()));
  };
  auto mark = [&](Value x, Value y) { same[x] = y; };
  return OperationEquivalence::isEquivalentTo(
      a, b, check, mark, OperationEquivalence::IgnoreLocations);
}

/// Whether nothing that `op` reads is made in `block`.
static bool readsNothingOf(Operation *op, Block *block) {
  return !op->walk([&](Operation *inner) {
              for (Value operand : inner->getOperands())
                if (operand.getParentBlock() == block)
                  return WalkResult::interrupt();
              return WalkResult::advance();
            }).wasInterrupted();
}

/// Moves what both branches begin with in front of them.
static void hoist(scf::IfOp branch) {
  for (Operation &op :
       llvm::make_early_inc_range(branch.thenBlock()->without_terminator())) {
    if (!isPure(&op) || !readsNothingOf(&op, branch.thenBlock()))
      continue;
    for (Operation &other : *branch.elseBlock())
      if (isEquivalent(&op, &other, /*ofOperandsToo=*/true)) {
        op.moveBefore(branch);
        other.replaceAllUsesWith(op.getResults());
        other.erase();
        break;
      }
  }
}

/// The same with other results: those of `pairs`, a value of either branch.
static scf::IfOp replaceResults(scf::IfOp branch,
                                ArrayRef<std::pair<Value, Value>> pairs) {
  OpBuilder builder(branch);
  SmallVector<Type> types;
  SmallVector<Value> left, right;
  for (auto [x, y] : pairs) {
    types.push_back(x.getType());
    left.push_back(x);
    right.push_back(y);
  }
  auto replaced =
      scf::IfOp::create(builder, branch.getLoc(), types, branch.getCondition(),
                        /*addThenBlock=*/false, /*addElseBlock=*/false);
  replaced.getThenRegion().takeBody(branch.getThenRegion());
  replaced.getElseRegion().takeBody(branch.getElseRegion());
  replaced.thenYield()->setOperands(left);
  replaced.elseYield()->setOperands(right);
  return replaced;
}

/// An operation on tiles that yields a result of the branch and does nothing
/// else; null for any other.
static Operation *getLast(Value yielded, Block *block) {
  Operation *op = yielded.getDefiningOp();
  bool isLast = op && op->getBlock() == block && yielded.hasOneUse() &&
                isa<tile::ContractOp, tile::ConvertOp, tile::MapOp>(op);
  return isLast ? op : nullptr;
}

/// Moves what both branches end with behind them: the first result that allows
/// it. Returns the branch that is left, or null if it is the same.
static scf::IfOp sink(scf::IfOp branch) {
  auto pairs = llvm::to_vector(llvm::zip(branch.thenYield().getOperands(),
                                         branch.elseYield().getOperands()));
  SmallVector<std::pair<Value, Value>> results;
  for (auto [x, y] : pairs)
    results.push_back({x, y});
  for (auto [index, pair] : llvm::enumerate(results)) {
    Operation *a = getLast(pair.first, branch.thenBlock()),
              *b = getLast(pair.second, branch.elseBlock());
    if (!a || !b || !isEquivalent(a, b, /*ofOperandsToo=*/false))
      continue;
    // Operands that differ, or that a branch makes, become results.
    SmallVector<std::pair<Value, Value>> next(results);
    SmallVector<int64_t> positions;
    for (auto [x, y] : llvm::zip(a->getOperands(), b->getOperands())) {
      if (x == y) {
        positions.push_back(-1);
        continue;
      }
      auto *found = llvm::find(next, std::pair<Value, Value>(x, y));
      positions.push_back(found - next.begin());
      if (found == next.end())
        next.push_back({x, y});
    }
    scf::IfOp left = replaceResults(branch, next);
    OpBuilder builder(left->getContext());
    builder.setInsertionPointAfter(left);
    IRMapping mapping;
    SmallVector<Value> operands;
    for (auto [position, operand] : llvm::zip(positions, a->getOperands()))
      operands.push_back(position < 0 ? operand : left.getResult(position));
    Operation *sunk = builder.clone(*a);
    sunk->setOperands(operands);
    for (auto [i, result] : llvm::enumerate(branch.getResults()))
      result.replaceAllUsesWith(i == index ? sunk->getResult(0)
                                           : left.getResult(i));
    branch.erase();
    // What has moved is no result any more.
    next.erase(next.begin() + index);
    scf::IfOp last = replaceResults(left, next);
    for (auto [i, result] : llvm::enumerate(left.getResults()))
      if (i != index)
        result.replaceAllUsesWith(last.getResult(i < index ? i : i - 1));
    left.erase();
    a->erase();
    b->erase();
    return last;
  }
  return {};
}

/// Moves the load of another role to the innermost branch that reads its tile.
static void moveToUses(tile::LoadOp load) {
  while (true) {
    Operation *around = nullptr;
    for (Operation *user : load->getUsers()) {
      Operation *ancestor = load->getBlock()->findAncestorOpInBlock(*user);
      auto branch = dyn_cast<scf::IfOp>(ancestor);
      if (!branch || (around && around != branch) ||
          !branch.getThenRegion().isAncestor(user->getParentRegion()))
        return;
      around = branch;
    }
    if (!around)
      return;
    load->moveBefore(&cast<scf::IfOp>(around).thenBlock()->front());
  }
}

namespace {
struct MergeBranches : nvptx::impl::MergeBranchesBase<MergeBranches> {
  void runOnOperation() override {
    if (!getOperation().getRoles())
      return;
    SmallVector<scf::IfOp> branches;
    getOperation().walk([&](scf::IfOp branch) {
      if (!branch.getElseRegion().empty() && branch.getNumResults() != 0)
        branches.push_back(branch);
    });
    // Inner ones first: their operations may then be an outer one's.
    for (scf::IfOp branch : branches) {
      hoist(branch);
      while (scf::IfOp left = sink(branch))
        branch = left;
    }
    getOperation().walk([](tile::LoadOp load) {
      if (isSwizzled(load.getResult()))
        moveToUses(load);
    });
  }
};
} // namespace
