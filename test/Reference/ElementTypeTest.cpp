//===- ElementTypeTest.cpp - Rounding, exhaustively where it is small -----===//

#include "dialect/Attn/Reference/ElementType.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace attn::reference;

namespace {
constexpr double inf = std::numeric_limits<double>::infinity();

const ElementType narrow[] = {ElementType::F16, ElementType::BF16,
                              ElementType::F8E4M3FN, ElementType::F8E5M2};

uint64_t getNumPatterns(ElementType type) {
  return 1ull << (8 * getByteSize(type));
}

TEST(ElementType, names_are_read_back) {
  for (int i = 0; i <= static_cast<int>(ElementType::I1); ++i) {
    auto type = static_cast<ElementType>(i);
    EXPECT_EQ(parseElementType(getName(type)), type);
  }
  EXPECT_FALSE(parseElementType("f12"));
}

TEST(ElementType, every_pattern_is_encoded_as_it_was_decoded) {
  for (ElementType type : narrow)
    for (uint64_t bits = 0; bits != getNumPatterns(type); ++bits) {
      double value = decode(type, bits);
      if (std::isnan(value))
        EXPECT_TRUE(std::isnan(decode(type, encode(type, value))));
      else
        ASSERT_EQ(encode(type, value), bits) << getName(type);
    }
}

/// Between two neighbours a value rounds to the nearer, the middle to the even.
TEST(ElementType, rounding_between_all_neighbours) {
  for (ElementType type : narrow) {
    uint64_t last = encode(type, getLargest(type));
    for (uint64_t bits = 0; bits != last; ++bits) {
      double low = decode(type, bits), high = decode(type, bits + 1);
      double middle = (low + high) / 2;
      double even = bits % 2 == 0 ? low : high;
      ASSERT_EQ(roundTo(type, middle), even) << getName(type) << " " << middle;
      ASSERT_EQ(roundTo(type, std::nextafter(middle, 0)), low);
      ASSERT_EQ(roundTo(type, std::nextafter(middle, inf)), high);
      ASSERT_EQ(roundTo(type, -middle), -even);
    }
  }
}

TEST(ElementType, overflow_is_infinite_or_not_a_number) {
  EXPECT_EQ(getLargest(ElementType::F16), 65504);
  EXPECT_EQ(getLargest(ElementType::F8E5M2), 57344);
  EXPECT_EQ(getLargest(ElementType::BF16), 0x1.fep127);
  EXPECT_EQ(roundTo(ElementType::F16, 65519), 65504);
  EXPECT_EQ(roundTo(ElementType::F16, 65520), inf);
  EXPECT_EQ(roundTo(ElementType::F16, -65520), -inf);
  EXPECT_EQ(roundTo(ElementType::F8E4M3FN, 464), 448) << "a tie, to even";
  EXPECT_TRUE(std::isnan(roundTo(ElementType::F8E4M3FN, 464.1)));
  EXPECT_TRUE(std::isnan(roundTo(ElementType::F8E4M3FN, inf)));
}

/// bf16 and f16 agree with the compiler's own types.
TEST(ElementType, agrees_with_the_hardware_types) {
  uint64_t state = 1;
  for (int i = 0; i != 200000; ++i) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    uint32_t bits = static_cast<uint32_t>(state >> 32);
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    if (std::isnan(value))
      continue;
    ASSERT_EQ(roundTo(ElementType::F16, value),
              static_cast<double>(static_cast<_Float16>(value)))
        << value;
    ASSERT_EQ(encode(ElementType::F32, value), bits);
    ASSERT_EQ(decode(ElementType::F32, bits), value);
    uint32_t nearest = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    ASSERT_EQ(encode(ElementType::BF16, value), nearest) << value;
  }
}

TEST(ElementType, integers_saturate_from_floats_and_wrap_from_integers) {
  EXPECT_EQ(roundTo(ElementType::I8, 127.9), 127);
  EXPECT_EQ(roundTo(ElementType::I8, -300), -128);
  EXPECT_EQ(roundTo(ElementType::UI8, -0.5), 0);
  EXPECT_EQ(roundTo(ElementType::UI8, 1e9), 255);
  EXPECT_EQ(roundTo(ElementType::I32, std::nan("")), 0);
  EXPECT_EQ(roundTo(ElementType::I1, 0.5), 1);
  EXPECT_EQ(wrapTo(ElementType::I8, 200), -56);
  EXPECT_EQ(wrapTo(ElementType::UI8, -1), 255);
  EXPECT_EQ(wrapTo(ElementType::I32, 1ll << 31), -(1ll << 31));
  EXPECT_EQ(toInteger(1e30), std::numeric_limits<int64_t>::max());
}

TEST(ElementType, elements_are_stored_and_loaded) {
  for (int i = 0; i <= static_cast<int>(ElementType::I1); ++i) {
    auto type = static_cast<ElementType>(i);
    alignas(8) char bytes[32] = {};
    storeElement(type, bytes, 2, 1);
    EXPECT_EQ(loadElement(type, bytes, 2), 1) << getName(type);
    EXPECT_EQ(loadElement(type, bytes, 1), 0) << getName(type);
    if (isFloat(type)) {
      storeElement(type, bytes, 1, -1.5);
      EXPECT_EQ(loadElement(type, bytes, 1), -1.5) << getName(type);
    }
  }
}

} // namespace
