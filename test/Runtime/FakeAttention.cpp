//===- FakeAttention.cpp - A program written by hand ----------------------===//

#include "test/Runtime/FakeAttention.h"

#include <cmath>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <limits>

//===----------------------------------------------------------------------===//
// Descriptor
//===----------------------------------------------------------------------===//

enum Rank : uint32_t { B, K, G, H, P, M, M1, E, F, kNumRanks };
static_assert(H == kRankH, "tests name this rank");

/// Frame slots: threads, extents, then the arguments, then the program's own.
enum Slot : uint32_t {
  kQ = 1 + kNumRanks,
  kK = kQ + 5,
  kV = kK + 5,
  kScale = kV + 5,
  kProbe,
  kAV,
  kLSE = kAV + 5,
  kWorkspace = kLSE + 4,
  kNumSlots
};

static constexpr uint32_t kFactors[] = {K, G};
static constexpr uint32_t kWhole[] = {M};
static constexpr attnrt_rank_desc kRanks[] = {
    {"b", 0, nullptr, 0, ATTNRT_RANK_FREE},
    {"k", 0, nullptr, 0, ATTNRT_RANK_FREE},
    {"g", 0, nullptr, 0, ATTNRT_RANK_FREE},
    {"h", 0, kFactors, 2, ATTNRT_RANK_PRODUCT},
    {"p", 0, nullptr, 0, ATTNRT_RANK_FREE},
    {"m", 0, nullptr, 0, ATTNRT_RANK_FREE},
    {"m1", 2, kWhole, 1, ATTNRT_RANK_CEILDIV},
    {"e", 4, nullptr, 0, ATTNRT_RANK_FIXED},
    {"f", 0, nullptr, 0, ATTNRT_RANK_FREE},
};

static constexpr uint32_t kRanksQ[] = {B, H, P, E};
static constexpr uint32_t kRanksK[] = {B, K, M, E};
static constexpr uint32_t kRanksV[] = {B, K, M, F};
static constexpr uint32_t kRanksAV[] = {B, H, P, F};

static constexpr attnrt_arg_desc getTensor(const char *name,
                                           const uint32_t *ranks,
                                           uint32_t numRanks, size_t offset,
                                           uint32_t slot, uint8_t kind) {
  return {name, ranks, numRanks, uint32_t(offset), slot, kind, kDLFloat, 32, 0};
}

static constexpr attnrt_arg_desc kArgs[] = {
    getTensor("Q", kRanksQ, 4, offsetof(attention_args, Q), kQ,
              ATTNRT_ARG_INPUT),
    getTensor("K", kRanksK, 4, offsetof(attention_args, K), kK,
              ATTNRT_ARG_INPUT),
    getTensor("V", kRanksV, 4, offsetof(attention_args, V), kV,
              ATTNRT_ARG_INPUT),
    {"scale", nullptr, 0, offsetof(attention_args, scale), kScale,
     ATTNRT_ARG_SCALAR, kDLFloat, 32, 0},
    {"probe", nullptr, 0, offsetof(attention_args, probe), kProbe,
     ATTNRT_ARG_SCALAR, kDLInt, 64, 0},
    getTensor("AV", kRanksAV, 4, offsetof(attention_args, AV), kAV,
              ATTNRT_ARG_OUTPUT),
    getTensor("LSE", kRanksAV, 3, offsetof(attention_args, LSE), kLSE,
              ATTNRT_ARG_OUTPUT),
};

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

bool hasDenormals() {
  volatile float denormal = std::numeric_limits<float>::min() / 4;
  return denormal * 2 != 0;
}

/// A tensor of floats as the frame has it.
class FrameTensor {
public:
  FrameTensor(const int64_t *frame, uint32_t slot)
      : data(reinterpret_cast<float *>(frame[slot])),
        strides(frame + slot + 1) {}

  explicit operator bool() const { return data; }

  float &at(int64_t a, int64_t b, int64_t c) const {
    return data[a * strides[0] + b * strides[1] + c * strides[2]];
  }
  float &at(int64_t a, int64_t b, int64_t c, int64_t d) const {
    return (&at(a, b, c))[d * strides[3]];
  }

private:
  float *data;
  const int64_t *strides;
};

/// The maximum of a row's scores; one task per row, into the workspace.
static void maxKernel(const int64_t *frame, int64_t task, void *scratch) {
  const int64_t *extents = frame + 1;
  FrameTensor q(frame, kQ), k(frame, kK);
  int64_t p = task % extents[P], h = task / extents[P] % extents[H];
  int64_t b = task / extents[P] / extents[H];
  float scale;
  std::memcpy(&scale, &frame[kScale], sizeof(scale));

  auto *probe = reinterpret_cast<Probe *>(frame[kProbe]);
  if (probe) {
    int32_t running = ++probe->running, most = probe->mostRunning;
    while (most < running &&
           !probe->mostRunning.compare_exchange_weak(most, running)) {
    }
    if (reinterpret_cast<uintptr_t>(scratch) % ATTNRT_ALIGNMENT)
      ++probe->misaligned;
    probe->denormals += hasDenormals();
  }

  // Through the scratch, so that threads that shared it would be seen.
  float *scores = static_cast<float *>(scratch);
  float maximum = -std::numeric_limits<float>::infinity();
  for (int64_t m = 0; m < extents[M]; ++m) {
    scores[m] = 0;
    for (int64_t e = 0; e < extents[E]; ++e)
      scores[m] += q.at(b, h, p, e) * k.at(b, h / extents[G], m, e) * scale;
  }
  for (int64_t m = 0; m < extents[M]; ++m)
    maximum = std::fmax(maximum, scores[m]);
  reinterpret_cast<float *>(frame[kWorkspace])[task] = maximum;
  if (probe)
    --probe->running;
}

static void sumKernel(const int64_t *frame, int64_t task, void *scratch) {
  const int64_t *extents = frame + 1;
  FrameTensor q(frame, kQ), k(frame, kK), v(frame, kV), av(frame, kAV);
  FrameTensor lse(frame, kLSE);
  int64_t p = task % extents[P], h = task / extents[P] % extents[H];
  int64_t b = task / extents[P] / extents[H];
  float maximum = reinterpret_cast<float *>(frame[kWorkspace])[task], scale;
  std::memcpy(&scale, &frame[kScale], sizeof(scale));

  float *weights = static_cast<float *>(scratch), sum = 0;
  for (int64_t m = 0; m < extents[M]; ++m) {
    float score = 0;
    for (int64_t e = 0; e < extents[E]; ++e)
      score += q.at(b, h, p, e) * k.at(b, h / extents[G], m, e) * scale;
    weights[m] = std::exp(score - maximum);
    sum += weights[m];
  }
  if (lse)
    lse.at(b, h, p) = maximum + std::log(sum);
  for (int64_t f = 0; av && f < extents[F]; ++f) {
    float total = 0;
    for (int64_t m = 0; m < extents[M]; ++m)
      total += weights[m] * v.at(b, h / extents[G], m, f);
    av.at(b, h, p, f) = sum == 0 ? 0 : total / sum;
  }
}

//===----------------------------------------------------------------------===//
// Host functions
//===----------------------------------------------------------------------===//

static int64_t getWorkspaceBytes(int64_t *frame) {
  const int64_t *extents = frame + 1;
  return extents[B] * extents[H] * extents[P] * sizeof(float);
}

static int32_t runHost(const char *isa, attnrt_run *run, int64_t *frame,
                       char *workspace) {
  const int64_t *extents = frame + 1;
  if (auto *probe = reinterpret_cast<Probe *>(frame[kProbe])) {
    probe->isa = isa;
    probe->threads = frame[0];
    if (reinterpret_cast<uintptr_t>(workspace) % ATTNRT_ALIGNMENT)
      ++probe->misaligned;
  }
  frame[kWorkspace] = reinterpret_cast<intptr_t>(workspace);
  int64_t rows = extents[B] * extents[H] * extents[P];
  int64_t scratchBytes = extents[M] * sizeof(float);
  for (attnrt_kernel_fn kernel : {maxKernel, sumKernel})
    if (int32_t code = attnrt_launch(run, kernel, frame, rows, scratchBytes))
      return code;
  return 0;
}

static int32_t hostFuture(attnrt_run *run, int64_t *frame, char *workspace) {
  return runHost("future", run, frame, workspace);
}
static int32_t hostAvx512(attnrt_run *run, int64_t *frame, char *workspace) {
  return runHost("avx512", run, frame, workspace);
}
static int32_t hostAvx2(attnrt_run *run, int64_t *frame, char *workspace) {
  return runHost("avx2", run, frame, workspace);
}
static int32_t hostBaseline(attnrt_run *run, int64_t *frame, char *workspace) {
  return runHost("baseline", run, frame, workspace);
}

static constexpr attnrt_variant kVariants[] = {
    {"future", uint64_t(1) << 63, getWorkspaceBytes, hostFuture},
    {"avx512", ATTNRT_CPU_X86_64_V4, getWorkspaceBytes, hostAvx512},
    {"avx2", ATTNRT_CPU_X86_64_V3, getWorkspaceBytes, hostAvx2},
    {"baseline", 0, getWorkspaceBytes, hostBaseline},
};

const attnrt_program attention_program = {ATTNRT_ABI_VERSION,
                                          sizeof(attention_args),
                                          "attention",
                                          "{}",
                                          kNumRanks,
                                          std::size(kArgs),
                                          4,
                                          kNumSlots,
                                          kRanks,
                                          kArgs,
                                          kVariants};

attnrt_status attention(attnrt_context *context, const attention_args *args,
                        const attnrt_call *call) {
  return attnrt_run_program(context, &attention_program, args, call);
}

attnrt_status attention_workspace(attnrt_context *context,
                                  const attention_args *args,
                                  const attnrt_call *call, size_t *bytes) {
  return attnrt_program_workspace(context, &attention_program, args, call,
                                  bytes);
}
