//===- LowerMap.cpp - Einsums on tiles, by a block of threads -------------===//
//
// Each element of the result is computed by one thread; where a map reduces and
// has few elements, by some threads of one warp, which then combine what they
// have.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/FusedAccumulator.h"
#include "lib/Target/NVPTX/Intrinsics.h"
#include "lib/Target/NVPTX/MapRegion.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

namespace {
class MapLowering {
public:
  MapLowering(KernelLowering &k, tile::MapOp op)
      : k(k), b(k.b), op(op), result(k.getBuffer(op.getResult())) {}
  LogicalResult run();

private:
  static constexpr int64_t warpSize = 32;

  KernelLowering &k;
  ImplicitLocOpBuilder &b;
  tile::MapOp op;
  Buffer result;
  SmallVector<RankSize> kept, reduced;
  int64_t numKept = 1, numReduced = 1;
  bool hasFailed = false;

  void classifyRanks();
  void emitElements();
  int64_t getGroupSize() const;
  void emitReduction(const MapReducer &reducer);
  Value emitSum(const MapReducer &reducer, const Position &element, Value first,
                int64_t step);
  Value combine(const MapReducer &reducer, Value x, Value y);
};
} // namespace

void MapLowering::classifyRanks() {
  auto sizeOf = [&](StringAttr rank) -> int64_t {
    for (auto [candidate, size] :
         llvm::zip(op.getRanks().getAsRange<StringAttr>(), op.getSizes()))
      if (candidate == rank)
        return size;
    return 1;
  };
  // The result's in its order, so that neighbours write neighbours.
  for (StringAttr rank : result.type.getRanks())
    kept.push_back({rank, sizeOf(rank)});
  for (auto rank : op.getRanks().getAsRange<StringAttr>())
    if (op.isReduced(rank))
      reduced.push_back({rank, sizeOf(rank)});
  for (auto [rank, size] : kept)
    numKept *= size;
  for (auto [rank, size] : reduced)
    numReduced *= size;
}

void MapLowering::emitElements() {
  k.forElements(kept, [&](const Position &at) {
    FailureOr<PointValue> point = emitPoint(k, op, at);
    if (failed(point))
      hasFailed = true;
    else
      k.storeElement(point->value, result, at);
  });
}

/// The threads that reduce one element: a power of two.
int64_t MapLowering::getGroupSize() const {
  int64_t size = 1;
  while (2 * size <= std::min(warpSize, numReduced) &&
         2 * size * numKept <= k.threads)
    size *= 2;
  return size;
}

Value MapLowering::combine(const MapReducer &reducer, Value x, Value y) {
  Value combined = nvptx::combine(k, reducer, x, y);
  hasFailed |= !combined;
  return combined ? combined : x;
}

/// The points `first`, `first + step`, .. of the reduced ranks.
Value MapLowering::emitSum(const MapReducer &reducer, const Position &element,
                           Value first, int64_t step) {
  Value identity = emitIdentity(b, reducer, result.getElementType());
  auto sums = k.loop(
      first, numReduced, step, identity,
      [&](Value number, ValueRange carried) -> SmallVector<Value> {
        Position at = element;
        k.decode(number, reduced, at);
        FailureOr<PointValue> point = emitPoint(k, op, at);
        if (failed(point)) {
          hasFailed = true;
          return llvm::to_vector(carried);
        }
        Value sum = combine(reducer, carried.front(), point->value);
        if (point->filter)
          sum = arith::SelectOp::create(b, point->filter, sum, carried.front());
        return {sum};
      });
  return sums.front();
}

/// In a warp, the threads of a group are as far apart as there are groups, so
/// that neighbours have neighbouring elements.
void MapLowering::emitReduction(const MapReducer &reducer) {
  int64_t groupSize = getGroupSize(), perWarp = warpSize / groupSize;
  auto divide = [&](Value x, int64_t n) {
    return b.createOrFold<arith::DivUIOp>(x, k.small(n));
  };
  auto remainder = [&](Value x, int64_t n) {
    return b.createOrFold<arith::RemUIOp>(x, k.small(n));
  };
  Value lane = remainder(k.getThread(), warpSize);
  Value member = divide(lane, perWarp), local = remainder(lane, perWarp);
  int64_t perTurn = k.threads / groupSize;
  Value mine =
      k.add(k.mul(divide(k.getThread(), warpSize), k.small(perWarp)), local);
  // All threads stay together: shuffles need whole warps.
  k.loop(k.small(0), numKept, perTurn, {},
         [&](Value turn, ValueRange) -> SmallVector<Value> {
           Value number = k.add(turn, mine), last = k.small(numKept - 1);
           Value isMine = arith::CmpIOp::create(b, arith::CmpIPredicate::ule,
                                                number, last);
           Position at;
           k.decode(arith::MinUIOp::create(b, number, last), kept, at);
           Value sum = emitSum(reducer, at, member, groupSize);
           for (int64_t mask = perWarp; mask < warpSize; mask *= 2)
             sum = combine(reducer, sum, emitShuffleXor(b, sum, mask));
           if (op.getAcc())
             sum = combine(reducer, k.loadElement(k.getBuffer(op.getAcc()), at),
                           sum);
           Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                                 member, k.small(0));
           k.when(k.both(isMine, isFirst),
                  [&] { k.storeElement(sum, result, at); });
           return {};
         });
}

LogicalResult MapLowering::run() {
  FailureOr<std::optional<MapReducer>> reducer = getReducer(op);
  if (failed(reducer))
    return failure();
  classifyRanks();
  k.beginWrite();
  if (*reducer)
    emitReduction(**reducer);
  else
    emitElements();
  k.barrier();
  return failure(hasFailed);
}

LogicalResult KernelLowering::lowerMap(tile::MapOp op) {
  if (point)
    return lowerMapPoint(op);
  if (isInRegisters(op.getResult()))
    return lowerFragmentMap(op);
  if (isFusedAccumulator(op))
    return success();
  return MapLowering(*this, op).run();
}
