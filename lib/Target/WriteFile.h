//===- WriteFile.h - Write a file whole or not at all ---------------------===//

#ifndef LIB_TARGET_WRITEFILE_H
#define LIB_TARGET_WRITEFILE_H

#include "llvm/Support/Error.h"

namespace attn {

/// Writes all of `contents` or leaves `file` as it is; `-` is stdout. What is
/// no regular file (a pipe, a device) is written in place, and of a symbolic
/// link the file that it leads to. An error names the file.
llvm::Error writeFile(llvm::StringRef file, llvm::StringRef contents);

/// Whether another file can stand beside `file`: it is not stdout, under
/// whatever name, and no pipe or device.
bool isRegularOrNew(llvm::StringRef file);

} // namespace attn

#endif // LIB_TARGET_WRITEFILE_H
