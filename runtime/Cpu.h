//===- Cpu.h - What the processor has and the system allows ----*- C++ -*-===//

#ifndef RUNTIME_CPU_H
#define RUNTIME_CPU_H

#include <cstdint>
#include <string>

namespace attn::rt {

struct Cpu {
  /// The brand string, or the architecture's name.
  std::string name;

  /// ATTNRT_CPU_*: what the CPU has and the operating system saves.
  uint64_t features = 0;

  /// One sentence each: why AVX-512 or AMX can or can't be used.
  std::string avx512, amx;
};

/// Asks the processor this thread runs on.
Cpu probeCpu();

/// Returns the names of `features`, separated by commas; "none" for 0.
std::string getFeatureNames(uint64_t features);

} // namespace attn::rt

#endif // RUNTIME_CPU_H
