//===- Grid.h - How a nest is cut into tasks ------------------------------===//

#ifndef LIB_MAPPING_GRID_H
#define LIB_MAPPING_GRID_H

#include "dialect/Attn/AttnOps.h"

namespace attn {

/// The sizes that a mapping chooses.
struct TileSizes {
  int64_t lanes, stream, rows, maxElements;
};

/// How a nest's parallel ranks are cut.
struct GridChoice {
  llvm::SmallVector<mlir::StringAttr> ranks;
  llvm::SmallVector<int64_t> sizes;
  mlir::StringAttr lanes;
};

/// Cuts the nest's parallel ranks into tiles.
GridChoice chooseGrid(NestOp nest, const TileSizes &sizes);

} // namespace attn

#endif // LIB_MAPPING_GRID_H
