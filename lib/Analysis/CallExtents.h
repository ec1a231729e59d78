//===- CallExtents.h - The extents that a call binds ----------------------===//

#ifndef LIB_ANALYSIS_CALLEXTENTS_H
#define LIB_ANALYSIS_CALLEXTENTS_H

#include "dialect/Attn/AttnOps.h"
#include "llvm/ADT/StringMap.h"

namespace attn {

/// The extent of every rank, the value of scalars that are known.
class CallExtents {
public:
  /// `given` has ranks, and scalars with their `%`. Fails with a diagnostic
  /// where a rank is left open or two extents disagree.
  static mlir::FailureOr<CallExtents>
  bind(CascadeOp cascade, const llvm::StringMap<int64_t> &given);

  /// Of a rank `m`, or a scalar `%window`.
  std::optional<int64_t> lookup(llvm::StringRef name) const;
  /// The coordinates of a streamed rank that are one chunk: all of them unless
  /// set.
  void setChunk(llvm::StringRef rank, int64_t coordinates) {
    chunks[rank] = coordinates;
  }
  int64_t getNumChunks(llvm::StringRef rank) const;
  /// Coordinates of a rank that are computed together where a filter leaves
  /// one of them: 1 unless set.
  void setTile(llvm::StringRef rank, int64_t coordinates) {
    tiles[rank] = coordinates;
  }
  bool hasTiles() const { return !tiles.empty(); }
  int64_t getTile(llvm::StringRef rank) const {
    auto it = tiles.find(rank);
    return it == tiles.end() ? 1 : it->second;
  }

private:
  llvm::StringMap<int64_t> extents, chunks, tiles;
};

/// Reads `texts` of the form "m=4096" or "%window=128"; `option` is how
/// messages call them.
mlir::FailureOr<llvm::StringMap<int64_t>>
parseExtents(llvm::ArrayRef<std::string> texts, llvm::StringRef option,
             mlir::MLIRContext *context);

} // namespace attn

#endif // LIB_ANALYSIS_CALLEXTENTS_H
