//===- AssembleTest.cpp - What ptxas says ---------------------------------===//

#include "lib/Target/NVPTX/Assemble.h"
#include "gtest/gtest.h"

using namespace attn::nvptx;

TEST(AssembleTest, ReadsRegistersAndSpills) {
  Assembly assembly;
  parseReport(
      "ptxas info    : 0 bytes gmem\n"
      "ptxas info    : Compiling entry function 'a_1' for 'sm_90'\n"
      "ptxas info    : Function properties for a_1\n"
      "    24 bytes stack frame, 32 bytes spill stores, 44 bytes spill loads\n"
      "ptxas info    : Used 64 registers, used 1 barriers, 24 bytes\n"
      "ptxas info    : (C7512) Potential Performance Loss: wgmma serialised\n"
      "ptxas info    : Compiling entry function 'a_0' for 'sm_90'\n"
      "ptxas info    : Function properties for a_0\n"
      "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
      "ptxas info    : Used 128 registers, used 1 barriers\n",
      assembly);
  ASSERT_EQ(assembly.kernels.size(), 2u);
  EXPECT_EQ(assembly.kernels[0].name, "a_1");
  EXPECT_EQ(assembly.kernels[0].stackBytes, 24);
  EXPECT_EQ(assembly.kernels[0].spillBytes, 76);
  EXPECT_EQ(assembly.kernels[0].registers, 64);
  EXPECT_EQ(assembly.kernels[1].spillBytes, 0);
  EXPECT_EQ(assembly.kernels[1].registers, 128);
  ASSERT_EQ(assembly.remarks.size(), 1u);
  EXPECT_NE(assembly.remarks[0].find("C7512"), std::string::npos);
}
