//===- Traversals.h - How often each tensor must be walked ----------------===//
//
// A traversal is one walk over all coordinates of a rank. How many of them the
// dependences of a cascade force, whatever the mapping, is FuseMax's question
// (Nayak et al., MICRO 2024); docs/theory.md has the definition used here.
//
// For a rank, an Einsum that walks it runs in a phase. What it computes streams
// along the rank, or is there at the phase's end, where the rank was reduced.
// An Einsum that walks the rank and needs what is there at the end of a phase
// waits: a barrier. A tensor's traversals are the longest chain of Einsums that
// read its elements, or what keeps them apart, each behind a barrier that the
// one before it is in front of.
//
// Nothing is rewritten. A query costs the size of the cascade, once a rank and
// once a pair of tensor and rank.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_ANALYSIS_TRAVERSALS_H
#define LIB_ANALYSIS_TRAVERSALS_H

#include "lib/Analysis/CascadeGraph.h"

#include <memory>

namespace attn {

/// When an Einsum's result is there, with respect to a rank.
struct Availability {
  enum Kind {
    Invariant, ///< It has nothing to do with the rank.
    Stream,    ///< Coordinate by coordinate, in `phase`.
    End,       ///< Once `phase` has walked all of the rank.
  };
  Kind kind = Invariant;
  /// Counted from 0. Every phase is a loop over the rank that fuses with none
  /// of the others.
  unsigned phase = 0;
  /// The Einsum or topk that all of the rank goes into before this one starts;
  /// null in phase 0, and where what it reads was behind the barrier before it.
  mlir::Operation *barrier = nullptr;
};

/// How much of a tensor must be live at once, at one coordinate of every rank
/// that is not in `extents`: elements, as a product of extents.
struct Footprint {
  /// Whether all of the rank must be; else one tile of it, of any size.
  bool isWhole = false;
  /// Where whole: the rank, and the ranks that a reader reduces with it.
  llvm::SmallVector<mlir::StringAttr, 2> extents;
  /// Where a tile: by how many coordinates readers look past it at most.
  int64_t reach = 0;
};

/// How often a tensor is walked over a rank.
struct TensorTraversals {
  struct Traversal {
    /// The first Einsum of it in the chain.
    mlir::Operation *einsum;
    /// What it waits for; null for the first traversal.
    mlir::Operation *barrier;
  };
  /// One for each traversal; none where the rank is not walked.
  llvm::SmallVector<Traversal, 3> chain;
  /// The traversals of each chunk, where attn.stream walks the rank in chunks:
  /// if more than one, a tile of what is read again must be resident.
  std::optional<unsigned> ofEachChunk;
  /// Whether a reader finds coordinates of the rank in another tensor; such a
  /// traversal may leave coordinates out.
  bool isGathered = false;
  /// The iterations at every coordinate of which all this happens again.
  llvm::SmallVector<mlir::StringAttr, 1> again;
};

/// The traversals of a cascade: before FormNests, or with nests and streams.
class TraversalAnalysis {
public:
  explicit TraversalAnalysis(CascadeOp cascade);
  TraversalAnalysis(const TraversalAnalysis &) = delete;
  ~TraversalAnalysis();

  /// The most traversals over `rank` of any argument of the cascade.
  unsigned getNumTraversals(mlir::StringAttr rank);
  /// How many loops over `rank` don't fuse; 0 where nothing walks it.
  unsigned getNumPhases(mlir::StringAttr rank);
  /// The phases of each chunk of `rank`; 0 where no stream walks it.
  unsigned getNumChunkPhases(mlir::StringAttr rank);
  /// The variables that walk `rank`: its own, and those of tiles of it.
  llvm::SmallVector<mlir::StringAttr> getVariables(mlir::StringAttr rank);

  /// The ranks that `tensor` has, then the variables that walk it beside them:
  /// `m0` in `%K[m1 * 16 + m0]`.
  llvm::SmallVector<mlir::StringAttr> getRanks(mlir::Value tensor);
  /// Of an argument or of what an Einsum computes, over one of `getRanks`.
  TensorTraversals getTraversals(mlir::Value tensor, mlir::StringAttr rank);
  Footprint getFootprint(mlir::Value tensor, mlir::StringAttr rank);
  /// Of an attn.einsum or attn.topk outside of merges; with `ofChunk`, in each
  /// chunk of the streams that walk the rank.
  Availability getAvailability(mlir::Operation *op, mlir::StringAttr rank,
                               bool ofChunk = false);
  /// Whether the access at position `access` of a node of the graph waits for
  /// all of the rank, or of the chunk.
  bool waits(unsigned node, unsigned access, mlir::StringAttr rank,
             bool ofChunk = false);
  /// Whether no output depends on `op`. It counts for nothing.
  bool isDead(mlir::Operation *op) const;

  const CascadeGraph &getGraph() const { return graph; }

private:
  /// For each tensor, its live accesses: node and position.
  using Readers =
      std::vector<llvm::SmallVector<std::pair<unsigned, unsigned>, 2>>;
  struct Facts;
  const Facts &getFacts(mlir::StringAttr rank, bool ofChunk);

  CascadeGraph graph;
  Readers readers;
  llvm::DenseMap<std::pair<mlir::StringAttr, unsigned>, std::unique_ptr<Facts>>
      facts;
};

} // namespace attn

#endif // LIB_ANALYSIS_TRAVERSALS_H
