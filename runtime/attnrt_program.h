//===- attnrt_program.h - What a compiled object tells the runtime -*- C
//-*-===//
//
// The contract between an emitted object and the runtime; not installed.
// lib/Package writes these structs as LLVM constants and lib/Target/CPU the
// functions that they point to, so a change here is a change there and a new
// ATTNRT_ABI_VERSION.
//
// A call goes: validate the arguments, bind the extents of the ranks, choose a
// variant, fill the frame, ask `workspace`, call `host`, which launches
// kernels.
//
// The frame is an array of `frame_slots` int64:
//
//   [0]                the number of threads that the work should be cut for;
//                      on a GPU, of blocks that run at the same time
//   [1 .. num_ranks]   the extents of the ranks, in the program's order
//   per tensor, at its slot: the address of the first element (byte_offset is
//                      applied; 0 if and only if an output is not wanted), then
//                      one stride in elements per rank
//   per scalar, at its slot: its bytes in the low part, the rest 0
//   the remaining slots belong to the program and start as 0
//
// Frame slots are what kernels read; nothing else reaches them.
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_ATTNRT_PROGRAM_H
#define RUNTIME_ATTNRT_PROGRAM_H

#include "runtime/attnrt.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ATTNRT_ABI_VERSION 6

/// Scratch and workspace begin at a multiple of this many bytes.
#define ATTNRT_ALIGNMENT 64

//===----------------------------------------------------------------------===//
// The descriptor
//===----------------------------------------------------------------------===//

enum {
  ATTNRT_RANK_FIXED,   ///< value
  ATTNRT_RANK_FREE,    ///< bound by the tensors that have it
  ATTNRT_RANK_PRODUCT, ///< the product of `operands`
  ATTNRT_RANK_CEILDIV  ///< ceil(operands[0] / value)
};

/// A named rank. `operands` are indices of other ranks, in any order of
/// declaration, without cycles.
typedef struct {
  const char *name;
  int64_t value; ///< fixed extent, or divisor of a ceildiv; else 0
  const uint32_t *operands;
  uint32_t num_operands;
  uint32_t kind;
} attnrt_rank_desc;

enum { ATTNRT_ARG_INPUT, ATTNRT_ARG_OUTPUT, ATTNRT_ARG_SCALAR };

/// A field of the args struct: a `const DLTensor *`, a `DLTensor *`, or a
/// scalar of ceil(type_bits / 8) bytes, at most 8.
typedef struct {
  const char *name;
  const uint32_t *ranks;
  uint32_t num_ranks;
  uint32_t offset;   ///< in the args struct, bytes
  uint32_t slot;     ///< the first of its frame slots
  uint8_t kind;      ///< ATTNRT_ARG_*
  uint8_t type_code; ///< DLDataTypeCode; i1 is kDLBool with 8 bits
  uint8_t type_bits;
  uint8_t reserved;
} attnrt_arg_desc;

/// One call while it runs; opaque to the program.
typedef struct attnrt_run attnrt_run;

/// Does one task. `scratch` is this thread's alone until the task returns,
/// aligned to ATTNRT_ALIGNMENT, with arbitrary contents; NULL when the launch
/// asked for 0 bytes. Must not throw.
typedef void (*attnrt_kernel_fn)(const int64_t *frame, int64_t task,
                                 void *scratch);

/// Returns the bytes of workspace that the call needs, or a negative number
/// when they can't be counted in 64 bits. May fill the program's own slots;
/// depends on the frame's threads, extents and strides, and on data addresses
/// only for being 0.
typedef int64_t (*attnrt_workspace_fn)(int64_t *frame);

/// Runs the call: launches kernels one after another through attnrt_launch, and
/// returns the first result that is not 0. `workspace` has the bytes asked for
/// (NULL if 0), aligned to ATTNRT_ALIGNMENT, with arbitrary contents.
typedef int32_t (*attnrt_host_fn)(attnrt_run *run, int64_t *frame,
                                  char *workspace);

/// What a CPU must have, and the operating system must save, to run a variant.
enum {
  ATTNRT_CPU_X86_64_V3 = 1 << 0, ///< AVX2, FMA, F16C, BMI1/2, LZCNT, MOVBE
  ATTNRT_CPU_X86_64_V4 = 1 << 1, ///< V3 and AVX-512 F, BW, CD, DQ, VL
  ATTNRT_CPU_AVX512_BF16 = 1 << 2,
  ATTNRT_CPU_AVX512_FP16 = 1 << 3,
  ATTNRT_CPU_AVX512_VNNI = 1 << 4,
  ATTNRT_CPU_AVX_VNNI = 1 << 5,
  ATTNRT_CPU_AMX_BF16 = 1 << 6, ///< and the system's permission to use it
  ATTNRT_CPU_AMX_INT8 = 1 << 7  ///< likewise
};

/// The most tensor maps that a kernel has.
#define ATTNRT_MAX_MAPS 8

/// A tensor of 16-bit elements that a kernel copies by boxes (TMA), as blocks
/// of 128-byte rows in shared memory, swizzled.
typedef struct {
  uint32_t slot;           ///< its frame slot
  uint32_t num_ranks;      ///< at most 5
  const uint32_t *extents; ///< their frame slots
  const uint32_t *box;     ///< coordinates of each in a box
} attnrt_gpu_map;

/// A kernel of a GPU: a block of threads does one task. A persistent one's
/// blocks take tasks in turn, so that no more are launched than run at the same
/// time. One that waits may begin while the call's kernel before it still runs.
typedef struct {
  const char *name;           ///< of the function
  uint32_t threads;           ///< in a block
  uint32_t shared_bytes;      ///< of dynamic shared memory that a block needs
  const attnrt_gpu_map *maps; ///< NULL: none
  uint32_t num_maps;
  uint16_t is_persistent; ///< at most a block for each multiprocessor
  uint16_t waits;         ///< for the kernel before it, by itself (sm_90)
  const char *ptx;        ///< for at least the code's capability
  const void *cubin;      ///< for its major and at least its minor; NULL: none
  uint64_t cubin_bytes;
} attnrt_gpu_kernel;

/// The kernels for a CUDA device, each a module of its own. It takes the frame
/// by value and finds its task's number in the block's. One with maps takes
/// these after it, by value, and then an i32: 1, or 0 where a tensor's address
/// or strides allow no map, so that there is none.
typedef struct {
  uint32_t capability; ///< the compute capability: 10 * major + minor
  uint32_t num_kernels;
  const attnrt_gpu_kernel *kernels;
  uint32_t is_exact;   ///< whether all of it is for this capability alone
  uint32_t has_cubins; ///< whether all kernels have machine code
} attnrt_gpu_code;

/// The whole program for one instruction set.
typedef struct {
  const char *isa;   ///< what attnrt_call.isa selects: "avx512", "sm_80", ...
  uint64_t features; ///< ATTNRT_CPU_*; 0 runs anywhere
  attnrt_workspace_fn workspace; ///< NULL: needs none
  attnrt_host_fn host;
  const attnrt_gpu_code *gpu; ///< what `host` launches; NULL on the CPU
} attnrt_variant;

/// A compiled cascade: the constant `<name>_program` of an object.
typedef struct {
  uint32_t abi_version; ///< ATTNRT_ABI_VERSION
  uint32_t args_size;   ///< sizeof(<name>_args)
  const char *name;
  const char *cascade_json; ///< for tools; the runtime does not read it
  uint32_t num_ranks, num_args, num_variants, frame_slots;
  const attnrt_rank_desc *ranks;
  const attnrt_arg_desc *args;
  const attnrt_variant *variants; ///< best first of each device
} attnrt_program;

//===----------------------------------------------------------------------===//
// Called by the two functions of an object, and by tools
//===----------------------------------------------------------------------===//

/// `<name>`: runs `program` on `args`.
ATTNRT_API ATTNRT_CHECK_RESULT attnrt_status
attnrt_run_program(attnrt_context *context, const attnrt_program *program,
                   const void *args, const attnrt_call *call);

/// `<name>_workspace`: sets `bytes` to what `call->workspace` has to have, 0 if
/// none is needed. Looks at shapes, types and strides but not at data, which
/// need not exist yet: `data` may be NULL in every tensor.
ATTNRT_API ATTNRT_CHECK_RESULT attnrt_status attnrt_program_workspace(
    attnrt_context *context, const attnrt_program *program, const void *args,
    const attnrt_call *call, size_t *bytes);

/// Sets `extents[0 .. num_ranks)` to what the tensors of `args` bind the ranks
/// to. Does not look at data either.
ATTNRT_API ATTNRT_CHECK_RESULT attnrt_status attnrt_program_extents(
    const attnrt_program *program, const void *args, int64_t *extents);

/// Returns ATTNRT_CPU_* of the machine.
ATTNRT_API uint64_t attnrt_cpu_features(const attnrt_context *context);

//===----------------------------------------------------------------------===//
// Called by host functions
//===----------------------------------------------------------------------===//

/// Calls `kernel(frame, t, scratch)` once for each t in [0, tasks), on the
/// call's threads, and returns after the last one. Tasks start in increasing
/// order. Returns 0, or a code to return from the host function at once: the
/// run keeps the message. Called on the thread that `host` runs on.
ATTNRT_API ATTNRT_CHECK_RESULT int32_t attnrt_launch(attnrt_run *run,
                                                     attnrt_kernel_fn kernel,
                                                     const int64_t *frame,
                                                     int64_t tasks,
                                                     int64_t scratch_bytes);

/// Puts the kernel number `kernel` of the variant's `gpu`, with a copy of
/// `frame` and one block for each of `tasks` (fewer if it is persistent), into
/// the call's stream. Returns as attnrt_launch does, but before the kernel has
/// run.
ATTNRT_API ATTNRT_CHECK_RESULT int32_t attnrt_launch_gpu(attnrt_run *run,
                                                         uint32_t kernel,
                                                         const int64_t *frame,
                                                         int64_t tasks);

#ifdef __cplusplus
}
#endif

#endif // RUNTIME_ATTNRT_PROGRAM_H
