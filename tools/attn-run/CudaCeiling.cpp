//===- CudaCeiling.cpp - What a CUDA device reaches -----------------------===//
//
// Two kernels in PTX, which the driver compiles: one reads memory, 16 bytes at
// a time in each thread, the other multiplies bf16 tiles of numbers that differ
// (products of zeros are faster) from shared memory: by wgmma where the device
// has it, else by mma.sync from registers.
//
//===----------------------------------------------------------------------===//

#include "tools/attn-run/CudaRun.h"
#include <algorithm>
#include <sstream>

namespace attn::tool {

using namespace rt;

static constexpr unsigned readThreads = 256, readBlocksPerUnit = 8;

/// Words of 16 bytes, a grid's stride apart, four at a time.
static const char *const readText = R"(
.visible .entry read_memory(.param .u64 words, .param .u64 count)
{
  .reg .pred %p; .reg .b32 %r<24>; .reg .b64 %d<12>;
  ld.param.u64 %d0, [words]; ld.param.u64 %d1, [count];
  mov.u32 %r0, %ctaid.x; mov.u32 %r1, %ntid.x; mov.u32 %r2, %tid.x;
  mov.u32 %r3, %nctaid.x;
  mad.wide.u32 %d2, %r0, %r1, 0; cvt.u64.u32 %d3, %r2; add.u64 %d2, %d2, %d3;
  mul.wide.u32 %d4, %r3, %r1; shl.b64 %d5, %d4, 4;
  shl.b64 %d6, %d2, 4; add.u64 %d6, %d0, %d6; mov.b32 %r4, 0;
  mul.lo.u64 %d7, %d4, 3;
next:
  add.u64 %d8, %d2, %d7; setp.ge.u64 %p, %d8, %d1; @%p bra done;
  ld.global.v4.u32 {%r8, %r9, %r10, %r11}, [%d6]; add.u64 %d6, %d6, %d5;
  ld.global.v4.u32 {%r12, %r13, %r14, %r15}, [%d6]; add.u64 %d6, %d6, %d5;
  ld.global.v4.u32 {%r16, %r17, %r18, %r19}, [%d6]; add.u64 %d6, %d6, %d5;
  ld.global.v4.u32 {%r20, %r21, %r22, %r23}, [%d6]; add.u64 %d6, %d6, %d5;
  xor.b32 %r8, %r8, %r9; xor.b32 %r10, %r10, %r11; xor.b32 %r12, %r12, %r13;
  xor.b32 %r14, %r14, %r15; xor.b32 %r16, %r16, %r17; xor.b32 %r18, %r18, %r19;
  xor.b32 %r20, %r20, %r21; xor.b32 %r22, %r22, %r23;
  xor.b32 %r8, %r8, %r10; xor.b32 %r12, %r12, %r14; xor.b32 %r16, %r16, %r18;
  xor.b32 %r20, %r20, %r22; xor.b32 %r8, %r8, %r12; xor.b32 %r16, %r16, %r20;
  xor.b32 %r8, %r8, %r16; add.u32 %r4, %r4, %r8;
  shl.b64 %d9, %d4, 2; add.u64 %d2, %d2, %d9; bra next;
done:
  setp.ne.u32 %p, %r4, 0x5bd1e995; @%p bra end;
  st.global.u32 [%d0], %r4;
end:
  ret;
}
)";

/// A register list: "{%f0, %f1, ..}".
static std::string listRegisters(const char *prefix, int first, int count) {
  std::string text = "{";
  for (int i = 0; i != count; ++i)
    text += (i ? ", " : "") + std::string(prefix) + std::to_string(first + i);
  return text + "}";
}

/// Sets %r0 to a number that differs from thread to thread and `round` to
/// round: two bf16 of 0.5 to 1 in absolute value.
static std::string mixBits(const char *seed) {
  return std::string("  mad.lo.u32 %r0, ") + seed +
         ", 0x9e3779b1, 0x85ebca6b; shr.u32 %r1, %r0, 15;\n"
         "  xor.b32 %r0, %r0, %r1; mul.lo.u32 %r0, %r0, 0x2c1b3c6d;\n"
         "  and.b32 %r0, %r0, 0x807f807f; or.b32 %r0, %r0, 0x3f003f00;\n";
}

static constexpr int64_t productsInRound = 16;

/// What a block multiplies in a round.
struct ProductKernel {
  std::string text;
  unsigned threads;
  double multiplyAdds;
};

/// Each of two warpgroups: 64 by 256 sums of a tile of its own and one that
/// they share, 16 contracted, in rows of 128 bytes with the 128-byte swizzle.
static ProductKernel writeWarpgroups() {
  constexpr int sums = 128, groups = 2;
  constexpr int bytesA = 64 * 128, bytesB = 256 * 128 / 2;
  std::ostringstream os;
  // Two B tiles of half the height overlap none of A's: the whole is 48 KB.
  os << ".visible .entry multiply(.param .u64 out, .param .u64 rounds)\n{\n"
     << "  .reg .pred %p; .reg .b32 %r<8>; .reg .b64 %d<12>; .reg .f32 %f<"
     << sums << ">;\n"
     << "  .shared .align 1024 .b8 tiles[" << groups * bytesA + bytesB * 2
     << "];\n"
     << "  mov.u32 %r2, %tid.x; mov.u32 %r3, tiles;\n"
     << "  mad.lo.u32 %r4, %r2, 4, %r3; mov.u32 %r5, %r2;\nfill:\n"
     << mixBits("%r5") << "  st.shared.u32 [%r4], %r0; add.u32 %r4, %r4, "
     << groups * 128 * 4 << "; add.u32 %r5, %r5, " << groups * 128
     << ";\n  setp.lt.u32 %p, %r5, " << (groups * bytesA + bytesB * 2) / 4
     << "; @%p bra fill;\n"
     << "  fence.proxy.async.shared::cta; bar.sync 0;\n";
  for (int i = 0; i != sums; ++i)
    os << "  mov.f32 %f" << i << ", 0f00000000;\n";
  // A descriptor: the address and, of 8 rows, the distance in 16 bytes.
  os << "  shr.u32 %r4, %r2, 7; mad.lo.u32 %r4, %r4, " << bytesA
     << ", %r3; shr.u32 %r4, %r4, 4; cvt.u64.u32 %d0, %r4;\n"
     << "  add.u32 %r5, %r3, " << groups * bytesA
     << "; shr.u32 %r5, %r5, 4; cvt.u64.u32 %d1, %r5;\n"
     << "  mov.u64 %d2, 0x4000004000010000; or.b64 %d0, %d0, %d2; "
        "or.b64 %d1, %d1, %d2;\n"
     << "  ld.param.u64 %d3, [rounds]; ld.param.u64 %d4, [out];\nnext:\n"
     << "  wgmma.fence.sync.aligned;\n";
  for (int i = 0; i != productsInRound; ++i)
    os << "  add.u64 %d5, %d0, " << i % 4 * 2 << "; add.u64 %d6, %d1, "
       << i % 4 * 2
       << ";\n  wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 "
       << listRegisters("%f", 0, sums) << ", %d5, %d6, 1, 1, 1, 0, 0;\n";
  os << "  wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;\n"
     << "  sub.u64 %d3, %d3, 1; setp.ne.u64 %p, %d3, 0; @%p bra next;\n";
  for (int i = 1; i != sums; ++i)
    os << "  add.f32 %f0, %f0, %f" << i << ";\n";
  os << "  mul.wide.u32 %d5, %r2, 4; add.u64 %d4, %d4, %d5; "
        "st.global.f32 [%d4], %f0;\n  ret;\n}\n";
  return {os.str(), groups * 128, groups * productsInRound * 64. * 256 * 16};
}

/// Each of 8 warps: 8 independent tiles of 16 by 8 sums.
static ProductKernel writeWarps() {
  constexpr int tiles = 8, warps = 8;
  std::ostringstream os;
  os << ".visible .entry multiply(.param .u64 out, .param .u64 rounds)\n{\n"
     << "  .reg .pred %p; .reg .b32 %r<8>, %a<4>, %b<" << 2 * tiles
     << ">; .reg .b64 %d<8>; .reg .f32 %f<" << 4 * tiles << ">;\n"
     << "  mov.u32 %r2, %tid.x; mov.u32 %r5, %r2;\n";
  auto fill = [&](const char *prefix, int count) {
    for (int i = 0; i != count; ++i)
      os << mixBits("%r5") << "  mov.b32 " << prefix << i
         << ", %r0; add.u32 %r5, %r5, 256;\n";
  };
  fill("%a", 4);
  fill("%b", 2 * tiles);
  for (int i = 0; i != 4 * tiles; ++i)
    os << "  mov.f32 %f" << i << ", 0f00000000;\n";
  os << "  ld.param.u64 %d3, [rounds]; ld.param.u64 %d4, [out];\nnext:\n";
  for (int i = 0; i != productsInRound; ++i) {
    std::string sum = listRegisters("%f", i % tiles * 4, 4);
    os << "  mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 " << sum
       << ", " << listRegisters("%a", 0, 4) << ", "
       << listRegisters("%b", i % tiles * 2, 2) << ", " << sum << ";\n";
  }
  os << "  sub.u64 %d3, %d3, 1; setp.ne.u64 %p, %d3, 0; @%p bra next;\n";
  for (int i = 1; i != 4 * tiles; ++i)
    os << "  add.f32 %f0, %f0, %f" << i << ";\n";
  os << "  mul.wide.u32 %d5, %r2, 4; add.u64 %d4, %d4, %d5; "
        "st.global.f32 [%d4], %f0;\n  ret;\n}\n";
  return {os.str(), warps * 32, warps * productsInRound * 16. * 8 * 16};
}

/// The seconds of the fastest of some launches.
double CudaRun::timeKernel(const std::string &text, const char *name,
                           unsigned blocks, unsigned threads,
                           cuda::Pointer memory, uint64_t number) {
  cuda::Module module;
  check(driver.moduleLoad(&module, text.c_str(), 0, nullptr, nullptr),
        "cuModuleLoadDataEx");
  cuda::Function function;
  check(driver.moduleGetFunction(&function, module, name),
        "cuModuleGetFunction");
  void *parameters[] = {&memory, &number};
  std::vector<double> times = time([&] {
    check(driver.launchKernel(function, blocks, 1, 1, threads, 1, 1, 0, stream,
                              parameters, nullptr),
          "cuLaunchKernel");
  });
  driver.moduleUnload(module);
  return times.front();
}

CudaRun::Ceilings CudaRun::measureCeilings() {
  int units = 0;
  check(driver.deviceGetAttribute(&units, cuda::kMultiprocessorCount, device),
        "cuDeviceGetAttribute");
  bool hasWarpgroups = getTarget() == "sm_90a";
  std::string begin = hasWarpgroups ? ".version 8.0\n.target sm_90a\n"
                                    : ".version 7.1\n.target sm_80\n";
  begin += ".address_size 64\n";
  constexpr size_t bytes = size_t(1) << 30;
  cuda::Pointer memory = allocate(bytes);
  check(driver.setBytes(memory, 0x5a, bytes, stream), "cuMemsetD8Async");
  Ceilings found;
  found.bytesPerSecond = bytes / timeKernel(begin + readText, "read_memory",
                                            units * readBlocksPerUnit,
                                            readThreads, memory, bytes / 16);
  ProductKernel kernel = hasWarpgroups ? writeWarpgroups() : writeWarps();
  // Some milliseconds: the clock is then the one of long work.
  constexpr uint64_t rounds = 2048;
  found.flopsPerSecond = 2 * kernel.multiplyAdds * rounds * units /
                         timeKernel(begin + kernel.text, "multiply", units,
                                    kernel.threads, memory, rounds);
  return found;
}

} // namespace attn::tool
