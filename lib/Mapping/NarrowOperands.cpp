//===- NarrowOperands.cpp - What a matrix unit multiplies -----------------===//
//
// A contraction whose one operand comes from memory in a 16-bit type may round
// its other operand to that type (S10). Where the machine has a matrix unit for
// it, both become tiles of that type, with the contracted rank where the unit
// walks along it: innermost on the left, next to the lanes on the right.
//
//===----------------------------------------------------------------------===//

#include "lib/Machine/CpuModel.h"
#include "lib/Mapping/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
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
  if (!select || !matchPattern(select.getFalseValue(), m_AnyZeroFloat()))
    return {};
  auto argument = dyn_cast<BlockArgument>(select.getTrueValue());
  if (!argument || argument.getOwner() != &map.getBody().front())
    return {};
  return getExactType(map.getInputs()[argument.getArgNumber()]);
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

void OperandNarrower::run() {
  tile::TileType type = op.getLhs().getType();
  bool isWide = type.getElementType().isF32() &&
                op.getResult().getType().getElementType().isF32();
  if (!isWide || !lanes || type.getRankPosition(lanes) >= 0)
    return;
  StringAttr walked = getWalkedRank();
  int64_t size = type.getSizes()[type.getRankPosition(walked)];
  for (Value exact : {op.getLhs(), op.getRhs()}) {
    Type element = getExactType(exact);
    if (!element || !machine.hasMatrixUnit(element, size))
      continue;
    Value lhs = narrow(op.getLhs(), element, walked);
    Value rhs = narrow(op.getRhs(), element, walked);
    op.getLhsMutable().assign(lhs);
    op.getRhsMutable().assign(rhs);
    return;
  }
}

namespace {
struct NarrowOperands : attn::impl::NarrowOperandsBase<NarrowOperands> {
  using NarrowOperandsBase::NarrowOperandsBase;
  void runOnOperation() override {
    std::optional<CpuDescription> cpu = lookupCpu(target);
    if (!cpu) {
      getOperation().emitError("unknown target `") << target << "`";
      return signalPassFailure();
    }
    CpuModel machine(*cpu);
    StringAttr lanes = getOperation().getLanesAttr();
    getOperation().walk([&](tile::ContractOp op) {
      OperandNarrower(op, lanes, machine).run();
    });
  }
};
} // namespace
