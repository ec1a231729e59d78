/*===- HeadersAreC.c - Both headers are C99, laid out as lib/Package writes -=*/

#include "runtime/attnrt_program.h"

/* An array of -1 elements where a layout has changed: then ATTNRT_ABI_VERSION
 * changes, and lib/Package with it. */
#define EXPECT_SIZE(type, bytes)                                               \
  typedef char size_of_##type[sizeof(type) == (bytes) ? 1 : -1]
#define EXPECT_OFFSET(type, field, bytes)                                      \
  typedef char                                                                 \
      offset_of_##type##_##field[offsetof(type, field) == (bytes) ? 1 : -1]

EXPECT_SIZE(attnrt_rank_desc, 32);
EXPECT_OFFSET(attnrt_rank_desc, value, 8);
EXPECT_OFFSET(attnrt_rank_desc, operands, 16);
EXPECT_OFFSET(attnrt_rank_desc, num_operands, 24);
EXPECT_OFFSET(attnrt_rank_desc, kind, 28);

EXPECT_SIZE(attnrt_arg_desc, 32);
EXPECT_OFFSET(attnrt_arg_desc, ranks, 8);
EXPECT_OFFSET(attnrt_arg_desc, num_ranks, 16);
EXPECT_OFFSET(attnrt_arg_desc, offset, 20);
EXPECT_OFFSET(attnrt_arg_desc, slot, 24);
EXPECT_OFFSET(attnrt_arg_desc, kind, 28);
EXPECT_OFFSET(attnrt_arg_desc, type_code, 29);
EXPECT_OFFSET(attnrt_arg_desc, type_bits, 30);

EXPECT_SIZE(attnrt_variant, 40);
EXPECT_OFFSET(attnrt_variant, features, 8);
EXPECT_OFFSET(attnrt_variant, workspace, 16);
EXPECT_OFFSET(attnrt_variant, host, 24);
EXPECT_OFFSET(attnrt_variant, gpu, 32);

EXPECT_SIZE(attnrt_gpu_map, 24);
EXPECT_SIZE(attnrt_gpu_kernel, 56);
EXPECT_OFFSET(attnrt_gpu_kernel, threads, 8);
EXPECT_OFFSET(attnrt_gpu_kernel, shared_bytes, 12);
EXPECT_OFFSET(attnrt_gpu_kernel, maps, 16);
EXPECT_OFFSET(attnrt_gpu_kernel, num_maps, 24);
EXPECT_OFFSET(attnrt_gpu_kernel, is_persistent, 28);
EXPECT_OFFSET(attnrt_gpu_kernel, waits, 30);
EXPECT_OFFSET(attnrt_gpu_kernel, ptx, 32);
EXPECT_OFFSET(attnrt_gpu_kernel, cubin, 40);
EXPECT_OFFSET(attnrt_gpu_kernel, cubin_bytes, 48);

EXPECT_SIZE(attnrt_gpu_code, 24);
EXPECT_OFFSET(attnrt_gpu_code, num_kernels, 4);
EXPECT_OFFSET(attnrt_gpu_code, kernels, 8);
EXPECT_OFFSET(attnrt_gpu_code, is_exact, 16);
EXPECT_OFFSET(attnrt_gpu_code, has_cubins, 20);

EXPECT_SIZE(attnrt_program, 64);
EXPECT_OFFSET(attnrt_program, args_size, 4);
EXPECT_OFFSET(attnrt_program, name, 8);
EXPECT_OFFSET(attnrt_program, cascade_json, 16);
EXPECT_OFFSET(attnrt_program, num_ranks, 24);
EXPECT_OFFSET(attnrt_program, num_args, 28);
EXPECT_OFFSET(attnrt_program, num_variants, 32);
EXPECT_OFFSET(attnrt_program, frame_slots, 36);
EXPECT_OFFSET(attnrt_program, ranks, 40);
EXPECT_OFFSET(attnrt_program, args, 48);
EXPECT_OFFSET(attnrt_program, variants, 56);

/* The fields that callers compiled against; new ones come after `isa`. */
EXPECT_SIZE(attnrt_call, 64);
EXPECT_OFFSET(attnrt_call, device, 4);
EXPECT_OFFSET(attnrt_call, stream, 16);
EXPECT_OFFSET(attnrt_call, workspace, 24);
EXPECT_OFFSET(attnrt_call, workspace_bytes, 32);
EXPECT_OFFSET(attnrt_call, executor, 40);
EXPECT_OFFSET(attnrt_call, num_threads, 48);
EXPECT_OFFSET(attnrt_call, isa, 56);
