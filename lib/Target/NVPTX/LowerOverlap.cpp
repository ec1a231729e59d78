//===- LowerOverlap.cpp - Products that run during the next turn ----------===//
//
// In a loop with a contraction of stage 1, a turn only makes what that one
// reads. The next turn starts its own first products, then that one, and works
// on what its first products give while that one runs (FlashAttention-3,
// arXiv 2407.08608, section 3.2). What follows the loop starts the last one.
//
//   if (lower < upper) {
//     turn(lower)                 its stage 0
//     for (m = lower + step; ..)
//       turn(m)                   its stage 0, and stage 1 of the turn before
//     stage 1 of the last turn
//   }
//
// Where OverlapProducts says so, a turn in the loop branches before its
// products, and all that is behind the branch is emitted for either side.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/NVPTX/Intrinsics.h"
#include "lib/Target/NVPTX/KernelLowering.h"
#include "lib/Target/Scalar.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

/// A contraction of stage 1 between the turn that prepares it and the next.
struct KernelLowering::Pending {
  tile::ContractOp op;
  unsigned result; ///< the loop's, which it is
  SmallVector<Value> words, acc, sums;
};

/// What a turn's lowering has come to.
struct KernelLowering::Turn {
  bool hasPending;
  Region *side = nullptr; ///< of a branch that has been taken already
  bool isStarted = false, isAwaited = false;
};

bool KernelLowering::isOverlapped(Operation *op) {
  auto loop = dyn_cast<scf::ForOp>(op);
  return loop && llvm::any_of(loop.getBody()->getOps<tile::ContractOp>(),
                              [](tile::ContractOp contract) {
                                return contract.getStage() > 0;
                              });
}

//===----------------------------------------------------------------------===//
// One warpgroup after another
//===----------------------------------------------------------------------===//

bool KernelLowering::hasOrder() {
  return kernel
      .walk([](scf::ForOp loop) {
        return loop->hasAttr(pingPong) ? WalkResult::interrupt()
                                       : WalkResult::advance();
      })
      .wasInterrupted();
}

void KernelLowering::beginOrder() {
  Value isLast = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, warpgroup,
                                       small(getNumGroups() - 1));
  when(isLast,
       [&] { emitArriveAtBarrier(b, small(orderBarrier), 2 * groupThreads); });
}

void KernelLowering::awaitOrder(Operation *loop) {
  if (loop->hasAttr(pingPong))
    emitBarrier(b, add(warpgroup, small(orderBarrier)), 2 * groupThreads);
}

void KernelLowering::passOrder(Operation *loop) {
  if (!loop->hasAttr(pingPong))
    return;
  Value next = arith::RemUIOp::create(b, add(warpgroup, small(1)),
                                      small(getNumGroups()));
  emitArriveAtBarrier(b, add(next, small(orderBarrier)), 2 * groupThreads);
}

void KernelLowering::endOrder() {
  Value isFirst =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, warpgroup, small(0));
  when(isFirst, [&] { emitBarrier(b, orderBarrier, 2 * groupThreads); });
}

//===----------------------------------------------------------------------===//
// Turns
//===----------------------------------------------------------------------===//

void KernelLowering::startPending(Pending &pending, Value turn) {
  pending.sums = startProduct(pending.op, pending.words, pending.acc, turn);
}

void KernelLowering::awaitPending(scf::ForOp op,
                                  MutableArrayRef<Pending> pending, Value turn,
                                  MutableArrayRef<Value> meanwhile) {
  SmallVector<Value> all(meanwhile);
  for (Pending &product : pending)
    llvm::append_range(all, product.sums);
  emitAwaitProducts(b, /*pending=*/0, all);
  llvm::copy(ArrayRef(all).take_front(meanwhile.size()), meanwhile.begin());
  ArrayRef<Value> rest = ArrayRef(all).drop_front(meanwhile.size());
  for (Pending &product : pending) {
    size_t count = product.sums.size();
    releaseOperands(product.op, turn);
    setFragment(op.getRegionIterArg(product.result),
                llvm::to_vector(rest.take_front(count)));
    rest = rest.drop_front(count);
  }
}

/// Whether `op` needs the sums of the products in flight, or makes what such a
/// product reads from registers: ptxas would have every product wait then.
static bool needsPending(Operation *op, scf::ForOp loop, ValueRange carried) {
  if (isWarpgroupContract(op))
    return true;
  auto convert = dyn_cast<tile::ConvertOp>(op);
  if (convert && isInRegisters(convert.getResult()))
    return true;
  bool needs = false;
  op->walk([&](Operation *inner) {
    for (Value operand : inner->getOperands())
      needs |= llvm::is_contained(carried, operand);
  });
  return needs;
}

/// What a turn does, in order: in front of a branch that has been taken stands
/// what that side does.
static SmallVector<Operation *> getTurnOps(Block &block, Region *side) {
  SmallVector<Operation *> ops;
  for (Operation &op : block.without_terminator()) {
    if (side && side->getParentOp() == &op)
      for (Operation &inner : side->front().without_terminator())
        ops.push_back(&inner);
    ops.push_back(&op);
  }
  return ops;
}

LogicalResult KernelLowering::lowerTurn(scf::ForOp op,
                                        MutableArrayRef<Pending> pending,
                                        Turn &turn) {
  Block *block = op.getBody();
  Value current = turns[block], previous = add(current, small(-1));
  SmallVector<tile::ContractOp> first = getFirstProducts(op);
  SmallVector<Value> carried;
  for (Pending &product : pending)
    carried.push_back(op.getRegionIterArg(product.result));
  SmallVector<Pending> next(pending.begin(), pending.end());
  for (Operation *inner : getTurnOps(*block, turn.side)) {
    b.setLoc(inner->getLoc());
    if (turn.side && turn.side->getParentOp() == inner) {
      bindFlat(inner->getResults(),
               flatten(turn.side->front().getTerminator()->getOperands()));
      continue;
    }
    auto contract = dyn_cast<tile::ContractOp>(inner);
    if (contract && contract == first.front()) {
      SmallVector<Value> all;
      awaitOrder(op);
      for (tile::ContractOp product : first) {
        ArrayRef<Value> words, acc;
        if (isInRegisters(product.getRhs()))
          words = getFragment(product.getRhs());
        if (product.getAcc())
          acc = getFragment(product.getAcc());
        llvm::append_range(all, startProduct(product, words, acc, current));
      }
      if (turn.hasPending)
        for (Pending &product : pending)
          startPending(product, previous);
      passOrder(op);
      emitAwaitProducts(b, turn.hasPending ? pending.size() : 0, all);
      ArrayRef<Value> rest = all;
      for (tile::ContractOp product : first) {
        releaseOperands(product, current);
        size_t count =
            getNumWords(product.getResult().getType(), getLaneRank());
        setFragment(product.getResult(),
                    llvm::to_vector(rest.take_front(count)));
        rest = rest.drop_front(count);
      }
      turn.isStarted = true;
      continue;
    }
    if (contract && llvm::is_contained(first, contract))
      continue;
    auto *found = llvm::find_if(
        next, [&](const Pending &product) { return product.op == contract; });
    if (contract && found != next.end()) {
      found->words = llvm::to_vector(getFragment(contract.getRhs()));
      found->acc = llvm::to_vector(getFragment(contract.getAcc()));
      continue;
    }
    if (turn.hasPending && turn.isStarted && !turn.isAwaited &&
        needsPending(inner, op, carried)) {
      awaitPending(op, pending, previous);
      turn.isAwaited = true;
    }
    if (failed(lowerOp(inner)))
      return failure();
  }
  if (turn.hasPending && !turn.isAwaited)
    awaitPending(op, pending, previous);
  endTurn(block);
  llvm::copy(next, pending.begin());
  return success();
}

LogicalResult KernelLowering::lowerLoopTurn(
    scf::ForOp op, MutableArrayRef<Pending> pending,
    llvm::function_ref<SmallVector<Value>()> flattenTurn) {
  auto lowerSide = [&](Region *side) -> LogicalResult {
    Turn turn{/*hasPending=*/true, side};
    if (failed(lowerTurn(op, pending, turn)))
      return failure();
    scf::YieldOp::create(b, flattenTurn());
    return success();
  };
  scf::IfOp branch = getEarlyBranch(op);
  if (!branch)
    return lowerSide(/*side=*/nullptr);
  BackwardSliceOptions ofTurn;
  ofTurn.inclusive = true;
  ofTurn.filter = [&](Operation *inner) { return inner->getParentOp() == op; };
  SetVector<Operation *> slice;
  if (failed(getBackwardSlice(branch.getCondition(), &slice, ofTurn)))
    return failure();
  for (Operation *inner : slice)
    if (failed(lowerOp(inner)))
      return failure();
  auto lowered = scf::IfOp::create(
      b, ValueRange(flattenTurn()).getTypes(), getValue(branch.getCondition()),
      /*addThenBlock=*/true, /*addElseBlock=*/true);
  SmallVector<Pending> before(pending);
  SmallVector<Value> turnsBefore = getTurns(op);
  OpBuilder::InsertionGuard guard(b);
  for (auto [from, to] :
       llvm::zip(branch->getRegions(), lowered->getRegions())) {
    llvm::copy(before, pending.begin());
    setTurns(op, turnsBefore);
    b.setInsertionPointToEnd(&to.front());
    if (failed(lowerSide(&from)))
      return failure();
  }
  b.setInsertionPointAfter(lowered);
  scf::YieldOp::create(b, lowered.getResults());
  return success();
}

LogicalResult KernelLowering::lowerOverlappedFor(scf::ForOp op) {
  auto yield = cast<scf::YieldOp>(op.getBody()->getTerminator());
  SmallVector<Pending> pending;
  SmallVector<Value> early; // what the loop yields but for those products
  SmallVector<Value> earlyArguments, earlyResults;
  for (auto [index, value] : llvm::enumerate(yield.getOperands())) {
    auto contract = value.getDefiningOp<tile::ContractOp>();
    if (contract && contract.getStage() > 0) {
      pending.push_back({contract, unsigned(index), {}, {}, {}});
      continue;
    }
    early.push_back(value);
    earlyArguments.push_back(op.getRegionIterArg(index));
    earlyResults.push_back(op.getResult(index));
  }
  Value lower = getValue(op.getLowerBound()),
        upper = getValue(op.getUpperBound()), step = getValue(op.getStep());
  SmallVector<Value> inits = flatten(op.getInitArgs()), before = getTurns(op);
  SmallVector<Type> types = getFlatTypes(op.getResults());
  types.append(before.size(), b.getI32Type());
  bool decodesNext = task && op->getParentOp() == kernel;
  if (decodesNext)
    types.append(taskCounts.size(), b.getI32Type());
  Value isVisited =
      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lower, upper);
  auto branch = scf::IfOp::create(b, types, isVisited, /*addThenBlock=*/true,
                                  /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(branch.elseBlock());
  releaseAfter(op);
  SmallVector<Value> kept = inits;
  llvm::append_range(kept, before);
  if (decodesNext)
    llvm::append_range(kept, decodeNextTask());
  scf::YieldOp::create(b, kept);

  b.setInsertionPointToEnd(branch.thenBlock());
  values.map(op.getInductionVar(), lower);
  bindFlat(op.getRegionIterArgs(), inits);
  Turn firstTurn{/*hasPending=*/false};
  if (failed(lowerTurn(op, pending, firstTurn)))
    return failure();

  auto flattenTurn = [&] {
    SmallVector<Value> flat = flatten(early);
    for (Pending &product : pending) {
      llvm::append_range(flat, product.words);
      llvm::append_range(flat, product.acc);
    }
    llvm::append_range(flat, getTurns(op));
    return flat;
  };
  auto bindTurn = [&](ValueRange names, ValueRange flat) {
    bindFlat(names, flat);
    flat = flat.drop_front(getFlatTypes(names).size());
    for (Pending &product : pending)
      for (SmallVector<Value> *list : {&product.words, &product.acc})
        for (Value &word : *list) {
          word = flat.front();
          flat = flat.drop_front();
        }
    setTurns(op, flat);
  };
  // In a persistent kernel registers are fewer; a coordinate takes two, a
  // number of turns one.
  Value begin = add(lower, step), end = upper, stride = step;
  if (kernel.getPersistent()) {
    end = arith::TruncIOp::create(
        b, b.getI32Type(),
        toInt(arith::CeilDivUIOp::create(
            b, arith::SubIOp::create(b, upper, lower), step)));
    begin = stride = small(1);
  }
  auto loop = scf::ForOp::create(b, begin, end, stride, flattenTurn());
  {
    OpBuilder::InsertionGuard inLoop(b);
    b.setInsertionPointToEnd(loop.getBody());
    Value coordinate = loop.getInductionVar();
    if (kernel.getPersistent())
      coordinate = add(lower, mul(toIndex(toInt(coordinate)), step));
    values.map(op.getInductionVar(), coordinate);
    bindTurn(earlyArguments, loop.getRegionIterArgs());
    if (failed(lowerLoopTurn(op, pending, flattenTurn)))
      return failure();
  }
  bindTurn(earlyResults, loop.getResults());
  // A product of stage 1 reads tiles of its turn, and registers.
  releaseAfter(op, /*hasProducts=*/true);
  Value last = add(turns[op.getBody()], small(-1));
  for (Pending &product : pending)
    startPending(product, last);
  SmallVector<Value> next;
  if (decodesNext)
    next = decodeNextTask();
  awaitPending(op, pending, last, /*meanwhile=*/next);
  for (Pending &product : pending)
    setFragment(
        op.getResult(product.result),
        llvm::to_vector(getFragment(op.getRegionIterArg(product.result))));
  kept = flatten(op.getResults());
  llvm::append_range(kept, getTurns(op));
  llvm::append_range(kept, next);
  scf::YieldOp::create(b, kept);
  b.setInsertionPointAfter(branch);
  ValueRange results = branch.getResults();
  bindFlat(op.getResults(), results);
  if (decodesNext)
    nextCoordinates = llvm::to_vector(results.take_back(next.size()));
  setTurns(op, results.drop_back(next.size()));
  return success();
}
