//===- Intervals.cpp - Filters over boxes as arithmetic on bounds ---------===//
//
// Interval arithmetic on the filters' expressions: see Passes.td.
//
//===----------------------------------------------------------------------===//

#include "lib/Mapping/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"

namespace attn {
#define GEN_PASS_DEF_INTERVALS
#include "lib/Mapping/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {

/// Inclusive bounds of an integer over a box.
struct Bounds {
  Value lo, hi;
};

/// Whether a condition may hold somewhere, and must hold everywhere.
struct Truth {
  Value some, every;
};

/// Bounds of a rank, half open; null where there is none.
struct RankRange {
  Value lo, hi;
};

class BoxEvaluator {
public:
  BoxEvaluator(OpBuilder &builder, Location loc, ArrayAttr ranks,
               ArrayRef<int64_t> sizes, ValueRange offsets)
      : builder(builder), loc(loc) {
    for (auto [rank, size, offset] :
         llvm::zip(ranks.getAsRange<StringAttr>(), sizes, offsets)) {
      Value last = add(offset, constant(size - 1));
      box[rank] = {offset, last};
    }
  }

  Truth getTruth(Value condition);
  /// The same of a tile of `rank` that is not outside `getRange`.
  Truth getTruthWithin(Value condition, StringAttr rank);
  /// The range of `rank` outside which `condition` is false.
  RankRange getRange(Value condition, StringAttr rank);

private:
  std::optional<Bounds> getBounds(Value value);
  /// `value` = `rank` + rest (sign 1) or rest - `rank` (sign -1) or rest (0):
  /// the bounds of rest, or nothing.
  std::optional<Bounds> splitLinear(Value value, StringAttr rank, int &sign);
  bool dependsOnBox(Value value);
  Value cloneUniform(Value value);

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }
  Value boolean(bool value) {
    return arith::ConstantIntOp::create(builder, loc, value, 1);
  }
  Value add(Value a, Value b) {
    return arith::AddIOp::create(builder, loc, a, b);
  }
  Value sub(Value a, Value b) {
    return arith::SubIOp::create(builder, loc, a, b);
  }
  Value min(Value a, Value b) {
    return arith::MinSIOp::create(builder, loc, a, b);
  }
  Value max(Value a, Value b) {
    return arith::MaxSIOp::create(builder, loc, a, b);
  }
  Value compare(arith::CmpIPredicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(builder, loc, predicate, a, b);
  }

  OpBuilder &builder;
  Location loc;
  llvm::SmallDenseMap<StringAttr, Bounds> box;
  IRMapping uniform;
};

} // namespace

bool BoxEvaluator::dependsOnBox(Value value) {
  SmallVector<Value> worklist{value};
  llvm::DenseSet<Value> seen;
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val().getDefiningOp();
    if (!op)
      continue;
    if (isa<tile::CoordOp>(op))
      return true;
    for (Value operand : op->getOperands())
      if (seen.insert(operand).second)
        worklist.push_back(operand);
  }
  return false;
}

/// A value that is the same all over the box, outside the region.
Value BoxEvaluator::cloneUniform(Value value) {
  if (uniform.contains(value))
    return uniform.lookup(value);
  Operation *op = value.getDefiningOp();
  if (!op || !isa<tile::RangeOp, tile::TestOp>(op->getParentOp()))
    return value;
  for (Value operand : op->getOperands())
    uniform.map(operand, cloneUniform(operand));
  Operation *clone = builder.clone(*op, uniform);
  for (auto [from, to] : llvm::zip(op->getResults(), clone->getResults()))
    uniform.map(from, to);
  return uniform.lookup(value);
}

std::optional<Bounds> BoxEvaluator::getBounds(Value value) {
  if (!value.getType().isIndex() && !isa<IntegerType>(value.getType()))
    return std::nullopt;
  if (!dependsOnBox(value)) {
    Value same = cloneUniform(value);
    if (!same.getType().isIndex())
      same = arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                        same);
    return Bounds{same, same};
  }
  Operation *op = value.getDefiningOp();
  if (auto coord = dyn_cast<tile::CoordOp>(op)) {
    auto it = box.find(coord.getRankAttr());
    if (it == box.end())
      return std::nullopt;
    return it->second;
  }
  // A coordinate that meets an integer tensor is cast to its type.
  if (auto cast = dyn_cast<CastOp>(op))
    return cast.getImplicit() ? getBounds(cast.getInput()) : std::nullopt;
  if (op->getNumOperands() != 2)
    return std::nullopt;
  std::optional<Bounds> a = getBounds(op->getOperand(0));
  std::optional<Bounds> b = getBounds(op->getOperand(1));
  if (!a || !b)
    return std::nullopt;
  if (isa<arith::AddIOp>(op))
    return Bounds{add(a->lo, b->lo), add(a->hi, b->hi)};
  if (isa<arith::SubIOp>(op))
    return Bounds{sub(a->lo, b->hi), sub(a->hi, b->lo)};
  if (isa<arith::MaxSIOp>(op))
    return Bounds{max(a->lo, b->lo), max(a->hi, b->hi)};
  if (isa<arith::MinSIOp>(op))
    return Bounds{min(a->lo, b->lo), min(a->hi, b->hi)};
  auto factor = dyn_cast_or_null<arith::ConstantOp>(b->lo.getDefiningOp());
  auto number = factor ? dyn_cast<IntegerAttr>(factor.getValue()) : nullptr;
  if (!number || b->lo != b->hi || number.getInt() <= 0)
    return std::nullopt;
  // Monotone in the left operand.
  if (isa<arith::MulIOp>(op))
    return Bounds{arith::MulIOp::create(builder, loc, a->lo, b->lo),
                  arith::MulIOp::create(builder, loc, a->hi, b->lo)};
  if (isa<arith::FloorDivSIOp>(op))
    return Bounds{arith::FloorDivSIOp::create(builder, loc, a->lo, b->lo),
                  arith::FloorDivSIOp::create(builder, loc, a->hi, b->lo)};
  if (isa<arith::CeilDivSIOp>(op))
    return Bounds{arith::CeilDivSIOp::create(builder, loc, a->lo, b->lo),
                  arith::CeilDivSIOp::create(builder, loc, a->hi, b->lo)};
  return std::nullopt;
}

Truth BoxEvaluator::getTruth(Value condition) {
  using P = arith::CmpIPredicate;
  Truth unknown{boolean(true), boolean(false)};
  if (!dependsOnBox(condition)) {
    Value same = cloneUniform(condition);
    return {same, same};
  }
  Operation *op = condition.getDefiningOp();
  auto both = [&](Value a, Value b) -> Value {
    return arith::AndIOp::create(builder, loc, a, b);
  };
  auto either = [&](Value a, Value b) -> Value {
    return arith::OrIOp::create(builder, loc, a, b);
  };
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
  if (!a || !b)
    return unknown;
  switch (cmp.getPredicate()) {
  case P::slt:
  case P::sle:
    return {compare(cmp.getPredicate(), a->lo, b->hi),
            compare(cmp.getPredicate(), a->hi, b->lo)};
  case P::sgt:
  case P::sge:
    return {compare(cmp.getPredicate(), a->hi, b->lo),
            compare(cmp.getPredicate(), a->lo, b->hi)};
  case P::eq:
    return {both(compare(P::sle, a->lo, b->hi), compare(P::sle, b->lo, a->hi)),
            both(compare(P::eq, a->lo, b->hi), compare(P::eq, a->hi, b->lo))};
  case P::ne:
    return {
        either(compare(P::ne, a->lo, b->hi), compare(P::ne, a->hi, b->lo)),
        either(compare(P::slt, a->hi, b->lo), compare(P::slt, b->hi, a->lo))};
  default:
    return unknown;
  }
}

Truth BoxEvaluator::getTruthWithin(Value condition, StringAttr rank) {
  Operation *op = condition.getDefiningOp();
  if (isa_and_nonnull<arith::AndIOp>(op)) {
    Truth a = getTruthWithin(op->getOperand(0), rank);
    Truth b = getTruthWithin(op->getOperand(1), rank);
    return {arith::AndIOp::create(builder, loc, a.some, b.some),
            arith::AndIOp::create(builder, loc, a.every, b.every)};
  }
  Truth truth = getTruth(condition);
  using P = arith::CmpIPredicate;
  auto cmp = dyn_cast_or_null<arith::CmpIOp>(op);
  if (!cmp ||
      !llvm::is_contained({P::slt, P::sle, P::sgt, P::sge}, cmp.getPredicate()))
    return truth;
  int left = 0, right = 0;
  if (splitLinear(cmp.getLhs(), rank, left) &&
      splitLinear(cmp.getRhs(), rank, right) && std::abs(left - right) == 1)
    truth.some = boolean(true);
  return truth;
}

std::optional<Bounds> BoxEvaluator::splitLinear(Value value, StringAttr rank,
                                                int &sign) {
  if (auto coord = value.getDefiningOp<tile::CoordOp>())
    if (coord.getRankAttr() == rank) {
      sign = 1;
      Value zero = constant(0);
      return Bounds{zero, zero};
    }
  Operation *op = value.getDefiningOp();
  if (auto cast = dyn_cast_or_null<CastOp>(op))
    if (cast.getImplicit() && isa<IntegerType>(cast.getType()))
      return splitLinear(cast.getInput(), rank, sign);
  if (isa_and_nonnull<arith::AddIOp, arith::SubIOp>(op)) {
    int left = 0, right = 0;
    std::optional<Bounds> a = splitLinear(op->getOperand(0), rank, left);
    std::optional<Bounds> b = splitLinear(op->getOperand(1), rank, right);
    if (!a || !b)
      return std::nullopt;
    bool isSub = isa<arith::SubIOp>(op);
    if (isSub) {
      right = -right;
      b = Bounds{sub(constant(0), b->hi), sub(constant(0), b->lo)};
    }
    sign = left + right;
    return Bounds{add(a->lo, b->lo), add(a->hi, b->hi)};
  }
  sign = 0;
  // The rank under another operation: its whole range, which says nothing.
  if (op && dependsOnBox(value)) {
    SmallVector<Value> worklist{value};
    while (!worklist.empty()) {
      Operation *next = worklist.pop_back_val().getDefiningOp();
      if (!next)
        continue;
      if (auto coord = dyn_cast<tile::CoordOp>(next))
        if (coord.getRankAttr() == rank)
          return std::nullopt;
      llvm::append_range(worklist, next->getOperands());
    }
  }
  return getBounds(value);
}

RankRange BoxEvaluator::getRange(Value condition, StringAttr rank) {
  using P = arith::CmpIPredicate;
  Operation *op = condition.getDefiningOp();
  if (isa_and_nonnull<arith::AndIOp, arith::OrIOp>(op)) {
    RankRange a = getRange(op->getOperand(0), rank);
    RankRange b = getRange(op->getOperand(1), rank);
    bool isAnd = isa<arith::AndIOp>(op);
    // The intersection, or the hull.
    auto combine = [&](Value x, Value y, bool wantsMax) -> Value {
      if (!x || !y)
        return isAnd ? (x ? x : y) : Value();
      return wantsMax ? max(x, y) : min(x, y);
    };
    return {combine(a.lo, b.lo, isAnd), combine(a.hi, b.hi, !isAnd)};
  }
  auto cmp = dyn_cast_or_null<arith::CmpIOp>(op);
  if (!cmp)
    return {};
  int left = 0, right = 0;
  std::optional<Bounds> a = splitLinear(cmp.getLhs(), rank, left);
  std::optional<Bounds> b = splitLinear(cmp.getRhs(), rank, right);
  if (!a || !b)
    return {};
  // left * r + a <= right * r + b, so (left - right) * r <= b - a.
  int sign = left - right;
  Value one = constant(1);
  auto atMost = [&](bool strict) -> RankRange {
    // sign * r <= most
    Value most = sub(b->hi, a->lo);
    if (strict)
      most = sub(most, one);
    if (sign == 1)
      return {Value(), add(most, one)};
    if (sign == -1)
      return {sub(constant(0), most), Value()};
    return {};
  };
  auto atLeast = [&](bool strict) -> RankRange {
    // sign * r >= least
    Value least = sub(b->lo, a->hi);
    if (strict)
      least = add(least, one);
    if (sign == 1)
      return {least, Value()};
    if (sign == -1)
      return {Value(), add(sub(constant(0), least), one)};
    return {};
  };
  switch (cmp.getPredicate()) {
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
