//===- Context.cpp - What outlives a call ---------------------------------===//

#include "runtime/Context.h"
#include "runtime/Executor.h"
#include "runtime/Status.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

using namespace attn::rt;

static constexpr size_t kMaxKeptBlocks = 16;
static constexpr size_t kMiB = size_t(1) << 20;

static Block allocateBlock(size_t bytes) {
  size_t rounded = (bytes + ATTNRT_ALIGNMENT - 1) & -size_t(ATTNRT_ALIGNMENT);
  void *data =
      rounded < bytes ? nullptr : std::aligned_alloc(ATTNRT_ALIGNMENT, rounded);
  if (!data)
    throw std::bad_alloc();
  return {static_cast<char *>(data), rounded};
}

static void freeBlock(Block block) { std::free(block.data); }

attnrt_context::attnrt_context()
    : cpu(probeCpu()), threads(getDefaultThreads()),
      maxKeptBytes(64 * kMiB + 4 * kMiB * threads) {
  // So that release() needs no memory.
  kept.reserve(kMaxKeptBlocks);
}

attnrt_context::~attnrt_context() { trim(); }

Block attnrt_context::acquire(size_t bytes) {
  {
    std::lock_guard<std::mutex> lock(mutex);
    size_t best = kept.size();
    for (size_t i = 0; i < kept.size(); ++i)
      if (kept[i].bytes >= bytes && kept[i].bytes / 4 <= bytes &&
          (best == kept.size() || kept[i].bytes < kept[best].bytes))
        best = i;
    if (best != kept.size()) {
      Block block = kept[best];
      kept.erase(kept.begin() + best);
      keptBytes -= block.bytes;
      return block;
    }
  }
  return allocateBlock(bytes);
}

void attnrt_context::release(Block block) noexcept {
  std::lock_guard<std::mutex> lock(mutex);
  if (block.bytes > maxKeptBytes) {
    freeBlock(block);
    return;
  }
  // The oldest go first: sizes that are no longer asked for leave.
  while (kept.size() == kMaxKeptBlocks ||
         keptBytes + block.bytes > maxKeptBytes) {
    freeBlock(kept.front());
    keptBytes -= kept.front().bytes;
    kept.erase(kept.begin());
  }
  kept.push_back(block);
  keptBytes += block.bytes;
}

void attnrt_context::trim() noexcept {
  std::lock_guard<std::mutex> lock(mutex);
  for (Block block : kept)
    freeBlock(block);
  kept.clear();
  keptBytes = 0;
}

//===----------------------------------------------------------------------===//
// The C interface
//===----------------------------------------------------------------------===//

uint32_t attnrt_version(void) { return ATTNRT_VERSION; }

attnrt_status attnrt_context_create(attnrt_context **context) {
  return guarded([&]() -> attnrt_status {
    if (!context)
      return invalid("context is null");
    *context = nullptr;
    *context = new attnrt_context;
    return nullptr;
  });
}

void attnrt_context_destroy(attnrt_context *context) { delete context; }

void attnrt_context_trim(attnrt_context *context) {
  if (context)
    context->trim();
}

uint64_t attnrt_cpu_features(const attnrt_context *context) {
  return context ? context->cpu.features : 0;
}

size_t attnrt_device_report(const attnrt_context *context, char *text,
                            size_t bytes) {
  std::string report;
  attnrt_status status = guarded([&]() -> attnrt_status {
    if (!context)
      return invalid("context is null");
    const Cpu &cpu = context->cpu;
    report = "cpu: " + cpu.name +
             "\ninstruction sets: " + getFeatureNames(cpu.features) +
             "\navx-512: " + cpu.avx512 + "\namx: " + cpu.amx +
             "\nthreads: " + std::to_string(context->threads) + " (" +
             getThreadLibrary() + ")\n" +
             const_cast<attnrt_context *>(context)->cuda.report();
    return nullptr;
  });
  attnrt_status_free(status);
  if (bytes) {
    size_t count = std::min(report.size(), bytes - 1);
    std::memcpy(text, report.data(), count);
    text[count] = 0;
  }
  return report.size();
}
