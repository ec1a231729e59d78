//===- ImportExpr.h - From an Einsum's region to an expression ------------===//
//
// What an Einsum computes at a point, as a uniqued expression, and the
// conditions under which the point is present. Float arithmetic becomes
// algebra. What the algebra has no words for (coordinates, integers, gathered
// accesses) becomes a leaf: a slice of the region, which is emitted again as it
// stands. Equal slices are one leaf, in whichever Einsum they are.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CASCADE_IMPORTEXPR_H
#define LIB_CASCADE_IMPORTEXPR_H

#include "dialect/Attn/AttnOps.h"
#include "lib/Analysis/ScalarExpr.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

#include <map>
#include <vector>

namespace attn {

/// What a leaf stands for.
struct LeafSource {
  /// The slice that ends in `value`, a value of an Einsum's region; if `rank`
  /// is set, the condition that `value` is a coordinate of it.
  mlir::Value value;
  mlir::StringAttr rank;
  /// What is known to hold where the slice's accesses are present.
  llvm::SmallVector<Expr> conditions;
  /// The tensors and scalars that it reads.
  llvm::SmallVector<mlir::Value> inputs;
};

/// An Einsum as algebra.
struct ImportedEinsum {
  /// Null where it is nothing that the algebra can say; `opaque` is then the
  /// operation that it cannot say, which messages show as an expression, or
  /// where that is null as `text`.
  Expr value;
  mlir::Operation *opaque = nullptr;
  Expr shown;
  std::string text;
  /// A point is present where all of them hold.
  llvm::SmallSetVector<Expr, 4> conditions;
  /// The result is present where all of them hold: those that are read or
  /// written without a reduced variable (S4).
  llvm::SmallSetVector<Expr, 4> resultConditions;
};

/// The name that the source gives `value`, or `?`.
std::string getSourceName(mlir::Value value);

class ExprImporter {
public:
  ExprImporter(ExprContext &context, CascadeOp cascade)
      : context(context), cascade(cascade) {}

  /// Reads of `tensor`, in place, are `value` from now on. A tensor that
  /// `varies` cannot be in a slice: it is not there when slices are emitted.
  void define(mlir::Value tensor, Expr value, bool varies);
  /// `tensor` is present where `conditions` hold.
  void setPresence(mlir::Value tensor, llvm::ArrayRef<Expr> conditions);
  /// No slice may read `tensor`.
  void block(mlir::Value tensor) { blocked.insert(tensor); }
  /// What reads of `tensor` are, or null.
  Expr getDefinition(mlir::Value tensor) const { return values.lookup(tensor); }

  ImportedEinsum import(EinsumOp einsum);
  /// What `reducer` makes of two operands, or null where the algebra has no
  /// words for it.
  Expr import(ReducerOp reducer, Expr a, Expr b);

  /// `operand` of type `from`, rounded to `to` if that is narrower.
  Expr roundTo(mlir::Type from, mlir::Type to, Expr operand);

  /// What `leaf` stands for, or null where it was not imported.
  const LeafSource *lookup(Expr leaf) const {
    auto it = sources.find(leaf);
    return it == sources.end() ? nullptr : &it->second;
  }
  /// The conditions under which `tensor` is present; of none else is any known.
  llvm::ArrayRef<Expr> getPresence(mlir::Value tensor) const;

  ExprContext &getContext() { return context; }
  unsigned getRank(mlir::StringAttr rank) {
    return context.getRank(rank.getValue());
  }

private:
  /// A value of a region, by its structure.
  struct Slice {
    unsigned id = 0;
    RankSet ranks;
    bool isBlocked = false;
    std::string text;
    llvm::SmallVector<Expr> conditions;
    llvm::SmallSetVector<mlir::Value, 2> inputs;
  };
  /// The Einsum at hand.
  struct Region;

  void visit(Region &region, mlir::Operation &op);
  Expr importOp(Region &region, mlir::Operation &op);
  Expr importCount(mlir::Value value, unsigned depth = 6);
  Expr importCast(Region &region, CastOp cast);
  Expr importComparison(Region &region, mlir::arith::CmpIOp op);
  Expr importRead(Region &region, ReadOp read);
  Expr importConstant(mlir::TypedAttr value);
  Expr getLeaf(Region &region, mlir::Value value);
  Expr getInside(Region &region, mlir::Value index, mlir::StringAttr rank);
  std::string getText(Region &region, mlir::Operation &op);
  unsigned intern(std::vector<const void *> key);

  ExprContext &context;
  CascadeOp cascade;
  llvm::DenseMap<mlir::Value, Expr> values;
  llvm::DenseSet<mlir::Value> blocked;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<Expr>> presence;
  llvm::DenseMap<Expr, LeafSource> sources;
  std::map<std::vector<const void *>, unsigned> ids;
};

} // namespace attn

#endif // LIB_CASCADE_IMPORTEXPR_H
