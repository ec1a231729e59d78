//===- Layout.cpp - How a tile is spread over a block's registers ---------===//

#include "lib/Target/NVPTX/Layout.h"

using namespace attn;
using namespace attn::nvptx;
using llvm::SmallVector;

/// The lanes of a warp, and the warps of a block, for fragments of `rows`: four
/// lanes have `perLane` neighbouring columns each, eight quads a row each.
static Layout::Digits getLanes(int64_t perLane) {
  return {{4, Axis::Column, perLane}, {8, Axis::Row, 1}};
}

static Layout::Digits getWarps(int64_t rows) {
  return {
      {rows / Layout::rowsPerWarp, Axis::Row, Layout::rowsPerWarp},
  };
}

Layout Layout::accumulator(int64_t rows, int64_t columns) {
  return Layout(
      {{2, Axis::Column, 1}, {2, Axis::Row, 8}, {columns / 8, Axis::Column, 8}},
      getLanes(2), getWarps(rows));
}

Layout Layout::leftOperand(int64_t rows, int64_t columns) {
  // a0..a7 of one step along the contracted rank, then the steps.
  return Layout({{2, Axis::Column, 1},
                 {2, Axis::Row, 8},
                 {2, Axis::Column, 8},
                 {columns / 16, Axis::Column, 16}},
                getLanes(2), getWarps(rows));
}

Layout Layout::rowVector(int64_t rows) {
  return accumulator(rows, 8).reduce(Axis::Column);
}

int64_t Layout::count(const Digits &digits) {
  int64_t count = 1;
  for (const Digit &digit : digits)
    count *= digit.size;
  return count;
}

/// Adds to `place` where the digits of `number` lead.
static void move(const Layout::Digits &digits, int64_t number, Place &place) {
  for (const Digit &digit : digits) {
    int64_t distance = number % digit.size * digit.stride;
    number /= digit.size;
    if (digit.axis == Axis::Row)
      place.row += distance;
    else if (digit.axis == Axis::Column)
      place.column += distance;
  }
}

Place Layout::getPlace(int64_t reg, int64_t lane, int64_t warp) const {
  Place place;
  move(registers, reg, place);
  move(lanes, lane, place);
  move(warps, warp, place);
  return place;
}

Layout Layout::reduce(Axis axis) const {
  Layout result = *this;
  llvm::erase_if(result.registers,
                 [&](const Digit &digit) { return digit.axis == axis; });
  for (Digits *digits : {&result.lanes, &result.warps})
    for (Digit &digit : *digits)
      if (digit.axis == axis)
        digit.axis = Axis::None;
  return result;
}

int64_t Layout::getReducedRegister(Axis axis, int64_t reg) const {
  int64_t result = 0, weight = 1;
  for (const Digit &digit : registers) {
    if (digit.axis != axis) {
      result += reg % digit.size * weight;
      weight *= digit.size;
    }
    reg /= digit.size;
  }
  return result;
}

SmallVector<int64_t> Layout::getLaneMasks(Axis axis) const {
  SmallVector<int64_t> masks;
  int64_t weight = 1;
  for (const Digit &digit : lanes) {
    for (int64_t bit = 1; bit < digit.size; bit *= 2)
      if (digit.axis == axis)
        masks.push_back(bit * weight);
    weight *= digit.size;
  }
  return masks;
}

/// The same digits with neighbours that are one joined.
static Layout::Digits normalize(const Layout::Digits &digits) {
  Layout::Digits result;
  for (const Digit &digit : digits) {
    if (digit.size == 1)
      continue;
    if (!result.empty()) {
      Digit &last = result.back();
      bool continues =
          digit.axis == Axis::None || digit.stride == last.size * last.stride;
      if (last.axis == digit.axis && continues) {
        last.size *= digit.size;
        continue;
      }
    }
    result.push_back(digit.axis == Axis::None ? Digit{digit.size, Axis::None, 0}
                                              : digit);
  }
  return result;
}

bool Layout::operator==(const Layout &other) const {
  return normalize(registers) == normalize(other.registers) &&
         normalize(lanes) == normalize(other.lanes) &&
         normalize(warps) == normalize(other.warps);
}
