//===- TextLimits.h - What no parser should be given ----------------------===//
//
// The parsers of MLIR and of LLVM's JSON recurse for each bracket, and MLIR's
// takes quadratic time for a number. What would overflow the stack or take
// seconds is found in the text before it is parsed.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TEXTLIMITS_H
#define LIB_TEXTLIMITS_H

#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace attn {

/// Something in a text that goes beyond the limits.
struct TextExcess {
  const char *place;
  std::string message;
};

/// Returns the first excess of `text`, outside of its strings and `//`
/// comments.
std::optional<TextExcess> findExcess(llvm::StringRef text);

} // namespace attn

#endif // LIB_TEXTLIMITS_H
