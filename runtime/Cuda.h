//===- Cuda.h - CUDA devices and what is loaded on them --------*- C++ -*-===//

#ifndef RUNTIME_CUDA_H
#define RUNTIME_CUDA_H

#include "runtime/CudaDriver.h"
#include "runtime/attnrt_program.h"

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace attn::rt {

/// A kernel on one device.
struct LoadedKernel {
  cuda::Module module = nullptr;
  cuda::Function function = nullptr;
};

/// A program's kernels on one device, as attnrt_gpu_code::kernels.
using LoadedCode = std::vector<LoadedKernel>;

/// A device, through its primary context: the one that other libraries of the
/// process use.
class CudaDevice {
public:
  explicit CudaDevice(const CudaDriver &driver) : driver(driver) {}
  ~CudaDevice();
  CudaDevice(const CudaDevice &) = delete;

  attnrt_status open(int32_t ordinal);

  /// Sets `loaded` to the kernels of `code`, loaded at the first call. An error
  /// of one call is not kept for the next.
  attnrt_status load(const attnrt_gpu_code &code, const LoadedCode *&loaded);

  /// Puts a kernel into `stream`; `follows`: after another one of its call.
  attnrt_status launch(const attnrt_gpu_kernel &kernel, cuda::Function function,
                       const int64_t *frame, int64_t tasks, cuda::Stream stream,
                       bool follows);

  /// Returns whether `code` runs here, as machine code or as PTX.
  bool canRun(const attnrt_gpu_code &code) const;

  /// Sets `owner` to the device that has `address`, or -1 if it is none of
  /// CUDA's.
  attnrt_status getOwner(uintptr_t address, int32_t &owner) const;

  /// "cuda:0 (NVIDIA H100, sm_90)".
  std::string getName() const;

  int32_t ordinal = 0;
  int capability = 0; ///< 10 * major + minor
  int multiprocessors = 0, sharedBytes = 0;

private:
  bool makeMap(const attnrt_gpu_map &description, const int64_t *frame,
               void *map) const;
  attnrt_status loadKernel(const attnrt_gpu_kernel &kernel, bool isMachineCode,
                           LoadedKernel &loaded);
  attnrt_status loadAll(const attnrt_gpu_code &code, LoadedCode &loaded);
  void unload(const LoadedCode &loaded);
  attnrt_status check(cuda::Result result, const char *what) const;
  attnrt_status checkResources(const attnrt_gpu_code &code) const;

  const CudaDriver &driver;
  cuda::Device device = 0;
  cuda::Context context = nullptr;
  std::string name;
  std::mutex mutex;
  /// By address: an object stays loaded as long as its context lives. Guarded
  /// by `mutex`.
  std::unordered_map<const attnrt_gpu_code *, LoadedCode> codes;
};

/// The devices that calls have used.
class Cuda {
public:
  /// Sets `device` to the one with this number; an error where there is no
  /// driver or no such device. The driver is opened at the first call.
  attnrt_status getDevice(int32_t ordinal, CudaDevice *&device);

  /// Describes the devices in some lines.
  std::string report();

private:
  attnrt_status open();

  std::mutex mutex;
  bool isOpen = false;
  CudaDriver driver;
  std::unordered_map<int32_t, std::unique_ptr<CudaDevice>> devices;
};

} // namespace attn::rt

#endif // RUNTIME_CUDA_H
