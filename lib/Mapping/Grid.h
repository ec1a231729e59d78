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
  /// One of `ranks`, or the streamed rank.
  mlir::StringAttr lanes;
  /// Whether another rank than the lanes is tiled, so that operands are used
  /// again along both.
  bool hasRows = false;
};

/// Whether a nest only sweeps over memory: it uses no operand's element twice.
/// Gives the streamed rank where that lies in one piece in memory, and is to be
/// the lane rank; null where there is none; nothing where it is no sweep.
std::optional<mlir::StringAttr> getSweptRank(NestOp nest);

/// The last rank of a product on a left-hand side, if what the nest streams is
/// the same along it: heads that share their keys. Else null. As lanes, one
/// task reads for all of them.
mlir::StringAttr getSharingRank(NestOp nest);

/// Whether all that `stream` reads along its rank and a fixed one are rows of
/// floats, the last rank being another: the stream's as lanes then needs no
/// transposition. `gathers` allows rows that other tensors lead to.
bool streamsFloatRows(StreamOp stream, bool gathers);

/// Cuts the nest's parallel ranks into tiles. `lanes`, if not null, is the one
/// to cut; a streamed rank leaves a task one coordinate of each but `rows`.
GridChoice chooseGrid(NestOp nest, const TileSizes &sizes,
                      mlir::StringAttr lanes = {}, mlir::StringAttr rows = {});

} // namespace attn

#endif // LIB_MAPPING_GRID_H
