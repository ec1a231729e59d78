//===- BoxEvaluator.cpp - What a filter may be over a box -----------------===//

#include "lib/Mapping/BoxEvaluator.h"
#include "lib/Mapping/ExpressionEmitter.h"
#include "mlir/Analysis/SliceAnalysis.h"

using namespace mlir;
using namespace attn;
using P = arith::CmpIPredicate;

/// Of the box of a `tile.bounds`: more would take longer to read than it saves.
static constexpr int64_t maxPoints = 4096;
/// Beyond all sums of coordinates, and half of what may be added without
/// wrapping.
static constexpr int64_t farAway = int64_t(1) << 61;

BoxEvaluator::BoxEvaluator(OpBuilder &builder, Location loc, ArrayAttr ranks,
                           ArrayRef<int64_t> sizes, ValueRange offsets)
    : builder(builder), loc(loc) {
  for (auto [rank, size, offset] :
       llvm::zip(ranks.getAsRange<StringAttr>(), sizes, offsets))
    box[rank] = {size, offset, {offset, add(offset, constant(size - 1))}};
}

//===----------------------------------------------------------------------===//
// What is the same all over the box
//===----------------------------------------------------------------------===//

static bool dependsOnBox(Value value) {
  return !getCoordinateVars(value).empty();
}

/// Whether `op` is in the region of the filter.
static bool isOfFilter(Operation *op) {
  return op && isa<tile::RangeOp, tile::TestOp>(op->getParentOp());
}

/// A value that is the same all over the box, outside the region.
Value BoxEvaluator::cloneUniform(Value value) {
  if (uniform.contains(value))
    return uniform.lookup(value);
  Operation *op = value.getDefiningOp();
  if (!isOfFilter(op))
    return value;
  for (Value operand : op->getOperands())
    uniform.map(operand, cloneUniform(operand));
  Operation *clone = builder.clone(*op, uniform);
  for (auto [from, to] : llvm::zip(op->getResults(), clone->getResults()))
    uniform.map(from, to);
  return uniform.lookup(value);
}

//===----------------------------------------------------------------------===//
// What is read in the box
//===----------------------------------------------------------------------===//

/// The operations of the filter's region that `value` needs, in order.
static SmallVector<Operation *> getSlice(Value value) {
  llvm::SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.filter = isOfFilter;
  (void)getBackwardSlice(value, &slice, options);
  SmallVector<Operation *> ordered = slice.takeVector();
  llvm::sort(ordered,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return ordered;
}

/// The bounds of a value whose reads all depend on each coordinate that it
/// depends on: of every point of the box along these. Nothing for another.
std::optional<BoxEvaluator::Bounds> BoxEvaluator::readBounds(Value value) {
  SmallVector<Operation *> slice = getSlice(value);
  auto ranks = getCoordinateVars(value);
  bool reads = false;
  for (Operation *op : slice)
    if (auto read = dyn_cast<tile::ReadOp>(op)) {
      size_t count = getCoordinateVars(read.getResult()).size();
      if (count != 0 && count != ranks.size())
        return std::nullopt;
      reads |= count != 0;
    }
  int64_t points = 1;
  SmallVector<Attribute> names;
  SmallVector<int64_t> sizes;
  SmallVector<Value> offsets;
  for (StringAttr rank : ranks) {
    auto it = box.find(rank);
    if (it == box.end())
      return std::nullopt;
    points *= it->second.size;
    names.push_back(rank);
    sizes.push_back(it->second.size);
    offsets.push_back(it->second.offset);
  }
  if (!reads || points > maxPoints)
    return std::nullopt;

  auto op = tile::BoundsOp::create(
      builder, loc, builder.getIndexType(), builder.getIndexType(),
      builder.getArrayAttr(names), builder.getDenseI64ArrayAttr(sizes),
      offsets);
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&op.getBody());
  IRMapping mapping;
  Value isInside;
  for (Operation *inner : slice) {
    Operation *clone = builder.clone(*inner, mapping);
    if (auto read = dyn_cast<tile::ReadOp>(clone))
      isInside = isInside ? both(isInside, read.getValid()) : read.getValid();
  }
  tile::YieldOp::create(builder, loc, mapping.lookup(value), isInside);
  return Bounds{op.getLo(), op.getHi(), value.getType().isInteger(64)};
}

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

/// Whether all integers from `lo` to `hi` are some of the i32 `type`.
Value BoxEvaluator::isIn(Type type, Value lo, Value hi) {
  unsigned width = type.getIntOrFloatBitWidth();
  return both(compare(P::sge, lo, constant(llvm::minIntN(width))),
              compare(P::sle, hi, constant(llvm::maxIntN(width))));
}

/// The bounds of what arithmetic in `type` makes of what would be in `bounds`.
std::optional<BoxEvaluator::Bounds> BoxEvaluator::narrow(Type type,
                                                         Bounds bounds) {
  if (type.isIndex() || type.isInteger(64))
    return bounds;
  unsigned width = type.getIntOrFloatBitWidth();
  Value holds = isIn(type, bounds.lo, bounds.hi);
  return Bounds{select(holds, bounds.lo, constant(llvm::minIntN(width))),
                select(holds, bounds.hi, constant(llvm::maxIntN(width)))};
}

/// The bounds of what `op` makes of integers in `a` and in `b`.
std::optional<BoxEvaluator::Bounds>
BoxEvaluator::combine(Operation *op, const Bounds &a, const Bounds &b) {
  Type type = op->getResult(0).getType();
  bool isWide = a.isWide || b.isWide;
  if (isa<arith::MaxSIOp>(op))
    return Bounds{max(a.lo, b.lo), max(a.hi, b.hi), isWide};
  if (isa<arith::MinSIOp>(op))
    return Bounds{min(a.lo, b.lo), min(a.hi, b.hi), isWide};
  if (isWide)
    return std::nullopt;
  if (isa<arith::AddIOp>(op))
    return narrow(type, {add(a.lo, b.lo), add(a.hi, b.hi)});
  if (isa<arith::SubIOp>(op))
    return narrow(type, {sub(a.lo, b.hi), sub(a.hi, b.lo)});
  auto factor = b.lo.getDefiningOp<arith::ConstantOp>();
  auto number = factor ? dyn_cast<IntegerAttr>(factor.getValue()) : nullptr;
  if (!number || b.lo != b.hi || number.getInt() <= 0)
    return std::nullopt;
  // Monotone in the left operand.
  if (isa<arith::MulIOp>(op))
    return narrow(type, {arith::MulIOp::create(builder, loc, a.lo, b.lo),
                         arith::MulIOp::create(builder, loc, a.hi, b.lo)});
  if (isa<arith::FloorDivSIOp>(op))
    return Bounds{arith::FloorDivSIOp::create(builder, loc, a.lo, b.lo),
                  arith::FloorDivSIOp::create(builder, loc, a.hi, b.lo)};
  if (isa<arith::CeilDivSIOp>(op))
    return Bounds{arith::CeilDivSIOp::create(builder, loc, a.lo, b.lo),
                  arith::CeilDivSIOp::create(builder, loc, a.hi, b.lo)};
  return std::nullopt;
}

std::optional<BoxEvaluator::Bounds> BoxEvaluator::getBounds(Value value) {
  Type type = value.getType();
  if (!type.isIndex() && !type.isInteger(32) && !type.isInteger(64))
    return std::nullopt;
  if (!dependsOnBox(value)) {
    Value same = cloneUniform(value);
    if (!type.isIndex())
      same = arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                        same);
    return Bounds{same, same, type.isInteger(64)};
  }
  Operation *op = value.getDefiningOp();
  if (auto coord = dyn_cast<tile::CoordOp>(op)) {
    auto it = box.find(coord.getRankAttr());
    if (it == box.end())
      return std::nullopt;
    return it->second.bounds;
  }
  if (std::optional<Bounds> read = readBounds(value))
    return read;
  // A coordinate that meets an integer tensor is cast to its type.
  if (auto cast = dyn_cast<CastOp>(op))
    return cast.getImplicit() ? getBounds(cast.getInput()) : std::nullopt;
  if (isa<tile::ReadOp>(op) || op->getNumOperands() != 2)
    return std::nullopt;
  std::optional<Bounds> a = getBounds(op->getOperand(0));
  std::optional<Bounds> b = getBounds(op->getOperand(1));
  return a && b ? combine(op, *a, *b) : std::nullopt;
}

//===----------------------------------------------------------------------===//
// Truth
//===----------------------------------------------------------------------===//

Truth BoxEvaluator::compareBounds(P predicate, const Bounds &a,
                                  const Bounds &b) {
  switch (predicate) {
  case P::slt:
  case P::sle:
    return {compare(predicate, a.lo, b.hi), compare(predicate, a.hi, b.lo)};
  case P::sgt:
  case P::sge:
    return {compare(predicate, a.hi, b.lo), compare(predicate, a.lo, b.hi)};
  case P::eq:
    return {both(compare(P::sle, a.lo, b.hi), compare(P::sle, b.lo, a.hi)),
            both(compare(P::eq, a.lo, b.hi), compare(P::eq, a.hi, b.lo))};
  case P::ne:
    return {either(compare(P::ne, a.lo, b.hi), compare(P::ne, a.hi, b.lo)),
            either(compare(P::slt, a.hi, b.lo), compare(P::slt, b.hi, a.lo))};
  default:
    return {boolean(true), boolean(false)};
  }
}

Truth BoxEvaluator::getTruth(Value condition) {
  Truth unknown{boolean(true), boolean(false)};
  if (!dependsOnBox(condition)) {
    Value same = cloneUniform(condition);
    return {same, same};
  }
  Operation *op = condition.getDefiningOp();
  if (isa<arith::AndIOp, arith::OrIOp>(op)) {
    Truth a = getTruth(op->getOperand(0)), b = getTruth(op->getOperand(1));
    if (isa<arith::AndIOp>(op))
      return {both(a.some, b.some), both(a.every, b.every)};
    return {either(a.some, b.some), either(a.every, b.every)};
  }
  if (isa<arith::XOrIOp>(op)) {
    // `not x`, the only exclusive or there is.
    Truth a = getTruth(op->getOperand(0));
    Value yes = boolean(true);
    return {arith::XOrIOp::create(builder, loc, a.every, yes),
            arith::XOrIOp::create(builder, loc, a.some, yes)};
  }
  auto cmp = dyn_cast<arith::CmpIOp>(op);
  if (!cmp)
    return unknown;
  std::optional<Bounds> a = getBounds(cmp.getLhs());
  std::optional<Bounds> b = getBounds(cmp.getRhs());
  return a && b ? compareBounds(cmp.getPredicate(), *a, *b) : unknown;
}

static bool isOrder(P predicate) {
  return llvm::is_contained({P::slt, P::sle, P::sgt, P::sge}, predicate);
}

/// Whether ranges of `rank` say all of `condition` that a box can say.
bool BoxEvaluator::isRanged(Value condition, StringAttr rank) {
  Operation *op = condition.getDefiningOp();
  if (isa_and_nonnull<arith::AndIOp, arith::OrIOp>(op))
    return isRanged(op->getOperand(0), rank) &&
           isRanged(op->getOperand(1), rank);
  auto cmp = dyn_cast_or_null<arith::CmpIOp>(op);
  if (!cmp || !isOrder(cmp.getPredicate()))
    return false;
  std::optional<Linear> left = splitLinear(cmp.getLhs(), rank);
  std::optional<Linear> right = splitLinear(cmp.getRhs(), rank);
  return left && right && std::abs(left->sign - right->sign) == 1;
}

Truth BoxEvaluator::getTruthWithin(Value condition, StringAttr rank,
                                   bool isExact) {
  Operation *op = condition.getDefiningOp();
  if (isa_and_nonnull<arith::AndIOp>(op)) {
    Truth a = getTruthWithin(op->getOperand(0), rank, isExact);
    Truth b = getTruthWithin(op->getOperand(1), rank, isExact);
    return {both(a.some, b.some), both(a.every, b.every)};
  }
  Truth truth = getTruth(condition);
  if ((isExact || !isa_and_nonnull<arith::OrIOp>(op)) &&
      isRanged(condition, rank))
    truth.some = boolean(true);
  return truth;
}

//===----------------------------------------------------------------------===//
// Ranges
//===----------------------------------------------------------------------===//

std::optional<BoxEvaluator::Linear> BoxEvaluator::splitLinear(Value value,
                                                              StringAttr rank) {
  // Without the rank, or with it under another operation.
  if (!getCoordinateVars(value).contains(rank)) {
    std::optional<Bounds> rest = getBounds(value);
    return rest ? std::optional(Linear{0, *rest, Value()}) : std::nullopt;
  }
  Operation *op = value.getDefiningOp();
  if (isa<tile::CoordOp>(op)) {
    Value zero = constant(0);
    return Linear{1, {zero, zero}, Value()};
  }
  auto cast = dyn_cast<CastOp>(op);
  if (cast && cast.getImplicit() && isa<IntegerType>(cast.getType()))
    return splitLinear(cast.getInput(), rank);
  if (!isa<arith::AddIOp, arith::SubIOp>(op))
    return std::nullopt;
  std::optional<Linear> a = splitLinear(op->getOperand(0), rank);
  std::optional<Linear> b = splitLinear(op->getOperand(1), rank);
  if (!a || !b || a->rest.isWide || b->rest.isWide)
    return std::nullopt;
  if (isa<arith::SubIOp>(op)) {
    Value zero = constant(0);
    b->sign = -b->sign;
    b->rest = {sub(zero, b->rest.hi), sub(zero, b->rest.lo)};
  }
  Linear sum{a->sign + b->sign,
             {add(a->rest.lo, b->rest.lo), add(a->rest.hi, b->rest.hi)},
             Value()};
  sum.holds = a->holds ? a->holds : b->holds;
  if (a->holds && b->holds)
    sum.holds = both(a->holds, b->holds);
  if (value.getType().isInteger(32)) {
    // At all coordinates of the rank.
    Value zero = constant(0);
    Value extent =
        tile::ExtentOp::create(builder, loc, builder.getIndexType(), rank);
    Value most = arith::MulIOp::create(builder, loc, extent,
                                       constant(std::abs(sum.sign)));
    Value holds = isIn(value.getType(),
                       add(sum.rest.lo, sum.sign < 0 ? sub(zero, most) : zero),
                       add(sum.rest.hi, sum.sign < 0 ? zero : most));
    sum.holds = sum.holds ? both(sum.holds, holds) : holds;
  }
  return sum;
}

/// An upper bound of `x - y` of any integers, or of no use: very large.
Value BoxEvaluator::subtractLoosely(Value x, Value y) {
  Value most = constant(farAway), least = constant(-farAway);
  Value difference = sub(max(x, least), min(y, most));
  Value isFar = either(compare(P::sgt, x, most), compare(P::slt, y, least));
  return select(isFar, most, difference);
}

/// Where `left` may compare with `right` as `predicate` says.
RankRange BoxEvaluator::solve(P predicate, const Linear &left,
                              const Linear &right) {
  // left * r + a <= right * r + b, so (left - right) * r <= b - a.
  const Bounds &a = left.rest, &b = right.rest;
  int sign = left.sign - right.sign;
  bool isWide = a.isWide || b.isWide;
  Value zero = constant(0), one = constant(1);
  auto atMost = [&](bool strict) -> RankRange {
    // sign * r <= most
    Value most = isWide ? subtractLoosely(b.hi, a.lo) : sub(b.hi, a.lo);
    if (strict)
      most = sub(most, one);
    if (sign == 1)
      return {Value(), add(most, one)};
    if (sign == -1)
      return {sub(zero, most), Value()};
    return {};
  };
  auto atLeast = [&](bool strict) -> RankRange {
    // sign * r >= least
    Value least =
        isWide ? sub(zero, subtractLoosely(a.hi, b.lo)) : sub(b.lo, a.hi);
    if (strict)
      least = add(least, one);
    if (sign == 1)
      return {least, Value()};
    if (sign == -1)
      return {Value(), add(sub(zero, least), one)};
    return {};
  };
  switch (predicate) {
  case P::slt:
    return atMost(/*strict=*/true);
  case P::sle:
    return atMost(/*strict=*/false);
  case P::sgt:
    return atLeast(/*strict=*/true);
  case P::sge:
    return atLeast(/*strict=*/false);
  case P::eq: {
    RankRange upper = atMost(/*strict=*/false),
              lower = atLeast(/*strict=*/false);
    return {lower.lo ? lower.lo : upper.lo, upper.hi ? upper.hi : lower.hi};
  }
  default:
    return {};
  }
}

RankRange BoxEvaluator::intersect(RankRange a, RankRange b) {
  return {a.lo && b.lo ? max(a.lo, b.lo)
          : a.lo       ? a.lo
                       : b.lo,
          a.hi && b.hi ? min(a.hi, b.hi)
          : a.hi       ? a.hi
                       : b.hi};
}

RankRange BoxEvaluator::getHull(RankRange a, RankRange b) {
  return {a.lo && b.lo ? min(a.lo, b.lo) : Value(),
          a.hi && b.hi ? max(a.hi, b.hi) : Value()};
}

RankRanges BoxEvaluator::getRanges(Value condition, StringAttr rank) {
  Operation *op = condition.getDefiningOp();
  if (auto cmp = dyn_cast_or_null<arith::CmpIOp>(op))
    return {{getRange(cmp, rank)}};
  if (!isa_and_nonnull<arith::AndIOp, arith::OrIOp>(op))
    return {{RankRange()}};
  RankRanges a = getRanges(op->getOperand(0), rank),
             b = getRanges(op->getOperand(1), rank), all;
  all.isExact = a.isExact && b.isExact;
  auto add = [&](RankRange range) {
    for (RankRange &other : all.ranges) {
      // Nothing lies between two that have no lower bound, or no upper one.
      bool isWhole = (!range.lo && !other.lo) || (!range.hi && !other.hi);
      bool isFull = all.ranges.size() == 2;
      if (!isWhole && !isFull)
        continue;
      all.isExact &= isWhole;
      other = getHull(other, range);
      return;
    }
    all.ranges.push_back(range);
  };
  if (isa<arith::OrIOp>(op)) {
    llvm::for_each(a.ranges, add);
    llvm::for_each(b.ranges, add);
  } else {
    for (RankRange x : a.ranges)
      for (RankRange y : b.ranges)
        add(intersect(x, y));
  }
  return all;
}

RankRange BoxEvaluator::getRange(arith::CmpIOp cmp, StringAttr rank) {
  std::optional<Linear> left = splitLinear(cmp.getLhs(), rank);
  std::optional<Linear> right = splitLinear(cmp.getRhs(), rank);
  if (!left || !right)
    return {};
  RankRange range = solve(cmp.getPredicate(), *left, *right);
  for (Value holds : {left->holds, right->holds}) {
    if (holds && range.lo)
      range.lo = select(holds, range.lo, constant(0));
    if (holds && range.hi)
      range.hi = select(
          holds, range.hi,
          tile::ExtentOp::create(builder, loc, builder.getIndexType(), rank));
  }
  return range;
}
