//===- TextLimits.cpp - What no parser should be given --------------------===//

#include "lib/TextLimits.h"
#include "llvm/ADT/StringExtras.h"
#include <algorithm>

using namespace attn;
using llvm::StringRef;

/// Far more than a spec nests, and a tenth of what the stack takes.
static constexpr size_t maxDepth = 1000;
/// Three times what 64 bits have, and more than any float is written with.
static constexpr size_t maxDigits = 64;

/// Returns the end of the comment or string that begins at `begin`, or `begin`
/// if none does.
static const char *skipText(const char *begin, const char *end) {
  StringRef rest(begin, end - begin);
  if (rest.starts_with("//"))
    return begin + std::min(rest.find('\n'), rest.size());
  if (!rest.starts_with("\""))
    return begin;
  for (const char *at = begin + 1; at < end; ++at) {
    if (*at == '"')
      return at + 1;
    if (*at == '\\')
      ++at;
  }
  return end;
}

/// The end of the word that begins at `begin`: a name, or the digits of a
/// number.
static const char *skipWord(const char *begin, const char *end) {
  return std::find_if_not(begin, end,
                          [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

namespace {
/// The brackets that are open. A `<` that is a comparison closes with the
/// brackets around it.
class Nesting {
public:
  /// Takes the next character; true if it opens one bracket too many.
  bool add(char c, char before) {
    if (StringRef("([{<").contains(c)) {
      open.push_back(c);
      return open.size() > maxDepth;
    }
    if (StringRef(")]}").contains(c)) {
      while (!open.empty() && open.back() == '<')
        open.pop_back();
      if (!open.empty())
        open.pop_back();
    } else if (c == '>' && !open.empty() && open.back() == '<' &&
               before != '-') {
      open.pop_back();
    }
    return false;
  }

private:
  std::string open;
};
} // namespace

std::optional<TextExcess> attn::findExcess(StringRef text) {
  Nesting nesting;
  const char *begin = text.begin(), *end = text.end();
  for (const char *at = begin; at < end;) {
    if (const char *after = skipText(at, end); after != at) {
      at = std::min(after, end);
      continue;
    }
    if (const char *after = skipWord(at, end); after != at) {
      if (llvm::isDigit(*at) && size_t(after - at) > maxDigits)
        return TextExcess{at, "number of more than " +
                                  std::to_string(maxDigits) + " digits"};
      at = after;
      continue;
    }
    if (nesting.add(*at, at == begin ? '\0' : at[-1]))
      return TextExcess{at, "brackets are nested more than " +
                                std::to_string(maxDepth) + " deep"};
    ++at;
  }
  return std::nullopt;
}
