//===- InsideReads.h - What a filter says of reads --------------*- C++ -*-===//

#ifndef LIB_MAPPING_INSIDEREADS_H
#define LIB_MAPPING_INSIDEREADS_H

#include "dialect/Tile/TileOps.h"

namespace attn {

/// Marks reads in branches that `test`'s filter holds all over as `inside`
/// their views, where it says that.
void markInsideReads(tile::TestOp test);

} // namespace attn

#endif // LIB_MAPPING_INSIDEREADS_H
