//===- CudaRun.h - A call on a CUDA device --------------------------------===//

#ifndef TOOLS_ATTN_RUN_CUDARUN_H
#define TOOLS_ATTN_RUN_CUDARUN_H

#include "runtime/CudaDriver.h"
#include "tools/attn-run/Arguments.h"
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace attn::tool {

/// A CUDA device with copies of the arguments, a stream and a workspace. Throws
/// Failure where something can't be done.
class CudaRun {
public:
  explicit CudaRun(int ordinal);
  ~CudaRun();
  CudaRun(const CudaRun &) = delete;
  CudaRun &operator=(const CudaRun &) = delete;

  /// The target of attnc whose code runs here.
  std::string getTarget() const;

  /// Copies all arrays to the device, and makes them what a call sees.
  void place(Arguments &arguments);
  /// Sets the fields of `call` that are the device's.
  void fill(attnrt_call &call, size_t workspaceBytes);
  /// Waits for the stream and copies the outputs back.
  void finish(const Arguments &arguments);

  /// The times of some calls in seconds, shortest first: `enqueue` puts one
  /// into the stream. What is in the L2 cache is displaced before each.
  std::vector<double> time(const std::function<void()> &enqueue);

  /// What the device reaches: reading memory, and products of bf16.
  struct Ceilings {
    double bytesPerSecond = 0, flopsPerSecond = 0;
  };
  Ceilings measureCeilings();

private:
  double timeKernel(const std::string &text, const char *name, unsigned blocks,
                    unsigned threads, rt::cuda::Pointer memory,
                    uint64_t number);
  void check(rt::cuda::Result result, const char *what) const;
  rt::cuda::Pointer allocate(size_t bytes);

  rt::CudaDriver driver;
  int ordinal;
  rt::cuda::Device device = 0;
  rt::cuda::Context context = nullptr;
  rt::cuda::Stream stream = nullptr;
  std::vector<rt::cuda::Pointer> allocated;
  std::map<const Array *, rt::cuda::Pointer> copies;
};

} // namespace attn::tool

#endif // TOOLS_ATTN_RUN_CUDARUN_H
