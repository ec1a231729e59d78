//===- NarrowOperands.cpp - What a matrix unit multiplies -----------------===//
//
// A contraction whose one operand comes from memory in a 16-bit type may round
// its other operand to that type (S10). Where the machine has a matrix unit for
// it, both become tiles of that type, with the contracted rank where the unit
// walks along it: innermost on the left, next to the lanes on the right.
//
// A constant times what memory holds is not rounded: the constant multiplies
// the sum instead, where that is read.
//
// Integers are never rounded: both operands must be 8-bit integers in memory.
//
//===----------------------------------------------------------------------===//

#include "lib/Machine/TargetModel.h"
#include "lib/Mapping/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"

namespace attn {
#define GEN_PASS_DEF_NARROWOPERANDS
#include "lib/Mapping/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

/// The type that `tile`'s values have in memory, if all of them are loaded or
/// 0: rounding to it changes nothing. Null otherwise.
static Type getExactType(Value tile) {
  if (auto load = tile.getDefiningOp<tile::LoadOp>())
    return load.getView().getType().getElementType();
  auto map = tile.getDefiningOp<tile::MapOp>();
  if (!map || !map.getReducers().empty())
    return {};
  // `select(condition, x, 0)`: a load with some of its coordinates removed.
  auto select = map.getYield().getValue().getDefiningOp<arith::SelectOp>();
  if (!select || (!matchPattern(select.getFalseValue(), m_AnyZeroFloat()) &&
                  !matchPattern(select.getFalseValue(), m_Zero())))
    return {};
  auto argument = dyn_cast<BlockArgument>(select.getTrueValue());
  if (!argument || argument.getOwner() != &map.getBody().front())
    return {};
  return getExactType(map.getInputs()[argument.getArgNumber()]);
}

/// The same, and the type of what is read an element at a time, as queries are
/// whose heads share keys: the lanes are a part of their view's rank.
static Type getStoredType(Value tile) {
  auto map = tile.getDefiningOp<tile::MapOp>();
  auto read = map ? map.getYield().getValue().getDefiningOp<tile::ReadOp>()
                  : tile::ReadOp();
  if (read && map.getReducers().empty() && !map.getYield().getFilter())
    return read.getView().getType().getElementType();
  return getExactType(tile);
}

/// Whether `value` of the region of `map` is the same at each of its points.
static bool isUniform(Value value, tile::MapOp map) {
  if (isa<BlockArgument>(value))
    return value.getParentRegion() != &map.getBody();
  Operation *op = value.getDefiningOp();
  if (op->getParentOp() != map)
    return true;
  return !isa<tile::CoordOp, tile::ReadOp>(op) &&
         llvm::all_of(op->getOperands(),
                      [&](Value operand) { return isUniform(operand, map); });
}

namespace {
/// `tile` times `factor`, which the region of `map` computes.
struct ScaledTile {
  Value tile, factor;
  tile::MapOp map;
};
} // namespace

/// `tile` as a multiple of an exact tile; without a map where it is none.
static ScaledTile matchScaledTile(Value tile) {
  auto map = tile.getDefiningOp<tile::MapOp>();
  if (!map || !map.getReducers().empty() || map.getInputs().size() != 1 ||
      map.getInputs().front().getType() != tile.getType())
    return {};
  auto product = map.getYield().getValue().getDefiningOp<arith::MulFOp>();
  if (!product || map.getYield().getFilter())
    return {};
  BlockArgument argument = map.getBody().getArgument(0);
  for (auto [x, factor] : {std::pair(product.getLhs(), product.getRhs()),
                           std::pair(product.getRhs(), product.getLhs())})
    if (x == argument && isUniform(factor, map))
      return {map.getInputs().front(), factor, map};
  return {};
}

/// Emits at `builder` what `scaled.factor` is computed from.
static Value cloneFactor(OpBuilder &builder, ScaledTile scaled) {
  IRMapping mapping;
  SetVector<Operation *> slice;
  SmallVector<Value> worklist{scaled.factor};
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val().getDefiningOp();
    if (op && op->getParentOp() == scaled.map && slice.insert(op))
      llvm::append_range(worklist, op->getOperands());
  }
  for (Operation &op : scaled.map.getBody().front())
    if (slice.contains(&op))
      builder.clone(op, mapping);
  return mapping.lookupOrDefault(scaled.factor);
}

/// Whether `factor` is a positive finite number whatever the run brings.
static bool isPositive(Value factor) {
  if (auto root = factor.getDefiningOp<math::RsqrtOp>())
    return isPositive(root.getOperand());
  APFloat number(0.0f);
  return matchPattern(factor, m_ConstantFloat(&number)) &&
         number.isFiniteNonZero() && !number.isNegative();
}

/// Whether `map` takes maxima or minima of the elements of its input number
/// `index` as they are: rounding keeps order, so a positive factor may as well
/// multiply the result.
static bool isExtremeOf(tile::MapOp map, unsigned index) {
  return !map.getReducers().empty() && !map.getAcc() &&
         map.getYield().getValue() == map.getBody().getArgument(index) &&
         llvm::all_of(map.getReducers().getAsRange<ReduceAttr>(),
                      [](ReduceAttr reducer) {
                        return reducer.getKind() == ReducerKind::Max ||
                               reducer.getKind() == ReducerKind::Min;
                      });
}

/// `tile` times the factor, by a map of its own after the tile's definition.
static Value multiplyTile(Value tile, ScaledTile scaled) {
  Location loc = tile.getLoc();
  auto type = cast<tile::TileType>(tile.getType());
  OpBuilder after(tile.getContext());
  after.setInsertionPointAfterValue(tile);
  SmallVector<Attribute> ranks(type.getRanks().begin(), type.getRanks().end());
  Value zero = arith::ConstantIndexOp::create(after, loc, 0);
  SmallVector<Value> offsets(ranks.size(), zero);
  auto scale = tile::MapOp::create(after, loc, type, after.getArrayAttr(ranks),
                                   after.getDenseI64ArrayAttr(type.getSizes()),
                                   after.getArrayAttr({}), offsets,
                                   ValueRange(tile), Value());
  Block *block = after.createBlock(&scale.getBody());
  Value argument = block->addArgument(type.getElementType(), loc);
  Value factor = cloneFactor(after, scaled);
  Value product = arith::MulFOp::create(after, loc, argument, factor);
  tile::YieldOp::create(after, loc, product, Value());
  return scale.getResult();
}

/// Multiplies `sum` by the factor wherever it is read: inside the maps that
/// read it, in a map of its own for all else.
static void multiplyWhereRead(tile::ContractOp sum, ScaledTile scaled) {
  Location loc = sum.getLoc();
  Value whole; // the product as a tile
  for (OpOperand &use : llvm::make_early_inc_range(sum->getUses())) {
    auto map = dyn_cast<tile::MapOp>(use.getOwner());
    if (map && use.get() != map.getAcc()) {
      unsigned index =
          use.getOperandNumber() - map.getInputs().getBeginOperandIndex();
      if (isPositive(scaled.factor) && isExtremeOf(map, index)) {
        Value result = map.getResult(), product = multiplyTile(result, scaled);
        result.replaceAllUsesExcept(product, product.getDefiningOp());
        continue;
      }
      BlockArgument argument = map.getBody().getArgument(index);
      OpBuilder inside = OpBuilder::atBlockBegin(&map.getBody().front());
      Value factor = cloneFactor(inside, scaled);
      auto product = arith::MulFOp::create(inside, loc, argument, factor);
      argument.replaceAllUsesExcept(product, product);
      continue;
    }
    if (!whole)
      whole = multiplyTile(sum.getResult(), scaled);
    use.set(whole);
  }
}

namespace {
class OperandNarrower {
public:
  OperandNarrower(tile::ContractOp op, StringAttr lanes,
                  const TargetModel &machine)
      : op(op), lanes(lanes), machine(machine), builder(op) {}
  void run();

private:
  tile::ContractOp op;
  StringAttr lanes;
  const TargetModel &machine;
  OpBuilder builder;

  StringAttr getWalkedRank();
  void narrowOperands(Type element, StringAttr walked);
  tile::TileType getNarrowType(tile::TileType type, Type element,
                               StringAttr walked);
  Value narrow(Value tile, Type element, StringAttr walked);
};
} // namespace

/// The contracted rank along which the unit walks: the longest.
StringAttr OperandNarrower::getWalkedRank() {
  tile::TileType type = op.getLhs().getType();
  auto size = [&](StringAttr rank) {
    return type.getSizes()[type.getRankPosition(rank)];
  };
  StringAttr best;
  for (auto rank : op.getOver().getAsRange<StringAttr>())
    if (!best || size(rank) > size(best))
      best = rank;
  return best;
}

/// `type` with other elements, and with the ranks `walked` and the lanes last.
tile::TileType OperandNarrower::getNarrowType(tile::TileType type, Type element,
                                              StringAttr walked) {
  SmallVector<StringAttr> ranks;
  for (StringAttr rank : type.getRanks())
    if (rank != walked && rank != lanes)
      ranks.push_back(rank);
  for (StringAttr rank : {walked, lanes})
    if (type.getRankPosition(rank) >= 0)
      ranks.push_back(rank);
  SmallVector<int64_t> sizes;
  for (StringAttr rank : ranks)
    sizes.push_back(type.getSizes()[type.getRankPosition(rank)]);
  return tile::TileType::get(builder.getContext(), ranks, sizes, element,
                             type.getSpace());
}

Value OperandNarrower::narrow(Value tile, Type element, StringAttr walked) {
  auto type = cast<tile::TileType>(tile.getType());
  tile::TileType narrow = getNarrowType(type, element, walked);
  auto load = tile.getDefiningOp<tile::LoadOp>();
  bool isStored = load && load.getView().getType().getElementType() == element;
  if (isStored && type.getRankPosition(lanes) < 0)
    return tile::LoadOp::create(builder, load.getLoc(), narrow, load.getView(),
                                load.getOffsets(), load.getDims());
  return tile::ConvertOp::create(builder, op.getLoc(), narrow, tile);
}

void OperandNarrower::narrowOperands(Type element, StringAttr walked) {
  Value lhs = narrow(op.getLhs(), element, walked);
  Value rhs = narrow(op.getRhs(), element, walked);
  op.getLhsMutable().assign(lhs);
  op.getRhsMutable().assign(rhs);
}

void OperandNarrower::run() {
  tile::TileType type = op.getLhs().getType();
  if (!lanes || type.getRankPosition(lanes) >= 0 ||
      type.getElementType() != op.getResult().getType().getElementType())
    return;
  // A product with few rows has nothing to use a register of many rows for; it
  // may still be one of what memory holds.
  int64_t numRows = 1;
  for (auto [rank, size] : llvm::zip(type.getRanks(), type.getSizes()))
    if (!llvm::is_contained(op.getOver(), rank))
      numRows *= size;
  bool hasFewRows = numRows <= machine.getFewRows();
  if (numRows == 1)
    return;
  StringAttr walked = getWalkedRank();
  int64_t size = type.getSizes()[type.getRankPosition(walked)];
  Type left = getExactType(op.getLhs()), right = getExactType(op.getRhs());
  if (type.getElementType().isInteger(32)) {
    if (left && left == right && !hasFewRows &&
        machine.hasMatrixUnit(left, size))
      narrowOperands(left, walked);
    return;
  }
  if (!type.getElementType().isF32())
    return;
  for (Type element : {left, right}) {
    if (!element || !machine.hasMatrixUnit(element, size))
      continue;
    for (OpOperand *other : {&op.getLhsMutable(), &op.getRhsMutable()}) {
      ScaledTile scaled = matchScaledTile(other->get());
      if (op.getAcc() || !scaled.map || getStoredType(scaled.tile) != element)
        continue;
      other->set(scaled.tile);
      multiplyWhereRead(op, scaled);
    }
    if (!hasFewRows)
      narrowOperands(element, walked);
    return;
  }
}

namespace {
struct NarrowOperands : attn::impl::NarrowOperandsBase<NarrowOperands> {
  using NarrowOperandsBase::NarrowOperandsBase;
  void runOnOperation() override {
    std::unique_ptr<TargetModel> machine = createTargetModel(target);
    if (!machine) {
      getOperation().emitError("unknown target `") << target << "`";
      return signalPassFailure();
    }
    StringAttr lanes = getOperation().getLanesAttr();
    getOperation().walk([&](tile::ContractOp op) {
      OperandNarrower(op, lanes, *machine).run();
    });
  }
};
} // namespace
