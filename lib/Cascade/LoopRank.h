//===- LoopRank.h - Which ranks are walked in loops -----------------------===//

#ifndef LIB_CASCADE_LOOPRANK_H
#define LIB_CASCADE_LOOPRANK_H

#include "dialect/Attn/AttnOps.h"

namespace attn {

/// Whether `rank` has no fixed extent, or one that is too long for one tile to
/// span: more than `maxResident` coordinates.
inline bool isLoopRank(CascadeOp cascade, mlir::StringAttr rank,
                       int64_t maxResident) {
  std::optional<int64_t> extent = cascade.getFixedExtent(rank);
  return !extent || *extent > maxResident;
}

} // namespace attn

#endif // LIB_CASCADE_LOOPRANK_H
