//===- ParseSpec.cpp - Read a spec that somebody wrote --------------------===//

#include "lib/ParseSpec.h"
#include "lib/TextLimits.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace attn;

OwningOpRef<ModuleOp> attn::parseSpec(llvm::SourceMgr &sources,
                                      MLIRContext *context) {
  const llvm::MemoryBuffer *file =
      sources.getMemoryBuffer(sources.getMainFileID());
  if (auto excess = findExcess(file->getBuffer())) {
    auto [line, column] = sources.getLineAndColumn(
        llvm::SMLoc::getFromPointer(excess->place), sources.getMainFileID());
    emitError(
        FileLineColLoc::get(context, file->getBufferIdentifier(), line, column))
        << excess->message;
    return {};
  }
  return parseSourceFile<ModuleOp>(sources, context);
}
