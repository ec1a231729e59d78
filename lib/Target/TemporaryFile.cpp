//===- TemporaryFile.cpp - A file for another program ---------------------===//

#include "lib/Target/TemporaryFile.h"
#include "lib/Target/WriteFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace attn;

TemporaryFile::TemporaryFile(llvm::StringRef suffix) {
  error = llvm::sys::fs::createTemporaryFile("attnc", suffix, path);
  if (!error)
    remover.setFile(path);
}

llvm::Error TemporaryFile::write(llvm::StringRef contents) {
  return writeFile(path, contents);
}

std::string TemporaryFile::read() const {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}
