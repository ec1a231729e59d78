//===- LowerMapGroup.cpp - A map, summed and rounded as it is made --------===//
//
// One walk down each panel: rows of vectors are computed, taken into every
// reduction's sums, and stored, two of them as a row of pairs by a conversion.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/MapRegion.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

namespace {
class MapGroupLowering {
public:
  MapGroupLowering(KernelLowering &k, MapGroup group)
      : k(k), group(group),
        region(k, group.producer, k.getBuffers(group.producer.getInputs())) {}
  LogicalResult run();

private:
  using Rank = std::pair<StringAttr, int64_t>;

  KernelLowering &k;
  MapGroup group;
  MapRegion region;
  std::vector<MapRegion> reductions;
  std::vector<MapReducer> reducers; ///< of each of `reductions`
  std::vector<MapRegion> derived;
  SmallVector<Rank> ranks; ///< all but the lanes, the innermost last
  int64_t step = 1;        ///< rows at a time
  Position at;
  bool hasFailed = false;

  SmallVector<Value> emitSums(unsigned depth, SmallVector<Value> sums);
  SmallVector<Value> emitRows(SmallVector<Value> sums);
  void findInsideRanks();
  void takeIn(unsigned index, const LaneValue &row,
              MutableArrayRef<Value> sums);
  LaneValue derive(unsigned index, const LaneValue &row);
};
} // namespace

/// Takes one row into the sums of the reduction number `index`.
void MapGroupLowering::takeIn(unsigned index, const LaneValue &row,
                              MutableArrayRef<Value> sums) {
  tile::MapOp op = group.reductions[index];
  MapRegion &reduction = reductions[index];
  reduction.setInput(0, row);
  LaneValue filter;
  FailureOr<LaneValue> value = reduction.emit(at, filter);
  if (failed(value)) {
    hasFailed = true;
    return;
  }
  for (auto [v, sum] : llvm::enumerate(sums)) {
    Value next = k.combine(reducers[index], sum, value->vectors[v]);
    if (!next) {
      hasFailed = true;
      return;
    }
    sum =
        op.getYield().getFilter()
            ? Value(arith::SelectOp::create(k.b, filter.vectors[v], next, sum))
            : next;
  }
}

/// What the derived map number `index` makes of one row.
LaneValue MapGroupLowering::derive(unsigned index, const LaneValue &row) {
  derived[index].setInput(0, row);
  LaneValue filter;
  FailureOr<LaneValue> value = derived[index].emit(at, filter);
  hasFailed |= failed(value);
  return failed(value) ? row : *value;
}

/// `step` rows from where `at` is.
SmallVector<Value> MapGroupLowering::emitRows(SmallVector<Value> sums) {
  StringAttr innermost = ranks.back().first;
  Value first = at.lookup(innermost);
  // What conversions read: the producer's rows, then each derived map's.
  SmallVector<SmallVector<LaneValue>> rows(1 + derived.size());
  for (int64_t i = 0; i != step; ++i) {
    at[innermost] = k.add(first, k.constant(i));
    LaneValue filter;
    FailureOr<LaneValue> row = region.emit(at, filter);
    if (failed(row)) {
      hasFailed = true;
      return sums;
    }
    rows[0].push_back(*row);
    for (unsigned d = 0; d != derived.size(); ++d)
      rows[1 + d].push_back(derive(d, *row));
    int64_t vectors = region.numVectors;
    for (unsigned r = 0; r != group.reductions.size(); ++r)
      takeIn(r, *row, MutableArrayRef(sums).slice(r * vectors, vectors));
  }
  at[innermost] = first;
  auto getRows = [&](Operation *map) -> ArrayRef<LaneValue> {
    auto *it = llvm::find(group.derived, map);
    return it == group.derived.end()
               ? rows[0]
               : rows[1 + std::distance(group.derived.begin(), it)];
  };
  for (tile::MapOp stored : group.stored)
    region.store(getRows(stored)[0], k.getBuffer(stored.getResult()), at);
  for (tile::ConvertOp conversion : group.conversions) {
    ArrayRef<LaneValue> pair = getRows(conversion.getInput().getDefiningOp());
    k.storePairs(pair[0].vectors, pair[1].vectors,
                 k.getBuffer(conversion.getResult()), at);
  }
  return sums;
}

SmallVector<Value> MapGroupLowering::emitSums(unsigned depth,
                                              SmallVector<Value> sums) {
  if (depth == ranks.size())
    return emitRows(std::move(sums));
  auto [rank, size] = ranks[depth];
  Value end = k.getDemandedEnd(group.producer.getResult(), rank);
  return k.loopTo(k.constant(0), end ? end : k.constant(size),
                  depth + 1 == ranks.size() ? step : 1, sums,
                  [&, rank = rank](Value position, ValueRange carried) {
                    at[rank] = position;
                    return emitSums(depth + 1, llvm::to_vector(carried));
                  });
}

/// Finds the ranks whose loop ends at the extent.
void MapGroupLowering::findInsideRanks() {
  tile::MapOp producer = group.producer;
  for (auto [rank, size] : ranks)
    if (k.endsInside(rank,
                     k.getDemanded().getOrigin(producer.getResult(), rank),
                     producer.getOffset(rank)))
      for (auto *regions : {&reductions, &derived})
        for (MapRegion &region : *regions)
          region.insideRanks.insert(rank);
}

LogicalResult MapGroupLowering::run() {
  tile::TileType type = group.producer.getResult().getType();
  for (auto [rank, size] : llvm::zip(type.getRanks(), type.getSizes()))
    if (rank != k.getLaneRank())
      ranks.push_back({rank, size});
  if (!group.conversions.empty())
    step = 2; // their sizes are even: see TargetModel::hasMatrixUnit
  region.isRough = !group.conversions.empty();
  for (tile::MapOp op : group.reductions) {
    FailureOr<std::optional<MapReducer>> reducer = getReducer(op);
    if (failed(reducer))
      return failure();
    reducers.push_back(**reducer);
    reductions.emplace_back(k, op, k.getBuffers(op.getInputs()));
  }
  for (tile::MapOp op : group.derived)
    derived.emplace_back(k, op, k.getBuffers(op.getInputs()));
  findInsideRanks();
  Value end = k.getDemandedEnd(group.producer.getResult(), k.getLaneRank());
  Value panels = end ? k.countPanels(end, region.lanes)
                     : k.constant(region.lanes.numPanels);
  k.loopTo(k.constant(0), panels, 1, [&](Value panel) {
    at[k.getLaneRank()] = panel;
    region.hoistInputs(at, [&](StringAttr rank) {
      return llvm::any_of(ranks, [&](Rank r) { return r.first == rank; });
    });
    SmallVector<Value> sums;
    for (auto [op, reducer] : llvm::zip(group.reductions, reducers)) {
      Type element = op.getResult().getType().getElementType();
      sums.append(region.numVectors,
                  emitIdentity(k.b, reducer, k.vectorOf(element)));
    }
    sums = emitSums(0, std::move(sums));
    if (hasFailed)
      return;
    for (auto [r, op] : llvm::enumerate(group.reductions)) {
      auto part =
          ArrayRef(sums).slice(r * region.numVectors, region.numVectors);
      region.store(LaneValue::varying(llvm::to_vector(part)),
                   k.getBuffer(op.getResult()), at);
    }
  });
  return failure(hasFailed);
}

LogicalResult KernelLowering::lowerMapGroup(const MapGroup &group) {
  return MapGroupLowering(*this, group).run();
}
