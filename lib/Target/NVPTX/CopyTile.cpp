//===- CopyTile.cpp - Operands from global to shared memory ---------------===//
//
// cp.async copies 16 bytes without a register in between, and nothing waits for
// it until the tile is used. It needs neighbours in memory at addresses that
// are multiples of 16 bytes, which only a call's strides tell: where they
// don't, each element is loaded and stored. What lies outside the view is 0 in
// both.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/NVPTX/Intrinsics.h"
#include "lib/Target/NVPTX/KernelLowering.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

/// Elements of 16 bits in one copy.
static constexpr int64_t pieceElements = 8;
/// Copies of one thread that are written out: each has an address of its own.
static constexpr int64_t maxUnrolled = 8;

namespace {
class TileCopy {
public:
  TileCopy(KernelLowering &k, tile::LoadOp op, const Buffer &buffer)
      : k(k), b(k.b), view(k.getView(op.getView())), buffer(buffer),
        window(k, view, buffer.type, op.getOffsets(), op.getDims()) {}
  void run();

private:
  KernelLowering &k;
  ImplicitLocOpBuilder &b;
  const ViewOperand &view;
  const Buffer &buffer;
  Window window;

  Value canCopyPieces();
  Value isMultiple(Value value, int64_t of);
  Value isEqual(Value x, Value y) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, x, y);
  }
  void copyPiece(const Position &at, Value pointer, Value isInside);
  void copyPieces();
  void copyElements();
};
} // namespace

Value TileCopy::isMultiple(Value value, int64_t of) {
  Value rest = arith::AndIOp::create(b, value, k.constant(of - 1));
  return isEqual(rest, k.constant(0));
}

/// Null where the tile's rows are no whole pieces.
Value TileCopy::canCopyPieces() {
  const Window::Dimension *inner = window.lookup(buffer.type.getRanks().back());
  if (buffer.type.getSizes().back() % pieceElements != 0)
    return {};
  Value address = LLVM::PtrToIntOp::create(b, b.getI64Type(), view.pointer);
  Value result =
      k.both(isMultiple(address, 16), isEqual(inner->stride, k.constant(1)));
  for (const Window::Dimension &dimension : window.dimensions)
    result = k.both(result, isMultiple(&dimension == inner ? dimension.offset
                                                           : dimension.stride,
                                       pieceElements));
  return result;
}

/// Eight elements at `pointer`; those past the end of their row of the view are
/// 0.
void TileCopy::copyPiece(const Position &at, Value pointer, Value isInside) {
  const Window::Dimension *inner = window.lookup(buffer.type.getRanks().back());
  Value left =
      arith::SubIOp::create(b, inner->extent, window.getCoordinate(*inner, at));
  left = arith::MinSIOp::create(b, left, k.constant(pieceElements));
  Value bytes = arith::TruncIOp::create(b, b.getI32Type(), left);
  bytes = k.mul(bytes, k.small(2));
  bytes = arith::SelectOp::create(b, isInside, bytes, k.small(0));
  Value source = LLVM::SelectOp::create(b, isInside, pointer, view.pointer);
  emitCopyAsync(b, k.address(buffer, at), source, bytes);
}

void TileCopy::copyPieces() {
  SmallVector<RankSize> pieces;
  int64_t count = 1;
  for (auto [rank, size] :
       llvm::zip(buffer.type.getRanks(), buffer.type.getSizes())) {
    bool isInner = rank == buffer.type.getRanks().back();
    pieces.push_back({rank, isInner ? size / pieceElements : size});
    count *= pieces.back().second;
  }
  auto place = [&](Value number) {
    Position at;
    k.decode(number, pieces, at);
    StringAttr inner = pieces.back().first;
    at[inner] = k.mul(at[inner], k.small(pieceElements));
    return at;
  };
  // Where whole rows are copied at a time, a thread stays in its column; one
  // that only loads has few registers.
  int64_t perRow = pieces.back().second;
  bool isByRows = !k.isProducing() && pieces.size() == 2 &&
                  k.threads % perRow == 0 && count % k.threads == 0 &&
                  count / k.threads <= maxUnrolled;
  if (!isByRows)
    return (void)k.loop(k.getThread(), count, k.threads, {},
                        [&](Value number, ValueRange) -> SmallVector<Value> {
                          Position at = place(number);
                          auto [pointer, isInside] = window.locate(at);
                          copyPiece(at, pointer, isInside);
                          return {};
                        });
  Position first = place(k.getThread());
  StringAttr outer = pieces.front().first;
  int64_t rows = k.threads / perRow;
  // From one address to the next: a loop has few of them to keep.
  Value pointer = window.locate(first).first;
  Value distance = k.mul(window.lookup(outer)->stride, k.constant(rows));
  for (int64_t row = 0; row != pieces.front().second; row += rows) {
    Position at = first;
    at[outer] = k.add(first[outer], k.small(row));
    copyPiece(at, pointer, window.locate(at).second);
    pointer =
        k.advance(pointer, distance, getMemoryType(view.type.getElementType()));
  }
}

void TileCopy::copyElements() {
  Type element = view.type.getElementType();
  k.forElements(window.ranks, [&](const Position &at) {
    auto [pointer, isInside] = window.locate(at);
    k.storeElement(k.loadBits(pointer, isInside, element), buffer, at);
  });
}

void TileCopy::run() {
  Value pieces = canCopyPieces();
  if (!pieces)
    return copyElements();
  k.when(pieces, [&] { copyPieces(); }, [&] { copyElements(); });
}

void KernelLowering::startCopy(tile::LoadOp op, const Buffer &buffer) {
  TileCopy(*this, op, buffer).run();
}
