//===- Grid.cpp - How a nest is cut into tasks ----------------------------===//

#include "lib/Mapping/Grid.h"
#include "llvm/ADT/SetOperations.h"
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
    bool hasLanesOnly = false, hasRowsOnly = false;
    einsum.getBody().walk([&](ReadOp read) {
      bool hasLanes = readsAlong(read, lanes), hasRows = readsAlong(read, rows);
      hasLanesOnly |= hasLanes && !hasRows;
      hasRowsOnly |= hasRows && !hasLanes;
    });
    reuses |= hasLanesOnly && hasRowsOnly;
  });
  return !hasOthers && (reuses || !reduces);
}

/// The variables along which each read of `einsum` varies.
static SmallVector<llvm::SmallSetVector<StringAttr, 4>>
getReadVars(EinsumOp einsum) {
  SmallVector<llvm::SmallSetVector<StringAttr, 4>> all;
  einsum.getBody().walk([&](ReadOp read) {
    auto &vars = all.emplace_back();
    for (auto var : einsum.getVars().getAsRange<StringAttr>())
      if (readsAlong(read, var))
        vars.insert(var);
  });
  return all;
}

std::optional<StringAttr> attn::getSweptRank(NestOp nest) {
  llvm::SmallSetVector<StringAttr, 8> known;
  for (auto rank : nest.getParallel().getAsRange<StringAttr>())
    known.insert(rank);
  StringAttr streamed;
  unsigned numStreams = 0;
  nest.walk([&](StreamOp stream) {
    streamed = stream.getRankAttr();
    known.insert(streamed);
    ++numStreams;
  });
  if (numStreams > 1 || known.empty())
    return std::nullopt;
  bool sweeps = true, isContiguous = true;
  // A choice goes through what it chooses from for every entry.
  nest.walk([&](Operation *op) { sweeps &= !isa<IterateOp, TopKOp>(op); });
  nest.walk([&](EinsumOp einsum) {
    for (auto var : einsum.getVars().getAsRange<StringAttr>())
      sweeps &= known.contains(var);
    // Operands that lack different ranks are used again and again.
    auto reads = getReadVars(einsum);
    for (auto &one : reads)
      for (auto &other : reads)
        sweeps &=
            llvm::set_is_subset(one, other) || llvm::set_is_subset(other, one);
    einsum.getBody().walk([&](ReadOp read) {
      if (!streamed || !readsAlong(read, streamed))
        return;
      auto last = read.getIndices().back().getDefiningOp<RankVarOp>();
      isContiguous &= last && last.getRankAttr() == streamed;
    });
  });
  if (!sweeps)
    return std::nullopt;
  // Along what lies in one piece in memory.
  return streamed && isContiguous ? streamed : StringAttr();
}

/// Calls `visit` with each read, in `stream`, of a tensor that its nest did not
/// make, and that tensor.
static void walkOutsideReads(StreamOp stream,
                             function_ref<void(ReadOp, Value tensor)> visit) {
  auto nest = stream->getParentOfType<NestOp>();
  stream.walk([&](EinsumOp einsum) {
    for (auto read : einsum.getBody().getOps<ReadOp>()) {
      auto argument = cast<BlockArgument>(read.getTensor());
      Value tensor = einsum.getInputs()[argument.getArgNumber()];
      if (!nest->isAncestor(tensor.getParentRegion()->getParentOp()))
        visit(read, tensor);
    }
  });
}

StringAttr attn::getSharingRank(NestOp nest) {
  StringAttr shared;
  nest.walk([&](EinsumOp einsum) {
    for (auto group : einsum.getOut().getAsRange<ArrayAttr>())
      if (group.size() > 1)
        shared = cast<StringAttr>(group[group.size() - 1]);
  });
  bool streams = false;
  bool isShared =
      shared && llvm::is_contained(nest.getParallel(), Attribute(shared));
  nest.walk([&](StreamOp stream) {
    streams = true;
    walkOutsideReads(stream, [&](ReadOp read, Value) {
      isShared &=
          !readsAlong(read, stream.getRankAttr()) || !readsAlong(read, shared);
    });
  });
  return streams && isShared ? shared : StringAttr();
}

bool attn::streamsFloatRows(StreamOp stream, bool gathers) {
  CascadeOp cascade = getCascade(stream);
  bool areFloats = true;
  walkOutsideReads(stream, [&](ReadOp read, Value tensor) {
    auto type = cast<attn::TensorType>(tensor.getType());
    if (!readsAlong(read, stream.getRankAttr()) ||
        llvm::none_of(type.getRanks(), [&](StringAttr rank) {
          return cascade.getFixedExtent(rank).has_value();
        }))
      return;
    bool isDirect = llvm::any_of(read.getIndices(), [&](Value index) {
      auto rank = index.getDefiningOp<RankVarOp>();
      return rank && rank.getRankAttr() == stream.getRankAttr();
    });
    auto last = read.getIndices().back().getDefiningOp<RankVarOp>();
    Type element = type.getElementType();
    areFloats &= (isDirect || gathers) && last &&
                 last.getRankAttr() != stream.getRankAttr() &&
                 (element.isF32() || element.isF16() || element.isBF16());
  });
  return areFloats;
}

/// Spans a fixed extent in equal parts of at most `wanted`.
static int64_t fitToExtent(int64_t wanted, std::optional<int64_t> extent) {
  while (extent && wanted / 2 >= *extent && wanted > 1)
    wanted /= 2;
  return wanted;
}

GridChoice attn::chooseGrid(NestOp nest, const TileSizes &sizes,
                            StringAttr lanes, StringAttr rows) {
  GridChoice grid;
  CascadeOp cascade = getCascade(nest);
  for (auto rank : nest.getParallel().getAsRange<StringAttr>()) {
    grid.ranks.push_back(rank);
    grid.sizes.push_back(1);
  }
  llvm::SmallPtrSet<Attribute, 4> grouped = getGrouped(nest);
  auto choose = [&](unsigned position, int64_t wanted) {
    grid.sizes[position] =
        fitToExtent(wanted, cascade.getFixedExtent(grid.ranks[position]));
  };
  if (lanes) {
    grid.lanes = lanes;
    for (auto [rank, size] :
         {std::pair(lanes, sizes.lanes), {rows, sizes.rows}})
      if (rank && llvm::is_contained(grid.ranks, rank))
        choose(llvm::find(grid.ranks, rank) - grid.ranks.begin(), size);
    return grid;
  }
  std::optional<StringAttr> swept = getSweptRank(nest);
  if (swept && *swept)
    grid.lanes = *swept;
  for (unsigned i = grid.ranks.size(); i-- > 0;) {
    if (grouped.contains(grid.ranks[i]))
      continue;
    if (grid.lanes) {
      choose(i, sizes.rows);
      break;
    }
    grid.lanes = grid.ranks[i];
    choose(i, sizes.lanes);
    if (i > 0 && !grouped.contains(grid.ranks[i - 1]) &&
        wantsRows(nest, grid.lanes, grid.ranks[i - 1], grid.ranks)) {
      choose(i - 1, sizes.rows);
      grid.hasRows = true;
    }
    break;
  }
  return grid;
}
