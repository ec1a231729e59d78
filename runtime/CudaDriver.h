//===- CudaDriver.h - The CUDA driver, opened at run time ------*- C++ -*-===//
//
// The part of cuda.h that is used, as the functions of a library that is opened
// when a call wants a CUDA device: a program starts on a machine without one.
// Nothing of CUDA is needed to compile this.
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_CUDADRIVER_H
#define RUNTIME_CUDADRIVER_H

#include <cstddef>
#include <string>

namespace attn::rt {

/// Numbers and handles as cuda.h has them.
namespace cuda {
using Result = int;
using Device = int;
using Pointer = unsigned long long;
using Context = struct CUctx_st *;
using Module = struct CUmod_st *;
using Function = struct CUfunc_st *;
using Stream = struct CUstream_st *;
using Event = struct CUevent_st *;

enum : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,

  kMultiprocessorCount = 16, // CUdevice_attribute
  kCapabilityMajor = 75,
  kCapabilityMinor = 76,
  kMaxSharedBytes = 97,
  kL2CacheBytes = 38,

  kMaxDynamicSharedBytes = 8, // CUfunction_attribute

  kDeviceOrdinal = 9, // CUpointer_attribute

  kCaptureRelaxed = 2, // CUstreamCaptureMode

  kJitErrorLog = 5, // CUjit_option
  kJitErrorLogBytes = 6,

  kStreamNonBlocking = 1,

  kTensorMapUInt16 = 1, // CUtensorMapDataType
  kTensorMapSwizzle128 = 3,
  kTensorMapPromotion256 = 3,

  kProgrammaticSerialization = 6, // CUlaunchAttributeID
};

/// CUlaunchAttribute: of its values, one that is an int.
struct LaunchAttribute {
  int id;
  char pad[8 - sizeof(int)];
  int value;
  char rest[64 - sizeof(int)];
};

/// CUlaunchConfig.
struct LaunchConfig {
  unsigned gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes;
  Stream stream;
  LaunchAttribute *attributes;
  unsigned numAttributes;
};
} // namespace cuda

/// X(member, symbol, parameters...): all return a Result.
#define ATTNRT_CUDA_FUNCTIONS(X)                                               \
  X(init, "cuInit", unsigned flags)                                            \
  X(getErrorName, "cuGetErrorName", Result error, const char **text)           \
  X(getErrorString, "cuGetErrorString", Result error, const char **text)       \
  X(deviceGetCount, "cuDeviceGetCount", int *count)                            \
  X(deviceGet, "cuDeviceGet", Device *device, int ordinal)                     \
  X(deviceGetName, "cuDeviceGetName", char *name, int bytes, Device device)    \
  X(deviceGetAttribute, "cuDeviceGetAttribute", int *value, int attribute,     \
    Device device)                                                             \
  X(primaryContextRetain, "cuDevicePrimaryCtxRetain", Context *context,        \
    Device device)                                                             \
  X(primaryContextRelease, "cuDevicePrimaryCtxRelease_v2", Device device)      \
  X(contextPush, "cuCtxPushCurrent_v2", Context context)                       \
  X(contextPop, "cuCtxPopCurrent_v2", Context *context)                        \
  X(moduleLoad, "cuModuleLoadDataEx", Module *module, const void *image,       \
    unsigned numOptions, int *options, void **values)                          \
  X(moduleUnload, "cuModuleUnload", Module module)                             \
  X(moduleGetFunction, "cuModuleGetFunction", Function *function,              \
    Module module, const char *name)                                           \
  X(functionSetAttribute, "cuFuncSetAttribute", Function function,             \
    int attribute, int value)                                                  \
  X(launchKernel, "cuLaunchKernel", Function function, unsigned gridX,         \
    unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY,          \
    unsigned blockZ, unsigned sharedBytes, Stream stream, void **parameters,   \
    void **extra)                                                              \
  X(pointerGetAttribute, "cuPointerGetAttribute", void *value, int attribute,  \
    Pointer pointer)                                                           \
  X(exchangeCaptureMode, "cuThreadExchangeStreamCaptureMode", int *mode)       \
  X(memoryAllocate, "cuMemAlloc_v2", Pointer *pointer, size_t bytes)           \
  X(memoryFree, "cuMemFree_v2", Pointer pointer)                               \
  X(copyToDevice, "cuMemcpyHtoD_v2", Pointer to, const void *from,             \
    size_t bytes)                                                              \
  X(copyToHost, "cuMemcpyDtoH_v2", void *to, Pointer from, size_t bytes)       \
  X(setBytes, "cuMemsetD8Async", Pointer to, unsigned char value,              \
    size_t bytes, Stream stream)                                               \
  X(streamCreate, "cuStreamCreate", Stream *stream, unsigned flags)            \
  X(streamDestroy, "cuStreamDestroy_v2", Stream stream)                        \
  X(streamSynchronize, "cuStreamSynchronize", Stream stream)                   \
  X(eventCreate, "cuEventCreate", Event *event, unsigned flags)                \
  X(eventDestroy, "cuEventDestroy_v2", Event event)                            \
  X(eventRecord, "cuEventRecord", Event event, Stream stream)                  \
  X(eventElapsed, "cuEventElapsedTime", float *milliseconds, Event start,      \
    Event end)

/// Functions that older drivers lack, and what needs them: tensor maps, and
/// kernels that begin while the one before ends.
#define ATTNRT_CUDA_LATER_FUNCTIONS(X)                                         \
  X(tensorMapEncode, "cuTensorMapEncodeTiled", void *map, int elementType,     \
    unsigned rank, void *address, const unsigned long long *extents,           \
    const unsigned long long *strideBytes, const unsigned *box,                \
    const unsigned *steps, int interleave, int swizzle, int promotion,         \
    int fill)                                                                  \
  X(launchKernelEx, "cuLaunchKernelEx", const LaunchConfig *config,            \
    Function function, void **parameters, void **extra)

struct CudaDriver {
  /// Opens the driver and initialises it; returns why that can't be, or an
  /// empty text. The library stays open for good.
  std::string open();

  /// "CUDA_ERROR_INVALID_VALUE (1): invalid argument".
  std::string describe(cuda::Result error) const;

#define ATTNRT_MEMBER(member, symbol, ...)                                     \
  cuda::Result (*member)(__VA_ARGS__) = nullptr;
  using Result = cuda::Result;
  using Device = cuda::Device;
  using Pointer = cuda::Pointer;
  using Context = cuda::Context;
  using Module = cuda::Module;
  using Function = cuda::Function;
  using Stream = cuda::Stream;
  using Event = cuda::Event;
  using LaunchConfig = cuda::LaunchConfig;
  ATTNRT_CUDA_FUNCTIONS(ATTNRT_MEMBER)
  /// Null where the driver has none.
  ATTNRT_CUDA_LATER_FUNCTIONS(ATTNRT_MEMBER)
#undef ATTNRT_MEMBER
};

} // namespace attn::rt

#endif // RUNTIME_CUDADRIVER_H
