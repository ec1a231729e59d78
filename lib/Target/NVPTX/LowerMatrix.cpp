//===- LowerMatrix.cpp - Contractions on tensor cores ---------------------===//
//
// result[i, l] = acc[i, l] + sum over c of lhs[i, c] * rhs[c, l]
//
// mma.sync.m16n8k16 multiplies 16 lanes l by 16 c with 16 c by 8 i. The operand
// with the lanes lies in registers, or comes from shared memory as it is
// needed; the other one always comes from there. ldmatrix hands a warp four 8
// by 8 matrices, of which each lane addresses a row: along the elements that
// are neighbours in memory, whichever rank they run along. What is not
// contracted may be that rank too; then ldmatrix transposes.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/NVPTX/Intrinsics.h"
#include "lib/Target/NVPTX/KernelLowering.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

/// Elements along each side of what a lane's row belongs to, and of a step
/// along the contracted rank.
static constexpr int64_t side = 8, step = 16;

namespace {
/// Reads 16 by 16 elements of two ranks of a tile at a time, as four matrices:
/// `first` changes fastest from one to the next.
class MatrixReader {
public:
  MatrixReader(KernelLowering &k, const Buffer &buffer, StringAttr first,
               StringAttr second, StringAttr contracted, Value firstStart);

  /// Four words, or the first `count` of them, of the elements from (`first`,
  /// `second`) on.
  SmallVector<Value> read(int64_t first, int64_t second, int64_t count = 4);

private:
  int64_t getStride(StringAttr rank) const {
    return buffer.layout.strides[buffer.type.getRankPosition(rank)];
  }
  KernelLowering &k;
  const Buffer &buffer;
  StringAttr first, second;
  bool isTransposed;
  Position lane; ///< of this lane's row
  /// Its address, and those of the pieces that change places with its first.
  llvm::SmallDenseMap<int64_t, Value> starts;
};
} // namespace

MatrixReader::MatrixReader(KernelLowering &k, const Buffer &buffer,
                           StringAttr first, StringAttr second,
                           StringAttr contracted, Value firstStart)
    : k(k), buffer(buffer), first(first), second(second),
      isTransposed(buffer.type.getRanks().back() != contracted) {
  auto bits = [&](int64_t from, int64_t count) -> Value {
    Value lane = arith::AndIOp::create(k.b, k.getThread(),
                                       k.small(Layout::warpSize - 1));
    Value shifted = arith::ShRUIOp::create(k.b, lane, k.small(from));
    return arith::AndIOp::create(k.b, shifted, k.small((1 << count) - 1));
  };
  Value row = bits(0, 3); // along the rank that is not innermost
  lane[first] = k.mul(bits(3, 1), k.small(side));
  lane[second] = k.mul(bits(4, 1), k.small(side));
  StringAttr outer = buffer.type.getRanks().front();
  lane[outer] = k.add(lane[outer], row);
  if (firstStart)
    lane[first] = k.add(lane[first], firstStart);
}

SmallVector<Value> MatrixReader::read(int64_t firstAt, int64_t secondAt,
                                      int64_t count) {
  // Only within a group does it depend on the row how far pieces are apart.
  const SharedLayout &layout = buffer.layout;
  StringAttr inner = buffer.type.getRanks().back();
  int64_t inGroup = (inner == first ? firstAt : secondAt) %
                    (layout.groupPieces * layout.getPieceElements());
  Value &start = starts[inGroup];
  if (!start) {
    Position at = lane;
    at[inner] = k.add(at[inner], k.small(inGroup));
    start = k.address(buffer, at);
  }
  int64_t offset =
      firstAt * getStride(first) + secondAt * getStride(second) - inGroup;
  Value pointer = k.advance(start, k.small(offset),
                            getScratchType(buffer.getElementType()));
  return emitLoadMatrix(k.b, pointer, count, isTransposed);
}

SmallVector<Value> KernelLowering::loadOperand(const Buffer &buffer) {
  StringAttr lanes = getLaneRank(), column = getColumnRank(buffer.type, lanes);
  Value warp =
      b.createOrFold<arith::DivUIOp>(getThread(), small(Layout::warpSize));
  MatrixReader reader(*this, buffer, lanes, column, column,
                      mul(warp, small(Layout::rowsPerWarp)));
  int64_t size = buffer.type.getSizes()[buffer.type.getRankPosition(column)];
  SmallVector<Value> words;
  for (int64_t c = 0; c != size; c += step)
    llvm::append_range(words, reader.read(0, c));
  noteRead();
  return words;
}

void KernelLowering::lowerMatrixContract(tile::ContractOp op) {
  tile::TileType type = op.getResult().getType();
  StringAttr column = getColumnRank(type, getLaneRank());
  auto over = cast<StringAttr>(op.getOver()[0]);
  Buffer lhs = getBuffer(op.getLhs());
  int64_t columns = type.getSizes()[type.getRankPosition(column)];
  int64_t contracted = lhs.type.getSizes()[lhs.type.getRankPosition(over)];
  SmallVector<Value> words = isInRegisters(op.getRhs())
                                 ? llvm::to_vector(getFragment(op.getRhs()))
                                 : loadOperand(getBuffer(op.getRhs()));
  SmallVector<Value> sums;
  if (op.getAcc())
    sums = llvm::to_vector(getFragment(op.getAcc()));
  else
    sums.assign(getNumWords(type, getLaneRank()),
                makeConstant(b, b.getF32Type(), 0.0));
  MatrixReader reader(*this, lhs, over, column, over, Value());
  for (int64_t c = 0; c != contracted; c += step)
    for (int64_t i = 0; i < columns; i += 2 * side) {
      bool isWhole = i + side < columns;
      SmallVector<Value> right = reader.read(c, i, isWhole ? 4 : 2);
      for (int64_t half = 0; half != (isWhole ? 2 : 1); ++half) {
        MutableArrayRef<Value> sum =
            MutableArrayRef<Value>(sums).slice((i / side + half) * 4, 4);
        emitMultiplyAdd(b, ArrayRef<Value>(words).slice(c / step * 4, 4),
                        ArrayRef<Value>(right).slice(half * 2, 2), sum,
                        lhs.getElementType());
      }
    }
  noteRead();
  setFragment(op.getResult(), std::move(sums));
}
