//===- ExprClosure.h - Spaces of functions closed under a shift -----------===//
//
// If f(x, u) and its derivatives by u span a finite space over the constants,
// say d/du (f_0, .., f_n) = M (f_0, .., f_n), then
//
//   (f_0, .., f_n)(x, u + t) = exp(M t) (f_0, .., f_n)(x, u)
//
// for every x: a sum of f_i over x can be moved from one u to another without
// seeing x again. For (x - u)^k this is Pascal's matrix (Welford, Chan), for
// (x - u) exp(x - u) it is exp(-t) [[1, -t], [0, 1]]. Only matrices of the form
// lambda + nilpotent are accepted, whose exponential is exp(lambda t) times a
// polynomial in t. Moving by differences is what keeps it stable: sums of raw
// moments would cancel.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_ANALYSIS_EXPRCLOSURE_H
#define LIB_ANALYSIS_EXPRCLOSURE_H

#include "lib/Analysis/ScalarExpr.h"

#include <vector>

namespace attn {

class ShiftClosure {
public:
  /// The closure of `function` under derivatives by `variables`, if it has at
  /// most `maxSize` dimensions and the accepted form.
  static std::optional<ShiftClosure>
  get(Expr function, llvm::ArrayRef<Expr> variables, unsigned maxSize);

  /// function first.
  llvm::ArrayRef<Expr> getBasis() const { return basis; }

  /// Row i of exp(M_1 t_1 + M_2 t_2 + ..): how basis function i at
  /// variables + shifts is made of all of them at variables.
  std::vector<llvm::SmallVector<Expr>>
  getTransition(llvm::ArrayRef<Expr> shifts) const;

private:
  using Matrix = std::vector<std::vector<double>>;

  llvm::SmallVector<Expr> basis;
  /// Of each variable: lambda, and the nilpotent rest.
  std::vector<std::pair<double, Matrix>> generators;
};

} // namespace attn

#endif // LIB_ANALYSIS_EXPRCLOSURE_H
