//===- Cuda.cpp - CUDA devices and what is loaded on them -----------------===//
//
// Work goes to the caller's stream and nothing waits for it, so a call can be
// captured in a graph. What a kernel does wrong, the driver tells the first
// call that comes afterwards.
//
//===----------------------------------------------------------------------===//

#include "runtime/Cuda.h"
#include "runtime/Status.h"

#include <algorithm>
#include <climits>

using namespace attn::rt;

namespace {

/// Makes a context the thread's for one scope; the caller's comes back.
class CurrentContext {
public:
  CurrentContext(const CudaDriver &driver, cuda::Context context)
      : driver(driver), result(driver.contextPush(context)) {}
  ~CurrentContext() {
    cuda::Context popped;
    if (result == cuda::kSuccess)
      driver.contextPop(&popped);
  }
  CurrentContext(const CurrentContext &) = delete;

private:
  const CudaDriver &driver;

public:
  const cuda::Result result;
};

/// Lets this thread do what a capture in progress forbids, such as loading.
class RelaxedCapture {
public:
  explicit RelaxedCapture(const CudaDriver &driver) : driver(driver) {
    driver.exchangeCaptureMode(&mode);
  }
  ~RelaxedCapture() { driver.exchangeCaptureMode(&mode); }
  RelaxedCapture(const RelaxedCapture &) = delete;

private:
  const CudaDriver &driver;
  int mode = cuda::kCaptureRelaxed;
};

} // namespace

//===----------------------------------------------------------------------===//
// A device
//===----------------------------------------------------------------------===//

attnrt_status CudaDevice::check(cuda::Result result, const char *what) const {
  if (result == cuda::kSuccess)
    return nullptr;
  int32_t code = result == cuda::kOutOfMemory ? ATTNRT_OUT_OF_MEMORY
                                              : ATTNRT_DEVICE_FAILED;
  return fail(code, getName(), ": ", what, " fails: ", driver.describe(result),
              " (the cause may be earlier work on the device)");
}

std::string CudaDevice::getName() const {
  std::string text = "cuda:" + std::to_string(ordinal);
  if (!name.empty())
    text += " (" + name + ", sm_" + std::to_string(capability) + ")";
  return text;
}

attnrt_status CudaDevice::open(int32_t number) {
  ordinal = number;
  if (attnrt_status status =
          check(driver.deviceGet(&device, ordinal), "cuDeviceGet"))
    return status;
  char text[256] = {};
  driver.deviceGetName(text, sizeof(text) - 1, device);
  int major = 0, minor = 0;
  struct {
    int *value, attribute;
  } attributes[] = {{&major, cuda::kCapabilityMajor},
                    {&minor, cuda::kCapabilityMinor},
                    {&multiprocessors, cuda::kMultiprocessorCount},
                    {&sharedBytes, cuda::kMaxSharedBytes}};
  for (auto [value, attribute] : attributes)
    if (attnrt_status status =
            check(driver.deviceGetAttribute(value, attribute, device),
                  "cuDeviceGetAttribute"))
      return status;
  capability = 10 * major + minor;
  name = text;
  return check(driver.primaryContextRetain(&context, device),
               "cuDevicePrimaryCtxRetain");
}

CudaDevice::~CudaDevice() {
  if (!context)
    return;
  {
    CurrentContext current(driver, context);
    for (auto &entry : codes)
      unload(entry.second);
  }
  driver.primaryContextRelease(device);
}

/// Machine code runs on its own major capability, from its minor on.
static bool hasMachineCode(const attnrt_gpu_code &code, int capability) {
  return code.has_cubins && int(code.capability) / 10 == capability / 10 &&
         int(code.capability) <= capability;
}

bool CudaDevice::canRun(const attnrt_gpu_code &code) const {
  return code.is_exact ? int(code.capability) == capability
                       : int(code.capability) <= capability;
}

attnrt_status CudaDevice::getOwner(uintptr_t address, int32_t &owner) const {
  CurrentContext current(driver, context);
  if (attnrt_status status = check(current.result, "cuCtxPushCurrent"))
    return status;
  cuda::Result result =
      driver.pointerGetAttribute(&owner, cuda::kDeviceOrdinal, address);
  if (result != cuda::kInvalidValue)
    return check(result, "cuPointerGetAttribute");
  owner = -1;
  return nullptr;
}

/// Asked before anything is loaded.
attnrt_status CudaDevice::checkResources(const attnrt_gpu_code &code) const {
  for (uint32_t i = 0; i < code.num_kernels; ++i)
    if (code.kernels[i].shared_bytes > uint32_t(sharedBytes))
      return fail(ATTNRT_UNSUPPORTED, "kernel ", code.kernels[i].name,
                  " needs ", code.kernels[i].shared_bytes,
                  " bytes of shared memory in a block but ", getName(), " has ",
                  sharedBytes);
  return nullptr;
}

attnrt_status CudaDevice::loadKernel(const attnrt_gpu_kernel &kernel,
                                     bool isMachineCode, LoadedKernel &loaded) {
  char log[2048] = {};
  int options[] = {cuda::kJitErrorLog, cuda::kJitErrorLogBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log))};
  cuda::Result result = driver.moduleLoad(
      &loaded.module, isMachineCode ? kernel.cubin : kernel.ptx, 2, options,
      values);
  if (result != cuda::kSuccess && log[0])
    return fail(ATTNRT_DEVICE_FAILED, getName(), ": the driver can't compile ",
                "PTX: ", driver.describe(result), "; ", log);
  if (attnrt_status status = check(result, "cuModuleLoadDataEx"))
    return status;
  if (attnrt_status status =
          check(driver.moduleGetFunction(&loaded.function, loaded.module,
                                         kernel.name),
                "cuModuleGetFunction"))
    return status;
  return check(driver.functionSetAttribute(loaded.function,
                                           cuda::kMaxDynamicSharedBytes,
                                           int(kernel.shared_bytes)),
               "cuFuncSetAttribute");
}

attnrt_status CudaDevice::loadAll(const attnrt_gpu_code &code,
                                  LoadedCode &loaded) {
  if (attnrt_status status = checkResources(code))
    return status;
  bool isMachineCode = hasMachineCode(code, capability);
  for (uint32_t i = 0; i < code.num_kernels; ++i) {
    loaded.emplace_back();
    if (attnrt_status status =
            loadKernel(code.kernels[i], isMachineCode, loaded.back()))
      return status;
  }
  return nullptr;
}

void CudaDevice::unload(const LoadedCode &loaded) {
  for (const LoadedKernel &kernel : loaded)
    if (kernel.module)
      driver.moduleUnload(kernel.module);
}

attnrt_status CudaDevice::load(const attnrt_gpu_code &code,
                               const LoadedCode *&loaded) {
  std::lock_guard<std::mutex> lock(mutex);
  auto found = codes.find(&code);
  if (found == codes.end()) {
    CurrentContext current(driver, context);
    if (attnrt_status status = check(current.result, "cuCtxPushCurrent"))
      return status;
    RelaxedCapture relaxed(driver);
    LoadedCode fresh;
    if (attnrt_status status = loadAll(code, fresh)) {
      unload(fresh);
      return status;
    }
    found = codes.emplace(&code, std::move(fresh)).first;
  }
  // Elements of an unordered_map stay where they are.
  loaded = &found->second;
  return nullptr;
}

namespace {
/// CUtensorMap.
struct alignas(64) TensorMap {
  char bytes[128];
};
} // namespace

/// Returns whether the tensor in `frame` allows such a map. A map has the
/// innermost rank first; its strides are multiples of 16 bytes, but for that
/// one's, which is not given: its coordinates are neighbours.
bool CudaDevice::makeMap(const attnrt_gpu_map &description,
                         const int64_t *frame, void *map) const {
  constexpr unsigned kMaxRanks = 5;
  constexpr int64_t kElementBytes = 2, kPieceBytes = 16;
  unsigned numRanks = description.num_ranks;
  const int64_t *tensor = frame + description.slot, *strides = tensor + 1;
  if (!driver.tensorMapEncode || numRanks > kMaxRanks || numRanks < 2 ||
      tensor[0] % kPieceBytes != 0 || strides[numRanks - 1] != 1)
    return false;
  unsigned long long extents[kMaxRanks], bytes[kMaxRanks];
  unsigned box[kMaxRanks], steps[kMaxRanks];
  for (unsigned i = 0; i < numRanks; ++i) {
    unsigned rank = numRanks - 1 - i;
    int64_t extent = frame[description.extents[rank]];
    if (extent < 1 || extent > INT_MAX)
      return false;
    // Of a single coordinate, it says nothing.
    int64_t stride = extent == 1 ? kPieceBytes : strides[rank] * kElementBytes;
    if (i != 0 && (stride < 0 || stride % kPieceBytes != 0))
      return false;
    extents[i] = extent;
    bytes[i] = stride;
    box[i] = description.box[rank];
    steps[i] = 1;
  }
  return driver.tensorMapEncode(
             map, cuda::kTensorMapUInt16, numRanks,
             reinterpret_cast<void *>(tensor[0]), extents, bytes + 1, box,
             steps, /*interleave=*/0, cuda::kTensorMapSwizzle128,
             cuda::kTensorMapPromotion256, /*fill=*/0) == cuda::kSuccess;
}

attnrt_status CudaDevice::launch(const attnrt_gpu_kernel &kernel,
                                 cuda::Function function, const int64_t *frame,
                                 int64_t tasks, cuda::Stream stream,
                                 bool follows) {
  if (tasks < 0 || tasks > INT_MAX)
    return fail(ATTNRT_UNSUPPORTED, "kernel ", kernel.name, " has ", tasks,
                " tasks but a grid may have ", INT_MAX, " blocks");
  if (tasks == 0)
    return nullptr;
  CurrentContext current(driver, context);
  if (attnrt_status status = check(current.result, "cuCtxPushCurrent"))
    return status;
  if (kernel.num_maps > ATTNRT_MAX_MAPS)
    return fail(ATTNRT_INTERNAL, "kernel ", kernel.name, " has ",
                kernel.num_maps, " tensor maps, more than ", ATTNRT_MAX_MAPS);
  // The driver copies what the parameters' sizes are.
  TensorMap maps[ATTNRT_MAX_MAPS] = {};
  void *parameters[ATTNRT_MAX_MAPS + 2] = {const_cast<int64_t *>(frame)};
  int32_t isMapped = 1;
  for (uint32_t i = 0; i < kernel.num_maps; ++i) {
    isMapped &= makeMap(kernel.maps[i], frame, &maps[i]);
    parameters[i + 1] = &maps[i];
  }
  parameters[kernel.num_maps + 1] = &isMapped;
  int64_t blocks =
      kernel.is_persistent ? std::min<int64_t>(tasks, multiprocessors) : tasks;
  if (follows && kernel.waits && driver.launchKernelEx) {
    cuda::LaunchAttribute early = {cuda::kProgrammaticSerialization, {}, 1, {}};
    cuda::LaunchConfig config = {
        unsigned(blocks), 1,      1, kernel.threads, 1, 1, kernel.shared_bytes,
        stream,           &early, 1};
    return check(driver.launchKernelEx(&config, function, parameters, nullptr),
                 "cuLaunchKernelEx");
  }
  return check(driver.launchKernel(function, unsigned(blocks), 1, 1,
                                   kernel.threads, 1, 1, kernel.shared_bytes,
                                   stream, parameters, nullptr),
               "cuLaunchKernel");
}

//===----------------------------------------------------------------------===//
// All of them
//===----------------------------------------------------------------------===//

attnrt_status Cuda::open() {
  if (isOpen)
    return nullptr;
  std::string why = driver.open();
  if (!why.empty())
    return fail(ATTNRT_UNSUPPORTED, why);
  isOpen = true;
  return nullptr;
}

attnrt_status Cuda::getDevice(int32_t ordinal, CudaDevice *&device) {
  std::lock_guard<std::mutex> lock(mutex);
  if (attnrt_status status = open())
    return status;
  auto found = devices.find(ordinal);
  if (found == devices.end()) {
    int count = 0;
    cuda::Result result = driver.deviceGetCount(&count);
    if (result != cuda::kSuccess)
      return fail(ATTNRT_UNSUPPORTED,
                  "cuDeviceGetCount fails: ", driver.describe(result));
    if (ordinal < 0 || ordinal >= count)
      return invalid("call->device is cuda:", ordinal, " but there ",
                     count == 1 ? "is " : "are ", count, " CUDA device",
                     count == 1 ? "" : "s");
    auto fresh = std::make_unique<CudaDevice>(driver);
    if (attnrt_status status = fresh->open(ordinal))
      return status;
    found = devices.emplace(ordinal, std::move(fresh)).first;
  }
  device = found->second.get();
  return nullptr;
}

std::string Cuda::report() {
  int count = 0;
  {
    std::lock_guard<std::mutex> lock(mutex);
    if (attnrt_status status = open()) {
      std::string text =
          std::string("cuda: none: ") + attnrt_status_message(status) + "\n";
      attnrt_status_free(status);
      return text;
    }
    driver.deviceGetCount(&count);
  }
  std::string text = count ? "" : "cuda: none: the driver finds no device\n";
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    CudaDevice *device = nullptr;
    attnrt_status status = getDevice(ordinal, device);
    text += status ? attnrt_status_message(status)
                   : device->getName() + ": " +
                         std::to_string(device->multiprocessors) +
                         " multiprocessors, " +
                         std::to_string(device->sharedBytes) +
                         " bytes of shared memory in a block";
    text += "\n";
    attnrt_status_free(status);
  }
  return text;
}
