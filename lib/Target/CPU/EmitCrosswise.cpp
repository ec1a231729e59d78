//===- EmitCrosswise.cpp - Few rows against a tile as memory has it -------===//
//
// Of the few rows, blocks of a power of two share what is loaded of the tile's
// rows: of a fourth of the registers at most, or a sum would share none of what
// it loads of the few. Sums of as many products as half of the registers hold
// are made at a time, or added to as many vectors as fill two thirds of them or
// more.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/CrosswiseLowering.h"
#include "lib/Target/CPU/Transpose.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

CrosswiseLowering::CrosswiseLowering(KernelLowering &k, Crosswise place,
                                     Value tile, Value few, Value result,
                                     StringAttr fewRank, bool isNarrow)
    : k(k), b(k.b), tile(place), fewRank(fewRank), isNarrow(isNarrow),
      few(k.getBuffer(few)), result(k.getBuffer(result)) {
  auto type = cast<tile::TileType>(tile.getType());
  columnRank = type.getRanks().front();
  columns = type.getSizes()[0];
  rows = type.getSizes()[1];
  if (!fewRank)
    return;
  numFew = this->few.type.getSizes()[this->few.type.getRankPosition(fewRank)];
  fewEnd = k.getDemandedEnd(result, fewRank);
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

/// The address of a row of the tile.
Value CrosswiseLowering::getRow(Value row) {
  return k.advance(tile.base, k.mul(row, tile.rowStride), getMemory());
}

/// A vector of a row, widened.
Value CrosswiseLowering::loadRow(Value row, Value column) {
  Type memory = getMemory();
  Value pointer = k.advance(row, column, memory);
  Value bits =
      k.load(k.vectorOf(memory), pointer, memory.getIntOrFloatBitWidth() / 8);
  return widenElement(b, bits, tile.element);
}

/// An element of the row number `first` + `index` of the few.
Value CrosswiseLowering::getPlace(const Buffer &buffer, Value first,
                                  int64_t index, StringAttr rank,
                                  Value position) {
  Position at;
  if (fewRank)
    at[fewRank] = k.add(first, k.constant(index));
  if (rank != k.getLaneRank()) {
    at[rank] = position;
    return k.address(buffer, at);
  }
  Value width = k.constant(buffer.layout.panelVectors * k.unit.lanes);
  at[rank] = b.createOrFold<arith::DivUIOp>(position, width);
  return k.advance(k.address(buffer, at),
                   b.createOrFold<arith::RemUIOp>(position, width),
                   b.getF32Type());
}

/// Elements of a row in a line.
int64_t CrosswiseLowering::getLineElements() {
  return 8 * lineBytes / getMemory().getIntOrFloatBitWidth();
}

/// The multiply-adds of `count` of the few with a line.
int64_t CrosswiseLowering::getLineProducts(int64_t count) {
  return count * getLineElements() / k.unit.lanes;
}

/// Whether memory is asked for what `count` of the few are multiplied with: not
/// for those that are left of blocks, which find it in a cache.
bool CrosswiseLowering::asksAhead(int64_t count) {
  return (count != 1 || !fewRank) &&
         getLineProducts(count) >= k.unit.prefetchFrom;
}

/// Rows whose products with `count` of the few are summed in step: as many as
/// keep the multipliers busy, if those and not memory take the time. Beside the
/// sums, the addresses of rows have to fit registers.
int64_t CrosswiseLowering::getRowsInStep(int64_t count) {
  constexpr int64_t manyProducts = 8, most = 8;
  int64_t rows = std::min(most, k.unit.registers / 2 / count);
  return getLineProducts(count) >= manyProducts
             ? rows
             : std::min(k.unit.rowsInStep, rows);
}

/// How many rows are as much as memory is asked for ahead.
int64_t CrosswiseLowering::getRowsAhead() {
  int64_t rowBits = columns * getMemory().getIntOrFloatBitWidth();
  return std::max<int64_t>(1, k.unit.prefetchBytes * 8 / rowBits);
}

/// Asks for columns of the row so far after `row` that it comes while others
/// are worked on: of the next tile, too.
void CrosswiseLowering::prefetchRow(Value row, int64_t ahead, int64_t level,
                                    int64_t firstColumn, int64_t numColumns) {
  Value later = getRow(k.add(row, k.constant(ahead)));
  for (int64_t column = 0; column < numColumns; column += getLineElements())
    k.prefetch(k.advance(later, k.constant(firstColumn + column), getMemory()),
               level);
}

/// Blocks of the few: as large as possible, then what is left.
void CrosswiseLowering::forFew(FewBody body) {
  if (!fewRank)
    return body(k.constant(0), 1);
  Value end = fewEnd ? fewEnd : k.constant(numFew), done = k.constant(0);
  int64_t most = std::min(numFew, k.unit.registers / 4);
  for (int64_t count = llvm::bit_floor<uint64_t>(most); count; count /= 2) {
    Value left = b.createOrFold<arith::SubIOp>(end, done);
    Value rest = b.createOrFold<arith::RemUIOp>(left, k.constant(count));
    Value next = b.createOrFold<arith::SubIOp>(end, rest);
    k.loopTo(done, next, count, [&](Value first) { body(first, count); });
    done = next;
  }
}

//===----------------------------------------------------------------------===//
// Sums along rows
//===----------------------------------------------------------------------===//

/// The vectors of a row that a turn of a loop takes: few enough that the turn
/// has at most `maxUnrolled` products.
static int64_t getVectorsInTurn(int64_t numVectors, int64_t products) {
  constexpr int64_t maxUnrolled = 16;
  for (int64_t vectors = numVectors; vectors > 1; --vectors)
    if (numVectors % vectors == 0 && vectors * products <= maxUnrolled)
      return vectors;
  return 1;
}

/// Of each of `count` of the few: the products with `numRows` rows from
/// `firstRow` on, summed until one vector is left of each. With a `lastRow`,
/// that is taken for rows past it.
SmallVector<Value> CrosswiseLowering::sumRows(Value firstRow, int64_t numRows,
                                              Value lastRow, Value first,
                                              int64_t count) {
  bool isAsking = asksAhead(count);
  SmallVector<Value> pointers, later;
  for (int64_t i = 0; i != numRows; ++i) {
    Value row = k.add(firstRow, k.constant(i));
    if (lastRow)
      row = arith::MinSIOp::create(b, row, lastRow);
    pointers.push_back(getRow(row));
    if (isAsking && !fewRank)
      prefetchRow(row, getRowsAhead(), /*level=*/1, 0, columns);
    else if (isAsking)
      later.push_back(getRow(k.add(row, k.constant(getRowsAhead()))));
  }
  int64_t inTurn = getVectorsInTurn(columns / k.unit.lanes, numRows * count);
  SmallVector<Value> zeros(numRows * count, makeConstant(b, getRowType(), 0.0));
  auto add = [&](Value column, ValueRange carried) {
    SmallVector<Value> factors, next;
    for (Value row : later)
      k.prefetch(k.advance(row, column, getMemory()), /*level=*/1);
    for (int64_t i = 0; i != count; ++i)
      factors.push_back(
          k.load(getRowType(), getPlace(few, first, i, columnRank, column), 4));
    for (auto [index, pointer] : llvm::enumerate(pointers)) {
      Value row = loadRow(pointer, column);
      for (auto [i, factor] : llvm::enumerate(factors))
        next.push_back(
            math::FmaOp::create(b, row, factor, carried[index * count + i]));
    }
    return next;
  };
  auto sums =
      k.loop(columns, inTurn * k.unit.lanes, zeros,
             [&](Value column, ValueRange carried) {
               auto next = llvm::to_vector(carried);
               for (int64_t v = 0; v != inTurn; ++v)
                 next = add(k.add(column, k.constant(v * k.unit.lanes)), next);
               return next;
             });
  SmallVector<Value> all;
  for (int64_t i = 0; i != count; ++i) {
    SmallVector<Value> mine;
    for (int64_t row = 0; row != numRows; ++row)
      mine.push_back(sums[row * count + i]);
    all.push_back(sumTransposed(b, mine, /*block=*/1));
  }
  return all;
}

/// The products with as many rows as a vector has lanes, none past `lastRow`.
void CrosswiseLowering::emitSums(Value firstRow, Value lastRow, Value first,
                                 int64_t count, Value local) {
  int64_t block = getRowsInStep(count);
  int64_t numBlocks = k.unit.lanes / block;
  auto getPart = [&](int64_t i, Value number) {
    Value index = k.add(k.constant(i * numBlocks), number);
    return k.advance(local, k.mul(index, k.constant(k.unit.lanes)),
                     b.getF32Type());
  };
  // A loop: what asks for memory by itself follows what each instruction reads,
  // and of blocks that are written out each would read every eighth row or so.
  k.loop(numBlocks, 1, [&](Value number) {
    Value row = k.add(firstRow, k.mul(number, k.constant(block)));
    for (auto [i, sum] :
         llvm::enumerate(sumRows(row, block, lastRow, first, count)))
      k.store(sum, getPart(i, number), 4);
  });
  for (int64_t i = 0; i != count; ++i) {
    SmallVector<Value> parts;
    for (int64_t number = 0; number != numBlocks; ++number)
      parts.push_back(k.load(getRowType(), getPart(i, k.constant(number)), 4));
    k.store(sumTransposed(b, parts, block),
            getPlace(result, first, i, k.getLaneRank(), firstRow), 4);
  }
}

void CrosswiseLowering::emitSum() {
  Value local = makeLocal(k.unit.lanes * k.unit.registers / 4);
  auto emitBlock = [&](Value row, Value lastRow) {
    forFew([&](Value first, int64_t count) {
      emitSums(row, lastRow, first, count, local);
    });
  };
  Value rest = arith::RemUIOp::create(b, tile.end, k.constant(k.unit.lanes));
  Value whole = arith::SubIOp::create(b, tile.end, rest);
  k.loopTo(k.constant(0), whole, k.unit.lanes,
           [&](Value row) { emitBlock(row, Value()); });
  k.when(k.less(whole, tile.end), [&] {
    emitBlock(whole, arith::SubIOp::create(b, tile.end, k.constant(1)));
  });
}

//===----------------------------------------------------------------------===//
// Sums of rows
//===----------------------------------------------------------------------===//

/// Adds to `numVectors` vectors of each of `count` of the few; `isWhole` if a
/// row has no others.
void CrosswiseLowering::addRows(Value first, int64_t count, int64_t firstVector,
                                int64_t numVectors, bool isWhole) {
  int64_t lanes = k.unit.lanes;
  auto addRow = [&](Value row, ArrayRef<Value> factors, Value within,
                    ValueRange carried) {
    // In parts of rows, so much later that each part's lines are asked for
    // while it is worked on.
    if (asksAhead(count))
      prefetchRow(row, isWhole ? getRowsAhead() : rows, isWhole ? 1 : 2,
                  firstVector * lanes, numVectors * lanes);
    Value pointer = getRow(row);
    SmallVector<Value> vectors, next;
    for (int64_t v = 0; v != numVectors; ++v)
      vectors.push_back(
          loadRow(pointer, k.constant((firstVector + v) * lanes)));
    for (Value pointer : factors) {
      Value scalar =
          k.load(b.getF32Type(), k.advance(pointer, within, b.getF32Type()), 4);
      Value factor = vector::BroadcastOp::create(
          b, cast<VectorType>(getRowType()), scalar);
      for (Value vector : vectors)
        next.push_back(
            math::FmaOp::create(b, vector, factor, carried[next.size()]));
    }
    return next;
  };
  SmallVector<Value> sums(count * numVectors,
                          makeConstant(b, getRowType(), 0.0));
  Value zero = k.constant(0);
  sums = k.loopTo(
      zero, tile.end, lanes, sums, [&](Value before, ValueRange carried) {
        SmallVector<Value> factors;
        for (int64_t i = 0; i != count; ++i)
          factors.push_back(getPlace(few, first, i, k.getLaneRank(), before));
        Value left = arith::SubIOp::create(b, tile.end, before);
        left = arith::MinSIOp::create(b, left, k.constant(lanes));
        return k.loopTo(
            zero, left, 1, carried, [&](Value within, ValueRange carried) {
              return addRow(k.add(before, within), factors, within, carried);
            });
      });
  for (int64_t i = 0; i != count; ++i)
    for (int64_t v = 0; v != numVectors; ++v)
      k.store(sums[i * numVectors + v],
              getPlace(result, first, i, columnRank,
                       k.constant((firstVector + v) * lanes)),
              4);
}

/// Adds, where there is but one, to more vectors than registers hold: two rows
/// at a time, to where the sums are stored, so that memory is read in order.
void CrosswiseLowering::addPairs(int64_t numVectors) {
  constexpr int64_t pair = 2;
  Value first = k.constant(0);
  auto getSum = [&](int64_t v) {
    return getPlace(result, first, 0, columnRank, k.constant(v * k.unit.lanes));
  };
  Value zero = makeConstant(b, getRowType(), 0.0);
  for (int64_t v = 0; v != numVectors; ++v)
    k.store(zero, getSum(v), 4);
  auto addRows = [&](Value row, int64_t numRows) {
    SmallVector<Value> pointers, factors;
    for (int64_t i = 0; i != numRows; ++i) {
      Value next = k.add(row, k.constant(i));
      if (asksAhead(1))
        prefetchRow(next, getRowsAhead(), /*level=*/1, 0, columns);
      pointers.push_back(getRow(next));
      Value factor = k.load(b.getF32Type(),
                            getPlace(few, first, 0, k.getLaneRank(), next), 4);
      factors.push_back(vector::BroadcastOp::create(
          b, cast<VectorType>(getRowType()), factor));
    }
    for (int64_t v = 0; v != numVectors; ++v) {
      Value sum = k.load(getRowType(), getSum(v), 4);
      for (auto [pointer, factor] : llvm::zip(pointers, factors))
        sum = math::FmaOp::create(
            b, loadRow(pointer, k.constant(v * k.unit.lanes)), factor, sum);
      k.store(sum, getSum(v), 4);
    }
  };
  Value rest = arith::RemUIOp::create(b, tile.end, k.constant(pair));
  Value paired = arith::SubIOp::create(b, tile.end, rest);
  k.loopTo(k.constant(0), paired, pair, [&](Value row) { addRows(row, pair); });
  k.when(k.less(paired, tile.end), [&] { addRows(paired, 1); });
}

void CrosswiseLowering::emitAdd() {
  int64_t numVectors = columns / k.unit.lanes;
  forFew([&](Value first, int64_t count) {
    int64_t most = count == 1 ? k.unit.registers * 2 / 3
                              : k.unit.registers * 3 / 4 / count;
    int64_t numParts = llvm::divideCeil(numVectors, most);
    if (!fewRank && numParts != 1)
      return addPairs(numVectors);
    int64_t part = llvm::divideCeil(numVectors, numParts);
    for (int64_t vector = 0; vector < numVectors; vector += part)
      addRows(first, count, vector, std::min(part, numVectors - vector),
              numParts == 1);
  });
}

//===----------------------------------------------------------------------===//
// The routine
//===----------------------------------------------------------------------===//

/// What the code is given: addresses, strides that the run shows, and an end.
SmallVector<Value *> CrosswiseLowering::getOperands() {
  SmallVector<Value *> operands{&tile.base, &tile.rowStride, &tile.end};
  for (Buffer *buffer : {&few, &result}) {
    operands.push_back(&buffer->pointer);
    for (Value &stride : buffer->strides)
      if (stride)
        operands.push_back(&stride);
  }
  if (fewEnd)
    operands.push_back(&fewEnd);
  return operands;
}

/// All that the code depends on.
std::string CrosswiseLowering::getKey(bool isSum, bool onTiles) {
  std::string key;
  llvm::raw_string_ostream os(key);
  os << "crosswise " << isSum << onTiles << " " << tile.element << " " << rows
     << " " << columns << " " << numFew << bool(fewRank) << bool(fewEnd);
  for (Buffer *buffer : {&few, &result}) {
    os << " " << buffer->type.getRankPosition(fewRank);
    for (Value stride : buffer->strides)
      os << (stride ? "s" : "1");
  }
  return key;
}

/// Calls the routine, which it makes first if there is none.
void CrosswiseLowering::call(bool isSum, bool onTiles) {
  std::string key = getKey(isSum, onTiles);
  SmallVector<Value *> operands = getOperands();
  auto values =
      llvm::map_to_vector(operands, [](Value *value) { return *value; });
  LLVM::LLVMFuncOp routine = k.routines.lookup(key);
  if (!routine) {
    routine = k.makeRoutine(
        "crosswise", ValueRange(values).getTypes(), [&](ValueRange arguments) {
          for (auto [operand, argument] : llvm::zip(operands, arguments))
            *operand = argument;
          if (onTiles)
            return isSum ? emitTileSum() : emitTileAdd();
          isSum ? emitSum() : emitAdd();
        });
    k.routines.add(key, routine);
    for (auto [operand, value] : llvm::zip(operands, values))
      *operand = value;
  }
  LLVM::CallOp::create(b, routine, values);
}

void CrosswiseLowering::run(bool isSum) {
  if (!hasTiles())
    return call(isSum, /*onTiles=*/false);
  Value isSuited = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, tile.end,
                                         k.constant(rows));
  if (fewEnd)
    isSuited = k.both(isSuited, k.less(k.constant(fewForVectors), fewEnd));
  k.when(
      isSuited, [&] { call(isSum, /*onTiles=*/true); },
      [&] { call(isSum, /*onTiles=*/false); });
}
