//===- Assemble.h - Machine code from PTX -----------------------*- C++ -*-===//
//
// ptxas does it, as a program: LLVM emits PTX only.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_NVPTX_ASSEMBLE_H
#define LIB_TARGET_NVPTX_ASSEMBLE_H

#include "mlir/Support/LLVM.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace attn::nvptx {

/// What ptxas says of a kernel.
struct KernelReport {
  std::string name;
  int64_t registers = 0, spillBytes = 0, stackBytes = 0;
};

struct Assembly {
  std::string cubin;
  std::vector<KernelReport> kernels;
  /// Lines with a number: C7512, where it could not keep what was asked for.
  std::vector<std::string> remarks;
};

/// Reads what `ptxas -v` prints.
void parseReport(llvm::StringRef text, Assembly &assembly);

/// Runs the program `ptxas` for `arch` ("sm_80").
llvm::Expected<Assembly> assemble(llvm::StringRef ptx, llvm::StringRef arch,
                                  llvm::StringRef ptxas);

} // namespace attn::nvptx

#endif // LIB_TARGET_NVPTX_ASSEMBLE_H
