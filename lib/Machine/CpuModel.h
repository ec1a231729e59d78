//===- CpuModel.h - One core of an x86-64 feature level -------------------===//

#ifndef LIB_MACHINE_CPUMODEL_H
#define LIB_MACHINE_CPUMODEL_H

#include "lib/Machine/MachineDescription.h"
#include "lib/Machine/TargetModel.h"
#include <optional>

namespace attn {

/// A feature level that attnc compiles for, with a machine that has it.
struct CpuDescription {
  /// The target's name: `x86-64-v4`.
  mlir::StringRef name;
  /// What one core has; `machine`'s.
  const ProcessorDescription *processor;
  const MachineDescription *machine;
};

/// The feature levels that attnc compiles for, best first.
mlir::ArrayRef<CpuDescription> getCpuDescriptions();
/// The level called `name`, `host` being the best that this machine runs.
std::optional<CpuDescription> lookupCpu(mlir::StringRef name);

class CpuModel : public TargetModel {
public:
  explicit CpuModel(CpuDescription cpu) : cpu(cpu) {}
  mlir::StringRef getName() const override { return cpu.name; }
  const MachineDescription *getPricedMachine() const override {
    return cpu.machine;
  }
  int64_t getLaneTile() const override { return cpu.processor->laneTile; }
  int64_t getNarrowLaneTile() const override { return cpu.processor->lanes; }
  /// One vector: a product that holds two takes less from memory. Not measured
  /// with AMX.
  int64_t getNarrowLanes() const override {
    return cpu.processor->hasTiles ? TargetModel::getNarrowLanes()
                                   : getNarrowLaneTile();
  }
  bool packsSharingRanks() const override { return true; }
  bool streamsAlongLanes() const override { return true; }
  /// More are lanes, which use what is transposed often enough.
  static constexpr int64_t fewRows = 8;
  int64_t getFewRows() const override { return fewRows; }
  /// One step of a product on AMX in bf16, and two.
  llvm::ArrayRef<int64_t> getShortTiles() const override {
    static constexpr int64_t sizes[] = {32, 64};
    return cpu.processor->hasTiles ? llvm::ArrayRef(sizes)
                                   : llvm::ArrayRef<int64_t>();
  }
  int64_t getStreamTile() const override { return cpu.processor->streamTile; }
  int64_t getSingleStreamTile() const override {
    return cpu.processor->singleStreamTile;
  }
  int64_t getProductLaneTile() const override {
    return cpu.processor->productLaneTile;
  }
  int64_t getProductRowTile() const override {
    return cpu.processor->productRowTile;
  }
  int64_t getProductStreamTile() const override {
    return cpu.processor->productStreamTile;
  }
  int64_t getSweepTile() const override { return cpu.processor->sweepTile; }
  int64_t getSweepRows() const override { return cpu.processor->sweepRows; }
  int64_t getMaxTileElements() const override;
  bool hasMatrixUnit(mlir::Type element, int64_t contracted) const override;

private:
  CpuDescription cpu;
};

} // namespace attn

#endif // LIB_MACHINE_CPUMODEL_H
