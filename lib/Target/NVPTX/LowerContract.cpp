//===- LowerContract.cpp - Sums of products by a block of threads ---------===//
//
// result[i, l] = acc[i, l] + sum over c of lhs[i, c] * rhs[c, l]
//
// Each thread holds a few rows by a few lanes in registers while c runs, so
// that what it reads is used several times. A thread's lanes are spread, so
// that neighbours read neighbours.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/FusedAccumulator.h"
#include "lib/Target/NVPTX/MapRegion.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

namespace {
class ContractLowering {
public:
  ContractLowering(KernelLowering &k, tile::ContractOp op)
      : k(k), b(k.b), op(op), result(k.getBuffer(op.getResult())),
        lhs(k.getBuffer(op.getLhs())), rhs(k.getBuffer(op.getRhs())) {}
  LogicalResult run();

private:
  KernelLowering &k;
  ImplicitLocOpBuilder &b;
  tile::ContractOp op;
  Buffer result, lhs, rhs;
  tile::MapOp accMap; ///< computes acc as it is needed
  /// A rank of one operand alone each; null where there is none.
  StringAttr rowRank, columnRank;
  int64_t numRows = 1, numColumns = 1;
  /// What a thread holds.
  int64_t rows = 1, columns = 1;
  SmallVector<RankSize> outer, contracted;
  bool hasFailed = false;

  void classifyRanks();
  void chooseBlock();
  Position place(const Position &block, int64_t row, int64_t column);
  Value getStart(const Position &at);
  Value loadWide(const Buffer &buffer, const Position &at);
  SmallVector<Value> emitSum(Position &block, unsigned depth,
                             SmallVector<Value> sums);
  void emitStep(const Position &block, MutableArrayRef<Value> sums);
  Value multiplyAdd(Value x, Value y, Value sum);
};
} // namespace

void ContractLowering::classifyRanks() {
  auto isOnlyIn = [](const Buffer &one, const Buffer &other, StringAttr rank) {
    return one.type.getRankPosition(rank) >= 0 &&
           other.type.getRankPosition(rank) < 0;
  };
  for (auto [rank, size] :
       llvm::zip(result.type.getRanks(), result.type.getSizes())) {
    if (isOnlyIn(lhs, rhs, rank) && (!rowRank || size > numRows)) {
      rowRank = rank;
      numRows = size;
    }
    if (isOnlyIn(rhs, lhs, rank) && (!columnRank || size > numColumns)) {
      columnRank = rank;
      numColumns = size;
    }
  }
  for (auto [rank, size] :
       llvm::zip(result.type.getRanks(), result.type.getSizes()))
    if (rank != rowRank && rank != columnRank)
      outer.push_back({rank, size});
  for (auto rank : op.getOver().getAsRange<StringAttr>())
    contracted.push_back(
        {rank, lhs.type.getSizes()[lhs.type.getRankPosition(rank)]});
}

/// The largest block of at most 4 by 4 that leaves something for every thread.
void ContractLowering::chooseBlock() {
  int64_t elements = numRows * numColumns;
  for (auto [rank, size] : outer)
    elements *= size;
  for (int64_t r : {4, 2, 1})
    for (int64_t c : {4, 2, 1})
      if (numRows % r == 0 && numColumns % c == 0 && r * c > rows * columns &&
          elements / (r * c) >= k.threads) {
        rows = r;
        columns = c;
      }
}

/// The position of an element of the block.
Position ContractLowering::place(const Position &block, int64_t row,
                                 int64_t column) {
  Position at = block;
  if (rowRank)
    at[rowRank] =
        k.add(k.mul(block.lookup(rowRank), k.small(rows)), k.small(row));
  if (columnRank)
    at[columnRank] = k.add(block.lookup(columnRank),
                           k.small(column * (numColumns / columns)));
  return at;
}

/// What an element's sum starts from.
Value ContractLowering::getStart(const Position &at) {
  if (accMap) {
    FailureOr<PointValue> start = emitPoint(k, accMap, at);
    if (succeeded(start))
      return start->value;
    hasFailed = true;
  } else if (op.getAcc()) {
    return k.loadElement(k.getBuffer(op.getAcc()), at);
  }
  Type element = result.getElementType();
  return isa<FloatType>(element) ? makeConstant(b, element, 0.0)
                                 : makeInteger(b, element, 0);
}

Value ContractLowering::multiplyAdd(Value x, Value y, Value sum) {
  if (isa<FloatType>(result.getElementType()))
    return math::FmaOp::create(b, x, y, sum);
  return arith::AddIOp::create(b, arith::MulIOp::create(b, x, y), sum);
}

/// An element of an operand, in the type of the sums.
Value ContractLowering::loadWide(const Buffer &buffer, const Position &at) {
  Value loaded = k.loadElement(buffer, at);
  Type element = buffer.getElementType();
  return element == result.getElementType() ? loaded
                                            : widenElement(b, loaded, element);
}

void ContractLowering::emitStep(const Position &block,
                                MutableArrayRef<Value> sums) {
  SmallVector<Value> right, left;
  for (int64_t c = 0; c != columns; ++c)
    right.push_back(loadWide(rhs, place(block, 0, c)));
  for (int64_t r = 0; r != rows; ++r)
    left.push_back(loadWide(lhs, place(block, r, 0)));
  for (int64_t r = 0; r != rows; ++r)
    for (int64_t c = 0; c != columns; ++c)
      sums[r * columns + c] =
          multiplyAdd(left[r], right[c], sums[r * columns + c]);
}

SmallVector<Value> ContractLowering::emitSum(Position &block, unsigned depth,
                                             SmallVector<Value> sums) {
  if (depth == contracted.size()) {
    emitStep(block, sums);
    return sums;
  }
  auto [rank, size] = contracted[depth];
  return k.loop(k.small(0), size, 1, sums,
                [&, rank = rank](Value at, ValueRange carried) {
                  block[rank] = at;
                  return emitSum(block, depth + 1, llvm::to_vector(carried));
                });
}

LogicalResult ContractLowering::run() {
  Type element = result.getElementType();
  bool isNarrow = element.isF32() && isOperandElement(lhs.getElementType());
  if (lhs.getElementType() != element && !isNarrow)
    return op.emitOpError("multiplies ")
           << lhs.getElementType() << " into " << element
           << ", which the GPU can't do";
  if (!element.isIntOrFloat() || element.isInteger(1))
    return op.emitOpError("sums ") << element << ", which the GPU can't do";
  accMap = getFusedAccumulator(op);
  classifyRanks();
  chooseBlock();
  SmallVector<RankSize> blocks = outer;
  if (rowRank)
    blocks.push_back({rowRank, numRows / rows});
  if (columnRank)
    blocks.push_back({columnRank, numColumns / columns});
  k.beginWrite();
  k.forElements(blocks, [&](const Position &block) {
    SmallVector<Value> sums;
    for (int64_t r = 0; r != rows; ++r)
      for (int64_t c = 0; c != columns; ++c)
        sums.push_back(getStart(place(block, r, c)));
    Position at = block;
    sums = emitSum(at, 0, std::move(sums));
    for (int64_t r = 0; r != rows; ++r)
      for (int64_t c = 0; c != columns; ++c)
        k.storeElement(sums[r * columns + c], result, place(block, r, c));
  });
  k.barrier();
  return failure(hasFailed);
}

LogicalResult KernelLowering::lowerContract(tile::ContractOp op) {
  if (isWarpgroupContract(op))
    return lowerWarpgroupContract(op), success();
  if (isInRegisters(op.getResult()))
    return lowerMatrixContract(op), success();
  return ContractLowering(*this, op).run();
}
