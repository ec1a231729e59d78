//===- FoldExponents.cpp - One multiply-add before each exponential -------===//
//
//   exp(x * c - g) = 2^(x * (c * log2 e) - g * log2 e)
//   max over m of x * c = c * max over m of x        where c > 0: exactly
//
// The first is rounded otherwise than it is written, by no more than the
// exponential's own argument (Scalar.h, `hasExp2`). Both together leave nothing
// of the scaled scores but one multiply-add. Without a g there is one product.
// Two numbers that a score is multiplied by are one, (x * c) * d = x * (c * d),
// rounded once less.
//
//   exp(x - g) where f, else 0 = exp(y - g)         with y = x where f, else
//   -inf
//
// A maximum has that y, too; so a filter is asked once, of the scores, and what
// is added up or multiplied needs none.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/NVPTX/Fragment.h"
#include "lib/Target/NVPTX/Passes.h"
#include "lib/Target/Scalar.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/Matchers.h"
#include <cfloat>
#include <cmath>

namespace attn::nvptx {
#define GEN_PASS_DEF_FOLDEXPONENTS
#include "lib/Target/NVPTX/Passes.h.inc"
} // namespace attn::nvptx

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

/// Whether `value` is above 0 whatever the call: a number, or the reciprocal
/// root of one.
static bool isPositive(Value value) {
  APFloat number(0.0);
  if (auto root = value.getDefiningOp<math::RsqrtOp>())
    return isPositive(root.getOperand());
  return matchPattern(value, m_ConstantFloat(&number)) && !number.isZero() &&
         !number.isNegative() && number.isFinite();
}

/// `value` as x * c with a positive c; no factor where it is no such product.
/// x * c + u * y, with a u from outside of `map`, is (x + u / c * y) * c: what
/// is added takes a multiply-add, as it did, and the factor none.
static std::pair<Value, Value> splitFactor(Value value, tile::MapOp map) {
  if (auto product = value.getDefiningOp<arith::MulFOp>()) {
    if (isPositive(product.getRhs()))
      return {product.getLhs(), product.getRhs()};
    if (isPositive(product.getLhs()))
      return {product.getRhs(), product.getLhs()};
  }
  auto sum = value.getDefiningOp<arith::AddFOp>();
  if (!sum)
    return {value, Value()};
  for (auto [scaled, rest] : {std::pair(sum.getLhs(), sum.getRhs()),
                              std::pair(sum.getRhs(), sum.getLhs())}) {
    auto product = rest.getDefiningOp<arith::MulFOp>();
    if (!scaled.getDefiningOp<arith::MulFOp>() || !product)
      continue;
    auto [x, factor] = splitFactor(scaled, map);
    Value steady = product.getLhs(), varying = product.getRhs();
    if (map.getBody().isAncestor(steady.getParentRegion()))
      std::swap(steady, varying);
    if (!factor || map.getBody().isAncestor(steady.getParentRegion()))
      continue;
    ImplicitLocOpBuilder b(sum.getLoc(), sum);
    Value ratio = arith::DivFOp::create(b, steady, factor);
    Value left = arith::MulFOp::create(b, ratio, varying);
    return {arith::AddFOp::create(b, x, left), factor};
  }
  return {value, Value()};
}

//===----------------------------------------------------------------------===//
// Filters
//===----------------------------------------------------------------------===//

/// The tile whose element `value` is in `map`; null where it is no input's.
static Value getInput(Value value, tile::MapOp map) {
  auto argument = dyn_cast<BlockArgument>(value);
  bool isInput = argument && argument.getOwner() == &map.getBody().front();
  return isInput ? map.getInputs()[argument.getArgNumber()] : Value();
}

/// Whether two maps' values are the same function of coordinates, extents,
/// elements of tiles that `weights` may read, and what is outside of them.
static bool isSameCondition(Value a, Value b, tile::MapOp inA, tile::MapOp inB,
                            tile::MapOp weights) {
  if (Value input = getInput(a, inA))
    return input == getInput(b, inB) &&
           DominanceInfo().properlyDominates(input, weights);
  Operation *opA = a.getDefiningOp(), *opB = b.getDefiningOp();
  bool isInside = opA && inA.getBody().isAncestor(opA->getParentRegion());
  if (!isInside)
    return a == b;
  if (!opB || !inB.getBody().isAncestor(opB->getParentRegion()) ||
      !isa<tile::CoordOp, tile::ExtentOp, arith::ConstantOp, arith::CmpIOp,
           arith::AddIOp, arith::SubIOp, arith::AndIOp, arith::OrIOp,
           arith::XOrIOp, CastOp>(opA))
    return false;
  return opA->getName() == opB->getName() &&
         opA->getAttrDictionary() == opB->getAttrDictionary() &&
         opA->getResultTypes() == opB->getResultTypes() &&
         llvm::equal(opA->getOperands(), opB->getOperands(),
                     [&](Value x, Value y) {
                       return isSameCondition(x, y, inA, inB, weights);
                     });
}

/// A map that takes elements of one tile of the same place as they are, or 0
/// where a filter doesn't hold.
struct FilteredUse {
  tile::MapOp map;
  unsigned input; ///< of the map, which that tile is
  Value filter;
  bool isSum; ///< of the elements; else a tile of them
};

static std::optional<FilteredUse> getFilteredUse(OpOperand &use,
                                                 tile::MapOp weights) {
  auto map = dyn_cast<tile::MapOp>(use.getOwner());
  if (!map || map.getAcc() || map.getRanks() != weights.getRanks() ||
      map.getSizes() != weights.getSizes() ||
      map.getOffsets() != weights.getOffsets())
    return std::nullopt;
  unsigned input =
      use.getOperandNumber() - map.getInputs().getBeginOperandIndex();
  Value element = map.getBody().getArgument(input);
  tile::YieldOp yield = map.getYield();
  if (map.getReducers().size() == 1 && yield.getFilter() &&
      yield.getValue() == element &&
      cast<ReduceAttr>(map.getReducers()[0]).getReducer() ==
          ReducerName(ReducerKind::Add))
    return FilteredUse{map, input, yield.getFilter(), /*isSum=*/true};
  if (arith::SelectOp mask = getMask(map, input))
    return FilteredUse{map, input, mask.getCondition(), /*isSum=*/false};
  return std::nullopt;
}

/// A copy of what `value` is made of in `from`, in front of `b`'s place.
static Value cloneInto(ImplicitLocOpBuilder &b, Value value, tile::MapOp from,
                       IRMapping &mapping) {
  Operation *op = value.getDefiningOp();
  if (!op || !from.getBody().isAncestor(op->getParentRegion()))
    return mapping.lookupOrDefault(value);
  if (!mapping.contains(value)) {
    for (Value operand : op->getOperands())
      cloneInto(b, operand, from, mapping);
    b.clone(*op, mapping);
  }
  return mapping.lookup(value);
}

/// What uses `map`, where all of it asks the same filter; else nothing.
static SmallVector<FilteredUse> getFilteredUses(tile::MapOp map) {
  SmallVector<FilteredUse> uses;
  for (OpOperand &use : map.getResult().getUses()) {
    std::optional<FilteredUse> filtered = getFilteredUse(use, map);
    if (!filtered ||
        !isSameCondition(uses.empty() ? filtered->filter : uses.front().filter,
                         filtered->filter,
                         uses.empty() ? filtered->map : uses.front().map,
                         filtered->map, map))
      return {};
    uses.push_back(*filtered);
  }
  return uses;
}

/// The filter that all which uses `map` asks, in front of `b`'s place in the
/// map, and asks no more; null where they don't.
static Value takeFilter(ImplicitLocOpBuilder &b, tile::MapOp map) {
  SmallVector<FilteredUse> uses = getFilteredUses(map);
  if (uses.empty())
    return {};
  tile::MapOp from = uses.front().map;
  IRMapping mapping;
  // What the filter reads of other tiles is an input of this map, too.
  for (BlockArgument element : from.getBody().getArguments()) {
    if (element.getArgNumber() == uses.front().input || element.use_empty())
      continue;
    map.getInputsMutable().append(getInput(element, from));
    mapping.map(element,
                map.getBody().addArgument(element.getType(), element.getLoc()));
  }
  Value filter = cloneInto(b, uses.front().filter, from, mapping);
  for (FilteredUse &use : uses)
    if (use.isSum)
      use.map.getYield().getFilterMutable().clear();
    else
      use.map.getResult().replaceAllUsesWith(map.getResult());
  return filter;
}

/// A sum of what a filter leaves is one of the tile that is 0 elsewhere.
static void shareFiltered(tile::MapOp map) {
  SmallVector<FilteredUse> uses = getFilteredUses(map);
  auto *tile =
      llvm::find_if(uses, [](const FilteredUse &use) { return !use.isSum; });
  if (tile == uses.end())
    return;
  for (FilteredUse &use : uses) {
    if (!use.isSum || use.map->getBlock() != tile->map->getBlock())
      continue;
    if (use.map->isBeforeInBlock(tile->map))
      tile->map->moveBefore(use.map);
    use.map.getYield().getFilterMutable().clear();
    use.map->setOperand(use.map.getInputs().getBeginOperandIndex() + use.input,
                        tile->map.getResult());
  }
}

//===----------------------------------------------------------------------===//
// Factors
//===----------------------------------------------------------------------===//

/// What `value` is, whatever the call: a number, or made of numbers.
static std::optional<double> getNumber(Value value) {
  APFloat number(0.0);
  if (matchPattern(value, m_ConstantFloat(&number)))
    return number.convertToDouble();
  Operation *op = value.getDefiningOp();
  if (!isa_and_nonnull<math::RsqrtOp, DivOp, arith::MulFOp>(op))
    return std::nullopt;
  std::optional<double> x = getNumber(op->getOperand(0)),
                        y = getNumber(op->getOperands().back());
  if (!x || !y || *y == 0)
    return std::nullopt;
  return isa<math::RsqrtOp>(op) ? 1 / std::sqrt(*x)
         : isa<DivOp>(op)       ? *x / *y
                                : *x * *y;
}

/// The number that `op` multiplies by, and what; nothing where there is none
/// or one so large or small that products of two might leave f32.
static std::optional<std::pair<Value, double>> splitNumber(arith::MulFOp op) {
  for (auto [x, factor] : {std::pair(op.getLhs(), op.getRhs()),
                           std::pair(op.getRhs(), op.getLhs())}) {
    std::optional<double> number = getNumber(factor);
    if (number && std::abs(*number) <= 0x1p60 && std::abs(*number) >= 0x1p-60)
      return std::pair(x, *number);
  }
  return std::nullopt;
}

/// Makes (x * c) * d, where c and d are numbers, x * (c * d).
static void joinFactors(arith::MulFOp op) {
  auto outer = splitNumber(op);
  auto product = outer ? outer->first.getDefiningOp<arith::MulFOp>() : nullptr;
  auto inner = product ? splitNumber(product) : std::nullopt;
  if (!op.getType().isF32() || !inner || !product->hasOneUse())
    return;
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Value factor = makeConstant(b, b.getF32Type(), inner->second * outer->second);
  op.replaceAllUsesWith(
      arith::MulFOp::create(b, inner->first, factor).getResult());
  op.erase();
  product.erase();
}

/// exp(x * c), where nothing is subtracted.
static void foldProduct(math::ExpOp op, tile::MapOp map) {
  auto [x, factor] = splitFactor(op.getOperand(), map);
  if (!factor)
    return;
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Value log2e = makeConstant(b, b.getF32Type(), 1 / std::log(2.0));
  Value exponent =
      arith::MulFOp::create(b, x, arith::MulFOp::create(b, factor, log2e));
  op.replaceAllUsesWith(math::Exp2Op::create(b, exponent).getResult());
  op.erase();
}

/// In f32, where what is subtracted is no -inf (S6) nor becomes it.
static void foldExponential(math::ExpOp op, tile::MapOp map) {
  auto difference = op.getOperand().getDefiningOp<arith::SubFOp>();
  if (!op.getType().isF32())
    return;
  if (!difference)
    return foldProduct(op, map);
  if (!difference->hasOneUse())
    return;
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Value log2e = makeConstant(b, b.getF32Type(), 1 / std::log(2.0));
  Value lowest = makeConstant(b, b.getF32Type(), -FLT_MAX);
  auto [x, factor] = splitFactor(difference.getLhs(), map);
  Value scale =
      factor ? arith::MulFOp::create(b, factor, log2e).getResult() : log2e;
  Value guard = arith::MulFOp::create(b, difference.getRhs(), log2e);
  Value isLow =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, lowest, guard);
  guard = arith::SelectOp::create(b, isLow, lowest, guard);
  Value filter;
  if (map.getYield().getValue() == op.getResult())
    filter = takeFilter(b, map);
  if (filter)
    x = arith::SelectOp::create(b, filter, x,
                                makeConstant(b, b.getF32Type(), -INFINITY));
  Value exponent =
      math::FmaOp::create(b, x, scale, arith::NegFOp::create(b, guard));
  op.replaceAllUsesWith(math::Exp2Op::create(b, exponent).getResult());
  op.erase();
  difference.erase();
}

/// Takes a positive factor out of a maximum or minimum.
static void foldExtremum(tile::MapOp map) {
  if (map.getReducers().size() != 1 || map.getAcc() ||
      !map.getResult().getType().getElementType().isF32())
    return;
  auto reduce = cast<ReduceAttr>(map.getReducers()[0]);
  ReducerName name = reduce.getReducer();
  if (name != ReducerKind::Max && name != ReducerKind::Min)
    return;
  tile::YieldOp yield = map.getYield();
  auto [x, factor] = splitFactor(yield.getValue(), map);
  if (!factor)
    return;
  yield.getValueMutable().assign(x);
  // The factor is made anew in a map of what is left.
  ImplicitLocOpBuilder b(map.getLoc(), map->getContext());
  b.setInsertionPointAfter(map);
  tile::TileType type = map.getResult().getType();
  SmallVector<Attribute> ranks(type.getRanks().begin(), type.getRanks().end());
  SmallVector<Value> offsets;
  for (StringAttr rank : type.getRanks())
    offsets.push_back(map.getOffset(rank));
  auto scaled = tile::MapOp::create(
      b, type, b.getArrayAttr(ranks), b.getDenseI64ArrayAttr(type.getSizes()),
      b.getArrayAttr({}), offsets, ValueRange(map.getResult()), Value());
  map.getResult().replaceAllUsesExcept(scaled.getResult(), scaled);
  Block *body =
      b.createBlock(&scaled.getBody(), {}, {b.getF32Type()}, {map.getLoc()});
  IRMapping mapping;
  Value product = arith::MulFOp::create(b, body->getArgument(0),
                                        cloneInto(b, factor, map, mapping));
  tile::YieldOp::create(b, product, Value());
}

namespace {
struct FoldExponents : nvptx::impl::FoldExponentsBase<FoldExponents> {
  void runOnOperation() override {
    if (!getNumWarps(getOperation()))
      return;
    SmallVector<tile::MapOp> maps;
    getOperation().walk([&](tile::MapOp map) { maps.push_back(map); });
    for (tile::MapOp map : maps) {
      if (!isInRegisters(map.getResult()))
        continue;
      for (auto op : llvm::make_early_inc_range(
               map.getBody().front().getOps<arith::MulFOp>()))
        joinFactors(op);
      foldExtremum(map);
      for (auto op : llvm::make_early_inc_range(
               map.getBody().front().getOps<math::ExpOp>()))
        foldExponential(op, map);
      shareFiltered(map);
    }
    for (tile::MapOp map : llvm::reverse(maps))
      if (map.getResult().use_empty())
        map.erase();
  }
};
} // namespace
