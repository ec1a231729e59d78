//===- JsonFile.cpp - Files that a user writes as JSON --------------------===//

#include "lib/Machine/JsonFile.h"
#include "lib/TextLimits.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace attn;
using llvm::StringRef;
namespace json = llvm::json;

llvm::Error attn::makeFileError(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), message);
}

llvm::Expected<std::string> attn::readFile(StringRef file) {
  auto buffer = llvm::MemoryBuffer::getFile(file);
  if (!buffer)
    return makeFileError(file + ": " + buffer.getError().message());
  return (*buffer)->getBuffer().str();
}

llvm::Expected<json::Value> attn::parseJson(StringRef name, StringRef text) {
  if (auto excess = findExcess(text)) {
    StringRef before(text.begin(), excess->place - text.begin());
    size_t column = before.size() - (before.rfind('\n') + 1);
    return makeFileError(name + ": [" + llvm::Twine(before.count('\n') + 1) +
                         ":" + llvm::Twine(column) + "]: " + excess->message);
  }
  llvm::Expected<json::Value> value = json::parse(text);
  if (!value)
    return makeFileError(name + ": " + llvm::toString(value.takeError()));
  return value;
}
