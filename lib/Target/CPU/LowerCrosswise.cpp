//===- LowerCrosswise.cpp - Few rows against a tile as memory has it ------===//
//
// A tile of which each element is used few times is not worth a transposition.
// With the lanes along keys, queries i need two products:
//
//   s[i, l] = sum over c of q[i, c] * k[c, l]
//   r[i, c] = sum over l of w[i, l] * v[c, l]
//
// where memory has c innermost. The first sums vectors along c for as many rows
// of k as a vector has lanes and transposes these sums; the second has the
// result in registers, to which each row is added. Both read whole rows from
// where the view has them, once for all i, and in order, up to the view's last
// row or where a filter ends the second. Only the run shows whether c lies in
// one piece and all of it is inside; else the tile is transposed and multiplied
// as any other.
//
//===----------------------------------------------------------------------===//

#include "lib/Machine/CpuModel.h"
#include "lib/Target/CPU/CrosswiseLowering.h"
#include "lib/Target/CPU/FilterLimits.h"
#include "lib/Target/CPU/Move.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

//===----------------------------------------------------------------------===//
// Which operations
//===----------------------------------------------------------------------===//

/// Whether `type` is [c, lanes], both whole vectors, in f32.
static bool isTile(tile::TileType type, StringAttr laneRank, int64_t lanes) {
  return type.getElementType().isF32() && type.getRanks().size() == 2 &&
         type.getRanks().back() == laneRank &&
         llvm::all_of(type.getSizes(),
                      [&](int64_t size) { return size % lanes == 0; });
}

namespace {
/// The operands of a product: a tile, and few rows along `rank` or, if that is
/// null, one.
struct CrosswiseOperands {
  Value tile, few;
  StringAttr rank;
  /// What the tile's rows stay below that a sum takes.
  SmallVector<Limit> limits = {};
};
} // namespace

/// Whether `type` has `along` and, besides, at most one rank with few
/// coordinates, which comes first and is written to `rank`.
static bool hasFewRows(tile::TileType type, StringAttr along,
                       StringAttr &rank) {
  ArrayRef<StringAttr> ranks = type.getRanks();
  if (!type.getElementType().isF32() || ranks.empty() ||
      ranks.back() != along || ranks.size() > 2)
    return false;
  rank = ranks.size() == 2 ? ranks.front() : StringAttr();
  return !rank ||
         (rank != along && type.getSizes().front() <= CpuModel::fewRows);
}

/// Whether `type` is [rank, along], or [along] without a rank.
static bool hasRanks(tile::TileType type, StringAttr rank, StringAttr along) {
  return rank ? type.getRanks() == ArrayRef{rank, along}
              : type.getRanks() == ArrayRef(along);
}

/// `op` as s[i, l] = sum over c of q[i, c] * k[c, l], or nothing.
static std::optional<CrosswiseOperands>
getSumOperands(tile::ContractOp op, StringAttr laneRank, int64_t lanes) {
  tile::TileType type = op.getRhs().getType();
  if (op.getAcc() || !isTile(type, laneRank, lanes) ||
      op.getOver().size() != 1 || op.getOver()[0] != type.getRanks().front())
    return std::nullopt;
  CrosswiseOperands operands{op.getRhs(), op.getLhs(), {}};
  if (!hasFewRows(op.getLhs().getType(), type.getRanks().front(),
                  operands.rank) ||
      !hasRanks(op.getResult().getType(), operands.rank, laneRank))
    return std::nullopt;
  return operands;
}

/// Whether `map` multiplies its two inputs and does nothing else where its
/// filter leaves points.
static bool isProduct(tile::MapOp map) {
  auto product = map.getYield().getValue().getDefiningOp<arith::MulFOp>();
  if (map.getInputs().size() != 2 || !product ||
      product.getLhs() == product.getRhs())
    return false;
  return llvm::all_of(product->getOperands(), llvm::IsaPred<BlockArgument>);
}

/// The limits that the filter of `map` is: indices that the kernel knows, which
/// the coordinate of `rank` stays below. Nothing if it is anything else, too.
static std::optional<SmallVector<Limit>> getLimits(tile::MapOp map,
                                                   StringAttr rank) {
  SmallVector<Limit> limits;
  for (Value condition : getConjuncts(map.getYield().getFilter())) {
    auto limit = getLimit(condition, map, rank, /*lanes=*/StringAttr());
    if (!limit || map.getBody().isAncestor(limit->value.getParentRegion()))
      return std::nullopt;
    limits.push_back(*limit);
  }
  return limits;
}

/// `op` as r[i, c] = sum over l of w[i, l] * v[c, l], or nothing.
static std::optional<CrosswiseOperands>
getAddOperands(tile::MapOp op, StringAttr laneRank, int64_t lanes) {
  if (op.getReducers().size() != 1 || op.getAcc() || !isProduct(op))
    return std::nullopt;
  auto reducer = cast<ReduceAttr>(op.getReducers()[0]);
  std::optional<SmallVector<Limit>> limits = getLimits(op, laneRank);
  if (reducer.getKind() != ReducerKind::Add || reducer.getVar() != laneRank ||
      !limits)
    return std::nullopt;
  for (unsigned i : {0, 1}) {
    CrosswiseOperands operands{
        op.getInputs()[i], op.getInputs()[1 - i], {}, *limits};
    auto type = cast<tile::TileType>(operands.tile.getType());
    auto few = cast<tile::TileType>(operands.few.getType());
    if (isTile(type, laneRank, lanes) &&
        hasFewRows(few, laneRank, operands.rank) &&
        hasRanks(op.getResult().getType(), operands.rank,
                 type.getRanks().front()))
      return operands;
  }
  return std::nullopt;
}

/// What `op` may read crosswise, or nothing.
static std::optional<CrosswiseOperands>
getOperands(Operation *op, StringAttr laneRank, int64_t lanes) {
  if (!laneRank)
    return std::nullopt;
  if (auto contract = dyn_cast<tile::ContractOp>(op))
    return getSumOperands(contract, laneRank, lanes);
  auto map = dyn_cast<tile::MapOp>(op);
  return map ? getAddOperands(map, laneRank, lanes) : std::nullopt;
}

bool KernelLowering::isReadCrosswise(tile::LoadOp op) {
  Value tile = op.getResult();
  Type memory = op.getView().getType().getElementType();
  if (!tile.hasOneUse())
    return false;
  auto operands = getOperands(*tile.user_begin(), getLaneRank(), unit.lanes);
  if (!operands || operands->tile != tile ||
      !(memory.isF32() || memory.isBF16() || memory.isF16()))
    return false;
  // The view's last rank is the tile's that is not the lanes.
  return op.getDims()[op.getDims().size() - 1] ==
         op.getResult().getType().getRanks().front();
}

/// Rows may be missing at the tile's end.
Crosswise MoveLowering::getCrosswise() {
  auto isEqual = [&](Value x, int64_t number) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, x,
                                 k.constant(number));
  };
  const Dimension &rows = dimensions.back(), &columns = dimensions[last];
  Value isInPlace = k.both(inside, isEqual(columns.stride, 1));
  isInPlace = k.both(isInPlace, isEqual(columns.low, 0));
  isInPlace = k.both(isInPlace, isEqual(columns.high, columns.size));
  isInPlace = k.both(isInPlace, isEqual(rows.low, 0));
  return {isInPlace, base, rows.stride, rows.high, element};
}

/// How many rows are left of `place` where the filter of `map` has `limits`.
static Value getRowsLeft(KernelLowering &k, const Crosswise &place,
                         tile::MapOp map, ArrayRef<Limit> limits) {
  Value end = place.end;
  for (const Limit &limit : limits) {
    Value bound = k.toInt(k.getValue(limit.value));
    if (limit.isInclusive)
      bound = k.add(bound, k.constant(1));
    Value offset = k.toInt(k.getValue(map.getOffset(k.getLaneRank())));
    end = arith::MinSIOp::create(k.b, end,
                                 arith::SubIOp::create(k.b, bound, offset));
  }
  return limits.empty()
             ? end
             : Value(arith::MaxSIOp::create(k.b, end, k.constant(0)));
}

LogicalResult
KernelLowering::lowerCrosswise(Operation *op,
                               llvm::function_ref<LogicalResult()> otherwise) {
  auto operands = getOperands(op, getLaneRank(), unit.lanes);
  auto it = operands ? crosswise.find(operands->tile) : crosswise.end();
  if (it == crosswise.end())
    return otherwise();
  // S10: what is computed may be rounded to the type that it meets.
  auto load = operands->few.getDefiningOp<tile::LoadOp>();
  bool isNarrow =
      !load || load.getView().getType().getElementType() == it->second.element;
  LogicalResult lowered = success();
  when(
      it->second.isInPlace,
      [&] {
        Crosswise place = it->second;
        if (auto map = dyn_cast<tile::MapOp>(op))
          place.end = getRowsLeft(*this, place, map, operands->limits);
        CrosswiseLowering(*this, place, operands->tile, operands->few,
                          op->getResult(0), operands->rank, isNarrow)
            .run(/*isSum=*/isa<tile::ContractOp>(op));
      },
      [&] { lowered = otherwise(); });
  return lowered;
}
