//===- GpuModel.cpp - One multiprocessor of an NVIDIA GPU -----------------===//

#include "lib/Machine/GpuModel.h"

using namespace mlir;
using namespace attn;

ArrayRef<GpuDescription> attn::getGpuDescriptions() {
  // CUDA C++ programming guide, table "technical specifications per compute
  // capability". What is made for sm_80 is to run on 8.6 and 8.9 too, where a
  // block has less than on 8.0.
  static constexpr GpuDescription gpus[] = {
      {"sm_90", "+ptx80", 90, 227 << 10, 256},
      {"sm_80", "+ptx71", 80, 99 << 10, 256},
  };
  return gpus;
}

ArrayRef<TileChoice> attn::getGpuTileChoices() {
  static constexpr TileChoice choices[] = {
      {64, 64}, {64, 32}, {32, 32}, {32, 16}, {16, 16}, {16, 8}, {8, 8}};
  return choices;
}

std::optional<GpuDescription> attn::lookupGpu(StringRef name) {
  for (const GpuDescription &gpu : getGpuDescriptions())
    if (gpu.name == name)
      return gpu;
  return std::nullopt;
}

int64_t GpuModel::getLaneTile() const {
  return getGpuTileChoices().front().lanes;
}

// Half a warp: calls with a few queries, as in decoding.
int64_t GpuModel::getNarrowLaneTile() const { return 16; }

int64_t GpuModel::getStreamTile() const {
  return getGpuTileChoices().front().stream;
}

int64_t GpuModel::getProductRowTile() const { return 16; }

int64_t GpuModel::getSweepTile() const { return 512; }

int64_t GpuModel::getSweepRows() const { return 2; }

// A quarter of the shared memory, in f32.
int64_t GpuModel::getMaxTileElements() const { return gpu.sharedBytes / 16; }

// mma.sync.m16n8k16, from sm_80 on.
bool GpuModel::hasMatrixUnit(Type element, int64_t contracted) const {
  return (element.isBF16() || element.isF16()) && contracted % 16 == 0;
}
