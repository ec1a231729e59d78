//===- FakeAttention.h - A program written by hand -------------*- C++ -*-===//
//
// What attnc would emit for softmax attention with grouped queries and a second
// output, with kernels in plain C++: so the runtime is tested without the
// compiler, through the same descriptor.
//
//===----------------------------------------------------------------------===//

#ifndef TEST_RUNTIME_FAKEATTENTION_H
#define TEST_RUNTIME_FAKEATTENTION_H

#include "runtime/attnrt_program.h"

#include <atomic>

struct attention_args {
  uint32_t size;
  const DLTensor *Q, *K, *V;
  float scale;
  int64_t probe; ///< the address of a Probe, or 0
  DLTensor *AV, *LSE;
};

/// What a call did, seen from inside.
struct Probe {
  std::atomic<const char *> isa{nullptr};
  std::atomic<int64_t> threads{0}; ///< the frame's
  std::atomic<int32_t> running{0}, mostRunning{0};
  std::atomic<int32_t> misaligned{0};
  std::atomic<int32_t> denormals{0}; ///< tasks that met some
};

/// Whether a denormal of this thread differs from 0.
bool hasDenormals();

/// Ranks b, k, g, h = k * g, p, m, m1 = ceildiv(m, 2), e = 4, f; its variants
/// are "future" (which no machine has), "avx512", "avx2" and "baseline".
extern const attnrt_program attention_program;

/// The index of rank h in its ranks.
constexpr uint32_t kRankH = 3;

attnrt_status attention(attnrt_context *context, const attention_args *args,
                        const attnrt_call *call);
attnrt_status attention_workspace(attnrt_context *context,
                                  const attention_args *args,
                                  const attnrt_call *call, size_t *bytes);

#endif // TEST_RUNTIME_FAKEATTENTION_H
