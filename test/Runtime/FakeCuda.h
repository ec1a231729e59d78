//===- FakeCuda.h - A CUDA driver that runs nothing -------------*- C++ -*-===//
//
// A libcuda.so.1 for machines without one: it remembers what it is asked for
// and fails where a test wants it to.
//
//===----------------------------------------------------------------------===//

#ifndef TEST_RUNTIME_FAKECUDA_H
#define TEST_RUNTIME_FAKECUDA_H

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

struct FakeLaunch {
  std::string kernel;
  unsigned grid, block, sharedBytes;
  void *stream;
  int device;
  int64_t threadsSlot;  ///< the first number of the parameter
  bool isEarly = false; ///< may begin before the kernel before it has ended
};

struct FakeTensorMap {
  int elementType, swizzle;
  std::vector<uint64_t> extents, strideBytes;
  std::vector<unsigned> box;
  void *address;
};

struct FakeCuda {
  /// What the machine has.
  int deviceCount = 2, major = 9, minor = 0, sharedBytes = 227 << 10;
  /// A call to this function fails, once, with this code: the one after so many
  /// that succeed.
  std::string failingFunction;
  int failure = 0, successes = 0;

  std::mutex mutex;
  std::vector<FakeLaunch> launches;
  /// Tensor maps that a kernel has as parameters: then what follows them.
  unsigned numMaps = 0;
  int isMapped = -1;
  std::vector<FakeTensorMap> maps;
  std::vector<std::string> loadedImages;
  int loadedModules = 0, retainedContexts = 0, stackDepth = 0;

  void reset();
};

/// Addresses of the fake's memory: `device` from this many bytes on.
constexpr uintptr_t kFakeMemory = uintptr_t(1) << 40;

extern "C" __attribute__((visibility("default"))) FakeCuda &attn_fake_cuda();

#endif // TEST_RUNTIME_FAKECUDA_H
