//===- Validate.h - The arguments against the spec -------------*- C++ -*-===//

#ifndef RUNTIME_VALIDATE_H
#define RUNTIME_VALIDATE_H

#include "runtime/Tensor.h"
#include "runtime/attnrt_program.h"

#include <vector>

namespace attn::rt {

/// Checks the size of `args` and what each tensor's header says by itself: its
/// presence, dimensions, type and device. After this, shapes can be bound.
attnrt_status checkHeaders(const attnrt_program &program, const void *args);

/// Writes each argument's slots of `frame`, and checks strides. With
/// `withData`, also checks data: its presence, alignment and overlaps, and
/// appends what was checked to `views`; else a tensor without data gets a
/// stand-in address.
attnrt_status fillFrame(const attnrt_program &program, const void *args,
                        bool withData, int64_t *frame,
                        std::vector<View> &views);

} // namespace attn::rt

#endif // RUNTIME_VALIDATE_H
