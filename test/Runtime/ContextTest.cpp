//===- ContextTest.cpp - Version, status, context, device report ----------===//

#include "test/Runtime/Fixture.h"

#include <thread>

TEST(Version, IsTheHeadersAndTheProjects) {
  EXPECT_EQ(attnrt_version(), uint32_t(ATTNRT_VERSION));
  EXPECT_EQ(std::to_string(ATTNRT_VERSION_MAJOR) + "." +
                std::to_string(ATTNRT_VERSION_MINOR) + "." +
                std::to_string(ATTNRT_VERSION_PATCH),
            ATTNC_PROJECT_VERSION);
}

TEST(Status, NullIsOk) {
  EXPECT_EQ(attnrt_status_code(nullptr), ATTNRT_OK);
  EXPECT_STREQ(attnrt_status_message(nullptr), "ok");
  attnrt_status_free(nullptr);
}

TEST(Status, OutlivesItsContext) {
  attnrt_context *context;
  ASSERT_EQ(attnrt_context_create(&context), nullptr);
  attnrt_status status = attention(context, nullptr, nullptr);
  attnrt_context_destroy(context);
  EXPECT_EQ(attnrt_status_code(status), ATTNRT_INVALID_ARGUMENT);
  EXPECT_EQ(takeMessage(status), "args is null");
}

TEST(Context, NegativeNullOut) {
  EXPECT_EQ(takeMessage(attnrt_context_create(nullptr)), "context is null");
  attnrt_context_destroy(nullptr);
  attnrt_context_trim(nullptr);
}

TEST(Report, SaysWhatTheMachineHas) {
  attnrt_context *context;
  ASSERT_EQ(attnrt_context_create(&context), nullptr);
  size_t length = attnrt_device_report(context, nullptr, 0);
  std::string text(length + 1, 'x');
  EXPECT_EQ(attnrt_device_report(context, text.data(), text.size()), length);
  EXPECT_EQ(text.find('\0'), length);
  for (const char *line : {"cpu: ", "\ninstruction sets: ", "\navx-512: ",
                           "\namx: ", "\nthreads: "})
    EXPECT_NE(text.find(line), std::string::npos) << line << " in " << text;

  // Cut short, it still ends in NUL.
  char small[5] = "xxxx";
  EXPECT_EQ(attnrt_device_report(context, small, sizeof(small)), length);
  EXPECT_STREQ(small, "cpu:");
  attnrt_context_destroy(context);
}

#if defined(__x86_64__) && defined(__GNUC__)
TEST(Report, AgreesWithTheCompilersProbe) {
  attnrt_context *context;
  ASSERT_EQ(attnrt_context_create(&context), nullptr);
  uint64_t features = attnrt_cpu_features(context);
  attnrt_context_destroy(context);
  bool hasV3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  bool hasV4 = hasV3 && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512dq");
  EXPECT_EQ(bool(features & ATTNRT_CPU_X86_64_V3), hasV3);
  EXPECT_EQ(bool(features & ATTNRT_CPU_X86_64_V4), hasV4);
}
#endif

/// Memory is kept for reuse within bounds, and can be given back.
TEST_F(AttentionTest, TrimBetweenCalls) {
  for (int64_t p : {5, 500, 50, 5000, 1}) {
    resize(1, 1, 1, p, 3, 2);
    ASSERT_EQ(run(), "ok");
    expectRight();
    if (p == 50)
      attnrt_context_trim(context);
  }
}

/// Requests for a negative workspace or an endless scratch come back as errors.
static int64_t askForTooMuch(int64_t *) { return -1; }
static int32_t launchWithHugeScratch(attnrt_run *run, int64_t *frame, char *) {
  auto kernel = [](const int64_t *, int64_t, void *) {};
  return attnrt_launch(run, kernel, frame, /*tasks=*/4,
                       /*scratch_bytes=*/INT64_MAX - 128);
}
static int32_t launchNegative(attnrt_run *run, int64_t *frame, char *) {
  return attnrt_launch(run, nullptr, frame, /*tasks=*/-1, /*scratch_bytes=*/0);
}
static int32_t endWithCode(attnrt_run *, int64_t *, char *) { return 42; }

TEST_F(AttentionTest, NegativeMemory) {
  attnrt_program program = attention_program;
  attnrt_variant variant = {"baseline", 0, askForTooMuch, endWithCode};
  program.variants = &variant;
  program.num_variants = 1;
  attnrt_status status = attnrt_run_program(context, &program, &args, nullptr);
  EXPECT_EQ(attnrt_status_code(status), ATTNRT_OUT_OF_MEMORY);
  EXPECT_EQ(takeMessage(status),
            "attention needs a workspace of more than 64 bits of bytes");

  variant = {"baseline", 0, nullptr, launchWithHugeScratch};
  status = attnrt_run_program(context, &program, &args, nullptr);
  EXPECT_EQ(attnrt_status_code(status), ATTNRT_OUT_OF_MEMORY);
  EXPECT_EQ(takeMessage(status), "out of memory");

  variant = {"baseline", 0, nullptr, launchNegative};
  EXPECT_EQ(takeMessage(attnrt_run_program(context, &program, &args, nullptr)),
            "launch of -1 tasks with 0 bytes of scratch");

  variant = {"baseline", 0, nullptr, endWithCode};
  EXPECT_EQ(takeMessage(attnrt_run_program(context, &program, &args, nullptr)),
            "attention ended with code 42");
}

TEST_F(AttentionTest, NegativeProgram) {
  attnrt_program program = attention_program;
  program.abi_version = 7;
  EXPECT_EQ(takeMessage(attnrt_run_program(context, &program, &args, nullptr)),
            "the object was made for ABI version 7 but this runtime has 6");
  EXPECT_EQ(takeMessage(attnrt_run_program(context, nullptr, &args, nullptr)),
            "program is null");
  EXPECT_EQ(takeMessage(attention(nullptr, &args, nullptr)), "context is null");
}
