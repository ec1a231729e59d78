//===- FusedAccumulator.cpp - Maps that contractions begin with -----------===//

#include "lib/Target/FusedAccumulator.h"

using namespace mlir;
using namespace attn;

tile::MapOp attn::getFusedAccumulator(tile::ContractOp contract) {
  Value acc = contract.getAcc();
  auto map = acc ? acc.getDefiningOp<tile::MapOp>() : tile::MapOp();
  if (!map || !acc.hasOneUse() || !map.getReducers().empty() ||
      map->getBlock() != contract->getBlock())
    return {};
  return map;
}

bool attn::isSelfContained(tile::MapOp map) {
  return llvm::all_of(map.getBody().front(), [&](Operation &op) {
    return !isa<tile::CoordOp, tile::ExtentOp, tile::ReadOp>(op) &&
           llvm::all_of(op.getOperands(), [&](Value operand) {
             return map.getBody().isAncestor(operand.getParentRegion());
           });
  });
}

bool attn::isFusedAccumulator(tile::MapOp map) {
  if (!map.getResult().hasOneUse())
    return false;
  auto contract = dyn_cast<tile::ContractOp>(*map.getResult().user_begin());
  return contract && getFusedAccumulator(contract) == map;
}
