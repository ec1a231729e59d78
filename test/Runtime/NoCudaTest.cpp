//===- NoCudaTest.cpp - A CUDA call where there is no driver --------------===//

#include "test/Runtime/Fixture.h"

#include <dlfcn.h>

TEST_F(AttentionTest, NegativeNoCudaDriver) {
  if (dlopen("libcuda.so.1", RTLD_NOW))
    GTEST_SKIP() << "this machine has a CUDA driver";
  attnrt_call call = makeCall();
  call.device = {kDLCUDA, 0};
  EXPECT_EQ(run(&call).find("there is no CUDA driver: libcuda.so.1"), 0u);
  EXPECT_EQ(runCode(&call), ATTNRT_UNSUPPORTED);
  call.device = {kDLCPU, 0};
  EXPECT_EQ(run(&call), "ok");
}
