//===- Executor.cpp - The parallel for that kernels run in ----------------===//
//
// However threads are made, each runs `drain`: it takes the next tasks from a
// shared counter until none is left. Tasks differ much in cost (a causal
// filter), so they are handed out late and in order, in groups only when there
// are very many. A thread that comes late, or never, costs no correctness.
//
//===----------------------------------------------------------------------===//

#include "runtime/Executor.h"
#include "runtime/Status.h"

#include <algorithm>

#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef __SSE__
#include <pmmintrin.h>
#endif

using namespace attn::rt;

namespace {

/// Each worker's scratch: ATTNRT_ALIGNMENT-aligned pieces of one loan.
class Scratch {
public:
  Scratch(attnrt_context &context, int64_t bytes, int64_t workers)
      : stride(alignUp(bytes)), loan(context, multiply(stride, workers)) {}

  char *get(int64_t worker) const {
    return stride ? loan.data() + worker * stride : nullptr;
  }

private:
  static size_t alignUp(size_t bytes) {
    return (bytes + ATTNRT_ALIGNMENT - 1) / ATTNRT_ALIGNMENT * ATTNRT_ALIGNMENT;
  }
  static size_t multiply(size_t a, size_t b) {
    size_t product;
    if (__builtin_mul_overflow(a, b, &product))
      throw std::bad_alloc();
    return product;
  }

  size_t stride;
  Loan loan;
};

/// While it lives, the thread takes denormals for 0 and makes none. A kernel
/// computes whole vectors, of which the lanes past an extent hold anything: a
/// denormal there takes some hundred cycles.
class WithoutDenormals {
public:
#ifdef __SSE__
  WithoutDenormals() {
    _mm_setcsr(before | _MM_FLUSH_ZERO_ON | _MM_DENORMALS_ZERO_ON);
  }
  ~WithoutDenormals() { _mm_setcsr(before); }
#else
  WithoutDenormals() {}
#endif
  WithoutDenormals(const WithoutDenormals &) = delete;
  WithoutDenormals &operator=(const WithoutDenormals &) = delete;

private:
#ifdef __SSE__
  const unsigned before = _mm_getcsr();
#endif
};

/// One launch. Workers write only the counters and their own scratch.
class Job {
public:
  Job(attnrt_kernel_fn kernel, const int64_t *frame, int64_t tasks,
      int64_t workers, const Scratch &scratch)
      : kernel(kernel), frame(frame), tasks(tasks), workers(workers),
        groupSize(workers == 1 ? tasks
                               : std::max<int64_t>(1, tasks / (workers * 128))),
        scratch(scratch) {}

  void drain(int64_t worker) noexcept {
    // An executor that invents a worker gets no work done by it.
    if (worker < 0 || worker >= workers)
      return;
    char *mine = scratch.get(worker);
    WithoutDenormals guard;
    while (true) {
      int64_t begin = next.fetch_add(groupSize, std::memory_order_relaxed);
      if (begin >= tasks)
        return;
      int64_t end = begin + std::min(groupSize, tasks - begin);
      for (int64_t task = begin; task < end; ++task)
        kernel(frame, task, mine);
      done.fetch_add(end - begin, std::memory_order_release);
    }
  }

  int64_t getTasks() const { return tasks; }
  int64_t getWorkers() const { return workers; }
  int64_t getDone() const { return done.load(std::memory_order_acquire); }

private:
  attnrt_kernel_fn kernel;
  const int64_t *frame;
  int64_t tasks, workers, groupSize;
  const Scratch &scratch;
  std::atomic<int64_t> next{0};
  std::atomic<int64_t> done{0};
};

/// Some of the context's threads for one scope, as far as they are free.
class ThreadShare {
public:
  ThreadShare(attnrt_context &context, int32_t wanted, bool isRequested)
      : context(context), count(wanted) {
    int32_t busy = context.busyThreads.load(std::memory_order_relaxed);
    do {
      if (!isRequested)
        count = std::clamp(context.threads - busy, 1, wanted);
    } while (!context.busyThreads.compare_exchange_weak(
        busy, busy + count, std::memory_order_relaxed));
  }
  ~ThreadShare() {
    context.busyThreads.fetch_sub(count, std::memory_order_relaxed);
  }
  ThreadShare(const ThreadShare &) = delete;
  ThreadShare &operator=(const ThreadShare &) = delete;

  int32_t size() const { return count; }

private:
  attnrt_context &context;
  int32_t count;
};

} // namespace

#ifdef _OPENMP

int32_t attn::rt::getDefaultThreads() {
  return std::max(1, omp_get_max_threads());
}

const char *attn::rt::getThreadLibrary() { return "OpenMP"; }

/// Returns how many threads may be started here. OpenMP ends the process when
/// the system refuses it one, so a call can't have any number it asks for.
static int32_t getMaxOwnThreads(const attnrt_context &context) {
  if (omp_in_parallel())
    return 1;
  return std::max(context.threads, 4 * omp_get_num_procs());
}

static void runOnOwnThreads(Job &job) {
#pragma omp parallel num_threads(int(job.getWorkers()))
  job.drain(omp_get_thread_num());
}

#else

int32_t attn::rt::getDefaultThreads() { return 1; }

const char *attn::rt::getThreadLibrary() { return "none"; }

static int32_t getMaxOwnThreads(const attnrt_context &) { return 1; }

static void runOnOwnThreads(Job &job) { job.drain(0); }

#endif

static attnrt_status runOnExecutor(Job &job, const attnrt_executor &executor) {
  auto body = [](void *arg, int64_t i) { static_cast<Job *>(arg)->drain(i); };
  executor.parallel_for(executor.self, job.getWorkers(), body, &job);
  if (job.getDone() != job.getTasks())
    return fail(ATTNRT_INTERNAL, "executor returned after ", job.getDone(),
                " of ", job.getTasks(), " tasks");
  return nullptr;
}

attnrt_status attn::rt::runTasks(attnrt_context &context,
                                 const Threads &threads,
                                 attnrt_kernel_fn kernel, const int64_t *frame,
                                 int64_t tasks, int64_t scratchBytes) {
  if (tasks < 0 || scratchBytes < 0)
    return fail(ATTNRT_INTERNAL, "launch of ", tasks, " tasks with ",
                scratchBytes, " bytes of scratch");
  if (tasks == 0)
    return nullptr;
  int64_t workers = std::min<int64_t>(threads.count, tasks);
  if (threads.executor && workers > 1) {
    Scratch scratch(context, scratchBytes, workers);
    Job job(kernel, frame, tasks, workers, scratch);
    return runOnExecutor(job, *threads.executor);
  }
  workers = std::min<int64_t>(workers, getMaxOwnThreads(context));
  ThreadShare share(context, int32_t(workers), threads.isRequested);
  Scratch scratch(context, scratchBytes, share.size());
  Job job(kernel, frame, tasks, share.size(), scratch);
  if (share.size() == 1)
    job.drain(0);
  else
    runOnOwnThreads(job);
  return nullptr;
}
