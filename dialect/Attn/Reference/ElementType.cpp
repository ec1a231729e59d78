//===- ElementType.cpp - Element types and how they round -----------------===//

#include "dialect/Attn/Reference/ElementType.h"
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace attn::reference {

namespace {
/// What distinguishes one element type from another.
struct Format {
  std::string_view name;
  uint8_t bytes;
  bool isFloat;
  uint8_t mantissaBits; // stored, without the implicit one
  uint8_t exponentBits;
  bool hasInfinity;
};

constexpr std::array<Format, 11> formats = {{{"f64", 8, true, 52, 11, true},
                                             {"f32", 4, true, 23, 8, true},
                                             {"f16", 2, true, 10, 5, true},
                                             {"bf16", 2, true, 7, 8, true},
                                             {"f8E4M3FN", 1, true, 3, 4, false},
                                             {"f8E5M2", 1, true, 2, 5, true},
                                             {"i64", 8, false, 0, 0, false},
                                             {"i32", 4, false, 0, 0, false},
                                             {"i8", 1, false, 0, 0, false},
                                             {"ui8", 1, false, 0, 0, false},
                                             {"i1", 1, false, 0, 0, false}}};

const Format &getFormat(ElementType type) {
  return formats[static_cast<size_t>(type)];
}

int getBias(const Format &format) {
  return (1 << (format.exponentBits - 1)) - 1;
}
} // namespace

std::string_view getName(ElementType type) { return getFormat(type).name; }

std::optional<ElementType> parseElementType(std::string_view name) {
  for (size_t i = 0; i != formats.size(); ++i)
    if (formats[i].name == name)
      return static_cast<ElementType>(i);
  return std::nullopt;
}

bool isFloat(ElementType type) { return getFormat(type).isFloat; }

bool isNarrowFloat(ElementType type) {
  return isFloat(type) && getFormat(type).bytes <= 2;
}

size_t getByteSize(ElementType type) { return getFormat(type).bytes; }

ElementType widen(ElementType type) {
  if (isNarrowFloat(type))
    return ElementType::F32;
  if (type == ElementType::I8 || type == ElementType::UI8)
    return ElementType::I32;
  return type;
}

double getUnitRoundoff(ElementType type) {
  if (!isFloat(type))
    return 0;
  return std::ldexp(1.0, -(getFormat(type).mantissaBits + 1));
}

double getUnderflowError(ElementType type) {
  if (!isFloat(type))
    return 0;
  const Format &format = getFormat(type);
  return std::ldexp(1.0, 1 - getBias(format) - format.mantissaBits - 1);
}

double getLargest(ElementType type) {
  const Format &format = getFormat(type);
  switch (type) {
  case ElementType::I64:
    return 9223372036854775807.0;
  case ElementType::I32:
    return 2147483647.0;
  case ElementType::I8:
    return 127.0;
  case ElementType::UI8:
    return 255.0;
  case ElementType::I1:
    return 1.0;
  case ElementType::F8E4M3FN:
    return 448.0;
  default:
    return std::ldexp(2.0 - std::ldexp(1.0, -format.mantissaBits),
                      getBias(format));
  }
}

/// Rounds a float64 to the format's grid, ties to even. Every step is exact:
/// nearbyint works on an integer below 2^53.
static double roundFloat(ElementType type, double value) {
  if (type == ElementType::F64 || value == 0 || !std::isfinite(value)) {
    bool overflows = std::isinf(value) && !getFormat(type).hasInfinity;
    return overflows ? std::numeric_limits<double>::quiet_NaN() : value;
  }
  const Format &format = getFormat(type);
  int exponent = std::ilogb(value);
  int lowest = 1 - getBias(format);
  int quantum = (exponent < lowest ? lowest : exponent) - format.mantissaBits;
  double rounded =
      std::ldexp(std::nearbyint(std::ldexp(value, -quantum)), quantum);
  if (std::fabs(rounded) <= getLargest(type))
    return rounded;
  if (!format.hasInfinity)
    return std::numeric_limits<double>::quiet_NaN();
  return std::copysign(std::numeric_limits<double>::infinity(), value);
}

static double roundInteger(ElementType type, double value) {
  if (std::isnan(value))
    return 0;
  if (type == ElementType::I1)
    return value != 0;
  double lowest = type == ElementType::UI8 ? 0 : -getLargest(type) - 1;
  double whole = std::trunc(value);
  if (whole < lowest)
    return lowest;
  return whole > getLargest(type) ? getLargest(type) : whole;
}

double roundTo(ElementType type, double value) {
  if (type == ElementType::F32)
    return static_cast<float>(value);
  return isFloat(type) ? roundFloat(type, value) : roundInteger(type, value);
}

int64_t wrapTo(ElementType type, int64_t value) {
  switch (type) {
  case ElementType::I32:
    return static_cast<int32_t>(static_cast<uint64_t>(value));
  case ElementType::I8:
    return static_cast<int8_t>(static_cast<uint64_t>(value));
  case ElementType::UI8:
    return static_cast<uint8_t>(static_cast<uint64_t>(value));
  case ElementType::I1:
    return value & 1;
  default:
    return value;
  }
}

int64_t toInteger(double value) {
  double whole = roundTo(ElementType::I64, value);
  if (whole >= 9223372036854775808.0)
    return std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(whole);
}

/// The bits of a value that stays in the normal range of a narrower format: the
/// mantissa is rounded in place, where a carry raises the exponent as it
/// should.
static std::optional<uint64_t> encodeNormal(const Format &format,
                                            double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  int dropped = 52 - format.mantissaBits;
  uint64_t magnitude = bits & ~(1ull << 63);
  uint64_t rebias = static_cast<uint64_t>(1023 - getBias(format)) << 52;
  if (magnitude < rebias + (1ull << 52))
    return std::nullopt;
  magnitude += (1ull << (dropped - 1)) - 1 + ((magnitude >> dropped) & 1);
  uint64_t narrow = (magnitude - rebias) >> dropped;
  if (narrow >> format.mantissaBits >= (1ull << format.exponentBits) - 1)
    return std::nullopt;
  return (bits >> 63) << (format.mantissaBits + format.exponentBits) | narrow;
}

uint64_t encode(ElementType type, double value) {
  if (isFloat(type) && type != ElementType::F64)
    if (std::optional<uint64_t> bits = encodeNormal(getFormat(type), value))
      return *bits;
  value = roundTo(type, value);
  const Format &format = getFormat(type);
  if (!format.isFloat) {
    uint64_t bits = static_cast<uint64_t>(toInteger(value));
    return format.bytes == 8 ? bits : bits & ((1ull << 8 * format.bytes) - 1);
  }
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  if (type == ElementType::F64)
    return bits;
  int width = format.mantissaBits + format.exponentBits;
  uint64_t sign = (bits >> 63) << width;
  uint64_t allOnes = (1ull << width) - 1;
  if (std::isnan(value))
    return sign | (format.hasInfinity
                       ? allOnes ^ ((1ull << (format.mantissaBits - 1)) - 1)
                       : allOnes);
  if (std::isinf(value))
    return sign | (allOnes ^ ((1ull << format.mantissaBits) - 1));
  if (value == 0)
    return sign;
  int exponent = std::ilogb(value), bias = getBias(format);
  double magnitude = std::fabs(value);
  if (exponent < 1 - bias) // subnormal: an integer count of the smallest
    return sign | static_cast<uint64_t>(
                      std::ldexp(magnitude, bias - 1 + format.mantissaBits));
  uint64_t fraction = static_cast<uint64_t>(
      std::ldexp(magnitude, format.mantissaBits - exponent));
  fraction &= (1ull << format.mantissaBits) - 1;
  uint64_t biased = static_cast<uint64_t>(exponent + bias);
  return sign | biased << format.mantissaBits | fraction;
}

double decode(ElementType type, uint64_t bits) {
  const Format &format = getFormat(type);
  switch (type) {
  case ElementType::F64: {
    double value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  case ElementType::I1:
    return (bits & 0xff) != 0;
  case ElementType::I64:
  case ElementType::UI8:
    return type == ElementType::UI8
               ? static_cast<double>(bits & 0xff)
               : static_cast<double>(static_cast<int64_t>(bits));
  case ElementType::I32:
  case ElementType::I8:
    return static_cast<double>(wrapTo(type, static_cast<int64_t>(bits)));
  default:
    break;
  }
  int width = format.mantissaBits + format.exponentBits;
  double sign = (bits >> width) & 1 ? -1.0 : 1.0;
  uint64_t fraction = bits & ((1ull << format.mantissaBits) - 1);
  uint64_t topExponent = (1ull << format.exponentBits) - 1;
  uint64_t biased = (bits >> format.mantissaBits) & topExponent;
  if (biased == topExponent && format.hasInfinity)
    return fraction ? std::numeric_limits<double>::quiet_NaN()
                    : sign * std::numeric_limits<double>::infinity();
  if (biased == topExponent && !format.hasInfinity &&
      fraction == (1ull << format.mantissaBits) - 1)
    return std::numeric_limits<double>::quiet_NaN();
  int exponent = static_cast<int>(biased ? biased : 1) - getBias(format);
  if (biased)
    fraction |= 1ull << format.mantissaBits;
  return sign * std::ldexp(static_cast<double>(fraction),
                           exponent - format.mantissaBits);
}

/// The values of all bit patterns of a type of at most 16 bits.
template <ElementType type, size_t count>
static const std::array<float, count> &getDecodeTable() {
  static const std::array<float, count> table = [] {
    std::array<float, count> values{};
    for (size_t bits = 0; bits != count; ++bits)
      values[bits] = static_cast<float>(decode(type, bits));
    return values;
  }();
  return table;
}

template <typename T> static T loadAs(const void *base, int64_t index) {
  T value;
  std::memcpy(&value, static_cast<const char *>(base) + index * sizeof(T),
              sizeof(T));
  return value;
}

double loadOther(ElementType type, const void *base, int64_t index) {
  switch (type) {
  case ElementType::F16:
    return getDecodeTable<ElementType::F16, 65536>()[loadAs<uint16_t>(base,
                                                                      index)];
  case ElementType::F8E4M3FN:
    return getDecodeTable<ElementType::F8E4M3FN, 256>()[loadAs<uint8_t>(base,
                                                                        index)];
  case ElementType::F8E5M2:
    return getDecodeTable<ElementType::F8E5M2, 256>()[loadAs<uint8_t>(base,
                                                                      index)];
  case ElementType::I64:
    return static_cast<double>(loadAs<int64_t>(base, index));
  case ElementType::I32:
    return loadAs<int32_t>(base, index);
  case ElementType::I8:
    return loadAs<int8_t>(base, index);
  case ElementType::UI8:
    return loadAs<uint8_t>(base, index);
  case ElementType::I1:
    return loadAs<uint8_t>(base, index) != 0;
  default:
    return loadElement(type, base, index);
  }
}

void storeElement(ElementType type, void *base, int64_t index, double value) {
  uint64_t bits = encode(type, value);
  size_t size = getByteSize(type);
  // Little-endian: the low bytes come first.
  std::memcpy(static_cast<char *>(base) + index * static_cast<int64_t>(size),
              &bits, size);
}

} // namespace attn::reference
