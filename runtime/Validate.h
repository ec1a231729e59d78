//===- Validate.h - The arguments against the spec -------------*- C++ -*-===//

#ifndef RUNTIME_VALIDATE_H
#define RUNTIME_VALIDATE_H

#include "runtime/Cuda.h"
#include "runtime/Tensor.h"
#include "runtime/attnrt_program.h"

#include <vector>

namespace attn::rt {

/// Checks the size of `args` and what each tensor's header says by itself: its
/// presence, dimensions, type and, unless `device` is NULL, whether it lies
/// where the call runs. After this, shapes can be bound.
attnrt_status checkHeaders(const attnrt_program &program, const void *args,
                           const DLDevice *device);

/// Checks that the data of `views` are on `device`, as the driver says.
attnrt_status checkOwners(const CudaDevice &device,
                          const std::vector<View> &views);

/// Writes each argument's slots of `frame`, and checks strides. With
/// `withData`, also checks data: its presence, alignment and overlaps, and
/// appends what was checked to `views`; else a tensor without data gets a
/// stand-in address.
attnrt_status fillFrame(const attnrt_program &program, const void *args,
                        bool withData, int64_t *frame,
                        std::vector<View> &views);

} // namespace attn::rt

#endif // RUNTIME_VALIDATE_H
