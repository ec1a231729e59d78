//===- Intrinsics.cpp - What only a GPU's instructions say ----------------===//

#include "lib/Target/NVPTX/Intrinsics.h"
#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace attn;

Value nvptx::emitThread(ImplicitLocOpBuilder &b, int64_t threads) {
  auto range = LLVM::ConstantRangeAttr::get(b.getContext(), 32, 0, threads);
  return NVVM::ThreadIdXOp::create(b, b.getI32Type(), range);
}

Value nvptx::emitBlock(ImplicitLocOpBuilder &b) {
  return NVVM::BlockIdXOp::create(b, b.getI32Type());
}

void nvptx::emitBarrier(ImplicitLocOpBuilder &b) {
  NVVM::Barrier0Op::create(b);
}

/// Of one word.
static Value emitShuffle(ImplicitLocOpBuilder &b, Value word, int32_t mask) {
  auto number = [&](int64_t n) { return makeInteger(b, b.getI32Type(), n); };
  return NVVM::ShflOp::create(b, word.getType(), number(-1), word, number(mask),
                              number(31), NVVM::ShflKind::bfly,
                              /*return_value_and_is_valid=*/UnitAttr());
}

Value nvptx::emitShuffleXor(ImplicitLocOpBuilder &b, Value value,
                            int32_t mask) {
  Type type = value.getType(), i32 = b.getI32Type();
  unsigned width = type.getIntOrFloatBitWidth();
  if (width == 32)
    return emitShuffle(b, value, mask);
  if (width < 32) {
    Value word = arith::ExtUIOp::create(b, i32, value);
    return arith::TruncIOp::create(b, type, emitShuffle(b, word, mask));
  }
  Type i64 = b.getI64Type();
  Value bits =
      type.isF64() ? Value(arith::BitcastOp::create(b, i64, value)) : value;
  Value shift = makeInteger(b, i64, 32);
  Value low = arith::TruncIOp::create(b, i32, bits);
  Value high =
      arith::TruncIOp::create(b, i32, arith::ShRUIOp::create(b, bits, shift));
  low = arith::ExtUIOp::create(b, i64, emitShuffle(b, low, mask));
  high = arith::ExtUIOp::create(b, i64, emitShuffle(b, high, mask));
  bits = arith::OrIOp::create(b, low, arith::ShLIOp::create(b, high, shift));
  return type.isF64() ? Value(arith::BitcastOp::create(b, type, bits)) : bits;
}

/// The values of a structure.
static SmallVector<Value> unpack(ImplicitLocOpBuilder &b, Value structure) {
  auto type = cast<LLVM::LLVMStructType>(structure.getType());
  SmallVector<Value> values;
  for (size_t i = 0; i != type.getBody().size(); ++i)
    values.push_back(LLVM::ExtractValueOp::create(b, structure, int64_t(i)));
  return values;
}

SmallVector<Value> nvptx::emitLoadMatrix(ImplicitLocOpBuilder &b, Value pointer,
                                         int64_t count, bool isTransposed) {
  MLIRContext *context = b.getContext();
  SmallVector<Type> words(count, b.getI32Type());
  auto type = LLVM::LLVMStructType::getLiteral(context, words);
  return unpack(b,
                NVVM::LdMatrixOp::create(
                    b, type, pointer, count,
                    isTransposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
                    NVVM::LdStMatrixShapeAttr::get(context, 8, 8),
                    NVVM::LdStMatrixEltType::B16));
}

void nvptx::emitMultiplyAdd(ImplicitLocOpBuilder &b, ArrayRef<Value> left,
                            ArrayRef<Value> right, MutableArrayRef<Value> sum,
                            Type element) {
  SmallVector<Type> results(sum.size(), b.getF32Type());
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(), results);
  bool isBF16 = element.isBF16();
  auto convert = [&](ArrayRef<Value> words) {
    SmallVector<Value> converted(words);
    if (!isBF16)
      for (Value &word : converted)
        word = LLVM::BitcastOp::create(b, VectorType::get(2, b.getF16Type()),
                                       word);
    return converted;
  };
  NVVM::MMATypes operand = isBF16 ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
  Value product = NVVM::MmaOp::create(
      b, type, convert(left), convert(right), SmallVector<Value>(sum),
      ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt,
      std::array<NVVM::MMATypes, 2>{operand, operand},
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                     NVVM::MMALayout::col});
  llvm::copy(unpack(b, product), sum.begin());
}

void nvptx::emitCopyAsync(ImplicitLocOpBuilder &b, Value target, Value source,
                          Value bytes) {
  NVVM::CpAsyncOp::create(b, target, source, uint32_t(16),
                          NVVM::LoadCacheModifierKind::CG, bytes);
}

void nvptx::emitCommitCopies(ImplicitLocOpBuilder &b) {
  NVVM::CpAsyncCommitGroupOp::create(b);
}

void nvptx::emitWaitForCopies(ImplicitLocOpBuilder &b) {
  NVVM::CpAsyncWaitGroupOp::create(b, uint32_t(0));
}

void nvptx::makeKernel(LLVM::LLVMFuncOp function, int64_t threads) {
  Builder b(function.getContext());
  function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(),
                    b.getUnitAttr());
  function->setAttr(NVVM::NVVMDialect::getMaxntidAttrName(),
                    b.getDenseI32ArrayAttr({int32_t(threads)}));
  // So that registers are not spared for the sake of more blocks.
  function->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                    b.getI32IntegerAttr(1));
  function.setArgAttr(0, NVVM::NVVMDialect::getGridConstantAttrName(),
                      b.getUnitAttr());
}
