//===- EmitContract.cpp - The loops of a contraction ----------------------===//
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

#include "lib/Target/CPU/ContractLowering.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

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

/// Rows whose sums fit the registers beside a row of rhs and a broadcast.
int64_t ContractLowering::getRowBlock() const {
  return std::max<int64_t>(1, (k.unit.registers - vectors - 1) / vectors);
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
  if (!laneEnd)
    return k.loop(result.layout.numPanels, 1, emitPanel);
  // Of a last panel that the lanes don't fill, as many vectors as hold them,
  // but half at least.
  Value done = k.constant(0);
  int64_t all = vectors, width = all * k.unit.lanes;
  while (vectors != 0) {
    int64_t fewer = 2 * (vectors - 1) >= all ? vectors - 1 : 0;
    Value missing = k.constant(width - fewer * k.unit.lanes - 1);
    Value end =
        arith::DivUIOp::create(b, k.add(laneEnd, missing), k.constant(width));
    k.loopTo(done, end, 1, emitPanel);
    done = end;
    vectors = fewer;
  }
  vectors = all;
}

/// Blocks of nearly one number of rows: the first few have a row more. Rows up
/// to an end that only the run shows are cut into such blocks, too, unless they
/// are too few; then powers of two follow the whole blocks. What lies past the
/// end is left alone.
void ContractLowering::emitRows(Position &at,
                                llvm::function_ref<void(int64_t)> body) {
  if (!rowRank)
    return body(1);
  int64_t numBlocks = llvm::divideCeil(numRows, getRowBlock());
  int64_t large = llvm::divideCeil(numRows, numBlocks);
  Value done = k.constant(0);
  auto emitBlocks = [&](Value end, int64_t block) {
    k.loopTo(done, end, block, [&](Value row) {
      at[rowRank] = row;
      body(block);
    });
    done = end;
  };
  if (!rowEnd) {
    int64_t missing = numBlocks * large - numRows;
    emitBlocks(k.constant((numBlocks - missing) * large), large);
    if (missing != 0)
      emitBlocks(k.constant(numRows), large - 1);
    return;
  }
  Value width = k.constant(large);
  auto getWhole = [&](Value rows, Value block) {
    return b.createOrFold<arith::SubIOp>(
        rows, arith::RemUIOp::create(b, rows, block));
  };
  Value blocks = b.createOrFold<arith::CeilDivUIOp>(rowEnd, width);
  Value missing = b.createOrFold<arith::SubIOp>(k.mul(blocks, width), rowEnd);
  Value left = b.createOrFold<arith::SubIOp>(blocks, missing);
  Value areEnough = k.less(missing, k.add(blocks, k.constant(1)));
  emitBlocks(arith::SelectOp::create(b, areEnough, k.mul(left, width),
                                     getWhole(rowEnd, width)),
             large);
  for (int64_t block = large - 1; block > 0;
       block = llvm::bit_floor<uint64_t>(block - 1)) {
    Value rest = b.createOrFold<arith::SubIOp>(rowEnd, done);
    emitBlocks(k.add(done, getWhole(rest, k.constant(block))), block);
  }
}

/// What a block's sums start from: what `region` makes, `value`, the tile acc,
/// or 0.
SmallVector<Value> ContractLowering::startFrom(const Position &at, int64_t rows,
                                               MapRegion *region, Value value) {
  Type type = getRegisterType();
  int64_t stride = getStride(result, rowRank);
  SmallVector<Value> sums;
  if (region && region->hasLanes)
    region->numVectors = vectors;
  Value zero = isa<FloatType>(result.getElementType())
                   ? makeConstant(b, type, 0.0)
                   : makeInteger(b, type, 0);
  if (!acc && !value)
    value = zero;
  for (int64_t r = 0; r != rows; ++r) {
    if (!region) {
      for (int64_t v = 0; v != vectors; ++v)
        sums.push_back(
            value ? value
                  : k.loadElements(
                        type,
                        k.address(*acc, at, r * stride + v * k.unit.lanes)));
      continue;
    }
    Position row = at;
    if (rowRank)
      row[rowRank] = k.add(at.lookup(rowRank), k.constant(r));
    LaneValue filter;
    FailureOr<LaneValue> start = region->emit(row, filter);
    hasFailed |= failed(start);
    if (hasFailed)
      return SmallVector<Value>(rows * vectors, zero);
    if (start->kind == LaneValue::Varying)
      llvm::append_range(sums, start->vectors);
    else
      sums.push_back(start->scalar);
  }
  return sums;
}

/// What a block's sums start from; in a first turn, what stands for a tile that
/// is not filled.
SmallVector<Value> ContractLowering::getStart(const Position &at,
                                              int64_t rows) {
  MapRegion *region = accRegion ? &*accRegion : nullptr;
  if (!first)
    return startFrom(at, rows, region, /*value=*/{});
  SmallVector<Type> types(rows * vectors, getRegisterType());
  auto branch = scf::IfOp::create(b, types, first->isFirst,
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(branch.thenBlock());
  Value value = arith::ConstantOp::create(b, first->value);
  if (region) {
    MapRegion ofFirst = *region;
    ofFirst.setInput(firstInput, LaneValue::uniform(value));
    scf::YieldOp::create(b, startFrom(at, rows, &ofFirst, /*value=*/{}));
  } else {
    if (result.layout.hasLanes())
      value = vector::BroadcastOp::create(b, getRegisterType(), value);
    scf::YieldOp::create(b, startFrom(at, rows, /*region=*/nullptr, value));
  }
  b.setInsertionPointToEnd(branch.elseBlock());
  scf::YieldOp::create(b, startFrom(at, rows, region, /*value=*/{}));
  return llvm::to_vector(ValueRange(branch.getResults()));
}

void ContractLowering::emitBlock(Position &at, int64_t rows) {
  auto getPlace = [&](int64_t row, int64_t vector) {
    return k.address(result, at, vector * k.unit.lanes, {{rowRank, row}});
  };
  // A view's lines are in no cache: they come while the sums are made.
  if (result.hasStrides())
    for (int64_t r = 0; r != rows; ++r)
      for (int64_t v = 0; v != vectors; ++v)
        k.prefetch(getPlace(r, v), /*level=*/1, /*isWritten=*/true);
  SmallVector<Value> sums = getStart(at, rows);
  if (hasFailed)
    return;
  sums = emitSum(at, 0, rows, std::move(sums));
  for (int64_t r = 0; r != rows; ++r)
    for (int64_t v = 0; v != vectors; ++v)
      k.storeElements(sums[r * vectors + v], getPlace(r, v),
                      result.isAligned());
}

/// Whether a block's sums leave more than half of the registers free: the rest
/// of the rows, or of the lanes.
bool ContractLowering::isSmall(int64_t rows) const {
  return 2 * rows * vectors < k.unit.registers;
}

/// How many coordinates of the innermost contracted rank, of `size`, a turn of
/// the loop has. Of rows with run-time strides only one: LLVM would group the
/// loads of a row and run out of registers; of a small block too: it is rare,
/// and all code has to be compiled.
int64_t ContractLowering::getUnroll(int64_t size, int64_t rows) const {
  if ((lhs.hasStrides() && !packed) || isSmall(rows))
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
      prefetch(at, rows, size, step);
      for (int64_t u = 0; u != step; ++u)
        emitStep(at, u, rows, next);
      return next;
    });
  };
  int64_t unroll = isInnermost ? getUnroll(size, rows) : 1;
  Value zero = k.constant(0), end = sumEnds[depth];
  if (!end)
    return walk(zero, k.constant(size), unroll, sums);
  Value rest = arith::RemUIOp::create(b, end, k.constant(unroll));
  Value whole = arith::SubIOp::create(b, end, rest);
  sums = walk(zero, whole, unroll, sums);
  return unroll == 1 ? sums : walk(whole, end, 1, sums);
}

/// Asks for what of lhs is used soon, of which the innermost loop's next turn
/// has `turn` of `size` coordinates. The processor's own prefetching follows
/// neither: many rows in step are one line of each in turn, and the columns
/// beside a block are used when their lines have left the cache.
void ContractLowering::prefetch(const Position &at, int64_t rows, int64_t size,
                                int64_t turn) {
  if (!rowRank || lhs.layout.hasLanes() || isSmall(rows))
    return;
  if (getStride(lhs, rowRank) >= size)
    prefetchNextRows(at, rows, size, turn);
  else if (!lhs.hasStrides())
    prefetchNextTurns(at, rows, turn);
}

/// Where a row is contiguous: lines of the rows after the block, as many in a
/// turn as are used up in it.
void ContractLowering::prefetchNextRows(const Position &at, int64_t rows,
                                        int64_t size, int64_t turn) {
  int64_t line = lineBytes / lhs.layout.elementBytes, rowLines = size / line;
  if (rowLines == 0 || rowLines % turn != 0)
    return;
  StringAttr rank = contracted.back().first;
  Value lines = k.constant(rowLines), first = at.lookup(rank);
  Value row = arith::DivUIOp::create(b, first, lines);
  Position next = at;
  next[rowRank] = k.add(at.lookup(rowRank), k.add(k.constant(rows), row));
  next[rank] = k.mul(arith::RemUIOp::create(b, first, lines), k.constant(line));
  // A view's rows are packed before their turn comes.
  int64_t level = lhs.hasStrides() ? 2 : 1;
  for (int64_t u = 0; u != turn; ++u)
    k.prefetch(k.address(lhs, next, u * line), level);
}

/// Where the rows of a coordinate are: the block's lines some coordinates on.
void ContractLowering::prefetchNextTurns(const Position &at, int64_t rows,
                                         int64_t turn) {
  StringAttr rank = contracted.back().first;
  int64_t line = lineBytes / lhs.layout.elementBytes;
  for (int64_t u = 0; u != turn; ++u)
    for (int64_t r = 0; r < rows + line - 1; r += line)
      k.prefetch(k.address(lhs, at, 0,
                           {{rank, k.unit.prefetchDistance + u},
                            {rowRank, std::min(r, rows - 1)}}),
                 /*level=*/1);
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
