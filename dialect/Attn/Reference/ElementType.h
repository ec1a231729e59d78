//===- ElementType.h - Element types and how they round -------------------===//
//
// The element types of the language and the conversions between float64 and
// their bits, written out in integer arithmetic so that no compiler or library
// version can change a reference result. All conversions round to nearest, ties
// to even.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECT_ATTN_REFERENCE_ELEMENTTYPE_H
#define DIALECT_ATTN_REFERENCE_ELEMENTTYPE_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace attn::reference {

enum class ElementType : uint8_t {
  F64,
  F32,
  F16,
  BF16,
  F8E4M3FN,
  F8E5M2,
  I64,
  I32,
  I8,
  UI8,
  I1
};

/// The spelling used in specs and in JSON: "bf16", "f8E4M3FN", "ui8", ...
std::string_view getName(ElementType type);
std::optional<ElementType> parseElementType(std::string_view name);

bool isFloat(ElementType type);
inline bool isInteger(ElementType type) { return !isFloat(type); }

/// True of the floating-point types of 16 bits or fewer.
bool isNarrowFloat(ElementType type);

/// Bytes of one element in memory; i1 takes one byte.
size_t getByteSize(ElementType type);

/// The type that an expression has after reading an element (S8): narrow floats
/// widen to f32, i8 and ui8 to i32.
ElementType widen(ElementType type);

/// Half the distance between 1 and the next number; 0 for integers.
double getUnitRoundoff(ElementType type);

/// Half the distance between two subnormal numbers, the absolute error that
/// rounding makes near zero; 0 for integers.
double getUnderflowError(ElementType type);

/// The largest finite value.
double getLargest(ElementType type);

/// Rounds to the nearest value of `type`, as a cast does. Floats overflow to
/// infinity, except f8E4M3FN, which has none and overflows to NaN. A float is
/// made an integer by truncation toward zero, saturated; NaN gives 0. i1 is
/// whether the value differs from 0.
double roundTo(ElementType type, double value);

/// Keeps the low bits of an integer, as a cast between integers does.
int64_t wrapTo(ElementType type, int64_t value);

/// The bits of a value that is rounded to `type` first; NaN becomes the quiet
/// NaN of the type.
uint64_t encode(ElementType type, double value);
double decode(ElementType type, uint64_t bits);

/// The integer that a double holds; saturates, and NaN gives 0.
int64_t toInteger(double value);

/// loadElement of a type that it doesn't know itself.
double loadOther(ElementType type, const void *base, int64_t index);

/// Reads element `index` of an array of `type`.
inline double loadElement(ElementType type, const void *base, int64_t index) {
  const char *bytes = static_cast<const char *>(base);
  if (type == ElementType::F64) {
    double value;
    std::memcpy(&value, bytes + index * 8, sizeof(value));
    return value;
  }
  float value;
  if (type == ElementType::F32) {
    std::memcpy(&value, bytes + index * 4, sizeof(value));
    return value;
  }
  if (type != ElementType::BF16)
    return loadOther(type, base, index);
  uint16_t half;
  std::memcpy(&half, bytes + index * 2, sizeof(half));
  uint32_t bits = static_cast<uint32_t>(half) << 16;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

/// Writes element `index` of an array of `type`, rounded to it.
void storeElement(ElementType type, void *base, int64_t index, double value);

} // namespace attn::reference

#endif // DIALECT_ATTN_REFERENCE_ELEMENTTYPE_H
