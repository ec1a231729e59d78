//===- EmitObject.h - Machine code from the llvm dialect --------*- C++ -*-===//

#ifndef LIB_TARGET_CPU_EMITOBJECT_H
#define LIB_TARGET_CPU_EMITOBJECT_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"
#include <string>
#include <vector>

namespace attn::cpu {

enum class OutputKind { Object, Assembly, LLVM };

/// Translates the functions of `module` (llvm dialect, each with its target) to
/// LLVM IR; null, with a diagnostic, on failure.
std::unique_ptr<llvm::Module> translateToLLVM(mlir::ModuleOp module,
                                              llvm::LLVMContext &context);

/// Optimises `module` and writes it as position-independent x86-64 ELF, as
/// assembly or as LLVM IR. Functions of several feature levels may be in one
/// module.
llvm::Error emitModule(llvm::Module &module, OutputKind kind,
                       llvm::raw_pwrite_stream &stream);

/// Optimises `module` and writes it as objects that are to be linked to one,
/// parts of it at the same time on the threads of `context`. Their hidden
/// symbols are for each other. Which they are depends on the code alone.
mlir::FailureOr<std::vector<std::string>>
emitObjects(llvm::Module &module, mlir::MLIRContext *context);

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_EMITOBJECT_H
