//===- StoreFragment.cpp - Tiles from registers to views ------------------===//
//
// A store instruction takes a cycle for each row of memory that its lanes are
// in, so it pays to write much of a row at a time. Where memory allows it, the
// four lanes of a quad, which have two neighbours each of every eight, exchange
// them until each has eight, 16 bytes. What that needs of a call's strides,
// and what it needs for two neighbours, is asked at run time.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/NVPTX/Intrinsics.h"
#include "lib/Target/NVPTX/KernelLowering.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

/// Elements of 16 bits in one store.
static constexpr int64_t pieceElements = 8;
/// Lanes that share a row, as bits of their numbers.
static constexpr int64_t quadMasks[] = {1, 2}, quadLanes = 4;

namespace {
/// Stores a tile in registers: neighbours along a row together where memory has
/// them together.
class FragmentStore {
public:
  FragmentStore(KernelLowering &k, tile::StoreOp op)
      : k(k), b(k.b), view(k.getView(op.getView())),
        words(k.getFragment(op.getTile())), index(k, op.getTile().getType()),
        window(k, view, op.getTile().getType(), op.getOffsets(), op.getDims()),
        element(getMemoryType(view.type.getElementType())) {}
  void run();

private:
  KernelLowering &k;
  ImplicitLocOpBuilder &b;
  const ViewOperand &view;
  ArrayRef<Value> words;
  FragmentIndex index;
  Window window;
  Type element;

  Value narrow(int64_t reg) {
    return narrowElement(b, words[reg], view.type.getElementType());
  }
  Value isMultiple(Value value, int64_t of);
  Value haveNeighbours(int64_t count);
  bool hasQuads();
  Value pack(int64_t reg);
  void transpose(MutableArrayRef<Value> pairs);
  void storePair(int64_t reg, Value pointer);
  void storeSingles();
  void storePairs(ArrayRef<int64_t> registers);
  void storePieces();
  Value isWhole();
  void storeWhole();
};
} // namespace

Value FragmentStore::isMultiple(Value value, int64_t of) {
  Value rest = arith::AndIOp::create(b, value, k.constant(of - 1));
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, rest,
                               k.constant(0));
}

/// Whether `count` neighbours along a row, the first of a number that is a
/// multiple of it, are neighbours in memory, of an address that is a multiple
/// of their bytes, and all inside or all outside: the same in every thread.
/// Null where they never are.
Value FragmentStore::haveNeighbours(int64_t count) {
  const Window::Dimension *inner =
      index.column ? window.lookup(index.column) : nullptr;
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  if (!inner || bytes > 4)
    return {};
  Value address = LLVM::PtrToIntOp::create(b, b.getI64Type(), view.pointer);
  Value result = k.both(isMultiple(address, count * bytes),
                        arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                              inner->stride, k.constant(1)));
  for (const Window::Dimension &dimension : window.dimensions)
    result = k.both(result, isMultiple(&dimension == inner ? dimension.offset
                                                           : dimension.stride,
                                       count));
  return k.both(result, isMultiple(inner->extent, count));
}

/// Whether quads have sums of the matrix unit that are rounded to 16 bits.
bool FragmentStore::hasQuads() {
  const Layout &layout = index.layout;
  return index.column && isOperandElement(view.type.getElementType()) &&
         words.front().getType().isF32() &&
         layout ==
             Layout::accumulator(layout.getNumWarps() * Layout::rowsPerWarp,
                                 layout.getNumRegisters() * 2);
}

void FragmentStore::storeSingles() {
  for (int64_t reg = 0; reg != index.layout.getNumRegisters(); ++reg) {
    auto [pointer, isInside] = window.locate(index.at(reg));
    k.when(isInside, [&, pointer = pointer] {
      LLVM::StoreOp::create(b, narrow(reg), pointer,
                            element.getIntOrFloatBitWidth() / 8);
    });
  }
}

/// Two neighbours, rounded by one instruction.
Value FragmentStore::pack(int64_t reg) {
  return packPair(b, words[reg], words[reg + 1], view.type.getElementType());
}

void FragmentStore::storePair(int64_t reg, Value pointer) {
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  if (isOperandElement(view.type.getElementType()) &&
      words[reg].getType().isF32()) {
    LLVM::StoreOp::create(b, pack(reg), pointer, 2 * bytes);
    return;
  }
  Value both = LLVM::UndefOp::create(b, VectorType::get(2, element));
  for (int64_t i : {0, 1})
    both = LLVM::InsertElementOp::create(b, both, narrow(reg + i), k.small(i));
  LLVM::StoreOp::create(b, both, pointer, 2 * bytes);
}

void FragmentStore::storePairs(ArrayRef<int64_t> registers) {
  for (int64_t reg : registers) {
    auto [pointer, isInside] = window.locate(index.at(reg));
    k.when(isInside, [&, pointer = pointer] { storePair(reg, pointer); });
  }
}

/// The rows of the quad's lanes become its columns: lane i gets what lane 0 has
/// in `pairs[i]`, then lane 1, 2 and 3. Both ways a word whose place and lane
/// differ in a bit goes to the lane that differs there.
void FragmentStore::transpose(MutableArrayRef<Value> pairs) {
  for (int64_t mask : quadMasks) {
    Value bit =
        arith::AndIOp::create(b, k.getThread(), k.small(mask)).getResult();
    Value isUpper =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ne, bit, k.small(0));
    for (int64_t i = 0; i != quadLanes; ++i) {
      if (i & mask)
        continue;
      Value &low = pairs[i], &high = pairs[i | mask];
      Value other = emitShuffleXor(
          b, arith::SelectOp::create(b, isUpper, low, high), mask);
      low = arith::SelectOp::create(b, isUpper, other, low);
      high = arith::SelectOp::create(b, isUpper, high, other);
    }
  }
}

/// All lanes exchange, and then write what is inside.
void FragmentStore::storePieces() {
  llvm::MapVector<int64_t, SmallVector<int64_t>> rows; ///< pairs by their row
  for (int64_t reg = 0; reg != index.layout.getNumRegisters(); reg += 2)
    rows[index.layout.getPlace(reg).row].push_back(reg);
  Type type = VectorType::get(quadLanes, b.getI32Type());
  SmallVector<std::pair<int64_t, Value>> pieces;
  SmallVector<int64_t> rest;
  for (ArrayRef<int64_t> row : llvm::make_second_range(rows)) {
    for (; row.size() >= quadLanes; row = row.drop_front(quadLanes)) {
      SmallVector<Value> pairs = llvm::map_to_vector(
          row.take_front(quadLanes), [&](int64_t reg) { return pack(reg); });
      transpose(pairs);
      Value piece = LLVM::UndefOp::create(b, type);
      for (auto [i, pair] : llvm::enumerate(pairs))
        piece = LLVM::InsertElementOp::create(b, piece, pair, k.small(i));
      pieces.push_back({row.front(), piece});
    }
    llvm::append_range(rest, row);
  }
  for (auto [reg, piece] : pieces) {
    auto [pointer, isInside] = window.locate(index.ofPiece(reg, quadLanes));
    k.when(isInside, [&, pointer = pointer, piece = piece] {
      LLVM::StoreOp::create(b, piece, pointer, 2 * pieceElements);
    });
  }
  storePairs(rest);
}

/// Whether all of the tile is inside the view: the same in every thread.
Value FragmentStore::isWhole() {
  Value whole;
  for (const Window::Dimension &dimension : window.dimensions) {
    int64_t size = 1;
    for (auto [rank, count] : window.ranks)
      if (rank == dimension.rank)
        size = count;
    for (int64_t place : {int64_t(0), size - 1}) {
      Value inside = arith::CmpIOp::create(
          b, arith::CmpIPredicate::ult,
          k.add(dimension.offset, k.constant(place)), dimension.extent);
      whole = whole ? k.both(whole, inside) : inside;
      if (size == 1)
        break;
    }
  }
  return whole;
}

/// In pairs, where nothing is outside: from one address for each row.
void FragmentStore::storeWhole() {
  DenseMap<int64_t, Value> rows; ///< by a register's row
  for (int64_t reg = 0; reg != index.layout.getNumRegisters(); reg += 2) {
    Place place = index.layout.getPlace(reg);
    Value &row = rows[place.row];
    if (!row)
      row = k.advance(window.locate(index.at(reg)).first,
                      k.small(-place.column), element);
    storePair(reg, k.advance(row, k.small(place.column), element));
  }
}

void FragmentStore::run() {
  auto choose = [&](Value condition, llvm::function_ref<void()> then,
                    llvm::function_ref<void()> otherwise) {
    if (!condition)
      return otherwise();
    k.when(condition, then, otherwise);
  };
  SmallVector<int64_t> pairs;
  for (int64_t reg = 0; reg != index.layout.getNumRegisters(); reg += 2)
    pairs.push_back(reg);
  bool isByPieces = hasQuads();
  auto storeSome = [&] {
    choose(
        haveNeighbours(2),
        [&] {
          if (isByPieces)
            return storePairs(pairs);
          choose(isWhole(), [&] { storeWhole(); }, [&] { storePairs(pairs); });
        },
        [&] { storeSingles(); });
  };
  auto store = [&] {
    choose(
        isByPieces ? haveNeighbours(pieceElements) : Value(),
        [&] { storePieces(); }, storeSome);
  };
  if (Value isOwner = index.isOwner())
    k.when(isOwner, store);
  else
    store();
}

void KernelLowering::lowerFragmentStore(tile::StoreOp op) {
  FragmentStore(*this, op).run();
}
