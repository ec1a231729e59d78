//===- LowerCrosswise.cpp - One row against a tile as memory has it -------===//
//
// A tile of which each element is used once is not worth a transposition. With
// the lanes along keys, a query needs two products of a row:
//
//   s[l] = sum over c of q[c] * k[c, l]
//   r[c] = sum over l of w[l] * v[c, l]
//
// where memory has c innermost. The first sums vectors along c for as many rows
// as a vector has lanes and transposes these sums; the second has the result in
// registers, to which each row is added. Both read whole rows from where the
// view has them, in order. Only the run shows whether c lies in one piece and
// all of the tile is inside; else the tile is transposed and multiplied as any
// other.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/Move.h"
#include "lib/Target/CPU/Transpose.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

//===----------------------------------------------------------------------===//
// Which operations
//===----------------------------------------------------------------------===//

/// Whether `type` is [c, lanes], both whole vectors, in f32.
static bool isTile(tile::TileType type, StringAttr laneRank, int64_t lanes) {
  return type.getElementType().isF32() && type.getRanks().size() == 2 &&
         type.getRanks().back() == laneRank &&
         llvm::all_of(type.getSizes(),
                      [&](int64_t size) { return size % lanes == 0; });
}

static bool hasOnlyRank(Value tile, StringAttr rank) {
  return cast<tile::TileType>(tile.getType()).getRanks() == ArrayRef(rank);
}

/// The tile of a product with one row, or null: `op` is
/// s[l] = sum over c of q[c] * k[c, l].
static Value getSummedTile(tile::ContractOp op, StringAttr laneRank,
                           int64_t lanes) {
  tile::TileType type = op.getRhs().getType();
  bool isRow = !op.getAcc() && isTile(type, laneRank, lanes) &&
               op.getOver().size() == 1 &&
               op.getOver()[0] == type.getRanks().front() &&
               hasOnlyRank(op.getLhs(), type.getRanks().front()) &&
               op.getLhs().getType().getElementType().isF32();
  return isRow ? op.getRhs() : Value();
}

/// The number of the input that is a tile, or nothing: `op` is
/// r[c] = sum over l of w[l] * v[c, l].
static std::optional<unsigned>
getAddedInput(tile::MapOp op, StringAttr laneRank, int64_t lanes) {
  Block &body = op.getBody().front();
  auto product = op.getYield().getValue().getDefiningOp<arith::MulFOp>();
  if (op.getReducers().size() != 1 || op.getAcc() ||
      op.getInputs().size() != 2 || op.getYield().getFilter() || !product ||
      body.getOperations().size() != 2 || product.getLhs() == product.getRhs())
    return std::nullopt;
  auto reducer = cast<ReduceAttr>(op.getReducers()[0]);
  if (reducer.getKind() != ReducerKind::Add || reducer.getVar() != laneRank ||
      llvm::any_of(product->getOperands(),
                   [](Value v) { return !isa<BlockArgument>(v); }))
    return std::nullopt;
  for (unsigned i : {0, 1}) {
    auto type = cast<tile::TileType>(op.getInputs()[i].getType());
    if (isTile(type, laneRank, lanes) &&
        hasOnlyRank(op.getInputs()[1 - i], laneRank) &&
        hasOnlyRank(op.getResult(), type.getRanks().front()))
      return i;
  }
  return std::nullopt;
}

/// The tile that `op` may read crosswise, or null.
static Value getTile(Operation *op, StringAttr laneRank, int64_t lanes) {
  if (!laneRank)
    return {};
  if (auto contract = dyn_cast<tile::ContractOp>(op))
    return getSummedTile(contract, laneRank, lanes);
  auto map = dyn_cast<tile::MapOp>(op);
  if (!map)
    return {};
  std::optional<unsigned> input = getAddedInput(map, laneRank, lanes);
  return input ? map.getInputs()[*input] : Value();
}

bool KernelLowering::isReadCrosswise(tile::LoadOp op) {
  Value tile = op.getResult();
  Type memory = op.getView().getType().getElementType();
  if (!tile.hasOneUse() ||
      getTile(*tile.user_begin(), getLaneRank(), unit.lanes) != tile ||
      !(memory.isF32() || memory.isBF16() || memory.isF16()))
    return false;
  // The view's last rank is the tile's that is not the lanes.
  return op.getDims()[op.getDims().size() - 1] ==
         op.getResult().getType().getRanks().front();
}

Crosswise MoveLowering::getCrosswise() {
  return {isContiguousAlong(last), base, dimensions.back().stride, element};
}

//===----------------------------------------------------------------------===//
// The code
//===----------------------------------------------------------------------===//

namespace {
class CrosswiseLowering {
public:
  CrosswiseLowering(KernelLowering &k, Crosswise tile, tile::TileType type,
                    Value vector, Value result)
      : k(k), b(k.b), tile(tile), rows(type.getSizes()[1]),
        columns(type.getSizes()[0]), vector(k.getBuffer(vector)),
        result(k.getBuffer(result)) {}
  void run(bool isSum);

private:
  KernelLowering &k;
  ImplicitLocOpBuilder &b;
  Crosswise tile;
  int64_t rows, columns;
  Buffer vector, result;

  Type getRowType() { return k.vectorOf(b.getF32Type()); }
  Value loadRow(Value row, Value column);
  Value loadScratch(const Buffer &buffer, Type type, Value position);
  void prefetchRow(Value row);
  Value emitSums(Value firstRow);
  void emitSum();
  void emitAdd();
};
} // namespace

/// A vector of a row, widened.
Value CrosswiseLowering::loadRow(Value row, Value column) {
  Type memory = getMemoryType(tile.element);
  Value pointer = k.advance(row, column, memory);
  Value bits =
      k.load(k.vectorOf(memory), pointer, memory.getIntOrFloatBitWidth() / 8);
  return widenElement(b, bits, tile.element);
}

/// Asks for the row so far after `row` that it comes while others are summed:
/// of the next tile, too.
void CrosswiseLowering::prefetchRow(Value row) {
  Type memory = getMemoryType(tile.element);
  int64_t lineElements = 8 * lineBytes / memory.getIntOrFloatBitWidth();
  int64_t ahead = std::max<int64_t>(
      1, k.unit.prefetchBytes * 8 / (columns * memory.getIntOrFloatBitWidth()));
  Value later = k.mul(k.add(row, k.constant(ahead)), tile.rowStride);
  for (int64_t column = 0; column < columns; column += lineElements)
    k.prefetch(k.advance(tile.base, k.add(later, k.constant(column)), memory),
               /*level=*/1);
}

/// From the position on in a tile of one rank, which has no gaps.
Value CrosswiseLowering::loadScratch(const Buffer &buffer, Type type,
                                     Value position) {
  return k.load(type, k.advance(buffer.pointer, position, b.getF32Type()), 4);
}

/// The products of the vector and as many rows as it has lanes.
Value CrosswiseLowering::emitSums(Value firstRow) {
  // So many rows that their addresses fit the registers, too.
  constexpr int64_t block = 8;
  SmallVector<Value> sums;
  Type memory = getMemoryType(tile.element);
  for (int64_t first = 0; first != k.unit.lanes; first += block) {
    SmallVector<Value> pointers;
    for (int64_t i = 0; i != block; ++i) {
      Value row = k.add(firstRow, k.constant(first + i));
      pointers.push_back(
          k.advance(tile.base, k.mul(row, tile.rowStride), memory));
      prefetchRow(row);
    }
    SmallVector<Value> zeros(block, makeConstant(b, getRowType(), 0.0));
    llvm::append_range(
        sums, k.loop(columns, k.unit.lanes, zeros,
                     [&](Value column, ValueRange carried) {
                       Value factor = loadScratch(vector, getRowType(), column);
                       SmallVector<Value> next;
                       for (auto [row, sum] : llvm::zip(pointers, carried))
                         next.push_back(math::FmaOp::create(
                             b, loadRow(row, column), factor, sum));
                       return next;
                     }));
  }
  sums = transpose(b, sums);
  while (sums.size() > 1) {
    SmallVector<Value> halves;
    for (size_t i = 0; i != sums.size() / 2; ++i)
      halves.push_back(
          arith::AddFOp::create(b, sums[i], sums[i + sums.size() / 2]));
    sums = std::move(halves);
  }
  return sums.front();
}

void CrosswiseLowering::emitSum() {
  k.loop(rows, k.unit.lanes, [&](Value row) {
    Value sums = emitSums(row);
    k.store(sums, k.advance(result.pointer, row, b.getF32Type()), 4);
  });
}

void CrosswiseLowering::emitAdd() {
  int64_t lanes = k.unit.lanes, numVectors = columns / lanes;
  // Two thirds of the registers for sums.
  int64_t block = std::min(numVectors, k.unit.registers * 2 / 3 / 2 * 2);
  Type memory = getMemoryType(tile.element);
  for (int64_t first = 0; first < numVectors; first += block) {
    int64_t count = std::min(block, numVectors - first);
    SmallVector<Value> zeros(count, makeConstant(b, getRowType(), 0.0));
    SmallVector<Value> sums =
        k.loop(rows, 1, zeros, [&](Value row, ValueRange carried) {
          if (first == 0)
            prefetchRow(row);
          Value scalar = loadScratch(vector, b.getF32Type(), row);
          Value factor = vector::BroadcastOp::create(
              b, cast<VectorType>(getRowType()), scalar);
          Value pointer =
              k.advance(tile.base, k.mul(row, tile.rowStride), memory);
          SmallVector<Value> next;
          for (auto [i, sum] : llvm::enumerate(carried))
            next.push_back(math::FmaOp::create(
                b, loadRow(pointer, k.constant((first + i) * lanes)), factor,
                sum));
          return next;
        });
    for (auto [i, sum] : llvm::enumerate(sums))
      k.store(sum,
              k.advance(result.pointer, k.constant((first + i) * lanes),
                        b.getF32Type()),
              4);
  }
}

/// All that the code depends on is in the key.
void CrosswiseLowering::run(bool isSum) {
  std::string key;
  llvm::raw_string_ostream(key) << "crosswise " << isSum << " " << tile.element
                                << " " << rows << " " << columns;
  SmallVector<Value *> operands{&tile.base, &tile.rowStride, &vector.pointer,
                                &result.pointer};
  auto values =
      llvm::map_to_vector(operands, [](Value *value) { return *value; });
  LLVM::LLVMFuncOp routine = k.routines.lookup(key);
  if (!routine) {
    routine = k.makeRoutine(
        "crosswise", ValueRange(values).getTypes(), [&](ValueRange arguments) {
          for (auto [operand, argument] : llvm::zip(operands, arguments))
            *operand = argument;
          isSum ? emitSum() : emitAdd();
        });
    k.routines.add(key, routine);
  }
  LLVM::CallOp::create(b, routine, values);
}

LogicalResult
KernelLowering::lowerCrosswise(Operation *op,
                               llvm::function_ref<LogicalResult()> otherwise) {
  Value tile = getTile(op, getLaneRank(), unit.lanes);
  auto it = tile ? crosswise.find(tile) : crosswise.end();
  if (it == crosswise.end())
    return otherwise();
  auto branch = scf::IfOp::create(b, TypeRange(), it->second.isInPlace,
                                  /*addThenBlock=*/true, /*addElseBlock=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(branch.thenBlock());
  auto contract = dyn_cast<tile::ContractOp>(op);
  Value vector;
  if (contract) {
    vector = contract.getLhs();
  } else {
    auto map = cast<tile::MapOp>(op);
    vector = map.getInputs()[map.getInputs()[0] == tile ? 1 : 0];
  }
  CrosswiseLowering(*this, it->second, cast<tile::TileType>(tile.getType()),
                    vector, op->getResult(0))
      .run(/*isSum=*/bool(contract));
  scf::YieldOp::create(b);
  b.setInsertionPointToEnd(branch.elseBlock());
  LogicalResult lowered = otherwise();
  scf::YieldOp::create(b);
  return lowered;
}
