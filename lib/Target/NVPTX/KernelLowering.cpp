//===- KernelLowering.cpp - Values, threads and memory of a kernel --------===//

#include "lib/Target/NVPTX/KernelLowering.h"
#include "dialect/Attn/AttnOps.h"
#include "lib/Target/NVPTX/Intrinsics.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

Value KernelLowering::constant(int64_t number) {
  return makeInteger(b, b.getI64Type(), number);
}

Value KernelLowering::small(int64_t number) {
  return makeInteger(b, b.getI32Type(), number);
}

Value KernelLowering::add(Value x, Value y) {
  return b.createOrFold<arith::AddIOp>(x, y);
}

Value KernelLowering::mul(Value x, Value y) {
  return b.createOrFold<arith::MulIOp>(x, y);
}

Value KernelLowering::both(Value x, Value y) {
  return b.createOrFold<arith::AndIOp>(x, y);
}

Value KernelLowering::toInt(Value value) {
  if (value.getType().isInteger(64))
    return value;
  if (value.getType().isInteger(32))
    return b.createOrFold<arith::ExtSIOp>(b.getI64Type(), value);
  return b.createOrFold<arith::IndexCastOp>(b.getI64Type(), value);
}

Value KernelLowering::toIndex(Value integer) {
  return b.createOrFold<arith::IndexCastOp>(b.getIndexType(), integer);
}

//===----------------------------------------------------------------------===//
// Threads and loops
//===----------------------------------------------------------------------===//

SmallVector<Value> KernelLowering::loop(Value first, int64_t count,
                                        int64_t step, ValueRange carried,
                                        Body body) {
  auto op = scf::ForOp::create(
      b, first, small(count), small(step), carried,
      [&](OpBuilder &inner, Location, Value at, ValueRange arguments) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPoint(inner.getInsertionBlock(),
                            inner.getInsertionPoint());
        SmallVector<Value> next = body(at, arguments);
        scf::YieldOp::create(b, next);
      });
  return llvm::to_vector(ValueRange(op.getResults()));
}

void KernelLowering::decode(Value number, ArrayRef<RankSize> ranks,
                            Position &at) {
  for (auto [index, entry] : llvm::enumerate(llvm::reverse(ranks))) {
    auto [rank, size] = entry;
    if (index + 1 == ranks.size()) {
      at[rank] = number;
      return;
    }
    at[rank] = b.createOrFold<arith::RemUIOp>(number, small(size));
    number = b.createOrFold<arith::DivUIOp>(number, small(size));
  }
}

void KernelLowering::forElements(
    ArrayRef<RankSize> ranks, llvm::function_ref<void(const Position &)> body) {
  int64_t count = 1;
  for (auto [rank, size] : ranks)
    count *= size;
  loop(thread, count, threads, {},
       [&](Value number, ValueRange) -> SmallVector<Value> {
         Position at;
         decode(number, ranks, at);
         body(at);
         return {};
       });
}

void KernelLowering::barrier() {
  if (hasRoles())
    emitBarrier(b, producerSlice ? producerBarrier : computeBarrier, threads);
  else
    emitBarrier(b);
  hasPendingReads = false;
}

void KernelLowering::beginWrite() {
  if (hasPendingReads)
    barrier();
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

ScratchPlan nvptx::planShared(tile::KernelOp kernel) {
  if (getPointBox(kernel))
    return ScratchPlan();
  return planScratch(
      kernel, [](tile::TileType type) { return SharedLayout(type).bytes; }, {},
      kernel.getRoles() ? SharedLayout::swizzleAlignment
                        : SharedLayout::rowBytes);
}

Buffer KernelLowering::getBuffer(Value tile) {
  auto type = cast<tile::TileType>(tile.getType());
  SharedLayout layout(type);
  Value offset = small(plan.offsets.lookup(tile));
  Operation *op = tile.getDefiningOp();
  if (Value stage = op ? stages.lookup(op) : Value()) {
    int64_t bytes = llvm::alignTo(layout.bytes, plan.alignment);
    offset = add(offset, mul(stage, small(bytes)));
  }
  return {advance(sharedPointer, offset, b.getI8Type()), type, layout};
}

/// Of a swizzled tile.
static Value getSwizzledOffset(KernelLowering &k, const Buffer &buffer,
                               Value row, Value column) {
  auto split = [&](Value value, int64_t by) {
    return std::pair(k.b.createOrFold<arith::DivUIOp>(value, k.small(by)),
                     k.b.createOrFold<arith::RemUIOp>(value, k.small(by)));
  };
  using L = SharedLayout;
  constexpr int64_t pieceColumns = L::blockColumns / L::rowPieces;
  auto [block, inBlock] = split(column, L::blockColumns);
  auto [piece, inPiece] = split(inBlock, pieceColumns);
  Value place =
      k.b.createOrFold<arith::XOrIOp>(piece, split(row, L::rowPieces).second);
  Value offset = k.mul(block, k.small(buffer.layout.numRows * L::blockColumns));
  offset = k.add(offset, k.mul(row, k.small(L::blockColumns)));
  offset = k.add(offset, k.mul(place, k.small(pieceColumns)));
  return k.add(offset, inPiece);
}

/// Where a row of a tile that is not swizzled has its element `column`.
static Value exchangePieces(KernelLowering &k, const SharedLayout &layout,
                            Value row, Value column) {
  Value place =
      k.b.createOrFold<arith::DivUIOp>(row, k.small(layout.getRowsPerPlace()));
  place = k.b.createOrFold<arith::RemUIOp>(place, k.small(layout.groupPieces));
  return k.b.createOrFold<arith::XOrIOp>(
      column, k.mul(place, k.small(layout.getPieceElements())));
}

Value KernelLowering::address(const Buffer &buffer, const Position &at) {
  if (buffer.type.getSpace() == tile::Space::Swizzled)
    return advance(buffer.pointer,
                   getSwizzledOffset(*this, buffer,
                                     at.lookup(buffer.type.getRanks().front()),
                                     at.lookup(buffer.type.getRanks().back())),
                   getScratchType(buffer.getElementType()));
  const SharedLayout &layout = buffer.layout;
  ArrayRef<StringAttr> ranks = buffer.type.getRanks();
  Value offset = small(0);
  for (auto [rank, stride] : llvm::zip(ranks, layout.strides)) {
    Value position = at.lookup(rank);
    if (!position)
      continue;
    if (layout.groupPieces > 1 && rank == ranks.back())
      if (Value row = at.lookup(ranks.drop_back().back()))
        position = exchangePieces(*this, layout, row, position);
    offset = add(offset, mul(position, small(stride)));
  }
  return advance(buffer.pointer, offset,
                 getScratchType(buffer.getElementType()));
}

Value KernelLowering::advance(Value base, Value offset, Type element) {
  return LLVM::GEPOp::create(b, base.getType(), element, base,
                             ArrayRef<LLVM::GEPArg>{offset});
}

Value KernelLowering::loadElement(const Buffer &buffer, const Position &at) {
  Type element = buffer.getElementType();
  Value loaded =
      LLVM::LoadOp::create(b, getScratchType(element), address(buffer, at),
                           buffer.layout.elementBytes);
  // What memory holds of a 16-bit float stays as it is: it is an operand.
  return element.isInteger(1) ? widenElement(b, loaded, element) : loaded;
}

void KernelLowering::storeElement(Value value, const Buffer &buffer,
                                  const Position &at) {
  if (value.getType().isInteger(1))
    value = arith::ExtUIOp::create(b, b.getI8Type(), value);
  if (value.getType().isBF16())
    value = arith::BitcastOp::create(b, b.getI16Type(), value);
  LLVM::StoreOp::create(b, value, address(buffer, at),
                        buffer.layout.elementBytes);
}

/// The tile's ranks in its own order.
static SmallVector<RankSize> getRanks(tile::TileType type) {
  SmallVector<RankSize> ranks;
  for (auto [rank, size] : llvm::zip(type.getRanks(), type.getSizes()))
    ranks.push_back({rank, size});
  return ranks;
}

void KernelLowering::lowerFill(tile::FillOp op) {
  Attribute value = op.getValueAttr();
  Value scalar = arith::ConstantOp::create(b, cast<TypedAttr>(value));
  if (point)
    return values.map(op.getResult(), scalar);
  if (isInRegisters(op.getResult())) {
    int64_t words = getNumWords(op.getResult().getType(), getLaneRank());
    return setFragment(op.getResult(), SmallVector<Value>(words, scalar));
  }
  Buffer buffer = getBuffer(op.getResult());
  beginWrite();
  forElements(getRanks(buffer.type),
              [&](const Position &at) { storeElement(scalar, buffer, at); });
  barrier();
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

/// Floats may be contracted to multiply-adds and nothing else.
static void allowContraction(Operation *op) {
  if (isa<arith::MulFOp, arith::AddFOp, arith::SubFOp>(op))
    op->setAttr("fastmath",
                arith::FastMathFlagsAttr::get(op->getContext(),
                                              arith::FastMathFlags::contract));
}

Value KernelLowering::emitScalar(Operation *op, ValueRange operands) {
  bool isKnown =
      isa<CastOp, DivOp, SigmoidOp>(op) ||
      isa_and_nonnull<arith::ArithDialect, math::MathDialect>(op->getDialect());
  if (!isKnown || op->getNumResults() != 1 || op->getNumRegions() != 0)
    return op->emitOpError("can't be lowered for NVPTX here"), Value();
  if (isa<math::MathDialect>(op->getDialect()) &&
      op->getResult(0).getType().isF64() &&
      !isa<math::ExpOp, math::Exp2Op, math::SqrtOp, math::RsqrtOp, math::AbsFOp,
           math::FloorOp, math::CeilOp, math::RoundEvenOp>(op))
    return op->emitOpError("has no form for f64 yet"), Value();
  // An instruction each.
  if (isa<arith::MaximumFOp>(op) && operands[0].getType().isF32())
    return LLVM::MaximumOp::create(b, operands[0], operands[1]);
  if (isa<arith::MinimumFOp>(op) && operands[0].getType().isF32())
    return LLVM::MinimumOp::create(b, operands[0], operands[1]);
  if (Value result = emitScalarOp(b, op, operands, scalarTarget)) {
    if (Operation *made = result.getDefiningOp())
      allowContraction(made);
    return result;
  }
  IRMapping mapping;
  mapping.map(op->getOperands(), operands);
  Operation *made = b.clone(*op, mapping);
  allowContraction(made);
  return made->getResult(0);
}
