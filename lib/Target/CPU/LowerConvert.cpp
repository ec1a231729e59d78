//===- LowerConvert.cpp - Tiles narrowed to what a matrix unit takes ------===//
//
// With the lane rank, two rows become one row of pairs: each vector of either
// is rounded, and the two are interleaved (Layout.h). Of 8-bit integers four
// rows do. Without the lane rank, element by element.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/KernelLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

/// `even` and `odd` rounded to bf16, in turn, as their bits. One instruction
/// rounds both: whatever has AMX has it.
static Value makePairs(KernelLowering &k, Value even, Value odd) {
  ImplicitLocOpBuilder &b = k.b;
  auto type = VectorType::get({2 * k.unit.lanes}, b.getBF16Type());
  Value halves =
      LLVM::CallIntrinsicOp::create(
          b, type, b.getStringAttr("llvm.x86.avx512bf16.cvtne2ps2bf16.512"),
          ValueRange{odd, even})
          .getResult(0);
  Value bits = vector::BitCastOp::create(
      b, VectorType::get({2 * k.unit.lanes}, b.getI16Type()), halves);
  SmallVector<int64_t> inTurn;
  for (int64_t lane = 0; lane != k.unit.lanes; ++lane)
    inTurn.append({lane, k.unit.lanes + lane});
  return vector::ShuffleOp::create(b, bits, bits, inTurn);
}

void KernelLowering::storePairs(ValueRange even, ValueRange odd,
                                const Buffer &buffer, const Position &at) {
  for (auto [v, pair] : llvm::enumerate(llvm::zip(even, odd))) {
    auto [x, y] = pair;
    Value pairs = makePairs(*this, x, y);
    store(pairs, address(buffer, at, v * unit.lanes * buffer.layout.pack), 64);
  }
}

/// The low bytes of four vectors of i32, in turn, as vectors of i32.
static Value makeFours(KernelLowering &k, ArrayRef<Value> rows) {
  ImplicitLocOpBuilder &b = k.b;
  auto number = [&](int64_t n) {
    return makeInteger(b, k.vectorOf(b.getI32Type()), n);
  };
  Value fours;
  for (auto [i, row] : llvm::enumerate(rows)) {
    // The last one's upper bytes are shifted out.
    Value byte = row;
    if (i + 1 != rows.size())
      byte = arith::AndIOp::create(b, row, number(0xff));
    if (i != 0)
      byte = arith::ShLIOp::create(b, byte, number(8 * i));
    fours = fours ? Value(arith::OrIOp::create(b, fours, byte)) : byte;
  }
  return fours;
}

LogicalResult KernelLowering::lowerConvert(tile::ConvertOp op) {
  Buffer from = getBuffer(op.getInput()), to = getBuffer(op.getResult());
  SmallVector<std::pair<StringAttr, int64_t>> ranks;
  for (auto [rank, size] : llvm::zip(to.type.getRanks(), to.type.getSizes()))
    if (rank != getLaneRank())
      ranks.push_back({rank, size});
  Type element = to.getElementType();
  bool isRounded = from.getElementType().isF32() && element.isBF16();
  bool isCut =
      from.getElementType().isInteger(32) && element.isSignlessInteger(8);
  if (!isRounded && !isCut)
    return op.emitOpError("turns ") << from.getElementType() << " into "
                                    << element << ", which the CPU can't do";
  Position at;
  if (!to.layout.hasLanes()) {
    StringAttr last = to.type.getRanks().back();
    int64_t width = to.layout.panelVectors * unit.lanes;
    loopNest(ranks, at, [&] {
      Value value = loadElements(from.getElementType(), address(from, at));
      Position place = at;
      Value position = at.lookup(last), panels = constant(width);
      place[last] = b.createOrFold<arith::DivUIOp>(position, panels);
      Value within = b.createOrFold<arith::RemUIOp>(position, panels);
      Value pointer = advance(address(to, place), within,
                              getScratchType(to.getElementType()));
      storeElements(narrowElement(b, value, element), pointer);
    });
    return success();
  }
  auto [packRank, packSize] = ranks.pop_back_val();
  int64_t next = from.layout.strides[from.type.getRankPosition(packRank)];
  int64_t pack = to.layout.pack, vectors = to.layout.panelVectors;
  Type wide = vectorOf(from.getElementType());
  loopNest(ranks, at, [&, packRank = packRank, packSize = packSize] {
    loop(to.layout.numPanels, 1, [&](Value panel) {
      at[getLaneRank()] = panel;
      Value end = getPanelEnd(packRank);
      loopTo(
          constant(0), end ? end : constant(packSize), pack, [&](Value first) {
            at[packRank] = first;
            for (int64_t v = 0; v != vectors; ++v) {
              int64_t lane = v * unit.lanes;
              SmallVector<Value> rows;
              for (int64_t row = 0; row != pack; ++row)
                rows.push_back(
                    loadElements(wide, address(from, at, lane + row * next)));
              Value packed = isCut ? makeFours(*this, rows)
                                   : makePairs(*this, rows[0], rows[1]);
              store(packed, address(to, at, lane * pack), 64);
            }
          });
    });
  });
  return success();
}
