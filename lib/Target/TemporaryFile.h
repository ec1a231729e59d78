//===- TemporaryFile.h - A file for another program -------------*- C++ -*-===//

#ifndef LIB_TARGET_TEMPORARYFILE_H
#define LIB_TARGET_TEMPORARYFILE_H

#include "mlir/Support/LLVM.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileUtilities.h"
#include <string>
#include <system_error>

namespace attn {

/// A file in the temporary folder, removed at the end of its life.
class TemporaryFile {
public:
  explicit TemporaryFile(llvm::StringRef suffix);
  llvm::StringRef getPath() const { return path; }
  llvm::Error write(llvm::StringRef contents);
  /// All of it; empty where it can't be read.
  std::string read() const;

  std::error_code error;

private:
  llvm::SmallString<128> path;
  llvm::FileRemover remover;
};

} // namespace attn

#endif // LIB_TARGET_TEMPORARYFILE_H
