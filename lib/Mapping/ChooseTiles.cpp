//===- ChooseTiles.cpp - The tiles of a nest, by their price --------------===//
//
// Every pair of sizes that the machine's file lists is a candidate. What each
// costs is lib/Machine's to say; nothing here knows a kind of attention.
//
//===----------------------------------------------------------------------===//

#include "lib/Mapping/ChooseTiles.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/IR/Diagnostics.h"

using namespace mlir;
using namespace attn;

/// What a price may be above the least and count as the same: the model is no
/// more precise.
static constexpr double closePrice = 1.01;

CallExtents attn::assumeExtents(CascadeOp cascade) {
  constexpr int64_t manyCoordinates = 4096;
  llvm::StringMap<int64_t> extents;
  llvm::SmallSetVector<StringAttr, 4> walked;
  cascade.walk([&](NestOp nest) {
    GridChoice grid = chooseGrid(nest, {2, 2, 2, 2});
    for (auto [rank, size] : llvm::zip(grid.ranks, grid.sizes))
      if (size > 1)
        walked.insert(rank);
  });
  cascade.walk([&](StreamOp stream) { walked.insert(stream.getRankAttr()); });
  // A product that is fixed leaves its factors no choice: the last has it all.
  auto ranks = llvm::to_vector(cascade.getRanks().getAsRange<RankAttr>());
  for (RankAttr rank : ranks) {
    std::optional<int64_t> fixed = cascade.getFixedExtent(rank.getName());
    if (rank.getKind() != RankKind::Product || !fixed)
      continue;
    int64_t rest = *fixed;
    StringAttr last;
    for (StringAttr factor : rank.getOperands())
      if (std::optional<int64_t> extent = cascade.getFixedExtent(factor))
        rest /= *extent;
      else
        last = factor;
    if (last)
      extents[last] = rest;
  }
  for (RankAttr rank : ranks)
    if (rank.getKind() == RankKind::Free)
      extents.try_emplace(rank.getName(), walked.contains(rank.getName())
                                              ? manyCoordinates
                                              : 1);
  FailureOr<CallExtents> bound = CallExtents::bind(cascade, extents);
  assert(succeeded(bound) && "extents that contradict one another");
  return std::move(*bound);
}

TileChooser::TileChooser(CascadeOp cascade, const CallExtents &extents,
                         const MachineDescription &machine)
    : machine(machine), model(cascade, extents, machine) {
  if (machine.multiprocessor) {
    candidates = machine.multiprocessor->tiles;
    if (const auto &warpgroups = machine.multiprocessor->warpgroups) {
      matrixCandidates = warpgroups->tiles;
      llvm::append_range(matrixCandidates, candidates);
    }
  }
  if (!machine.processor)
    return;
  for (int64_t lanes : machine.processor->laneTiles)
    for (int64_t stream : machine.processor->streamTiles)
      candidates.push_back({lanes, stream});
  matrixCandidates = machine.processor->matrixTiles;
}

TileChooser::TileChooser(CascadeOp cascade, const CallExtents &extents,
                         const MachineDescription &machine,
                         ArrayRef<TileChoice> choices)
    : machine(machine), candidates(choices), model(cascade, extents, machine) {}

bool attn::hasMatrixOperands(NestOp nest, const MachineDescription &machine) {
  auto isMultiplied = [&](Type type) {
    auto tensor = dyn_cast<attn::TensorType>(type);
    if (!tensor || !tensor.getElementType().isIntOrFloat())
      return false;
    unsigned bits = tensor.getElementType().getIntOrFloatBitWidth();
    return llvm::any_of(machine.units, [&](const MachineUnit &unit) {
      return unit.lookupNarrowProduct(bits) != nullptr;
    });
  };
  return nest
      .walk([&](EinsumOp einsum) {
        return llvm::any_of(einsum->getOperandTypes(), isMultiplied)
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

static TileSizes getSizes(TileChoice choice) {
  return {choice.lanes, choice.stream, /*rows=*/1, /*maxElements=*/1};
}

// The grid's, then those of the streams from the outermost inwards.
cost::Tiling attn::getLoops(NestOp nest, TileChoice choice) {
  cost::Tiling tiling;
  GridChoice grid = chooseGrid(nest, getSizes(choice));
  for (auto [rank, size] : llvm::zip(grid.ranks, grid.sizes))
    tiling.loops.push_back({rank, size});
  nest.walk<WalkOrder::PreOrder>([&](StreamOp stream) {
    bool isInner = true;
    stream.getStep().walk([&](StreamOp) { isInner = false; });
    if (llvm::none_of(tiling.loops, [&](auto &loop) {
          return loop.first == stream.getRankAttr();
        }))
      tiling.loops.push_back(
          {stream.getRankAttr(), isInner ? choice.stream : 1});
  });
  return tiling;
}

/// Whether an access finds its coordinates in a tensor: what is read then has
/// no price.
static bool gathers(NestOp nest) {
  return nest
      .walk([](ReadOp read) {
        // Of the read's own operation: its indices and what they come from.
        BackwardSliceOptions options;
        options.omitBlockArguments = true;
        SetVector<Operation *> slice;
        (void)getBackwardSlice(read.getOperation(), &slice, options);
        return llvm::any_of(slice, llvm::IsaPred<ReadOp>)
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

std::vector<PricedTiles> TileChooser::price(NestOp nest) {
  std::vector<PricedTiles> priced;
  if (getSweptRank(nest) || gathers(nest))
    return priced;
  // A cascade that the machine has no unit for is mapped all the same.
  ScopedDiagnosticHandler handler(nest.getContext(),
                                  [](Diagnostic &) { return success(); });
  bool isMatrix = !matrixCandidates.empty() && hasMatrixOperands(nest, machine);
  for (TileChoice choice : isMatrix ? matrixCandidates : candidates) {
    if (chooseGrid(nest, getSizes(choice)).hasRows)
      return {};
    cost::Tiling tiling = getLoops(nest, choice);
    // Sizes that a fixed extent makes the same.
    if (llvm::any_of(priced, [&](const PricedTiles &other) {
          return other.tiling.loops == tiling.loops;
        }))
      continue;
    FailureOr<cost::TilingCost> cost = model.estimate(nest, tiling);
    if (failed(cost))
      return {};
    priced.push_back({choice, tiling, *cost});
  }
  auto getArea = [](const PricedTiles &tiles) {
    return tiles.sizes.lanes * tiles.sizes.stream;
  };
  llvm::stable_sort(priced, [](const PricedTiles &a, const PricedTiles &b) {
    return std::tuple(!a.cost.fits, a.cost.seconds) <
           std::tuple(!b.cost.fits, b.cost.seconds);
  });
  // Of about the same price, the smallest: a call has a rest, and threads.
  auto best = priced.begin();
  for (auto it = priced.begin(); it != priced.end(); ++it)
    if (it->cost.fits == best->cost.fits &&
        it->cost.seconds <= closePrice * priced.front().cost.seconds &&
        getArea(*it) < getArea(*best))
      best = it;
  if (best != priced.end())
    std::rotate(priced.begin(), best, best + 1);
  return priced;
}

SmallVector<TileChoice> attn::rankTiles(ModuleOp module,
                                        ArrayRef<TileChoice> choices,
                                        const MachineDescription &machine) {
  std::vector<std::pair<double, TileChoice>> ranked;
  for (TileChoice choice : choices)
    ranked.push_back({0, choice});
  module.walk([&](CascadeOp cascade) {
    TileChooser chooser(cascade, assumeExtents(cascade), machine, choices);
    for (auto nest : cascade.getOps<NestOp>()) {
      std::vector<PricedTiles> priced = chooser.price(nest);
      if (priced.empty())
        continue;
      for (auto &[seconds, choice] : ranked)
        seconds += llvm::find_if(priced, [loops = getLoops(nest, choice).loops](
                                             const PricedTiles &tiles) {
                     return tiles.tiling.loops == loops;
                   })->cost.seconds;
    }
  });
  llvm::stable_sort(ranked, llvm::less_first());
  return llvm::to_vector(llvm::make_second_range(ranked));
}
