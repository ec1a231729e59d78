//===- LowerBounds.cpp - The extremes of an integer in a box --------------===//
//
// One point after the other: there are as many as a tile has rows, and a loop
// over all tiles of a stream is ahead.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/Lanes.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

namespace {
class BoundsLowering {
public:
  BoundsLowering(KernelLowering &k, tile::BoundsOp op)
      : k(k), b(k.b), op(op), emitter(k, /*numVectors=*/1) {}

  /// The extremes of the points whose first `depth` coordinates are known, and
  /// of `extremes`.
  SmallVector<Value> visit(unsigned depth, ValueRange extremes);
  bool hasFailed = false;

private:
  KernelLowering &k;
  ImplicitLocOpBuilder &b;
  tile::BoundsOp op;
  LaneEmitter emitter;

  SmallVector<Value> visitPoint(ValueRange extremes);
};
} // namespace

SmallVector<Value> BoundsLowering::visitPoint(ValueRange extremes) {
  if (failed(emitter.emit(op.getBody().front()))) {
    hasFailed = true;
    return llvm::to_vector(extremes);
  }
  tile::YieldOp yield = op.getYield();
  Value value = emitter.get(yield.getValue()).scalar;
  if (value.getType().isIndex())
    value = k.toInt(value);
  else if (value.getType().isInteger(32))
    value = arith::ExtSIOp::create(b, b.getI64Type(), value);
  Value lo = arith::MinSIOp::create(b, extremes[0], value);
  Value hi = arith::MaxSIOp::create(b, extremes[1], value);
  if (!yield.getFilter())
    return {lo, hi};
  Value counts = emitter.get(yield.getFilter()).scalar;
  return {arith::SelectOp::create(b, counts, lo, extremes[0]),
          arith::SelectOp::create(b, counts, hi, extremes[1])};
}

SmallVector<Value> BoundsLowering::visit(unsigned depth, ValueRange extremes) {
  if (depth == op.getRanks().size())
    return visitPoint(extremes);
  auto rank = cast<StringAttr>(op.getRanks()[depth]);
  int64_t size = op.getSizes()[depth];
  Value offset = op.getOffsets()[depth];
  Value end = k.getEnd(rank, size, offset);
  return k.loopTo(k.constant(0), end ? end : k.constant(size), 1, extremes,
                  [&](Value position, ValueRange carried) {
                    emitter.coordinates[rank] = LaneValue::uniform(k.toIndex(
                        k.add(k.toInt(k.getValue(offset)), position)));
                    return visit(depth + 1, carried);
                  });
}

LogicalResult KernelLowering::lowerBounds(tile::BoundsOp op) {
  Type type = op.getYield().getValue().getType();
  unsigned width = type.isIndex() ? 64 : type.getIntOrFloatBitWidth();
  BoundsLowering lowering(*this, op);
  SmallVector<Value> extremes =
      lowering.visit(/*depth=*/0, {constant(llvm::maxIntN(width)),
                                   constant(llvm::minIntN(width))});
  values.map(op.getLo(), toIndex(extremes[0]));
  values.map(op.getHi(), toIndex(extremes[1]));
  return failure(lowering.hasFailed);
}
