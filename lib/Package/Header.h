//===- Header.h - The C header of an object -------------------------------===//

#ifndef LIB_PACKAGE_HEADER_H
#define LIB_PACKAGE_HEADER_H

#include "lib/Package/Interface.h"

namespace attn {

/// Writes the header that is called `fileName`.
void printHeader(llvm::ArrayRef<Interface> interfaces, llvm::StringRef fileName,
                 llvm::raw_ostream &os);

} // namespace attn

#endif // LIB_PACKAGE_HEADER_H
