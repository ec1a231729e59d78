//===- GpuModel.h - One multiprocessor of an NVIDIA GPU ---------*- C++ -*-===//

#ifndef LIB_MACHINE_GPUMODEL_H
#define LIB_MACHINE_GPUMODEL_H

#include "lib/Machine/MachineDescription.h"
#include "lib/Machine/TargetModel.h"
#include <optional>

namespace attn {

/// What a block of threads may use, per architecture: the `multiprocessor` of a
/// machine's file.
struct GpuDescription {
  /// The target's name, which is the runtime's and LLVM's too: `sm_80`.
  mlir::StringRef name;
  /// For LLVM: the version of PTX that is needed.
  mlir::StringRef features;
  /// The compute capability, 10 * major + minor.
  int64_t capability;
  /// Of one block.
  int64_t sharedBytes, threads;
  /// What to try, best first, until the tiles fit a block's shared memory.
  mlir::ArrayRef<TileChoice> tiles;
  /// Coordinates in a tile: of the lane rank where a call has few of them, of
  /// a product's rows, of a row of a sweep, and its rows.
  int64_t narrowLaneTile, productRowTile, sweepTile, sweepRows;
  /// Where warpgroups multiply (wgmma), what to try before `tiles`: what is
  /// compiled for them runs on this capability alone.
  mlir::ArrayRef<TileChoice> warpgroupTiles;

  bool hasWarpgroups() const { return !warpgroupTiles.empty(); }
};

/// The architectures that attnc compiles for, newest first.
mlir::ArrayRef<GpuDescription> getGpuDescriptions();
std::optional<GpuDescription> lookupGpu(mlir::StringRef name);

class GpuModel : public TargetModel {
public:
  explicit GpuModel(GpuDescription gpu) : gpu(gpu) {}
  mlir::StringRef getName() const override { return gpu.name; }
  int64_t getLaneTile() const override { return gpu.tiles.front().lanes; }
  int64_t getNarrowLaneTile() const override { return gpu.narrowLaneTile; }
  int64_t getStreamTile() const override { return gpu.tiles.front().stream; }
  int64_t getNarrowStreamTile() const override { return getStreamTile(); }
  int64_t getProductLaneTile() const override { return getLaneTile(); }
  int64_t getProductRowTile() const override { return gpu.productRowTile; }
  int64_t getProductStreamTile() const override { return getStreamTile(); }
  int64_t getSweepTile() const override { return gpu.sweepTile; }
  int64_t getSweepRows() const override { return gpu.sweepRows; }
  int64_t getMaxTileElements() const override;
  bool hasMatrixUnit(mlir::Type element, int64_t contracted) const override;

private:
  GpuDescription gpu;
};

} // namespace attn

#endif // LIB_MACHINE_GPUMODEL_H
