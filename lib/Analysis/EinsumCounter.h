//===- EinsumCounter.h - The operations and bytes of one Einsum -----------===//

#ifndef LIB_ANALYSIS_EINSUMCOUNTER_H
#define LIB_ANALYSIS_EINSUMCOUNTER_H

#include "lib/Analysis/OperationCounts.h"

namespace attn {

/// Variables, and marks of streams: what is computed once a chunk of `m`
/// depends on `chunks(m)`.
using Dependences = llvm::SmallSetVector<mlir::StringAttr, 6>;

/// A condition that a point must meet, and the variables in it.
struct PointCondition {
  Condition condition;
  llvm::SmallSetVector<mlir::StringAttr, 4> vars;
};

/// Counts one Einsum after the other, in the order of the cascade.
class EinsumCounter {
public:
  explicit EinsumCounter(CascadeCounts &counts)
      : counts(counts), graph(counts.graph), names(counts.names),
        presence(graph.getTensors().size()) {}
  void count(unsigned node);

private:
  using Loop = std::optional<unsigned>;
  void readRegion(EinsumOp einsum);
  void visit(mlir::Operation &op);
  void visitRead(ReadOp read);
  mlir::AffineExpr getIndex(mlir::Operation &op);
  mlir::AffineExpr getExtentExpr(mlir::StringAttr rank);
  Condition getUnknown(mlir::Value value);
  Condition getCondition(mlir::Value value);
  void addCondition(Condition condition);
  void addConjuncts(mlir::Value filter);
  void addBounds(ReadOp read);
  void addPresence(unsigned tensor, ReadOp read);
  bool isInBounds(mlir::AffineExpr index, mlir::Value value,
                  mlir::StringAttr rank);
  unsigned getTensor(ReadOp read);
  void addLoops(unsigned tensor, Dependences &to);

  Polynomial getPoints(const Dependences &dependences);
  mlir::StringAttr getPointSymbol(PointSet set);
  void add(llvm::StringRef operation, const Dependences &at);
  void addOperations(mlir::Value value,
                     llvm::DenseSet<mlir::Operation *> &seen);
  Dependences sumProduct(const Dependences &reduced);
  void collectFactors(mlir::Value value,
                      llvm::SmallVectorImpl<mlir::Value> &factors);
  Dependences leave(const Dependences &reduced, Dependences dependences);
  void addReductions(EinsumOp einsum);
  void addReads(const GraphNode &node);
  void addWrite(const GraphNode &node, const GraphTensor &made);
  Polynomial getTraffic(unsigned tensor, const Dependences &loops);

  CascadeCounts &counts;
  const CascadeGraph &graph;
  Names &names;
  /// For each tensor, where it is present, in the variables that make it.
  std::vector<llvm::SmallVector<PointCondition>> presence;

  // Of the Einsum at hand.
  const GraphNode *node = nullptr;
  EinsumOp einsum;
  EinsumCounts *result = nullptr;
  llvm::DenseMap<mlir::Value, Dependences> dependences;
  llvm::DenseMap<mlir::Value, mlir::AffineExpr> indices;
  llvm::SmallVector<PointCondition> conditions;
};

} // namespace attn

#endif // LIB_ANALYSIS_EINSUMCOUNTER_H
