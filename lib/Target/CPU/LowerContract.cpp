//===- LowerContract.cpp - Sums of products in registers ------------------===//
//
// result[i, l] = acc[i, l] + sum over c of lhs[i, c] * rhs[c, l]
//
// A block of rows by one panel of lanes is held in registers while c runs: a
// row's lhs element is broadcast, a panel's row of rhs is loaded once for all
// of them. Panels are outermost, so that rhs's panel stays in the first-level
// cache while all rows pass. Of an lhs that lies in a view (InPlace.cpp) a
// block of rows is packed in scratch for all panels, and the next ones are
// asked for meanwhile: a view's rows are far apart, often in one set of the
// cache.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/MapRegion.h"
#include "lib/Target/FusedAccumulator.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

namespace {
class ContractLowering {
public:
  ContractLowering(KernelLowering &k, tile::ContractOp op)
      : k(k), b(k.b), op(op), result(k.getBuffer(op.getResult())),
        lhs(k.getBuffer(op.getLhs())), rhs(k.getBuffer(op.getRhs())) {}
  LogicalResult run();

private:
  KernelLowering &k;
  ImplicitLocOpBuilder &b;
  tile::ContractOp op;
  Buffer result, lhs, rhs;
  std::optional<Buffer> acc;
  tile::MapOp accMap; ///< computes acc as it is needed
  SmallVector<Buffer> accInputs;
  std::optional<MapRegion> accRegion;
  StringAttr rowRank; ///< null where lhs has no rank of its own
  int64_t numRows = 1;
  int64_t vectors = 1; ///< in a panel
  /// How many rows and lanes there are, and products along each of
  /// `contracted`; null for as many as the tile has.
  Value rowEnd, laneEnd;
  SmallVector<Value> sumEnds;
  /// The rows of lhs that are worked on, where they are packed.
  std::optional<Buffer> packed;
  bool hasFailed = false;
  SmallVector<std::pair<StringAttr, int64_t>> outer, contracted;

  void classifyRanks();
  void findEnds();
  SmallVector<Buffer *> getBuffers();
  SmallVector<Value *> getOperands();
  std::string getKey();
  void emit();
  int64_t getRowBlock() const;
  bool packsRows() const;
  void packRows(const Position &at, int64_t rows);
  void emitRows(Position &at, llvm::function_ref<void(int64_t)> body);
  void emitPanels(Position &at, llvm::function_ref<void()> body);
  void emitBlock(Position &at, int64_t rows);
  SmallVector<Value> getStart(const Position &at, int64_t rows);
  SmallVector<Value> emitSum(Position &at, unsigned depth, int64_t rows,
                             SmallVector<Value> sums);
  void prefetchRows(const Position &at, int64_t rows, int64_t size,
                    int64_t unroll);
  void emitStep(Position &at, int64_t step, int64_t rows,
                MutableArrayRef<Value> sums);
  Value loadOperand(const Buffer &buffer, const Position &at,
                    ArrayRef<Step> steps, int64_t vector);
  Value multiplyAdd(Value x, Value y, Value sum);
  int64_t getUnroll(int64_t size) const;
  int64_t getStride(const Buffer &buffer, StringAttr rank) const;
  Type getRegisterType() const;
};
} // namespace

/// In elements; 0 along a rank that the tile lacks.
int64_t ContractLowering::getStride(const Buffer &buffer,
                                    StringAttr rank) const {
  int64_t position = rank ? buffer.type.getRankPosition(rank) : -1;
  return position < 0 ? 0 : buffer.layout.strides[position];
}

Type ContractLowering::getRegisterType() const {
  Type element = result.getElementType();
  return result.layout.hasLanes() ? k.vectorOf(element) : element;
}

/// The rows are the largest rank that only lhs has; what remains of the
/// result's ranks is looped over outside.
void ContractLowering::classifyRanks() {
  for (auto [rank, size] :
       llvm::zip(result.type.getRanks(), result.type.getSizes())) {
    bool isRow = rank != k.getLaneRank() &&
                 lhs.type.getRankPosition(rank) >= 0 &&
                 rhs.type.getRankPosition(rank) < 0;
    if (isRow && (!rowRank || size > numRows)) {
      rowRank = rank;
      numRows = size;
    }
  }
  for (auto [rank, size] :
       llvm::zip(result.type.getRanks(), result.type.getSizes()))
    if (rank != rowRank && rank != k.getLaneRank())
      outer.push_back({rank, size});
  for (auto rank : op.getOver().getAsRange<StringAttr>())
    contracted.push_back(
        {rank, lhs.type.getSizes()[lhs.type.getRankPosition(rank)]});
  // The longest innermost: it is the one that is unrolled.
  llvm::sort(contracted, [](auto &x, auto &y) {
    return std::pair(x.second, x.first.getValue()) <
           std::pair(y.second, y.first.getValue());
  });
}

/// What is past a rank's extent is neither computed nor summed.
void ContractLowering::findEnds() {
  auto getResultEnd = [&](StringAttr rank, int64_t size) {
    return k.getEnd(rank, size,
                    k.getDemanded().getOrigin(op.getResult(), rank));
  };
  if (rowRank)
    rowEnd = getResultEnd(rowRank, numRows);
  if (result.layout.hasLanes())
    laneEnd = getResultEnd(k.getLaneRank(), result.layout.panelledSize);
  for (auto [rank, size] : contracted)
    sumEnds.push_back(
        k.getEnd(rank, size, DemandedElements::getOrigin(op, rank)));
}

/// Rows whose sums fit the registers beside a row of rhs and a broadcast.
int64_t ContractLowering::getRowBlock() const {
  return std::max<int64_t>(1, (k.unit.registers - vectors - 1) / vectors);
}

/// All that the code depends on but the accumulator's region: ranks by their
/// order of appearance, so that their names don't matter.
std::string ContractLowering::getKey() {
  std::string key;
  llvm::raw_string_ostream os(key);
  SmallVector<StringAttr> names;
  auto print = [&](StringAttr rank) {
    auto *it = llvm::find(names, rank);
    os << it - names.begin() << (rank == k.getLaneRank() ? "l" : "");
    if (it == names.end())
      names.push_back(rank);
  };
  auto printTile = [&](const Buffer &buffer) {
    os << buffer.getElementType() << "[";
    for (auto [rank, size] :
         llvm::zip(buffer.type.getRanks(), buffer.type.getSizes())) {
      print(rank);
      os << ":" << size << " ";
    }
    os << "]";
  };
  for (Buffer *buffer : getBuffers())
    printTile(*buffer);
  for (auto [rank, size] : contracted)
    print(rank);
  os << (accMap ? "map" : acc ? "acc" : "");
  for (Buffer *buffer : getBuffers()) {
    for (Value stride : buffer->strides)
      os << (stride ? "s" : "1");
    os << ",";
  }
  os << bool(rowEnd) << bool(laneEnd);
  for (Value end : sumEnds)
    os << bool(end);
  os << result.layout.numPanels;
  return key;
}

/// What the code is given the addresses of.
SmallVector<Buffer *> ContractLowering::getBuffers() {
  SmallVector<Buffer *> buffers{&result, &lhs, &rhs};
  if (acc)
    buffers.push_back(&*acc);
  for (Buffer &input : accInputs)
    buffers.push_back(&input);
  return buffers;
}

/// What the code is given: addresses, and strides that the run shows.
SmallVector<Value *> ContractLowering::getOperands() {
  SmallVector<Value *> operands;
  for (Buffer *buffer : getBuffers()) {
    operands.push_back(&buffer->pointer);
    for (Value &stride : buffer->strides)
      if (stride)
        operands.push_back(&stride);
  }
  for (Value *end : {&rowEnd, &laneEnd})
    if (*end)
      operands.push_back(end);
  for (Value &end : sumEnds)
    if (end)
      operands.push_back(&end);
  if (packsRows())
    operands.push_back(&lhs.scratch);
  return operands;
}

LogicalResult ContractLowering::run() {
  if (lhs.layout.hasLanes() && !rhs.layout.hasLanes())
    std::swap(lhs, rhs);
  Type element = result.getElementType();
  if (!element.isIntOrFloat() || element.isInteger(1))
    return op.emitOpError("sums ") << element << ", which the CPU can't do";
  accMap = getFusedAccumulator(op);
  if (accMap)
    accInputs = k.getBuffers(accMap.getInputs());
  else if (op.getAcc())
    acc = k.getBuffer(op.getAcc());
  if (result.layout.hasLanes())
    vectors = result.layout.panelVectors;
  classifyRanks();
  findEnds();
  if (accMap && !isSelfContained(accMap)) {
    emit();
    return failure(hasFailed);
  }
  std::string key = getKey();
  LLVM::LLVMFuncOp routine = k.routines.lookup(key, accMap);
  auto values =
      llvm::map_to_vector(getOperands(), [](Value *value) { return *value; });
  if (!routine) {
    routine = k.makeRoutine(
        "contract", ValueRange(values).getTypes(), [&](ValueRange arguments) {
          for (auto [operand, argument] : llvm::zip(getOperands(), arguments))
            *operand = argument;
          emit();
        });
    k.routines.add(key, routine, accMap);
  }
  LLVM::CallOp::create(b, routine, values);
  return failure(hasFailed);
}

void ContractLowering::emit() {
  if (accMap)
    accRegion.emplace(k, accMap, accInputs);
  Position at;
  k.loopNest(outer, at, [&] {
    // What is near in a view is written together, and a block of lhs is used by
    // all panels while it is at hand.
    if (result.hasStrides() || lhs.hasStrides())
      return emitRows(at, [&](int64_t rows) {
        if (packsRows())
          packRows(at, rows);
        emitPanels(at, [&] { emitBlock(at, rows); });
      });
    emitPanels(
        at, [&] { emitRows(at, [&](int64_t rows) { emitBlock(at, rows); }); });
  });
}

/// Whether the sums run along what is contiguous in a view.
bool ContractLowering::packsRows() const {
  return lhs.hasStrides() && rowRank && !contracted.empty() &&
         lhs.type.getRanks().back() == contracted.back().first &&
         contracted.back().second % k.unit.lanes == 0;
}

/// Copies a block of rows to the tile's place in scratch, unless all of the
/// tile is there.
void ContractLowering::packRows(const Position &at, int64_t rows) {
  auto [rank, size] = contracted.back();
  Value isInView = LLVM::ICmpOp::create(b, LLVM::ICmpPredicate::ne, lhs.pointer,
                                        lhs.scratch);
  packed = Buffer{lhs.scratch, lhs.type, lhs.layout};
  Position first = at;
  for (auto [contractedRank, size] : contracted)
    first.erase(contractedRank);
  scf::IfOp::create(b, isInView, [&](OpBuilder &inner, Location) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
    Position from = first, to;
    k.loopNest(ArrayRef(contracted).drop_back(), to, [&, rank = rank] {
      for (auto [outer, position] : to)
        from[outer] = position;
      for (int64_t r = 0; r != rows; ++r)
        k.loop(size, k.unit.lanes, [&](Value c) {
          from[rank] = to[rank] = c;
          Type type = k.vectorOf(lhs.getElementType());
          Value row =
              k.loadElements(type, k.address(lhs, from, 0, {{rowRank, r}}),
                             /*isAligned=*/false);
          k.storeElements(row, k.address(*packed, to, 0, {{rowRank, r}}));
        });
      to.erase(rank);
    });
    scf::YieldOp::create(b);
  });
  packed->pointer = arith::SelectOp::create(b, isInView, lhs.scratch,
                                            k.address(*packed, first));
}

void ContractLowering::emitPanels(Position &at,
                                  llvm::function_ref<void()> body) {
  if (!result.layout.hasLanes())
    return body();
  auto emitPanel = [&](Value panel) {
    at[k.getLaneRank()] = panel;
    body();
  };
  if (laneEnd)
    return k.loopTo(k.constant(0), k.countPanels(laneEnd, result.layout), 1,
                    emitPanel);
  k.loop(result.layout.numPanels, 1, emitPanel);
}

/// Blocks of nearly one number of rows: the first few have a row more. Where
/// the rows end inside of a block, fours and ones follow the whole blocks: what
/// lies past the end may be anything, and denormals there would take their
/// time.
void ContractLowering::emitRows(Position &at,
                                llvm::function_ref<void(int64_t)> body) {
  int64_t numBlocks = llvm::divideCeil(numRows, getRowBlock());
  int64_t small = numRows / numBlocks, numLarge = numRows % numBlocks;
  Value done = k.constant(0);
  auto emitBlocks = [&](Value end, int64_t block) {
    if (rowEnd) {
      Value left = arith::MaxSIOp::create(
          b, arith::SubIOp::create(b, end, done), k.constant(0));
      Value rest = arith::RemUIOp::create(b, left, k.constant(block));
      end = k.add(done, arith::SubIOp::create(b, left, rest));
    }
    k.loopTo(done, end, block, [&](Value row) {
      at[rowRank] = row;
      body(block);
    });
    done = end;
  };
  if (!rowRank)
    return body(1);
  Value first = k.constant(numLarge * (small + 1)), all = k.constant(numRows);
  if (numLarge != 0)
    emitBlocks(rowEnd ? arith::MinSIOp::create(b, rowEnd, first) : first,
               small + 1);
  if (!rowEnd)
    return emitBlocks(all, small);
  // Fewer than `first` rows are a whole block short of it.
  emitBlocks(rowEnd, small);
  for (int64_t block : {4, 1})
    if (block < small)
      emitBlocks(rowEnd, block);
}

/// What a block's sums start from.
SmallVector<Value> ContractLowering::getStart(const Position &at,
                                              int64_t rows) {
  Type type = getRegisterType();
  int64_t stride = getStride(result, rowRank);
  SmallVector<Value> sums;
  for (int64_t r = 0; r != rows; ++r) {
    if (accRegion) {
      Position row = at;
      if (rowRank)
        row[rowRank] = k.add(at.lookup(rowRank), k.constant(r));
      LaneValue filter;
      FailureOr<LaneValue> start = accRegion->emit(row, filter);
      if (failed(start)) {
        hasFailed = true;
        return {};
      }
      if (start->kind == LaneValue::Varying)
        llvm::append_range(sums, start->vectors);
      else
        sums.push_back(start->scalar);
      continue;
    }
    for (int64_t v = 0; v != vectors; ++v)
      sums.push_back(
          acc                                       ? k.loadElements(
                                                          type, k.address(*acc, at, r * stride + v * k.unit.lanes))
          : isa<FloatType>(result.getElementType()) ? makeConstant(b, type, 0.0)
                                                    : makeInteger(b, type, 0));
  }
  return sums;
}

void ContractLowering::emitBlock(Position &at, int64_t rows) {
  auto getPlace = [&](int64_t row, int64_t vector) {
    return k.address(result, at, vector * k.unit.lanes, {{rowRank, row}});
  };
  // A view's lines are in no cache: they come while the sums are made.
  if (result.hasStrides())
    for (int64_t r = 0; r != rows; ++r)
      for (int64_t v = 0; v != vectors; ++v)
        LLVM::Prefetch::create(b, getPlace(r, v), /*rw=*/1, /*hint=*/3,
                               /*cache=*/1);
  SmallVector<Value> sums = getStart(at, rows);
  if (hasFailed)
    return;
  sums = emitSum(at, 0, rows, std::move(sums));
  for (int64_t r = 0; r != rows; ++r)
    for (int64_t v = 0; v != vectors; ++v)
      k.storeElements(sums[r * vectors + v], getPlace(r, v),
                      result.isAligned());
}

/// How many coordinates of the innermost contracted rank, of `size`, a turn of
/// the loop has. Of rows with run-time strides only one: LLVM would group the
/// loads of a row and run out of registers.
int64_t ContractLowering::getUnroll(int64_t size) const {
  if (lhs.hasStrides() && !packed)
    return 1;
  for (int64_t count : {4, 2, 3})
    if (size % count == 0)
      return count;
  return 1;
}

/// The loops over the contracted ranks, the innermost unrolled.
SmallVector<Value> ContractLowering::emitSum(Position &at, unsigned depth,
                                             int64_t rows,
                                             SmallVector<Value> sums) {
  if (depth == contracted.size()) {
    emitStep(at, 0, rows, sums);
    return sums;
  }
  auto [rank, size] = contracted[depth];
  bool isInnermost = depth + 1 == contracted.size();
  auto walk = [&, rank = rank, size = size](Value first, Value end,
                                            int64_t step, ValueRange sums) {
    return k.loopTo(first, end, step, sums, [&](Value c, ValueRange carried) {
      SmallVector<Value> next(carried);
      at[rank] = c;
      if (!isInnermost)
        return emitSum(at, depth + 1, rows, std::move(next));
      prefetchRows(at, rows, size, step);
      for (int64_t u = 0; u != step; ++u)
        emitStep(at, u, rows, next);
      return next;
    });
  };
  int64_t unroll = isInnermost ? getUnroll(size) : 1;
  Value zero = k.constant(0), end = sumEnds[depth];
  if (!end)
    return walk(zero, k.constant(size), unroll, sums);
  Value rest = arith::RemUIOp::create(b, end, k.constant(unroll));
  Value whole = arith::SubIOp::create(b, end, rest);
  sums = walk(zero, whole, unroll, sums);
  return unroll == 1 ? sums : walk(whole, end, 1, sums);
}

/// Asks for lines of the rows after the block, which are in no cache where a
/// view has them: for as many as the `unroll` coordinates of a turn, of `size`.
void ContractLowering::prefetchRows(const Position &at, int64_t rows,
                                    int64_t size, int64_t unroll) {
  int64_t line = 64 / lhs.layout.elementBytes, rowLines = size / line;
  if (!lhs.hasStrides() || !rowRank || rowLines == 0 || rowLines % unroll != 0)
    return;
  StringAttr rank = contracted.back().first;
  Value turn = at.lookup(rank), lines = k.constant(rowLines);
  Value row = arith::DivUIOp::create(b, turn, lines);
  Position next = at;
  next[rowRank] = k.add(at.lookup(rowRank), k.add(k.constant(rows), row));
  next[rank] = k.mul(arith::RemUIOp::create(b, turn, lines), k.constant(line));
  for (int64_t u = 0; u != unroll; ++u)
    LLVM::Prefetch::create(b, k.address(lhs, next, u * line), /*rw=*/0,
                           /*hint=*/2, /*cache=*/1);
}

/// One coordinate of the innermost contracted rank, `step` after `at`.
void ContractLowering::emitStep(Position &at, int64_t step, int64_t rows,
                                MutableArrayRef<Value> sums) {
  StringAttr rank = contracted.empty() ? StringAttr() : contracted.back().first;
  SmallVector<Value> right;
  for (int64_t v = 0; v != vectors; ++v)
    right.push_back(loadOperand(rhs, at, {{rank, step}}, v));
  Position inBlock;
  for (auto [contractedRank, size] : contracted)
    inBlock[contractedRank] = at.lookup(contractedRank);
  for (int64_t r = 0; r != rows; ++r) {
    Value left;
    for (int64_t v = 0; v != vectors; ++v) {
      if (!left || lhs.layout.hasLanes())
        left = loadOperand(packed ? *packed : lhs, packed ? inBlock : at,
                           {{rank, step}, {rowRank, r}}, v);
      Value &sum = sums[r * vectors + v];
      sum = multiplyAdd(left, right[v], sum);
    }
  }
}

/// A vector of `buffer` along the lanes, or an element for all lanes.
Value ContractLowering::loadOperand(const Buffer &buffer, const Position &at,
                                    ArrayRef<Step> steps, int64_t vector) {
  Type element = buffer.getElementType();
  if (buffer.layout.hasLanes())
    return k.loadElements(k.vectorOf(element),
                          k.address(buffer, at, vector * k.unit.lanes, steps));
  Value scalar = k.loadElements(element, k.address(buffer, at, 0, steps));
  if (!result.layout.hasLanes())
    return scalar;
  return vector::BroadcastOp::create(b, k.vectorOf(element), scalar);
}

Value ContractLowering::multiplyAdd(Value x, Value y, Value sum) {
  if (isa<FloatType>(result.getElementType()))
    return math::FmaOp::create(b, x, y, sum);
  return arith::AddIOp::create(b, arith::MulIOp::create(b, x, y), sum);
}

LogicalResult KernelLowering::lowerContract(tile::ContractOp op) {
  return ContractLowering(*this, op).run();
}
