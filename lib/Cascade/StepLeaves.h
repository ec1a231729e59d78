//===- StepLeaves.h - Leaves whose variables can be renamed ---------------===//
//
// The chunkwise form needs one access under many variables: `K[t, e]` becomes
// K at the query's step and at the key's, at a state's coordinate and at the
// one that it is mixed with. So a leaf here is a slice of a region, or an
// access to a whole tensor, with a name for each of its variables. Equal ones
// are one leaf, however they came about.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CASCADE_STEPLEAVES_H
#define LIB_CASCADE_STEPLEAVES_H

#include "lib/Cascade/EinsumRegion.h"
#include "lib/Cascade/ImportExpr.h"
#include "llvm/ADT/MapVector.h"

namespace attn {

/// New names for variables; others stay as they are.
using Renaming = llvm::DenseMap<mlir::StringAttr, mlir::StringAttr>;

/// What a leaf stands for: `slice` if set, else `access`.
struct StepLeaf {
  mlir::Value slice;
  TensorAccess access;
  /// The slice's own variables and what they are called.
  llvm::MapVector<mlir::StringAttr, mlir::StringAttr> renamed;
  /// The tensors and scalars that it reads.
  llvm::SmallVector<mlir::Value> inputs;
};

/// An Einsum of the body as algebra.
struct StepEinsum {
  /// Null where it is nothing that the algebra can say; `opaque` is then the
  /// operation that it cannot say.
  Expr value;
  mlir::Operation *opaque = nullptr;
  /// Points are there, and coordinates of the result, where these hold.
  llvm::SmallVector<Expr> conditions, resultConditions;
};

class StepLeaves {
public:
  StepLeaves(ExprContext &context, CascadeOp cascade)
      : context(context), cascade(cascade), importer(context, cascade) {}

  /// Leaves that read `tensor` are accumulators from now on.
  void setState(mlir::Value tensor) { states.insert(tensor); }
  bool isState(mlir::Value tensor) const { return states.contains(tensor); }

  StepEinsum import(EinsumOp einsum);
  /// `tensor` at variables of its ranks.
  Expr read(mlir::Value tensor, const Groups &groups);
  /// `expr` under other names of variables, all at once.
  Expr rename(Expr expr, const Renaming &names);
  /// The expression behind a leaf that reads what another Einsum computes point
  /// by point, or null.
  Expr lookThrough(Expr leaf);
  /// `expr` with every leaf looked through that can be; itself if none can.
  Expr unfold(Expr expr);
  /// The tensor that `leaf` reads, and at which variables, if it is an access
  /// at variables only.
  std::optional<TensorAccess> getAccess(Expr leaf) const;
  const StepLeaf *lookup(Expr leaf) const;

  /// A variable that is not in `used`, to which it is added; it stands for
  /// `base`.
  mlir::StringAttr makeFresh(mlir::StringAttr base,
                             llvm::DenseSet<mlir::StringAttr> &used);
  /// The variables that `expr` varies along.
  llvm::SmallVector<mlir::StringAttr> getVars(Expr expr);
  /// The declared rank that `var` ranges over.
  mlir::StringAttr getBase(mlir::StringAttr var) const;
  /// Whether two ranks are known to have one extent.
  bool haveSameExtent(mlir::StringAttr a, mlir::StringAttr b);
  /// Whether `tensor` is known to be present at all coordinates.
  bool isPresent(mlir::Value tensor);

  bool mentions(Expr expr, mlir::StringAttr var) {
    return expr.ranks().test(context.getRank(var.getValue()));
  }
  ExprContext &getContext() { return context; }
  ExprImporter &getImporter() { return importer; }
  CascadeOp getCascade() { return cascade; }

private:
  Expr getSlice(mlir::Value slice, llvm::StringRef text, const Renaming &names);
  Expr getLeaf(StepLeaf leaf, std::string key, std::string text);
  bool isTrivial(Expr condition);

  ExprContext &context;
  CascadeOp cascade;
  ExprImporter importer;
  llvm::DenseSet<mlir::Value> states;
  llvm::DenseMap<Expr, StepLeaf> leaves;
  std::map<std::string, Expr> leafOfKey;
  Renaming bases;
  llvm::DenseMap<mlir::Value, bool> present;
};

} // namespace attn

#endif // LIB_CASCADE_STEPLEAVES_H
