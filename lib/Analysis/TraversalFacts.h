//===- TraversalFacts.h - What holds for one rank ---------------*- C++ -*-===//
//
// Private to the analysis of traversals: which variables walk the rank
// (TraversalWalkers), in which phase each Einsum runs (TraversalPhases), and
// the chains of those that wait for each other (TraversalChains).
//
//===----------------------------------------------------------------------===//

#ifndef LIB_ANALYSIS_TRAVERSALFACTS_H
#define LIB_ANALYSIS_TRAVERSALFACTS_H

#include "lib/Analysis/Traversals.h"

namespace attn {

/// A variable that walks a rank: by `stride` coordinates of it a step. With all
/// of `inner` it comes to every coordinate.
struct Walker {
  Stride stride;
  llvm::SmallVector<mlir::StringAttr, 1> inner;
};

/// What an access asks of the node that it reads from.
enum class EdgeKind {
  None,    ///< Nothing: an argument, or another chunk.
  Aligned, ///< The coordinate at hand, and what lies near it.
  Barrier, ///< All coordinates of the rank.
  Inherit, ///< What the node itself waits for.
};

/// What holds for one rank, or for a chunk of it.
struct TraversalAnalysis::Facts {
  Facts(const CascadeGraph &graph, const Readers &readers,
        mlir::StringAttr rank, bool ofChunk);

  bool walks(mlir::StringAttr var) const { return walkers.contains(var); }
  bool walks(const IndexForm &index) const {
    return llvm::any_of(index.vars,
                        [&](mlir::StringAttr var) { return walks(var); });
  }
  template <typename Range> bool reachesAll(const Range &vars) const;
  bool isVisit(unsigned node, const GraphAccess &access) const;
  bool isElementVisit(unsigned node, const GraphAccess &access) const;
  bool keepsElements(unsigned node) const;
  void sweep(unsigned begin, llvm::function_ref<bool(unsigned)> update) const;
  std::vector<bool> findLineage(unsigned tensor) const;
  llvm::SmallVector<std::pair<unsigned, unsigned>>
  findChain(const std::vector<bool> &members) const;

  const CascadeGraph &graph;
  mlir::StringAttr rank;
  bool ofChunk;
  llvm::MapVector<mlir::StringAttr, Walker> walkers;
  /// For each loop, the outermost one around it that carries the rank, and the
  /// stream that cuts it into chunks.
  std::vector<int> carriers, chunkers;
  std::vector<bool> iterates;
  std::vector<llvm::SmallVector<EdgeKind, 3>> edges;
  std::vector<Availability> available;
  /// The node that walks the rank and that a node waits for: itself, if it
  /// walks it.
  std::vector<unsigned> sources;
  /// The phase of each node, delayed to that of its readers where nothing has
  /// to be kept for it instead.
  std::vector<unsigned> delayed;

  int getCarrier(unsigned node) const {
    return graph.getNodes()[node].loop ? carriers[*graph.getNodes()[node].loop]
                                       : -1;
  }
  int getChunker(unsigned node) const {
    return graph.getNodes()[node].loop ? chunkers[*graph.getNodes()[node].loop]
                                       : -1;
  }
  /// Whether an access of this kind needs all of the rank to have gone into
  /// the node that it reads.
  bool isBarrier(EdgeKind edge, unsigned producer) const {
    return edge == EdgeKind::Barrier ||
           (edge == EdgeKind::Inherit &&
            available[producer].kind == Availability::End);
  }
  /// Whether that holds the node up, which walks the rank.
  bool waits(unsigned node, unsigned access) const;

private:
  void findWalkers();
  void findLoops();
  bool isAligned(const GraphTensor &tensor, const GraphAccess &access) const;
  bool isAligned(llvm::ArrayRef<mlir::StringAttr> dim,
                 const IndexForm &index) const;
  EdgeKind classify(unsigned node, const GraphAccess &access) const;
  bool updateAvailability(unsigned node);
  void delay(const Readers &readers);
};

} // namespace attn

#endif // LIB_ANALYSIS_TRAVERSALFACTS_H
