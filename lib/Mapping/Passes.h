//===- Passes.h - From cascades to tiles ----------------------------------===//

#ifndef LIB_MAPPING_PASSES_H
#define LIB_MAPPING_PASSES_H

#include "dialect/Tile/TileOps.h"
#include "mlir/Pass/Pass.h"

namespace attn {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lib/Mapping/Passes.h.inc"
} // namespace attn

#endif // LIB_MAPPING_PASSES_H
