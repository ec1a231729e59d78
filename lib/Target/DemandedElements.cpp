//===- DemandedElements.cpp - Which elements of a tile are used -----------===//

#include "lib/Target/DemandedElements.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Iterators.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace attn;

DemandedElements::DemandedElements(tile::KernelOp kernel) {
  // Uses come after what they use: backwards, a kernel without loops takes one
  // turn and another to see that nothing changes.
  do {
    hasChanged = false;
    kernel.getBody().walk<WalkOrder::PostOrder, ReverseIterator>(
        [&](Operation *op) { visit(op); });
  } while (hasChanged);
}

Value DemandedElements::getOrigin(Value tile, StringAttr rank) const {
  return origins.lookup({tile, rank});
}

//===----------------------------------------------------------------------===//
// Filters
//===----------------------------------------------------------------------===//

bool DemandedElements::isBelowExtent(Value condition, StringAttr rank) {
  if (!condition)
    return false;
  if (auto both = condition.getDefiningOp<arith::AndIOp>())
    return isBelowExtent(both.getLhs(), rank) ||
           isBelowExtent(both.getRhs(), rank);
  auto compare = condition.getDefiningOp<arith::CmpIOp>();
  if (!compare || compare.getPredicate() != arith::CmpIPredicate::slt)
    return false;
  auto coordinate = compare.getLhs().getDefiningOp<tile::CoordOp>();
  auto extent = compare.getRhs().getDefiningOp<tile::ExtentOp>();
  return coordinate && extent && coordinate.getRankAttr() == rank &&
         extent.getRankAttr() == rank;
}

Value DemandedElements::getOrigin(tile::MapOp map, StringAttr rank) {
  bool hasEnd = isBelowExtent(map.getYield().getFilter(), rank);
  return hasEnd ? map.getOffset(rank) : Value();
}

Value DemandedElements::getNonzeroFilter(tile::MapOp map) {
  if (!map || !map.getReducers().empty())
    return {};
  auto select = map.getYield().getValue().getDefiningOp<arith::SelectOp>();
  bool isZero =
      select && (matchPattern(select.getFalseValue(), m_Zero()) ||
                 matchPattern(select.getFalseValue(), m_PosZeroFloat()));
  return isZero ? select.getCondition() : Value();
}

Value DemandedElements::getOrigin(tile::ContractOp contract, StringAttr rank) {
  // The matrix unit's sums have no end but the tile's.
  Type element = contract.getResult().getType().getElementType();
  if (contract.getLhs().getType().getElementType() != element)
    return {};
  for (Value operand : {contract.getLhs(), contract.getRhs()}) {
    auto map = operand.getDefiningOp<tile::MapOp>();
    if (isBelowExtent(getNonzeroFilter(map), rank))
      return map.getOffset(rank);
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Uses
//===----------------------------------------------------------------------===//

void DemandedElements::demand(Value tile, StringAttr rank, Value origin) {
  auto [it, isNew] = origins.try_emplace({tile, rank}, origin);
  if (!isNew && it->second && it->second != origin) {
    it->second = Value();
    hasChanged = true;
  }
  hasChanged |= isNew;
}

void DemandedElements::demandAs(Value tile, StringAttr rank, Value of) {
  auto it = origins.find({of, rank});
  if (it != origins.end())
    demand(tile, rank, it->second);
}

void DemandedElements::demandAll(Value tile) {
  for (StringAttr rank : cast<tile::TileType>(tile.getType()).getRanks())
    demand(tile, rank, Value());
}

void DemandedElements::visit(tile::StoreOp store) {
  Value tile = store.getTile();
  auto viewRanks = store.getView().getType().getRanks();
  auto dims = store.getDims().getAsRange<StringAttr>();
  auto kernel = store->getParentOfType<tile::KernelOp>();
  for (auto [dim, viewRank, offset] :
       llvm::zip(dims, viewRanks, store.getOffsets()))
    if (!dim.getValue().empty())
      // Part of a product: what the grid has of it.
      demand(tile, dim, dim == viewRank ? offset : kernel.getOrigin(dim));
}

void DemandedElements::visit(tile::MapOp map) {
  for (Value input : map.getInputs())
    for (StringAttr rank : cast<tile::TileType>(input.getType()).getRanks())
      if (map.isReduced(rank))
        demand(input, rank, getOrigin(map, rank));
      else
        demandAs(input, rank, map.getResult());
  if (Value acc = map.getAcc())
    for (StringAttr rank : cast<tile::TileType>(acc.getType()).getRanks())
      demandAs(acc, rank, map.getResult());
}

void DemandedElements::visit(tile::ContractOp contract) {
  auto over = contract.getOver().getAsRange<StringAttr>();
  for (Value operand : contract->getOperands())
    for (StringAttr rank : cast<tile::TileType>(operand.getType()).getRanks())
      if (llvm::is_contained(over, rank))
        demand(operand, rank, getOrigin(contract, rank));
      else
        demandAs(operand, rank, contract.getResult());
}

/// Calls `use` with each rank of each tile in `from` and what it becomes.
static void forTiles(ValueRange from, ValueRange to,
                     llvm::function_ref<void(Value, StringAttr, Value)> use) {
  for (auto [tile, target] : llvm::zip(from, to))
    if (auto type = dyn_cast<tile::TileType>(tile.getType()))
      for (StringAttr rank : type.getRanks())
        use(tile, rank, target);
}

void DemandedElements::visit(Operation *op) {
  auto use = [&](Value tile, StringAttr rank, Value of) {
    demandAs(tile, rank, of);
  };
  if (auto map = dyn_cast<tile::MapOp>(op))
    return visit(map);
  if (auto contract = dyn_cast<tile::ContractOp>(op))
    return visit(contract);
  if (auto store = dyn_cast<tile::StoreOp>(op))
    return visit(store);
  if (auto convert = dyn_cast<tile::ConvertOp>(op))
    return forTiles(convert->getOperands(), convert->getResults(), use);
  if (auto loop = dyn_cast<scf::ForOp>(op)) {
    forTiles(loop.getInitArgs(), loop.getRegionIterArgs(), use);
    return forTiles(loop.getInitArgs(), loop.getResults(), use);
  }
  if (isa<scf::YieldOp>(op)) {
    forTiles(op->getOperands(), op->getParentOp()->getResults(), use);
    // What the next turn uses starts where that turn says.
    if (auto loop = dyn_cast<scf::ForOp>(op->getParentOp()))
      forTiles(op->getOperands(), loop.getRegionIterArgs(),
               [&](Value tile, StringAttr rank, Value of) {
                 Value origin = getOrigin(of, rank);
                 bool isOutside = origin && loop.isDefinedOutsideOfLoop(origin);
                 if (origins.contains({of, rank}))
                   demand(tile, rank, isOutside ? origin : Value());
               });
    return;
  }
  for (Value operand : op->getOperands())
    if (isa<tile::TileType>(operand.getType()))
      demandAll(operand);
}
