//===- Transpose.cpp - Squares of vectors transposed in registers ---------===//
//
// In log2(n) rounds each pair of rows a power of two apart exchanges the
// blocks off its diagonal. The widest blocks go last, so that the first rounds
// stay within 128-bit lanes, where a shuffle takes one cycle.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/Transpose.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attn;

SmallVector<Value> cpu::transpose(ImplicitLocOpBuilder &b,
                                  ArrayRef<Value> rows) {
  int64_t size = rows.size();
  SmallVector<Value> result(rows);
  for (int64_t block = 1; block != size; block *= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i != size; ++i) {
      bool isSecond = i & block;
      low.push_back(isSecond ? size + i - block : i);
      high.push_back(isSecond ? size + i : i + block);
    }
    for (int64_t i = 0; i != size; ++i) {
      if (i & block)
        continue;
      Value x = result[i], y = result[i + block];
      result[i] = vector::ShuffleOp::create(b, x, y, low);
      result[i + block] = vector::ShuffleOp::create(b, x, y, high);
    }
  }
  return result;
}
