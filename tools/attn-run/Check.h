//===- Check.h - A call against the reference -----------------------------===//

#ifndef TOOLS_ATTN_RUN_CHECK_H
#define TOOLS_ATTN_RUN_CHECK_H

#include "tools/attn-run/Arguments.h"

namespace attn::tool {

/// Compares the outputs of a call with the reference and prints a line for
/// each. Returns whether all are inside their bounds.
bool check(const Arguments &arguments, const Options &options);

} // namespace attn::tool

#endif // TOOLS_ATTN_RUN_CHECK_H
