//===- EinsumRegion.h - Building the region of an Einsum ------------------===//

#ifndef LIB_CASCADE_EINSUMREGION_H
#define LIB_CASCADE_EINSUMREGION_H

#include "dialect/Attn/AttnOps.h"
#include "lib/Analysis/ScalarExpr.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/DenseSet.h"

namespace attn {

/// The variables of each index of an access or a left-hand side; a product rank
/// has several.
using Groups = llvm::SmallVector<llvm::SmallVector<mlir::StringAttr, 1>>;

/// A tensor at its own variables, and what holds where it is present.
struct TensorAccess {
  mlir::Value tensor;
  Groups groups;
  llvm::SmallVector<Expr> conditions;
};

/// An Einsum that gives every element of `tensor`, of integers, with `added`
/// (or null) and `number` added.
mlir::Value createSum(mlir::OpBuilder &builder, mlir::Value tensor,
                      mlir::Value added, int64_t number, llvm::StringRef name);

/// An Einsum that gives `number` everywhere.
mlir::Value createConstant(mlir::OpBuilder &builder, mlir::Location loc,
                           attn::TensorType type, mlir::TypedAttr number);

/// Operations that compute equal values.
struct EqualOperation : llvm::DenseMapInfo<mlir::Operation *> {
  static unsigned getHashValue(const mlir::Operation *op);
  static bool isEqual(const mlir::Operation *lhs, const mlir::Operation *rhs);
};

/// What `values`, of an Einsum's region, are computed from, in the order of the
/// region.
llvm::SmallVector<mlir::Operation *> getSliceOps(mlir::ValueRange values);

/// Builds an Einsum's region the way the parser does: equal values are made
/// once; constants, coordinates and extents stand first.
class EinsumRegion {
public:
  EinsumRegion(mlir::Location loc) : loc(loc), builder(loc.getContext()) {
    region.push_back(new mlir::Block);
  }

  mlir::Value getInput(mlir::Value tensor) {
    auto [it, inserted] = arguments.try_emplace(tensor);
    if (inserted) {
      it->second = region.front().addArgument(tensor.getType(), loc);
      inputs.push_back(tensor);
    }
    return it->second;
  }
  template <typename OpTy, typename... Args> mlir::Value make(Args &&...args) {
    return insert(OpTy::create(builder, loc, std::forward<Args>(args)...));
  }
  mlir::Value makeVar(mlir::StringAttr rank) {
    return make<RankVarOp>(builder.getIndexType(), rank);
  }
  mlir::Value makeCast(mlir::Value value, mlir::Type type) {
    if (value.getType() == type)
      return value;
    return make<CastOp>(type, value, mlir::TypeAttr::get(type),
                        builder.getUnitAttr());
  }
  /// `a` and `b` reduced, in the type that they have; `definition` is that of a
  /// user-defined reducer.
  mlir::Value combine(ReducerName reducer, ReducerOp definition, mlir::Value a,
                      mlir::Value b);
  mlir::Value read(const TensorAccess &access);
  /// Repeats the slice of another region that ends in `value`; `tensors` says
  /// what it reads now, `coordinate` what is at the place of a variable.
  mlir::Value
  clone(mlir::Value value, const mlir::IRMapping &tensors,
        llvm::function_ref<mlir::Value(mlir::StringAttr)> coordinate = nullptr);
  /// Takes an op that is nowhere yet; returns its result, or that of an equal
  /// op that is here.
  mlir::Value insert(mlir::Operation *op);

  mlir::Location loc;
  mlir::OpBuilder builder;
  mlir::Region region;
  llvm::SmallVector<mlir::Value> inputs;

private:
  mlir::Value combine(ReducerOp definition, mlir::Value a, mlir::Value b);

  llvm::DenseMap<mlir::Value, mlir::Value> arguments;
  llvm::DenseSet<mlir::Operation *, EqualOperation> operations;
  mlir::IRMapping cloned;
  mlir::Operation *lastLeaf = nullptr;
};

} // namespace attn

#endif // LIB_CASCADE_EINSUMREGION_H
