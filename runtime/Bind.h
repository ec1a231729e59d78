//===- Bind.h - The extents of the ranks, from the tensors -----*- C++ -*-===//

#ifndef RUNTIME_BIND_H
#define RUNTIME_BIND_H

#include "runtime/attnrt_program.h"

namespace attn::rt {

/// Returns the tensor that `args` holds for `arg`; NULL for a scalar.
const DLTensor *getTensor(const attnrt_arg_desc &arg, const void *args);

/// Binds every rank of `program` from the shapes in `args` (already checked to
/// have the right number of dimensions) and writes the extents. Returns an
/// error when two arguments disagree or a rank can't be found.
attnrt_status bindExtents(const attnrt_program &program, const void *args,
                          int64_t *extents);

} // namespace attn::rt

#endif // RUNTIME_BIND_H
