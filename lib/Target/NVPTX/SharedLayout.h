//===- SharedLayout.h - Where a tile's elements lie in shared memory ------===//

#ifndef LIB_TARGET_NVPTX_SHAREDLAYOUT_H
#define LIB_TARGET_NVPTX_SHAREDLAYOUT_H

#include "dialect/Tile/TileOps.h"

namespace attn::nvptx {

/// Row-major. Rows that are a multiple of all banks are one element longer, so
/// that a column lies in different banks too.
///
/// Rows of 16-bit elements that are whole pieces of 16 bytes, as they are
/// copied and as ldmatrix reads them, are an odd number of such pieces: eight
/// rows below one another lie in all banks.
struct SharedLayout {
  explicit SharedLayout(tile::TileType type);

  /// In elements, one per rank.
  llvm::SmallVector<int64_t> strides;
  int64_t elementBytes = 0, bytes = 0;
};

} // namespace attn::nvptx

#endif // LIB_TARGET_NVPTX_SHAREDLAYOUT_H
