//===- Grid.cpp - How a nest is cut into tasks ----------------------------===//

#include "lib/Mapping/Grid.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace attn;

/// Variables that share a product rank with others, on some left-hand side.
static llvm::SmallPtrSet<Attribute, 4> getGrouped(NestOp nest) {
  llvm::SmallPtrSet<Attribute, 4> grouped;
  nest.walk([&](EinsumOp einsum) {
    for (auto group : einsum.getOut().getAsRange<ArrayAttr>())
      if (group.size() > 1)
        grouped.insert(group.begin(), group.end());
  });
  return grouped;
}

/// Whether the accesses of `read` depend on `var`.
static bool readsAlong(ReadOp read, StringAttr var) {
  SetVector<Value> slice(read.getIndices().begin(), read.getIndices().end());
  for (unsigned i = 0; i != slice.size(); ++i) {
    Operation *op = slice[i].getDefiningOp();
    if (!op)
      continue;
    if (auto found = dyn_cast<RankVarOp>(op))
      if (found.getRankAttr() == var)
        return true;
    slice.insert(op->operand_begin(), op->operand_end());
  }
  return false;
}

/// Whether the nest gains from a tile of `rows` besides the lanes. Where a
/// result has other tile ranks there are rows already. A product of a tensor
/// without the lanes and one without the rows uses each element of both many
/// times; a nest that reduces nothing has more to do in a task.
static bool wantsRows(NestOp nest, StringAttr lanes, StringAttr rows,
                      ArrayRef<StringAttr> parallel) {
  bool hasOthers = false, reduces = false, reuses = false;
  nest.walk([&](EinsumOp einsum) {
    hasOthers |= llvm::any_of(einsum.getOutVars(), [&](StringAttr var) {
      return !llvm::is_contained(parallel, var);
    });
    reduces |= !einsum.getReducers().empty();
    bool lacksLanes = false, lacksRows = false;
    einsum.getBody().walk([&](ReadOp read) {
      lacksLanes |= !readsAlong(read, lanes);
      lacksRows |= !readsAlong(read, rows);
    });
    reuses |= lacksLanes && lacksRows;
  });
  return !hasOthers && (reuses || !reduces);
}

GridChoice attn::chooseGrid(NestOp nest, const TileSizes &sizes) {
  GridChoice grid;
  CascadeOp cascade = getCascade(nest);
  for (auto rank : nest.getParallel().getAsRange<StringAttr>()) {
    grid.ranks.push_back(rank);
    grid.sizes.push_back(1);
  }
  llvm::SmallPtrSet<Attribute, 4> grouped = getGrouped(nest);
  auto choose = [&](unsigned position, int64_t wanted) {
    std::optional<int64_t> extent =
        cascade.getFixedExtent(grid.ranks[position]);
    // A fixed extent is spanned in equal parts.
    while (extent && wanted / 2 >= *extent && wanted > 1)
      wanted /= 2;
    grid.sizes[position] = wanted;
  };
  for (unsigned i = grid.ranks.size(); i-- > 0;) {
    if (grouped.contains(grid.ranks[i]))
      continue;
    grid.lanes = grid.ranks[i];
    choose(i, sizes.lanes);
    if (i > 0 && !grouped.contains(grid.ranks[i - 1]) &&
        wantsRows(nest, grid.lanes, grid.ranks[i - 1], grid.ranks))
      choose(i - 1, sizes.rows);
    break;
  }
  return grid;
}
