//===- ContractionOrder.h - In which order to multiply --------------------===//
//
// A sum of products of n factors can be computed in pairs, in any order that a
// binary tree says; a variable is summed as soon as nothing outside the pair
// has it. Dynamic programming over the subsets of factors finds the best order
// (Held and Karp's scheme, as opt_einsum and tensor networks use it). Costs are
// polynomials in the extents, so for each subset all orders are kept of which
// none is known to be no dearer than another whatever the extents are.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CASCADE_CONTRACTIONORDER_H
#define LIB_CASCADE_CONTRACTIONORDER_H

#include "lib/Analysis/Polynomial.h"
#include "llvm/ADT/ArrayRef.h"
#include <memory>
#include <vector>

namespace attn {

/// A set of variables or of factors, by number.
using NumberSet = uint64_t;

/// A factor, or two orders' results multiplied.
struct ContractionTree {
  /// Of a factor: its number.
  unsigned factor = 0;
  std::shared_ptr<const ContractionTree> left, right;
  /// The variables that the result keeps, and those of the product.
  NumberSet kept = 0, product = 0;
};

struct ContractionOrder {
  std::shared_ptr<const ContractionTree> tree;
  /// Multiply-adds.
  Polynomial cost;
};

/// A product of factors, by the variables that they have; `out` are those of
/// the result.
struct Contraction {
  std::vector<NumberSet> factors;
  NumberSet out = 0;
  /// The extent of each variable.
  std::vector<Polynomial> extents;

  /// The points of `vars`.
  Polynomial count(NumberSet vars) const;
};

/// The orders that may be best, at least one; nothing where there are more
/// factors, or more orders, than can be compared.
std::vector<ContractionOrder> findOrders(const Contraction &contraction);

} // namespace attn

#endif // LIB_CASCADE_CONTRACTIONORDER_H
