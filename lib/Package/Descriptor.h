//===- Descriptor.h - What an object tells the runtime --------------------===//

#ifndef LIB_PACKAGE_DESCRIPTOR_H
#define LIB_PACKAGE_DESCRIPTOR_H

#include "lib/Package/Interface.h"
#include "lib/Target/NVPTX/Device.h"
#include "llvm/IR/Module.h"

namespace attn {

/// A cascade's functions for one instruction set.
struct Variant {
  llvm::StringRef isa;
  /// ATTNRT_CPU_*.
  uint64_t features = 0;
  /// Null where no workspace is needed.
  llvm::Function *workspace = nullptr;
  llvm::Function *host = nullptr;
  /// What addDeviceCode returned; null for the CPU.
  llvm::Constant *device = nullptr;
};

/// Adds the code of a GPU to `module` and returns its address. It serves all
/// cascades of the object.
llvm::Constant *addDeviceCode(const nvptx::DeviceCode &code,
                              llvm::Module &module);

/// Adds to `module` what an object exports of a cascade: the constant
/// `<name>_program` and the functions `<name>` and `<name>_workspace`, which
/// hand it to the runtime. `variants` are best first.
void addProgram(const Interface &interface, llvm::ArrayRef<Variant> variants,
                uint32_t frameSlots, llvm::Module &module);

} // namespace attn

#endif // LIB_PACKAGE_DESCRIPTOR_H
