//===- EmitPTX.h - From the llvm dialect to PTX -----------------*- C++ -*-===//

#ifndef LIB_TARGET_NVPTX_EMITPTX_H
#define LIB_TARGET_NVPTX_EMITPTX_H

#include "lib/Machine/GpuModel.h"
#include "mlir/IR/BuiltinOps.h"
#include <string>

namespace attn::nvptx {

/// Gets ready for emitPTX in `context`; not while others use that.
void prepareToEmitPTX(mlir::MLIRContext &context);

/// Translates `module` (llvm dialect), which has one kernel, to PTX in a
/// context of its own, so that several can be at the same time; fails with a
/// diagnostic.
mlir::FailureOr<std::string> emitPTX(mlir::ModuleOp module,
                                     const GpuDescription &gpu);

} // namespace attn::nvptx

#endif // LIB_TARGET_NVPTX_EMITPTX_H
