//===- SharedObject.h - Link an object with the runtime -------------------===//

#ifndef LIB_PACKAGE_SHAREDOBJECT_H
#define LIB_PACKAGE_SHAREDOBJECT_H

#include "mlir/Support/LLVM.h"
#include "llvm/Support/Error.h"
#include <string>

namespace attn {

/// Links the object file `object` with the libattnrt.so in `runtimeFolder` and
/// returns the contents of the shared object that is to be called `soname`. It
/// looks for the runtime beside itself first, then in `runtimeFolder`.
llvm::Expected<std::string> linkSharedObject(llvm::StringRef object,
                                             llvm::StringRef soname,
                                             llvm::StringRef runtimeFolder);

} // namespace attn

#endif // LIB_PACKAGE_SHAREDOBJECT_H
