//===- MapRegion.cpp - A map or a box at one of its points ----------------===//

#include "lib/Target/NVPTX/MapRegion.h"
#include "lib/Target/NVPTX/Intrinsics.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

namespace {
class RegionEmitter {
public:
  template <typename BoxOp>
  RegionEmitter(KernelLowering &k, BoxOp op, const Position &at)
      : k(k), op(op), body(op.getBody().front()), at(at) {
    for (auto [rank, offset] : llvm::zip(op.getRanks(), op.getOffsets()))
      offsets[cast<StringAttr>(rank)] = offset;
  }

  FailureOr<PointValue> emit(ValueRange arguments) {
    values.map(body.getArguments(), arguments);
    for (Operation &inner : body.without_terminator()) {
      k.b.setLoc(inner.getLoc());
      if (failed(emitOp(&inner)))
        return failure();
    }
    auto yield = cast<tile::YieldOp>(body.getTerminator());
    return PointValue{get(yield.getValue()),
                      yield.getFilter() ? get(yield.getFilter()) : Value()};
  }

private:
  KernelLowering &k;
  Operation *op;
  Block &body;
  const Position &at;
  llvm::SmallDenseMap<StringAttr, Value, 4> offsets;
  IRMapping values;

  /// An integer: what an element's place in the tile adds to what is the same
  /// all over the tile. Of the place, what a register's number decides is
  /// constant.
  struct Split {
    Value steady; ///< i64
    Value place;  ///< i32, of the thread; null: nothing
    int64_t constant = 0;
    int64_t columns = 0; ///< how often the place's column is in it
    bool isOfPlace = false;
  };

  /// A condition: `constant` compared with `limit`, an i32. Of those that order
  /// them there are two, slt and sge.
  struct Bound {
    arith::CmpIPredicate predicate;
    int64_t constant;
    Value limit;
    bool isOfColumn; ///< whether `constant` has a column, and that once
  };
  /// Part of a condition: a bound, or any other value.
  struct Part {
    std::optional<Bound> bound;
    Value value;
  };
  /// What conditions of the region are made of: by `and`, by `or`, or one part.
  DenseMap<Value, SmallVector<Part>> parts;

  Value get(Value value) {
    return values.contains(value) ? values.lookup(value) : k.getValue(value);
  }
  Split split(Value value);
  Bound getBound(arith::CmpIPredicate predicate, const Split &left,
                 const Split &right);
  Value emitComparison(arith::CmpIPredicate predicate, const Split &left,
                       const Split &right);
  Value emitBound(const Bound &bound);
  bool join(Bound &a, const Bound &b, bool isAnd);
  bool emitCondition(Operation *op);
  Value emitNumber(CastOp cast);
  void emitRead(tile::ReadOp read);
  LogicalResult emitOp(Operation *inner);
};
} // namespace

RegionEmitter::Split RegionEmitter::split(Value value) {
  Operation *op = value.getDefiningOp();
  if (op && op->getParentOp() == this->op) {
    if (auto coord = dyn_cast<tile::CoordOp>(op)) {
      StringAttr rank = coord.getRankAttr();
      Split split{k.toInt(k.getValue(offsets.lookup(rank))), at.lookup(rank), 0,
                  rank != k.getLaneRank(),
                  /*isOfPlace=*/true};
      APInt constant;
      if (auto sum = split.place.getDefiningOp<arith::AddIOp>();
          sum && matchPattern(sum.getRhs(), m_ConstantInt(&constant))) {
        split.place = sum.getLhs();
        split.constant = constant.getSExtValue();
      }
      return split;
    }
    // What a coordinate is compared with may be narrower than an index.
    if (auto cast = dyn_cast<CastOp>(op); cast && cast.getImplicit() &&
                                          isa<IntegerType>(cast.getType()) &&
                                          cast.getInput().getType().isIndex())
      return split(cast.getInput());
    if (isa<arith::AddIOp, arith::SubIOp>(op) && value.getType().isIndex()) {
      Split a = split(op->getOperand(0)), b = split(op->getOperand(1));
      bool adds = isa<arith::AddIOp>(op);
      auto combine = [&](Value x, Value y) -> Value {
        return adds ? k.b.createOrFold<arith::AddIOp>(x, y)
                    : k.b.createOrFold<arith::SubIOp>(x, y);
      };
      if (b.place)
        a.place = combine(a.place ? a.place : k.small(0), b.place);
      a.steady = combine(a.steady, b.steady);
      a.constant += adds ? b.constant : -b.constant;
      a.columns += adds ? b.columns : -b.columns;
      a.isOfPlace |= b.isOfPlace;
      return a;
    }
  }
  return {k.toInt(get(value)), Value()};
}

/// A comparison of coordinates as one of places, in 32 bits: these are small,
/// and what is far away compares with them as the farthest such number. What
/// differs from register to register is a constant.
RegionEmitter::Bound RegionEmitter::getBound(arith::CmpIPredicate predicate,
                                             const Split &left,
                                             const Split &right) {
  using P = arith::CmpIPredicate;
  constexpr int64_t farthest = 1 << 30;
  Value limit = arith::SubIOp::create(k.b, right.steady, left.steady);
  limit = arith::MaxSIOp::create(k.b, limit, k.constant(-farthest));
  limit = arith::MinSIOp::create(k.b, limit, k.constant(farthest));
  limit = arith::TruncIOp::create(k.b, k.b.getI32Type(), limit);
  if (right.place)
    limit = k.add(limit, right.place);
  if (left.place)
    limit = k.b.createOrFold<arith::SubIOp>(limit, left.place);
  int64_t constant = left.constant - right.constant,
          columns = left.columns - right.columns;
  if (predicate == P::sle || predicate == P::sgt) {
    limit = k.add(limit, k.small(1));
    predicate = predicate == P::sle ? P::slt : P::sge;
  }
  if (columns < 0) {
    // The same of the negative numbers: -c < l where c >= 1 - l.
    bool isOrdered = predicate == P::slt || predicate == P::sge;
    constant = -constant;
    limit = arith::SubIOp::create(k.b, k.small(isOrdered), limit);
    if (isOrdered)
      predicate = predicate == P::slt ? P::sge : P::slt;
  }
  return Bound{predicate, constant, limit, std::abs(columns) == 1};
}

Value RegionEmitter::emitBound(const Bound &bound) {
  return arith::CmpIOp::create(k.b, bound.predicate, k.small(bound.constant),
                               bound.limit);
}

/// As `getBound` where the values are of the place, with as few instructions.
Value RegionEmitter::emitComparison(arith::CmpIPredicate predicate,
                                    const Split &left, const Split &right) {
  if (left.isOfPlace || right.isOfPlace)
    return emitBound(getBound(predicate, left, right));
  return arith::CmpIOp::create(k.b, predicate, left.steady, right.steady);
}

/// Makes `a`, of two upper or two lower bounds, what `and` or `or` makes of
/// them: for all registers of a row the same.
bool RegionEmitter::join(Bound &a, const Bound &b, bool isAnd) {
  using P = arith::CmpIPredicate;
  if (a.predicate != b.predicate || !a.isOfColumn || !b.isOfColumn ||
      (a.predicate != P::slt && a.predicate != P::sge))
    return false;
  Value other = k.add(b.limit, k.small(a.constant - b.constant));
  if (isAnd == (a.predicate == P::slt))
    a.limit = arith::MinSIOp::create(k.b, a.limit, other);
  else
    a.limit = arith::MaxSIOp::create(k.b, a.limit, other);
  return true;
}

/// Whether places, less than the farthest of them, may be compared instead.
static bool comparesCoordinates(arith::CmpIOp compare) {
  using P = arith::CmpIPredicate;
  // The difference of others may wrap.
  Type type = compare.getLhs().getType();
  return (type.isIndex() || type.isInteger(32)) &&
         llvm::is_contained({P::eq, P::ne, P::slt, P::sle, P::sgt, P::sge},
                            compare.getPredicate());
}

/// A comparison of coordinates, or an `and` or `or` of such. False for others.
bool RegionEmitter::emitCondition(Operation *op) {
  Value condition = op->getResult(0);
  if (auto compare = dyn_cast<arith::CmpIOp>(op)) {
    if (!comparesCoordinates(compare))
      return false;
    Split left = split(compare.getLhs()), right = split(compare.getRhs());
    if (!left.isOfPlace && !right.isOfPlace)
      return false;
    Bound bound = getBound(compare.getPredicate(), left, right);
    parts[condition].push_back({bound, Value()});
    values.map(condition, emitBound(bound));
    return true;
  }
  if (!condition.getType().isInteger(1) ||
      !isa<arith::AndIOp, arith::OrIOp>(op))
    return false;
  SmallVector<Part> joined;
  auto add = [&](const Part &part) {
    for (Part &other : joined)
      if (other.bound && part.bound &&
          join(*other.bound, *part.bound, isa<arith::AndIOp>(op)))
        return;
    joined.push_back(part);
  };
  for (Value operand : op->getOperands()) {
    auto known = parts.find(operand);
    bool isSame = known != parts.end() &&
                  (known->second.size() == 1 ||
                   operand.getDefiningOp()->getName() == op->getName());
    if (isSame)
      llvm::for_each(known->second, add);
    else
      add({std::nullopt, get(operand)});
  }
  Value all;
  for (const Part &part : joined) {
    Value value = part.bound ? emitBound(*part.bound) : part.value;
    all = !all ? value
          : isa<arith::AndIOp>(op)
              ? arith::AndIOp::create(k.b, all, value).getResult()
              : arith::OrIOp::create(k.b, all, value).getResult();
  }
  values.map(condition, all);
  parts[condition] = std::move(joined);
  return true;
}

/// A coordinate as a float: what differs from register to register is added as
/// one, exactly below 2^24, so that only a row or a column is converted.
Value RegionEmitter::emitNumber(CastOp cast) {
  if (!cast.getImplicit() || !cast.getType().isF32() ||
      !cast.getInput().getType().isIndex())
    return {};
  Split number = split(cast.getInput());
  if (!number.isOfPlace)
    return {};
  Value steady = number.steady;
  if (number.place)
    steady = k.add(steady, k.toInt(number.place));
  Value base = arith::SIToFPOp::create(k.b, cast.getType(), steady);
  return arith::AddFOp::create(
      k.b, base, makeConstant(k.b, cast.getType(), number.constant));
}

/// An element whose place differs from register to register by a constant, so
/// that registers with the same one read it once.
void RegionEmitter::emitRead(tile::ReadOp read) {
  const ViewOperand &view = k.getView(read.getView());
  Type element = view.type.getElementType(), memory = getMemoryType(element);
  Value start = k.constant(0), rest = k.constant(0);
  Value isInside = makeInteger(k.b, k.b.getI1Type(), 1);
  for (auto [index, stride, extent] :
       llvm::zip(read.getIndices(), view.strides, view.extents)) {
    Split place = split(index);
    Value first = place.steady;
    if (place.place)
      first = k.add(first, k.toInt(place.place));
    start = k.add(start, k.mul(first, stride));
    rest = k.add(rest, k.mul(k.constant(place.constant), stride));
    if (read.getInside())
      continue;
    using P = arith::CmpIPredicate;
    isInside = k.both(isInside,
                      emitComparison(P::sge, place, {k.constant(0), Value()}));
    isInside =
        k.both(isInside, emitComparison(P::slt, place, {extent, Value()}));
  }
  Value pointer = k.advance(view.pointer, start, memory);
  pointer = k.advance(pointer, rest, memory);
  bool isWritten =
      llvm::any_of(read.getView().getUsers(), llvm::IsaPred<tile::StoreOp>);
  Value bits = emitLoad(k.b, memory, pointer,
                        read.getInside() ? Value() : isInside, !isWritten);
  values.map(read.getResult(), widenElement(k.b, bits, element));
  values.map(read.getValid(), isInside);
}

LogicalResult RegionEmitter::emitOp(Operation *inner) {
  if (auto coord = dyn_cast<tile::CoordOp>(inner)) {
    Value position = at.lookup(coord.getRankAttr());
    if (!position)
      return coord.emitOpError("is of rank `")
             << coord.getRank() << "`, which `" << op->getName()
             << "` doesn't iterate over";
    Value offset = k.getValue(offsets.lookup(coord.getRankAttr()));
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
  if (emitCondition(inner))
    return success();
  if (auto read = dyn_cast<tile::ReadOp>(inner))
    return emitRead(read), success();
  if (auto cast = dyn_cast<CastOp>(inner))
    if (Value number = emitNumber(cast)) {
      values.map(inner->getResult(0), number);
      return success();
    }
  SmallVector<Value> operands;
  for (Value operand : inner->getOperands())
    operands.push_back(get(operand));
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

FailureOr<PointValue> nvptx::emitRegion(KernelLowering &k, tile::BoundsOp op,
                                        const Position &at) {
  return RegionEmitter(k, op, at).emit({});
}

FailureOr<PointValue> nvptx::emitPoint(KernelLowering &k, tile::MapOp op,
                                       const Position &at) {
  SmallVector<Value> arguments;
  for (auto [input, argument] :
       llvm::zip(op.getInputs(), op.getBody().getArguments())) {
    Value element = k.loadElement(k.getBuffer(input), at);
    if (argument.getType().isBF16()) // loaded as its bits
      element = arith::BitcastOp::create(k.b, argument.getType(), element);
    arguments.push_back(element);
  }
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
