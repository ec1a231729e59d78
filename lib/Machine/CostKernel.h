//===- CostKernel.h - A nest as the cost model sees it --------------------===//

#ifndef LIB_MACHINE_COSTKERNEL_H
#define LIB_MACHINE_COSTKERNEL_H

#include "lib/Analysis/OperationCounts.h"
#include "lib/Analysis/Traversals.h"
#include "lib/Machine/MachineDescription.h"

namespace attn::cost {

using RankSet = llvm::SmallSetVector<mlir::StringAttr, 6>;

/// A tensor that a kernel reads, keeps or makes.
struct KernelTensor {
  enum Kind {
    Input,        ///< from outside
    State,        ///< of a stream
    Accumulator,  ///< the result of a reduction over the stream rank
    Intermediate, ///< any other that is read inside
    Output,       ///< leaves, and nothing inside reads it
  };
  unsigned id; ///< in the graph
  std::string name;
  Kind kind;
  bool leaves = false;
  /// The variables along which the kernel walks it.
  RankSet ranks;
  double bytes = 0;
  /// Nodes of the kernel that read it.
  llvm::SmallVector<unsigned> readers;
};

/// A nest: its Einsums, its tensors, and the parts that ranks play.
class Kernel {
public:
  Kernel(std::string name, mlir::Operation *nest, const CascadeCounts &counts,
         const CallExtents &extents, const MachineDescription &machine);

  bool contains(unsigned node) const { return nodes.contains(node); }
  int64_t getExtent(mlir::StringAttr rank) const {
    return *extents.lookup(rank.getValue());
  }
  /// The product of the extents of `ranks` that are neither `without` nor
  /// parallel: what one coordinate of `without` has.
  double getRow(const RankSet &ranks, mlir::StringAttr without) const;
  /// Whether the kernel has the tensor once for each lane, or along the stream.
  bool hasLane(const KernelTensor &tensor) const {
    return lane && tensor.ranks.contains(lane);
  }
  bool hasStream(const KernelTensor &tensor) const {
    return stream && tensor.ranks.contains(stream);
  }

  std::string name;
  const CascadeGraph &graph;
  const CallExtents &extents;
  const MachineDescription &machine;
  llvm::SmallSetVector<unsigned, 16> nodes;
  std::vector<KernelTensor> tensors;
  RankSet parallel;
  /// The rank whose coordinates lie side by side in the lanes, and the one
  /// that is walked in chunks; null where there is none.
  mlir::StringAttr lane, stream;
  /// Whether attn.stream walks `stream`.
  bool isStreamed = false;

private:
  void collectNodes(mlir::Operation *nest);
  void collectTensors(mlir::Operation *nest);
  void chooseRanks();
  void classify();
};

} // namespace attn::cost

#endif // LIB_MACHINE_COSTKERNEL_H
