//===- MovedMaps.cpp - Maps computed as their tiles are moved -------------===//

#include "lib/Target/CPU/MovedMaps.h"
#include "lib/Target/FusedAccumulator.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

tile::StoreOp attn::cpu::getOnlyStore(Operation *op) {
  Value tile = op->getResult(0);
  if (!tile.hasOneUse())
    return {};
  auto store = dyn_cast<tile::StoreOp>(*tile.user_begin());
  bool isOnly = store && store->getBlock() == op->getBlock() &&
                llvm::all_of(store.getView().getUsers(), [](Operation *user) {
                  return isa<tile::StoreOp>(user);
                });
  return isOnly ? store : tile::StoreOp();
}

bool attn::cpu::hasLanesLast(tile::TileType type, ArrayAttr dims,
                             StringAttr laneRank, const VectorUnit &unit) {
  TileLayout layout = TileLayout::get(type, laneRank, unit);
  return layout.hasLanes() && layout.pack == 1 &&
         dims[dims.size() - 1] == laneRank &&
         layout.panelledSize ==
             layout.numPanels * layout.panelVectors * unit.lanes;
}

/// Whether vectors along the last rank of what `map` makes are made of vectors
/// and numbers of its inputs, and of constants.
static bool canMove(tile::MapOp map) {
  tile::TileType result = map.getResult().getType();
  if (!map.getReducers().empty() || map.getAcc() || result.getRanks().empty())
    return false;
  StringAttr last = result.getRanks().back();
  for (Value input : map.getInputs()) {
    auto type = cast<tile::TileType>(input.getType());
    int64_t position = type.getRankPosition(last);
    if (!type.getElementType().isF32() ||
        (position >= 0 && position + 1 != int64_t(type.getRanks().size())))
      return false;
  }
  return result.getElementType().isF32() &&
         llvm::all_of(map.getBody().front(), [&](Operation &op) {
           return !isa<tile::CoordOp, tile::ExtentOp, tile::ReadOp>(op) &&
                  llvm::all_of(op.getOperands(), [&](Value operand) {
                    return map.getBody().isAncestor(
                               operand.getParentRegion()) ||
                           matchPattern(operand, m_Constant());
                  });
         });
}

/// The load of the one tile that `map` reads, if nothing else reads that.
static tile::LoadOp getLoad(tile::MapOp map, StringAttr laneRank,
                            const VectorUnit &unit) {
  if (map.getInputs().size() != 1)
    return {};
  Value input = map.getInputs().front();
  auto load = input.getDefiningOp<tile::LoadOp>();
  // What has the lanes last in memory is read there.
  if (!load || !input.hasOneUse() || load->getBlock() != map->getBlock() ||
      input.getType() != map.getResult().getType() ||
      hasLanesLast(load.getResult().getType(), load.getDims(), laneRank, unit))
    return {};
  for (Operation *op = load; op != map; op = op->getNextNode())
    if (!isPure(op))
      return {};
  return load;
}

/// The store of what `map` makes, if that is read by nothing else and made of
/// tiles in scratch.
static tile::StoreOp getStore(tile::MapOp map, StringAttr laneRank,
                              const VectorUnit &unit) {
  tile::StoreOp store = getOnlyStore(map);
  bool areLoaded = llvm::any_of(map.getInputs(), [](Value input) {
    return isa_and_nonnull<tile::LoadOp>(input.getDefiningOp());
  });
  // What has the lanes last in memory is written there by the map.
  if (!store || areLoaded ||
      hasLanesLast(map.getResult().getType(), store.getDims(), laneRank, unit))
    return {};
  return store;
}

MovedMaps::MovedMaps(tile::KernelOp kernel, const MapGroups &groups,
                     const PanelRuns &runs, const VectorUnit &unit) {
  StringAttr lanes = kernel.getLanesAttr();
  kernel.walk([&](tile::MapOp map) {
    if (groups.lookup(map) || runs.lookup(map) || isFusedAccumulator(map) ||
        !canMove(map))
      return;
    Operation *move = getLoad(map, lanes, unit);
    if (!move)
      move = getStore(map, lanes, unit);
    if (!move)
      return;
    moves[map] = move;
    maps[move] = map;
    OpBuilder b = OpBuilder::atBlockBegin(&map.getBody().front());
    llvm::DenseMap<Operation *, Operation *> copies;
    map.getBody().walk([&](Operation *op) {
      for (OpOperand &operand : op->getOpOperands()) {
        Operation *constant = operand.get().getDefiningOp();
        if (!constant || map.getBody().isAncestor(constant->getParentRegion()))
          continue;
        Operation *&copy = copies[constant];
        if (!copy)
          copy = b.clone(*constant);
        operand.set(copy->getResult(0));
      }
    });
  });
}
