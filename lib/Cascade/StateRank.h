//===- StateRank.h - How much of a prefix its results depend on -----------===//
//
// A one-pass form keeps of a prefix no more than its state. So for data cut
// into a prefix and a suffix, the derivatives of the results by the prefix,
// over many suffixes, span a space of at most as many dimensions as the state
// has, if all is smooth. This measures the dimensions: if they grow with the
// prefix, no small state is enough; if they don't, one may be.
//
// Evidence about what no rule proves, never a proof: the rank is numerical.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CASCADE_STATERANK_H
#define LIB_CASCADE_STATERANK_H

#include "lib/Cascade/Derivation.h"

namespace attn {

/// The rank for prefixes of `numElements` elements and random numbers from
/// `seed`; nothing where the form has lists, reduces several ranks at once, or
/// has outputs that keep the rank.
std::optional<unsigned> measureStateRank(const NormalForm &form,
                                         unsigned numElements,
                                         unsigned seed = 0);

} // namespace attn

#endif // LIB_CASCADE_STATERANK_H
