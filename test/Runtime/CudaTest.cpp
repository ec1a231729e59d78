//===- CudaTest.cpp - Calls on a CUDA device, with a fake driver ----------===//

#include "test/Runtime/FakeCuda.h"
#include "test/Runtime/Fixture.h"

#include <thread>

//===----------------------------------------------------------------------===//
// A program with GPU code, written by hand
//===----------------------------------------------------------------------===//

struct scale_args {
  uint32_t size;
  const DLTensor *A;
  DLTensor *R;
};

static constexpr uint32_t kRanksA[] = {0};
static constexpr attnrt_rank_desc kRanks[] = {
    {"n", 0, nullptr, 0, ATTNRT_RANK_FREE}};
static constexpr attnrt_arg_desc kArgs[] = {
    {"A", kRanksA, 1, offsetof(scale_args, A), 2, ATTNRT_ARG_INPUT, kDLFloat,
     32, 0},
    {"R", kRanksA, 1, offsetof(scale_args, R), 4, ATTNRT_ARG_OUTPUT, kDLFloat,
     32, 0},
};

static constexpr char kFirst90[] = "cubin 90 first",
                      kSecond90[] = "cubin 90 second",
                      kFirst80[] = "cubin 80 first",
                      kSecond80[] = "cubin 80 second";
static constexpr attnrt_gpu_kernel
    kKernels90[] = {{"first", 256, 4096, nullptr, 0, 0, 1, "ptx 90 first",
                     kFirst90, sizeof(kFirst90)},
                    {"second", 128, 100000, nullptr, 0, 0, 1, "ptx 90 second",
                     kSecond90, sizeof(kSecond90)}},
    kKernels80[] = {{"first", 256, 4096, nullptr, 0, 0, 0, "ptx 80 first",
                     kFirst80, sizeof(kFirst80)},
                    {"second", 128, 100000, nullptr, 0, 0, 0, "ptx 80 second",
                     kSecond80, sizeof(kSecond80)}};
static const attnrt_gpu_code kCode90 = {90, 2, kKernels90, 0, 1},
                             kCode80 = {80, 2, kKernels80, 0, 1};

/// Two thousand coordinates and more take a workspace.
static int64_t getWorkspaceBytes(int64_t *frame) {
  return frame[1] > 2000 ? 4 * frame[1] : 0;
}

static int32_t runHost(attnrt_run *run, int64_t *frame, char *) {
  for (uint32_t kernel : {0, 1})
    if (int32_t code = attnrt_launch_gpu(run, kernel, frame, frame[1]))
      return code;
  return 0;
}
static int32_t runOnCpu(attnrt_run *, int64_t *, char *) { return 0; }
static int32_t runBadly(attnrt_run *run, int64_t *frame, char *) {
  return attnrt_launch_gpu(run, 7, frame, 1);
}

static const attnrt_variant kVariants[] = {
    {"baseline", 0, nullptr, runOnCpu, nullptr},
    {"sm_90", 0, getWorkspaceBytes, runHost, &kCode90},
    {"sm_80", 0, getWorkspaceBytes, runHost, &kCode80},
    {"bad", 0, nullptr, runBadly, &kCode80},
};
static const attnrt_program kProgram = {ATTNRT_ABI_VERSION,
                                        sizeof(scale_args),
                                        "scale",
                                        "{}",
                                        1,
                                        2,
                                        4,
                                        6,
                                        kRanks,
                                        kArgs,
                                        kVariants};

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

class CudaTest : public testing::Test {
protected:
  void SetUp() override {
    fake.reset();
    ASSERT_EQ(attnrt_context_create(&context), nullptr);
    for (DLTensor *tensor : {&A, &R}) {
      tensor->device = {kDLCUDA, 0};
      tensor->ndim = 1;
      tensor->dtype = {kDLFloat, 32, 1};
      tensor->shape = &extent;
    }
    A.data = reinterpret_cast<void *>(kFakeMemory);
    R.data = reinterpret_cast<void *>(kFakeMemory + (1 << 20));
    call.size = sizeof(call);
    call.device = {kDLCUDA, 0};
  }
  void TearDown() override {
    attnrt_context_destroy(context);
    EXPECT_EQ(fake.loadedModules, 0);
    EXPECT_EQ(fake.retainedContexts, 0);
  }

  std::string run() {
    return takeMessage(attnrt_run_program(context, &kProgram, &args, &call));
  }

  FakeCuda &fake = attn_fake_cuda();
  attnrt_context *context = nullptr;
  int64_t extent = 7;
  DLTensor A = {}, R = {};
  scale_args args = {sizeof(scale_args), &A, &R};
  attnrt_call call = {};
};

TEST_F(CudaTest, LaunchesInTheStream) {
  int stream;
  call.stream = &stream;
  ASSERT_EQ(run(), "ok");
  ASSERT_EQ(fake.launches.size(), 2u);
  const FakeLaunch &launch = fake.launches[1];
  EXPECT_EQ(launch.kernel, "second");
  EXPECT_EQ(launch.grid, 7u);
  EXPECT_EQ(launch.block, 128u);
  EXPECT_EQ(launch.sharedBytes, 100000u);
  EXPECT_EQ(launch.stream, &stream);
  EXPECT_EQ(launch.device, 0);
  EXPECT_EQ(launch.threadsSlot, 132) << "what runs at the same time";
}

/// A call's first kernel comes after whatever is in the stream.
TEST_F(CudaTest, KernelsThatWaitBeginEarlyAfterOthersOfTheCall) {
  for (int i = 0; i < 2; ++i) {
    fake.launches.clear();
    ASSERT_EQ(run(), "ok");
    ASSERT_EQ(fake.launches.size(), 2u);
    EXPECT_FALSE(fake.launches[0].isEarly);
    EXPECT_TRUE(fake.launches[1].isEarly);
    EXPECT_EQ(fake.launches[1].kernel, "second");
    EXPECT_EQ(fake.launches[1].grid, 7u);
    EXPECT_EQ(fake.launches[1].block, 128u);
    EXPECT_EQ(fake.launches[1].sharedBytes, 100000u);
  }
  call.isa = "sm_80";
  ASSERT_EQ(run(), "ok");
  EXPECT_FALSE(fake.launches.back().isEarly);
}

TEST_F(CudaTest, NegativeEarlyLaunchFails) {
  fake.failingFunction = "cuLaunchKernelEx";
  fake.failure = 700;
  EXPECT_EQ(run(), "cuda:0 (Fake, sm_90): cuLaunchKernelEx fails: "
                   "CUDA_ERROR_ILLEGAL_ADDRESS (700): what the driver says "
                   "(the cause may be earlier work on the device)");
}

TEST_F(CudaTest, NoTasksAreNoLaunch) {
  extent = 0;
  EXPECT_EQ(run(), "ok");
  EXPECT_TRUE(fake.launches.empty());
}

TEST_F(CudaTest, LoadsOnceOnEachDevice) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] { EXPECT_EQ(run(), "ok"); });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(fake.launches.size(), 16u);
  EXPECT_EQ(fake.loadedImages,
            (std::vector<std::string>{"cubin 90 first", "cubin 90 second"}));

  call.device.device_id = 1;
  for (DLTensor *tensor : {&A, &R}) {
    tensor->device.device_id = 1;
    tensor->data = static_cast<char *>(tensor->data) + kFakeMemory;
  }
  EXPECT_EQ(run(), "ok");
  EXPECT_EQ(fake.loadedImages.size(), 4u);
  EXPECT_EQ(fake.launches.back().device, 1);
}

TEST_F(CudaTest, ChoosesWhatTheDeviceRuns) {
  fake.major = 8, fake.minor = 6;
  EXPECT_EQ(run(), "ok");
  EXPECT_EQ(fake.loadedImages.back(), "cubin 80 second");
}

TEST_F(CudaTest, OtherMajorsTakePtx) {
  fake.major = 12;
  call.isa = "sm_80";
  EXPECT_EQ(run(), "ok");
  EXPECT_EQ(fake.loadedImages.back(), "ptx 80 second");
}

TEST_F(CudaTest, NegativeTooOldDevice) {
  fake.major = 7, fake.minor = 5;
  EXPECT_EQ(run(), "scale has baseline, sm_90, sm_80, bad, but none of them "
                   "runs on cuda:0 (Fake, sm_75)");
  call.isa = "sm_80";
  EXPECT_EQ(run(), "isa sm_80 needs a device of at least sm_80, but the call "
                   "runs on cuda:0 (Fake, sm_75)");
}

TEST_F(CudaTest, NegativeVariantOfTheOtherDevice) {
  call.isa = "baseline";
  EXPECT_EQ(run(), "isa baseline is for the CPU, but the call runs on cuda:0 "
                   "(Fake, sm_90)");
  call.device = {kDLCPU, 0};
  call.isa = "sm_90";
  EXPECT_EQ(run(), "isa sm_90 is for CUDA, but the call runs on cpu");
}

TEST_F(CudaTest, NegativeSharedMemory) {
  fake.sharedBytes = 99 << 10;
  fake.major = 8, fake.minor = 6;
  fake.sharedBytes = 65536;
  EXPECT_EQ(run(), "kernel second needs 100000 bytes of shared memory in a "
                   "block but cuda:0 (Fake, sm_86) has 65536");
}

TEST_F(CudaTest, NegativeNoSuchDevice) {
  call.device.device_id = 2;
  EXPECT_EQ(run(), "call->device is cuda:2 but there are 2 CUDA devices");
  call.device.device_id = -1;
  EXPECT_EQ(run(), "call->device is cuda:-1 but there are 2 CUDA devices");
}

TEST_F(CudaTest, NegativeTensorElsewhere) {
  A.device = {kDLCPU, 0};
  EXPECT_EQ(run(), "argument A: lies on cpu but the call runs on cuda:0");
  A.device = {kDLCUDA, 1};
  EXPECT_EQ(run(), "argument A: lies on cuda:1 but the call runs on cuda:0");
  A.device = {kDLCUDAManaged, 0};
  EXPECT_EQ(run(), "ok");
}

TEST_F(CudaTest, NegativePointerElsewhere) {
  A.data = reinterpret_cast<void *>(kFakeMemory * 2);
  EXPECT_EQ(run(), "argument A: data lies on cuda:1 but the call runs on "
                   "cuda:0");
  A.data = &extent;
  A.data = reinterpret_cast<void *>(uintptr_t(4096));
  EXPECT_EQ(run(), "argument A: data is no address of CUDA's memory");
  EXPECT_TRUE(fake.launches.empty());
}

TEST_F(CudaTest, WorkspaceIsTheCallers) {
  extent = 4096;
  size_t bytes = 0;
  ASSERT_EQ(takeMessage(attnrt_program_workspace(context, &kProgram, &args,
                                                 &call, &bytes)),
            "ok");
  EXPECT_EQ(bytes, 4 * 4096u + 63);
  EXPECT_EQ(run(), "call->workspace is null but scale needs 16447 bytes on "
                   "cuda:0 (Fake, sm_90)");
  call.workspace = reinterpret_cast<void *>(kFakeMemory + (1 << 24));
  call.workspace_bytes = bytes;
  EXPECT_EQ(run(), "ok");
}

TEST_F(CudaTest, NegativeThreadsAreTheCpus) {
  call.num_threads = 3;
  EXPECT_EQ(run(), "call->num_threads is set but is for the CPU");
}

TEST_F(CudaTest, TellsWhatFailedBefore) {
  EXPECT_EQ(run(), "ok");
  fake.failingFunction = "cuLaunchKernel";
  fake.failure = 700;
  attnrt_status status = attnrt_run_program(context, &kProgram, &args, &call);
  EXPECT_EQ(attnrt_status_code(status), ATTNRT_DEVICE_FAILED);
  EXPECT_EQ(takeMessage(status),
            "cuda:0 (Fake, sm_90): cuLaunchKernel fails: "
            "CUDA_ERROR_ILLEGAL_ADDRESS (700): what the driver says (the cause "
            "may be earlier work on the device)");
  EXPECT_EQ(fake.launches.size(), 2u) << "the second kernel is not launched";
}

TEST_F(CudaTest, AFailureIsNotKept) {
  fake.failure = 2;
  for (const char *function :
       {"cuDevicePrimaryCtxRetain", "cuCtxPushCurrent_v2",
        "cuModuleGetFunction", "cuFuncSetAttribute"}) {
    fake.failingFunction = function;
    EXPECT_NE(run(), "ok") << function;
    EXPECT_EQ(run(), "ok") << function;
    attnrt_context_destroy(context);
    ASSERT_EQ(attnrt_context_create(&context), nullptr);
  }
}

/// The first kernel's module doesn't stay.
TEST_F(CudaTest, AllKernelsAreLoadedOrNone) {
  fake.failure = 2;
  for (const char *function : {"cuModuleLoadDataEx", "cuModuleGetFunction"}) {
    fake.failingFunction = function;
    fake.successes = 1;
    EXPECT_NE(run(), "ok") << function;
    EXPECT_EQ(fake.loadedModules, 0) << function;
    EXPECT_EQ(run(), "ok") << function;
    attnrt_context_destroy(context);
    ASSERT_EQ(attnrt_context_create(&context), nullptr);
  }
}

TEST_F(CudaTest, NegativePtxIsRefused) {
  fake.major = 12;
  fake.failingFunction = "cuModuleLoadDataEx";
  fake.failure = 218;
  EXPECT_EQ(run(),
            "cuda:0 (Fake, sm_120): the driver can't compile PTX: "
            "CUDA_ERROR_SOME (218): what the driver says; ptxas says no");
}

TEST_F(CudaTest, NegativeDriverFails) {
  fake.failingFunction = "cuInit";
  fake.failure = 100;
  EXPECT_EQ(run(), "the CUDA driver can't be used: CUDA_ERROR_SOME (100): what "
                   "the driver says");
  EXPECT_EQ(run(), "ok");
}

TEST_F(CudaTest, NegativeKernelThatIsNotThere) {
  call.isa = "bad";
  EXPECT_EQ(run(), "kernel number 7 is launched, which the object lacks");
}

TEST_F(CudaTest, ReportsDevices) {
  char text[2048];
  attnrt_device_report(context, text, sizeof(text));
  EXPECT_NE(std::string(text).find("cuda:1 (Fake, sm_90): 132 multiprocessors"),
            std::string::npos)
      << text;
}

//===----------------------------------------------------------------------===//
// Tensor maps
//===----------------------------------------------------------------------===//

static constexpr uint32_t kMapRanks[] = {0, 1};
static constexpr attnrt_rank_desc kMapRankDescs[] = {
    {"p", 0, nullptr, 0, ATTNRT_RANK_FREE},
    {"e", 0, nullptr, 0, ATTNRT_RANK_FREE}};
static constexpr attnrt_arg_desc kMapArgs[] = {
    {"A", kMapRanks, 2, offsetof(scale_args, A), 3, ATTNRT_ARG_INPUT, kDLFloat,
     16, 0},
    {"R", kMapRanks, 2, offsetof(scale_args, R), 6, ATTNRT_ARG_OUTPUT, kDLFloat,
     16, 0},
};
static constexpr uint32_t kExtentSlots[] = {1, 2}, kBox[] = {128, 64};
static constexpr attnrt_gpu_map kMaps[] = {{3, 2, kExtentSlots, kBox}};
static constexpr attnrt_gpu_kernel kMappedKernels[] = {
    {"mapped", 384, 4096, kMaps, 1, 0, 0, "ptx 90a", nullptr, 0}};
static const attnrt_gpu_code kExactCode = {90, 1, kMappedKernels,
                                           /*is_exact=*/1, /*has_cubins=*/0};
static constexpr attnrt_gpu_kernel kPersistentKernels[] = {
    {"persistent", 384, 4096, nullptr, 0, 1, 0, "ptx 90a", nullptr, 0}};
static const attnrt_gpu_code kPersistentCode = {
    90, 1, kPersistentKernels, /*is_exact=*/1, /*has_cubins=*/0};
static int32_t runPersistent(attnrt_run *run, int64_t *frame, char *) {
  return attnrt_launch_gpu(run, 0, frame, frame[1]);
}
static const attnrt_variant kPersistentVariants[] = {
    {"sm_90a", 0, nullptr, runPersistent, &kPersistentCode}};
static const attnrt_program kPersistentProgram = {ATTNRT_ABI_VERSION,
                                                  sizeof(scale_args),
                                                  "persistent",
                                                  "{}",
                                                  2,
                                                  2,
                                                  1,
                                                  9,
                                                  kMapRankDescs,
                                                  kMapArgs,
                                                  kPersistentVariants};
static int32_t runMapped(attnrt_run *run, int64_t *frame, char *) {
  return attnrt_launch_gpu(run, 0, frame, 1);
}
static const attnrt_variant kMappedVariants[] = {
    {"sm_90a", 0, nullptr, runMapped, &kExactCode}};
static const attnrt_program kMappedProgram = {
    ATTNRT_ABI_VERSION, sizeof(scale_args), "mapped",       "{}", 2, 2, 1, 9,
    kMapRankDescs,      kMapArgs,           kMappedVariants};

class TensorMapTest : public CudaTest {
protected:
  void SetUp() override {
    CudaTest::SetUp();
    fake.numMaps = 1;
    for (DLTensor *tensor : {&A, &R}) {
      tensor->ndim = 2;
      tensor->dtype = {kDLFloat, 16, 1};
      tensor->shape = shape;
      tensor->strides = strides;
    }
  }
  std::string run() {
    return takeMessage(
        attnrt_run_program(context, &kMappedProgram, &args, &call));
  }
  int64_t shape[2] = {1000, 72}, strides[2] = {80, 1};
};

/// The innermost rank comes first, and its stride goes without saying.
TEST_F(TensorMapTest, DescribesTheTensor) {
  ASSERT_EQ(run(), "ok");
  EXPECT_EQ(fake.isMapped, 1);
  ASSERT_EQ(fake.maps.size(), 1u);
  const FakeTensorMap &map = fake.maps[0];
  EXPECT_EQ(map.elementType, 1) << "of 16 bits";
  EXPECT_EQ(map.swizzle, 3) << "128 bytes";
  EXPECT_EQ(map.address, A.data);
  EXPECT_EQ(map.extents, (std::vector<uint64_t>{72, 1000}));
  EXPECT_EQ(map.strideBytes, (std::vector<uint64_t>{160}));
  EXPECT_EQ(map.box, (std::vector<unsigned>{64, 128}));
}

/// Of 1000 tasks each block takes several.
TEST_F(TensorMapTest, LaunchesNoMorePersistentBlocksThanRun) {
  fake.numMaps = 0;
  ASSERT_EQ(takeMessage(
                attnrt_run_program(context, &kPersistentProgram, &args, &call)),
            "ok");
  ASSERT_EQ(fake.launches.size(), 1u);
  EXPECT_EQ(fake.launches[0].grid, 132u);
}

/// There the kernel copies by itself.
TEST_F(TensorMapTest, NegativeStridesAndAddressesWithoutAMap) {
  strides[0] = 76; // 152 bytes
  EXPECT_EQ(run(), "ok");
  EXPECT_EQ(fake.isMapped, 0);
  strides[0] = 160, strides[1] = 2;
  EXPECT_EQ(run(), "ok");
  EXPECT_EQ(fake.isMapped, 0);
  strides[1] = 1;
  A.byte_offset = 2;
  EXPECT_EQ(run(), "ok");
  EXPECT_EQ(fake.isMapped, 0);
  EXPECT_TRUE(fake.maps.empty());
  A.byte_offset = 0;
  fake.failingFunction = "cuTensorMapEncodeTiled";
  fake.failure = 1;
  EXPECT_EQ(run(), "ok");
  EXPECT_EQ(fake.isMapped, 0);
  EXPECT_EQ(run(), "ok");
  EXPECT_EQ(fake.isMapped, 1);
}

/// A single coordinate's stride says nothing.
TEST_F(TensorMapTest, StrideOfOneCoordinate) {
  shape[0] = 1;
  strides[0] = 3;
  EXPECT_EQ(run(), "ok");
  EXPECT_EQ(fake.isMapped, 1);
}

TEST_F(TensorMapTest, NegativeCodeForAnotherCapability) {
  fake.major = 10;
  EXPECT_NE(run().find("has sm_90a, but"), std::string::npos);
  EXPECT_TRUE(fake.launches.empty());
}
