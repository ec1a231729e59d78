//===- LowerFragment.cpp - Einsums on tiles in registers ------------------===//
//
// Each thread computes the elements that its registers hold. A reduction along
// a row combines those of one thread, then those of the row's four lanes, all
// of which get the result.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/NVPTX/Fragment.h"
#include "lib/Target/NVPTX/Intrinsics.h"
#include "lib/Target/NVPTX/MapRegion.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

/// The part of an element's coordinate along `axis` that `number` decides, read
/// as `digits`; null where it decides none.
static Value emitDigits(KernelLowering &k, const Layout::Digits &digits,
                        Value number, Axis axis) {
  Value sum;
  int64_t weight = 1;
  for (auto [index, digit] : llvm::enumerate(digits)) {
    if (digit.axis == axis && digit.size != 1) {
      Value value = number;
      if (weight != 1)
        value = k.b.createOrFold<arith::DivUIOp>(value, k.small(weight));
      if (index + 1 != digits.size())
        value = k.b.createOrFold<arith::RemUIOp>(value, k.small(digit.size));
      value =
          k.mul(value, k.small(digit.axis == Axis::None ? 1 : digit.stride));
      sum = sum ? k.add(sum, value) : value;
    }
    weight *= digit.size;
  }
  return sum;
}

FragmentIndex::FragmentIndex(KernelLowering &k, tile::TileType type)
    : layout(getLayout(type, k.getLaneRank())), row(k.getLaneRank()),
      column(getColumnRank(type, row)), k(k) {
  Value size = k.small(Layout::warpSize);
  Value lane = k.b.createOrFold<arith::RemUIOp>(k.getThread(), size);
  Value warp = k.b.createOrFold<arith::DivUIOp>(k.getThread(), size);
  auto start = [&](Axis axis) {
    Value ofLane = emitDigits(k, layout.getLaneDigits(), lane, axis);
    Value ofWarp = emitDigits(k, layout.getWarpDigits(), warp, axis);
    return ofLane && ofWarp ? k.add(ofLane, ofWarp) : ofLane ? ofLane : ofWarp;
  };
  rowStart = start(Axis::Row);
  columnStart = start(Axis::Column);
  owner = start(Axis::None);
}

Position FragmentIndex::at(int64_t reg) {
  Place place = layout.getPlace(reg);
  Position at;
  at[row] = k.add(rowStart, k.small(place.row));
  if (column)
    at[column] = k.add(columnStart, k.small(place.column));
  return at;
}

Position FragmentIndex::ofPiece(int64_t reg, int64_t lanes) {
  Position place = at(reg);
  place[column] = k.add(k.mul(columnStart, k.small(lanes)),
                        k.small(layout.getPlace(reg).column));
  return place;
}

Value FragmentIndex::isOwner() {
  if (!owner)
    return {};
  return arith::CmpIOp::create(k.b, arith::CmpIPredicate::eq, owner,
                               k.small(0));
}

//===----------------------------------------------------------------------===//
// Maps
//===----------------------------------------------------------------------===//

namespace {
class FragmentMapLowering {
public:
  FragmentMapLowering(KernelLowering &k, tile::MapOp op)
      : k(k), b(k.b), op(op), box(k, getBox(op)) {}
  LogicalResult run();

private:
  KernelLowering &k;
  ImplicitLocOpBuilder &b;
  tile::MapOp op;
  FragmentIndex box;

  static tile::TileType getBox(tile::MapOp op);
  Value readInput(Value input, int64_t reg, const Position &at);
  Value combine(const MapReducer &reducer, SmallVector<Value> values);
  LogicalResult reduce(const MapReducer &reducer, ArrayRef<Value> values);
};
} // namespace

/// All points of the map as a tile.
tile::TileType FragmentMapLowering::getBox(tile::MapOp op) {
  SmallVector<StringAttr> ranks(op.getRanks().getAsRange<StringAttr>());
  return tile::TileType::get(op.getContext(), ranks, op.getSizes(),
                             op.getResult().getType().getElementType(),
                             tile::Space::Register);
}

Value FragmentMapLowering::readInput(Value input, int64_t reg,
                                     const Position &at) {
  if (!isInRegisters(input)) {
    k.noteRead();
    return k.loadElement(k.getBuffer(input), at);
  }
  auto type = cast<tile::TileType>(input.getType());
  if (box.column && type.getRankPosition(box.column) < 0)
    reg = box.layout.getReducedRegister(Axis::Column, reg);
  return k.getFragment(input)[reg];
}

/// By a few chains, so that one waits for few others and few are kept, which
/// are then combined by pairs.
Value FragmentMapLowering::combine(const MapReducer &reducer,
                                   SmallVector<Value> values) {
  constexpr size_t numChains = 4;
  size_t count = std::min(values.size(), numChains);
  auto take = [&](size_t to, size_t from) {
    values[to] = nvptx::combine(k, reducer, values[to], values[from]);
    return values[to] != nullptr;
  };
  for (size_t i = count; i != values.size(); ++i)
    if (!take(i % count, i))
      return {};
  for (; count > 1; count = (count + 1) / 2)
    for (size_t i = 0; i != count / 2; ++i)
      if (!take(i, count - 1 - i))
        return {};
  return values.front();
}

LogicalResult FragmentMapLowering::reduce(const MapReducer &reducer,
                                          ArrayRef<Value> values) {
  Layout reduced = box.layout.reduce(Axis::Column);
  SmallVector<SmallVector<Value>> groups(reduced.getNumRegisters());
  for (auto [reg, value] : llvm::enumerate(values))
    groups[box.layout.getReducedRegister(Axis::Column, reg)].push_back(value);
  SmallVector<Value> result;
  for (auto [reg, group] : llvm::enumerate(groups)) {
    Value sum = combine(reducer, std::move(group));
    for (int64_t mask : box.layout.getLaneMasks(Axis::Column))
      if (sum)
        sum = nvptx::combine(k, reducer, sum, emitShuffleXor(b, sum, mask));
    if (sum && op.getAcc())
      sum = nvptx::combine(k, reducer, k.getFragment(op.getAcc())[reg], sum);
    if (!sum)
      return failure();
    result.push_back(sum);
  }
  k.setFragment(op.getResult(), std::move(result));
  return success();
}

LogicalResult FragmentMapLowering::run() {
  FailureOr<std::optional<MapReducer>> reducer = getReducer(op);
  if (failed(reducer))
    return failure();
  SmallVector<Value> values;
  for (int64_t reg = 0; reg != box.layout.getNumRegisters(); ++reg) {
    Position at = box.at(reg);
    SmallVector<Value> arguments;
    for (Value input : op.getInputs())
      arguments.push_back(readInput(input, reg, at));
    FailureOr<PointValue> point = emitRegion(k, op, at, arguments);
    if (failed(point))
      return failure();
    Value value = point->value;
    if (*reducer && point->filter)
      value = arith::SelectOp::create(
          b, point->filter, value, emitIdentity(b, **reducer, value.getType()));
    values.push_back(value);
  }
  if (*reducer)
    return reduce(**reducer, values);
  k.setFragment(op.getResult(), std::move(values));
  return success();
}

LogicalResult KernelLowering::lowerFragmentMap(tile::MapOp op) {
  return FragmentMapLowering(*this, op).run();
}

//===----------------------------------------------------------------------===//
// Moves
//===----------------------------------------------------------------------===//

void KernelLowering::lowerFragmentLoad(tile::LoadOp op) {
  tile::TileType type = op.getResult().getType();
  const ViewOperand &view = getView(op.getView());
  Window window(*this, view, type, op.getOffsets(), op.getDims());
  FragmentIndex index(*this, type);
  SmallVector<Value> words;
  for (int64_t reg = 0; reg != index.layout.getNumRegisters(); ++reg) {
    auto [pointer, isInside] = window.locate(index.at(reg));
    words.push_back(loadGuarded(pointer, isInside, view.type.getElementType()));
  }
  setFragment(op.getResult(), std::move(words));
}
