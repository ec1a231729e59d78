//===- Tensor.cpp - A tensor argument as addresses ------------------------===//

#include "runtime/Tensor.h"

#include <algorithm>
#include <cstdlib>

using namespace attn::rt;

std::string attn::rt::getTypeName(DLDataType type) {
  std::string bits = std::to_string(type.bits), name;
  switch (type.code) {
  case kDLInt:
    name = "i" + bits;
    break;
  case kDLUInt:
    name = "ui" + bits;
    break;
  case kDLFloat:
    name = "f" + bits;
    break;
  case kDLBfloat:
    name = "bf" + bits;
    break;
  case kDLComplex:
    name = "complex" + bits;
    break;
  case kDLBool:
    name = type.bits == 8 ? "i1" : "bool" + bits;
    break;
  case kDLFloat8_e4m3fn:
    name = "f8E4M3FN";
    break;
  case kDLFloat8_e5m2:
    name = "f8E5M2";
    break;
  default:
    name = "(DLPack code " + std::to_string(type.code) + ", " + bits + " bits)";
  }
  return type.lanes == 1 ? name : name + "x" + std::to_string(type.lanes);
}

DLDataType attn::rt::getType(const attnrt_arg_desc &arg) {
  return {arg.type_code, arg.type_bits, /*lanes=*/1};
}

std::string attn::rt::getListText(const int64_t *numbers, int64_t count) {
  std::string text = "[";
  for (int64_t i = 0; i < count; ++i)
    text += (i ? ", " : "") + std::to_string(numbers[i]);
  return text + "]";
}

void attn::rt::getCompactStrides(const int64_t *extents, int64_t count,
                                 int64_t *strides) {
  // Unsigned: a tensor with an extent of 0 may have any others.
  uint64_t stride = 1;
  for (int64_t i = count; i-- > 0;) {
    strides[i] = int64_t(stride);
    stride *= uint64_t(extents[i]);
  }
}

bool View::computeRange() {
  int64_t low = 0, high = getElementBytes();
  for (uint32_t i = 0; i < arg->num_ranks; ++i) {
    int64_t reach;
    if (__builtin_mul_overflow(extents[i] - 1, strides[i], &reach) ||
        __builtin_mul_overflow(reach, getElementBytes(), &reach) ||
        __builtin_add_overflow(reach < 0 ? low : high, reach,
                               reach < 0 ? &low : &high))
      return false;
  }
  return !__builtin_add_overflow(data, low, &begin) &&
         !__builtin_add_overflow(data, high, &end);
}

bool View::isNested() const {
  // Each round takes the smallest stride that is left. Ranks are few.
  int64_t span = 1;
  uint64_t used = 0;
  for (uint32_t round = 0; round < arg->num_ranks; ++round) {
    int64_t best = -1;
    for (uint32_t i = 0; i < arg->num_ranks; ++i)
      if (extents[i] > 1 && !(used >> i & 1) &&
          (best < 0 || std::abs(strides[i]) < std::abs(strides[best])))
        best = i;
    if (best < 0)
      return true;
    used |= uint64_t(1) << best;
    int64_t stride = std::abs(strides[best]);
    if (stride < span)
      return false;
    // computeRange() has shown that the sum of these is an address range.
    span += (extents[best] - 1) * stride;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// Overlap
//===----------------------------------------------------------------------===//

namespace {

/// Where the elements of a view lie modulo a period, in bytes.
struct Residues {
  uintptr_t start, length;

  Residues(const View &view, uintptr_t period) {
    uintptr_t low = 0, high = view.getElementBytes();
    for (uint32_t i = 0; i < view.arg->num_ranks; ++i) {
      // The stride of a single coordinate may be any number.
      if (view.extents[i] == 1)
        continue;
      int64_t stride = view.strides[i] * view.getElementBytes();
      if (uintptr_t(std::abs(stride)) % period == 0)
        continue;
      (stride < 0 ? low : high) += (view.extents[i] - 1) * std::abs(stride);
    }
    start = (view.data - low) % period;
    length = low + high;
  }
};

} // namespace

/// Returns whether the views lie in different residues modulo `period`.
static bool areDisjointModulo(const View &a, const View &b, uintptr_t period) {
  Residues left(a, period), right(b, period);
  uintptr_t distance = (right.start + period - left.start) % period;
  return left.length <= distance && right.length <= period - distance;
}

bool attn::rt::areDisjoint(const View &a, const View &b) {
  if (a.isEmpty || b.isEmpty || a.end <= b.begin || b.end <= a.begin)
    return true;
  for (const View *view : {&a, &b})
    for (uint32_t i = 0; i < view->arg->num_ranks; ++i) {
      if (view->extents[i] == 1 || view->strides[i] == 0)
        continue;
      int64_t stride = std::abs(view->strides[i]) * view->getElementBytes();
      if (areDisjointModulo(a, b, stride))
        return true;
    }
  return false;
}
