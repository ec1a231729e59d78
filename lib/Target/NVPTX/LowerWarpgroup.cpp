//===- LowerWarpgroup.cpp - Contractions by warpgroups --------------------===//
//
// result[i, l] = acc[i, l] + sum over c of lhs[i, c] * rhs[c, l]
//
// wgmma.m64nNk16: each warpgroup multiplies its 64 lanes l by 16 c with 16 c by
// all i. The operand with the lanes lies in registers or, swizzled, in shared
// memory; the other one always there. The unit reads shared memory by itself,
// from where a descriptor says (PTX ISA, "Matrix Descriptor Format").
//
//===----------------------------------------------------------------------===//

#include "lib/Target/NVPTX/Intrinsics.h"
#include "lib/Target/NVPTX/KernelLowering.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

/// Coordinates of the contracted rank in one product.
static constexpr int64_t step = 16;

namespace {
/// A swizzled operand: where each step along the contracted rank begins.
class SwizzledOperand {
public:
  /// Its part from `offset` bytes on.
  SwizzledOperand(KernelLowering &k, const Buffer &buffer,
                  StringAttr contracted, Value offset);

  Value getDescriptor(int64_t contracted);
  /// Whether the contracted rank's coordinates are rows.
  const bool isTransposed;

private:
  KernelLowering &k;
  SharedLayout layout;
  Value first;
};
} // namespace

/// Bytes as descriptors have them.
static int64_t encode(int64_t bytes) { return bytes >> 4; }

SwizzledOperand::SwizzledOperand(KernelLowering &k, const Buffer &buffer,
                                 StringAttr contracted, Value offset)
    : isTransposed(buffer.type.getRanks().back() != contracted), k(k),
      layout(buffer.layout) {
  constexpr int64_t eightRows = SharedLayout::swizzleAlignment;
  constexpr uint64_t swizzle128 = uint64_t(1) << 62;
  // From one block of columns to the next; not used where a product's columns
  // are in one.
  uint64_t leading = isTransposed ? encode(layout.getBlockBytes()) : 1;
  Type i32 = k.b.getI32Type(), i64 = k.b.getI64Type();
  Value address = LLVM::PtrToIntOp::create(k.b, i32, buffer.pointer);
  if (offset)
    address = k.add(address, offset);
  address = arith::ShRUIOp::create(k.b, address, k.small(4));
  address = arith::AndIOp::create(k.b, address, k.small(0x3fff));
  first = arith::OrIOp::create(
      k.b, arith::ExtUIOp::create(k.b, i64, address),
      makeInteger(k.b, i64,
                  int64_t(swizzle128 | uint64_t(encode(eightRows)) << 32 |
                          leading << 16)));
}

Value SwizzledOperand::getDescriptor(int64_t contracted) {
  constexpr int64_t columns = SharedLayout::blockColumns;
  constexpr int64_t elementBytes = SharedLayout::rowBytes / columns;
  int64_t bytes = isTransposed ? contracted * SharedLayout::rowBytes
                               : contracted / columns * layout.getBlockBytes() +
                                     contracted % columns * elementBytes;
  return k.add(first, k.constant(encode(bytes)));
}

SmallVector<Value> KernelLowering::startProduct(tile::ContractOp op,
                                                ArrayRef<Value> words,
                                                ArrayRef<Value> acc,
                                                Value turn) {
  auto over = cast<StringAttr>(op.getOver()[0]);
  // Of a tile of this turn, or of one from outside the loop.
  auto prepare = [&](Value tile, Value offset) {
    auto load = tile.getDefiningOp<tile::LoadOp>();
    bool isOfTurn = load->getBlock() == op->getBlock();
    Value at = isOfTurn ? turn : turnsOfTiles[load];
    if (isOfTurn && getUse(load, /*isFirst=*/true) == op)
      awaitTile(load, at);
    stages[load] = getStage(load, at);
    return SwizzledOperand(*this, getBuffer(tile), over, offset);
  };
  tile::TileType type = op.getResult().getType();
  SmallVector<Value> sums(acc);
  WarpgroupProduct product;
  product.element = op.getLhs().getType().getElementType();
  product.adds = !sums.empty();
  std::optional<SwizzledOperand> left;
  if (isSwizzled(op.getRhs())) {
    tile::TileType rhs = op.getRhs().getType();
    int64_t perGroup = rhs.getRanks().back() == over
                           ? groupRows * SharedLayout::rowBytes
                           : SharedLayout(rhs).getBlockBytes();
    left.emplace(prepare(op.getRhs(), mul(warpgroup, small(perGroup))));
    product.isLeftTransposed = left->isTransposed;
  }
  if (!product.adds)
    sums.assign(getNumWords(type, getLaneRank()),
                makeConstant(b, b.getF32Type(), 0.0));
  SwizzledOperand right = prepare(op.getLhs(), Value());
  product.isRightTransposed = right.isTransposed;
  tile::TileType lhs = op.getLhs().getType();
  int64_t contracted = lhs.getSizes()[lhs.getRankPosition(over)];
  emitBeginProducts(b);
  for (int64_t c = 0; c != contracted; c += step) {
    if (left)
      product.left = left->getDescriptor(c);
    else
      product.words = words.slice(c / step * 4, 4);
    product.right = right.getDescriptor(c);
    emitMultiplyAdd(b, product, sums);
    product.adds = true;
  }
  emitCommitProducts(b);
  return sums;
}

void KernelLowering::releaseOperands(tile::ContractOp op, Value turn) {
  for (Value operand : {op.getLhs(), op.getRhs()}) {
    auto load = operand.getDefiningOp<tile::LoadOp>();
    if (load && isSwizzled(operand) &&
        getUse(load, /*isFirst=*/false) == op.getOperation())
      releaseTile(load, turn);
  }
}

void KernelLowering::lowerWarpgroupContract(tile::ContractOp op) {
  ArrayRef<Value> words, acc;
  if (isInRegisters(op.getRhs()))
    words = getFragment(op.getRhs());
  if (op.getAcc())
    acc = getFragment(op.getAcc());
  Value turn = turns.lookup(op->getBlock());
  SmallVector<Value> sums = startProduct(op, words, acc, turn);
  emitAwaitProducts(b, /*pending=*/0, sums);
  releaseOperands(op, turn);
  setFragment(op.getResult(), std::move(sums));
}
