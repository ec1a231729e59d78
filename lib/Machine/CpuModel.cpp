//===- CpuModel.cpp - One core of an x86-64 feature level -----------------===//

#include "lib/Machine/CpuModel.h"
#include "lib/Machine/MachineDescription.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace attn;

/// The levels and, for their texts, the machines that they are of.
struct CpuLevels {
  std::vector<MachineDescription> machines;
  std::vector<CpuDescription> cpus;

  CpuLevels() {
    // Ours, and tested: a mistake in them is no user's.
    for (StringRef name :
         {"sapphirerapids", "x86-64-v4-vnni", "x86-64-v4", "x86-64-v3"})
      machines.push_back(llvm::cantFail(loadMachine(name)));
    for (const MachineDescription &machine : machines)
      cpus.push_back({machine.name, &*machine.processor, &machine});
  }
};

ArrayRef<CpuDescription> attn::getCpuDescriptions() {
  static const CpuLevels levels;
  return levels.cpus;
}

std::optional<CpuDescription> attn::lookupCpu(StringRef name) {
  bool isHost = name == "host";
  llvm::StringMap<bool> features;
  if (isHost)
    features = llvm::sys::getHostCPUFeatures();
  for (const CpuDescription &cpu : getCpuDescriptions()) {
    if (isHost ? features.lookup(cpu.processor->hasTiles      ? "amx-bf16"
                                 : cpu.processor->hasDots     ? "avx512vnni"
                                 : cpu.processor->lanes == 16 ? "avx512vl"
                                                              : "avx2")
               : cpu.name == name)
      return cpu;
  }
  return std::nullopt;
}

int64_t CpuModel::getMaxTileElements() const {
  return *cpu.machine->memories.back().bytes / 4; // the second-level cache
}

bool CpuModel::hasMatrixUnit(Type element, int64_t contracted) const {
  const ProcessorDescription &processor = *cpu.processor;
  if (element.isSignlessInteger(8))
    return (processor.hasTiles || processor.hasDots) && contracted % 4 == 0;
  return processor.hasTiles && element.isBF16() && contracted % 2 == 0;
}
