//===- LowerMove.cpp - Tiles from views and back --------------------------===//
//
// Strides are known at run time only, so a move tests them and has a form for
// each case: vectors along the tile's innermost rank where that is contiguous
// in memory; squares transposed in registers where the view's last rank is and
// that is another; one element at a time otherwise. What lies outside the
// view's extents is masked off in each, where there is something: with AVX2 a
// masked store is a dozen plain ones on some processors.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/Move.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

Value MoveLowering::clamp(Value value, int64_t high) {
  value = arith::MaxSIOp::create(b, value, k.constant(0));
  return arith::MinSIOp::create(b, value, k.constant(high));
}

void MoveLowering::bind(ValueRange offsets, ArrayAttr dims) {
  inside = makeInteger(b, b.getI1Type(), 1);
  isWhole = isUsedInside = inside;
  Value start = k.constant(0);
  dimensions.resize(tile.type.getRanks().size());
  for (auto [index, dim] : llvm::enumerate(dims.getAsRange<StringAttr>())) {
    Value offset = k.toInt(k.getValue(offsets[index]));
    Value extent = view.extents[index];
    start = k.add(start, k.mul(offset, view.strides[index]));
    if (dim.getValue().empty()) {
      Value fits =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ult, offset, extent);
      inside = k.both(inside, fits);
      continue;
    }
    int64_t position = tile.type.getRankPosition(dim);
    int64_t size = tile.type.getSizes()[position];
    Value low = clamp(arith::SubIOp::create(b, k.constant(0), offset), size);
    Value high = clamp(arith::SubIOp::create(b, extent, offset), size);
    // Part of a product: what follows is other coordinates' of the rest.
    if (dim != view.type.getRanks()[index])
      if (Value end = k.getGridEnd(dim))
        high = arith::MinSIOp::create(b, high, end);
    // A store moves what is inside, a load what is used.
    bool isCut = isStore ||
                 (dim == view.type.getRanks()[index] &&
                  k.getDemanded().getOrigin(tileValue, dim) == offsets[index]);
    Value end = isCut ? high : k.constant(size);
    dimensions[position] = {dim, size, view.strides[index], low, high, end};
    Value begins =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, low, k.constant(0));
    Value fits =
        k.both(begins, arith::CmpIOp::create(b, arith::CmpIPredicate::eq, high,
                                             k.constant(size)));
    isWhole = k.both(isWhole, fits);
    isUsedInside = k.both(isUsedInside, isCut ? begins : fits);
    if (index + 1 == dims.size())
      last = position;
  }
  isWhole = k.both(isWhole, inside);
  isUsedInside = k.both(isUsedInside, inside);
  base = k.advance(view.pointer, start, memory);
}

//===----------------------------------------------------------------------===//
// What is in the tile
//===----------------------------------------------------------------------===//

/// What the map makes of `values`, one of each input; as `type` says, vectors
/// or numbers.
Value MoveLowering::computeMap(Type type, ArrayRef<LaneValue> values) {
  LaneEmitter emitter(k, /*numVectors=*/1);
  Block &body = map.getBody().front();
  for (auto [argument, value] : llvm::zip(body.getArguments(), values))
    emitter.bind(argument, value);
  for (auto [divisor, value] : reciprocals)
    emitter.bindReciprocal(divisor, LaneValue::make(value));
  if (failed(emitter.emit(body))) {
    hasFailed = true;
    return makeConstant(b, type, 0.0);
  }
  LaneValue made = emitter.get(map.getYield().getValue());
  return isa<VectorType>(type) ? emitter.getVector(made, 0) : made.scalar;
}

/// What `buffer` has from `place` on, `step` and then `within` elements along
/// the innermost rank further; a number where it lacks that rank.
Value MoveLowering::loadFrom(const Buffer &buffer, Type type,
                             const Position &place, Value within, Step step) {
  Value address = k.address(buffer, place, 0, step);
  if (map && buffer.type.getRankPosition(tile.type.getRanks().back()) < 0)
    return k.loadElements(buffer.getElementType(), address);
  if (within)
    address =
        k.advance(address, within, getScratchType(buffer.getElementType()));
  return k.loadElements(type, address);
}

/// What is to be stored from there on.
Value MoveLowering::loadTile(Type type, const Position &place, Value within,
                             Step step) {
  if (!map)
    return loadFrom(tile, type, place, within, step);
  return computeMap(type, llvm::map_to_vector(inputs, [&](Buffer &input) {
                      return LaneValue::make(
                          loadFrom(input, type, place, within, step));
                    }));
}

void MoveLowering::storeTile(Value value, Value address) {
  if (map)
    value = computeMap(value.getType(), LaneValue::make(value));
  k.storeElements(value, address);
}

//===----------------------------------------------------------------------===//
// One at a time
//===----------------------------------------------------------------------===//

/// The element at `at`, whose positions are elements' and not panels'.
void MoveLowering::moveElement() {
  Value valid = getInside({});
  Value pointer = k.advance(base, getOffset({}), memory);
  int64_t alignment = memory.getIntOrFloatBitWidth() / 8;
  Position place = at;
  Value within;
  if (tile.layout.hasPanels()) {
    StringAttr rank = tile.type.getRanks()[tile.layout.panelPosition];
    Value width = k.constant(tile.layout.panelVectors * k.unit.lanes);
    Value lane = at.lookup(rank);
    place[rank] = b.createOrFold<arith::DivUIOp>(lane, width);
    within = b.createOrFold<arith::RemUIOp>(lane, width);
  }
  if (isStore) {
    k.when(valid, [&] {
      Value value = loadTile(tile.getElementType(), place, within);
      k.store(narrowElement(b, value, element), pointer, alignment);
    });
    return;
  }
  Value address = k.address(tile, place);
  if (within)
    address = k.advance(address, within, getScratchType(tile.getElementType()));
  Type loaded = isNarrow ? memory : element;
  storeTile(k.loadGuarded(pointer, valid, loaded, tile.pointer), address);
}

void MoveLowering::emitElements() {
  forPositions({}, /*isMasked=*/true, [&] { moveElement(); });
}

//===----------------------------------------------------------------------===//
// The cases
//===----------------------------------------------------------------------===//

/// What the code is given: addresses, strides, bounds.
SmallVector<Value *> MoveLowering::getOperands() {
  SmallVector<Value *> operands{&base, &tile.pointer, &inside, &isWhole};
  for (Dimension &dimension : dimensions)
    operands.append(
        {&dimension.stride, &dimension.low, &dimension.high, &dimension.end});
  for (Buffer &input : inputs)
    operands.push_back(&input.pointer);
  return operands;
}

/// All that the code depends on but the map's region.
std::string MoveLowering::getKey() {
  std::string key;
  llvm::raw_string_ostream os(key);
  os << (isStore ? "store " : "load ") << element << " " << last << " "
     << tile.layout.panelPosition << tile.getElementType();
  for (const Dimension &dimension : dimensions)
    os << ":" << dimension.size;
  for (const Buffer &input : inputs) {
    os << " of";
    for (StringAttr rank : input.type.getRanks())
      os << " " << tile.type.getRankPosition(rank);
  }
  return key;
}

LogicalResult MoveLowering::run() {
  std::string key = getKey();
  LLVM::LLVMFuncOp routine = k.routines.lookup(key, map);
  auto values =
      llvm::map_to_vector(getOperands(), [](Value *value) { return *value; });
  if (!routine) {
    routine = k.makeRoutine(
        isStore ? "store" : "load", ValueRange(values).getTypes(),
        [&](ValueRange arguments) {
          for (auto [operand, argument] : llvm::zip(getOperands(), arguments))
            *operand = argument;
          emit();
        });
    // A view and scratch never overlap.
    for (unsigned i : {0, 1})
      routine.setArgAttr(i, "llvm.noalias", b.getUnitAttr());
    k.routines.add(key, routine, map);
  }
  LLVM::CallOp::create(b, routine, values);
  return failure(hasFailed);
}

void MoveLowering::emit() {
  if (dimensions.empty())
    return emitElements();
  auto isContiguous = [&](int64_t dimension) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                 dimensions[dimension].stride, k.constant(1));
  };
  int64_t innermost = dimensions.size() - 1;
  auto otherwise = [&] {
    if (last < 0 || last == innermost || !hasVectors())
      return emitElements();
    k.when(isContiguous(last), [&] { emitSquares(); }, [&] { emitElements(); });
  };
  k.when(
      isContiguous(innermost),
      [&] {
        k.when(
            isWhole, [&] { emitRows(/*isMasked=*/false); },
            [&] { emitRows(/*isMasked=*/true); });
      },
      otherwise);
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
  Type memory = getMemoryType(element);
  Value pointer = advance(view.pointer, offset, memory);
  if (!op.getInside())
    return {loadGuarded(pointer, isInside, element, framePointer), isInside};
  Value bits = load(memory, pointer, memory.getIntOrFloatBitWidth() / 8);
  return {widenElement(b, bits, element), makeInteger(b, b.getI1Type(), 1)};
}

std::optional<std::pair<Value, int64_t>>
KernelLowering::getNextPlace(tile::LoadOp op) {
  auto loop = op->getParentOfType<scf::ForOp>();
  const ViewOperand &view = getView(op.getView());
  Value start = constant(0);
  int64_t moved = -1;
  for (auto [index, offset] : llvm::enumerate(op.getOffsets())) {
    Value place = toInt(getValue(offset));
    // A loop leaves coordinates out but once.
    auto select = offset.getDefiningOp<arith::SelectOp>();
    Value coordinate = select ? select.getTrueValue() : offset;
    if (loop && coordinate == loop.getInductionVar()) {
      moved = index;
      place = add(place, toInt(getValue(loop.getStep())));
    }
    start = add(start, mul(place, view.strides[index]));
  }
  if (moved < 0)
    return std::nullopt;
  Type memory = getMemoryType(view.type.getElementType());
  return std::pair(advance(view.pointer, start, memory), moved);
}
