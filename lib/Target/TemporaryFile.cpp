//===- TemporaryFile.cpp - A file for another program ---------------------===//

#include "lib/Target/TemporaryFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace attn;

TemporaryFile::TemporaryFile(llvm::StringRef suffix) {
  error = llvm::sys::fs::createTemporaryFile("attnc", suffix, path);
  if (!error)
    remover.setFile(path);
}

llvm::Error TemporaryFile::write(llvm::StringRef contents) {
  return llvm::writeToOutput(path, [&](llvm::raw_ostream &os) -> llvm::Error {
    os << contents;
    return llvm::Error::success();
  });
}

std::string TemporaryFile::read() const {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}
