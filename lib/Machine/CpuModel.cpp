//===- CpuModel.cpp - One core of an x86-64 feature level -----------------===//

#include "lib/Machine/CpuModel.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace attn;

ArrayRef<CpuDescription> attn::getCpuDescriptions() {
  // Cache sizes are those of server cores since 2021 (Ice Lake, Zen 3); they
  // decide tile sizes only.
  static constexpr CpuDescription levels[] = {
      {"sapphirerapids", "amx", "sapphirerapids",
       "+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl,+avx512bf16,"
       "+avx512vnni,+amx-tile,+amx-bf16,+amx-int8,+avx2,+fma,+f16c,+bmi,+bmi2,"
       "+lzcnt,+movbe,+popcnt",
       16, 32, 48 << 10, 2 << 20, /*hasTiles=*/true},
      {"x86-64-v4", "avx512", "x86-64-v4",
       "+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl,+avx2,+fma,+f16c,"
       "+bmi,+bmi2,+lzcnt,+movbe,+popcnt",
       16, 32, 48 << 10, 1 << 20},
      {"x86-64-v3", "avx2", "x86-64-v3",
       "+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+movbe,+popcnt", 8, 16, 32 << 10,
       512 << 10},
  };
  return levels;
}

std::optional<CpuDescription> attn::lookupCpu(StringRef name) {
  bool isHost = name == "host";
  llvm::StringMap<bool> features;
  if (isHost)
    features = llvm::sys::getHostCPUFeatures();
  for (const CpuDescription &cpu : getCpuDescriptions()) {
    if (isHost ? features.lookup(cpu.hasTiles      ? "amx-bf16"
                                 : cpu.lanes == 16 ? "avx512vl"
                                                   : "avx2")
               : cpu.name == name)
      return cpu;
  }
  return std::nullopt;
}

// Measured (docs/bench.md): a query tile of 128 uses a key tile often enough
// that packing it is cheap, and still wastes little on the diagonal. 64 and 256
// are within a few per cent.
int64_t CpuModel::getLaneTile() const { return 128; }

// A key tile, a value tile and the scores, at 128 elements a row, take an
// eighth of the second-level cache; more is no faster.
int64_t CpuModel::getStreamTile() const {
  int64_t rowBytes = 4 * (128 + 128 + getLaneTile());
  int64_t rows = 16;
  while (rows < 64 && rows * 2 * rowBytes <= cpu.l2Bytes / 8)
    rows *= 2;
  return rows;
}

int64_t CpuModel::getRowTile() const { return 2 * cpu.lanes; }

// A page, so that the prefetcher sees a row as one.
int64_t CpuModel::getSweepTile() const { return 1024; }

int64_t CpuModel::getMaxTileElements() const { return cpu.l2Bytes / 4; }

bool CpuModel::hasMatrixUnit(Type element, int64_t contracted) const {
  return cpu.hasTiles && element.isBF16() && contracted % 2 == 0;
}
