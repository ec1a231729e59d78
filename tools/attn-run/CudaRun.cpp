//===- CudaRun.cpp - A call on a CUDA device ------------------------------===//

#include "tools/attn-run/CudaRun.h"
#include <algorithm>

namespace attn::tool {

using namespace rt;

void CudaRun::check(cuda::Result result, const char *what) const {
  if (result != cuda::kSuccess)
    throw Failure(std::string(what) + " fails: " + driver.describe(result));
}

CudaRun::CudaRun(int ordinal) : ordinal(ordinal) {
  std::string why = driver.open();
  if (!why.empty())
    throw Failure(why);
  int count = 0;
  check(driver.deviceGetCount(&count), "cuDeviceGetCount");
  if (ordinal >= count)
    throw Failure("--device=cuda:" + std::to_string(ordinal) + " but there " +
                  (count == 1
                       ? "is 1 CUDA device"
                       : "are " + std::to_string(count) + " CUDA devices"));
  check(driver.deviceGet(&device, ordinal), "cuDeviceGet");
  check(driver.primaryContextRetain(&context, device),
        "cuDevicePrimaryCtxRetain");
  check(driver.contextPush(context), "cuCtxPushCurrent");
  check(driver.streamCreate(&stream, cuda::kStreamNonBlocking),
        "cuStreamCreate");
}

CudaRun::~CudaRun() {
  for (cuda::Pointer pointer : allocated)
    driver.memoryFree(pointer);
  if (stream)
    driver.streamDestroy(stream);
  cuda::Context popped;
  if (context && driver.contextPop(&popped) == cuda::kSuccess)
    driver.primaryContextRelease(device);
}

std::string CudaRun::getTarget() const {
  int major = 0;
  check(driver.deviceGetAttribute(&major, cuda::kCapabilityMajor, device),
        "cuDeviceGetAttribute");
  return major == 9 ? "sm_90a" : major > 9 ? "sm_90" : "sm_80";
}

cuda::Pointer CudaRun::allocate(size_t bytes) {
  cuda::Pointer pointer = 0;
  check(driver.memoryAllocate(&pointer, std::max<size_t>(bytes, 1)),
        "cuMemAlloc");
  allocated.push_back(pointer);
  return pointer;
}

void CudaRun::place(Arguments &arguments) {
  auto copy = [&](const Array &array) {
    cuda::Pointer pointer = allocate(array.getMemoryBytes());
    check(
        driver.copyToDevice(pointer, array.getMemory(), array.getMemoryBytes()),
        "cuMemcpyHtoD");
    copies[&array] = pointer;
  };
  for (const Array &input : arguments.inputs)
    copy(input);
  for (const Array &output : arguments.outputs)
    copy(output);
  arguments.moveTo({kDLCUDA, ordinal}, [&](const Array &array) {
    return reinterpret_cast<void *>(copies.at(&array));
  });
}

void CudaRun::fill(attnrt_call &call, size_t workspaceBytes) {
  call.stream = stream;
  if (!workspaceBytes)
    return;
  call.workspace = reinterpret_cast<void *>(allocate(workspaceBytes));
  call.workspace_bytes = workspaceBytes;
}

void CudaRun::finish(const Arguments &arguments) {
  check(driver.streamSynchronize(stream), "cuStreamSynchronize");
  for (const Array &output : arguments.outputs)
    check(driver.copyToHost(output.getMemory(), copies.at(&output),
                            output.getMemoryBytes()),
          "cuMemcpyDtoH");
}

std::vector<double> CudaRun::time(const std::function<void()> &enqueue) {
  int cacheBytes = 0;
  check(driver.deviceGetAttribute(&cacheBytes, cuda::kL2CacheBytes, device),
        "cuDeviceGetAttribute");
  size_t flushBytes = 4 * static_cast<size_t>(cacheBytes);
  cuda::Pointer flush = allocate(flushBytes);
  cuda::Event begin, end;
  check(driver.eventCreate(&begin, 0), "cuEventCreate");
  check(driver.eventCreate(&end, 0), "cuEventCreate");
  std::vector<double> times;
  double total = 0;
  for (int warmUp = 3; times.size() < 10 || (total < 0.5 && times.size() < 200);
       --warmUp) {
    check(driver.setBytes(flush, 0, flushBytes, stream), "cuMemsetD8Async");
    check(driver.eventRecord(begin, stream), "cuEventRecord");
    enqueue();
    check(driver.eventRecord(end, stream), "cuEventRecord");
    check(driver.streamSynchronize(stream), "cuStreamSynchronize");
    float milliseconds = 0;
    check(driver.eventElapsed(&milliseconds, begin, end), "cuEventElapsedTime");
    if (warmUp > 0)
      continue;
    times.push_back(milliseconds * 1e-3);
    total += times.back();
  }
  driver.eventDestroy(begin);
  driver.eventDestroy(end);
  std::sort(times.begin(), times.end());
  return times;
}

} // namespace attn::tool
