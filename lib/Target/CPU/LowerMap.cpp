//===- LowerMap.cpp - Einsums on tiles, in vectors ------------------------===//
//
// The loops, outermost first: the result's ranks but the last, the lanes (some
// vectors at a time), and the ranks that the vectors in registers are reduced
// over; where nothing is reduced, the last of the result's ranks, so that
// inputs that lack it stay in registers.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/MapRegion.h"
#include "lib/Target/FusedAccumulator.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

namespace {
class MapLowering {
public:
  MapLowering(KernelLowering &k, tile::MapOp op, Buffer result)
      : k(k), b(k.b), op(op), region(k, op, k.getBuffers(op.getInputs())),
        result(std::move(result)) {}
  LogicalResult run();

  /// The input that lies where the result does.
  std::optional<unsigned> inPlace;

private:
  using Rank = std::pair<StringAttr, int64_t>;

  KernelLowering &k;
  ImplicitLocOpBuilder &b;
  tile::MapOp op;
  MapRegion region;
  Buffer result;
  std::optional<MapReducer> reducer;
  SmallVector<Rank> outer, inner;
  bool reducesLanes = false;
  /// Panels that are worked on at once.
  int64_t panels = 1;
  Position at;
  bool hasFailed = false;

  LogicalResult classifyRanks();
  Value combine(Value x, Value y);
  void emitLanes();
  void emitReduction();
  void findInsideRanks();
  Value getOrigin(StringAttr rank);
  Value getEnd(Rank rank);
  void forPositions(ArrayRef<Rank> ranks, llvm::function_ref<void()> body);
  SmallVector<Value> emitSums(unsigned depth, SmallVector<Value> sums);
  SmallVector<Value> accumulate(SmallVector<Value> sums);
  SmallVector<Value> accumulateExtremes(SmallVector<Value> sums, int64_t count);
  int64_t getUnroll() const;
  void hoistInputs();
  Value isScaleNeeded();
  Type getSumType();
};
} // namespace

LogicalResult MapLowering::classifyRanks() {
  StringAttr laneRank = k.getLaneRank();
  FailureOr<std::optional<MapReducer>> found = getReducer(op);
  if (failed(found))
    return failure();
  reducer = *found;
  for (auto [rank, size] :
       llvm::zip(op.getRanks().getAsRange<StringAttr>(), op.getSizes())) {
    if (rank == laneRank)
      reducesLanes = op.isReduced(rank);
    else
      (op.isReduced(rank) ? inner : outer).push_back({rank, size});
  }
  if (inner.empty() && !reducesLanes && !outer.empty())
    inner.push_back(outer.pop_back_val());
  if (!reducer && !inner.empty() && !result.layout.hasPanels() &&
      result.getElementType().getIntOrFloatBitWidth() == 32 &&
      result.type.getRanks().back() == inner.back().first &&
      region.canWorkAlong(inner.back().first, inner.back().second)) {
    region.alongRows = inner.back().first;
    region.numVectors = 1;
  }
  // Several panels at once, but for a reduction whose last one's tail is to be
  // masked; of sums in a row each waits for the one before.
  const TileLayout &lanes = region.lanes;
  // In place one by one, too: what needs no change is skipped by the panel.
  bool hasTail = lanes.panelledSize % (lanes.panelVectors * k.unit.lanes) != 0;
  if (region.hasLanes && !inPlace && !(reducesLanes && hasTail))
    while (2 * panels * lanes.panelVectors <= (reducesLanes ? 8 : 4) &&
           lanes.numPanels % (2 * panels) == 0)
      panels *= 2;
  region.numVectors = panels * (region.hasLanes ? lanes.panelVectors : 1);
  return success();
}

/// Loads what the inner loops don't change in front of them.
void MapLowering::hoistInputs() {
  region.hoistInputs(at, [&](StringAttr rank) {
    return (rank == k.getLaneRank() && reducesLanes) ||
           llvm::any_of(inner, [&](Rank r) { return r.first == rank; });
  });
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

Type MapLowering::getSumType() {
  Type element = result.getElementType();
  return region.hasLanes ? Type(k.vectorOf(element)) : element;
}

Value MapLowering::combine(Value x, Value y) {
  Value combined = k.combine(*reducer, x, y);
  hasFailed |= !combined;
  return combined ? combined : x;
}

/// How many points in a row are taken in at once: of a maximum some, see
/// emitExtreme.
int64_t MapLowering::getUnroll() const {
  bool isExtreme = reducer->name.kind == ReducerKind::Max ||
                   reducer->name.kind == ReducerKind::Min;
  if (!isExtreme || !region.hasLanes || inner.empty() ||
      !isa<FloatType>(result.getElementType()))
    return 1;
  for (int64_t count : {4, 2})
    if (inner.back().second % count == 0)
      return count;
  return 1;
}

/// The maxima (or minima) with `count` points from `at` on taken in.
SmallVector<Value> MapLowering::accumulateExtremes(SmallVector<Value> sums,
                                                   int64_t count) {
  StringAttr rank = inner.back().first;
  Value first = at.lookup(rank);
  SmallVector<SmallVector<Value>> taken(sums.size());
  for (int64_t i = 0; i != count; ++i) {
    at[rank] = k.add(first, k.constant(i));
    LaneValue filter;
    FailureOr<LaneValue> value = region.emit(at, filter);
    if (failed(value)) {
      hasFailed = true;
      return sums;
    }
    for (auto [v, vector] : llvm::enumerate(value->vectors)) {
      // What the filter removes is what a maximum over nothing is.
      if (op.getYield().getFilter())
        vector = arith::SelectOp::create(
            b, filter.vectors[v], vector,
            emitIdentity(b, *reducer, vector.getType()));
      taken[v].push_back(vector);
    }
  }
  at[rank] = first;
  bool isMax = reducer->name.kind == ReducerKind::Max;
  for (auto [sum, vectors] : llvm::zip(sums, taken))
    sum = emitExtreme(b, isMax, sum, vectors);
  return sums;
}

/// The sums with the point `at` taken in.
SmallVector<Value> MapLowering::accumulate(SmallVector<Value> sums) {
  LaneValue filter;
  FailureOr<LaneValue> value = region.emit(at, filter);
  if (failed(value)) {
    hasFailed = true;
    return sums;
  }
  auto part = [](const LaneValue &lane, int64_t v) {
    return lane.kind == LaneValue::Varying ? lane.vectors[v] : lane.scalar;
  };
  bool hasFilter = bool(op.getYield().getFilter());
  for (auto [v, sum] : llvm::enumerate(sums)) {
    Value next = combine(sum, part(*value, v));
    sum = hasFilter
              ? Value(arith::SelectOp::create(b, part(filter, v), next, sum))
              : next;
  }
  return sums;
}

SmallVector<Value> MapLowering::emitSums(unsigned depth,
                                         SmallVector<Value> sums) {
  if (depth == inner.size())
    return accumulate(std::move(sums));
  Value end = getEnd(inner[depth]);
  auto loop = [&](Value first, Value last, int64_t step, ValueRange from) {
    return k.loopTo(first, last, step, from,
                    [&](Value position, ValueRange carried) {
                      at[inner[depth].first] = position;
                      auto taken = llvm::to_vector(carried);
                      if (step != 1)
                        return accumulateExtremes(std::move(taken), step);
                      return emitSums(depth + 1, std::move(taken));
                    });
  };
  int64_t unroll = depth + 1 == inner.size() ? getUnroll() : 1;
  if (unroll == 1)
    return loop(k.constant(0), end, 1, sums);
  Value rest = b.createOrFold<arith::RemUIOp>(end, k.constant(unroll));
  Value whole = b.createOrFold<arith::SubIOp>(end, rest);
  sums = loop(k.constant(0), whole, unroll, sums);
  bool hasRest = !matchPattern(rest, m_Zero());
  return hasRest ? loop(whole, end, 1, sums) : sums;
}

/// Lanes past the tile's size, which hold nothing, as a mask; null for none.
static Value makeTailMask(KernelLowering &k, int64_t first, int64_t size) {
  if (first + k.unit.lanes <= size)
    return {};
  SmallVector<bool> mask;
  for (int64_t i = 0; i != k.unit.lanes; ++i)
    mask.push_back(first + i < size);
  auto type = k.vectorOf(k.b.getI1Type());
  return arith::ConstantOp::create(
      k.b, cast<TypedAttr>(DenseElementsAttr::get(type, mask)));
}

/// One element, or some vectors of elements, of a reduction's result.
void MapLowering::emitReduction() {
  SmallVector<Value> sums;
  Value identity = emitIdentity(b, *reducer, getSumType());
  sums.assign(region.numVectors, identity);
  std::optional<Buffer> acc;
  if (op.getAcc())
    acc = k.getBuffer(op.getAcc());
  if (acc && !reducesLanes) {
    LaneValue start = region.load(*acc, at);
    sums = start.kind == LaneValue::Varying ? start.vectors
                                            : SmallVector<Value>{start.scalar};
  }
  hoistInputs();
  if (!reducesLanes) {
    sums = emitSums(0, std::move(sums));
    if (!hasFailed)
      region.store(region.hasLanes ? LaneValue::varying(std::move(sums))
                                   : LaneValue::uniform(sums.front()),
                   result, at);
    return;
  }
  const TileLayout &lanes = region.lanes;
  auto addPanel = [&](Value panel, SmallVector<Value> sums) {
    at[k.getLaneRank()] = panel;
    return emitSums(0, std::move(sums));
  };
  int64_t width = lanes.panelVectors * k.unit.lanes;
  int64_t numWhole = lanes.panelledSize / width;
  if (numWhole != 0)
    sums = k.loop(numWhole, panels, sums, [&](Value panel, ValueRange carried) {
      return addPanel(panel, llvm::to_vector(carried));
    });
  if (numWhole != lanes.numPanels) {
    SmallVector<Value> tail(sums.size(), identity);
    tail = addPanel(k.constant(numWhole), tail);
    for (auto [v, sum] : llvm::enumerate(tail)) {
      int64_t first = numWhole * width + v * k.unit.lanes;
      if (Value mask = makeTailMask(k, first, lanes.panelledSize))
        sum = arith::SelectOp::create(b, mask, sum, identity);
      sums[v] = combine(sums[v], sum);
    }
  }
  if (hasFailed)
    return;
  Value all = sums.front();
  for (Value sum : llvm::drop_begin(sums))
    all = combine(all, sum);
  // Halves of halves: a fixed order, like every other sum.
  for (int64_t half = k.unit.lanes / 2; half != 0; half /= 2) {
    auto rotated =
        llvm::map_to_vector(llvm::seq(k.unit.lanes), [&](int64_t lane) {
          return (lane + half) % k.unit.lanes;
        });
    all = combine(all, vector::ShuffleOp::create(b, all, all, rotated));
  }
  Value sum = vector::ExtractOp::create(b, all, 0);
  if (acc)
    sum = combine(region.load(*acc, at).scalar, sum);
  k.storeElements(sum, k.address(result, at));
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

/// The coordinate of the first element along `rank`, if what lies at its extent
/// or past it does not count or is not used; null if it may.
Value MapLowering::getOrigin(StringAttr rank) {
  return op.isReduced(rank) ? DemandedElements::getOrigin(op, rank)
                            : k.getDemanded().getOrigin(op.getResult(), rank);
}

/// How many positions along a rank count or are used.
Value MapLowering::getEnd(Rank rank) {
  auto [name, size] = rank;
  Value end = k.getEnd(name, size, getOrigin(name));
  return end ? end : k.constant(size);
}

/// Finds the ranks whose loop getEnd ends at the extent.
void MapLowering::findInsideRanks() {
  for (auto rank : op.getRanks().getAsRange<StringAttr>())
    if (rank != k.getLaneRank() &&
        k.endsInside(rank, getOrigin(rank), op.getOffset(rank)))
      region.insideRanks.insert(rank);
}

/// Nested loops over the ranks, the last innermost.
void MapLowering::forPositions(ArrayRef<Rank> ranks,
                               llvm::function_ref<void()> body) {
  if (ranks.empty())
    return body();
  int64_t step = ranks.front().first == region.alongRows ? k.unit.lanes : 1;
  k.loopTo(k.constant(0), getEnd(ranks.front()), step, [&](Value position) {
    at[ranks.front().first] = position;
    forPositions(ranks.drop_front(), body);
  });
}

/// All that one position of the outer ranks and the lanes needs.
void MapLowering::emitLanes() {
  if (reducer)
    return emitReduction();
  hoistInputs();
  auto emitAll = [&] {
    forPositions(inner, [&] {
      LaneValue filter;
      FailureOr<LaneValue> value = region.emit(at, filter);
      if (failed(value))
        hasFailed = true;
      else
        region.store(*value, result, at);
    });
  };
  Value isNeeded = isScaleNeeded();
  if (!isNeeded)
    return emitAll();
  k.when(isNeeded, emitAll);
}

/// Where the map multiplies in place by what is the same along the inner ranks,
/// whether that is other than 1 anywhere: a running state's correction seldom
/// is. Null for any other map.
Value MapLowering::isScaleNeeded() {
  auto product = op.getYield().getValue().getDefiningOp<arith::MulFOp>();
  if (!inPlace || !product || op.getBody().front().getOperations().size() != 2)
    return {};
  BlockArgument state = op.getBody().getArgument(*inPlace);
  Value other = product.getLhs() == state ? product.getRhs() : product.getLhs();
  auto factor = dyn_cast<BlockArgument>(other);
  if ((product.getLhs() != state && product.getRhs() != state) || !factor)
    return {};
  const LaneValue *factors = region.getHoisted(factor.getArgNumber());
  if (!factors || factors->kind != LaneValue::Varying)
    return {};
  Value isAny;
  for (Value vector : factors->vectors) {
    Value isOther =
        arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, vector,
                              makeConstant(b, vector.getType(), 1.0));
    isAny = isAny ? Value(arith::OrIOp::create(b, isAny, isOther)) : isOther;
  }
  return vector::ReductionOp::create(b, vector::CombiningKind::OR, isAny);
}

LogicalResult MapLowering::run() {
  if (failed(classifyRanks()))
    return failure();
  findInsideRanks();
  forPositions(outer, [&] {
    if (!region.hasLanes || reducesLanes)
      return emitLanes();
    auto emitPanels = [&](Value panel) {
      at[k.getLaneRank()] = panel;
      emitLanes();
    };
    Value end = k.getDemandedEnd(op.getResult(), k.getLaneRank());
    if (!end)
      return k.loop(region.lanes.numPanels, panels, emitPanels);
    k.loopTo(k.constant(0), k.countPanels(end, region.lanes), panels,
             emitPanels);
  });
  return failure(hasFailed);
}

LogicalResult KernelLowering::lowerMap(tile::MapOp op) {
  if (isFusedAccumulator(op))
    return success();
  return MapLowering(*this, op, getBuffer(op.getResult())).run();
}

LogicalResult KernelLowering::lowerMapInto(tile::MapOp op, Value result) {
  MapLowering lowering(*this, op, getBuffer(result));
  for (auto [index, input] : llvm::enumerate(op.getInputs()))
    if (input.getType() == result.getType() && isSamePlace(input, result))
      lowering.inPlace = index;
  return lowering.run();
}
