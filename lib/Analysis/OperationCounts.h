//===- OperationCounts.h - What a cascade computes and moves --------------===//
//
// How many operations of each kind every Einsum of a cascade needs, and how
// many bytes it must read and write, as polynomials in the extents. An
// operation is counted once for each coordinate of the variables that it
// depends on: a factor that doesn't vary with a reduced variable is multiplied
// once, after the sum. Filters are counted exactly where they are affine.
//
// A cascade as written and its derived form are counted alike. In an
// attn.stream, what each chunk computes once is counted once a chunk.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_ANALYSIS_OPERATIONCOUNTS_H
#define LIB_ANALYSIS_OPERATIONCOUNTS_H

#include "lib/Analysis/CallExtents.h"
#include "lib/Analysis/CascadeGraph.h"
#include "lib/Analysis/PointSet.h"
#include "lib/Analysis/Polynomial.h"
#include "llvm/ADT/MapVector.h"

namespace attn {

/// Counts by the kind of operation: `mac` (a product added to a sum), `add`,
/// `mul`, `max` (and minima), `div`, `compare`, `select`, `convert`, `logic`,
/// and functions by their name, as `exp`.
using OperationCounts = llvm::MapVector<llvm::StringRef, Polynomial>;

struct EinsumCounts {
  /// An attn.einsum or attn.topk.
  mlir::Operation *op;
  std::string name;
  OperationCounts operations;
  /// The bits of the narrowest element that its `mac`s multiply; else 0.
  unsigned macBits = 0;
  /// Of the tensors that it reads, each once, and of its result.
  Polynomial bytesRead, bytesWritten;
};

class CascadeCounts {
public:
  explicit CascadeCounts(CascadeOp cascade);

  const CascadeGraph &getGraph() const { return graph; }
  /// One for each Einsum and topk that an output depends on.
  llvm::ArrayRef<EinsumCounts> getEinsums() const { return einsums; }
  const OperationCounts &getOperations() const { return operations; }
  /// What must be read and written at least: every argument, every output.
  const Polynomial &getBytesRead() const { return bytesRead; }
  const Polynomial &getBytesWritten() const { return bytesWritten; }
  /// The bytes of a tensor of `type`.
  Polynomial getBytes(TensorType type) const;
  /// What an access reads at most where it finds coordinates in a tensor: an
  /// element for each coordinate of its variables. Nothing for other accesses.
  std::optional<Polynomial> getGatheredBytes(const GraphAccess &access) const;

  /// The sets of points that symbols `#0`, `#1`, .. stand for.
  llvm::ArrayRef<PointSet> getPointSets() const { return pointSets; }
  const Names &getNames() const { return names; }

  /// The symbol of a rank's extent as polynomials have it: `|m|`.
  static mlir::StringAttr getExtentSymbol(mlir::StringAttr rank);
  /// That of the chunks in which a stream walks a rank: `chunks(m)`.
  static mlir::StringAttr getChunkSymbol(mlir::StringAttr rank);
  /// The extent: a number where it is fixed, a product where it is one.
  Polynomial getExtent(mlir::StringAttr rank) const;

private:
  friend class EinsumCounter;
  void addTraffic();

  CascadeGraph graph;
  Names names;
  std::vector<PointSet> pointSets;
  std::vector<EinsumCounts> einsums;
  OperationCounts operations;
  Polynomial bytesRead, bytesWritten;
};

/// The counts of a cascade as numbers.
class CallCounts {
public:
  CallCounts(const CascadeCounts &counts, CallExtents extents)
      : counts(counts), extents(std::move(extents)) {}

  struct Number {
    double value = 0;
    /// At most so many: a filter reads tensors or scalars that are not given.
    bool isBound = false;
    /// About so many: the filter's points were sampled.
    bool isSampled = false;
  };
  Number evaluate(const Polynomial &polynomial);
  /// The same where loops over tiles compute again what does not vary with
  /// their ranks: each rank with its loop's turns.
  Number evaluate(const Polynomial &polynomial,
                  llvm::ArrayRef<std::pair<mlir::StringAttr, int64_t>> repeats);
  /// The points of a set of the cascade's.
  const PointCount &count(unsigned set);
  const CallExtents &getExtents() const { return extents; }
  void setExtents(CallExtents others) {
    extents = std::move(others);
    known.clear();
  }

private:
  const CascadeCounts &counts;
  CallExtents extents;
  llvm::SmallDenseMap<unsigned, PointCount> known;
};

} // namespace attn

#endif // LIB_ANALYSIS_OPERATIONCOUNTS_H
