//===- ParseSpec.cpp - Read a spec that somebody wrote --------------------===//

#include "lib/ParseSpec.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace attn;

/// Far more than a spec nests, and a tenth of what the stack takes.
static constexpr size_t maxDepth = 1000;

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

/// Returns where brackets are nested more than maxDepth deep, or null. A `<`
/// that is a comparison closes with the brackets around it.
static const char *findDeepNesting(StringRef text) {
  std::string open;
  const char *begin = text.begin(), *end = text.end();
  for (const char *at = begin; at < end; ++at) {
    if (const char *after = skipText(at, end); after != at) {
      at = after - 1;
      continue;
    }
    if (StringRef("([{<").contains(*at)) {
      open.push_back(*at);
      if (open.size() > maxDepth)
        return at;
    } else if (StringRef(")]}").contains(*at)) {
      while (!open.empty() && open.back() == '<')
        open.pop_back();
      if (!open.empty())
        open.pop_back();
    } else if (*at == '>' && !open.empty() && open.back() == '<' &&
               (at == begin || at[-1] != '-')) {
      open.pop_back();
    }
  }
  return nullptr;
}

OwningOpRef<ModuleOp> attn::parseSpec(llvm::SourceMgr &sources,
                                      MLIRContext *context) {
  const llvm::MemoryBuffer *file =
      sources.getMemoryBuffer(sources.getMainFileID());
  if (const char *place = findDeepNesting(file->getBuffer())) {
    auto [line, column] = sources.getLineAndColumn(
        llvm::SMLoc::getFromPointer(place), sources.getMainFileID());
    emitError(
        FileLineColLoc::get(context, file->getBufferIdentifier(), line, column),
        "brackets are nested more than ")
        << maxDepth << " deep";
    return {};
  }
  return parseSourceFile<ModuleOp>(sources, context);
}
