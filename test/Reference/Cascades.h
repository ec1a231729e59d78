//===- Cascades.h - Cascades that several tests evaluate ------------------===//

#ifndef TEST_REFERENCE_CASCADES_H
#define TEST_REFERENCE_CASCADES_H

#include "test/Reference/Builder.h"

namespace attn::reference {

using Filter = std::function<void(Scope &)>;

/// Softmax attention in the form that walks the keys three times (FuseMax's
/// Cascade 4), with a bias and a filter, over ranks p, m, e, f.
Builder makeNaiveSoftmax(const Filter &filter = nullptr);

/// The same in one pass over the keys (Cascade 5), as a stream with its merge.
Builder makeStreamedSoftmax(const Filter &filter = nullptr);

/// The present points of row p, and the attention of it, written down once more
/// with none of the evaluator's code.
std::vector<double>
attend(Call &run, int64_t p,
       const std::function<bool(int64_t p, int64_t m)> &isPresent);

} // namespace attn::reference

#endif // TEST_REFERENCE_CASCADES_H
