//===- PointSet.h - How many points a filter leaves -----------------------===//
//
// Filters and the bounds of accesses, as conditions on coordinates. Where they
// compare sums of coordinates, extents and scalars, the points that are left
// are counted exactly: coordinate by coordinate of all variables but one, whose
// coordinates form intervals. What else a condition may be (it reads a tensor,
// multiplies coordinates) counts as true, so that the count is a bound.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_ANALYSIS_POINTSET_H
#define LIB_ANALYSIS_POINTSET_H

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SetVector.h"

#include <memory>
#include <optional>

namespace attn {

/// The names of coordinates (dimensions of affine expressions) and of extents
/// and scalars (their symbols).
class Names {
public:
  explicit Names(mlir::MLIRContext *context) : context(context) {}
  mlir::AffineExpr getVar(mlir::StringAttr var);
  /// Of an extent, `|m|`, or a scalar, `%window`.
  mlir::AffineExpr getSymbol(mlir::StringAttr name);
  mlir::StringAttr getVarName(unsigned position) const {
    return vars[position];
  }
  mlir::ArrayRef<mlir::StringAttr> getVars() const {
    return vars.getArrayRef();
  }
  mlir::ArrayRef<mlir::StringAttr> getSymbols() const {
    return symbols.getArrayRef();
  }
  void print(mlir::AffineExpr expr, llvm::raw_ostream &out) const;
  mlir::MLIRContext *getContext() const { return context; }

private:
  mlir::MLIRContext *context;
  llvm::SetVector<mlir::StringAttr> vars, symbols;
};

/// A condition on coordinates. Cheap to copy.
class Condition {
public:
  enum Kind { Positive, Zero, And, Or, Not, Unknown };

  /// `expr >= 0`, `expr == 0`, or what is unknown and depends on the variables
  /// of `expr`.
  static Condition test(Kind kind, mlir::AffineExpr expr);
  static Condition combine(Kind kind, llvm::ArrayRef<Condition> operands);

  Kind getKind() const;
  /// Of a test; else null.
  mlir::AffineExpr getExpr() const;
  llvm::ArrayRef<Condition> getOperands() const;
  /// The same at other coordinates: `at` has one for each variable; a null one
  /// makes what mentions it unknown.
  Condition substitute(llvm::ArrayRef<mlir::AffineExpr> at) const;
  void collectVars(const Names &names,
                   llvm::SmallSetVector<mlir::StringAttr, 4> &vars) const;
  bool operator==(const Condition &other) const;
  void print(const Names &names, llvm::raw_ostream &out) const;

private:
  struct Node;
  std::shared_ptr<const Node> node;
};

/// The coordinates of `vars` at which all of `conditions` hold.
struct PointSet {
  llvm::SmallVector<mlir::StringAttr, 4> vars;
  llvm::SmallVector<Condition, 2> conditions;

  void print(const Names &names, llvm::raw_ostream &out) const;
};

struct PointCount {
  double points;
  /// Whether a condition counted as true that may be false.
  bool isBound = false;
  /// Whether only a sample of the coordinates was looked at.
  bool isSampled = false;
};

/// Counts `set` where `value` knows extents and, if it does, scalars.
PointCount
countPoints(const PointSet &set, const Names &names,
            llvm::function_ref<std::optional<int64_t>(mlir::StringAttr)> value);

/// Counts the points of all tiles that may have one of the set: `tile` says how
/// many coordinates of a variable make one. Each comparison is looked at in the
/// corners of a tile, so that tiles which it cuts count as whole.
PointCount countTiledPoints(
    const PointSet &set, const Names &names,
    llvm::function_ref<std::optional<int64_t>(mlir::StringAttr)> value,
    llvm::function_ref<int64_t(mlir::StringAttr)> tile);

} // namespace attn

#endif // LIB_ANALYSIS_POINTSET_H
