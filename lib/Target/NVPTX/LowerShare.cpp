//===- LowerShare.cpp - A warpgroup's own turns of a loop -----------------===//
//
// All warpgroups share the tiles of a ring, and a place is free when each has
// given it back. One whose rows need a part of the loop's turns gives back what
// comes before that part, takes its turns, and gives back what comes behind:
//
//   for (turn = 0; turn < first; ++turn)           await, give back
//   for (m = own lower; m < own upper; m += step)  its turns
//   for (; turn < all - places; ++turn)            await, give back
//
// It awaits what it does not read, so that it is never a phase ahead of a
// barrier, and its warps await each other before it gives back: a warp that is
// late would miss a phase. The places of the last tiles are not used again, but
// in a persistent kernel: those it awaits when all else is done, for the block
// must not end before they have come. Where warpgroups start products one after
// another, it lets the next one start in each turn that it leaves out; so their
// turns are those of persistent kernels, which count them all.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/NVPTX/Intrinsics.h"
#include "lib/Target/NVPTX/KernelLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

bool KernelLowering::isShared(scf::ForOp op) {
  return op.getLowerBound().getDefiningOp<tile::OwnOp>() ||
         op.getUpperBound().getDefiningOp<tile::OwnOp>();
}

/// What a bound of a loop is for the whole task.
static Value getWhole(Value bound) {
  auto own = bound.getDefiningOp<tile::OwnOp>();
  return own ? own.getWhole() : bound;
}

void KernelLowering::lowerShare(tile::ShareOp op) {
  Value first = mul(warpgroup, small(op.getSize()));
  values.map(op.getResult(),
             toIndex(add(toInt(getValue(op.getOrigin())), toInt(first))));
}

void KernelLowering::lowerOwn(tile::OwnOp op) {
  values.map(op.getResult(),
             getValue(isProducing() ? op.getWhole() : op.getOwn()));
}

/// Awaits the tiles of the turns from `first` to `last`, and gives them back.
void KernelLowering::awaitTurns(Block *block, Value first, Value last,
                                bool releases) {
  auto loop = scf::ForOp::create(b, first, last, small(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPoint(loop.getBody()->getTerminator());
  for (tile::LoadOp load : ringLoads)
    if (load->getBlock() == block)
      awaitTile(load, loop.getInductionVar());
  if (!releases)
    return;
  awaitOrder(block->getParentOp());
  passOrder(block->getParentOp());
  awaitGroup();
  for (tile::LoadOp load : ringLoads)
    if (load->getBlock() == block)
      releaseTile(load, loop.getInductionVar());
}

LogicalResult KernelLowering::lowerSharedFor(scf::ForOp op) {
  Block *block = op.getBody();
  if (!turns.contains(block))
    return lowerOwnFor(op);
  Value step = getValue(op.getStep()),
        lower = getValue(getWhole(op.getLowerBound())),
        upper = getValue(getWhole(op.getUpperBound()));
  // Of a range that begins at `lower`.
  auto countTurns = [&](Value end) -> Value {
    Value size = arith::SubIOp::create(b, end, lower);
    Value none = arith::ConstantIndexOp::create(b, 0);
    Value count = b.createOrFold<arith::CeilDivUIOp>(
        b.createOrFold<arith::MaxSIOp>(size, none), step);
    return arith::TruncIOp::create(b, b.getI32Type(), toInt(count));
  };
  Value all = countTurns(upper);
  if (op.getLowerBound().getDefiningOp<tile::OwnOp>()) {
    // All its threads have it, as addresses are made of it.
    Value first =
        emitUniform(b, arith::MinSIOp::create(
                           b, countTurns(getValue(op.getLowerBound())), all));
    awaitTurns(block, turns[block], first, /*releases=*/true);
    turns[block] = first;
  }
  if (failed(lowerOwnFor(op)))
    return failure();
  if (kernel.getPersistent()) {
    awaitTurns(block, turns[block], all, /*releases=*/true);
    turns[block] = all;
    return success();
  }
  int64_t places = 0;
  for (tile::LoadOp load : ringLoads)
    if (load->getBlock() == block)
      places = places ? std::min<int64_t>(places, load.getStages())
                      : load.getStages();
  Value last = arith::MaxSIOp::create(
      b, turns[block], arith::SubIOp::create(b, all, small(places)));
  awaitTurns(block, turns[block], last, /*releases=*/true);
  turns[block] = last;
  lastTurns[block] = all;
  return success();
}

void KernelLowering::awaitLastTiles() {
  for (auto &[block, last] : lastTurns) {
    awaitTurns(block, turns[block], last, /*releases=*/false);
    for (tile::LoadOp load : ringLoads)
      if (load->getParentOp() == kernel)
        awaitTile(load, turns[load->getBlock()]);
  }
}
