//===- CallTest.cpp - How a call runs: versions, isa, workspace -----------===//

#include "test/Runtime/Fixture.h"

#include <cstddef>
#include <cstring>

//===----------------------------------------------------------------------===//
// The struct and its versions
//===----------------------------------------------------------------------===//

TEST_F(AttentionTest, CallOfZerosIsTheDefault) {
  attnrt_call call = {};
  EXPECT_EQ(run(&call), "ok");
  expectRight();
}

TEST_F(AttentionTest, NegativeForgottenSize) {
  attnrt_call call = {};
  call.workspace_bytes = 4;
  EXPECT_EQ(run(&call), "call->size is 0 but other fields are set");
}

/// An older header ends before num_threads: what follows is not read.
TEST_F(AttentionTest, OlderCallIsRead) {
  attnrt_call call = makeCall();
  call.size = offsetof(attnrt_call, num_threads);
  call.num_threads = -5;
  call.isa = "nonsense";
  EXPECT_EQ(run(&call), "ok");
  call.size = 12;
  EXPECT_EQ(run(&call), "call->size is 12 but must be at least " +
                            std::to_string(offsetof(attnrt_call, num_threads)));
}

TEST_F(AttentionTest, NewerCallIsReadIfItAsksForNothingNew) {
  struct {
    attnrt_call call;
    int64_t wish;
  } newer = {};
  newer.call.size = sizeof(newer);
  newer.call.isa = "baseline";
  EXPECT_EQ(run(&newer.call), "ok");
  EXPECT_STREQ(probe.isa, "baseline");
  newer.wish = 1;
  EXPECT_EQ(run(&newer.call),
            "call has fields that are newer than this runtime");
}

TEST_F(AttentionTest, NegativeCallFields) {
  attnrt_call call = makeCall();
  call.device = {kDLROCM, 0};
  EXPECT_EQ(run(&call), "call->device has DLPack type 10 but this runtime has "
                        "the CPU and CUDA");
  EXPECT_EQ(runCode(&call), ATTNRT_UNSUPPORTED);

  call = makeCall();
  call.device = {kDLCPU, 0};
  EXPECT_EQ(run(&call), "ok");
  call.stream = &call;
  EXPECT_EQ(run(&call), "call->stream is set but the CPU has no streams");

  call = makeCall();
  call.num_threads = -1;
  EXPECT_EQ(run(&call), "call->num_threads is -1, which is negative");
  call.num_threads = 65537;
  EXPECT_EQ(run(&call), "call->num_threads is 65537 but may be at most 65536");
}

//===----------------------------------------------------------------------===//
// Variants
//===----------------------------------------------------------------------===//

TEST_F(AttentionTest, BestVariantIsChosen) {
  uint64_t features = attnrt_cpu_features(context);
  EXPECT_EQ(run(), "ok");
  EXPECT_STREQ(probe.isa, features & ATTNRT_CPU_X86_64_V4   ? "avx512"
                          : features & ATTNRT_CPU_X86_64_V3 ? "avx2"
                                                            : "baseline");
}

TEST_F(AttentionTest, IsaIsForced) {
  attnrt_call call = makeCall();
  call.isa = "baseline";
  EXPECT_EQ(run(&call), "ok");
  EXPECT_STREQ(probe.isa, "baseline");
  expectRight();
}

TEST_F(AttentionTest, NegativeIsa) {
  attnrt_call call = makeCall();
  call.isa = "future";
  EXPECT_EQ(run(&call),
            "isa future needs unknown features, which this machine lacks");
  EXPECT_EQ(runCode(&call), ATTNRT_UNSUPPORTED);
  call.isa = "neon";
  EXPECT_EQ(run(&call), "isa neon is not in attention, which has future, "
                        "avx512, avx2, baseline");
}

TEST_F(AttentionTest, NegativeNoVariantRuns) {
  attnrt_program program = attention_program;
  program.num_variants = 1;
  std::string message =
      takeMessage(attnrt_run_program(context, &program, &args, nullptr));
  EXPECT_EQ(message.find("attention has future, but this machine can run none "
                         "of them; it has "),
            0u)
      << message;
}

//===----------------------------------------------------------------------===//
// Workspace
//===----------------------------------------------------------------------===//

TEST_F(AttentionTest, CallersWorkspaceOfAnyAlignment) {
  size_t bytes = getWorkspace();
  EXPECT_GE(bytes, 2 * 6 * 5 * sizeof(float));
  std::vector<char> memory(bytes + 64);
  attnrt_call call = makeCall();
  call.workspace_bytes = bytes;
  for (size_t offset : {0, 1, 7, 63}) {
    std::memset(memory.data(), 0x5a, memory.size());
    call.workspace = memory.data() + offset;
    EXPECT_EQ(run(&call), "ok");
    expectRight();
    for (size_t i = 0; i < offset; ++i)
      EXPECT_EQ(memory[i], 0x5a);
    for (size_t i = offset + bytes; i < memory.size(); ++i)
      EXPECT_EQ(memory[i], 0x5a);
  }
  EXPECT_EQ(probe.misaligned, 0);
}

TEST_F(AttentionTest, NegativeWorkspaceTooSmall) {
  size_t bytes = getWorkspace();
  std::vector<char> memory(bytes);
  attnrt_call call = makeCall();
  call.workspace = memory.data();
  call.workspace_bytes = bytes - 1;
  EXPECT_EQ(run(&call), "call->workspace has " + std::to_string(bytes - 1) +
                            " bytes but this call needs " +
                            std::to_string(bytes));
  call.workspace = nullptr;
  EXPECT_EQ(run(&call), "call->workspace is null but workspace_bytes is " +
                            std::to_string(bytes - 1));
}

TEST_F(AttentionTest, NegativeWorkspaceOverlaps) {
  attnrt_call call = makeCall();
  call.workspace = V->buffer.data() + 80;
  call.workspace_bytes = getWorkspace();
  EXPECT_EQ(run(&call), "call->workspace overlaps argument V");
}

TEST_F(AttentionTest, WorkspaceNeedsNoData) {
  size_t bytes = getWorkspace();
  for (Array *array : {Q.get(), K.get(), V.get(), AV.get(), LSE.get()})
    array->header.data = nullptr;
  K->strides = {56, 28, -4, 1};
  EXPECT_EQ(getWorkspace(), bytes);
  EXPECT_EQ(takeMessage(attention_workspace(context, &args, nullptr, nullptr)),
            "bytes is null");
  args.K = nullptr;
  EXPECT_EQ(takeMessage(attention_workspace(context, &args, nullptr, &bytes)),
            "argument K: is null but is an input");
}
