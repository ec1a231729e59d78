//===- Lanes.cpp - A map's region on several vectors at once --------------===//

#include "lib/Target/CPU/Lanes.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

/// A constant vector of `first`, `first + slope`, ..
static Value makeRamp(ImplicitLocOpBuilder &b, VectorType type, int64_t first,
                      int64_t slope) {
  SmallVector<Attribute> elements;
  Type element = type.getElementType();
  for (int64_t i = 0; i != type.getNumElements(); ++i) {
    int64_t number = first + i * slope;
    if (isa<FloatType>(element))
      elements.push_back(b.getFloatAttr(element, double(number)));
    else
      elements.push_back(b.getIntegerAttr(element, number));
  }
  return arith::ConstantOp::create(
      b, cast<TypedAttr>(DenseElementsAttr::get(type, elements)));
}

Value LaneEmitter::makeSteps(Type element, int64_t slope, int64_t index) {
  return makeRamp(b, k.vectorOf(element), index * k.unit.lanes * slope, slope);
}

LaneValue LaneEmitter::get(Value value) {
  auto it = values.find(value);
  return it != values.end() ? it->second
                            : LaneValue::uniform(k.getValue(value));
}

Value LaneEmitter::getVector(const LaneValue &value, int64_t index) {
  if (value.kind == LaneValue::Varying)
    return value.vectors[index];
  Value splat = vector::BroadcastOp::create(
      b, k.vectorOf(value.scalar.getType()), value.scalar);
  if (value.kind == LaneValue::Uniform)
    return splat;
  Value steps = makeSteps(value.scalar.getType(), value.slope, index);
  return arith::AddIOp::create(b, splat, steps);
}

//===----------------------------------------------------------------------===//
// Linear indices
//===----------------------------------------------------------------------===//

/// x ? y where both are linear: the difference of the slopes times the lane's
/// number against the scalar y - x, clamped to where it decides nothing, in 32
/// bits.
LaneValue LaneEmitter::compareLinear(arith::CmpIPredicate predicate,
                                     const LaneValue &x, const LaneValue &y) {
  int64_t slope = x.slope - y.slope;
  Value bound = arith::SubIOp::create(b, k.toInt(y.scalar), k.toInt(x.scalar));
  if (slope == 0)
    return LaneValue::uniform(
        arith::CmpIOp::create(b, predicate, k.constant(0), bound));
  constexpr int64_t limit = int64_t(1) << 30;
  bound = arith::MaxSIOp::create(b, bound, k.constant(-limit));
  bound = arith::MinSIOp::create(b, bound, k.constant(limit));
  bound = arith::TruncIOp::create(b, b.getI32Type(), bound);
  Value splat =
      vector::BroadcastOp::create(b, k.vectorOf(b.getI32Type()), bound);
  SmallVector<Value> vectors;
  for (int64_t i = 0; i != numVectors; ++i)
    vectors.push_back(arith::CmpIOp::create(
        b, predicate, makeSteps(b.getI32Type(), slope, i), splat));
  return LaneValue::varying(std::move(vectors));
}

/// Through f64, in which the sum of the first lane's value and the steps is
/// exact below 2^53.
LaneValue LaneEmitter::castLinear(const LaneValue &value, FloatType type) {
  Type f64 = b.getF64Type();
  Value first = arith::SIToFPOp::create(b, f64, k.toInt(value.scalar));
  Value splat = vector::BroadcastOp::create(b, k.vectorOf(f64), first);
  SmallVector<Value> vectors;
  for (int64_t i = 0; i != numVectors; ++i) {
    Value sum = arith::AddFOp::create(b, splat, makeSteps(f64, value.slope, i));
    vectors.push_back(widenElement(b, narrowElement(b, sum, type), type));
  }
  return LaneValue::varying(std::move(vectors));
}

/// Emits an operation on linear indices that stays scalar or nearly so.
bool LaneEmitter::emitLinear(Operation *op) {
  SmallVector<LaneValue> operands;
  bool anyLinear = false;
  for (Value operand : op->getOperands()) {
    operands.push_back(get(operand));
    if (operands.back().kind == LaneValue::Varying)
      return false;
    anyLinear |= operands.back().kind == LaneValue::Linear;
  }
  if (!anyLinear)
    return false;
  auto scalars = [&] {
    return SmallVector<Value>{operands[0].scalar, operands[1].scalar};
  };
  auto finish = [&](Value first, int64_t slope) {
    // Comparisons are in 32 bits.
    if (std::abs(slope) > (1 << 20))
      return false;
    bind(op->getResult(0), LaneValue::linear(first, slope));
    return true;
  };
  if (isa<arith::AddIOp>(op))
    return finish(emitOn(op, scalars(), {}),
                  operands[0].slope + operands[1].slope);
  if (isa<arith::SubIOp>(op))
    return finish(emitOn(op, scalars(), {}),
                  operands[0].slope - operands[1].slope);
  if (isa<arith::MulIOp>(op)) {
    APInt factor;
    for (int i : {0, 1})
      if (matchPattern(operands[i].scalar, m_ConstantInt(&factor)) &&
          operands[i].kind == LaneValue::Uniform &&
          std::abs(factor.getSExtValue()) < (1 << 16))
        return finish(emitOn(op, scalars(), {}),
                      operands[1 - i].slope * factor.getSExtValue());
    return false;
  }
  if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
    auto predicate = compare.getPredicate();
    if (predicate >= arith::CmpIPredicate::ult)
      return false;
    bind(op->getResult(0), compareLinear(predicate, operands[0], operands[1]));
    return true;
  }
  if (auto cast = dyn_cast<CastOp>(op))
    if (auto type = dyn_cast<FloatType>(cast.getTo())) {
      bind(op->getResult(0), castLinear(operands[0], type));
      return true;
    }
  return false;
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// Floats may be contracted to multiply-adds and nothing else.
static void allowContraction(Operation *op) {
  if (isa<arith::MulFOp, arith::AddFOp, arith::SubFOp>(op))
    op->setAttr("fastmath",
                arith::FastMathFlagsAttr::get(op->getContext(),
                                              arith::FastMathFlags::contract));
}

/// `op` on other operands; `like` is a vector type, or null for a scalar.
Value LaneEmitter::emitOn(Operation *op, ValueRange operands, Type like) {
  if (Value result = emitScalarOp(b, op, operands, target)) {
    if (Operation *made = result.getDefiningOp())
      allowContraction(made);
    return result;
  }
  SmallVector<Type> types;
  for (Type type : op->getResultTypes())
    types.push_back(like ? getTypeLike(like, type) : type);
  OperationState state(b.getLoc(), op->getName().getStringRef(), operands,
                       types);
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    state.addAttribute("value", constant.getValue());
  } else {
    state.propertiesAttr = op->getPropertiesAsAttribute();
    state.addAttributes(op->getDiscardableAttrDictionary().getValue());
  }
  Operation *made = b.create(state);
  allowContraction(made);
  return made->getResult(0);
}

/// Emits a quotient by a number with a reciprocal.
bool LaneEmitter::emitProduct(DivOp op) {
  auto it = reciprocals.find(op.getRhs());
  if (it == reciprocals.end())
    return false;
  LaneValue x = get(op.getLhs()), y = it->second;
  auto multiply = [&](Value x, Value y) {
    return arith::MulFOp::create(b, x, y);
  };
  if (x.kind == LaneValue::Uniform && y.kind == LaneValue::Uniform) {
    bind(op.getResult(), LaneValue::uniform(multiply(x.scalar, y.scalar)));
    return true;
  }
  SmallVector<Value> products;
  for (int64_t i = 0; i != numVectors; ++i)
    products.push_back(multiply(getVector(x, i), getVector(y, i)));
  bind(op.getResult(), LaneValue::varying(std::move(products)));
  return true;
}

LogicalResult LaneEmitter::emitOp(Operation *op) {
  if (auto quotient = dyn_cast<DivOp>(op); quotient && emitProduct(quotient))
    return success();
  if (auto coord = dyn_cast<tile::CoordOp>(op)) {
    auto it = coordinates.find(coord.getRankAttr());
    if (it == coordinates.end())
      return coord.emitOpError("is of rank `")
             << coord.getRank() << "`, which the map doesn't iterate over";
    bind(coord.getResult(), it->second);
    return success();
  }
  if (auto extent = dyn_cast<tile::ExtentOp>(op)) {
    Value value = k.getExtent(extent.getRankAttr());
    if (!value)
      return failure();
    bind(extent.getResult(), LaneValue::uniform(k.toIndex(value)));
    return success();
  }
  if (auto read = dyn_cast<tile::ReadOp>(op))
    return emitRead(read);
  bool isKnown =
      isa<CastOp, DivOp, SigmoidOp>(op) ||
      isa_and_nonnull<arith::ArithDialect, math::MathDialect>(op->getDialect());
  if (!isKnown || op->getNumResults() != 1 || op->getNumRegions() != 0)
    return op->emitOpError("can't be lowered for the CPU in a map");
  Type result = op->getResult(0).getType();
  if (isa<math::MathDialect>(op->getDialect()) && result.isF64() &&
      !isa<math::ExpOp, math::Exp2Op, math::LogOp, math::Log2Op, math::TanhOp,
           math::ErfOp, math::SinOp, math::CosOp, math::PowFOp, math::SqrtOp,
           math::RsqrtOp, math::AbsFOp, math::FloorOp, math::CeilOp,
           math::RoundEvenOp>(op))
    return op->emitOpError("has no vector form for f64 yet");
  if (emitLinear(op))
    return success();
  SmallVector<LaneValue> operands;
  bool isUniform = true;
  for (Value operand : op->getOperands()) {
    operands.push_back(get(operand));
    isUniform &= operands.back().kind == LaneValue::Uniform;
  }
  if (isUniform) {
    SmallVector<Value> scalars;
    for (const LaneValue &operand : operands)
      scalars.push_back(operand.scalar);
    bind(op->getResult(0), LaneValue::uniform(emitOn(op, scalars, {})));
    return success();
  }
  SmallVector<Value> results;
  for (int64_t i = 0; i != numVectors; ++i) {
    SmallVector<Value> vectors;
    for (const LaneValue &operand : operands)
      vectors.push_back(getVector(operand, i));
    results.push_back(emitOn(op, vectors, k.vectorOf(b.getI1Type())));
  }
  bind(op->getResult(0), LaneValue::varying(std::move(results)));
  return success();
}

LogicalResult LaneEmitter::emit(Block &block) {
  for (Operation &op : block.without_terminator()) {
    if (llvm::all_of(op.getResults(),
                     [&](Value result) { return values.contains(result); }))
      continue;
    b.setLoc(op.getLoc());
    if (failed(emitOp(&op)))
      return failure();
  }
  return success();
}

/// Each lane reads its own element; what is uniform is read once.
LogicalResult LaneEmitter::emitRead(tile::ReadOp op) {
  SmallVector<LaneValue> indices;
  bool isUniform = true;
  for (Value index : op.getIndices()) {
    indices.push_back(get(index));
    isUniform &= indices.back().kind == LaneValue::Uniform;
  }
  if (isUniform) {
    SmallVector<Value> at;
    for (const LaneValue &index : indices)
      at.push_back(index.scalar);
    auto [value, valid] = k.readElement(op, at);
    bind(op.getResult(), LaneValue::uniform(value));
    bind(op.getValid(), LaneValue::uniform(valid));
    return success();
  }
  SmallVector<Value> values, valids;
  for (int64_t i = 0; i != numVectors; ++i) {
    SmallVector<Value> lanes, insides;
    for (int64_t lane = 0; lane != k.unit.lanes; ++lane) {
      SmallVector<Value> at;
      for (const LaneValue &index : indices)
        at.push_back(index.kind == LaneValue::Uniform
                         ? index.scalar
                         : Value(vector::ExtractOp::create(
                               b, getVector(index, i), lane)));
      auto [value, valid] = k.readElement(op, at);
      lanes.push_back(value);
      insides.push_back(valid);
    }
    values.push_back(vector::FromElementsOp::create(
        b, k.vectorOf(op.getResult().getType()), lanes));
    valids.push_back(
        vector::FromElementsOp::create(b, k.vectorOf(b.getI1Type()), insides));
  }
  bind(op.getResult(), LaneValue::varying(std::move(values)));
  bind(op.getValid(), LaneValue::varying(std::move(valids)));
  return success();
}

Value KernelLowering::combine(const MapReducer &reducer, Value x, Value y) {
  return emitReduce(b, reducer, x, y, [&](ReducerOp op, Value x, Value y) {
    bool isVector = isa<VectorType>(x.getType());
    LaneEmitter emitter(*this, /*numVectors=*/1);
    Block &block = op.getBody().front();
    for (auto [i, operand] : llvm::enumerate(std::array<Value, 2>{x, y}))
      emitter.bind(block.getArgument(i), isVector
                                             ? LaneValue::varying({operand})
                                             : LaneValue::uniform(operand));
    if (failed(emitter.emit(block)))
      return Value();
    LaneValue result = emitter.get(op.getValue());
    return isVector ? emitter.getVector(result, 0) : result.scalar;
  });
}
