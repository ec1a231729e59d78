//===- LowerMatrix.cpp - Sums of products on AMX tiles --------------------===//
//
// result[i, l] = acc[i, l] + sum over c of lhs[i, c] * rhs[c, l]
//
// A tile register has 16 rows of 64 bytes. Rows of the result are i, columns
// the lanes l: the layout that tiles have in scratch already. The left operand
// is rows of consecutive c (32 in bf16, 64 in i8), the right one pairs or fours
// of c for 16 lanes; both lie as a register takes them (Layout.h). Of the eight
// registers four hold sums, two by two, so that each operand loaded serves
// twice.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/MatrixLowering.h"
#include "lib/Target/FusedAccumulator.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

int64_t MatrixLowering::getStride(const Buffer &buffer, StringAttr rank) const {
  int64_t position = rank ? buffer.type.getRankPosition(rank) : -1;
  return position < 0 ? 0 : buffer.layout.strides[position];
}

/// Whether `rank` of the result may be that of a register's rows.
bool MatrixLowering::isRow(tile::ContractOp op, StringAttr rank,
                           StringAttr lanes) {
  return rank != lanes && op.getLhs().getType().getRankPosition(rank) >= 0 &&
         op.getRhs().getType().getRankPosition(rank) < 0;
}

LogicalResult MatrixLowering::classifyRanks() {
  for (auto [rank, size] :
       llvm::zip(result.type.getRanks(), result.type.getSizes()))
    if (isRow(op, rank, k.getLaneRank()) && (!rowRank || size > numRows)) {
      rowRank = rank;
      numRows = size;
    }
  for (auto [rank, size] :
       llvm::zip(result.type.getRanks(), result.type.getSizes()))
    if (rank != rowRank && rank != k.getLaneRank())
      outer.push_back({rank, size});
  walked = lhs.type.getRanks().back();
  walkedSize = lhs.type.getSizes().back();
  for (auto rank : op.getOver().getAsRange<StringAttr>())
    if (rank != walked)
      contracted.push_back(
          {rank, lhs.type.getSizes()[lhs.type.getRankPosition(rank)]});
  int64_t next = rhs.type.getRanks().size() - 2;
  if (!llvm::is_contained(op.getOver(), walked) || next < 0 ||
      rhs.type.getRanks()[next] != walked ||
      rhs.type.getRanks().back() != k.getLaneRank())
    return op.emitOpError("the matrix unit needs the contracted rank innermost "
                          "on the left and next to the lanes on the right");
  return success();
}

int64_t MatrixLowering::getStep(tile::ContractOp op) {
  Type element = op.getLhs().getType().getElementType();
  return tileBytes * 8 / element.getIntOrFloatBitWidth();
}

bool MatrixLowering::canEndEarly(tile::ContractOp op, StringAttr rank,
                                 StringAttr lanes, const VectorUnit &unit) {
  // What is emitted in place: see `run`.
  tile::TileType left = op.getLhs().getType(), type = op.getResult().getType();
  return unit.hasTiles && left.getRanks().back() == rank &&
         left.getElementType() != type.getElementType() &&
         left.getSizes().back() % getStep(op) == 0 &&
         llvm::all_of(llvm::zip(type.getRanks(), type.getSizes()),
                      [&](auto pair) {
                        auto [name, size] = pair;
                        return !isRow(op, name, lanes) || size % tileRows == 0;
                      });
}

SmallVector<Buffer *> MatrixLowering::getOperands() {
  SmallVector<Buffer *> buffers{&result, &lhs, &rhs};
  if (acc)
    buffers.push_back(&*acc);
  return buffers;
}

/// All that the code depends on, with ranks by their order of appearance.
std::string MatrixLowering::getKey() {
  std::string key;
  llvm::raw_string_ostream os(key);
  SmallVector<StringAttr> names;
  os << "matrix " << result.layout.numPanels << " ";
  for (Buffer *buffer : getOperands()) {
    os << buffer->getElementType() << "[";
    for (auto [rank, size] :
         llvm::zip(buffer->type.getRanks(), buffer->type.getSizes())) {
      auto *it = llvm::find(names, rank);
      os << it - names.begin() << (rank == k.getLaneRank() ? "l" : "") << ":"
         << size << " ";
      if (it == names.end())
        names.push_back(rank);
    }
    os << "]";
  }
  return key;
}

LogicalResult MatrixLowering::run() {
  Type element = lhs.getElementType();
  bool isByte = element.isSignlessInteger(8);
  if (!(k.unit.hasTiles && (element.isBF16() || isByte)) &&
      !(k.unit.hasDots && isByte))
    return op.emitOpError("multiplies ")
           << element << ", which this CPU has no unit for";
  if (failed(classifyRanks()))
    return failure();
  if (tile::MapOp map = getFusedAccumulator(op)) {
    // Sums are loaded from memory in tiles, so the map writes them there.
    if (failed(k.lowerMapInto(map, op.getResult())))
      return failure();
    acc = result;
  } else if (op.getAcc()) {
    acc = k.getBuffer(op.getAcc());
  }
  if (!k.unit.hasTiles) {
    callRoutine("dots", [&] { emitDots(); });
    return success();
  }
  // One panel's work is too short for a call, which would set up the registers.
  // Where a kernel had registers of several shapes, LLVM would run out of them.
  isInline = k.getPanel() && numRows % tileRows == 0 &&
             walkedSize * lhs.layout.elementBytes % tileBytes == 0;
  int64_t whole = numRows / tileRows * tileRows;
  if (isInline) {
    emit(0, whole, tileRows);
    return success();
  }
  // LLVM lets no register have two shapes in one function.
  int64_t rest = numRows - whole;
  if (whole)
    callRoutine("whole", [&] { emit(0, whole, tileRows); });
  if (rest)
    callRoutine("rest", [&] { emit(whole, rest, rest); });
  return success();
}

/// Calls the routine of this kind, which `body` emits.
void MatrixLowering::callRoutine(StringRef kind,
                                 llvm::function_ref<void()> body) {
  std::string key = getKey() + kind.str();
  LLVM::LLVMFuncOp routine = k.routines.lookup(key);
  auto pointers = llvm::map_to_vector(
      getOperands(), [](Buffer *buffer) { return buffer->pointer; });
  if (!routine) {
    routine = k.makeRoutine(
        "matrix", ValueRange(pointers).getTypes(), [&](ValueRange arguments) {
          for (auto [buffer, pointer] : llvm::zip(getOperands(), arguments))
            buffer->pointer = pointer;
          body();
        });
    k.routines.add(key, routine);
    for (auto [buffer, pointer] : llvm::zip(getOperands(), pointers))
      buffer->pointer = pointer;
  }
  LLVM::CallOp::create(b, routine, pointers);
}

void MatrixLowering::emit(int64_t first, int64_t count, int64_t rows) {
  // Sums of as many registers as leave room for both operands, which need
  // registers of a second shape where the last step is a shorter one.
  int64_t vectors = result.layout.panelVectors;
  bool hasShortStep = walkedSize * lhs.layout.elementBytes % tileBytes != 0;
  int64_t tiles = hasShortStep ? 1 : vectors == 1 ? 4 : vectors == 2 ? 2 : 1;
  int64_t whole = count / (tiles * rows);
  int64_t rest = count / rows - whole * tiles;
  Position at;
  k.loopNest(outer, at, [&] {
    k.loop(result.layout.numPanels, 1, [&](Value panel) {
      at[k.getLaneRank()] = panel;
      emitRows(at, first, whole, tiles, rows);
      emitRows(at, first + whole * tiles * rows, rest, 1, rows);
    });
  });
}

/// `count` blocks of `tiles` registers of `rows` rows, from the row `first` on.
void MatrixLowering::emitRows(Position &at, int64_t first, int64_t count,
                              int64_t tiles, int64_t rows) {
  if (count == 0)
    return;
  int64_t block = tiles * rows;
  auto emitRow = [&](Value row) {
    if (rowRank)
      at[rowRank] = k.add(row, k.constant(first));
    emitBlock(at, tiles, rows);
  };
  Value end = isInline ? k.getPanelEnd(rowRank) : Value();
  if (!end || first != 0)
    return k.loop(count * block, block, emitRow);
  end = arith::MinSIOp::create(b, end, k.constant(count * block));
  k.loopTo(k.constant(0), end, block, emitRow);
}

/// Asks for lines of what the next turn of the loop loads as the left operand:
/// all blocks of a run together ask for all of it, while the products keep the
/// matrix unit busy.
void MatrixLowering::prefetchNext(const Position &at, int64_t rows) {
  auto load = op.getLhs().getDefiningOp<tile::LoadOp>();
  if (!isInline || !load || !outer.empty() || !contracted.empty())
    return;
  auto next = k.getNextPlace(load);
  const ViewOperand &view = k.getView(load.getView());
  int64_t last = view.strides.size() - 1;
  if (!next || next->second == last)
    return;
  tile::TileType type = load.getResult().getType();
  auto getSize = [&](int64_t index) {
    auto rank = cast<StringAttr>(load.getDims()[index]);
    int64_t position = type.getRankPosition(rank);
    return position < 0 ? 1 : type.getSizes()[position];
  };
  int64_t lineElements = tileBytes / lhs.layout.elementBytes;
  int64_t rowLines = llvm::divideCeil(getSize(last), lineElements);
  int64_t blocks = numRows / rows * k.getNumPanels();
  int64_t lineRows = llvm::divideCeil(getSize(next->second), blocks);
  Value block = k.mul(k.getPanel(), k.constant(numRows / rows));
  if (rowRank)
    block = k.add(
        block, arith::DivUIOp::create(b, at.lookup(rowRank), k.constant(rows)));
  for (int64_t row = 0; row != lineRows; ++row) {
    Value position = k.add(k.mul(block, k.constant(lineRows)), k.constant(row));
    Value offset = k.mul(position, view.strides[next->second]);
    for (int64_t line = 0; line != rowLines; ++line)
      k.prefetch(k.advance(next->first,
                           k.add(offset, k.constant(line * lineElements)),
                           getMemoryType(view.type.getElementType())),
                 /*level=*/2);
  }
}

void MatrixLowering::emitBlock(Position &at, int64_t tiles, int64_t rows) {
  if (rows == tileRows)
    prefetchNext(at, tiles * rows);
  int64_t vectors = result.layout.panelVectors;
  int64_t stride = getStride(result, rowRank);
  auto getExtra = [&](int64_t t, int64_t v) {
    return t * rows * stride + getLaneOffset(result, v);
  };
  SmallVector<Value> sums;
  for (int64_t t = 0; t != tiles; ++t)
    for (int64_t v = 0; v != vectors; ++v)
      sums.push_back(
          acc ? loadTile(*acc, at, getExtra(t, v), rows, tileBytes, stride)
              : registers.zero(rows));
  sums = emitSums(at, 0, tiles, rows, std::move(sums));
  for (int64_t t = 0; t != tiles; ++t)
    for (int64_t v = 0; v != vectors; ++v)
      registers.store(sums[t * vectors + v],
                      k.address(result, at, getExtra(t, v)),
                      k.constant(stride * result.layout.elementBytes), rows);
}

/// The loops over the contracted ranks, the walked one innermost.
SmallVector<Value> MatrixLowering::emitSums(Position &at, unsigned depth,
                                            int64_t tiles, int64_t rows,
                                            SmallVector<Value> sums) {
  if (depth != contracted.size()) {
    auto [rank, size] = contracted[depth];
    return k.loop(
        size, 1, sums, [&, rank = rank](Value position, ValueRange carried) {
          at[rank] = position;
          return emitSums(at, depth + 1, tiles, rows, llvm::to_vector(carried));
        });
  }
  int64_t step = getStep(op);
  if (Value end = isInline ? k.getPanelEnd(walked) : Value())
    return k.loopTo(k.constant(0), end, step, sums,
                    [&](Value position, ValueRange carried) {
                      // The left operand has a panel for each step.
                      Position left = at, right = at;
                      left[walked] = b.createOrFold<arith::DivUIOp>(
                          position, k.constant(step));
                      right[walked] = position;
                      auto next = llvm::to_vector(carried);
                      emitStep(left, right, 0, step, tiles, rows, next);
                      return next;
                    });
  for (int64_t first = 0; first < walkedSize; first += step)
    emitStep(at, at, first, std::min(step, walkedSize - first), tiles, rows,
             sums);
  return sums;
}

/// `size` coordinates of the walked rank, from `first` after where `left` and
/// `right` are in the operands on.
void MatrixLowering::emitStep(const Position &left, const Position &right,
                              int64_t first, int64_t size, int64_t tiles,
                              int64_t rows, MutableArrayRef<Value> sums) {
  int64_t vectors = result.layout.panelVectors;
  int64_t bytes = size * lhs.layout.elementBytes;
  int64_t rowStride = getStride(lhs, rowRank);
  SmallVector<Value> columns;
  for (int64_t v = 0; v != vectors; ++v)
    columns.push_back(loadTile(
        rhs, right, first * getStride(rhs, walked) + getLaneOffset(rhs, v),
        size / rhs.layout.pack, tileBytes,
        getStride(rhs, walked) * rhs.layout.pack));
  int64_t panel = first / (tileBytes / lhs.layout.elementBytes);
  for (int64_t t = 0; t != tiles; ++t) {
    Value row = loadTile(lhs, left,
                         panel * lhs.layout.panelStride + t * rows * rowStride,
                         rows, bytes, rowStride);
    for (int64_t v = 0; v != vectors; ++v) {
      Value &sum = sums[t * vectors + v];
      sum = registers.multiply(sum, row, columns[v], lhs.getElementType(), rows,
                               bytes);
    }
  }
}

/// A register of `rows` rows of `bytes` bytes, `stride` elements apart, from
/// `extra` elements after `at` on.
Value MatrixLowering::loadTile(const Buffer &buffer, const Position &at,
                               int64_t extra, int64_t rows, int64_t bytes,
                               int64_t stride) {
  return registers.load(k.address(buffer, at, extra),
                        k.constant(stride * buffer.layout.elementBytes), rows,
                        bytes);
}

LogicalResult KernelLowering::lowerMatrix(tile::ContractOp op) {
  return MatrixLowering(*this, op).run();
}
