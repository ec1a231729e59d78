//===- Ceiling.cpp - What the machine reaches -----------------------------===//

#include "tools/attn-run/Ceiling.h"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <sys/mman.h>
#include <thread>
#include <vector>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace attn::tool {

using Clock = std::chrono::steady_clock;

/// Independent chains: enough for two units of latency four, few enough for
/// sixteen registers.
static constexpr int numChains = 12;

/// Keeps results alive.
static std::atomic<float> sink;

/// The compiler must take `value` for changed: chains that compute the same are
/// not to become one. No instruction is emitted.
#if defined(__x86_64__)
#define KEEP(value) asm volatile("" : "+v"(value))
#else
#define KEEP(value) asm volatile("" : "+w"(value))
#endif

static double getSeconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

//===----------------------------------------------------------------------===//
// Inner loops: one for each vector width
//===----------------------------------------------------------------------===//

/// Four floats, in registers that every x86-64 and AArch64 has.
typedef float Quad __attribute__((vector_size(16)));

static void multiplyAddBaseline(int64_t rounds, float x) {
  Quad factor = {x, x, x, x}, chains[numChains] = {};
  for (int64_t i = 0; i != rounds; ++i)
    for (Quad &chain : chains) {
      chain = chain * factor + factor;
      KEEP(chain);
    }
  float sum = 0;
  for (const Quad &chain : chains)
    sum += chain[0];
  sink = sum;
}

static float sumBaseline(const float *values, int64_t count) {
  float sums[32] = {};
  for (int64_t i = 0; i != count; i += 32)
    for (int j = 0; j != 32; ++j)
      sums[j] += values[i + j];
  float sum = 0;
  for (float part : sums)
    sum += part;
  return sum;
}

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) static void multiplyAdd256(int64_t rounds,
                                                               float x) {
  __m256 factor = _mm256_set1_ps(x), chains[numChains];
  for (__m256 &chain : chains)
    chain = _mm256_setzero_ps();
  for (int64_t i = 0; i != rounds; ++i)
    for (__m256 &chain : chains) {
      chain = _mm256_fmadd_ps(chain, factor, factor);
      KEEP(chain);
    }
  float sum = 0;
  for (const __m256 &chain : chains)
    sum += chain[0];
  sink = sum;
}

__attribute__((target("avx512f"))) static void multiplyAdd512(int64_t rounds,
                                                              float x) {
  __m512 factor = _mm512_set1_ps(x), chains[numChains];
  for (__m512 &chain : chains)
    chain = _mm512_setzero_ps();
  for (int64_t i = 0; i != rounds; ++i)
    for (__m512 &chain : chains) {
      chain = _mm512_fmadd_ps(chain, factor, factor);
      KEEP(chain);
    }
  float sum = 0;
  for (const __m512 &chain : chains)
    sum += chain[0];
  sink = sum;
}

__attribute__((target("avx2"))) static float sum256(const float *values,
                                                    int64_t count) {
  __m256 sums[4] = {};
  for (int64_t i = 0; i != count; i += 32)
    for (int j = 0; j != 4; ++j)
      sums[j] = _mm256_add_ps(sums[j], _mm256_loadu_ps(values + i + 8 * j));
  return sums[0][0] + sums[1][0] + sums[2][0] + sums[3][0];
}

__attribute__((target("avx512f"))) static float sum512(const float *values,
                                                       int64_t count) {
  __m512 a = _mm512_setzero_ps(), b = a;
  for (int64_t i = 0; i != count; i += 32) {
    a = _mm512_add_ps(a, _mm512_loadu_ps(values + i));
    b = _mm512_add_ps(b, _mm512_loadu_ps(values + i + 16));
  }
  return a[0] + b[0];
}
#endif

//===----------------------------------------------------------------------===//
// Measuring
//===----------------------------------------------------------------------===//

/// Runs `body` on `threads` threads, that start together, and returns the time
/// until the last is done.
static double timeThreads(int threads, const std::function<void(int)> &body) {
  std::atomic<int> waiting{threads};
  std::vector<std::thread> pool;
  std::vector<double> seconds(threads);
  for (int i = 0; i != threads; ++i)
    pool.emplace_back([&, i] {
      for (--waiting; waiting.load() > 0;)
        std::this_thread::yield();
      Clock::time_point begin = Clock::now();
      body(i);
      seconds[i] = getSeconds(begin);
    });
  for (std::thread &thread : pool)
    thread.join();
  return *std::max_element(seconds.begin(), seconds.end());
}

double measureMultiplyAdds(int threads, VectorLevel level) {
  constexpr int64_t rounds = 4000000; // some 10 ms
  double lanes = 4;
  void (*kernel)(int64_t, float) = multiplyAddBaseline;
#if defined(__x86_64__)
  if (level != VectorLevel::Baseline) {
    lanes = level == VectorLevel::AVX512 ? 16 : 8;
    kernel = level == VectorLevel::AVX512 ? multiplyAdd512 : multiplyAdd256;
  }
#endif
  double best = 0;
  for (int repeat = 0; repeat != 6; ++repeat) {
    double seconds = timeThreads(threads, [&](int) { kernel(rounds, 0.25f); });
    double flops = 2.0 * lanes * numChains * static_cast<double>(rounds);
    best = std::max(best, flops * threads / seconds);
  }
  return best;
}

double measureBandwidth(int threads, VectorLevel level) {
  // Far more than any cache, in large pages.
  constexpr size_t totalBytes = size_t(1) << 30;
  constexpr size_t page = size_t(1) << 21;
  size_t bytes = totalBytes / static_cast<size_t>(threads) / page * page;
  bytes = std::max(bytes, page);
  auto count = static_cast<int64_t>(bytes / sizeof(float));
  float (*kernel)(const float *, int64_t) = sumBaseline;
#if defined(__x86_64__)
  if (level != VectorLevel::Baseline)
    kernel = level == VectorLevel::AVX512 ? sum512 : sum256;
#endif
  std::vector<std::unique_ptr<float, decltype(&std::free)>> buffers;
  for (int i = 0; i != threads; ++i) {
    buffers.emplace_back(static_cast<float *>(std::aligned_alloc(page, bytes)),
                         &std::free);
    if (!buffers.back())
      return 0;
    madvise(buffers.back().get(), bytes, MADV_HUGEPAGE);
  }
  timeThreads(threads,
              [&](int i) { std::fill_n(buffers[i].get(), count, 1.0f); });
  double best = 0;
  for (int repeat = 0; repeat != 4; ++repeat) {
    double seconds = timeThreads(
        threads, [&](int i) { sink = kernel(buffers[i].get(), count); });
    best = std::max(best, static_cast<double>(bytes) * threads / seconds);
  }
  return best;
}

} // namespace attn::tool
