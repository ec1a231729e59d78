//===- TileRegisters.cpp - AMX's instructions -----------------------------===//

#include "lib/Target/CPU/TileRegisters.h"

using namespace mlir;
using namespace attn;
using namespace attn::cpu;

Value TileRegisters::number(int64_t n) {
  return makeInteger(k.b, k.b.getI16Type(), n);
}

Value TileRegisters::call(StringRef name, ValueRange operands) {
  Type type = LLVM::LLVMX86AMXType::get(k.b.getContext());
  return LLVM::CallIntrinsicOp::create(k.b, type, k.b.getStringAttr(name),
                                       operands)
      .getResult(0);
}

Value TileRegisters::zero(int64_t rows) {
  return call("llvm.x86.tilezero.internal", {number(rows), number(tileBytes)});
}

Value TileRegisters::load(Value pointer, Value stride, int64_t rows,
                          int64_t bytes) {
  return call("llvm.x86.tileloadd64.internal",
              {number(rows), number(bytes), pointer, stride});
}

void TileRegisters::store(Value sums, Value pointer, Value stride,
                          int64_t rows) {
  LLVM::CallIntrinsicOp::create(
      k.b, k.b.getStringAttr("llvm.x86.tilestored64.internal"),
      ValueRange{number(rows), number(tileBytes), pointer, stride, sums});
}

Value TileRegisters::multiply(Value sums, Value left, Value right, Type element,
                              int64_t rows, int64_t bytes) {
  StringRef name = element.isBF16() ? "llvm.x86.tdpbf16ps.internal"
                                    : "llvm.x86.tdpbssd.internal";
  return call(name, {number(rows), number(tileBytes), number(bytes), sums, left,
                     right});
}
