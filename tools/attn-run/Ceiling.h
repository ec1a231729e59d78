//===- Ceiling.h - What the machine reaches -------------------------------===//

#ifndef TOOLS_ATTN_RUN_CEILING_H
#define TOOLS_ATTN_RUN_CEILING_H

namespace attn::tool {

enum class VectorLevel { Baseline, AVX2, AVX512 };

/// The f32 multiply-adds that `threads` threads do on registers, in FLOP/s: the
/// most that a contraction in f32 can reach.
double measureMultiplyAdds(int threads, VectorLevel level);

/// The bytes a second that `threads` threads read from memory.
double measureBandwidth(int threads, VectorLevel level);

} // namespace attn::tool

#endif // TOOLS_ATTN_RUN_CEILING_H
