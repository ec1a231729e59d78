//===- CpuModel.h - One core of an x86-64 feature level -------------------===//

#ifndef LIB_MACHINE_CPUMODEL_H
#define LIB_MACHINE_CPUMODEL_H

#include "lib/Machine/MachineDescription.h"
#include "lib/Machine/TargetModel.h"
#include <optional>

namespace attn {

/// What one core has, per feature level: the `processor` of a machine's file.
/// Sizes in bytes.
struct CpuDescription {
  /// The target's name (`x86-64-v4`) and its name in the runtime (`avx512`).
  mlir::StringRef name, isa;
  /// For LLVM: the processor and the features that kernels may use.
  mlir::StringRef processor, features;
  /// f32 values in a vector, and vector registers.
  int64_t lanes, registers;
  int64_t l2Bytes;
  /// Coordinates in a tile: of the lane rank and of a streamed rank, where the
  /// cost model does not choose; of a product's lane rank, rows and streamed
  /// rank; of a row of a sweep, and its rows.
  int64_t laneTile, streamTile, productLaneTile, productRowTile,
      productStreamTile, sweepTile, sweepRows;
  /// Whether it has AMX: tiles of 16 rows of 64 bytes, multiplied in pairs of
  /// bf16 or in fours of 8-bit integers.
  bool hasTiles = false;
  /// All of it.
  const MachineDescription *machine = nullptr;
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
  int64_t getLaneTile() const override { return cpu.laneTile; }
  int64_t getNarrowLaneTile() const override { return cpu.lanes; }
  bool packsSharingRanks() const override { return true; }
  int64_t getStreamTile() const override { return cpu.streamTile; }
  int64_t getProductLaneTile() const override { return cpu.productLaneTile; }
  int64_t getProductRowTile() const override { return cpu.productRowTile; }
  int64_t getProductStreamTile() const override {
    return cpu.productStreamTile;
  }
  int64_t getSweepTile() const override { return cpu.sweepTile; }
  int64_t getSweepRows() const override { return cpu.sweepRows; }
  int64_t getMaxTileElements() const override;
  bool hasMatrixUnit(mlir::Type element, int64_t contracted) const override;

private:
  CpuDescription cpu;
};

} // namespace attn

#endif // LIB_MACHINE_CPUMODEL_H
