//===- FilterLimits.cpp - What a filter bounds a coordinate by ------------===//

#include "lib/Target/CPU/FilterLimits.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

SmallVector<Value> cpu::getConjuncts(Value condition) {
  if (!condition)
    return {};
  auto both = condition.getDefiningOp<arith::AndIOp>();
  if (!both)
    return {condition};
  SmallVector<Value> parts = getConjuncts(both.getLhs());
  llvm::append_range(parts, getConjuncts(both.getRhs()));
  return parts;
}

bool cpu::isRising(Value value, tile::MapOp map, StringAttr lanes,
                   bool isFixed) {
  if (!value.getType().isIndex())
    return false;
  if (!map.getBody().isAncestor(value.getParentRegion()))
    return true;
  Operation *op = value.getDefiningOp();
  if (auto coordinate = dyn_cast_or_null<tile::CoordOp>(op))
    return !isFixed && coordinate.getRankAttr() == lanes;
  if (auto difference = dyn_cast_or_null<arith::SubIOp>(op))
    return isRising(difference.getLhs(), map, lanes, isFixed) &&
           isRising(difference.getRhs(), map, lanes, /*isFixed=*/true);
  return isa_and_nonnull<arith::AddIOp, arith::MinSIOp, arith::MaxSIOp>(op) &&
         llvm::all_of(op->getOperands(), [&](Value operand) {
           return isRising(operand, map, lanes, isFixed);
         });
}

std::optional<Limit> cpu::getLimit(Value condition, tile::MapOp map,
                                   StringAttr rank, StringAttr lanes) {
  auto compare = condition.getDefiningOp<arith::CmpIOp>();
  if (!compare)
    return std::nullopt;
  Value low = compare.getLhs(), high = compare.getRhs();
  arith::CmpIPredicate predicate = compare.getPredicate();
  if (predicate == arith::CmpIPredicate::sgt ||
      predicate == arith::CmpIPredicate::sge) {
    std::swap(low, high);
    predicate = predicate == arith::CmpIPredicate::sgt
                    ? arith::CmpIPredicate::slt
                    : arith::CmpIPredicate::sle;
  }
  bool isInclusive = predicate == arith::CmpIPredicate::sle;
  auto coordinate = low.getDefiningOp<tile::CoordOp>();
  if ((isInclusive || predicate == arith::CmpIPredicate::slt) && coordinate &&
      coordinate.getRankAttr() == rank && isRising(high, map, lanes))
    return Limit{high, isInclusive};
  return std::nullopt;
}
