//===- FoldExponents.cpp - One multiply-add before each exponential -------===//
//
//   exp(x * c - g) = 2^(x * (c * log2 e) - g * log2 e)
//   max over m of x * c = c * max over m of x        where c > 0: exactly
//
// The first is rounded otherwise than it is written, by no more than the
// exponential's own argument (Scalar.h, `hasExp2`). Both together leave nothing
// of the scaled scores but one multiply-add.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/NVPTX/Fragment.h"
#include "lib/Target/NVPTX/Passes.h"
#include "lib/Target/Scalar.h"
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
static std::pair<Value, Value> splitFactor(Value value) {
  if (auto product = value.getDefiningOp<arith::MulFOp>()) {
    if (isPositive(product.getRhs()))
      return {product.getLhs(), product.getRhs()};
    if (isPositive(product.getLhs()))
      return {product.getRhs(), product.getLhs()};
  }
  return {value, Value()};
}

/// In f32, where what is subtracted is no -inf (S6) nor becomes it.
static void foldExponential(math::ExpOp op) {
  auto difference = op.getOperand().getDefiningOp<arith::SubFOp>();
  if (!op.getType().isF32() || !difference || !difference->hasOneUse())
    return;
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Value log2e = makeConstant(b, b.getF32Type(), 1 / std::log(2.0));
  Value lowest = makeConstant(b, b.getF32Type(), -FLT_MAX);
  auto [x, factor] = splitFactor(difference.getLhs());
  Value scale =
      factor ? arith::MulFOp::create(b, factor, log2e).getResult() : log2e;
  Value guard = arith::MulFOp::create(b, difference.getRhs(), log2e);
  Value isLow =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, lowest, guard);
  guard = arith::SelectOp::create(b, isLow, lowest, guard);
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
  auto [x, factor] = splitFactor(yield.getValue());
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
  auto clone = [&](auto &&self, Value value) -> Value {
    Operation *op = value.getDefiningOp();
    if (!op || !map.getBody().isAncestor(op->getParentRegion()))
      return value;
    for (Value operand : op->getOperands())
      mapping.map(operand, self(self, operand));
    return b.clone(*op, mapping)->getResult(0);
  };
  Value product =
      arith::MulFOp::create(b, body->getArgument(0), clone(clone, factor));
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
      foldExtremum(map);
      for (auto op : llvm::make_early_inc_range(
               map.getBody().front().getOps<math::ExpOp>()))
        foldExponential(op);
    }
  }
};
} // namespace
