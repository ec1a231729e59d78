//===- Intervals.cpp - Filters over boxes as arithmetic on bounds ---------===//

#include "lib/Mapping/BoxEvaluator.h"
#include "lib/Mapping/InsideReads.h"
#include "lib/Mapping/Passes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace attn {
#define GEN_PASS_DEF_INTERVALS
#include "lib/Mapping/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {
struct Intervals : attn::impl::IntervalsBase<Intervals> {
  using IntervalsBase::IntervalsBase;
  bool isShared(ArrayAttr ranks, ArrayRef<int64_t> sizes);
  BoxEvaluator getShare(OpBuilder &builder, Location loc, ArrayAttr ranks,
                        ArrayRef<int64_t> sizes, ValueRange offsets);
  void shareLoop(tile::RangeOp range, scf::ForOp loop, ValueRange bounds);
  void replaceRange(tile::RangeOp range, ValueRange bounds);
  void expandRange(tile::RangeOp range);
  void expandTest(tile::TestOp test);
  /// Ranks of which a loop takes all that lies between two ranges.
  llvm::SmallDenseSet<StringAttr> hulls;
  void runOnOperation() override {
    hulls.clear();
    SmallVector<Operation *> boxes;
    getOperation().walk([&](Operation *op) {
      if (isa<tile::RangeOp, tile::TestOp>(op))
        boxes.push_back(op);
    });
    for (Operation *op : boxes) {
      if (auto range = dyn_cast<tile::RangeOp>(op))
        expandRange(range);
      else
        expandTest(cast<tile::TestOp>(op));
    }
  }
};
} // namespace

/// Whether groups of threads have parts of the box.
bool Intervals::isShared(ArrayAttr ranks, ArrayRef<int64_t> sizes) {
  StringAttr lanes = getOperation().getLanesAttr();
  auto *it = llvm::find(ranks, lanes);
  if (share == 0 || !lanes || it == ranks.end())
    return false;
  int64_t size = sizes[it - ranks.begin()];
  return size > share && size % share == 0;
}

/// The box of a group's own lanes.
BoxEvaluator Intervals::getShare(OpBuilder &builder, Location loc,
                                 ArrayAttr ranks, ArrayRef<int64_t> sizes,
                                 ValueRange offsets) {
  size_t lanes =
      llvm::find(ranks, getOperation().getLanesAttr()) - ranks.begin();
  SmallVector<int64_t> ownSizes(sizes);
  SmallVector<Value> ownOffsets(offsets);
  ownSizes[lanes] = share;
  ownOffsets[lanes] = tile::ShareOp::create(
      builder, loc, builder.getIndexType(), offsets[lanes], share);
  return BoxEvaluator(builder, loc, ranks, ownSizes, ownOffsets);
}

/// Bounds of `loop`, whose task has `bounds`, for the lanes of a group: from
/// the turn that has the first coordinate which these may need.
void Intervals::shareLoop(tile::RangeOp range, scf::ForOp loop,
                          ValueRange bounds) {
  ImplicitLocOpBuilder b(range.getLoc(), loop);
  BoxEvaluator box = getShare(b, range.getLoc(), range.getRanks(),
                              range.getSizes(), range.getOffsets());
  auto yield = cast<tile::YieldOp>(range.getBody().front().getTerminator());
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value extent =
      tile::ExtentOp::create(b, b.getIndexType(), range.getRankAttr());
  // All that lies between the ranges that are not empty.
  RankRange all;
  RankRanges found = box.getRanges(yield.getFilter(), range.getRankAttr());
  for (RankRange part : found.ranges) {
    Value lo = part.lo ? arith::MaxSIOp::create(b, zero, part.lo) : zero;
    Value hi = part.hi ? arith::MinSIOp::create(b, extent, part.hi) : extent;
    if (found.ranges.size() > 1) {
      Value isEmpty =
          arith::CmpIOp::create(b, arith::CmpIPredicate::sle, hi, lo);
      lo = arith::SelectOp::create(b, isEmpty, extent, lo);
      hi = arith::SelectOp::create(b, isEmpty, zero, hi);
    }
    all = all.lo ? box.getHull(all, {lo, hi}) : RankRange{lo, hi};
  }
  Value first = bounds[0], last = bounds[1], step = loop.getStep();
  if (bounds.size() > 2) {
    // What the loop's own coordinate is: without the gap.
    Value at = bounds[2], gap = bounds[3];
    auto close = [&](Value coordinate) -> Value {
      Value isBefore =
          arith::CmpIOp::create(b, arith::CmpIPredicate::sle, coordinate, at);
      Value moved = arith::MaxSIOp::create(
          b, at, arith::SubIOp::create(b, coordinate, gap));
      return arith::SelectOp::create(b, isBefore, coordinate, moved);
    };
    Value rest = arith::RemSIOp::create(b, all.lo, step);
    all = {close(arith::SubIOp::create(b, all.lo, rest)), close(all.hi)};
  }
  // Of whole turns of the task.
  Value before =
      arith::SubIOp::create(b, arith::MaxSIOp::create(b, first, all.lo), first);
  before =
      arith::SubIOp::create(b, before, arith::RemSIOp::create(b, before, step));
  Value lo = arith::AddIOp::create(b, first, before);
  Value hi = arith::MinSIOp::create(b, last, all.hi);
  // Lanes behind the last one need none.
  StringAttr lanes = getOperation().getLanesAttr();
  Value hasLanes =
      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, box.getOffset(lanes),
                            tile::ExtentOp::create(b, b.getIndexType(), lanes));
  hi = arith::SelectOp::create(b, hasLanes, hi, first);
  loop.setLowerBound(tile::OwnOp::create(b, lo, first));
  loop.setUpperBound(tile::OwnOp::create(b, hi, last));
}

/// Replaces the results of `range`, and bounds of loops by those of groups.
void Intervals::replaceRange(tile::RangeOp range, ValueRange bounds) {
  SmallVector<scf::ForOp> loops;
  if (isShared(range.getRanks(), range.getSizes()))
    for (Operation *user : range.getHi().getUsers())
      if (auto loop = dyn_cast<scf::ForOp>(user);
          loop && loop.getLowerBound() == range.getLo())
        loops.push_back(loop);
  range.replaceAllUsesWith(bounds);
  for (scf::ForOp loop : loops)
    shareLoop(range, loop, bounds);
  range.erase();
}

void Intervals::expandRange(tile::RangeOp range) {
  ImplicitLocOpBuilder b(range.getLoc(), range);
  BoxEvaluator box(b, range.getLoc(), range.getRanks(), range.getSizes(),
                   range.getOffsets());
  auto yield = cast<tile::YieldOp>(range.getBody().front().getTerminator());
  RankRanges found = box.getRanges(yield.getFilter(), range.getRankAttr());
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value extent =
      tile::ExtentOp::create(b, b.getIndexType(), range.getRankAttr());
  Value step;
  auto getStep = [&] {
    if (!step)
      step = arith::ConstantIndexOp::create(b, range.getStep());
    return step;
  };
  // Whole tiles: down to a multiple of the step.
  auto getBounds = [&](RankRange range) -> RankRange {
    RankRange bounds{zero, extent};
    if (range.hi)
      bounds.hi = arith::MinSIOp::create(b, extent, range.hi);
    if (range.lo) {
      bounds.lo = arith::MaxSIOp::create(b, zero, range.lo);
      Value rest = arith::RemSIOp::create(b, bounds.lo, getStep());
      bounds.lo = arith::SubIOp::create(b, bounds.lo, rest);
    }
    return bounds;
  };
  if (range.getGap().empty() || found.ranges.size() == 1) {
    RankRange all = found.ranges.front();
    if (found.ranges.size() > 1)
      hulls.insert(range.getRankAttr());
    for (RankRange other : llvm::drop_begin(found.ranges))
      all = box.getHull(all, other);
    RankRange bounds = getBounds(all);
    SmallVector<Value> values{bounds.lo, bounds.hi};
    values.resize(range.getNumResults(), zero);
    return replaceRange(range, values);
  }
  // Two ranges of whole tiles, an empty one at 0; the gap is what lies between
  // the one that begins first and the other.
  Value last = arith::ConstantIndexOp::create(b, range.getStep() - 1);
  RankRange parts[2];
  for (auto [part, found] : llvm::zip(parts, found.ranges)) {
    part = getBounds(found);
    Value isEmpty =
        arith::CmpIOp::create(b, arith::CmpIPredicate::sle, part.hi, part.lo);
    Value up = arith::AddIOp::create(b, part.hi, last);
    up = arith::SubIOp::create(b, up, arith::RemSIOp::create(b, up, getStep()));
    part.lo = arith::SelectOp::create(b, isEmpty, zero, part.lo);
    part.hi = arith::SelectOp::create(b, isEmpty, zero, up);
  }
  Value isOrdered = arith::CmpIOp::create(b, arith::CmpIPredicate::sle,
                                          parts[0].lo, parts[1].lo);
  auto pick = [&](Value x, Value y) -> Value {
    return arith::SelectOp::create(b, isOrdered, x, y);
  };
  Value lo = pick(parts[0].lo, parts[1].lo);
  Value at = pick(parts[0].hi, parts[1].hi);
  Value gap = arith::MaxSIOp::create(
      b, zero, arith::SubIOp::create(b, pick(parts[1].lo, parts[0].lo), at));
  Value hi = arith::MaxSIOp::create(
      b, at, arith::SubIOp::create(b, pick(parts[1].hi, parts[0].hi), gap));
  replaceRange(range, {lo, hi, at, gap});
}

void Intervals::expandTest(tile::TestOp test) {
  markInsideReads(test);
  OpBuilder builder(test);
  BoxEvaluator box(builder, test.getLoc(), test.getRanks(), test.getSizes(),
                   test.getOffsets());
  auto yield = cast<tile::YieldOp>(test.getBody().front().getTerminator());
  Value filter = yield.getFilter();
  StringAttr ranged = test.getRangedAttr();
  bool isExact = ranged && !hulls.contains(ranged) &&
                 box.getRanges(filter, ranged).isExact;
  Truth truth = ranged ? box.getTruthWithin(filter, ranged, isExact)
                       : box.getTruth(filter);
  Value every = truth.every;
  if (test.getOpen()) {
    every = arith::ConstantIntOp::create(builder, test.getLoc(), 0, 1);
  } else if (isShared(test.getRanks(), test.getSizes())) {
    BoxEvaluator own = getShare(builder, test.getLoc(), test.getRanks(),
                                test.getSizes(), test.getOffsets());
    every = tile::OwnOp::create(builder, test.getLoc(),
                                own.getTruth(filter).every, every);
  }
  test.replaceAllUsesWith(ValueRange{truth.some, every});
  test.erase();
}
