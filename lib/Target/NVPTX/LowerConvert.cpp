//===- LowerConvert.cpp - Between spaces and element types ----------------===//
//
// Sums lie in registers where the matrix unit wants its operands (Layout.h), so
// rounding them is all that is to do. Every other way is through shared memory.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/NVPTX/Intrinsics.h"
#include "lib/Target/NVPTX/KernelLowering.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cassert>

using namespace mlir;
using namespace attn;
using namespace attn::nvptx;

Value nvptx::packPair(ImplicitLocOpBuilder &b, Value low, Value high,
                      Type element) {
  Value pair = LLVM::UndefOp::create(b, VectorType::get(2, b.getF32Type()));
  for (auto [i, value] : llvm::enumerate(ValueRange{low, high}))
    pair = LLVM::InsertElementOp::create(
        b, pair, value, makeInteger(b, b.getI32Type(), int64_t(i)));
  Value narrow = LLVM::FPTruncOp::create(b, VectorType::get(2, element), pair);
  return LLVM::BitcastOp::create(b, b.getI32Type(), narrow);
}

/// The `index`th of the two.
static Value unpack(ImplicitLocOpBuilder &b, Value word, int64_t index,
                    Type element) {
  if (index)
    word = arith::ShRUIOp::create(b, word, makeInteger(b, b.getI32Type(), 16));
  Value bits = arith::TruncIOp::create(b, b.getI16Type(), word);
  Type type = getScratchType(element);
  return type == bits.getType() ? bits : LLVM::BitcastOp::create(b, type, bits);
}

/// Rounds sums to the operands that they are.
static void convertInRegisters(KernelLowering &k, tile::ConvertOp op) {
  tile::TileType type = op.getResult().getType();
  assert(getLayout(op.getInput().getType(), k.getLaneRank()) ==
             getLayout(type, k.getLaneRank()) &&
         "elements would change threads");
  ArrayRef<Value> from = k.getFragment(op.getInput());
  // LLVM would round behind an early branch what either side has computed.
  auto loop = dyn_cast<scf::ForOp>(op->getParentOp());
  auto *pack = loop && getEarlyBranch(loop) ? emitPackPair : packPair;
  SmallVector<Value> words;
  for (size_t reg = 0; reg != from.size(); reg += 2)
    words.push_back(pack(k.b, from[reg], from[reg + 1], type.getElementType()));
  k.setFragment(op.getResult(), std::move(words));
}

static void storeFragment(KernelLowering &k, tile::ConvertOp op) {
  FragmentIndex index(k, op.getInput().getType());
  Buffer to = k.getBuffer(op.getResult());
  ArrayRef<Value> from = k.getFragment(op.getInput());
  k.beginWrite();
  Type element = to.getElementType();
  auto store = [&] {
    for (int64_t reg = 0; reg != index.layout.getNumRegisters(); ++reg)
      k.storeElement(isOperandElement(element)
                         ? unpack(k.b, from[reg / 2], reg % 2, element)
                         : from[reg],
                     to, index.at(reg));
  };
  if (Value isOwner = index.isOwner())
    k.when(isOwner, store);
  else
    store();
  k.barrier();
}

static void loadFragment(KernelLowering &k, tile::ConvertOp op) {
  FragmentIndex index(k, op.getResult().getType());
  Buffer from = k.getBuffer(op.getInput());
  SmallVector<Value> words;
  for (int64_t reg = 0; reg != index.layout.getNumRegisters(); ++reg)
    words.push_back(k.loadElement(from, index.at(reg)));
  k.noteRead();
  k.setFragment(op.getResult(), std::move(words));
}

static void convertInMemory(KernelLowering &k, tile::ConvertOp op) {
  Buffer from = k.getBuffer(op.getInput()), to = k.getBuffer(op.getResult());
  Type element = to.getElementType();
  SmallVector<RankSize> ranks;
  for (auto [rank, size] : llvm::zip(to.type.getRanks(), to.type.getSizes()))
    ranks.push_back({rank, size});
  k.beginWrite();
  k.forElements(ranks, [&](const Position &at) {
    Value value = k.loadElement(from, at);
    if (from.getElementType() != element)
      value = narrowElement(k.b, value, element);
    k.storeElement(value, to, at);
  });
  k.barrier();
}

LogicalResult KernelLowering::lowerConvert(tile::ConvertOp op) {
  Type from = op.getInput().getType().getElementType(),
       to = op.getResult().getType().getElementType();
  bool isNarrowing = from.isF32() && isOperandElement(to);
  bool reads = isInRegisters(op.getInput()),
       writes = isInRegisters(op.getResult());
  bool isMove = from == to && !(reads && writes);
  if (!isMove && !(isNarrowing && reads == writes))
    return op.emitOpError("turns ")
           << op.getInput().getType() << " into " << op.getResult().getType()
           << ", which the GPU can't do";
  if (reads && writes)
    convertInRegisters(*this, op);
  else if (reads)
    storeFragment(*this, op);
  else if (!writes)
    convertInMemory(*this, op);
  else if (isOperandElement(to))
    setFragment(op.getResult(), loadOperand(getBuffer(op.getInput())));
  else
    loadFragment(*this, op);
  return success();
}
