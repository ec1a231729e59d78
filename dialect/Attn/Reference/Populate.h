//===- Populate.h - Coordinates chosen by value ---------------------------===//

#ifndef DIALECT_ATTN_REFERENCE_POPULATE_H
#define DIALECT_ATTN_REFERENCE_POPULATE_H

#include "dialect/Attn/Reference/Tensor.h"
#include <memory>

namespace attn::reference {

/// At the points of `box`, whose last rank is the place in the list, the
/// largest present values of `source` along its last rank, or their
/// coordinates. `source` has whole fibers, of a chunk inside of a stream.
Tensor chooseLargest(const Tensor &source, CoordinateBox box, bool isIndices,
                     bool withErrors);

/// A tensor of a list, whose ranks are the values' (`ranks` is where each of
/// them is among its own) and perhaps others; `place` is that of the list.
struct ListTensor {
  std::shared_ptr<const Tensor> lhs, rhs;
  std::vector<unsigned> ranks;
  unsigned place;
};

/// The entries of two lists, best first: at the points of `box`, what they have
/// in `payload`, and `none` where there are not so many.
Tensor joinLists(const ListTensor &values, const ListTensor &coordinates,
                 const ListTensor &payload, CoordinateBox box, double none,
                 bool withErrors);

} // namespace attn::reference

#endif // DIALECT_ATTN_REFERENCE_POPULATE_H
