//===- Passes.h - The algebra of cascades ---------------------------------===//

#ifndef LIB_CASCADE_PASSES_H
#define LIB_CASCADE_PASSES_H

#include "dialect/Attn/AttnOps.h"
#include "mlir/Pass/Pass.h"

namespace attn {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lib/Cascade/Passes.h.inc"
} // namespace attn

#endif // LIB_CASCADE_PASSES_H
