//===- LinkLevels.h - Several instruction sets in one object --------------===//

#ifndef LIB_PACKAGE_LINKLEVELS_H
#define LIB_PACKAGE_LINKLEVELS_H

#include "lib/Package/Interface.h"
#include "lib/Target/NVPTX/Device.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Module.h"
#include <memory>

namespace attn {

/// The cascades of one module, lowered for one target: functions `<name>_host`
/// and `<name>_workspace`, and what they call.
struct LoweredLevel {
  /// The target's name (`x86-64-v4`) and its name in the runtime (`avx512`).
  llvm::StringRef target, isa;
  std::unique_ptr<llvm::Module> module;
  /// What a GPU runs; nothing for a CPU.
  std::optional<nvptx::DeviceCode> device;
  /// By cascade: the frame slots that its functions use.
  llvm::StringMap<uint32_t> frameSlots;
};

/// Makes one module of `levels`, best first of each device, with the descriptor
/// and the two C functions of each cascade. Only these are visible from
/// outside.
mlir::FailureOr<std::unique_ptr<llvm::Module>>
linkLevels(llvm::MutableArrayRef<LoweredLevel> levels,
           llvm::ArrayRef<Interface> interfaces, mlir::Location loc);

} // namespace attn

#endif // LIB_PACKAGE_LINKLEVELS_H
