//===- Cpu.cpp - What the processor has and the system allows -------------===//
//
// An instruction set counts only if CPUID has it and XCR0 says that the
// operating system saves its registers. AMX counts only if Linux permits it
// besides, which the first probe asks for.
//
//===----------------------------------------------------------------------===//

#include "runtime/Cpu.h"
#include "runtime/attnrt_program.h"

#if defined(__x86_64__)
#include <cerrno>
#include <cpuid.h>
#include <cstring>
#include <sys/syscall.h>
#include <unistd.h>
#endif

using namespace attn::rt;

std::string attn::rt::getFeatureNames(uint64_t features) {
  static constexpr struct {
    uint64_t bit;
    const char *name;
  } kNames[] = {
      {ATTNRT_CPU_X86_64_V3, "x86-64-v3"},
      {ATTNRT_CPU_X86_64_V4, "x86-64-v4"},
      {ATTNRT_CPU_AVX512_BF16, "avx512_bf16"},
      {ATTNRT_CPU_AVX512_FP16, "avx512_fp16"},
      {ATTNRT_CPU_AVX512_VNNI, "avx512_vnni"},
      {ATTNRT_CPU_AVX_VNNI, "avx_vnni"},
      {ATTNRT_CPU_AMX_BF16, "amx_bf16"},
      {ATTNRT_CPU_AMX_INT8, "amx_int8"},
  };
  std::string text;
  for (auto [bit, name] : kNames) {
    if (!(features & bit))
      continue;
    text += text.empty() ? "" : ", ";
    text += name;
    features &= ~bit;
  }
  if (features)
    text += text.empty() ? "unknown features" : ", unknown features";
  return text.empty() ? "none" : text;
}

#if defined(__x86_64__)

namespace {

/// The registers of one CPUID leaf; zeros where the CPU lacks the leaf.
struct Leaf {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;

  explicit Leaf(uint32_t leaf, uint32_t subleaf = 0) {
    if (!__get_cpuid_count(leaf, subleaf, &eax, &ebx, &ecx, &edx))
      eax = ebx = ecx = edx = 0;
  }
};

} // namespace

/// Returns whether `value` has all of `bits`.
template <typename... Bits> static bool hasBits(uint64_t value, Bits... bits) {
  uint64_t mask = ((uint64_t(1) << bits) | ...);
  return (value & mask) == mask;
}

/// Returns XCR0: the register states that the operating system saves.
static uint64_t readXcr0() {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

static std::string readBrand() {
  char text[49] = {};
  for (uint32_t i = 0; i < 3; ++i) {
    Leaf leaf(0x80000002 + i);
    std::memcpy(text + 16 * i, &leaf, 16);
  }
  std::string brand = text;
  size_t first = brand.find_first_not_of(' ');
  if (first == std::string::npos)
    return "x86-64";
  return brand.substr(first, brand.find_last_not_of(' ') - first + 1);
}

/// Asks Linux, once for the process and its threads to come, to save AMX's
/// tiles. Returns 0 or an error number.
static int requestTiles() {
  static const int error = [] {
    constexpr long requestPermission = 0x1023; // ARCH_REQ_XCOMP_PERM
    constexpr long tileData = 18;              // XFEATURE_XTILEDATA
    return syscall(SYS_arch_prctl, requestPermission, tileData) == 0 ? 0
                                                                     : errno;
  }();
  return error;
}

Cpu attn::rt::probeCpu() {
  Leaf basic(1), extended(7), extended1(7, 1), amd(0x80000001);
  bool hasXsave = hasBits(basic.ecx, /*osxsave=*/27);
  uint64_t xcr0 = hasXsave ? readXcr0() : 0;
  bool savesAvx = hasBits(xcr0, /*xmm=*/1, /*ymm=*/2);
  bool savesAvx512 =
      savesAvx && hasBits(xcr0, /*opmask=*/5, /*zmm low=*/6, /*zmm high=*/7);
  bool savesAmx = hasBits(xcr0, /*tilecfg=*/17, /*tiledata=*/18);

  // The x86-64 psABI's levels: the compiler uses all of a level.
  bool hasV2 = hasBits(basic.ecx, /*sse3=*/0, /*ssse3=*/9, /*cx16=*/13,
                       /*sse4.1=*/19, /*sse4.2=*/20, /*popcnt=*/23) &&
               hasBits(amd.ecx, /*lahf=*/0);
  bool hasV3 = hasV2 &&
               hasBits(basic.ecx, /*fma=*/12, /*movbe=*/22, /*avx=*/28,
                       /*f16c=*/29) &&
               hasBits(extended.ebx, /*bmi1=*/3, /*avx2=*/5, /*bmi2=*/8) &&
               hasBits(amd.ecx, /*lzcnt=*/5);
  bool hasV4 = hasV3 && hasBits(extended.ebx, /*f=*/16, /*dq=*/17, /*cd=*/28,
                                /*bw=*/30, /*vl=*/31);

  Cpu cpu;
  cpu.name = readBrand();
  auto add = [&](bool has, uint64_t bit) { cpu.features |= has ? bit : 0; };
  add(hasV3 && savesAvx, ATTNRT_CPU_X86_64_V3);
  add(hasV3 && savesAvx && hasBits(extended1.eax, 4), ATTNRT_CPU_AVX_VNNI);
  bool useV4 = hasV4 && savesAvx512;
  add(useV4, ATTNRT_CPU_X86_64_V4);
  add(useV4 && hasBits(extended1.eax, 5), ATTNRT_CPU_AVX512_BF16);
  add(useV4 && hasBits(extended.edx, 23), ATTNRT_CPU_AVX512_FP16);
  add(useV4 && hasBits(extended.ecx, 11), ATTNRT_CPU_AVX512_VNNI);

  if (!hasV4)
    cpu.avx512 = "none: the CPU lacks it";
  else if (!savesAvx512)
    cpu.avx512 = "none: the operating system does not save its registers";
  else
    cpu.avx512 = "usable";

  bool hasTiles = useV4 && hasBits(extended.edx, /*amx-tile=*/24);
  bool hasBF16 = hasTiles && hasBits(extended.edx, 22);
  bool hasInt8 = hasTiles && hasBits(extended.edx, 25);
  if (!hasTiles)
    cpu.amx = "none: the CPU lacks it";
  else if (!savesAmx)
    cpu.amx = "none: the operating system does not save its tiles";
  else if (int error = requestTiles())
    cpu.amx = std::string("none: the operating system refuses it (") +
              std::strerror(error) + "); AVX-512 is used";
  else {
    add(hasBF16, ATTNRT_CPU_AMX_BF16);
    add(hasInt8, ATTNRT_CPU_AMX_INT8);
    cpu.amx = std::string("usable") + (hasBF16 ? ", bf16" : "") +
              (hasInt8 ? ", int8" : "");
  }
  return cpu;
}

#else

Cpu attn::rt::probeCpu() {
  Cpu cpu;
  cpu.name = "not x86-64";
  cpu.avx512 = cpu.amx = "none: the CPU lacks it";
  return cpu;
}

#endif
