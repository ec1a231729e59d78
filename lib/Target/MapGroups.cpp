//===- MapGroups.cpp - Maps that are computed where they are read ---------===//

#include "lib/Target/MapGroups.h"
#include "lib/Target/FusedAccumulator.h"

using namespace mlir;
using namespace attn;

/// Whether `map` is at the points of `producer` and reads nothing else.
static bool isAtSamePoints(tile::MapOp map, tile::MapOp producer) {
  return !map.getAcc() && map.getInputs().size() == 1 &&
         map.getRanks() == producer.getRanks() &&
         map.getSizes() == producer.getSizes() &&
         map.getOffsets() == producer.getOffsets();
}

/// Whether `map` sums (or the like) all of `producer`'s ranks but the lanes.
static bool isReduction(tile::MapOp map, tile::MapOp producer,
                        StringAttr lanes) {
  if (map.getReducers().empty() || !isAtSamePoints(map, producer))
    return false;
  ReducerName name = cast<ReduceAttr>(map.getReducers()[0]).getReducer();
  for (auto reducer : map.getReducers().getAsRange<ReduceAttr>())
    if (reducer.getReducer() != name || reducer.getVar() == lanes)
      return false;
  return name.kind != ReducerKind::ArgMax &&
         map.getResult().getType().getRanks() == ArrayRef(lanes);
}

/// Whether `op` rounds a tile with the ranks of `type`, beside `map`.
static bool isConversion(Operation *op, tile::MapOp map, tile::TileType type) {
  auto conversion = dyn_cast<tile::ConvertOp>(op);
  return conversion && op->getBlock() == map->getBlock() &&
         conversion.getResult().getType().getRanks() == type.getRanks();
}

/// Whether `map` makes one element of each of `producer`'s.
static bool isDerived(tile::MapOp map, tile::MapOp producer) {
  return map.getReducers().empty() && isAtSamePoints(map, producer) &&
         map.getResult().getType() == producer.getResult().getType() &&
         !map.getYield().getFilter() && !map->use_empty() &&
         !isFusedAccumulator(map);
}

/// Whether a view may be the place of what `map` makes.
static bool isStoredToView(tile::MapOp map) {
  return llvm::any_of(map->getUsers(), llvm::IsaPred<tile::StoreOp>);
}

/// The members of the group that `map` begins; none if it has but one reader
/// that can be one, or none that spares a walk.
static std::optional<MapGroup> findGroup(tile::MapOp map, StringAttr lanes) {
  tile::TileType type = map.getResult().getType();
  if (!lanes || !map.getReducers().empty() || isFusedAccumulator(map) ||
      !type.getElementType().isF32() || type.getRanks().size() < 2 ||
      type.getRanks().back() != lanes || map.getYield().getFilter())
    return std::nullopt;
  MapGroup group;
  group.producer = map;
  bool isReadElsewhere = false;
  for (Operation *user : map->getUsers()) {
    auto reader = dyn_cast<tile::MapOp>(user);
    if (user->getBlock() != map->getBlock() ||
        (reader && isStoredToView(reader)))
      isReadElsewhere = true;
    else if (reader && isReduction(reader, map, lanes))
      group.reductions.push_back(reader);
    else if (reader && isDerived(reader, map))
      group.derived.push_back(reader);
    else if (isConversion(user, map, type))
      group.conversions.push_back(cast<tile::ConvertOp>(user));
    else
      isReadElsewhere = true;
  }
  if (isReadElsewhere)
    group.stored.push_back(map);
  for (tile::MapOp derived : group.derived) {
    bool isRounded = llvm::all_of(derived->getUsers(), [&](Operation *user) {
      return isConversion(user, derived, type);
    });
    if (!isRounded)
      group.stored.push_back(derived);
    else
      for (Operation *user : derived->getUsers())
        group.conversions.push_back(cast<tile::ConvertOp>(user));
  }
  // Pairs of rows are rounded; nothing is stored beside them.
  if (!group.conversions.empty() && !group.stored.empty())
    return std::nullopt;
  if (isStoredToView(map) ||
      group.reductions.size() + group.conversions.size() + group.stored.size() <
          2)
    return std::nullopt;
  return group;
}

MapGroups::MapGroups(tile::KernelOp kernel) {
  StringAttr lanes = kernel.getLanesAttr();
  kernel.walk([&](tile::MapOp map) {
    if (members.contains(map))
      return; // derived in another group
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
    for (tile::MapOp derived : group->derived)
      add(derived);
    for (tile::ConvertOp conversion : group->conversions)
      add(conversion);
    groups.push_back(*group);
  });
}
