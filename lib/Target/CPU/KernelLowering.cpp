//===- KernelLowering.cpp - Values, loops and memory of a kernel ----------===//

#include "lib/Target/CPU/KernelLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

Value KernelLowering::constant(int64_t number) {
  return makeInteger(b, b.getI64Type(), number);
}

Value KernelLowering::add(Value x, Value y) {
  return b.createOrFold<arith::AddIOp>(x, y);
}

Value KernelLowering::mul(Value x, Value y) {
  return b.createOrFold<arith::MulIOp>(x, y);
}

Value KernelLowering::less(Value x, Value y) {
  return b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::slt, x, y);
}

Value KernelLowering::both(Value x, Value y) {
  return b.createOrFold<arith::AndIOp>(x, y);
}

Value KernelLowering::toInt(Value index) {
  return b.createOrFold<arith::IndexCastOp>(b.getI64Type(), index);
}

Value KernelLowering::toIndex(Value integer) {
  return b.createOrFold<arith::IndexCastOp>(b.getIndexType(), integer);
}

VectorType KernelLowering::vectorOf(Type element) {
  return VectorType::get({unit.lanes}, element);
}

SmallVector<Value> KernelLowering::loop(int64_t count, int64_t step,
                                        ValueRange carried, Body body) {
  if (count <= step)
    return body(constant(0), carried);
  return loopTo(constant(0), constant(count), step, carried, body);
}

SmallVector<Value> KernelLowering::loopTo(Value first, Value end, int64_t step,
                                          ValueRange carried, Body body) {
  auto op = scf::ForOp::create(
      b, first, end, constant(step), carried,
      [&](OpBuilder &inner, Location, Value at, ValueRange arguments) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPoint(inner.getInsertionBlock(),
                            inner.getInsertionPoint());
        SmallVector<Value> next = body(at, arguments);
        scf::YieldOp::create(b, next);
      });
  return llvm::to_vector(ValueRange(op.getResults()));
}

void KernelLowering::loop(int64_t count, int64_t step,
                          llvm::function_ref<void(Value)> body) {
  loop(count, step, ValueRange(),
       [&](Value at, ValueRange) -> SmallVector<Value> {
         body(at);
         return {};
       });
}

void KernelLowering::loopTo(Value first, Value end, int64_t step,
                            llvm::function_ref<void(Value)> body) {
  loopTo(first, end, step, ValueRange(),
         [&](Value at, ValueRange) -> SmallVector<Value> {
           body(at);
           return {};
         });
}

void KernelLowering::loopNest(ArrayRef<std::pair<StringAttr, int64_t>> ranks,
                              Position &at, llvm::function_ref<void()> body) {
  if (ranks.empty())
    return body();
  auto [rank, size] = ranks.front();
  loop(size, 1, [&, rank = rank](Value position) {
    at[rank] = position;
    loopNest(ranks.drop_front(), at, body);
  });
}

Value KernelLowering::getEnd(StringAttr rank, int64_t size, Value origin) {
  if (Value end = getPanelEnd(rank))
    return end;
  for (auto declared : kernel.getRanks().getAsRange<RankAttr>())
    if (declared.getName() == rank && declared.getKind() == RankKind::Fixed &&
        declared.getValue() % size == 0)
      return {};
  if (!knowsEnd(origin))
    return constant(size);
  Value left =
      arith::SubIOp::create(b, getExtent(rank), toInt(getValue(origin)));
  return arith::MinSIOp::create(b, left, constant(size));
}

Value KernelLowering::getDemandedEnd(Value tile, StringAttr rank) {
  auto type = cast<tile::TileType>(tile.getType());
  if (Value end = getPanelEnd(rank); end && type.getRankPosition(rank) >= 0)
    return end;
  Value origin = demanded.getOrigin(tile, rank);
  // A run ends where its panels do.
  if (!origin || (panel && rank == getLaneRank()))
    return {};
  int64_t size = type.getSizes()[type.getRankPosition(rank)];
  return getEnd(rank, size, origin);
}

Value KernelLowering::countPanels(Value end, const TileLayout &layout) {
  Value width = constant(layout.panelVectors * unit.lanes);
  return b.createOrFold<arith::CeilDivSIOp>(end, width);
}

Value KernelLowering::restrictToPanel(Value end, const TileLayout &layout) {
  if (!end || !panel)
    return end;
  Value width = constant(layout.panelVectors * unit.lanes);
  Value left = b.createOrFold<arith::SubIOp>(end, mul(panel, width));
  return arith::MinSIOp::create(b, left, width);
}

Buffer KernelLowering::getBuffer(Value tile) {
  auto it = places.find(tile);
  Buffer buffer = it != places.end() ? it->second : getScratch(tile);
  if (panel && buffer.layout.hasLanes())
    takePanel(buffer, tile);
  return buffer;
}

/// Leaves of `buffer` the panel, or the piece of one, that is worked on.
void KernelLowering::takePanel(Buffer &buffer, Value tile) {
  TileLayout &layout = buffer.layout;
  Value pieces = constant(panelPieces);
  layout.panelVectors /= panelPieces;
  if (!plan.locals.contains(tile)) {
    Value whole = b.createOrFold<arith::DivUIOp>(panel, pieces);
    Value piece = b.createOrFold<arith::RemUIOp>(panel, pieces);
    Value width = constant(layout.panelVectors * unit.lanes * layout.pack);
    buffer.pointer =
        advance(address(buffer, {{getLaneRank(), whole}}), mul(piece, width),
                getScratchType(buffer.getElementType()));
  }
  layout.numPanels = 1;
  layout.panelledSize = layout.panelVectors * unit.lanes;
}

Buffer KernelLowering::getScratch(Value tile) {
  auto type = cast<tile::TileType>(tile.getType());
  return {advance(scratchPointer, constant(plan.offsets.lookup(tile)),
                  b.getI8Type()),
          type, TileLayout::get(type, getLaneRank(), unit)};
}

SmallVector<Buffer> KernelLowering::getBuffers(ValueRange tiles) {
  return llvm::map_to_vector(tiles,
                             [&](Value tile) { return getBuffer(tile); });
}

void KernelLowering::prefetch(Value pointer, int64_t level, bool isWritten) {
  // LLVM counts the levels from the memory up.
  LLVM::Prefetch::create(b, pointer, isWritten, /*hint=*/4 - level,
                         /*cache=*/1);
}

// What is known comes last, so that addresses that differ by it share the rest.
Value KernelLowering::address(const Buffer &buffer, const Position &at,
                              int64_t extra, ArrayRef<Step> steps) {
  Value offset = constant(0);
  for (auto [index, rank] : llvm::enumerate(buffer.type.getRanks())) {
    bool isLane = int64_t(index) == buffer.layout.panelPosition;
    int64_t stride =
        isLane ? buffer.layout.panelStride : buffer.layout.strides[index];
    Value inView = buffer.hasStrides() ? buffer.strides[index] : Value();
    Value position = at.lookup(rank);
    for (auto [along, count] : steps) {
      if (rank != along || count == 0)
        continue;
      if (inView)
        position = position ? add(position, constant(count)) : constant(count);
      else
        extra += count * (buffer.hasStrides() ? 1 : stride);
    }
    if (!position)
      continue;
    if (!inView)
      inView = constant(buffer.hasStrides() ? 1 : stride);
    offset = add(offset, mul(position, inView));
  }
  Type element = getScratchType(buffer.getElementType());
  return advance(advance(buffer.pointer, offset, element), constant(extra),
                 element);
}

Value KernelLowering::advance(Value base, Value offset, Type element) {
  if (matchPattern(offset, m_Zero()))
    return base;
  return LLVM::GEPOp::create(b, base.getType(), element, base,
                             ArrayRef<LLVM::GEPArg>{offset});
}

Value KernelLowering::load(Type type, Value pointer, int64_t alignment) {
  return LLVM::LoadOp::create(b, type, pointer, alignment);
}

void KernelLowering::store(Value value, Value pointer, int64_t alignment) {
  LLVM::StoreOp::create(b, value, pointer, alignment);
}

/// In scratch vectors begin at multiples of their size, which may exceed a
/// buffer's alignment only for 64-bit elements.
static int64_t getAlignment(Type type, bool isAligned) {
  int64_t bytes = getElementTypeOrSelf(type).getIntOrFloatBitWidth() / 8;
  if (auto vector = dyn_cast<VectorType>(type); vector && isAligned)
    bytes *= vector.getNumElements();
  return std::min<int64_t>(bytes, 64);
}

Value KernelLowering::loadElements(Type type, Value pointer, bool isAligned) {
  Type element = getElementTypeOrSelf(type);
  Type stored = getTypeLike(type, getScratchType(element));
  Value loaded = load(stored, pointer, getAlignment(stored, isAligned));
  return element.isInteger(1) ? widenElement(b, loaded, element) : loaded;
}

void KernelLowering::storeElements(Value value, Value pointer, bool isAligned) {
  Type element = getElementTypeOrSelf(value);
  if (element.isInteger(1))
    value = arith::ExtUIOp::create(
        b, getTypeLike(value.getType(), b.getI8Type()), value);
  store(value, pointer, getAlignment(value.getType(), isAligned));
}

void KernelLowering::lowerFill(tile::FillOp op) {
  Buffer buffer = getBuffer(op.getResult());
  int64_t count = buffer.layout.bytes / buffer.layout.elementBytes;
  Attribute value = op.getValueAttr();
  Value scalar = arith::ConstantOp::create(b, cast<TypedAttr>(value));
  Type element = buffer.getElementType();
  auto at = [&](Value offset) {
    return advance(buffer.pointer, offset, getScratchType(element));
  };
  if (count % unit.lanes != 0)
    return loop(count, 1, [&](Value i) { storeElements(scalar, at(i)); });
  Value splat = vector::BroadcastOp::create(b, vectorOf(element), scalar);
  Value end = constant(count), lanes;
  if (buffer.layout.hasLanes())
    lanes = getDemandedEnd(op.getResult(), getLaneRank());
  if (lanes)
    end = mul(countPanels(lanes, buffer.layout),
              constant(count / buffer.layout.numPanels));
  loopTo(constant(0), end, unit.lanes,
         [&](Value i) { storeElements(splat, at(i)); });
}
