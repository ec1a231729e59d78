//===- Generate.h - Inputs that every machine makes alike -----------------===//
//
// Element i of the tensor `name` is a function of (seed, name, i) and nothing
// else: Philox 4x32-10 with the seed as key and (i, FNV-1a of the name) as
// counter, made into numbers by integer arithmetic and at most one rounding, so
// that no compiler, libm or order of evaluation changes a bit. i is the place
// in row-major order.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECT_ATTN_REFERENCE_GENERATE_H
#define DIALECT_ATTN_REFERENCE_GENERATE_H

#include "dialect/Attn/Reference/ElementType.h"
#include <array>
#include <optional>
#include <string_view>
#include <vector>

namespace attn::reference {

/// The generator itself (Salmon and others, 2011).
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter,
                               std::array<uint32_t, 2> key);

uint64_t hashName(std::string_view name);

struct Distribution {
  enum Kind : uint8_t {
    Normal,   // mean 0, deviation a: the sum of eight uniform numbers, which
              // ends at 4.9 deviations
    Uniform,  // [a, b)
    Integers, // a, a + 1, ..., b, all alike
    Boolean,  // 1 with probability a
    Constant  // a
  } kind = Normal;
  double a = 1, b = 0;
};

/// Reads "normal:0.5", "uniform:-1:1", "int:0:9", "bool:0.5", "const:-inf".
std::optional<Distribution> parseDistribution(std::string_view text);

/// Element `index` of the tensor whose name has the hash `stream`.
double generate(const Distribution &distribution, uint64_t seed,
                uint64_t stream, uint64_t index);

/// Writes `count` elements to a packed array.
void fill(ElementType type, void *base, int64_t count,
          const Distribution &distribution, uint64_t seed,
          std::string_view name);

/// Sets every element of a packed tensor whose coordinate in `dimension` is
/// `coordinate`: a row of -inf bias, of zeros, of poison.
void fillSlice(ElementType type, void *base,
               const std::vector<int64_t> &extents, unsigned dimension,
               int64_t coordinate, double value);

} // namespace attn::reference

#endif // DIALECT_ATTN_REFERENCE_GENERATE_H
