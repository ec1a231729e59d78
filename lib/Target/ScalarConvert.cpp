//===- ScalarConvert.cpp - Conversions of element types -------------------===//
//
// Narrow types are converted by integer operations on their bits, because the
// feature levels differ in what they have; f16 alone has instructions in each.
//
//===----------------------------------------------------------------------===//

#include "lib/Target/Scalar.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <cmath>

using namespace mlir;
using namespace attn;

Type attn::getTypeLike(Type like, Type element) {
  if (auto vector = dyn_cast<VectorType>(like))
    return VectorType::get(vector.getShape(), element);
  return element;
}

static Value makeConstant(ImplicitLocOpBuilder &b, Type type, Attribute value) {
  if (auto vector = dyn_cast<VectorType>(type))
    return arith::ConstantOp::create(
        b, type, cast<TypedAttr>(DenseElementsAttr::get(vector, value)));
  return arith::ConstantOp::create(b, type, cast<TypedAttr>(value));
}

Value attn::makeConstant(ImplicitLocOpBuilder &b, Type type, double number) {
  return ::makeConstant(b, type,
                        b.getFloatAttr(getElementTypeOrSelf(type), number));
}

Value attn::makeInteger(ImplicitLocOpBuilder &b, Type type, int64_t number) {
  return ::makeConstant(b, type,
                        b.getIntegerAttr(getElementTypeOrSelf(type), number));
}

Type attn::getWideType(Type type) {
  if (auto real = dyn_cast<FloatType>(type))
    return real.getWidth() < 32 ? Float32Type::get(type.getContext()) : type;
  if (auto integer = dyn_cast<IntegerType>(type))
    if (integer.getWidth() == 8)
      return IntegerType::get(type.getContext(), 32);
  return type;
}

Type attn::getMemoryType(Type type) {
  MLIRContext *context = type.getContext();
  if (auto real = dyn_cast<FloatType>(type)) {
    bool isPlain = real.getWidth() >= 32 || real.isF16();
    return isPlain ? type : IntegerType::get(context, real.getWidth());
  }
  unsigned width = type.getIntOrFloatBitWidth();
  return IntegerType::get(context, width == 1 ? 8 : width);
}

Type attn::getScratchType(Type element) {
  bool isBits = element.isInteger(1) || element.isBF16();
  return isBits ? getMemoryType(element) : element;
}

//===----------------------------------------------------------------------===//
// Small floats as bits of a larger one
//===----------------------------------------------------------------------===//

namespace {
/// Operations on the bits of an f32 (or a vector of them).
struct Bits {
  ImplicitLocOpBuilder &b;
  Type i32, f32;

  Bits(ImplicitLocOpBuilder &b, Value like)
      : b(b), i32(getTypeLike(like.getType(), b.getI32Type())),
        f32(getTypeLike(like.getType(), b.getF32Type())) {}

  Value number(int64_t n) { return makeInteger(b, i32, n); }
  Value shl(Value x, int n) { return arith::ShLIOp::create(b, x, number(n)); }
  Value shr(Value x, int n) { return arith::ShRUIOp::create(b, x, number(n)); }
  Value band(Value x, int64_t mask) {
    return arith::AndIOp::create(b, x, number(mask));
  }
  Value bor(Value x, Value y) { return arith::OrIOp::create(b, x, y); }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, x, y); }
  Value toFloat(Value x) { return arith::BitcastOp::create(b, f32, x); }
  Value toBits(Value x) { return arith::BitcastOp::create(b, i32, x); }
  Value choose(Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, condition, x, y);
  }
  Value isNaN(Value x) {
    return arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x);
  }
  Value compare(arith::CmpIPredicate predicate, Value x, int64_t n) {
    return arith::CmpIOp::create(b, predicate, x, number(n));
  }
  /// Rounds the low `drop` bits away, to nearest even, and shifts them out.
  Value roundShift(Value x, int drop) {
    Value odd = band(shr(x, drop), 1);
    return shr(add(add(x, odd), number((1 << (drop - 1)) - 1)), drop);
  }
};
} // namespace

/// The exponent's bias and the mantissa's bits of an 8-bit float.
static std::pair<int, int> getFormat(Type element) {
  return isa<Float8E5M2Type>(element) ? std::pair(15, 2) : std::pair(7, 3);
}

/// An 8-bit float's bits, placed at an f32's exponent and mantissa, are its
/// value times a power of two; multiplying is exact, subnormals included.
static Value widenFloat8(Bits bits, Value byte, Type element) {
  auto [bias, mantissa] = getFormat(element);
  Value word = arith::ExtUIOp::create(bits.b, bits.i32, byte);
  Value sign = bits.shl(bits.band(word, 0x80), 24);
  Value magnitude = bits.band(word, 0x7f);
  Value scaled = bits.toFloat(bits.shl(magnitude, 23 - mantissa));
  Value scale = makeConstant(bits.b, bits.f32, std::ldexp(1.0, 127 - bias));
  Value value = bits.toBits(arith::MulFOp::create(bits.b, scaled, scale));
  bool isE5M2 = isa<Float8E5M2Type>(element);
  // Above the largest finite number: NaN; E5M2's infinity keeps mantissa 0.
  Value special =
      bits.bor(bits.shl(magnitude, 23 - mantissa), bits.number(0x7f800000));
  Value isSpecial =
      bits.compare(arith::CmpIPredicate::uge, magnitude, isE5M2 ? 0x7c : 0x7f);
  return bits.toFloat(bits.bor(sign, bits.choose(isSpecial, special, value)));
}

static Value narrowFloat8(Bits bits, Value value, Type element) {
  auto [bias, mantissa] = getFormat(element);
  bool isE5M2 = isa<Float8E5M2Type>(element);
  Value word = bits.toBits(value);
  Value sign = bits.shr(bits.band(word, 0x80000000), 24);
  Value magnitude = bits.band(word, 0x7fffffff);
  // Normal: rebias, then round the mantissa; a carry goes to the exponent.
  Value rebased =
      bits.add(magnitude, bits.number(-(int64_t(127 - bias) << 23)));
  Value normal = bits.roundShift(rebased, 23 - mantissa);
  // Subnormal: adding a power of two rounds at the format's last place.
  double magic = std::ldexp(1.0, 24 - bias - mantissa);
  Value shifter = makeConstant(bits.b, bits.f32, magic);
  Value summed =
      arith::AddFOp::create(bits.b, bits.toFloat(magnitude), shifter);
  Value subnormal =
      arith::SubIOp::create(bits.b, bits.toBits(summed), bits.toBits(shifter));
  Value isSmall = bits.compare(arith::CmpIPredicate::ult, magnitude,
                               int64_t(128 - bias) << 23);
  Value code = bits.choose(isSmall, subnormal, normal);
  int64_t nan = 0x7f, overflow = isE5M2 ? 0x7c : 0x7f;
  Value isLarge = arith::CmpIOp::create(bits.b, arith::CmpIPredicate::ugt, code,
                                        bits.number(isE5M2 ? 0x7b : 0x7e));
  // An f32 so large that rebasing overflows is larger than any code as well.
  code = bits.choose(isLarge, bits.number(overflow), code);
  code = bits.choose(bits.isNaN(value), bits.number(nan), code);
  Type byte = getTypeLike(value.getType(), bits.b.getI8Type());
  return arith::TruncIOp::create(bits.b, byte, bits.bor(sign, code));
}

static Value narrowBFloat16(Bits bits, Value value) {
  Value word = bits.toBits(value);
  Value rounded = bits.roundShift(word, 16);
  Value quiet = bits.bor(bits.shr(word, 16), bits.number(0x40));
  Value code = bits.choose(bits.isNaN(value), quiet, rounded);
  return arith::TruncIOp::create(
      bits.b, getTypeLike(value.getType(), bits.b.getI16Type()), code);
}

//===----------------------------------------------------------------------===//
// Widening and narrowing
//===----------------------------------------------------------------------===//

Value attn::widenElement(ImplicitLocOpBuilder &b, Value loaded, Type element) {
  Type wide = getTypeLike(loaded.getType(), getWideType(element));
  if (element.isBF16()) {
    Bits bits(b, loaded);
    Value word = arith::ExtUIOp::create(b, bits.i32, loaded);
    return bits.toFloat(bits.shl(word, 16));
  }
  if (isa<Float8E4M3FNType, Float8E5M2Type>(element))
    return widenFloat8(Bits(b, loaded), loaded, element);
  if (element.isF16())
    return arith::ExtFOp::create(b, wide, loaded);
  if (element.isInteger(1)) {
    Value zero = makeInteger(b, loaded.getType(), 0);
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, loaded, zero);
  }
  if (element.isUnsignedInteger(8))
    return arith::ExtUIOp::create(b, wide, loaded);
  if (element.isInteger(8))
    return arith::ExtSIOp::create(b, wide, loaded);
  return loaded;
}

/// The range of an integer type that values saturate to.
static std::pair<int64_t, int64_t> getRange(Type element) {
  unsigned width = element.getIntOrFloatBitWidth();
  if (element.isUnsignedInteger())
    return {0, (int64_t(1) << width) - 1};
  int64_t high = width == 64 ? INT64_MAX : (int64_t(1) << (width - 1)) - 1;
  return {-high - 1, high};
}

/// Truncates towards 0 and saturates; NaN becomes 0.
static Value floatToInteger(ImplicitLocOpBuilder &b, Value value,
                            Type element) {
  Type real = value.getType();
  auto [low, high] = getRange(element);
  Type integer =
      getTypeLike(real, b.getIntegerType(element.isInteger(64) ? 64 : 32));
  auto compare = [&](arith::CmpFPredicate predicate, double bound) -> Value {
    return arith::CmpFOp::create(b, predicate, value,
                                 makeConstant(b, real, bound));
  };
  // Bounds that are powers of two, so that they are exact in any float.
  Value isLow = compare(arith::CmpFPredicate::OLE, double(low));
  Value isHigh =
      compare(arith::CmpFPredicate::OGE,
              std::ldexp(1.0, 63 - llvm::countl_zero(uint64_t(high)) + 1));
  Value isNaN =
      arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, value, value);
  Value outside =
      arith::OrIOp::create(b, arith::OrIOp::create(b, isLow, isHigh), isNaN);
  Value safe =
      arith::SelectOp::create(b, outside, makeConstant(b, real, 0.0), value);
  Value result = arith::FPToSIOp::create(b, integer, safe);
  result =
      arith::SelectOp::create(b, isLow, makeInteger(b, integer, low), result);
  return arith::SelectOp::create(b, isHigh, makeInteger(b, integer, high),
                                 result);
}

/// An integer of another width; the low bits of a wider one.
static Value resizeInteger(ImplicitLocOpBuilder &b, Value value, Type element) {
  Type type = getTypeLike(value.getType(), element);
  unsigned from = getElementTypeOrSelf(value).getIntOrFloatBitWidth();
  unsigned to = element.getIntOrFloatBitWidth();
  if (from == to)
    return value;
  if (from == 1)
    return arith::ExtUIOp::create(b, type, value);
  if (from < to)
    return arith::ExtSIOp::create(b, type, value);
  return arith::TruncIOp::create(b, type, value);
}

Value attn::narrowElement(ImplicitLocOpBuilder &b, Value value, Type element) {
  Type from = getElementTypeOrSelf(value);
  Type memory = getMemoryType(element);
  if (isa<IndexType>(from)) {
    value = arith::IndexCastOp::create(
        b, getTypeLike(value.getType(), b.getI64Type()), value);
    from = b.getI64Type();
  }
  if (isa<FloatType>(element)) {
    // Through f32 to the narrow types, f64 excepted.
    Type middle = getWideType(element);
    Type type = getTypeLike(value.getType(), middle);
    if (from.isInteger(1))
      value = arith::UIToFPOp::create(b, type, value);
    else if (isa<IntegerType>(from))
      value = arith::SIToFPOp::create(b, type, value);
    else if (from.getIntOrFloatBitWidth() > middle.getIntOrFloatBitWidth())
      value = arith::TruncFOp::create(b, type, value);
    else if (from.getIntOrFloatBitWidth() < middle.getIntOrFloatBitWidth())
      value = arith::ExtFOp::create(b, type, value);
    if (element.isBF16())
      return narrowBFloat16(Bits(b, value), value);
    if (isa<Float8E4M3FNType, Float8E5M2Type>(element))
      return narrowFloat8(Bits(b, value), value, element);
    if (element.isF16())
      return arith::TruncFOp::create(b, getTypeLike(value.getType(), element),
                                     value);
    return value;
  }
  if (element.isInteger(1)) {
    Value isSet;
    if (isa<FloatType>(from))
      isSet = arith::CmpFOp::create(b, arith::CmpFPredicate::ONE, value,
                                    makeConstant(b, value.getType(), 0.0));
    else
      isSet = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, value,
                                    makeInteger(b, value.getType(), 0));
    return arith::ExtUIOp::create(b, getTypeLike(value.getType(), memory),
                                  isSet);
  }
  if (isa<FloatType>(from))
    value = floatToInteger(b, value, element);
  return resizeInteger(b, value, memory);
}
