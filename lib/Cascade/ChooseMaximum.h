//===- ChooseMaximum.h - What stands for a running maximum ----------------===//
//
// A maximum that only keeps exponentials in range is a *gauge*: every output
// is the same for any other finite number in its place. Whatever a mapping
// likes better may then stand for it. Two things are needed, and shown:
//
//   invariance  With d for the maximum m, every accumulator D becomes C(m, d)
//               of it, where C is the correction that the derivation proved.
//               m is a gauge if g(C(m, d) D) = g(D) for a d that nothing is
//               known of, for every output g and all that later traversals
//               compute.
//   range       What stands for m keeps the exponentials in range, by range
//               analysis (lib/Analysis/ExprRange), or by the word of a user.
//
// The choices:
//   running     the maximum of all that was seen
//   tile-local  each chunk's own: it is reduced as if it were alone, and then
//               merged. Needs no gauge, since the merge is proved.
//   static      a number above all elements, or a scalar argument that the
//               user says is
//   stale       a maximum that was reached before, as long as no element
//               exceeds it by more than DerivationOptions::staleness; so
//               exponentials stay below exp(staleness), and the largest one
//               is not below 1
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CASCADE_CHOOSEMAXIMUM_H
#define LIB_CASCADE_CHOOSEMAXIMUM_H

#include "lib/Cascade/Derivation.h"

namespace attn {

/// The first output or later body of `derivation` that is another for another
/// value of `maximum`, an accumulator; null if it is a gauge.
Expr findGaugeDependence(const Derivation &derivation, Expr maximum);

/// Derives `form`, then takes options.maximum wherever that is shown to be
/// legal. Derivation::maxima says of each maximum what became of it.
Derivation chooseMaxima(const NormalForm &form, Derivation derivation,
                        const DerivationOptions &options);

} // namespace attn

#endif // LIB_CASCADE_CHOOSEMAXIMUM_H
