//===- Compare.h - A result against the reference -------------------------===//

#ifndef DIALECT_ATTN_REFERENCE_COMPARE_H
#define DIALECT_ATTN_REFERENCE_COMPARE_H

#include "dialect/Attn/Reference/Tensor.h"
#include <string>

namespace attn::reference {

/// The largest error met, as a fraction of the bound stated for its place: that
/// of Errors.h, and the rounding to the output's type. At most 1 is right.
struct Comparison {
  double worst = 0;
  std::vector<int64_t> point; // where the worst is
  double actual = 0, expected = 0, bound = 0;
  int64_t numCompared = 0;
  int64_t numWrong = 0;     // places over their bound
  int64_t numUnbounded = 0; // places of which no bound can be stated
  double largestError = 0;  // in absolute terms, of finite values

  /// Whether more than half of the places had no bound, so that little is
  /// known of a result without a wrong one: of enormous inputs, say, which
  /// overflow.
  bool isUnchecked() const {
    return numWrong == 0 && numUnbounded > numCompared / 2;
  }
  bool passed() const { return numWrong == 0 && !isUnchecked(); }
};

/// Compares the places that `expected`, evaluated with error bounds, has with
/// those of `actual`, and adds to `comparison`.
void compare(const Tensor &expected, const InputTensor &actual,
             Comparison &comparison);

/// "max error 0.031 of the bound at [0, 3, 17, 5]: 0.25 where 0.2500001 is
/// expected (bound 1.2e-06); 4096 values compared".
std::string describe(const Comparison &comparison);

} // namespace attn::reference

#endif // DIALECT_ATTN_REFERENCE_COMPARE_H
