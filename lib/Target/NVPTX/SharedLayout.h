//===- SharedLayout.h - Where a tile's elements lie in shared memory ------===//

#ifndef LIB_TARGET_NVPTX_SHAREDLAYOUT_H
#define LIB_TARGET_NVPTX_SHAREDLAYOUT_H

#include "dialect/Tile/TileOps.h"

namespace attn::nvptx {

/// Row-major. Rows that are a multiple of all banks are one element longer, so
/// that a column lies in different banks too.
///
/// Rows of 16-bit elements that are whole pieces of 16 bytes, as they are
/// copied and as ldmatrix reads them, keep their length: L2 is asked twice for
/// a sector of 32 bytes that cp.async has to put in two of them. Groups of
/// pieces change places among themselves by the row's number, so that eight
/// rows below one another lie in all banks.
///
/// A swizzled tile (PTX ISA, "Shared Memory Matrix Layout", 128-byte swizzling)
/// is blocks of 64 columns, one after the other; in a block a row is 128 bytes,
/// whose eight pieces of 16 bytes change places by the row's last three bits.
struct SharedLayout {
  explicit SharedLayout(tile::TileType type);

  static constexpr int64_t pieceBytes = 16;
  static constexpr int64_t blockColumns = 64, rowBytes = 128, rowPieces = 8;
  /// Of a swizzled tile's place, and the bytes of eight of a block's rows.
  static constexpr int64_t swizzleAlignment = 1024;

  int64_t getBlockBytes() const { return numRows * rowBytes; }

  /// A piece of 16 bytes, in elements.
  int64_t getPieceElements() const { return pieceBytes / elementBytes; }
  /// Piece p of row r lies at p xor r / getRowsPerPlace() % groupPieces.
  int64_t getRowsPerPlace() const { return rowPieces / groupPieces; }

  /// In elements, one per rank; none of a swizzled tile.
  llvm::SmallVector<int64_t> strides;
  int64_t elementBytes = 0, bytes = 0;
  /// Pieces that change places among themselves; 1 if none do.
  int64_t groupPieces = 1;
  /// Of a swizzled tile.
  int64_t numRows = 0, numBlocks = 0;
};

} // namespace attn::nvptx

#endif // LIB_TARGET_NVPTX_SHAREDLAYOUT_H
