//===- ElementTest.cpp - Narrow types, bit by bit -------------------------===//
//
// Every bit pattern of a narrow type is widened, and many f32 are narrowed, and
// compared with the reference's conversions, which are integer arithmetic.
//
//===----------------------------------------------------------------------===//

#include "test/Target/CPU/Compiled.h"

#include <cmath>
#include <random>

using namespace attn::test;
namespace ref = attn::reference;

namespace {
class ElementTest : public CpuTest {};

const char *copyText = R"(
tile.kernel @copy grid(%n0 = n: 256) lanes n
    (%A: !tile.view<[n], $from>, %B: !tile.view<[n], $to>)
    attributes {ranks = []} {
  %a = tile.load %A[%n0] dims ["n"] : !tile.view<[n], $from> -> !tile.tile<[n: 256], $wide>
  tile.store %a, %B[%n0] dims ["n"] : !tile.tile<[n: 256], $wide>, !tile.view<[n], $to>
}
tile.program @p(%A: !tile.view<[n], $from>) -> (%B: !tile.view<[n], $to>)
    attributes {ranks = [#attn.rank<"n", free, 0>]} {
  tile.launch @copy(%A, %B) : !tile.view<[n], $from>, !tile.view<[n], $to>
}
)";

std::string getText(ElementType from, ElementType to, ElementType wide) {
  return substitute(copyText, {{"from", std::string(ref::getName(from))},
                               {"to", std::string(ref::getName(to))},
                               {"wide", std::string(ref::getName(wide))}});
}

bool isNaN(ElementType type, uint64_t bits) {
  double value = ref::decode(type, bits);
  return value != value;
}

/// Strides 1 and 2: vectors and single elements.
void expectCopies(Compiled &compiled, Tensor &from, ElementType to,
                  const char *what) {
  for (int64_t gap : {1, 2}) {
    int64_t count = from.extents[0];
    Tensor source(from.type, {count}, {0}, gap), target(to, {count}, {0}, gap);
    for (int64_t i = 0; i != count; ++i)
      source.setBits({i}, from.getBits({i}));
    ASSERT_EQ(compiled.run({count}, {&source, &target}), 0);
    int64_t failures = 0;
    for (int64_t i = 0; i != count && failures < 5; ++i) {
      uint64_t expected = ref::encode(to, source.get({i}));
      uint64_t actual = target.getBits({i});
      if (actual == expected || (isNaN(to, actual) && isNaN(to, expected)))
        continue;
      ++failures;
      ADD_FAILURE() << what << ", stride " << gap << ": " << source.get({i})
                    << " gives bits " << actual << ", expected " << expected;
    }
    EXPECT_TRUE(target.isRestUntouched());
  }
}

TEST_P(ElementTest, WidensEveryPattern) {
  for (ElementType type :
       {ElementType::BF16, ElementType::F16, ElementType::F8E4M3FN,
        ElementType::F8E5M2, ElementType::I8, ElementType::UI8,
        ElementType::I1}) {
    ElementType wide = ref::widen(type);
    Compiled compiled(getText(type, wide, wide), GetParam());
    // An i1 is 0 or 1 in memory.
    int64_t count = type == ElementType::I1       ? 2
                    : ref::getByteSize(type) == 1 ? 256
                                                  : 65536;
    // Not a multiple of the vectors' length.
    Tensor patterns(type, {count + 3});
    for (int64_t i = 0; i != count + 3; ++i)
      patterns.setBits({i}, static_cast<uint64_t>(i % count));
    expectCopies(compiled, patterns, wide, ref::getName(type).data());
  }
}

TEST_P(ElementTest, NarrowsFloats) {
  Tensor numbers(ElementType::F32, {100003});
  std::mt19937 random(1);
  int64_t next = 0;
  auto add = [&](uint32_t bits) {
    if (next != numbers.extents[0])
      numbers.setBits({next++}, bits);
  };
  // Around every number of the narrow types, and half way between two.
  for (ElementType type : {ElementType::F8E4M3FN, ElementType::F8E5M2})
    for (uint64_t code = 0; code != 256; ++code) {
      double value = ref::decode(type, code),
             above = ref::decode(type, code + 1);
      for (double x : {value, (value + above) / 2}) {
        uint32_t bits = static_cast<uint32_t>(ref::encode(ElementType::F32, x));
        for (int step = -1; step <= 1; ++step)
          add(bits + static_cast<uint32_t>(step));
      }
    }
  for (uint32_t bits : {0u, 0x80000000u, 0x7f800000u, 0xff800000u, 0x7fc00000u,
                        0x7f800001u, 0x7f7fffffu, 0x00000001u, 0x477fe000u,
                        0x477ff000u, 0x33000000u, 0x33000001u})
    add(bits);
  // Ties of bf16 and f16, then anything.
  while (next < numbers.extents[0] / 3)
    add(static_cast<uint32_t>(random()) & 0xffff8000u);
  while (next < 2 * numbers.extents[0] / 3)
    add((static_cast<uint32_t>(random()) & 0x9ffff000u) | 0x30000000u);
  while (next < numbers.extents[0])
    add(static_cast<uint32_t>(random()));
  for (ElementType type :
       {ElementType::BF16, ElementType::F16, ElementType::F8E4M3FN,
        ElementType::F8E5M2, ElementType::I8, ElementType::UI8,
        ElementType::I32, ElementType::I64, ElementType::I1}) {
    Compiled compiled(getText(ElementType::F32, type, ElementType::F32),
                      GetParam());
    expectCopies(compiled, numbers, type, ref::getName(type).data());
  }
}

TEST_P(ElementTest, KeepsLowBitsOfIntegers) {
  Compiled compiled(
      getText(ElementType::I32, ElementType::I8, ElementType::I32), GetParam());
  Tensor from(ElementType::I32, {1000}), to(ElementType::I8, {1000});
  for (int64_t i = 0; i != 1000; ++i)
    from.set({i}, static_cast<double>(i * 77 - 40000));
  ASSERT_EQ(compiled.run({1000}, {&from, &to}), 0);
  for (int64_t i = 0; i != 1000; ++i)
    EXPECT_EQ(to.get({i}), static_cast<int8_t>(i * 77 - 40000)) << i;
}
} // namespace

INSTANTIATE_LEVELS(ElementTest);
