//===- MapRegion.cpp - A tile.map at one of its points --------------------===//

#include "lib/Target/NVPTX/MapRegion.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

namespace {
class RegionEmitter {
public:
  RegionEmitter(KernelLowering &k, tile::MapOp op, const Position &at)
      : k(k), op(op), at(at) {}

  FailureOr<PointValue> emit(ValueRange arguments) {
    values.map(op.getBody().getArguments(), arguments);
    for (Operation &inner : op.getBody().front().without_terminator()) {
      k.b.setLoc(inner.getLoc());
      if (failed(emitOp(&inner)))
        return failure();
    }
    tile::YieldOp yield = op.getYield();
    return PointValue{get(yield.getValue()),
                      yield.getFilter() ? get(yield.getFilter()) : Value()};
  }

private:
  KernelLowering &k;
  tile::MapOp op;
  const Position &at;
  IRMapping values;

  Value get(Value value) {
    return values.contains(value) ? values.lookup(value) : k.getValue(value);
  }
  LogicalResult emitOp(Operation *inner);
};
} // namespace

LogicalResult RegionEmitter::emitOp(Operation *inner) {
  if (auto coord = dyn_cast<tile::CoordOp>(inner)) {
    Value position = at.lookup(coord.getRankAttr());
    if (!position)
      return coord.emitOpError("is of rank `")
             << coord.getRank() << "`, which the map doesn't iterate over";
    Value offset = k.getValue(op.getOffset(coord.getRankAttr()));
    values.map(coord.getResult(), k.add(offset, k.toIndex(k.toInt(position))));
    return success();
  }
  if (auto extent = dyn_cast<tile::ExtentOp>(inner)) {
    Value value = k.getExtent(extent.getRankAttr());
    if (!value)
      return failure();
    values.map(extent.getResult(), k.toIndex(value));
    return success();
  }
  SmallVector<Value> operands;
  for (Value operand : inner->getOperands())
    operands.push_back(get(operand));
  if (auto read = dyn_cast<tile::ReadOp>(inner)) {
    auto [value, valid] =
        k.readElement(read, ValueRange(operands).drop_front());
    values.map(read.getResult(), value);
    values.map(read.getValid(), valid);
    return success();
  }
  Value result = k.emitScalar(inner, operands);
  if (!result)
    return failure();
  values.map(inner->getResult(0), result);
  return success();
}

FailureOr<PointValue> nvptx::emitRegion(KernelLowering &k, tile::MapOp op,
                                        const Position &at,
                                        ValueRange arguments) {
  return RegionEmitter(k, op, at).emit(arguments);
}

FailureOr<PointValue> nvptx::emitPoint(KernelLowering &k, tile::MapOp op,
                                       const Position &at) {
  SmallVector<Value> arguments;
  for (Value input : op.getInputs())
    arguments.push_back(k.loadElement(k.getBuffer(input), at));
  return emitRegion(k, op, at, arguments);
}

//===----------------------------------------------------------------------===//
// Reducers
//===----------------------------------------------------------------------===//

Value nvptx::combine(KernelLowering &k, const MapReducer &reducer, Value x,
                     Value y) {
  // Where there is an instruction.
  if (x.getType().isF32() && reducer.name == ReducerKind::Max)
    return LLVM::MaximumOp::create(k.b, x, y);
  if (x.getType().isF32() && reducer.name == ReducerKind::Min)
    return LLVM::MinimumOp::create(k.b, x, y);
  return emitReduce(k.b, reducer, x, y, [&](ReducerOp op, Value x, Value y) {
    IRMapping values;
    values.map(op.getBody().getArguments(), ValueRange{x, y});
    for (Operation &inner : op.getBody().front().without_terminator()) {
      SmallVector<Value> operands;
      for (Value operand : inner.getOperands())
        operands.push_back(values.lookup(operand));
      Value result = k.emitScalar(&inner, operands);
      if (!result)
        return Value();
      values.map(inner.getResult(0), result);
    }
    return values.lookup(op.getValue());
  });
}
