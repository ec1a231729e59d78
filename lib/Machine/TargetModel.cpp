//===- TargetModel.cpp - What the mapping asks of a machine ---------------===//

#include "lib/Machine/TargetModel.h"
#include "lib/Machine/CpuModel.h"
#include "lib/Machine/GpuModel.h"

using namespace mlir;
using namespace attn;

std::unique_ptr<TargetModel> attn::createTargetModel(StringRef name) {
  if (std::optional<CpuDescription> cpu = lookupCpu(name))
    return std::make_unique<CpuModel>(*cpu);
  if (std::optional<GpuDescription> gpu = lookupGpu(name))
    return std::make_unique<GpuModel>(*gpu);
  return nullptr;
}
