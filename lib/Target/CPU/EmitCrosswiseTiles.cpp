//===- EmitCrosswiseTiles.cpp - Few rows against a tile, on AMX -----------===//
//
// Transposed, the sums along rows are a product whose left operand is the tile:
//
//   s[l, i] = sum over c of k[l, c] * q[c, i]
//
// and rows of c are what a register takes there, so it loads 16 of them from
// where the view has them. The few rows, packed once, are the right operand.
//
//   r[i, c] = sum over l of w[i, l] * v[l, c]
//
// has the tile on the right, where a register takes pairs of rows: these are
// interleaved on the way, 32 rows of few columns at a time, within 128 bits,
// which permutes the columns of the sums.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/CrosswiseLowering.h"
#include "lib/Target/CPU/TileRegisters.h"
#include "lib/Target/CPU/Transpose.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

/// Elements of bf16 in a row of a register.
static constexpr int64_t stepColumns = tileBytes / 2;

/// Whether the few may be multiplied in the tile's 16-bit type (S10), and both
/// fill registers. Of one or two, vectors take less time.
bool CrosswiseLowering::hasTiles() {
  return k.unit.hasTiles && numFew > fewForVectors && isNarrow &&
         tile.element.isBF16() && columns % stepColumns == 0 &&
         rows % stepColumns == 0;
}

/// Memory of the routine's own.
Value CrosswiseLowering::makeLocal(int64_t vectors) {
  return LLVM::AllocaOp::create(b, LLVM::LLVMPointerType::get(b.getContext()),
                                getRowType(), k.constant(vectors),
                                /*alignment=*/lineBytes);
}

/// A row of a register in it.
Value CrosswiseLowering::getLocalRow(Value local, int64_t row) {
  return k.advance(local, k.constant(row * tileBytes), b.getI8Type());
}

Value CrosswiseLowering::getRowBytes() {
  return k.mul(tile.rowStride, k.constant(2));
}

/// `stepColumns` elements of f32, rounded; of what came from bf16 exactly.
Value CrosswiseLowering::roundRow(Value pointer) {
  Value low = k.load(getRowType(), pointer, 4);
  Value next = k.advance(pointer, k.constant(k.unit.lanes), b.getF32Type());
  Value high = k.load(getRowType(), next, 4);
  StringAttr name = b.getStringAttr("llvm.x86.avx512bf16.cvtne2ps2bf16.512");
  return LLVM::CallIntrinsicOp::create(
             b, VectorType::get({stepColumns}, b.getBF16Type()), name,
             ValueRange{high, low})
      .getResult(0);
}

/// Runs `body` unless the few number `i` is past a view's end; scratch has room
/// for all.
void CrosswiseLowering::ifInside(int64_t i, llvm::function_ref<void()> body) {
  if (!fewEnd || !result.hasStrides())
    return body();
  k.when(k.less(k.constant(i), fewEnd), body);
}

//===----------------------------------------------------------------------===//
// Sums along rows
//===----------------------------------------------------------------------===//

/// Writes `stepColumns` columns of the few from the step number `step` on:
/// pairs of columns as rows, with a lane for each of the few and zeros after.
void CrosswiseLowering::packFew(Value packed, int64_t step) {
  Value column = k.constant(step * stepColumns), zero = k.constant(0);
  auto bits = VectorType::get({k.unit.lanes}, b.getI32Type());
  SmallVector<Value> rows(tileRows, makeInteger(b, bits, 0));
  for (int64_t i = 0; i != numFew; ++i)
    rows[i] = vector::BitCastOp::create(
        b, bits, roundRow(getPlace(few, zero, i, columnRank, column)));
  for (auto [index, row] : llvm::enumerate(transpose(b, rows)))
    k.store(row, getLocalRow(packed, step * tileRows + index), tileBytes);
}

/// Stores the sums of 16 rows, which lie one row after the other, as vectors
/// along the rows.
void CrosswiseLowering::storeSums(Value sums, Value firstRow) {
  SmallVector<Value> rows;
  for (int64_t row = 0; row != tileRows; ++row)
    rows.push_back(k.load(getRowType(), getLocalRow(sums, row), tileBytes));
  rows = transpose(b, rows);
  for (int64_t i = 0; i != numFew; ++i)
    ifInside(i, [&] {
      k.store(rows[i],
              getPlace(result, k.constant(0), i, k.getLaneRank(), firstRow), 4);
    });
}

void CrosswiseLowering::emitTileSum() {
  TileRegisters registers(k);
  int64_t steps = columns / stepColumns;
  Value packed = makeLocal(steps * tileRows), sums = makeLocal(tileRows);
  for (int64_t step = 0; step != steps; ++step)
    packFew(packed, step);
  Value localStride = k.constant(tileBytes), rowStride = getRowBytes();
  k.loop(rows, tileRows, [&](Value row) {
    k.loop(tileRows, 1, [&](Value i) {
      prefetchRow(k.add(row, i), getRowsAhead(), /*level=*/1, 0, columns);
    });
    Value sum = registers.zero(tileRows), first = getRow(row);
    for (int64_t step = 0; step != steps; ++step) {
      Value left = registers.load(
          k.advance(first, k.constant(step * stepColumns), getMemory()),
          rowStride, tileRows, tileBytes);
      Value right = registers.load(getLocalRow(packed, step * tileRows),
                                   localStride, tileRows, tileBytes);
      sum = registers.multiply(sum, left, right, tile.element, tileRows,
                               tileBytes);
    }
    registers.store(sum, sums, localStride, tileRows);
    storeSums(sums, row);
  });
}

//===----------------------------------------------------------------------===//
// Sums of rows
//===----------------------------------------------------------------------===//

/// Two rows of 16-bit elements in turn, within each 128 bits: the first halves
/// of these, and the second ones.
static std::pair<Value, Value> interleave(ImplicitLocOpBuilder &b, Value even,
                                          Value odd) {
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i != stepColumns; ++i) {
    int64_t from = i / 8 * 8 + i % 8 / 2 + i % 2 * stepColumns;
    low.push_back(from);
    high.push_back(from + 4);
  }
  return {vector::ShuffleOp::create(b, even, odd, low),
          vector::ShuffleOp::create(b, even, odd, high)};
}

/// Writes `stepColumns` rows of `numSteps` steps of columns, as registers of
/// pairs of rows, two for each step.
void CrosswiseLowering::packPairs(Value packed, Value firstRow,
                                  int64_t firstStep, int64_t numSteps) {
  auto type = VectorType::get({stepColumns}, getMemory());
  bool isWhole = numSteps * stepColumns == columns;
  int64_t ahead = isWhole ? getRowsAhead() : rows, level = isWhole ? 1 : 2;
  // Rolled: all rows' addresses would not fit registers.
  k.loop(tileRows, 1, [&](Value pair) {
    Value row = k.add(firstRow, k.mul(pair, k.constant(2)));
    Value next = k.add(row, k.constant(1));
    Value even = getRow(row), odd = getRow(next);
    for (Value later : {row, next})
      prefetchRow(later, ahead, level, firstStep * stepColumns,
                  numSteps * stepColumns);
    Value place =
        k.advance(packed, k.mul(pair, k.constant(tileBytes)), b.getI8Type());
    for (int64_t step = 0; step != numSteps; ++step) {
      auto load = [&](Value row) {
        Value column = k.constant((firstStep + step) * stepColumns);
        return k.load(type, k.advance(row, column, getMemory()), 2);
      };
      auto [low, high] = interleave(b, load(even), load(odd));
      k.store(low, getLocalRow(place, 2 * step * tileRows), tileBytes);
      k.store(high, getLocalRow(place, (2 * step + 1) * tileRows), tileBytes);
    }
  });
}

/// Stores the sums of a step, two registers with its columns permuted.
void CrosswiseLowering::storeStep(Value sums, int64_t step) {
  int64_t lanes = k.unit.lanes;
  SmallVector<int64_t> first;
  for (int64_t i = 0; i != lanes; ++i)
    first.push_back(i / 8 * 4 + i % 4 + i % 8 / 4 * lanes);
  SmallVector<int64_t> second =
      llvm::map_to_vector(first, [&](int64_t i) { return i + lanes / 2; });
  for (int64_t i = 0; i != numFew; ++i)
    ifInside(i, [&] {
      Value low = k.load(getRowType(), getLocalRow(sums, i), tileBytes);
      Value high =
          k.load(getRowType(), getLocalRow(sums, numFew + i), tileBytes);
      auto store = [&](ArrayRef<int64_t> order, int64_t column) {
        k.store(vector::ShuffleOp::create(b, low, high, order),
                getPlace(result, k.constant(0), i, columnRank,
                         k.constant(step * stepColumns + column)),
                4);
      };
      store(first, 0);
      store(second, lanes);
    });
}

/// Sums of `numSteps` steps of columns.
void CrosswiseLowering::addSteps(int64_t firstStep, int64_t numSteps) {
  TileRegisters registers(k);
  Value weights = makeLocal(numFew);
  Value packed = makeLocal(2 * numSteps * tileRows);
  Value sums = makeLocal(2 * numFew);
  Value localStride = k.constant(tileBytes);
  SmallVector<Value> zeros;
  for (int64_t i = 0; i != 2 * numSteps; ++i)
    zeros.push_back(registers.zero(numFew));
  auto all =
      k.loop(rows, stepColumns, zeros, [&](Value row, ValueRange carried) {
        for (int64_t i = 0; i != numFew; ++i)
          k.store(
              roundRow(getPlace(few, k.constant(0), i, k.getLaneRank(), row)),
              getLocalRow(weights, i), tileBytes);
        packPairs(packed, row, firstStep, numSteps);
        Value left = registers.load(weights, localStride, numFew, tileBytes);
        SmallVector<Value> next;
        for (auto [index, sum] : llvm::enumerate(carried)) {
          Value right = registers.load(getLocalRow(packed, index * tileRows),
                                       localStride, tileRows, tileBytes);
          next.push_back(registers.multiply(sum, left, right, tile.element,
                                            numFew, tileBytes));
        }
        return next;
      });
  for (int64_t step = 0; step != numSteps; ++step) {
    for (int64_t half : {0, 1})
      registers.store(all[2 * step + half], getLocalRow(sums, half * numFew),
                      localStride, numFew);
    storeStep(sums, firstStep + step);
  }
}

void CrosswiseLowering::emitTileAdd() {
  // Four registers of sums leave as many for operands.
  int64_t steps = columns / stepColumns, most = 2;
  for (int64_t step = 0; step < steps; step += most)
    addSteps(step, std::min(most, steps - step));
}
