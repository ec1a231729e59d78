//===- LinkObjects.h - One object, or one with the runtime ------*- C++ -*-===//

#ifndef LIB_PACKAGE_LINKOBJECTS_H
#define LIB_PACKAGE_LINKOBJECTS_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace attn {

/// Whether there is a linker, which all that is here needs.
bool hasLinker();

/// Makes one object file of `objects`. Their hidden symbols become local: only
/// they referred to them.
llvm::Expected<std::string> linkObjects(llvm::ArrayRef<std::string> objects);

/// Links `objects` with the libattnrt.so in `runtimeFolder` and returns the
/// contents of the shared object that is to be called `soname`. It looks for
/// the runtime beside itself first, then in `runtimeFolder`.
llvm::Expected<std::string>
linkSharedObject(llvm::ArrayRef<std::string> objects, llvm::StringRef soname,
                 llvm::StringRef runtimeFolder);

} // namespace attn

#endif // LIB_PACKAGE_LINKOBJECTS_H
