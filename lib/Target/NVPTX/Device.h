//===- Device.h - The GPU's part of a compilation ---------------*- C++ -*-===//

#ifndef LIB_TARGET_NVPTX_DEVICE_H
#define LIB_TARGET_NVPTX_DEVICE_H

#include "lib/Machine/GpuModel.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace attn::nvptx {

/// The module that LowerTiles puts kernels in, and what it says of each.
constexpr llvm::StringLiteral deviceModuleName = "device";
constexpr llvm::StringLiteral threadsAttr = "attn.threads";
constexpr llvm::StringLiteral sharedBytesAttr = "attn.shared_bytes";
constexpr llvm::StringLiteral persistentAttr = "attn.persistent";
constexpr llvm::StringLiteral waitsAttr = "attn.waits";

/// attnrt_gpu_map: the slot of its tensor, then of each extent, then the box.
constexpr llvm::StringLiteral mapsAttr = "attn.maps";

/// A tensor that a kernel copies by boxes.
struct TensorMap {
  unsigned slot = 0;
  llvm::SmallVector<unsigned> extents, box;

  bool operator==(const TensorMap &other) const {
    return slot == other.slot && extents == other.extents && box == other.box;
  }
};

/// A kernel of a device module: what a launch needs, and a module of its own as
/// text and as machine code.
struct DeviceKernel {
  std::string name;
  int64_t threads = 0, sharedBytes = 0;
  std::vector<TensorMap> maps;
  bool isPersistent = false;
  bool waits = false; ///< for the kernel before it, by itself
  std::string ptx;
  std::string cubin; ///< empty where there is no ptxas
};

/// What ptxas could not do as it was asked, and whether that is of a kernel
/// whose blocks take tasks in turn.
struct Shortcoming {
  std::string text;
  bool isPersistent = false;
};

/// The kernels of a module.
struct DeviceCode {
  GpuDescription gpu;
  std::vector<DeviceKernel> kernels; ///< by the number that launches use
  std::vector<Shortcoming> shortcomings;
};

/// Takes the device module out of `module` (llvm dialect) and compiles its
/// kernels at the same time, to PTX and with the program `ptxas`, unless that
/// is empty, to machine code; fails with a diagnostic. With `hasOtherTiles`
/// some kernels may have no code where another one has a shortcoming that is
/// not of its blocks' turns.
mlir::FailureOr<DeviceCode> takeDeviceCode(mlir::ModuleOp module,
                                           const GpuDescription &gpu,
                                           llvm::StringRef ptxas,
                                           bool hasOtherTiles);

/// Makes one module of the texts of all: what several declare, shared memory,
/// is declared once.
llvm::Expected<std::string> joinPTX(llvm::ArrayRef<DeviceKernel> kernels);

} // namespace attn::nvptx

#endif // LIB_TARGET_NVPTX_DEVICE_H
