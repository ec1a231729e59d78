//===- Passes.h - The algebra of cascades ---------------------------------===//

#ifndef LIB_CASCADE_PASSES_H
#define LIB_CASCADE_PASSES_H

#include "dialect/Attn/AttnOps.h"
#include "lib/Cascade/MaximumChoice.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/CommandLine.h"

namespace attn {
/// What may stand for a maximum, by name, for the command line.
llvm::cl::ValuesClass getMaximumValues();

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lib/Cascade/Passes.h.inc"
} // namespace attn

#endif // LIB_CASCADE_PASSES_H
