//===- Intervals.cpp - Filters over boxes as arithmetic on bounds ---------===//

#include "lib/Mapping/BoxEvaluator.h"
#include "lib/Mapping/Passes.h"

namespace attn {
#define GEN_PASS_DEF_INTERVALS
#include "lib/Mapping/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {
struct Intervals : attn::impl::IntervalsBase<Intervals> {
  void expandRange(tile::RangeOp range) {
    OpBuilder builder(range);
    Location loc = range.getLoc();
    BoxEvaluator box(builder, loc, range.getRanks(), range.getSizes(),
                     range.getOffsets());
    auto yield = cast<tile::YieldOp>(range.getBody().front().getTerminator());
    RankRange found = box.getRange(yield.getFilter(), range.getRankAttr());
    Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
    Value extent = tile::ExtentOp::create(builder, loc, builder.getIndexType(),
                                          range.getRankAttr());
    Value lo = zero, hi = extent;
    if (found.hi)
      hi = arith::MinSIOp::create(builder, loc, hi, found.hi);
    if (found.lo) {
      // Whole tiles: down to a multiple of the step.
      lo = arith::MaxSIOp::create(builder, loc, lo, found.lo);
      Value step =
          arith::ConstantIndexOp::create(builder, loc, range.getStep());
      Value rest = arith::RemSIOp::create(builder, loc, lo, step);
      lo = arith::SubIOp::create(builder, loc, lo, rest);
    }
    range.replaceAllUsesWith(ValueRange{lo, hi});
    range.erase();
  }

  void expandTest(tile::TestOp test) {
    OpBuilder builder(test);
    BoxEvaluator box(builder, test.getLoc(), test.getRanks(), test.getSizes(),
                     test.getOffsets());
    auto yield = cast<tile::YieldOp>(test.getBody().front().getTerminator());
    StringAttr ranged = test.getRangedAttr();
    Truth truth = ranged ? box.getTruthWithin(yield.getFilter(), ranged)
                         : box.getTruth(yield.getFilter());
    Value every = truth.every;
    if (test.getOpen())
      every = arith::ConstantIntOp::create(builder, test.getLoc(), 0, 1);
    test.replaceAllUsesWith(ValueRange{truth.some, every});
    test.erase();
  }

  void runOnOperation() override {
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
