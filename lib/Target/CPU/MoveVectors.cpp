//===- MoveVectors.cpp - Tiles moved in vectors and in squares ------------===//

#include "lib/Target/CPU/Move.h"
#include "lib/Target/CPU/Transpose.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

//===----------------------------------------------------------------------===//
// Places and masks
//===----------------------------------------------------------------------===//

void MoveLowering::forPositions(ArrayRef<int64_t> but, bool isMasked,
                                llvm::function_ref<void()> body) {
  auto *next = llvm::find_if(dimensions, [&](const Dimension &dimension) {
    int64_t index = &dimension - dimensions.begin();
    return !llvm::is_contained(but, index);
  });
  if (next == dimensions.end())
    return body();
  SmallVector<int64_t> done(but);
  done.push_back(next - dimensions.begin());
  Value end = isMasked ? next->end : k.constant(next->size);
  k.loopTo(k.constant(0), end, 1, [&](Value position) {
    at[next->rank] = position;
    forPositions(done, isMasked, body);
  });
}

/// How far `at` is from the base in the view, in elements.
Value MoveLowering::getOffset(ArrayRef<int64_t> but) {
  Value offset = k.constant(0);
  for (auto [index, dimension] : llvm::enumerate(dimensions))
    if (!llvm::is_contained(but, int64_t(index)))
      offset =
          k.add(offset, k.mul(at.lookup(dimension.rank), dimension.stride));
  return offset;
}

Value MoveLowering::isWithin(const Dimension &dimension, Value position) {
  return k.both(arith::CmpIOp::create(b, arith::CmpIPredicate::sge, position,
                                      dimension.low),
                k.less(position, dimension.high));
}

/// Whether `count` positions from `first` on are inside.
Value MoveLowering::areWithin(const Dimension &dimension, Value first,
                              int64_t count) {
  Value begins =
      arith::CmpIOp::create(b, arith::CmpIPredicate::sge, first, dimension.low);
  Value ends =
      arith::CmpIOp::create(b, arith::CmpIPredicate::sle,
                            k.add(first, k.constant(count)), dimension.high);
  return k.both(begins, ends);
}

/// Whether `at` is inside the view along all ranks but `but`.
Value MoveLowering::getInside(ArrayRef<int64_t> but) {
  Value result = inside;
  for (auto [index, dimension] : llvm::enumerate(dimensions))
    if (!llvm::is_contained(but, int64_t(index)))
      result = k.both(result, isWithin(dimension, at.lookup(dimension.rank)));
  return result;
}

/// The lanes from the position `first` on that are inside.
Value MoveLowering::makeMask(const Dimension &dimension, Value first,
                             Value condition) {
  Type i32 = b.getI32Type();
  auto bound = [&](Value limit) -> Value {
    // Within +-2^31: positions are those of a tile.
    Value distance = arith::SubIOp::create(b, limit, first);
    return vector::BroadcastOp::create(
        b, k.vectorOf(i32), arith::TruncIOp::create(b, i32, distance));
  };
  SmallVector<int32_t> numbers;
  for (int64_t i = 0; i != k.unit.lanes; ++i)
    numbers.push_back(i);
  Value lanes = arith::ConstantOp::create(
      b, cast<TypedAttr>(b.getI32VectorAttr(numbers)));
  Value mask = k.both(arith::CmpIOp::create(b, arith::CmpIPredicate::sge, lanes,
                                            bound(dimension.low)),
                      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lanes,
                                            bound(dimension.high)));
  return k.both(mask, vector::BroadcastOp::create(b, k.vectorOf(b.getI1Type()),
                                                  condition));
}

Value MoveLowering::loadVector(Value pointer, Value mask) {
  int64_t alignment = memory.getIntOrFloatBitWidth() / 8;
  if (!mask)
    return k.load(memoryVector(), pointer, alignment);
  Value zero = isa<FloatType>(memory) ? makeConstant(b, memoryVector(), 0.0)
                                      : makeInteger(b, memoryVector(), 0);
  return LLVM::MaskedLoadOp::create(b, memoryVector(), pointer, mask, zero,
                                    uint32_t(alignment));
}

Value MoveLowering::widen(Value vector) {
  return isNarrow ? vector : widenElement(b, vector, element);
}

void MoveLowering::storeVector(Value vector, Value pointer, Value mask) {
  int64_t alignment = memory.getIntOrFloatBitWidth() / 8;
  if (!mask)
    return k.store(vector, pointer, alignment);
  LLVM::MaskedStoreOp::create(b, vector, pointer, mask, uint32_t(alignment));
}

//===----------------------------------------------------------------------===//
// Along the innermost rank
//===----------------------------------------------------------------------===//

/// Calls `body` with the first position of each vector along the innermost
/// dimension, the tile's position and what to add to that.
void MoveLowering::forVectors(
    const Dimension &dimension, bool isMasked,
    llvm::function_ref<void(Value, Position &, int64_t)> body) {
  int64_t lanes = k.unit.lanes;
  Position place = at;
  if (tile.layout.hasPanels()) {
    int64_t width = tile.layout.panelVectors * lanes;
    Value panels = isMasked ? k.countPanels(dimension.end, tile.layout)
                            : k.constant(tile.layout.numPanels);
    k.loopTo(k.constant(0), panels, 1, [&](Value panel) {
      place[dimension.rank] = panel;
      for (int64_t v = 0; v != tile.layout.panelVectors; ++v)
        body(k.add(k.mul(panel, k.constant(width)), k.constant(v * lanes)),
             place, v * lanes);
    });
    return;
  }
  Value end = isMasked ? dimension.end
                       : k.constant(llvm::alignTo(dimension.size, lanes));
  k.loopTo(k.constant(0), end, lanes, [&](Value first) {
    place[dimension.rank] = first;
    body(first, place, 0);
  });
}

/// Whether rows of the tile are whole vectors (see TileLayout).
bool MoveLowering::hasVectors() const {
  return tile.layout.hasPanels() || dimensions.back().size >= k.unit.lanes;
}

void MoveLowering::emitRows(bool isMasked) {
  if (!hasVectors())
    return emitElements();
  int64_t innermost = dimensions.size() - 1;
  const Dimension &dimension = dimensions[innermost];
  int64_t width = tile.layout.panelVectors * k.unit.lanes;
  bool hasTail = dimension.size % width != 0;
  auto moveVector = [&](Value pointer, Value address, Value mask) {
    if (!isStore)
      return k.storeElements(widen(loadVector(pointer, mask)), address);
    Value value = k.loadElements(k.vectorOf(tile.getElementType()), address);
    storeVector(narrowElement(b, value, element), pointer, mask);
  };
  forPositions({innermost}, isMasked, [&] {
    Value row = getOffset({innermost});
    Value condition = isMasked  ? getInside({innermost})
                      : hasTail ? makeInteger(b, b.getI1Type(), 1)
                                : Value();
    forVectors(
        dimension, isMasked, [&](Value first, Position &place, int64_t extra) {
          Value pointer = k.advance(base, k.add(row, first), memory);
          Value address = k.address(tile, place, extra);
          if (!condition)
            return moveVector(pointer, address, /*mask=*/{});
          k.when(
              k.both(condition, areWithin(dimension, first, k.unit.lanes)),
              [&] { moveVector(pointer, address, /*mask=*/{}); },
              [&] {
                moveVector(pointer, address,
                           makeMask(dimension, first, condition));
              });
        });
  });
}

//===----------------------------------------------------------------------===//
// Across
//===----------------------------------------------------------------------===//

/// How many of the innermost rank's positions are transposed at once: a
/// vector's lanes, or two of them where pairs of 16-bit elements can go
/// together.
int64_t MoveLowering::getSquareRows() const {
  int64_t lanes = k.unit.lanes;
  bool hasPairs = isNarrow && memory.getIntOrFloatBitWidth() == 16 &&
                  tile.layout.pack == 1 && tile.layout.panelVectors % 2 == 0;
  return hasPairs ? 2 * lanes : lanes;
}

/// Columns from rows; of twice as many rows as lanes, each pair is interleaved
/// and goes as one element of 32 bits.
SmallVector<Value> MoveLowering::transposeRows(ArrayRef<Value> rows) {
  int64_t lanes = k.unit.lanes;
  if (int64_t(rows.size()) == lanes)
    return transpose(b, rows);
  SmallVector<int64_t> inTurn;
  for (int64_t lane = 0; lane != lanes; ++lane)
    inTurn.append({lane, lanes + lane});
  SmallVector<Value> pairs;
  Type words = k.vectorOf(b.getI32Type());
  for (int64_t i = 0; i != lanes; ++i) {
    Value both =
        vector::ShuffleOp::create(b, rows[2 * i], rows[2 * i + 1], inTurn);
    pairs.push_back(vector::BitCastOp::create(b, words, both));
  }
  pairs = transpose(b, pairs);
  auto halves = VectorType::get({2 * lanes}, memory);
  for (Value &column : pairs)
    column = vector::BitCastOp::create(b, halves, column);
  return pairs;
}

/// A square of vectors: some of the innermost rank's positions, from `first`
/// on, by `count` positions of `along` from where `at` is. Rows of the square
/// are contiguous in the view along `along`, columns in the tile.
void MoveLowering::emitSquare(int64_t along, Value first, int64_t count,
                              bool isMasked) {
  int64_t innermost = dimensions.size() - 1, lanes = k.unit.lanes;
  const Dimension &inner = dimensions[innermost], &outer = dimensions[along];
  Value start = at.lookup(outer.rank);
  Value origin = k.add(getOffset({innermost, along}), start);
  Value condition = isMasked ? getInside({innermost, along}) : Value();
  auto rowMask = [&](int64_t row) -> Value {
    if (!isMasked)
      return {};
    Value isRow = isWithin(inner, k.add(first, k.constant(row)));
    return makeMask(outer, start, k.both(condition, isRow));
  };
  auto rowPointer = [&](int64_t row) {
    Value position = k.add(first, k.constant(row));
    return k.advance(base, k.add(origin, k.mul(position, inner.stride)),
                     memory);
  };
  Position place = at;
  int64_t width =
      tile.layout.hasPanels() ? tile.layout.panelVectors * lanes : 1;
  Value panel = b.createOrFold<arith::DivUIOp>(first, k.constant(width));
  place[inner.rank] = tile.layout.hasPanels() ? panel : first;
  Value within =
      arith::SubIOp::create(b, first, k.mul(panel, k.constant(width)));
  auto column = [&](int64_t i) {
    int64_t stride = tile.layout.strides[along];
    Value pointer = k.address(tile, place, i * stride);
    return tile.layout.hasPanels()
               ? k.advance(pointer, within,
                           getScratchType(tile.getElementType()))
               : pointer;
  };
  SmallVector<Value> square;
  Type wide = k.vectorOf(tile.getElementType());
  if (isStore) {
    for (int64_t i = 0; i != lanes; ++i)
      square.push_back(k.loadElements(wide, column(std::min(i, count - 1))));
    square = transpose(b, square);
    for (int64_t row = 0; row != lanes; ++row)
      storeVector(narrowElement(b, square[row], element), rowPointer(row),
                  rowMask(row));
    return;
  }
  for (int64_t row = 0; row != getSquareRows(); ++row)
    square.push_back(widen(loadVector(rowPointer(row), rowMask(row))));
  square = transposeRows(square);
  for (int64_t i = 0; i != count; ++i)
    k.storeElements(square[i], column(i));
}

/// Whether all lanes by lanes elements of a square are inside: some positions
/// of the innermost rank from `first` on, by those of `along` from `at` on.
Value MoveLowering::isWholeSquare(int64_t along, Value first) {
  int64_t innermost = dimensions.size() - 1;
  const Dimension &inner = dimensions[innermost], &outer = dimensions[along];
  return k.both(getInside({innermost, along}),
                k.both(areWithin(inner, first, getSquareRows()),
                       areWithin(outer, at.lookup(outer.rank), k.unit.lanes)));
}

void MoveLowering::emitSquares() {
  int64_t innermost = dimensions.size() - 1, lanes = k.unit.lanes;
  const Dimension &inner = dimensions[innermost], &outer = dimensions[last];
  int64_t whole = outer.size / lanes * lanes;
  forPositions({innermost, last}, /*isMasked=*/true, [&] {
    k.loopTo(k.constant(0), inner.end, getSquareRows(), [&](Value first) {
      if (whole != 0)
        k.loop(whole, lanes, [&](Value position) {
          at[outer.rank] = position;
          k.when(
              isWholeSquare(last, first),
              [&] { emitSquare(last, first, lanes, /*isMasked=*/false); },
              [&] { emitSquare(last, first, lanes, /*isMasked=*/true); });
        });
      if (whole != outer.size) {
        at[outer.rank] = k.constant(whole);
        emitSquare(last, first, outer.size - whole, /*isMasked=*/true);
      }
    });
  });
}
