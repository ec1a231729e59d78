//===- Executor.h - The parallel for that kernels run in -------*- C++ -*-===//

#ifndef RUNTIME_EXECUTOR_H
#define RUNTIME_EXECUTOR_H

#include "runtime/Context.h"
#include "runtime/attnrt_program.h"

namespace attn::rt {

/// Returns how many threads this thread may use by default.
int32_t getDefaultThreads();

/// The most threads that a call may be cut for.
constexpr int32_t kMaxThreads = 1 << 16;

/// Returns what those threads come from: "OpenMP", or "none".
const char *getThreadLibrary();

/// Which threads a call runs on.
struct Threads {
  /// NULL: OpenMP's.
  const attnrt_executor *executor = nullptr;

  /// How many the work is cut for. It depends on the call and the context
  /// alone, so that results do not depend on what else runs.
  int32_t count = 1;

  /// Whether the call asked for `count`; else fewer run when others are busy.
  bool isRequested = false;
};

/// Calls `kernel(frame, t, scratch)` for each t in [0, tasks) on `threads`, and
/// returns after the last one. Throws std::bad_alloc before the first one.
attnrt_status runTasks(attnrt_context &context, const Threads &threads,
                       attnrt_kernel_fn kernel, const int64_t *frame,
                       int64_t tasks, int64_t scratchBytes);

} // namespace attn::rt

#endif // RUNTIME_EXECUTOR_H
