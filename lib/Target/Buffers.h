//===- Buffers.h - Scratch memory for the tiles of a kernel -----*- C++ -*-===//

#ifndef LIB_TARGET_BUFFERS_H
#define LIB_TARGET_BUFFERS_H

#include "lib/Target/MapGroups.h"

namespace attn {

/// Where each tile lies, and what has to be moved where control flow joins.
struct ScratchPlan {
  struct Copy {
    int64_t from, to, bytes;
  };
  /// Bytes from the start of scratch.
  llvm::DenseMap<mlir::Value, int64_t> offsets;
  /// Done in order: before a loop for what it starts from, before a yield for
  /// what it yields.
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<Copy>> copies;
  /// Tiles whose place only operations of one run know.
  llvm::DenseSet<mlir::Value> locals;
  int64_t bytes = 0;
  /// Every place begins at a multiple of it; so does each of a load's stages.
  int64_t alignment = 0;
};

/// Operations that follow each other and are done in turn for one part of their
/// tiles after the other: tiles of any two of them are needed at the same time,
/// unless one is made in the other's place.
using OperationRun = llvm::SmallVector<mlir::Operation *, 8>;

/// Unless a target's tiles need more.
constexpr int64_t scratchAlignment = 64;

/// The bytes that a tile takes in scratch.
using TileBytes = llvm::function_ref<int64_t(tile::TileType)>;

/// Gives every tile of `kernel` its place. Tiles that one turns into another
/// share one where they are not needed at the same time: accumulators, what a
/// loop carries, and maps from a tile to one of the same type. What a map of
/// `groups` makes for the other members takes none.
ScratchPlan planScratch(tile::KernelOp kernel, TileBytes getBytes,
                        const MapGroups &groups = {},
                        int64_t alignment = scratchAlignment,
                        llvm::ArrayRef<OperationRun> runs = {});

} // namespace attn

#endif // LIB_TARGET_BUFFERS_H
