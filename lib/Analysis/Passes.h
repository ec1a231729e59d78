//===- Passes.h - Facts about cascades ------------------------------------===//

#ifndef LIB_ANALYSIS_PASSES_H
#define LIB_ANALYSIS_PASSES_H

#include "dialect/Attn/AttnOps.h"
#include "mlir/Pass/Pass.h"

namespace attn {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lib/Analysis/Passes.h.inc"
} // namespace attn

#endif // LIB_ANALYSIS_PASSES_H
