//===- MapGroups.cpp - Maps that are computed where they are read ---------===//

#include "lib/Target/MapGroups.h"
#include "lib/Target/FusedAccumulator.h"

using namespace mlir;
using namespace attn;

/// Whether `map` sums (or the like) all of `producer`'s ranks but the lanes, at
/// the same points, and reads nothing else.
static bool isReduction(tile::MapOp map, tile::MapOp producer,
                        StringAttr lanes) {
  if (map.getReducers().empty() || map.getAcc() ||
      map.getInputs().size() != 1 || map.getRanks() != producer.getRanks() ||
      map.getSizes() != producer.getSizes() ||
      map.getOffsets() != producer.getOffsets())
    return false;
  ReducerName name = cast<ReduceAttr>(map.getReducers()[0]).getReducer();
  for (auto reducer : map.getReducers().getAsRange<ReduceAttr>())
    if (reducer.getReducer() != name || reducer.getVar() == lanes)
      return false;
  return name.kind != ReducerKind::ArgMax &&
         map.getResult().getType().getRanks() == ArrayRef(lanes);
}

/// The members of the group that `map` begins; none unless all that reads it
/// can be one.
static std::optional<MapGroup> findGroup(tile::MapOp map, StringAttr lanes) {
  tile::TileType type = map.getResult().getType();
  if (!lanes || !map.getReducers().empty() || isFusedAccumulator(map) ||
      !type.getElementType().isF32() || type.getRanks().size() < 2 ||
      type.getRanks().back() != lanes || map.getYield().getFilter())
    return std::nullopt;
  MapGroup group{map, {}, {}, nullptr};
  for (Operation *user : map->getUsers()) {
    if (user->getBlock() != map->getBlock())
      return std::nullopt;
    auto reduction = dyn_cast<tile::MapOp>(user);
    auto conversion = dyn_cast<tile::ConvertOp>(user);
    if (reduction && isReduction(reduction, map, lanes))
      group.reductions.push_back(reduction);
    else if (conversion &&
             conversion.getResult().getType().getRanks() == type.getRanks())
      group.conversions.push_back(conversion);
    else
      return std::nullopt;
  }
  if (group.reductions.size() + group.conversions.size() < 2)
    return std::nullopt;
  return group;
}

MapGroups::MapGroups(tile::KernelOp kernel) {
  StringAttr lanes = kernel.getLanesAttr();
  kernel.walk([&](tile::MapOp map) {
    std::optional<MapGroup> group = findGroup(map, lanes);
    if (!group)
      return;
    group->last = map;
    auto add = [&](Operation *op) {
      op->moveAfter(group->last);
      group->last = op;
      members[op] = groups.size();
    };
    members[map] = groups.size();
    for (tile::MapOp reduction : group->reductions)
      add(reduction);
    for (tile::ConvertOp conversion : group->conversions)
      add(conversion);
    groups.push_back(*group);
  });
}
