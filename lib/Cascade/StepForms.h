//===- StepForms.h - An iteration's body as affine maps of its state ------===//
//
// Every Einsum of the body that depends on a state is brought to
//
//   X[v] = sum of  c(v, w) * S[index of v and w],  and of  c(v)
//
// over the variables w that are summed with the state. Intermediate Einsums are
// inlined, products multiplied out, sums that no state takes part in made
// Einsums of their own, and `w == v` is eliminated. So the way a body was
// written leaves no trace: what is left are coefficients of state elements.
//
// What depends on no state is computed for all steps before the iteration, what
// is not affine after it, from what is.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CASCADE_STEPFORMS_H
#define LIB_CASCADE_STEPFORMS_H

#include "lib/Cascade/StepEmitter.h"

namespace attn {

/// A state's element: before this step, or after it.
struct StateRef {
  unsigned state;
  bool isNext;
  Groups index;
};

struct StepTerm {
  Expr coefficient;
  /// Nothing for a term without a state.
  std::optional<StateRef> ref;
  /// The variables that are summed; all are in the state's index.
  llvm::SmallVector<mlir::StringAttr> sums;
};

/// A tensor of the body. `groups` are the variables that it is written at.
struct StepForm {
  Groups groups;
  llvm::SmallVector<StepTerm> terms;
};

/// Why there is no chunkwise form, and where.
struct StepRefusal {
  std::optional<mlir::Location> loc = std::nullopt;
  std::string text = "";
};

/// Takes a copy of the iteration apart: Einsums of the body that depend on no
/// state are moved out of it.
class StepForms {
public:
  StepForms(IterateOp iterate, StepLeaves &leaves, StepEmitter &emitter);

  /// Returns false, with a refusal, where the body is not what it should be.
  bool analyse();
  const StepRefusal &getRefusal() const { return refusal; }
  bool refuse(const StepRefusal &reason) {
    refusal = reason;
    return false;
  }
  bool refuse(mlir::Operation *op, std::string text) {
    refusal = {op->getLoc(), std::move(text)};
    return false;
  }

  unsigned getNumStates() { return iterate.getInits().size(); }
  mlir::StringRef getStateName(unsigned state);
  /// Replaces a summed variable that must equal another one by that one.
  bool eliminate(StepTerm &term);
  /// A sum of products, in which a choice by coordinates is a factor.
  Expr multiplyOut(Expr value) { return expand(splitSelects(value)); }
  /// The state after a step.
  const StepForm &getNext(unsigned state) const { return next[state]; }
  mlir::Operation *getNextOp(unsigned state);
  /// What is affine and leaves the body, or is read by what is not affine.
  const llvm::MapVector<mlir::Value, StepForm> &getReadouts() const {
    return readouts;
  }
  /// `tensor` of the body as a tensor over all steps is `whole`.
  void setWhole(mlir::Value tensor, mlir::Value whole) {
    wholes.map(tensor, whole);
  }
  mlir::Value getWhole(mlir::Value tensor) {
    return wholes.lookupOrNull(tensor);
  }
  /// Emits what is not affine, over all steps; the readouts are known.
  void emitRest();

private:
  bool makeForm(EinsumOp einsum, StepForm &form, StepRefusal &reason);
  bool addTerm(EinsumOp einsum, Expr term, StepForm &form, StepRefusal &reason);
  bool reduceTerm(EinsumOp einsum, StepTerm &term, StepForm &form,
                  StepRefusal &reason);
  bool sumApart(EinsumOp einsum, StepTerm &term, StepRefusal &reason);
  std::optional<StepForm> getForm(mlir::Value tensor);
  Expr splitSelects(Expr value);
  Expr findNonLinear(Expr value);
  EinsumOp emitWhole(EinsumOp einsum);
  bool collectReadouts();

  IterateOp iterate;
  StepLeaves &leaves;
  StepEmitter &emitter;
  ExprContext &context;
  StepRefusal refusal;
  llvm::SmallVector<StepForm> next;
  llvm::MapVector<mlir::Value, StepForm> readouts;
  llvm::SmallVector<EinsumOp> rest;
  llvm::DenseMap<mlir::Value, StepForm> forms;
  llvm::DenseMap<mlir::Value, StepRefusal> reasons;
  llvm::DenseMap<std::pair<Expr, mlir::Attribute>, Expr> sums;
  mlir::IRMapping wholes;
};

} // namespace attn

#endif // LIB_CASCADE_STEPFORMS_H
