//===- Transition.h - The family of a linear recurrence's transition ------===//
//
// S' = A S + B with A = diagonal + a sum of products x y^T, found from the
// coefficients of a form: what is read in place is the diagonal's, and of what
// mixes coordinates each product falls apart into a factor for where it is
// written and one for where it is read. Closed families of such A are what a
// chunk can be summed up for (Yang et al., 2024 and 2025; docs/theory.md).
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CASCADE_TRANSITION_H
#define LIB_CASCADE_TRANSITION_H

#include "lib/Cascade/StepForms.h"

namespace attn {

struct Transition {
  /// The state's own variables.
  Groups groups;
  /// Null where no element keeps a part of itself.
  Expr diagonal;
  /// The state's variables that `products` sum over, with the names that they
  /// have in `y`: `x[e] * y[e'] * S[e']`.
  llvm::SmallVector<std::pair<mlir::StringAttr, mlir::StringAttr>> mixed;
  struct Product {
    Expr x, y;
  };
  llvm::SmallVector<Product> products;
  /// What a step adds, as products.
  llvm::SmallVector<Expr> inputs;

  /// In words, for a state of which readouts sum over `contracted`.
  std::string describe(StepLeaves &leaves,
                       llvm::ArrayRef<mlir::StringAttr> contracted) const;
};

/// The transition of `state`, or nothing, with the refusal in `forms`.
std::optional<Transition> findTransition(StepForms &forms, StepLeaves &leaves,
                                         unsigned state);

} // namespace attn

#endif // LIB_CASCADE_TRANSITION_H
