//===- LowerBounds.cpp - The extremes of an integer in a box --------------===//
//
// Each warp takes all points of the box, a thread every 32nd, and reduces them
// by shuffles: all threads have the same bounds, and wait for no other warp.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/NVPTX/Intrinsics.h"
#include "lib/Target/NVPTX/KernelLowering.h"
#include "lib/Target/NVPTX/MapRegion.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

static constexpr int64_t warpSize = Layout::warpSize;
/// A thread's points whose reads are on their way together.
static constexpr int64_t pointsAtOnce = 8;

namespace {
class BoundsLowering {
public:
  BoundsLowering(KernelLowering &k, tile::BoundsOp op);
  FailureOr<SmallVector<Value>> run();

private:
  KernelLowering &k;
  ImplicitLocOpBuilder &b;
  tile::BoundsOp op;
  SmallVector<RankSize> ranks;
  int64_t numPoints = 1;
  bool hasFailed = false;

  SmallVector<Value> getIdentities();
  SmallVector<Value> combine(ValueRange x, Value lo, Value hi);
  SmallVector<Value> visitPoint(Value number);
  SmallVector<Value> visitPoints(Value first, int64_t count,
                                 ValueRange extremes);
};
} // namespace

BoundsLowering::BoundsLowering(KernelLowering &k, tile::BoundsOp op)
    : k(k), b(k.b), op(op) {
  for (auto [rank, size] : llvm::zip(op.getRanks(), op.getSizes())) {
    ranks.push_back({cast<StringAttr>(rank), size});
    numPoints *= size;
  }
}

/// Of the least and of the greatest, in the value's own type.
SmallVector<Value> BoundsLowering::getIdentities() {
  Type type = op.getYield().getValue().getType();
  unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  Type integer = b.getIntegerType(width);
  return {makeInteger(b, integer, llvm::maxIntN(width)),
          makeInteger(b, integer, llvm::minIntN(width))};
}

SmallVector<Value> BoundsLowering::combine(ValueRange x, Value lo, Value hi) {
  return {arith::MinSIOp::create(b, x[0], lo),
          arith::MaxSIOp::create(b, x[1], hi)};
}

/// What a point adds: its value twice, or the identities.
SmallVector<Value> BoundsLowering::visitPoint(Value number) {
  SmallVector<Value> none = getIdentities();
  Value counts = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, number,
                                       k.small(numPoints));
  Position at;
  k.decode(number, ranks, at);
  for (auto [rank, size] : ranks) {
    Value extent = k.getExtent(rank);
    if (!extent) {
      hasFailed = true;
      return none;
    }
    Value coordinate =
        k.add(k.toInt(k.getValue(op.getOffset(rank))), k.toInt(at[rank]));
    counts = k.both(counts, arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                                  coordinate, extent));
  }
  FailureOr<PointValue> point = emitRegion(k, op, at);
  if (failed(point)) {
    hasFailed = true;
    return none;
  }
  if (point->filter)
    counts = k.both(counts, point->filter);
  Value value = point->value;
  if (isa<IndexType>(value.getType()))
    value = k.toInt(value);
  return {arith::SelectOp::create(b, counts, value, none[0]),
          arith::SelectOp::create(b, counts, value, none[1])};
}

/// The points `first`, `first` + 32, ..
SmallVector<Value> BoundsLowering::visitPoints(Value first, int64_t count,
                                               ValueRange extremes) {
  SmallVector<SmallVector<Value>> points;
  for (int64_t i = 0; i != count; ++i)
    points.push_back(visitPoint(k.add(first, k.small(i * warpSize))));
  SmallVector<Value> all = llvm::to_vector(extremes);
  for (ArrayRef<Value> point : points)
    all = combine(all, point[0], point[1]);
  return all;
}

FailureOr<SmallVector<Value>> BoundsLowering::run() {
  Value lane = b.createOrFold<arith::RemUIOp>(k.getThread(), k.small(warpSize));
  int64_t perThread = llvm::divideCeil(numPoints, warpSize);
  SmallVector<Value> extremes = getIdentities();
  if (perThread <= pointsAtOnce)
    extremes = visitPoints(lane, perThread, extremes);
  else
    // All threads take as many turns.
    extremes =
        k.loop(k.small(0), numPoints, pointsAtOnce * warpSize, extremes,
               [&](Value turn, ValueRange carried) {
                 return visitPoints(k.add(turn, lane), pointsAtOnce, carried);
               });
  for (int64_t mask = 1; mask < warpSize; mask *= 2)
    extremes = combine(extremes, emitShuffleXor(b, extremes[0], mask),
                       emitShuffleXor(b, extremes[1], mask));
  if (hasFailed)
    return failure();
  // What loops and branches depend on.
  for (Value &extreme : extremes)
    extreme = emitUniform(b, extreme);
  return extremes;
}

LogicalResult KernelLowering::lowerBounds(tile::BoundsOp op) {
  if (commonBounds.contains(op))
    return success();
  FailureOr<SmallVector<Value>> extremes = BoundsLowering(*this, op).run();
  if (failed(extremes))
    return failure();
  values.map(op.getLo(), toIndex(toInt((*extremes)[0])));
  values.map(op.getHi(), toIndex(toInt((*extremes)[1])));
  return success();
}

/// `op` and all that it needs.
static llvm::SetVector<Operation *> getNeeded(Operation *op) {
  llvm::SetVector<Operation *> needed;
  needed.insert(op);
  for (unsigned i = 0; i != needed.size(); ++i) {
    llvm::SetVector<Value> used(needed[i]->operand_begin(),
                                needed[i]->operand_end());
    getUsedValuesDefinedAbove(needed[i]->getRegions(), used);
    for (Value value : used)
      if (Operation *definition = value.getDefiningOp())
        needed.insert(definition);
  }
  return needed;
}

LogicalResult KernelLowering::lowerCommonBounds(Block &block) {
  llvm::SetVector<Operation *> needed, common;
  for (auto bounds : block.getOps<tile::BoundsOp>()) {
    llvm::SetVector<Operation *> slice = getNeeded(bounds);
    // Of a warpgroup's own rows only that one needs to know.
    if (llvm::any_of(slice, llvm::IsaPred<tile::ShareOp>))
      continue;
    common.insert(bounds);
    needed.insert(slice.begin(), slice.end());
  }
  if (needed.empty())
    return success();
  bindTask(decodeTask(emitBlock(b)));
  for (Operation &op : block)
    if (needed.contains(&op)) {
      b.setLoc(op.getLoc());
      if (failed(lowerOp(&op)))
        return failure();
    }
  commonBounds.insert(common.begin(), common.end());
  return success();
}
