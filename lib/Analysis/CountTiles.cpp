//===- CountTiles.cpp - Points of the tiles that a filter leaves ----------===//
//
// A set of tiles is a set of points whose variables count tiles: it is counted
// as one. A comparison of linear expressions holds somewhere in a box where it
// holds in one of the corners.
//
//===----------------------------------------------------------------------===//

#include "lib/Analysis/PointSet.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace attn;

namespace {

/// Conditions on points as conditions on tiles.
class TileConditions {
public:
  explicit TileConditions(ArrayRef<SmallVector<AffineExpr>> corners)
      : corners(corners) {}
  /// What holds where `condition`, or if `isNegated` its opposite, may hold
  /// somewhere in a tile.
  Condition relax(const Condition &condition, bool isNegated) const;

private:
  /// `expr >= 0` in one of the corners.
  Condition holdsInCorner(AffineExpr expr) const;

  /// The coordinates of each corner, one for each variable.
  ArrayRef<SmallVector<AffineExpr>> corners;
};

} // namespace

Condition TileConditions::holdsInCorner(AffineExpr expr) const {
  Condition test = Condition::test(Condition::Positive, expr);
  SmallVector<Condition> all;
  for (ArrayRef<AffineExpr> corner : corners)
    all.push_back(test.substitute(corner));
  return Condition::combine(Condition::Or, all);
}

Condition TileConditions::relax(const Condition &condition,
                                bool isNegated) const {
  switch (condition.getKind()) {
  case Condition::Unknown:
    return condition.substitute(corners.front());
  case Condition::Positive: {
    AffineExpr expr = condition.getExpr();
    return holdsInCorner(isNegated ? -expr - 1 : expr);
  }
  case Condition::Zero: {
    AffineExpr expr = condition.getExpr();
    // Below 0 or above it; else between two corners.
    return Condition::combine(isNegated ? Condition::Or : Condition::And,
                              {holdsInCorner(isNegated ? expr - 1 : expr),
                               holdsInCorner(isNegated ? -expr - 1 : -expr)});
  }
  case Condition::Not:
    return relax(condition.getOperands().front(), !isNegated);
  case Condition::And:
  case Condition::Or:
    break;
  }
  bool isAnd = (condition.getKind() == Condition::And) != isNegated;
  SmallVector<Condition> operands;
  for (const Condition &operand : condition.getOperands())
    operands.push_back(relax(operand, isNegated));
  return Condition::combine(isAnd ? Condition::And : Condition::Or, operands);
}

PointCount attn::countTiledPoints(
    const PointSet &set, const Names &names,
    llvm::function_ref<std::optional<int64_t>(StringAttr)> value,
    llvm::function_ref<int64_t(StringAttr)> tile) {
  MLIRContext *context = names.getContext();
  Names tileNames = names;
  PointSet tiles;
  // The lowest corner, and the way to the others.
  SmallVector<AffineExpr> lowest;
  for (unsigned i = 0; i < names.getVars().size(); ++i)
    lowest.push_back(getAffineDimExpr(i, context));
  SmallVector<std::pair<unsigned, int64_t>> sides;
  llvm::StringMap<int64_t> numTiles;
  double size = 1;
  for (StringAttr var : set.vars) {
    int64_t coordinates = tile(var);
    if (coordinates <= 1) {
      tiles.vars.push_back(var);
      continue;
    }
    std::string name = "tiles of " + var.str();
    auto counter = StringAttr::get(context, name);
    auto extent = value(StringAttr::get(context, "|" + var.str() + "|"));
    unsigned position =
        llvm::find(names.getVars(), var) - names.getVars().begin();
    lowest[position] = tileNames.getVar(counter) * coordinates;
    sides.push_back({position, coordinates - 1});
    numTiles["|" + name + "|"] =
        llvm::divideCeil(extent.value_or(1), uint64_t(coordinates));
    tiles.vars.push_back(counter);
    size *= coordinates;
  }
  SmallVector<SmallVector<AffineExpr>> corners{lowest};
  for (auto [position, length] : sides)
    for (unsigned i = 0, count = corners.size(); i < count; ++i) {
      SmallVector<AffineExpr> corner = corners[i];
      corner[position] = corner[position] + length;
      corners.push_back(std::move(corner));
    }
  TileConditions relaxed(corners);
  for (const Condition &condition : set.conditions)
    tiles.conditions.push_back(relaxed.relax(condition, /*isNegated=*/false));
  PointCount count = countPoints(tiles, tileNames, [&](StringAttr symbol) {
    auto it = numTiles.find(symbol.getValue());
    return it == numTiles.end() ? value(symbol) : std::optional(it->second);
  });
  count.points *= size;
  return count;
}
