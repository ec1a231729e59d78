//===- EmitDots.cpp - Sums of products of bytes, four at a time -----------===//
//
// An instruction of AVX-512 VNNI adds to each lane the sum of four products, of
// an unsigned byte and a signed one. Fours of c lie together in each lane of
// the right operand (Layout.h), and four of a row of the left one are
// broadcast. That is signed too, so 128 is added to each of its bytes, and what
// this adds to the sums is taken off where they start:
//
//   sum over c of (x[c] + 128) * y[c] - sum over c of 128 * y[c]
//
// Sums wrap around, so this is exact whatever the bytes are.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/CPU/MatrixLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

/// 128 in each byte.
static constexpr int64_t offsets = 0x80808080;

/// `sum` and the products of unsigned bytes `left`, as i32, and signed ones.
Value MatrixLowering::dot(Value sum, Value left, Value right) {
  auto bytes = VectorType::get({4 * k.unit.lanes}, b.getI8Type());
  return LLVM::CallIntrinsicOp::create(
             b, sum.getType(), b.getStringAttr("llvm.x86.avx512.vpdpbusd.512"),
             ValueRange{sum, vector::BitCastOp::create(b, bytes, left), right})
      .getResult(0);
}

/// Fours of the walked rank, `within` after `first`, of a vector of lanes.
Value MatrixLowering::loadRight(const Position &at, int64_t first, Value within,
                                int64_t vector) {
  int64_t stride = getStride(rhs, walked);
  Value place = k.address(rhs, at, first * stride + getLaneOffset(rhs, vector));
  return k.load(
      VectorType::get({4 * k.unit.lanes}, b.getI8Type()),
      k.advance(place, k.mul(within, k.constant(stride)), b.getI8Type()),
      tileBytes);
}

/// Loops over all that is summed, four coordinates of the walked rank at a
/// time, in parts of as many as lie together on the left.
SmallVector<Value> MatrixLowering::forFours(Position &at, unsigned depth,
                                            SmallVector<Value> sums,
                                            FourBody body) {
  if (depth != contracted.size()) {
    auto [rank, size] = contracted[depth];
    sums = k.loop(
        size, 1, sums, [&, rank = rank](Value position, ValueRange carried) {
          at[rank] = position;
          return forFours(at, depth + 1, llvm::to_vector(carried), body);
        });
    at.erase(rank);
    return sums;
  }
  for (int64_t first = 0; first < walkedSize; first += tileBytes)
    sums = k.loop(std::min(tileBytes, walkedSize - first), 4, sums,
                  [&](Value within, ValueRange carried) {
                    return body(first, within, carried);
                  });
  return sums;
}

/// What is to be added to the sums of each vector of lanes of the panel.
SmallVector<Value> MatrixLowering::emitCorrections(Position &at) {
  Type type = k.vectorOf(b.getI32Type());
  Value zero = makeInteger(b, type, 0), left = makeInteger(b, type, offsets);
  SmallVector<Value> sums(result.layout.panelVectors, zero);
  sums = forFours(
      at, 0, sums, [&](int64_t first, Value within, ValueRange carried) {
        SmallVector<Value> next;
        for (auto [v, sum] : llvm::enumerate(carried))
          next.push_back(dot(sum, left, loadRight(at, first, within, v)));
        return next;
      });
  for (Value &sum : sums)
    sum = arith::SubIOp::create(b, zero, sum);
  return sums;
}

void MatrixLowering::emitDotBlock(Position &at, int64_t rows,
                                  ArrayRef<Value> corrections) {
  int64_t vectors = result.layout.panelVectors;
  Type type = k.vectorOf(b.getI32Type());
  auto getPlace = [&](const Buffer &buffer, int64_t row, int64_t vector) {
    return k.address(buffer, at, getLaneOffset(buffer, vector),
                     {{rowRank, row}});
  };
  SmallVector<Value> sums;
  for (int64_t r = 0; r != rows; ++r)
    for (int64_t v = 0; v != vectors; ++v) {
      sums.push_back(corrections[v]);
      if (acc)
        sums.back() = arith::AddIOp::create(
            b, sums.back(), k.load(type, getPlace(*acc, r, v), tileBytes));
    }
  Value flip = makeInteger(b, type, offsets);
  sums = forFours(
      at, 0, sums, [&](int64_t first, Value within, ValueRange carried) {
        SmallVector<Value> right, next;
        for (int64_t v = 0; v != vectors; ++v)
          right.push_back(loadRight(at, first, within, v));
        int64_t panel = first / tileBytes;
        for (int64_t r = 0; r != rows; ++r) {
          Value row = k.address(lhs, at, panel * lhs.layout.panelStride,
                                {{rowRank, r}});
          // The view's own bytes may begin anywhere.
          Value four =
              k.load(b.getI32Type(), k.advance(row, within, b.getI8Type()), 1);
          Value left = arith::XOrIOp::create(
              b, vector::BroadcastOp::create(b, cast<VectorType>(type), four),
              flip);
          for (int64_t v = 0; v != vectors; ++v)
            next.push_back(dot(carried[r * vectors + v], left, right[v]));
        }
        return next;
      });
  for (int64_t r = 0; r != rows; ++r)
    for (int64_t v = 0; v != vectors; ++v)
      k.store(sums[r * vectors + v], getPlace(result, r, v), tileBytes);
}

void MatrixLowering::emitDots() {
  // Beside the sums: the right operand, a left one, and 128s.
  int64_t vectors = result.layout.panelVectors;
  int64_t most = (k.unit.registers - vectors - 2) / vectors;
  int64_t numBlocks = llvm::divideCeil(numRows, most);
  int64_t block = numRows / numBlocks, numLarge = numRows % numBlocks;
  Position at;
  k.loopNest(outer, at, [&] {
    k.loop(result.layout.numPanels, 1, [&](Value panel) {
      at[k.getLaneRank()] = panel;
      SmallVector<Value> corrections = emitCorrections(at);
      // The first few have a row more.
      auto emitBlocks = [&](int64_t first, int64_t count, int64_t rows) {
        if (count)
          k.loop(count * rows, rows, [&](Value row) {
            if (rowRank)
              at[rowRank] = k.add(row, k.constant(first));
            emitDotBlock(at, rows, corrections);
          });
      };
      emitBlocks(0, numLarge, block + 1);
      emitBlocks(numLarge * (block + 1), numBlocks - numLarge, block);
      at.erase(k.getLaneRank());
    });
    if (rowRank)
      at.erase(rowRank);
  });
}
