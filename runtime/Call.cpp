//===- Call.cpp - How a call runs -----------------------------------------===//

#include "runtime/Call.h"
#include "runtime/Status.h"

#include <algorithm>
#include <cstring>

using namespace attn::rt;

/// The fields that every version of attnrt_call has had.
static constexpr size_t kFirstCallSize = offsetof(attnrt_call, num_threads);

/// Returns whether `bytes` bytes at `data` are all 0.
static bool isZero(const void *data, size_t bytes) {
  const char *begin = static_cast<const char *>(data);
  return std::all_of(begin, begin + bytes, [](char c) { return c == 0; });
}

attnrt_status attn::rt::readCall(const attnrt_call *from, attnrt_call &call) {
  call = {};
  if (!from)
    return nullptr;
  size_t size = from->size;
  if (size == 0) {
    // A struct of zeros is fine; a forgotten size must not drop fields.
    if (!isZero(from, kFirstCallSize))
      return invalid("call->size is 0 but other fields are set");
    return nullptr;
  }
  if (size < kFirstCallSize)
    return invalid("call->size is ", size, " but must be at least ",
                   kFirstCallSize);
  if (size > sizeof(call) &&
      !isZero(reinterpret_cast<const char *>(from) + sizeof(call),
              size - sizeof(call)))
    return invalid("call has fields that are newer than this runtime");
  std::memcpy(&call, from, std::min(size, sizeof(call)));

  bool isCuda = call.device.device_type == kDLCUDA;
  if (call.device.device_type != 0 && call.device.device_type != kDLCPU &&
      !isCuda)
    return fail(ATTNRT_UNSUPPORTED, "call->device has DLPack type ",
                int32_t(call.device.device_type),
                " but this runtime has the CPU and CUDA");
  if (call.stream && !isCuda)
    return invalid("call->stream is set but the CPU has no streams");
  if (isCuda && (call.executor || call.num_threads))
    return invalid("call->", call.executor ? "executor" : "num_threads",
                   " is set but is for the CPU");
  if (!call.workspace && call.workspace_bytes)
    return invalid("call->workspace is null but workspace_bytes is ",
                   call.workspace_bytes);
  if (call.num_threads < 0)
    return invalid("call->num_threads is ", call.num_threads,
                   ", which is negative");
  if (call.num_threads > kMaxThreads)
    return invalid("call->num_threads is ", call.num_threads,
                   " but may be at most ", kMaxThreads);
  if (!call.executor)
    return nullptr;
  if (!call.executor->parallel_for)
    return invalid("call->executor has a null parallel_for");
  if (call.executor->concurrency < 1)
    return invalid("call->executor has concurrency ",
                   call.executor->concurrency, " but must have at least 1");
  return nullptr;
}

Threads attn::rt::getThreads(const attnrt_context &context,
                             const attnrt_call &call) {
  Threads threads;
  threads.executor = call.executor;
  threads.isRequested = call.num_threads > 0;
  int32_t available = call.executor
                          ? std::min(call.executor->concurrency, kMaxThreads)
                          : context.threads;
  threads.count = threads.isRequested ? call.num_threads : available;
  if (call.executor)
    threads.count = std::min(threads.count, available);
  return threads;
}

/// The names of the program's variants: "avx512, avx2".
static std::string getVariantNames(const attnrt_program &program) {
  std::string names;
  for (uint32_t i = 0; i < program.num_variants; ++i)
    names += (i ? ", " : "") + std::string(program.variants[i].isa);
  return names;
}

/// Returns what keeps `variant` from running, or an empty text.
static std::string getObstacle(const attnrt_context &context,
                               const attnrt_variant &variant,
                               const CudaDevice *device) {
  if (variant.gpu && !device)
    return "is for CUDA, but the call runs on cpu";
  if (!variant.gpu && device)
    return "is for the CPU, but the call runs on " + device->getName();
  if (device) {
    if (device->canRun(*variant.gpu))
      return {};
    return "needs a device of at least sm_" +
           std::to_string(variant.gpu->capability) + ", but the call runs on " +
           device->getName();
  }
  uint64_t missing = variant.features & ~context.cpu.features;
  if (!missing)
    return {};
  return "needs " + getFeatureNames(missing) + ", which this machine lacks";
}

attnrt_status attn::rt::chooseVariant(const attnrt_context &context,
                                      const attnrt_program &program,
                                      const char *isa, const CudaDevice *device,
                                      const attnrt_variant *&variant) {
  for (uint32_t i = 0; i < program.num_variants; ++i) {
    variant = &program.variants[i];
    if (isa && std::strcmp(isa, variant->isa) != 0)
      continue;
    std::string obstacle = getObstacle(context, *variant, device);
    if (obstacle.empty())
      return nullptr;
    if (isa)
      return fail(ATTNRT_UNSUPPORTED, "isa ", isa, " ", obstacle);
  }
  if (isa)
    return fail(ATTNRT_UNSUPPORTED, "isa ", isa, " is not in ", program.name,
                ", which has ", getVariantNames(program));
  if (device)
    return fail(ATTNRT_UNSUPPORTED, program.name, " has ",
                getVariantNames(program), ", but none of them runs on ",
                device->getName());
  return fail(ATTNRT_UNSUPPORTED, program.name, " has ",
              getVariantNames(program),
              ", but this machine can run none of them; it has ",
              getFeatureNames(context.cpu.features));
}
