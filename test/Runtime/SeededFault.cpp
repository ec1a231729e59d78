//===- SeededFault.cpp - A fault that a sanitizer has to report -----------===//
//
// The other tests prove something under a sanitizer only if it sees into
// kernels that the runtime calls on its threads. `scratch` writes behind a
// worker's scratch, `leak` forgets a status, `shift` does what C++ leaves
// undefined; `none` is right.
//
//===----------------------------------------------------------------------===//

#include "test/Runtime/FakeAttention.h"

#include <cstring>
#include <string>

static constexpr int64_t kScratchBytes = 64;

static void writeBehindScratch(const int64_t *, int64_t task, void *scratch) {
  if (task == 99)
    std::memset(scratch, 1, kScratchBytes + 1);
}

static void shiftTooFar(const int64_t *frame, int64_t task, void *scratch) {
  *static_cast<volatile int32_t *>(scratch) = 1 << (32 + task * (frame[0] > 0));
}

static void doNothing(const int64_t *, int64_t, void *) {}

template <attnrt_kernel_fn Kernel>
static int32_t host(attnrt_run *run, int64_t *frame, char *) {
  return attnrt_launch(run, Kernel, frame, /*tasks=*/100, kScratchBytes);
}

/// Runs `function` as a program without ranks and arguments but an output.
static int run(attnrt_host_fn function) {
  struct Args {
    uint32_t size;
    DLTensor *Y;
  };
  attnrt_arg_desc desc = {"Y", nullptr,           0,        offsetof(Args, Y),
                          1,   ATTNRT_ARG_OUTPUT, kDLFloat, 32,
                          0};
  attnrt_variant variant = {"baseline", 0, nullptr, function};
  attnrt_program program = {ATTNRT_ABI_VERSION,
                            sizeof(Args),
                            "fault",
                            "{}",
                            0,
                            1,
                            1,
                            2,
                            nullptr,
                            &desc,
                            &variant};
  float value = 0;
  DLTensor y = {};
  y.data = &value;
  y.device = {kDLCPU, 0};
  y.dtype = {kDLFloat, 32, 1};
  Args args = {sizeof(Args), &y};
  attnrt_call call = {};
  call.size = sizeof(call);
  call.num_threads = 1;

  attnrt_context *context = nullptr;
  attnrt_status status = attnrt_context_create(&context);
  if (!status)
    status = attnrt_run_program(context, &program, &args, &call);
  attnrt_context_destroy(context);
  int32_t code = attnrt_status_code(status);
  attnrt_status_free(status);
  return code;
}

int main(int argc, char **argv) {
  std::string fault = argc > 1 ? argv[1] : "none";
  if (fault == "scratch")
    return run(host<writeBehindScratch>);
  if (fault == "shift")
    return run(host<shiftTooFar>);
  if (fault == "leak") {
    attnrt_status forgotten = attnrt_context_create(nullptr);
    forgotten = nullptr;
    return attnrt_status_code(forgotten);
  }
  return run(host<doNothing>);
}
