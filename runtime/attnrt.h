//===- attnrt.h - The C contract of compiled attention ----------*- C -*-===//
//
// The only public header. Plain C99. `attnc spec.mlir -o x.o` writes x.h, which
// includes this file and declares, for a cascade named `causal`:
//
//   attnrt_status causal(attnrt_context *, const causal_args *,
//                        const attnrt_call *);
//   attnrt_status causal_workspace(attnrt_context *, const causal_args *,
//                                  const attnrt_call *, size_t *bytes);
//
// The rules, the same for every function here:
//
// * Nothing is printed, the process is never ended, and there is no global
//   state: what is kept between calls lives in the context.
// * Every function but attnrt_context_destroy may be called from any thread at
//   any time, also on one context and on the same inputs.
// * Pointers that are passed in stay the caller's; none is kept after a call
//   returns. On the CPU a call returns after its work has ended. On CUDA it
//   puts its work into the caller's stream and returns: tensors and workspace
//   stay as they are until the stream has done it, and what fails there is
//   told by a later call. Nothing waits or allocates on the device, except
//   that the first call of an object on a device loads its kernels, so a call
//   may be captured in a graph. The object stays loaded as long as the context
//   lives.
// * An error is returned as a status with a message, which the caller frees.
//   After an error in the arguments no output was written.
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_ATTNRT_H
#define RUNTIME_ATTNRT_H

#include <stddef.h>
#include <stdint.h>

#include "dlpack/dlpack.h"

#define ATTNRT_VERSION_MAJOR 0
#define ATTNRT_VERSION_MINOR 1
#define ATTNRT_VERSION_PATCH 0
#define ATTNRT_VERSION                                                         \
  ((ATTNRT_VERSION_MAJOR << 16) | (ATTNRT_VERSION_MINOR << 8) |                \
   ATTNRT_VERSION_PATCH)

#if defined(__GNUC__)
#define ATTNRT_API __attribute__((visibility("default")))
#define ATTNRT_CHECK_RESULT __attribute__((warn_unused_result))
#else
#define ATTNRT_API
#define ATTNRT_CHECK_RESULT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/// Returns the version of the library that runs, as ATTNRT_VERSION is the
/// version of the header that was compiled.
ATTNRT_API uint32_t attnrt_version(void);

//===----------------------------------------------------------------------===//
// Status
//===----------------------------------------------------------------------===//

/// What a call came to: NULL when it succeeded, else an error that the caller
/// owns and gives to attnrt_status_free. An error belongs to its call alone:
/// it stays as it is whatever other threads do, and outlives the context.
typedef const struct attnrt_error *attnrt_status;

enum {
  ATTNRT_OK = 0,
  ATTNRT_INVALID_ARGUMENT = 1, ///< an argument breaks the contract
  ATTNRT_UNSUPPORTED = 2,      ///< this machine or object can't do it
  ATTNRT_OUT_OF_MEMORY = 3,
  ATTNRT_INTERNAL = 4, ///< a defect of attnc or of the caller's executor
  ATTNRT_DEVICE_FAILED =
      5 ///< the GPU or its driver fails, perhaps since before
};

/// Returns one of the codes above.
ATTNRT_API int32_t attnrt_status_code(attnrt_status status);

/// Returns one line that says which argument is wrong and how, with the actual
/// and the expected value; "ok" for NULL. It lives as long as `status`.
ATTNRT_API const char *attnrt_status_message(attnrt_status status);

/// Frees `status`; NULL is allowed.
ATTNRT_API void attnrt_status_free(attnrt_status status);

//===----------------------------------------------------------------------===//
// Context
//===----------------------------------------------------------------------===//

/// What outlives a call: what the machine has, and memory kept for reuse.
/// A process usually has one.
typedef struct attnrt_context attnrt_context;

/// Looks at the machine and makes a context, which the caller owns. The number
/// of threads that calls use is decided here: what OpenMP gives this thread
/// (OMP_NUM_THREADS, omp_set_num_threads).
ATTNRT_API ATTNRT_CHECK_RESULT attnrt_status
attnrt_context_create(attnrt_context **context);

/// Frees `context`; NULL is allowed. No call may be using it.
ATTNRT_API void attnrt_context_destroy(attnrt_context *context);

/// Gives the memory that `context` keeps for reuse back to the system.
ATTNRT_API void attnrt_context_trim(attnrt_context *context);

/// Describes in some lines of text what the machine has: its instruction sets,
/// its threads, AMX and CUDA devices or why there are none. Writes at most
/// `bytes` bytes to `text`, always with a final NUL when `bytes` is not 0, and
/// returns the length of the whole text without it, as snprintf does.
ATTNRT_API size_t attnrt_device_report(const attnrt_context *context,
                                       char *text, size_t bytes);

//===----------------------------------------------------------------------===//
// Call
//===----------------------------------------------------------------------===//

typedef DLDevice attnrt_device;

/// The caller's thread pool, used instead of OpenMP's threads, so that two
/// pools never compete in one process.
typedef struct {
  /// Passed to `parallel_for`; the runtime does not look at it.
  void *self;

  /// How many threads the pool has; at least 1. It decides how the work is cut,
  /// so a call's rounding depends on it and not on how busy the pool is.
  int32_t concurrency;

  /// Calls `body(arg, i)` once for every i in [0, count), on any threads in any
  /// order, and returns after the last one has returned. `count` is at most
  /// `concurrency`: the bodies divide the tasks among themselves, and one that
  /// starts late finds nothing left to do. So a pool may run them all on one
  /// thread. Must not throw.
  void (*parallel_for)(void *self, int64_t count,
                       void (*body)(void *arg, int64_t i), void *arg);
} attnrt_executor;

/// How a call runs. NULL, or a struct of zeros, means the default of each
/// field; a struct with any field set has `size` set. Fields that lie beyond
/// `size` are read as zero, so a program that was compiled with an older header
/// goes on working.
typedef struct {
  /// sizeof(attnrt_call).
  uint32_t size;

  /// Where to run: zeros and kDLCPU mean the CPU, {kDLCUDA, n} the CUDA device
  /// number n.
  attnrt_device device;

  /// On CUDA the CUstream (cudaStream_t) that the work goes to, of the device's
  /// primary context; NULL is the default one. NULL on the CPU.
  void *stream;

  /// Memory for intermediate results, at least as many bytes as the
  /// `_workspace` function tells for the same arguments and call, at any
  /// alignment, overlapping no tensor. Never shared by two calls at once.
  /// When NULL, the context lends what is needed for the length of the call on
  /// the CPU. On CUDA it is the device's memory, must be given where it is
  /// needed, and be left alone until the work has ended.
  void *workspace;
  size_t workspace_bytes;

  /// NULL: OpenMP's threads. A call made inside an OpenMP parallel region then
  /// runs on the calling thread alone, and calls made at the same time on one
  /// context share its threads. NULL on CUDA.
  const attnrt_executor *executor;

  /// The number of threads to cut the work for, at most 65536; 0 means all of
  /// the context's or the executor's. An executor's concurrency bounds it, and
  /// no more of OpenMP's than 4 for each processor are started. 0 on CUDA.
  int32_t num_threads;

  /// The name of the kernel version to run, such as "avx2"; it is an error when
  /// the object or the machine lacks it. NULL: the best that the machine has.
  const char *isa;
} attnrt_call;

//===----------------------------------------------------------------------===//
// What a compiled function asks of its arguments
//===----------------------------------------------------------------------===//
//
// `<name>_args` begins with `size`, which is sizeof(<name>_args); then come the
// inputs, the scalars and the outputs, in the order of the spec.
//
// A tensor is a DLTensor of the spec's element type (lanes 1), with one
// dimension for each rank, in memory that the CPU can read (kDLCPU, or a pinned
// host allocation) or of the CUDA device that the call runs on (kDLCUDA, or
// managed memory), aligned to the element. Its header and data stay the
// caller's. Strides count elements; NULL means compact and row-major. Any
// extent may be 0, and then `data` may be NULL.
//
// Inputs: required; any strides, also 0 and negative.
// Outputs: NULL means not wanted, but one is wanted at least. Two elements of
//   an output must not share memory: ordered by size, each stride has to be at
//   least the span of the ones before it. An output must not overlap an input,
//   another output or the workspace. Views that interleave in one buffer are
//   told apart when they repeat with a common stride (columns of one matrix,
//   heads of one packed tensor); what can't be told apart is refused.
//
// Every rank has one extent, which the tensors that have it must agree on, and
// which the spec may fix. In `h = k * g` any one of the three may be left to be
// found from the others.

#ifdef __cplusplus
}
#endif

#endif // RUNTIME_ATTNRT_H
