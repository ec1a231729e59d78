//===- GpuModel.cpp - One multiprocessor of an NVIDIA GPU -----------------===//

#include "lib/Machine/GpuModel.h"

using namespace mlir;
using namespace attn;

namespace {
/// The architectures and, for their texts, the machines that they are of.
struct GpuArchitectures {
  std::vector<MachineDescription> machines;
  std::vector<GpuDescription> gpus;

  GpuArchitectures() {
    // Ours, and tested: a mistake in them is no user's.
    for (StringRef name : {"h100", "a100"})
      machines.push_back(llvm::cantFail(loadMachine(name)));
    for (const MachineDescription &machine : machines)
      llvm::append_range(gpus, getGpuDescriptions(machine));
  }
};
} // namespace

std::vector<GpuDescription>
attn::getGpuDescriptions(const MachineDescription &machine) {
  const MultiprocessorDescription &gpu = *machine.multiprocessor;
  std::vector<GpuDescription> gpus;
  if (gpu.warpgroups)
    gpus.push_back(
        {gpu.warpgroups->target, &machine, &gpu, gpu.warpgroups->tiles});
  gpus.push_back({gpu.target, &machine, &gpu, {}});
  return gpus;
}

ArrayRef<GpuDescription> attn::getGpuDescriptions() {
  static const GpuArchitectures architectures;
  return architectures.gpus;
}

std::optional<GpuDescription> attn::lookupGpu(StringRef name) {
  for (const GpuDescription &gpu : getGpuDescriptions())
    if (gpu.name == name)
      return gpu;
  return std::nullopt;
}

double GpuDescription::getProductsPerFunction() const {
  double products = 0, functions = 0;
  for (const MachineUnit &unit : machine->units) {
    if (const OperationCost *product = unit.lookupNarrowProduct(16))
      products = std::max(products, unit.getLanes() / product->cycles);
    auto exponential = unit.operations.find("exp2");
    if (exponential != unit.operations.end())
      functions =
          std::max(functions, unit.getLanes() / exponential->second.cycles);
  }
  return functions > 0 ? products / functions : 0;
}

int64_t GpuModel::getSharedStreamBytes() const {
  const MachineMemory &own = gpu.machine->memories.back(),
                      &shared = *std::prev(gpu.machine->memories.end(), 2);
  return *shared.bytes * sharingBlocks / own.instances;
}

// A quarter of the shared memory, in f32; warpgroups' operands have 16 bits,
// and half of it.
int64_t GpuModel::getMaxTileElements() const {
  return gpu.multiprocessor->sharedBytes / (gpu.hasWarpgroups() ? 4 : 16);
}

// mma.sync.m16n8k16, from sm_80 on.
bool GpuModel::hasMatrixUnit(Type element, int64_t contracted) const {
  return (element.isBF16() || element.isF16()) && contracted % 16 == 0;
}
