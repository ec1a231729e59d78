//===- PanelRuns.h - Operations done panel by panel -------------*- C++ -*-===//
//
// A score tile of 128 keys by 128 queries is larger than the first-level cache.
// What a matrix unit computes, a map turns into weights and another product
// takes in is nearest when it is done for one panel of lanes after the other:
// lanes never meet in any of these operations. On the vector unit too, where a
// filter leaves one panel less to do than another (PanelEnds.cpp). A *run* is a
// row of operations of one block that may be done so; tiles that only they know
// need the place of one panel.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_CPU_PANELRUNS_H
#define LIB_TARGET_CPU_PANELRUNS_H

#include "lib/Target/Buffers.h"
#include "lib/Target/CPU/Layout.h"

namespace attn::cpu {

/// Whether `op` is a product of operands narrower than its result.
bool isMatrixProduct(mlir::Operation *op);

/// Whether filters end the work of `run` sooner in some panels than in others.
bool haveUnequalEnds(const OperationRun &run, mlir::StringAttr lanes,
                     const VectorUnit &unit);

class PanelRuns {
public:
  /// Finds the runs of `kernel` that have a product on the matrix unit, or one
  /// that a filter cuts, and moves what lies between their operations in front
  /// of them.
  PanelRuns(tile::KernelOp kernel, const VectorUnit &unit);

  llvm::ArrayRef<OperationRun> getRuns() const { return runs; }
  /// The run that begins with `op`, or that `op` is part of; null if none.
  const OperationRun *lookup(mlir::Operation *op) const {
    auto it = members.find(op);
    return it == members.end() ? nullptr : &runs[it->second];
  }

private:
  std::vector<OperationRun> runs;
  llvm::DenseMap<mlir::Operation *, unsigned> members;

  void findRuns(mlir::Block &block, mlir::StringAttr laneRank,
                const VectorUnit &unit);
};

} // namespace attn::cpu

#endif // LIB_TARGET_CPU_PANELRUNS_H
