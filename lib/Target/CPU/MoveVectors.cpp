//===- MoveVectors.cpp - Tiles moved in vectors and in squares ------------===//

#include "lib/Target/CPU/Move.h"
#include "lib/Target/CPU/Transpose.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
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
  auto moveVector = [&](Value pointer, const Position &place, int64_t extra,
                        Value mask) {
    if (!isStore)
      return storeTile(widen(loadVector(pointer, mask)),
                       k.address(tile, place, extra));
    Value value =
        loadTile(k.vectorOf(tile.getElementType()), place, k.constant(extra));
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
          if (!condition)
            return moveVector(pointer, place, extra, /*mask=*/{});
          k.when(
              k.both(condition, areWithin(dimension, first, k.unit.lanes)),
              [&] { moveVector(pointer, place, extra, /*mask=*/{}); },
              [&] {
                moveVector(pointer, place, extra,
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

/// Where the tile has the position `first` of its innermost rank: the panel, if
/// there are any, and the place in that.
std::pair<Position, Value> MoveLowering::getPlace(Value first) {
  Position place = at;
  StringAttr rank = dimensions.back().rank;
  place[rank] = first;
  if (!tile.layout.hasPanels())
    return {place, k.constant(0)};
  Value width = k.constant(tile.layout.panelVectors * k.unit.lanes);
  place[rank] = b.createOrFold<arith::DivUIOp>(first, width);
  return {place, b.createOrFold<arith::RemUIOp>(first, width)};
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
  Position place;
  Value within;
  std::tie(place, within) = getPlace(first);
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
      square.push_back(
          loadTile(wide, place, within, {outer.rank, std::min(i, count - 1)}));
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
    storeTile(square[i], column(i));
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

/// Loads what all of the map's quotients in a strip are divided by. Returns
/// whether the reciprocals are normal: products with them are the quotients but
/// for a rounding.
Value MoveLowering::haveReciprocals(int64_t along, Value first) {
  Value result = makeInteger(b, b.getI1Type(), 1);
  divisors.clear();
  if (!map || !isStore)
    return result;
  auto [place, within] = getPlace(first);
  for (auto quotient : map.getBody().getOps<DivOp>()) {
    auto argument = dyn_cast<BlockArgument>(quotient.getRhs());
    if (!argument)
      continue;
    const Buffer &input = inputs[argument.getArgNumber()];
    if (input.type.getRankPosition(dimensions[along].rank) >= 0)
      continue;
    Type type = k.vectorOf(input.getElementType());
    Value divisor = loadFrom(input, type, place, within, {});
    divisors.push_back({argument, divisor});
    Value size = math::AbsFOp::create(b, divisor);
    auto compare = [&](arith::CmpFPredicate predicate, double bound) -> Value {
      return arith::CmpFOp::create(b, predicate, size,
                                   makeConstant(b, size.getType(), bound));
    };
    Value isNormal = k.both(compare(arith::CmpFPredicate::OGE, 0x1p-126),
                            compare(arith::CmpFPredicate::OLE, 0x1p126));
    if (isa<VectorType>(isNormal.getType()))
      isNormal =
          vector::ReductionOp::create(b, vector::CombiningKind::AND, isNormal);
    result = k.both(result, isNormal);
  }
  return result;
}

/// Whether all squares of a strip, along `along` from its start on, are inside,
/// and what divides all of them has a reciprocal.
Value MoveLowering::isWholeStrip(int64_t along, Value first) {
  int64_t innermost = dimensions.size() - 1;
  int64_t whole = dimensions[along].size / k.unit.lanes * k.unit.lanes;
  Value isInside =
      k.both(areWithin(dimensions[innermost], first, getSquareRows()),
             areWithin(dimensions[along], k.constant(0), whole));
  return k.both(k.both(getInside({innermost, along}), isInside),
                haveReciprocals(along, first));
}

/// A strip of squares, of which none but the last needs a mask unless
/// `isMasked`.
void MoveLowering::emitStrip(int64_t along, Value first, bool isMasked) {
  const Dimension &outer = dimensions[along];
  reciprocals.clear();
  if (!isMasked)
    for (auto [argument, divisor] : divisors)
      reciprocals.push_back(
          {argument, arith::DivFOp::create(
                         b, makeConstant(b, divisor.getType(), 1.0), divisor)});
  int64_t lanes = k.unit.lanes, whole = outer.size / lanes * lanes;
  if (whole != 0)
    k.loop(whole, lanes, [&](Value position) {
      at[outer.rank] = position;
      if (!isMasked)
        return emitSquare(along, first, lanes, /*isMasked=*/false);
      k.when(
          isWholeSquare(along, first),
          [&] { emitSquare(along, first, lanes, /*isMasked=*/false); },
          [&] { emitSquare(along, first, lanes, /*isMasked=*/true); });
    });
  if (whole != outer.size) {
    at[outer.rank] = k.constant(whole);
    emitSquare(along, first, outer.size - whole, /*isMasked=*/true);
  }
}

void MoveLowering::emitSquares() {
  int64_t innermost = dimensions.size() - 1;
  forPositions({innermost, last}, /*isMasked=*/true, [&] {
    k.loopTo(k.constant(0), dimensions[innermost].end, getSquareRows(),
             [&](Value first) {
               k.when(
                   isWholeStrip(last, first),
                   [&] { emitStrip(last, first, /*isMasked=*/false); },
                   [&] { emitStrip(last, first, /*isMasked=*/true); });
             });
  });
}
