//===- Intervals.cpp - Filters over boxes as arithmetic on bounds ---------===//

#include "lib/Mapping/BoxEvaluator.h"
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
    range.replaceAllUsesWith(values);
    range.erase();
    return;
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
  range.replaceAllUsesWith(ValueRange{lo, hi, at, gap});
  range.erase();
}

void Intervals::expandTest(tile::TestOp test) {
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
  if (test.getOpen())
    every = arith::ConstantIntOp::create(builder, test.getLoc(), 0, 1);
  test.replaceAllUsesWith(ValueRange{truth.some, every});
  test.erase();
}
