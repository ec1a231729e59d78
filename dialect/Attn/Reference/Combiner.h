//===- Combiner.h - A reducer that a cascade defines ----------------------===//

#ifndef DIALECT_ATTN_REFERENCE_COMBINER_H
#define DIALECT_ATTN_REFERENCE_COMBINER_H

#include "dialect/Attn/Reference/Program.h"

namespace attn::reference {

/// A user-defined reducer, compiled for two numbers.
class Combiner {
public:
  Combiner(const UserReducer &reducer, bool withErrors);

  /// `a` and `b` as one; the identity leaves the other as it is (S11).
  double combine(double a, double b);
  /// The bound of what `combine` gives for operands with bounds: the farthest
  /// that the expression gets when they move by these, and its own rounding.
  double getError(double a, double ea, double b, double eb);

  /// The expression, without regard to the identity.
  double evaluate(double a, double b, bool withErrors = false);
  double getIdentity() const { return identity; }

private:
  ElementType type;
  double identity;
  Program program;
};

} // namespace attn::reference

#endif // DIALECT_ATTN_REFERENCE_COMBINER_H
