//===- StepEmitter.h - Einsums over steps and chunks ----------------------===//
//
// Writes expressions over StepLeaves as Einsums. A variable may stand for the
// step that two others make, `t1 * 64 + ti`; then it is written as that.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CASCADE_STEPEMITTER_H
#define LIB_CASCADE_STEPEMITTER_H

#include "lib/Cascade/StepLeaves.h"

#include <functional>

namespace attn {

class StepEmitter {
public:
  /// An Einsum that is not quite `value` over its own variables.
  struct Shape {
    llvm::SmallVector<mlir::StringAttr> reduced = {};
    ReducerKind reducer = ReducerKind::Add;
    /// The points that there are; null: all.
    Expr filter = Expr();
    /// Variables of the result besides those that the value varies along.
    llvm::SmallVector<mlir::StringAttr> more = {};
    /// The left-hand side, if it is not these in order.
    Groups groups = {};
    /// The type of the result's elements; null: that of all.
    mlir::Type element = {};
    /// Makes the filter where it is no expression.
    std::function<mlir::Value(EinsumRegion &)> makeFilter = {};
  };

  StepEmitter(StepLeaves &leaves, mlir::Type floatType, mlir::Location loc,
              mlir::OpBuilder builder)
      : builder(builder), loc(loc), leaves(leaves), floatType(floatType) {}

  /// Variables stand in this order in what is emitted.
  void setOrder(llvm::ArrayRef<mlir::StringAttr> ranks) {
    order = llvm::to_vector(ranks);
  }
  /// `var` is the coordinate `outer * chunk + inner`.
  void setStep(mlir::StringAttr var, mlir::StringAttr outer,
               mlir::StringAttr inner, int64_t chunk) {
    parts[var] = {Part::Step, {outer, inner}, chunk};
  }
  /// `outer` is the chunk that `step` is in, `inner` its place there.
  void setChunk(mlir::StringAttr outer, mlir::StringAttr inner,
                mlir::StringAttr step, int64_t chunk) {
    parts[outer] = {Part::Quotient, {step}, chunk};
    parts[inner] = {Part::Remainder, {step}, chunk};
  }

  /// `var` is the coordinate that `make` computes of the variables `of`.
  void setIndex(mlir::StringAttr var, llvm::ArrayRef<mlir::StringAttr> of,
                std::function<mlir::Value(EinsumRegion &)> make) {
    parts[var] = {Part::Computed, llvm::to_vector<2>(of), 1, std::move(make)};
  }

  Expr emit(llvm::StringRef name, Expr value, const Shape &shape);
  Expr emit(llvm::StringRef name, Expr value) { return emit(name, value, {}); }
  /// As `emit`, as a tensor.
  mlir::Value emitTensor(llvm::StringRef name, Expr value, const Shape &shape);

  /// What an iteration's body computes: the next states, then what is collected
  /// over all coordinates.
  struct Body {
    llvm::SmallVector<mlir::Value> states, collected;
    llvm::SmallVector<mlir::StringAttr> names;
  };
  /// Emits an iteration that carries `rank`; `emitBody` is given the states.
  mlir::ValueRange
  emitIterate(mlir::StringAttr rank, mlir::ValueRange inits,
              llvm::ArrayRef<std::string> stateNames,
              llvm::function_ref<Body(mlir::ValueRange)> emitBody);
  /// `ranks` and one more, in order.
  llvm::SmallVector<mlir::StringAttr>
  insertRank(llvm::ArrayRef<mlir::StringAttr> ranks, mlir::StringAttr rank);

  /// The ranks that `expr` varies along, in order.
  llvm::SmallVector<mlir::StringAttr> getVars(Expr expr);
  mlir::Type getFloatType() const { return floatType; }
  /// What was emitted outside of iterations, in order.
  llvm::ArrayRef<mlir::Operation *> getEmitted() const { return emitted; }
  void note(mlir::Operation *op) { emitted.push_back(op); }

  mlir::OpBuilder builder;

private:
  /// What a variable that is no rank stands for.
  struct Part {
    enum Kind { Step, Quotient, Remainder, Computed } kind;
    llvm::SmallVector<mlir::StringAttr, 2> of;
    int64_t chunk;
    std::function<mlir::Value(EinsumRegion &)> make = {};
  };
  class Lowering;
  Expr emitNew(llvm::StringRef name, Expr value, const Shape &shape);
  mlir::Value makeIndex(EinsumRegion &region, mlir::StringAttr var);

  mlir::Location loc;
  StepLeaves &leaves;
  mlir::Type floatType;
  llvm::SmallVector<mlir::StringAttr> order;
  llvm::DenseMap<mlir::StringAttr, Part> parts;
  llvm::SmallVector<mlir::StringAttr> carried;
  llvm::SmallVector<mlir::Operation *> emitted;
  /// What was emitted outside of iterations, by value and shape.
  llvm::DenseMap<std::pair<Expr, mlir::Attribute>, Expr> known;
};

} // namespace attn

#endif // LIB_CASCADE_STEPEMITTER_H
