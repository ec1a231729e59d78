//===- LinkLevels.cpp - Several instruction sets in one object ------------===//
//
// Each level was lowered from its own clone of the cascades, with its own tile
// sizes, to functions that carry their processor and features: LLVM selects
// instructions for each function by itself. Here they get the level's name and
// are put into one module.
//
//===----------------------------------------------------------------------===//

#include "lib/Package/LinkLevels.h"
#include "lib/Package/Descriptor.h"
#include "runtime/attnrt_program.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Linker/Linker.h"

using namespace mlir;
using namespace attn;

/// The features that the runtime asks the machine for before it calls a level.
static std::optional<uint64_t> getRuntimeFeatures(const LoweredLevel &level) {
  if (level.device)
    return 0; // any CPU starts it
  return llvm::StringSwitch<std::optional<uint64_t>>(level.target)
      .Case("x86-64-v3", ATTNRT_CPU_X86_64_V3)
      .Case("x86-64-v4", ATTNRT_CPU_X86_64_V3 | ATTNRT_CPU_X86_64_V4)
      .Case("x86-64-v4-vnni", ATTNRT_CPU_X86_64_V3 | ATTNRT_CPU_X86_64_V4 |
                                  ATTNRT_CPU_AVX512_VNNI)
      .Case("sapphirerapids", ATTNRT_CPU_X86_64_V3 | ATTNRT_CPU_X86_64_V4 |
                                  ATTNRT_CPU_AVX512_BF16 |
                                  ATTNRT_CPU_AVX512_VNNI | ATTNRT_CPU_AMX_BF16 |
                                  ATTNRT_CPU_AMX_INT8)
      .Default(std::nullopt);
}

static std::string getLevelName(StringRef name, const LoweredLevel &level) {
  return (name + "_" + level.isa).str();
}

/// Names everything that `level` defines after it.
static void addLevelName(LoweredLevel &level) {
  for (llvm::GlobalValue &value : level.module->global_values())
    if (!value.isDeclaration())
      value.setName(getLevelName(value.getName(), level));
}

/// Makes everything that `module` defines its own.
static void internalize(llvm::Module &module) {
  for (llvm::GlobalValue &value : module.global_values()) {
    if (value.isDeclaration() || value.hasLocalLinkage())
      continue;
    value.setVisibility(llvm::GlobalValue::DefaultVisibility);
    value.setLinkage(llvm::GlobalValue::InternalLinkage);
  }
}

FailureOr<std::unique_ptr<llvm::Module>>
attn::linkLevels(MutableArrayRef<LoweredLevel> levels,
                 ArrayRef<Interface> interfaces, Location loc) {
  std::unique_ptr<llvm::Module> whole;
  for (LoweredLevel &level : levels) {
    addLevelName(level);
    if (!whole)
      whole = std::move(level.module);
    else if (llvm::Linker::linkModules(*whole, std::move(level.module)))
      return emitError(loc, "can't link the code for ")
             << level.target << " with that for " << levels.front().target;
  }
  // Not before: the linker drops what only the other module could refer to.
  internalize(*whole);

  SmallVector<llvm::Constant *> deviceCode;
  for (const LoweredLevel &level : levels)
    deviceCode.push_back(level.device ? addDeviceCode(*level.device, *whole)
                                      : nullptr);
  for (const Interface &interface : interfaces) {
    SmallVector<Variant> variants;
    uint32_t frameSlots = interface.numArgSlots;
    for (auto [level, code] : llvm::zip(levels, deviceCode)) {
      Variant variant;
      variant.device = code;
      variant.isa = level.isa;
      variant.host =
          whole->getFunction(getLevelName(interface.name + "_host", level));
      variant.workspace = whole->getFunction(
          getLevelName(interface.name + "_workspace", level));
      std::optional<uint64_t> features = getRuntimeFeatures(level);
      if (!variant.host || !features)
        return emitError(loc, "there is no code for @")
               << interface.name << " on " << level.target;
      variant.features = *features;
      frameSlots =
          std::max(frameSlots, level.frameSlots.lookup(interface.name));
      variants.push_back(variant);
    }
    addProgram(interface, variants, frameSlots, *whole);
  }
  std::string error;
  llvm::raw_string_ostream os(error);
  if (llvm::verifyModule(*whole, &os))
    return emitError(loc, "the object's LLVM IR is invalid: ") << error;
  return whole;
}
