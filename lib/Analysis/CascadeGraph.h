//===- CascadeGraph.h - A cascade as Einsums and what they read -----------===//
//
// A cascade without its nesting: nests are gone, an iteration or stream is a
// mark on its Einsums, and every index is linear in variables where it can be.
// What rewrites nothing and asks who reads what, where, starts here.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_ANALYSIS_CASCADEGRAPH_H
#define LIB_ANALYSIS_CASCADEGRAPH_H

#include "dialect/Attn/AttnOps.h"
#include "llvm/ADT/SetVector.h"

#include <vector>

namespace attn {

/// A fraction times extents that no spec fixes: `16`, `1/16`, `2 |m0|`.
class Stride {
public:
  Stride(int64_t numerator = 1, int64_t denominator = 1);
  /// The extent of `rank`.
  static Stride extent(mlir::StringAttr rank);

  Stride operator*(const Stride &other) const;
  Stride inverse() const;
  /// Nothing where the sum is no single product.
  std::optional<Stride> operator+(const Stride &other) const;
  /// A stride that overflowed equals nothing.
  bool operator==(const Stride &other) const;
  bool isZero() const { return numerator == 0 && denominator == 1; }
  /// Whether it is a number, of at most 1 in absolute value.
  bool isAtMostOne() const;
  /// Whether its absolute value is known to be more than the other's.
  bool isLongerThan(const Stride &other) const;

private:
  int64_t numerator, denominator; // A denominator of 0: it overflowed.
  llvm::SmallVector<std::pair<mlir::StringAttr, int>, 1> extents;
};

/// An index of an access: the sum of `terms` and `shift`.
struct IndexForm {
  /// Variables with their coefficients; `m floordiv 16` counts as m / 16.
  llvm::SmallVector<std::pair<mlir::StringAttr, Stride>, 2> terms;
  /// All variables in it, those of the accesses in it too.
  llvm::SmallSetVector<mlir::StringAttr, 2> vars;
  int64_t shift = 0;
  /// Whether terms and shift say all of it.
  bool isLinear = true;
  /// Whether it reads a tensor.
  bool isGather = false;

  static IndexForm variable(mlir::StringAttr var);
  /// The coefficient of `var`, or null.
  const Stride *lookup(mlir::StringAttr var) const;
};

struct GraphTensor {
  mlir::Value value;
  std::string name;
  /// The node that computes it; nothing for an argument of the cascade.
  std::optional<unsigned> node;
  /// For each rank, the variables that its node writes it at.
  llvm::SmallVector<llvm::SmallVector<mlir::StringAttr, 1>> dims;
};

struct GraphAccess {
  unsigned tensor;
  /// One for each rank of the tensor.
  llvm::SmallVector<IndexForm> indices;
};

struct GraphNode {
  /// The attn.einsum or attn.topk; the loop for a state of one.
  mlir::Operation *op;
  std::string name;
  /// The variables of its points, and the ranks that iterations carry.
  llvm::SmallSetVector<mlir::StringAttr, 8> vars;
  /// Those of them that its result keeps.
  llvm::SmallSetVector<mlir::StringAttr, 8> out;
  std::optional<unsigned> loop;
  std::vector<GraphAccess> accesses;
  /// Of a state: the tensor that it becomes at the next coordinate.
  std::optional<unsigned> next;
  /// Whether it stands for no Einsum: a state, or a tensor passed through.
  bool isCopy = false;
  /// Whether no output depends on it.
  bool isDead = true;
};

/// An attn.iterate or attn.stream.
struct GraphLoop {
  mlir::StringAttr rank;
  bool isStream;
  std::optional<unsigned> parent;
  /// Its nodes are [begin, end).
  unsigned begin, end;
};

class CascadeGraph {
public:
  explicit CascadeGraph(CascadeOp cascade);

  CascadeOp getCascade() const { return cascade; }
  /// In the order of the cascade: reads are of earlier nodes, but for `next`.
  llvm::ArrayRef<GraphNode> getNodes() const { return nodes; }
  llvm::ArrayRef<GraphTensor> getTensors() const { return tensors; }
  llvm::ArrayRef<GraphLoop> getLoops() const { return loops; }
  /// Nothing for a scalar, and for a value of a merge.
  std::optional<unsigned> lookupTensor(mlir::Value value) const;
  /// The node of an Einsum or topk, or nothing.
  std::optional<unsigned> lookupNode(mlir::Operation *op) const;
  std::optional<int64_t> getFixedExtent(mlir::StringAttr rank) const;
  /// The extent of `rank`: a number where it is fixed.
  Stride getExtent(mlir::StringAttr rank) const;

private:
  using Loop = std::optional<unsigned>;
  void visitBlock(mlir::Block &block, Loop loop);
  void visitEinsum(EinsumOp einsum, Loop loop);
  void visitTopK(TopKOp topk, Loop loop);
  void visitJoin(JoinOp join, Loop loop);
  void visitIterate(IterateOp iterate, Loop loop);
  void visitStream(StreamOp stream, Loop loop);
  unsigned addNode(mlir::Operation *op, llvm::StringRef name, Loop loop);
  unsigned addTensor(mlir::Value value, llvm::StringRef name,
                     std::optional<unsigned> node);
  void addInPlace(unsigned node, unsigned tensor);
  unsigned addState(mlir::Operation *op, mlir::Value state,
                    llvm::StringRef name, Loop loop);
  void forward(mlir::Value from, mlir::Value to);
  void collect(mlir::Value yielded, mlir::Value result, unsigned loop);
  void markLive();

  CascadeOp cascade;
  llvm::DenseMap<mlir::StringAttr, int64_t> fixed;
  std::vector<GraphNode> nodes;
  std::vector<GraphTensor> tensors;
  std::vector<GraphLoop> loops;
  llvm::DenseMap<mlir::Value, unsigned> tensorOf;
  llvm::DenseMap<mlir::Operation *, unsigned> nodeOf;
};

} // namespace attn

#endif // LIB_ANALYSIS_CASCADEGRAPH_H
