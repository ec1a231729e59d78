//===- Generate.cpp - Inputs that every machine makes alike ---------------===//

#include "dialect/Attn/Reference/Generate.h"
#include <cmath>
#include <cstdlib>
#include <string>

namespace attn::reference {

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter,
                               std::array<uint32_t, 2> key) {
  for (int round = 0; round != 10; ++round) {
    uint64_t a = 0xD2511F53ull * counter[0];
    uint64_t b = 0xCD9E8D57ull * counter[2];
    counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ key[0],
               static_cast<uint32_t>(b),
               static_cast<uint32_t>(a >> 32) ^ counter[3] ^ key[1],
               static_cast<uint32_t>(a)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

uint64_t hashName(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (char character : name)
    hash = (hash ^ static_cast<unsigned char>(character)) * 0x100000001b3ull;
  return hash;
}

std::optional<Distribution> parseDistribution(std::string_view text) {
  static constexpr std::array<std::string_view, 5> names = {
      "normal", "uniform", "int", "bool", "const"};
  size_t end = text.find(':');
  std::string_view name = text.substr(0, end);
  std::array<double, 2> numbers = {1, 0};
  int count = 0;
  while (end != std::string_view::npos) {
    if (count == 2)
      return std::nullopt;
    size_t begin = end + 1;
    end = text.find(':', begin);
    std::string number(text.substr(begin, end - begin));
    char *last = nullptr;
    numbers[count++] = std::strtod(number.c_str(), &last);
    if (number.empty() || *last)
      return std::nullopt;
  }
  for (size_t kind = 0; kind != names.size(); ++kind) {
    if (names[kind] != name)
      continue;
    Distribution result{static_cast<Distribution::Kind>(kind), numbers[0],
                        numbers[1]};
    bool needsTwo = result.kind == Distribution::Uniform ||
                    result.kind == Distribution::Integers;
    if (!needsTwo && count > 1)
      return std::nullopt;
    if (result.kind == Distribution::Boolean && count == 0)
      result.a = 0.5;
    if (result.kind == Distribution::Boolean &&
        !(result.a >= 0 && result.a <= 1))
      return std::nullopt;
    if (needsTwo && (count != 2 || !(result.a <= result.b) ||
                     !(result.b - result.a < 0x1p62)))
      return std::nullopt;
    return result;
  }
  return std::nullopt;
}

double generate(const Distribution &distribution, uint64_t seed,
                uint64_t stream, uint64_t index) {
  std::array<uint32_t, 4> random = philox(
      {static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
       static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)},
      {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
  switch (distribution.kind) {
  case Distribution::Normal: {
    int64_t sum = 0;
    for (uint32_t word : random)
      sum += (word & 0xffff) + (word >> 16);
    // Eight numbers of 0 to 65535: mean 262140, variance 8 (2^32 - 1) / 12.
    constexpr double perDeviation = 1.8688123650118534e-05;
    double unit = distribution.a * perDeviation;
    return static_cast<double>(sum - 262140) * unit;
  }
  case Distribution::Uniform:
    return std::fma(random[0] * 0x1p-32, distribution.b - distribution.a,
                    distribution.a);
  case Distribution::Integers: {
    uint64_t word = static_cast<uint64_t>(random[1]) << 32 | random[0];
    auto count = static_cast<uint64_t>(distribution.b - distribution.a) + 1;
    auto chosen = static_cast<unsigned __int128>(word) * count >> 64;
    return distribution.a + static_cast<double>(static_cast<uint64_t>(chosen));
  }
  case Distribution::Boolean:
    return random[0] * 0x1p-32 < distribution.a;
  case Distribution::Constant:
    return distribution.a;
  }
  return 0;
}

void fill(ElementType type, void *base, int64_t count,
          const Distribution &distribution, uint64_t seed,
          std::string_view name) {
  uint64_t stream = hashName(name);
  for (int64_t i = 0; i != count; ++i)
    storeElement(
        type, base, i,
        generate(distribution, seed, stream, static_cast<uint64_t>(i)));
}

void fillSlice(ElementType type, void *base,
               const std::vector<int64_t> &extents, unsigned dimension,
               int64_t coordinate, double value) {
  int64_t outer = 1, inner = 1;
  for (unsigned i = 0; i != extents.size(); ++i) {
    if (i < dimension)
      outer *= extents[i];
    if (i > dimension)
      inner *= extents[i];
  }
  for (int64_t i = 0; i != outer; ++i)
    for (int64_t j = 0; j != inner; ++j)
      storeElement(type, base,
                   (i * extents[dimension] + coordinate) * inner + j, value);
}

} // namespace attn::reference
