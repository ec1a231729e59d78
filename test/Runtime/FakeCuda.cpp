//===- FakeCuda.cpp - A CUDA driver that runs nothing ---------------------===//

#include "test/Runtime/FakeCuda.h"

#include <cstring>

struct CUctx_st {
  int device;
};
struct CUfunc_st {
  std::string name;
};
struct CUmod_st {
  std::vector<CUfunc_st *> functions;
};

FakeCuda &attn_fake_cuda() {
  static FakeCuda fake;
  return fake;
}

void FakeCuda::reset() {
  deviceCount = 2, major = 9, minor = 0, sharedBytes = 227 << 10;
  failingFunction.clear();
  successes = 0;
  launches.clear();
  maps.clear();
  numMaps = 0, isMapped = -1;
  loadedImages.clear();
}

static thread_local std::vector<CUctx_st *> contexts;
static CUctx_st primary[8] = {{0}, {1}, {2}, {3}, {4}, {5}, {6}, {7}};

/// The failure that a test wants of `function`, once.
static int getFailure(const char *function) {
  FakeCuda &fake = attn_fake_cuda();
  std::lock_guard<std::mutex> lock(fake.mutex);
  if (fake.failingFunction != function || fake.successes-- > 0)
    return 0;
  fake.failingFunction.clear();
  return fake.failure;
}

#define FAKE(name, ...)                                                        \
  extern "C" __attribute__((visibility("default"))) int name(__VA_ARGS__)
#define FAIL_IF_WANTED()                                                       \
  if (int code = getFailure(__func__))                                         \
  return code

FAKE(cuInit, unsigned) {
  FAIL_IF_WANTED();
  return 0;
}
FAKE(cuGetErrorName, int error, const char **text) {
  *text = error == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS" : "CUDA_ERROR_SOME";
  return 0;
}
FAKE(cuGetErrorString, int, const char **text) {
  *text = "what the driver says";
  return 0;
}
FAKE(cuDeviceGetCount, int *count) {
  *count = attn_fake_cuda().deviceCount;
  return 0;
}
FAKE(cuDeviceGet, int *device, int ordinal) {
  FAIL_IF_WANTED();
  *device = ordinal;
  return 0;
}
FAKE(cuDeviceGetName, char *name, int bytes, int) {
  std::strncpy(name, "Fake", bytes);
  return 0;
}
FAKE(cuDeviceGetAttribute, int *value, int attribute, int) {
  FakeCuda &fake = attn_fake_cuda();
  switch (attribute) {
  case 16:
    *value = 132;
    return 0;
  case 38:
    *value = 50 << 20;
    return 0;
  case 75:
    *value = fake.major;
    return 0;
  case 76:
    *value = fake.minor;
    return 0;
  case 97:
    *value = fake.sharedBytes;
    return 0;
  default:
    return 1;
  }
}
FAKE(cuDevicePrimaryCtxRetain, CUctx_st **context, int device) {
  FAIL_IF_WANTED();
  *context = &primary[device];
  ++attn_fake_cuda().retainedContexts;
  return 0;
}
FAKE(cuDevicePrimaryCtxRelease_v2, int) {
  --attn_fake_cuda().retainedContexts;
  return 0;
}
FAKE(cuCtxPushCurrent_v2, CUctx_st *context) {
  FAIL_IF_WANTED();
  contexts.push_back(context);
  return 0;
}
FAKE(cuCtxPopCurrent_v2, CUctx_st **context) {
  *context = contexts.back();
  contexts.pop_back();
  return 0;
}
FAKE(cuModuleLoadDataEx, CUmod_st **module, const void *image, unsigned,
     int *options, void **values) {
  if (int code = getFailure(__func__)) {
    for (int i = 0; i < 2; ++i)
      if (options[i] == 5)
        std::strcpy(static_cast<char *>(values[i]), "ptxas says no");
    return code;
  }
  FakeCuda &fake = attn_fake_cuda();
  std::lock_guard<std::mutex> lock(fake.mutex);
  fake.loadedImages.push_back(static_cast<const char *>(image));
  ++fake.loadedModules;
  *module = new CUmod_st;
  return 0;
}
FAKE(cuModuleUnload, CUmod_st *module) {
  for (CUfunc_st *function : module->functions)
    delete function;
  delete module;
  --attn_fake_cuda().loadedModules;
  return 0;
}
FAKE(cuModuleGetFunction, CUfunc_st **function, CUmod_st *module,
     const char *name) {
  FAIL_IF_WANTED();
  *function = new CUfunc_st{name};
  module->functions.push_back(*function);
  return 0;
}
FAKE(cuFuncSetAttribute, CUfunc_st *, int, int) {
  FAIL_IF_WANTED();
  return 0;
}
FAKE(cuLaunchKernel, CUfunc_st *function, unsigned x, unsigned, unsigned,
     unsigned block, unsigned, unsigned, unsigned sharedBytes, void *stream,
     void **parameters, void **) {
  FAIL_IF_WANTED();
  FakeCuda &fake = attn_fake_cuda();
  std::lock_guard<std::mutex> lock(fake.mutex);
  fake.launches.push_back({function->name, x, block, sharedBytes, stream,
                           contexts.back()->device,
                           *static_cast<int64_t *>(parameters[0])});
  if (fake.numMaps)
    fake.isMapped = *static_cast<int *>(parameters[fake.numMaps + 1]);
  return 0;
}
struct FakeLaunchConfig {
  unsigned x, y, z, block, blockY, blockZ, sharedBytes;
  void *stream;
  struct {
    int id, padding, value;
  } *attributes;
  unsigned numAttributes;
};
FAKE(cuLaunchKernelEx, const FakeLaunchConfig *config, CUfunc_st *function,
     void **parameters, void **) {
  FAIL_IF_WANTED();
  FakeCuda &fake = attn_fake_cuda();
  std::lock_guard<std::mutex> lock(fake.mutex);
  fake.launches.push_back(
      {function->name, config->x, config->block, config->sharedBytes,
       config->stream, contexts.back()->device,
       *static_cast<int64_t *>(parameters[0]),
       config->numAttributes == 1 && config->attributes->id == 6 &&
           config->attributes->value == 1});
  return 0;
}
FAKE(cuTensorMapEncodeTiled, void *, int elementType, unsigned rank,
     void *address, const uint64_t *extents, const uint64_t *strideBytes,
     const unsigned *box, const unsigned *, int, int swizzle, int, int) {
  FAIL_IF_WANTED();
  FakeCuda &fake = attn_fake_cuda();
  std::lock_guard<std::mutex> lock(fake.mutex);
  fake.maps.push_back({elementType,
                       swizzle,
                       {extents, extents + rank},
                       {strideBytes, strideBytes + rank - 1},
                       {box, box + rank},
                       address});
  return 0;
}
FAKE(cuPointerGetAttribute, void *value, int, unsigned long long pointer) {
  if (pointer < kFakeMemory)
    return 1;
  *static_cast<int *>(value) = int(pointer / kFakeMemory) - 1;
  return 0;
}
FAKE(cuThreadExchangeStreamCaptureMode, int *) { return 0; }

// The tools' part: memory that holds nothing, and a clock by which each launch
// takes a millisecond.
struct CUevent_st {
  size_t numLaunches = 0;
};
FAKE(cuMemAlloc_v2, unsigned long long *pointer, size_t bytes) {
  static std::atomic<unsigned long long> used{0};
  *pointer = (contexts.back()->device + 1) * kFakeMemory +
             used.fetch_add((bytes + 255) / 256 * 256);
  return 0;
}
FAKE(cuEventCreate, CUevent_st **event, unsigned) {
  *event = new CUevent_st;
  return 0;
}
FAKE(cuEventDestroy_v2, CUevent_st *event) {
  delete event;
  return 0;
}
FAKE(cuEventRecord, CUevent_st *event, void *) {
  FakeCuda &fake = attn_fake_cuda();
  std::lock_guard<std::mutex> lock(fake.mutex);
  event->numLaunches = fake.launches.size();
  return 0;
}
FAKE(cuEventElapsedTime, float *milliseconds, CUevent_st *start,
     CUevent_st *end) {
  *milliseconds = end->numLaunches - start->numLaunches;
  return 0;
}
FAKE(cuStreamCreate, void **stream, unsigned) {
  *stream = nullptr;
  return 0;
}
#define NOTHING(name)                                                          \
  FAKE(name) { return 0; }
NOTHING(cuMemFree_v2)
NOTHING(cuMemcpyHtoD_v2)
NOTHING(cuMemcpyDtoH_v2)
NOTHING(cuMemsetD8Async)
NOTHING(cuStreamDestroy_v2)
NOTHING(cuStreamSynchronize)
