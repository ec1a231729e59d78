//===- LowerMove.cpp - Tiles from views and back --------------------------===//
//
// Strides are known at run time only, so a move tests them and has a form for
// each case: vectors along the tile's innermost rank where that is contiguous
// in memory; squares transposed in registers where the view's last rank is and
// that is another; one element at a time otherwise. What lies outside the
// view's extents is masked off in each.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/Transpose.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

namespace {
/// One of the tile's ranks: where it runs in the view, and which of its
/// positions, [low, high), are inside the view's extents.
struct Dimension {
  StringAttr rank;
  int64_t size;
  Value stride, low, high;
};

class MoveLowering {
public:
  MoveLowering(KernelLowering &k, Value view, Value tile, ValueRange offsets,
               ArrayAttr dims, bool isStore)
      : k(k), b(k.b), view(k.getView(view)), tile(k.getBuffer(tile)),
        isStore(isStore), element(this->view.type.getElementType()),
        memory(getMemoryType(element)) {
    bind(offsets, dims);
  }
  void run();
  /// Copies only where the view has not the tile's layout, and returns where
  /// the tile is.
  Value runUnlessDirect();

private:
  KernelLowering &k;
  ImplicitLocOpBuilder &b;
  const ViewOperand &view;
  Buffer tile;
  bool isStore;
  Type element, memory;
  SmallVector<Dimension> dimensions; ///< in the tile's order
  Value base;                        ///< the address of the tile's first element
  Value inside;                      ///< of the view along its other ranks
  Value isWhole;                     ///< no element is outside
  int64_t last = -1; ///< the dimension along the view's last rank, or -1
  Position at;

  void bind(ValueRange offsets, ArrayAttr dims);
  SmallVector<Value *> getOperands();
  std::string getKey();
  void emit();
  bool hasVectors() const;
  void emitRows(bool isMasked);
  void emitSquares(bool isMasked);
  void emitSquare(int64_t along, Value first, int64_t count, bool isMasked);
  void emitElements();
  void moveElement();

  SmallVector<std::pair<StringAttr, int64_t>> getRanks(ArrayRef<int64_t> but);
  Value getOffset(ArrayRef<int64_t> but);
  Value getInside(ArrayRef<int64_t> but);
  Value isWithin(const Dimension &dimension, Value position);
  VectorType memoryVector() { return k.vectorOf(memory); }
  Value makeMask(const Dimension &dimension, Value first, Value condition);
  Value loadVector(Value pointer, Value mask);
  void storeVector(Value vector, Value pointer, Value mask);
  void forVectors(const Dimension &dimension,
                  llvm::function_ref<void(Value, Position &, int64_t)> body);
  Value clamp(Value value, int64_t high);
};
} // namespace

Value MoveLowering::clamp(Value value, int64_t high) {
  value = arith::MaxSIOp::create(b, value, k.constant(0));
  return arith::MinSIOp::create(b, value, k.constant(high));
}

void MoveLowering::bind(ValueRange offsets, ArrayAttr dims) {
  inside = makeInteger(b, b.getI1Type(), 1);
  isWhole = inside;
  Value start = k.constant(0);
  dimensions.resize(tile.type.getRanks().size());
  for (auto [index, dim] : llvm::enumerate(dims.getAsRange<StringAttr>())) {
    Value offset = k.toInt(k.getValue(offsets[index]));
    Value extent = view.extents[index];
    start = k.add(start, k.mul(offset, view.strides[index]));
    if (dim.getValue().empty()) {
      Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, offset,
                                         extent);
      inside = k.both(inside, fits);
      continue;
    }
    int64_t position = tile.type.getRankPosition(dim);
    int64_t size = tile.type.getSizes()[position];
    Value low = clamp(arith::SubIOp::create(b, k.constant(0), offset), size);
    Value high = clamp(arith::SubIOp::create(b, extent, offset), size);
    dimensions[position] = {dim, size, view.strides[index], low, high};
    Value fits = k.both(
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, low, k.constant(0)),
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, high,
                              k.constant(size)));
    isWhole = k.both(isWhole, fits);
    if (index + 1 == dims.size())
      last = position;
  }
  isWhole = k.both(isWhole, inside);
  base = k.advance(view.pointer, start, memory);
}

//===----------------------------------------------------------------------===//
// Places and masks
//===----------------------------------------------------------------------===//

SmallVector<std::pair<StringAttr, int64_t>>
MoveLowering::getRanks(ArrayRef<int64_t> but) {
  SmallVector<std::pair<StringAttr, int64_t>> ranks;
  for (auto [index, dimension] : llvm::enumerate(dimensions))
    if (!llvm::is_contained(but, int64_t(index)))
      ranks.push_back({dimension.rank, dimension.size});
  return ranks;
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
  Value mask = k.both(
      arith::CmpIOp::create(b, arith::CmpIPredicate::sge, lanes,
                            bound(dimension.low)),
      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, lanes,
                            bound(dimension.high)));
  return k.both(mask, vector::BroadcastOp::create(
                          b, k.vectorOf(b.getI1Type()), condition));
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
    const Dimension &dimension,
    llvm::function_ref<void(Value, Position &, int64_t)> body) {
  int64_t lanes = k.unit.lanes;
  Position place = at;
  if (tile.layout.hasLanes()) {
    int64_t width = tile.layout.panelVectors * lanes;
    k.loop(tile.layout.numPanels, 1, [&](Value panel) {
      place[dimension.rank] = panel;
      for (int64_t v = 0; v != tile.layout.panelVectors; ++v)
        body(k.add(k.mul(panel, k.constant(width)), k.constant(v * lanes)),
             place, v * lanes);
    });
    return;
  }
  k.loop(llvm::alignTo(dimension.size, lanes), lanes, [&](Value first) {
    place[dimension.rank] = first;
    body(first, place, 0);
  });
}

/// Whether rows of the tile are whole vectors (see TileLayout).
bool MoveLowering::hasVectors() const {
  return tile.layout.hasLanes() || dimensions.back().size >= k.unit.lanes;
}

void MoveLowering::emitRows(bool isMasked) {
  if (!hasVectors())
    return emitElements();
  int64_t innermost = dimensions.size() - 1;
  const Dimension &dimension = dimensions[innermost];
  int64_t width = tile.layout.panelVectors * k.unit.lanes;
  bool hasTail = dimension.size % width != 0;
  k.loopNest(getRanks({innermost}), at, [&] {
    Value row = getOffset({innermost});
    Value condition = isMasked  ? getInside({innermost})
                      : hasTail ? makeInteger(b, b.getI1Type(), 1)
                                : Value();
    forVectors(dimension, [&](Value first, Position &place, int64_t extra) {
      Value mask = condition ? makeMask(dimension, first, condition) : Value();
      Value pointer = k.advance(base, k.add(row, first), memory);
      Value address = k.address(tile, place, extra);
      if (isStore) {
        Value value =
            k.loadElements(k.vectorOf(tile.getElementType()), address);
        storeVector(narrowElement(b, value, element), pointer, mask);
      } else {
        Value value = widenElement(b, loadVector(pointer, mask), element);
        k.storeElements(value, address);
      }
    });
  });
}

//===----------------------------------------------------------------------===//
// Across
//===----------------------------------------------------------------------===//

/// A square of vectors: as many of the innermost rank's positions, from
/// `first` on, as a vector has lanes, by `count` positions of `along` from
/// where `at` is. Rows of the square are contiguous in the view along `along`,
/// columns in the tile.
void MoveLowering::emitSquare(int64_t along, Value first, int64_t count,
                              bool isMasked) {
  int64_t innermost = dimensions.size() - 1, lanes = k.unit.lanes;
  const Dimension &inner = dimensions[innermost], &outer = dimensions[along];
  Value start = at.lookup(outer.rank);
  Value origin = k.add(getOffset({innermost, along}), start);
  Value condition = isMasked ? getInside({innermost, along}) : Value();
  auto rowMask = [&](int64_t row) -> Value {
    bool overhangs = inner.size % lanes != 0;
    if (!isMasked && !overhangs && count == lanes)
      return {};
    Value valid = condition ? condition : makeInteger(b, b.getI1Type(), 1);
    if (isMasked || overhangs)
      valid = k.both(valid, isWithin(inner, k.add(first, k.constant(row))));
    return makeMask(outer, start, valid);
  };
  auto rowPointer = [&](int64_t row) {
    Value position = k.add(first, k.constant(row));
    return k.advance(base, k.add(origin, k.mul(position, inner.stride)),
                     memory);
  };
  Position place = at;
  int64_t width = tile.layout.hasLanes()
                      ? tile.layout.panelVectors * lanes
                      : 1;
  Value panel = b.createOrFold<arith::DivUIOp>(first, k.constant(width));
  place[inner.rank] = tile.layout.hasLanes() ? panel : first;
  Value within = arith::SubIOp::create(
      b, first, k.mul(panel, k.constant(width)));
  auto column = [&](int64_t i) {
    int64_t stride = tile.layout.strides[along];
    Value pointer = k.address(tile, place, i * stride);
    return tile.layout.hasLanes()
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
  for (int64_t row = 0; row != lanes; ++row)
    square.push_back(
        widenElement(b, loadVector(rowPointer(row), rowMask(row)), element));
  square = transpose(b, square);
  for (int64_t i = 0; i != count; ++i)
    k.storeElements(square[i], column(i));
}

void MoveLowering::emitSquares(bool isMasked) {
  int64_t innermost = dimensions.size() - 1, lanes = k.unit.lanes;
  const Dimension &inner = dimensions[innermost], &outer = dimensions[last];
  int64_t whole = outer.size / lanes * lanes;
  k.loopNest(getRanks({innermost, last}), at, [&] {
    k.loop(llvm::alignTo(inner.size, lanes), lanes, [&](Value first) {
      if (whole != 0)
        k.loop(whole, lanes, [&](Value position) {
          at[outer.rank] = position;
          emitSquare(last, first, lanes, isMasked);
        });
      if (whole != outer.size) {
        at[outer.rank] = k.constant(whole);
        emitSquare(last, first, outer.size - whole, isMasked);
      }
    });
  });
}

//===----------------------------------------------------------------------===//
// One at a time
//===----------------------------------------------------------------------===//

/// The element at `at`, whose lane position is a lane's and not a panel's.
void MoveLowering::moveElement() {
  Value valid = getInside({});
  Value pointer = k.advance(base, getOffset({}), memory);
  int64_t alignment = memory.getIntOrFloatBitWidth() / 8;
  Position place = at;
  Value within;
  if (tile.layout.hasLanes()) {
    StringAttr rank = k.getLaneRank();
    Value width = k.constant(tile.layout.panelVectors * k.unit.lanes);
    Value lane = at.lookup(rank);
    place[rank] = b.createOrFold<arith::DivUIOp>(lane, width);
    within = b.createOrFold<arith::RemUIOp>(lane, width);
  }
  Value address = k.address(tile, place);
  if (within)
    address = k.advance(address, within, getScratchType(tile.getElementType()));
  if (isStore) {
    scf::IfOp::create(b, valid, [&](OpBuilder &inner, Location) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(inner.getInsertionBlock(),
                          inner.getInsertionPoint());
      Value value = k.loadElements(tile.getElementType(), address);
      k.store(narrowElement(b, value, element), pointer, alignment);
      scf::YieldOp::create(b);
    });
    return;
  }
  k.storeElements(k.loadGuarded(pointer, valid, element, tile.pointer),
                  address);
}

void MoveLowering::emitElements() {
  k.loopNest(getRanks({}), at, [&] { moveElement(); });
}

//===----------------------------------------------------------------------===//
// The cases
//===----------------------------------------------------------------------===//

/// What the code is given: addresses, strides, bounds.
SmallVector<Value *> MoveLowering::getOperands() {
  SmallVector<Value *> operands{&base, &tile.pointer, &inside, &isWhole};
  for (Dimension &dimension : dimensions)
    operands.append({&dimension.stride, &dimension.low, &dimension.high});
  return operands;
}

/// All that the code depends on.
std::string MoveLowering::getKey() {
  std::string key;
  llvm::raw_string_ostream os(key);
  os << (isStore ? "store " : "load ") << element << " " << last << " "
     << tile.layout.lanePosition << tile.getElementType();
  for (const Dimension &dimension : dimensions)
    os << ":" << dimension.size;
  return key;
}

void MoveLowering::run() {
  std::string key = getKey();
  LLVM::LLVMFuncOp routine = k.routines.lookup(key);
  auto values =
      llvm::map_to_vector(getOperands(), [](Value *value) { return *value; });
  if (!routine) {
    routine = k.makeRoutine(isStore ? "store" : "load",
                            ValueRange(values).getTypes(),
                            [&](ValueRange arguments) {
                              for (auto [operand, argument] :
                                   llvm::zip(getOperands(), arguments))
                                *operand = argument;
                              emit();
                            });
    // A view and scratch never overlap.
    for (unsigned i : {0, 1})
      routine.setArgAttr(i, "llvm.noalias", b.getUnitAttr());
    k.routines.add(key, routine);
  }
  LLVM::CallOp::create(b, routine, values);
}

void MoveLowering::emit() {
  if (dimensions.empty())
    return emitElements();
  auto choose = [&](Value condition, llvm::function_ref<void()> yes,
                    llvm::function_ref<void()> no) {
    auto branch = [&](llvm::function_ref<void()> emit) {
      return [&, emit](OpBuilder &inner, Location) {
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPoint(inner.getInsertionBlock(),
                            inner.getInsertionPoint());
        emit();
        scf::YieldOp::create(b);
      };
    };
    scf::IfOp::create(b, condition, branch(yes), branch(no));
  };
  auto isContiguous = [&](int64_t dimension) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                 dimensions[dimension].stride, k.constant(1));
  };
  int64_t innermost = dimensions.size() - 1;
  auto otherwise = [&] {
    if (last < 0 || last == innermost || !hasVectors())
      return emitElements();
    choose(
        isContiguous(last),
        [&] {
          choose(
              isWhole, [&] { emitSquares(/*isMasked=*/false); },
              [&] { emitSquares(/*isMasked=*/true); });
        },
        [&] { emitElements(); });
  };
  choose(
      isContiguous(innermost),
      [&] {
        choose(
            isWhole, [&] { emitRows(/*isMasked=*/false); },
            [&] { emitRows(/*isMasked=*/true); });
      },
      otherwise);
}

Value MoveLowering::runUnlessDirect() {
  Value isDirect = isWhole;
  for (auto [dimension, stride] : llvm::zip(dimensions, tile.layout.strides))
    isDirect = k.both(isDirect,
                      arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                            dimension.stride,
                                            k.constant(stride)));
  auto branch = scf::IfOp::create(b, base.getType(), isDirect,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(branch.thenBlock());
  scf::YieldOp::create(b, base);
  b.setInsertionPointToEnd(branch.elseBlock());
  Value pointer = tile.pointer;
  run();
  scf::YieldOp::create(b, pointer);
  return branch.getResult(0);
}

/// Whether all that reads a tile are contractions that broadcast its elements
/// one by one: they work as well on the view, if that has the tile's layout.
static bool isOnlyBroadcast(tile::LoadOp op, StringAttr laneRank) {
  tile::TileType type = op.getResult().getType();
  bool isSame = op.getView().getType().getElementType() ==
                getScratchType(type.getElementType());
  if (!isSame || type.getRanks().empty() ||
      (laneRank && type.getRankPosition(laneRank) >= 0))
    return false;
  return llvm::all_of(op->getUses(), [&](OpOperand &use) {
    auto contract = dyn_cast<tile::ContractOp>(use.getOwner());
    return contract && use.get() != contract.getAcc();
  });
}

Value KernelLowering::loadGuarded(Value pointer, Value isInside, Type element,
                                  Value readable) {
  Type memory = getMemoryType(element);
  Value address = arith::SelectOp::create(b, isInside, pointer, readable);
  Value bits = load(memory, address, memory.getIntOrFloatBitWidth() / 8);
  Value zero = isa<FloatType>(memory) ? makeConstant(b, memory, 0.0)
                                      : makeInteger(b, memory, 0);
  return widenElement(b, arith::SelectOp::create(b, isInside, bits, zero),
                      element);
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
    // Unsigned, so that a negative index is outside too.
    isInside = both(isInside, arith::CmpIOp::create(
                                  b, arith::CmpIPredicate::ult, place, extent));
  }
  Value pointer = advance(view.pointer, offset, getMemoryType(element));
  return {loadGuarded(pointer, isInside, element, framePointer), isInside};
}

LogicalResult KernelLowering::lowerLoad(tile::LoadOp op) {
  MoveLowering move(*this, op.getView(), op.getResult(), op.getOffsets(),
                    op.getDims(), /*isStore=*/false);
  if (isOnlyBroadcast(op, getLaneRank()))
    directPointers[op.getResult()] = move.runUnlessDirect();
  else
    move.run();
  return success();
}

LogicalResult KernelLowering::lowerStore(tile::StoreOp op) {
  Value null = LLVM::ZeroOp::create(b, framePointer.getType());
  Value isWanted = LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::ne,
                                        getView(op.getView()).pointer, null);
  scf::IfOp::create(b, isWanted, [&](OpBuilder &inner, Location) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
    MoveLowering(*this, op.getView(), op.getTile(), op.getOffsets(),
                 op.getDims(), /*isStore=*/true)
        .run();
    scf::YieldOp::create(b);
  });
  return success();
}
