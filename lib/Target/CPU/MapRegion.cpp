//===- MapRegion.cpp - A tile.map at some of its points -------------------===//

#include "lib/Target/CPU/MapRegion.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

MapRegion::MapRegion(KernelLowering &k, tile::MapOp op,
                     SmallVector<Buffer> inputs)
    : k(k), b(k.b), op(op), inputs(std::move(inputs)) {
  for (auto coord : op.getBody().getOps<tile::CoordOp>())
    usedCoordinates.insert(coord.getRankAttr());
  for (auto [rank, size] :
       llvm::zip(op.getRanks().getAsRange<StringAttr>(), op.getSizes())) {
    if (rank != k.getLaneRank())
      continue;
    hasLanes = true;
    auto type = tile::TileType::get({rank}, {size}, b.getF32Type());
    lanes = TileLayout::get(type, rank, k.unit);
    if (k.getPanel()) {
      lanes.numPanels = 1;
      lanes.panelVectors /= k.getPanelPieces();
    }
    numVectors = lanes.panelVectors;
  }
}

/// Where the vector number `vector` of the ones worked on lies.
Value MapRegion::getVectorAddress(const Buffer &buffer, const Position &at,
                                  int64_t vector) {
  return k.address(buffer, at, vector % lanes.panelVectors * k.unit.lanes,
                   {{k.getLaneRank(), vector / lanes.panelVectors}});
}

LaneValue MapRegion::load(const Buffer &buffer, const Position &at) {
  Type element = buffer.getElementType();
  if (alongRows && buffer.type.getRankPosition(alongRows) >= 0)
    return LaneValue::varying({k.loadElements(
        k.vectorOf(element), k.address(buffer, at), buffer.isAligned())});
  if (!buffer.layout.hasLanes())
    return LaneValue::uniform(k.loadElements(element, k.address(buffer, at)));
  SmallVector<Value> vectors;
  for (int64_t v = 0; v != numVectors; ++v)
    vectors.push_back(k.loadElements(k.vectorOf(element),
                                     getVectorAddress(buffer, at, v),
                                     buffer.isAligned()));
  return LaneValue::varying(std::move(vectors));
}

void MapRegion::store(const LaneValue &value, const Buffer &buffer,
                      const Position &at) {
  if (value.kind == LaneValue::Uniform)
    return k.storeElements(value.scalar, k.address(buffer, at));
  if (alongRows)
    return k.storeElements(value.vectors.front(), k.address(buffer, at),
                           buffer.isAligned());
  for (auto [index, vector] : llvm::enumerate(value.vectors))
    k.storeElements(vector, getVectorAddress(buffer, at, index),
                    buffer.isAligned());
}

bool MapRegion::canWorkAlong(StringAttr rank, int64_t size) const {
  return !hasLanes && size % k.unit.lanes == 0 &&
         !usedCoordinates.contains(rank) &&
         llvm::all_of(inputs, [&](const Buffer &buffer) {
           int64_t position = buffer.type.getRankPosition(rank);
           bool isLast = position + 1 == int64_t(buffer.type.getRanks().size());
           return position < 0 ||
                  (isLast && !buffer.layout.hasPanels() &&
                   buffer.getElementType().getIntOrFloatBitWidth() == 32);
         });
}

void MapRegion::hoistInputs(const Position &at,
                            llvm::function_ref<bool(StringAttr)> varies) {
  hoisted.clear();
  for (auto [index, buffer] : llvm::enumerate(inputs))
    if (llvm::none_of(buffer.type.getRanks(), varies))
      hoisted[index] = load(buffer, at);
}

FailureOr<LaneValue> MapRegion::emit(const Position &at, LaneValue &filter) {
  LaneEmitter emitter(k, numVectors);
  emitter.target.hasRoughExp = isRough && !k.unit.isAccurate;
  for (auto rank : op.getRanks().getAsRange<StringAttr>()) {
    if (!usedCoordinates.contains(rank))
      continue;
    Value position = at.lookup(rank), base = k.getValue(op.getOffset(rank));
    bool isLane = rank == k.getLaneRank();
    if (isLane && k.getPanel())
      position = k.add(position, k.getPanel());
    if (isLane)
      position = k.mul(position, k.constant(lanes.panelVectors * k.unit.lanes));
    Value first = b.createOrFold<arith::AddIOp>(base, k.toIndex(position));
    emitter.coordinates[rank] = LaneValue::linear(first, isLane ? 1 : 0);
  }
  Block &body = op.getBody().front();
  for (auto [index, argument] : llvm::enumerate(body.getArguments())) {
    auto it = hoisted.find(index);
    emitter.bind(argument,
                 it != hoisted.end() ? it->second : load(inputs[index], at));
  }
  for (auto compare : body.getOps<arith::CmpIOp>())
    if (llvm::any_of(insideRanks, [&](StringAttr rank) {
          return DemandedElements::isBelowExtent(compare, rank);
        }))
      emitter.bind(compare,
                   LaneValue::uniform(makeInteger(b, b.getI1Type(), 1)));
  if (failed(emitter.emit(body)))
    return failure();
  auto materialize = [&](Value value) {
    LaneValue found = emitter.get(value);
    if ((!hasLanes && !alongRows) || found.kind == LaneValue::Varying)
      return found;
    SmallVector<Value> vectors;
    for (int64_t v = 0; v != numVectors; ++v)
      vectors.push_back(emitter.getVector(found, v));
    return LaneValue::varying(std::move(vectors));
  };
  tile::YieldOp yield = op.getYield();
  if (yield.getFilter())
    filter = materialize(yield.getFilter());
  return materialize(yield.getValue());
}
