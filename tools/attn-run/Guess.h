//===- Guess.h - What a generated input should hold -----------------------===//

#ifndef TOOLS_ATTN_RUN_GUESS_H
#define TOOLS_ATTN_RUN_GUESS_H

#include "dialect/Attn/Reference/Generate.h"
#include "dialect/Attn/Reference/Model.h"

namespace attn::tool {

/// A distribution for `input` that makes sense where the cascade reads it:
/// coordinates of the rank that it gathers from, lengths up to what its filter
/// compares it with, numbers otherwise. Floats get the deviation `scale`.
reference::Distribution guessDistribution(const reference::Cascade &cascade,
                                          const reference::Extents &extents,
                                          reference::ValueId input,
                                          double scale);

/// "normal:1", as --fill reads it.
std::string describe(const reference::Distribution &distribution);

} // namespace attn::tool

#endif // TOOLS_ATTN_RUN_GUESS_H
