//===- ReducerLaws.h - What is known of a user-defined reducer ------------===//
//
// The laws of a reducer are those of its expression. Where the algebra of
// scalar expressions gives both sides of one the same form, the law is proved;
// else it is tried in float64 on random operands of several magnitudes, as
// DeriveUnproved.cpp does with corrections.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CASCADE_REDUCERLAWS_H
#define LIB_CASCADE_REDUCERLAWS_H

#include "dialect/Attn/AttnOps.h"
#include "lib/Analysis/ExprReducer.h"

namespace attn {

struct Law {
  bool isProved = false;
  /// The random points that it held at, where it is not proved.
  unsigned points = 0;
  /// Where it does not hold: numbers, and what both sides are.
  std::string counterexample;

  bool holds() const { return isProved || points > 0; }
};

struct ReducerLaws {
  Law identity, associative, commutative;
};

ReducerLaws findLaws(ReducerOp reducer);

/// The row of the table that `reducer` has. Only what is proved to distribute
/// does.
Reducer makeReducer(ReducerOp reducer);

} // namespace attn

#endif // LIB_CASCADE_REDUCERLAWS_H
