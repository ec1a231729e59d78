//===- Run.cpp - One call of a compiled program, from top to bottom -------===//
//
// attnrt_run_program is the table of contents: read the call, find the device,
// choose, validate, bind, fill the frame, find memory, run. Nothing here knows
// what is computed.
//
//===----------------------------------------------------------------------===//

#include "runtime/Bind.h"
#include "runtime/Call.h"
#include "runtime/Status.h"
#include "runtime/Validate.h"

#include <memory>
#include <vector>

using namespace attn::rt;

/// What a launch needs to know of the call it is in.
struct attnrt_run {
  attnrt_context &context;
  Threads threads;

  /// NULL on the CPU, and so are the others.
  CudaDevice *device = nullptr;
  const attnrt_gpu_code *code = nullptr;
  const LoadedCode *loaded = nullptr;
  cuda::Stream stream = nullptr;
  bool hasLaunched = false; ///< whether a kernel of this call is in the stream

  attnrt_status error = nullptr; ///< of the launch that failed; owned
};

namespace {

/// A call that is ready to run: everything checked but the workspace.
struct Prepared {
  attnrt_call call;
  CudaDevice *device = nullptr; ///< NULL on the CPU
  const attnrt_variant *variant;
  Threads threads;
  std::vector<int64_t> frame;
  std::vector<View> views;
  int64_t workspaceBytes = 0; ///< what the variant asks for
};

} // namespace

static attnrt_status checkProgram(const attnrt_program *program) {
  if (!program)
    return invalid("program is null");
  if (program->abi_version != ATTNRT_ABI_VERSION)
    return fail(ATTNRT_UNSUPPORTED, "the object was made for ABI version ",
                program->abi_version, " but this runtime has ",
                ATTNRT_ABI_VERSION);
  return nullptr;
}

static attnrt_status prepare(attnrt_context *context,
                             const attnrt_program *program, const void *args,
                             const attnrt_call *call, bool withData,
                             Prepared &prepared) {
  if (!context)
    return invalid("context is null");
  if (attnrt_status status = checkProgram(program))
    return status;
  if (attnrt_status status = readCall(call, prepared.call))
    return status;
  DLDevice runner = prepared.call.device;
  if (runner.device_type == 0)
    runner.device_type = kDLCPU;
  if (runner.device_type == kDLCUDA)
    if (attnrt_status status =
            context->cuda.getDevice(runner.device_id, prepared.device))
      return status;
  if (attnrt_status status =
          chooseVariant(*context, *program, prepared.call.isa, prepared.device,
                        prepared.variant))
    return status;
  if (attnrt_status status = checkHeaders(*program, args, &runner))
    return status;

  prepared.threads = getThreads(*context, prepared.call);
  prepared.frame.assign(program->frame_slots, 0);
  int64_t *frame = prepared.frame.data();
  frame[0] = prepared.device ? prepared.device->multiprocessors
                             : prepared.threads.count;
  if (attnrt_status status = bindExtents(*program, args, frame + 1))
    return status;
  if (attnrt_status status =
          fillFrame(*program, args, withData, frame, prepared.views))
    return status;
  if (prepared.device && withData)
    if (attnrt_status status = checkOwners(*prepared.device, prepared.views))
      return status;

  if (prepared.variant->workspace)
    prepared.workspaceBytes = prepared.variant->workspace(frame);
  if (prepared.workspaceBytes < 0)
    return fail(ATTNRT_OUT_OF_MEMORY, program->name,
                " needs a workspace of more than 64 bits of bytes");
  return nullptr;
}

/// Returns what a caller has to bring so that `bytes` aligned bytes fit,
/// wherever its memory begins.
static size_t getCallerBytes(int64_t bytes) {
  return bytes ? size_t(bytes) + ATTNRT_ALIGNMENT - 1 : 0;
}

/// Checks the caller's workspace and sets `data` to the first aligned byte.
static attnrt_status useCallersWorkspace(const Prepared &prepared,
                                         char *&data) {
  const attnrt_call &call = prepared.call;
  size_t needed = getCallerBytes(prepared.workspaceBytes);
  if (call.workspace_bytes < needed)
    return invalid("call->workspace has ", call.workspace_bytes,
                   " bytes but this call needs ", needed);
  uintptr_t begin = reinterpret_cast<uintptr_t>(call.workspace);
  for (const View &view : prepared.views)
    if (needed && view.begin < begin + needed && begin < view.end)
      return invalid("call->workspace overlaps argument ", view.arg->name);
  data = static_cast<char *>(call.workspace) + (-begin % ATTNRT_ALIGNMENT);
  return nullptr;
}

/// Runs the variant, and returns the error of the launch that failed, if any.
static attnrt_status runHost(attnrt_context &context,
                             const attnrt_program &program, Prepared &prepared,
                             char *workspace) {
  attnrt_run run{context, prepared.threads};
  if (prepared.device) {
    run.device = prepared.device;
    run.code = prepared.variant->gpu;
    run.stream = static_cast<cuda::Stream>(prepared.call.stream);
    if (attnrt_status status = run.device->load(*run.code, run.loaded))
      return status;
  }
  int32_t code = prepared.variant->host(&run, prepared.frame.data(), workspace);
  if (run.error || code == 0)
    return run.error;
  return fail(ATTNRT_INTERNAL, program.name, " ended with code ", code);
}

attnrt_status attnrt_run_program(attnrt_context *context,
                                 const attnrt_program *program,
                                 const void *args, const attnrt_call *call) {
  return guarded([&]() -> attnrt_status {
    Prepared prepared;
    if (attnrt_status status = prepare(context, program, args, call,
                                       /*withData=*/true, prepared))
      return status;
    if (prepared.device && !prepared.call.workspace && prepared.workspaceBytes)
      return invalid("call->workspace is null but ", program->name, " needs ",
                     getCallerBytes(prepared.workspaceBytes), " bytes on ",
                     prepared.device->getName());
    if (!prepared.call.workspace) {
      Loan loan(*context, prepared.workspaceBytes);
      return runHost(*context, *program, prepared, loan.data());
    }
    char *workspace = nullptr;
    if (attnrt_status status = useCallersWorkspace(prepared, workspace))
      return status;
    return runHost(*context, *program, prepared, workspace);
  });
}

attnrt_status attnrt_program_workspace(attnrt_context *context,
                                       const attnrt_program *program,
                                       const void *args,
                                       const attnrt_call *call, size_t *bytes) {
  return guarded([&]() -> attnrt_status {
    if (!bytes)
      return invalid("bytes is null");
    Prepared prepared;
    if (attnrt_status status = prepare(context, program, args, call,
                                       /*withData=*/false, prepared))
      return status;
    *bytes = getCallerBytes(prepared.workspaceBytes);
    return nullptr;
  });
}

attnrt_status attnrt_program_extents(const attnrt_program *program,
                                     const void *args, int64_t *extents) {
  return guarded([&]() -> attnrt_status {
    if (!extents)
      return invalid("extents is null");
    if (attnrt_status status = checkProgram(program))
      return status;
    if (attnrt_status status = checkHeaders(*program, args, nullptr))
      return status;
    return bindExtents(*program, args, extents);
  });
}

/// Keeps the first error of a run, and returns its code.
static int32_t keepError(attnrt_run &run, attnrt_status status) {
  if (!status)
    return ATTNRT_OK;
  if (run.error)
    attnrt_status_free(status);
  else
    run.error = status;
  return attnrt_status_code(run.error);
}

int32_t attnrt_launch(attnrt_run *run, attnrt_kernel_fn kernel,
                      const int64_t *frame, int64_t tasks,
                      int64_t scratch_bytes) {
  return keepError(*run, guarded([&] {
    return runTasks(run->context, run->threads, kernel, frame, tasks,
                    scratch_bytes);
  }));
}

int32_t attnrt_launch_gpu(attnrt_run *run, uint32_t kernel,
                          const int64_t *frame, int64_t tasks) {
  return keepError(*run, guarded([&]() -> attnrt_status {
    if (!run->device || kernel >= run->code->num_kernels)
      return fail(ATTNRT_INTERNAL, "kernel number ", kernel, " is launched, ",
                  run->device ? "which the object lacks" : "but on the CPU");
    attnrt_status status = run->device->launch(
        run->code->kernels[kernel], (*run->loaded)[kernel].function, frame,
        tasks, run->stream, /*follows=*/run->hasLaunched);
    run->hasLaunched |= !status && tasks > 0;
    return status;
  }));
}
