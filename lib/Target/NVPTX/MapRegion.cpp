//===- MapRegion.cpp - A tile.map at one of its points --------------------===//

#include "lib/Target/NVPTX/MapRegion.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>

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

Value nvptx::emitReduce(ImplicitLocOpBuilder &b, ReducerKind kind, Value x,
                        Value y) {
  bool isFloat = isa<FloatType>(x.getType());
  switch (kind) {
  case ReducerKind::Add:
    return isFloat ? Value(arith::AddFOp::create(b, x, y))
                   : Value(arith::AddIOp::create(b, x, y));
  case ReducerKind::Mul:
    return isFloat ? Value(arith::MulFOp::create(b, x, y))
                   : Value(arith::MulIOp::create(b, x, y));
  case ReducerKind::Max:
    if (x.getType().isF32())
      return LLVM::MaximumOp::create(b, x, y); // an instruction
    return isFloat ? emitMax(b, x, y) : Value(arith::MaxSIOp::create(b, x, y));
  case ReducerKind::Min:
    if (x.getType().isF32())
      return LLVM::MinimumOp::create(b, x, y);
    return isFloat ? emitMin(b, x, y) : Value(arith::MinSIOp::create(b, x, y));
  case ReducerKind::And:
    return arith::AndIOp::create(b, x, y);
  default:
    return arith::OrIOp::create(b, x, y);
  }
}

Value nvptx::emitIdentity(ImplicitLocOpBuilder &b, ReducerKind kind,
                          Type type) {
  bool isMax = kind == ReducerKind::Max, isMin = kind == ReducerKind::Min,
       isMul = kind == ReducerKind::Mul;
  if (isa<FloatType>(type))
    return makeConstant(b, type,
                        isMax   ? -INFINITY
                        : isMin ? INFINITY
                        : isMul ? 1.0
                                : 0.0);
  unsigned width = type.getIntOrFloatBitWidth();
  if (kind == ReducerKind::And)
    return makeInteger(b, type, width == 1 ? 1 : -1);
  int64_t lowest = width == 64 ? INT64_MIN : -(int64_t(1) << (width - 1));
  return makeInteger(b, type,
                     isMax   ? lowest
                     : isMin ? -(lowest + 1)
                     : isMul ? 1
                             : 0);
}

FailureOr<std::optional<ReducerKind>> nvptx::getReducer(tile::MapOp op) {
  std::optional<ReducerKind> reducer;
  for (auto attr : op.getReducers().getAsRange<ReduceAttr>()) {
    if (reducer && *reducer != attr.getKind())
      return op.emitOpError("reduces by `")
             << stringifyReducerKind(*reducer) << "` and by `"
             << stringifyReducerKind(attr.getKind())
             << "`, which the GPU can't do in one map";
    reducer = attr.getKind();
  }
  if (reducer == ReducerKind::ArgMax)
    return op.emitOpError("reduces by `argmax`, which the GPU can't do yet");
  return reducer;
}
