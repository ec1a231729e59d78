//===- LowerMove.cpp - Tiles from views and back --------------------------===//
//
// Threads take a view's elements in the view's order, so that neighbours read
// and write neighbours. What lies outside the view's extents is 0, and is not
// written.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/NVPTX/Intrinsics.h"
#include "lib/Target/NVPTX/KernelLowering.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

Window::Window(KernelLowering &k, const ViewOperand &view, tile::TileType tile,
               ValueRange offsets, ArrayAttr dims)
    : k(k), view(view) {
  for (auto [index, dim] : llvm::enumerate(dims.getAsRange<StringAttr>())) {
    bool isRank = !dim.getValue().empty();
    Value offset = k.toInt(k.getValue(offsets[index]));
    Value extent = view.extents[index];
    // Part of a product: what follows is other coordinates' of the rest.
    if (isRank && dim != view.type.getRanks()[index])
      if (Value end = k.getGridEnd(dim))
        extent = arith::MinSIOp::create(k.b, extent, k.add(offset, end));
    dimensions.push_back(
        {isRank ? dim : StringAttr(), offset, view.strides[index], extent});
    if (isRank)
      ranks.push_back({dim, tile.getSizes()[tile.getRankPosition(dim)]});
  }
}

Value Window::getCoordinate(const Dimension &dimension,
                            const Position &at) const {
  if (!dimension.rank)
    return dimension.offset;
  return k.add(dimension.offset, k.toInt(at.lookup(dimension.rank)));
}

/// Unsigned, so that a negative coordinate is outside too.
Value Window::isInside(const Dimension &dimension, const Position &at) const {
  return arith::CmpIOp::create(k.b, arith::CmpIPredicate::ult,
                               getCoordinate(dimension, at), dimension.extent);
}

std::pair<Value, Value> Window::locate(const Position &at) const {
  Value offset = k.constant(0), inside = makeInteger(k.b, k.b.getI1Type(), 1);
  for (const Dimension &dimension : dimensions) {
    offset =
        k.add(offset, k.mul(getCoordinate(dimension, at), dimension.stride));
    inside = k.both(inside, isInside(dimension, at));
  }
  Type memory = getMemoryType(view.type.getElementType());
  return {k.advance(view.pointer, offset, memory), inside};
}

const Window::Dimension *Window::lookup(StringAttr rank) const {
  for (const Dimension &dimension : dimensions)
    if (dimension.rank == rank)
      return &dimension;
  return nullptr;
}

Value KernelLowering::loadGuarded(Value pointer, Value isInside, Type element) {
  return widenElement(b, loadBits(pointer, isInside, element), element);
}

Value KernelLowering::loadBits(Value pointer, Value isInside, Type element) {
  Type memory = getMemoryType(element);
  auto branch = scf::IfOp::create(b, memory, isInside, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  Value bits = LLVM::LoadOp::create(b, memory, pointer,
                                    memory.getIntOrFloatBitWidth() / 8);
  scf::YieldOp::create(b, bits);
  b.setInsertionPointToStart(branch.elseBlock());
  Value zero = isa<FloatType>(memory) ? makeConstant(b, memory, 0.0)
                                      : makeInteger(b, memory, 0);
  scf::YieldOp::create(b, zero);
  b.setInsertionPointAfter(branch);
  return branch.getResult(0);
}

std::pair<Value, Value> KernelLowering::readElement(tile::ReadOp op,
                                                    ValueRange indices) {
  const ViewOperand &view = getView(op.getView());
  Type element = view.type.getElementType();
  Value offset = constant(0), isInside = makeInteger(b, b.getI1Type(), 1);
  for (auto [index, stride, extent] :
       llvm::zip(indices, view.strides, view.extents)) {
    Value place = toInt(index);
    offset = add(offset, mul(place, stride));
    isInside = both(isInside, arith::CmpIOp::create(
                                  b, arith::CmpIPredicate::ult, place, extent));
  }
  Value pointer = advance(view.pointer, offset, getMemoryType(element));
  return {loadGuarded(pointer, isInside, element), isInside};
}

LogicalResult KernelLowering::lowerLoad(tile::LoadOp op) {
  if (point)
    return loadPoint(op), success();
  if (isInRegisters(op.getResult()))
    return lowerFragmentLoad(op), success();
  if (isSwizzled(op.getResult()))
    return takeTile(op), success();
  if (stages.contains(op))
    return success(); // on its way since the turn before
  Buffer buffer = getBuffer(op.getResult());
  const ViewOperand &view = getView(op.getView());
  beginWrite();
  if (isOperandElement(buffer.getElementType())) {
    startCopy(op, buffer);
    emitCommitCopies(b);
    emitWaitForCopies(b);
    barrier();
    return success();
  }
  Window window(*this, view, buffer.type, op.getOffsets(), op.getDims());
  forElements(window.ranks, [&](const Position &at) {
    auto [pointer, isInside] = window.locate(at);
    storeElement(loadGuarded(pointer, isInside, view.type.getElementType()),
                 buffer, at);
  });
  barrier();
  return success();
}

LogicalResult KernelLowering::lowerStore(tile::StoreOp op) {
  if (point)
    return storePoint(op), success();
  const ViewOperand &view = getView(op.getView());
  Type element = view.type.getElementType();
  Value null = LLVM::ZeroOp::create(b, view.pointer.getType());
  Value isWanted =
      LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::ne, view.pointer, null);
  if (isInRegisters(op.getTile())) {
    when(isWanted, [&] { lowerFragmentStore(op); });
    return success();
  }
  Buffer buffer = getBuffer(op.getTile());
  when(isWanted, [&] {
    Window window(*this, view, buffer.type, op.getOffsets(), op.getDims());
    forElements(window.ranks, [&](const Position &at) {
      auto [pointer, isInside] = window.locate(at);
      when(isInside, [&, pointer = pointer] {
        Value value = narrowElement(b, loadElement(buffer, at), element);
        LLVM::StoreOp::create(b, value, pointer,
                              value.getType().getIntOrFloatBitWidth() / 8);
      });
    });
  });
  barrier();
  return success();
}
