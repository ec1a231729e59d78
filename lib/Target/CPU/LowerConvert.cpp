//===- LowerConvert.cpp - Tiles rounded to what a matrix unit takes -------===//
//
// With the lane rank, two rows become one row of pairs: each vector of either
// is rounded, and the two are interleaved (Layout.h). Without it, element by
// element.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/KernelLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

/// `even` and `odd` rounded to `element`, in turn, as their bits.
static Value makePairs(KernelLowering &k, Value even, Value odd, Type element) {
  ImplicitLocOpBuilder &b = k.b;
  Type narrow = k.vectorOf(element);
  even = arith::TruncFOp::create(b, narrow, even);
  odd = arith::TruncFOp::create(b, narrow, odd);
  Value pairs = vector::InterleaveOp::create(b, even, odd);
  return vector::BitCastOp::create(
      b, VectorType::get({2 * k.unit.lanes}, b.getI16Type()), pairs);
}

void KernelLowering::storePairs(ValueRange even, ValueRange odd,
                                const Buffer &buffer, const Position &at) {
  for (auto [v, pair] : llvm::enumerate(llvm::zip(even, odd))) {
    auto [x, y] = pair;
    Value pairs = makePairs(*this, x, y, buffer.getElementType());
    store(pairs, address(buffer, at, v * unit.lanes * buffer.layout.pack), 64);
  }
}

LogicalResult KernelLowering::lowerConvert(tile::ConvertOp op) {
  Buffer from = getBuffer(op.getInput()), to = getBuffer(op.getResult());
  SmallVector<std::pair<StringAttr, int64_t>> ranks;
  for (auto [rank, size] : llvm::zip(to.type.getRanks(), to.type.getSizes()))
    if (rank != getLaneRank())
      ranks.push_back({rank, size});
  Type element = to.getElementType();
  if (!from.getElementType().isF32() || !element.isBF16())
    return op.emitOpError("turns ") << from.getElementType() << " into "
                                    << element << ", which the CPU can't do";
  Position at;
  if (!to.layout.hasLanes()) {
    loopNest(ranks, at, [&] {
      Value value = loadElements(from.getElementType(), address(from, at));
      storeElements(narrowElement(b, value, element), address(to, at));
    });
    return success();
  }
  auto [pairRank, pairSize] = ranks.pop_back_val();
  int64_t next = from.layout.strides[from.type.getRankPosition(pairRank)];
  Type wide = vectorOf(from.getElementType());
  loopNest(ranks, at, [&, pairRank = pairRank, pairSize = pairSize] {
    loop(to.layout.numPanels, 1, [&](Value panel) {
      at[getLaneRank()] = panel;
      loop(pairSize, 2, [&](Value row) {
        at[pairRank] = row;
        SmallVector<Value> even, odd;
        for (int64_t v = 0; v != to.layout.panelVectors; ++v) {
          int64_t lane = v * unit.lanes;
          even.push_back(loadElements(wide, address(from, at, lane)));
          odd.push_back(loadElements(wide, address(from, at, lane + next)));
        }
        storePairs(even, odd, to, at);
      });
    });
  });
  return success();
}
