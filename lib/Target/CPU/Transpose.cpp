//===- Transpose.cpp - Squares of vectors transposed in registers ---------===//
//
// In log2(n) rounds each pair of rows a power of two apart exchanges the
// blocks off its diagonal. The widest blocks go last, so that the first rounds
// stay within 128-bit lanes, where a shuffle takes one cycle.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/Transpose.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attn;

/// Exchanges the blocks off the diagonal of two vectors.
static std::pair<Value, Value> exchange(ImplicitLocOpBuilder &b, Value x,
                                        Value y, int64_t block) {
  int64_t size = cast<VectorType>(x.getType()).getNumElements();
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i != size; ++i) {
    bool isSecond = i & block;
    low.push_back(isSecond ? size + i - block : i);
    high.push_back(isSecond ? size + i : i + block);
  }
  return {vector::ShuffleOp::create(b, x, y, low),
          vector::ShuffleOp::create(b, x, y, high)};
}

SmallVector<Value> cpu::transpose(ImplicitLocOpBuilder &b,
                                  ArrayRef<Value> rows) {
  int64_t size = rows.size();
  SmallVector<Value> result(rows);
  for (int64_t block = 1; block != size; block *= 2)
    for (int64_t i = 0; i != size; ++i)
      if (!(i & block))
        std::tie(result[i], result[i + block]) =
            exchange(b, result[i], result[i + block], block);
  return result;
}

Value cpu::sumTransposed(ImplicitLocOpBuilder &b, ArrayRef<Value> rows,
                         int64_t block) {
  SmallVector<Value> sums(rows);
  for (; sums.size() > 1; block *= 2) {
    SmallVector<Value> halves;
    for (size_t i = 0; i != sums.size(); i += 2) {
      auto [low, high] = exchange(b, sums[i], sums[i + 1], block);
      halves.push_back(arith::AddFOp::create(b, low, high));
    }
    sums = std::move(halves);
  }
  return sums.front();
}
