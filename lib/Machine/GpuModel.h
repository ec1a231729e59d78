//===- GpuModel.h - One multiprocessor of an NVIDIA GPU ---------*- C++ -*-===//

#ifndef LIB_MACHINE_GPUMODEL_H
#define LIB_MACHINE_GPUMODEL_H

#include "lib/Machine/MachineDescription.h"
#include "lib/Machine/TargetModel.h"
#include <optional>

namespace attn {

/// An architecture: the `multiprocessor` of a machine's file, with its
/// warpgroups or without.
struct GpuDescription {
  /// The target's name, which is the runtime's and LLVM's too: `sm_80`.
  mlir::StringRef name;
  /// The machine that has it, whose model prices tiles.
  const MachineDescription *machine;
  const MultiprocessorDescription *multiprocessor;
  /// Where warpgroups multiply (wgmma), what to choose from before `tiles`:
  /// what is compiled for them runs on this capability alone.
  mlir::ArrayRef<TileChoice> warpgroupTiles;

  bool hasWarpgroups() const { return !warpgroupTiles.empty(); }
  /// Multiply-adds of 16-bit numbers on the tensor cores in the time of one
  /// exponential, by the machine's units; 0 where it has no such.
  double getProductsPerFunction() const;
};

/// The architectures of a machine with a `multiprocessor`, newest first.
std::vector<GpuDescription> getGpuDescriptions(const MachineDescription &);
/// The architectures that attnc compiles for, newest first.
mlir::ArrayRef<GpuDescription> getGpuDescriptions();
std::optional<GpuDescription> lookupGpu(mlir::StringRef name);

class GpuModel : public TargetModel {
public:
  /// How many blocks stream the same at a time where they take tasks in turn.
  static constexpr int64_t sharingBlocks = 4;

  explicit GpuModel(GpuDescription gpu) : gpu(gpu) {}
  mlir::StringRef getName() const override { return gpu.name; }
  int64_t getLaneTile() const override { return getFirst().lanes; }
  int64_t getNarrowLaneTile() const override {
    return gpu.multiprocessor->narrowLaneTile;
  }
  bool packsSharingRanks() const override { return true; }
  int64_t getSplitTasks() const override {
    return gpu.multiprocessor->splitTasks;
  }
  bool partsTakeTurns() const override { return true; }
  // A thread of the merge has one element.
  int64_t getMergeLaneTile() const override { return 1; }
  int64_t getStreamTile() const override { return getFirst().stream; }
  int64_t getNarrowStreamTile() const override {
    return gpu.multiprocessor->narrowStreamTile;
  }
  int64_t getShortStreamTile() const override {
    return gpu.hasWarpgroups() ? gpu.multiprocessor->warpgroups->shortStreamTile
                               : 0;
  }
  int64_t getSharedStreamBytes() const override;
  int64_t getProductLaneTile() const override { return getLaneTile(); }
  int64_t getProductRowTile() const override {
    return gpu.multiprocessor->productRowTile;
  }
  int64_t getProductStreamTile() const override { return getStreamTile(); }
  int64_t getSweepTile() const override {
    return gpu.multiprocessor->sweepTile;
  }
  int64_t getSweepRows() const override {
    return gpu.multiprocessor->sweepRows;
  }
  int64_t getMaxTileElements() const override;
  bool hasMatrixUnit(mlir::Type element, int64_t contracted) const override;

private:
  const TileChoice &getFirst() const {
    return gpu.multiprocessor->tiles.front();
  }

  GpuDescription gpu;
};

} // namespace attn

#endif // LIB_MACHINE_GPUMODEL_H
