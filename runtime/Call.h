//===- Call.h - How a call runs --------------------------------*- C++ -*-===//

#ifndef RUNTIME_CALL_H
#define RUNTIME_CALL_H

#include "runtime/Context.h"
#include "runtime/Executor.h"
#include "runtime/attnrt_program.h"

namespace attn::rt {

/// Reads the caller's struct, whatever its version, into this one's, and checks
/// what it says by itself.
attnrt_status readCall(const attnrt_call *from, attnrt_call &call);

/// Returns the threads that `call` runs on.
Threads getThreads(const attnrt_context &context, const attnrt_call &call);

/// Sets `variant` to the one that `isa` names, or to the first of `program`
/// that `device` (NULL: the CPU) can run when that is NULL.
attnrt_status chooseVariant(const attnrt_context &context,
                            const attnrt_program &program, const char *isa,
                            const CudaDevice *device,
                            const attnrt_variant *&variant);

} // namespace attn::rt

#endif // RUNTIME_CALL_H
