//===- Layout.h - How a tile is spread over a block's registers -*- C++ -*-===//
//
// A register, a lane of a warp and a warp of the block together name one
// element of a tile. Each of the three numbers is read as digits of a mixed
// radix, and each digit moves along one axis of the tile by its stride, or
// along none: then the same element lies there once more. All of a unit's
// layouts are of this form, powers of two or not, so that two are compared, and
// one is reduced along an axis, without a word of the instruction.
//
// The fragments are those of mma.sync.m16n8k16 (PTX ISA, "Matrix Fragments for
// mma.m16n8k16"): a warp has 16 rows; a row lies in four neighbouring lanes, a
// quad. wgmma.m64nNk16 has the same ones in each of its four warps.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_TARGET_NVPTX_LAYOUT_H
#define LIB_TARGET_NVPTX_LAYOUT_H

#include "llvm/ADT/SmallVector.h"
#include <cstdint>

namespace attn::nvptx {

enum class Axis { Row, Column, None };

/// One digit: values below `size`, each `stride` further along `axis`.
struct Digit {
  int64_t size;
  Axis axis;
  int64_t stride;

  bool operator==(const Digit &other) const {
    return size == other.size && axis == other.axis && stride == other.stride;
  }
};

/// An element of a tile.
struct Place {
  int64_t row = 0, column = 0;

  bool operator==(const Place &other) const {
    return row == other.row && column == other.column;
  }
};

class Layout {
public:
  /// The lowest digit first.
  using Digits = llvm::SmallVector<Digit>;

  static constexpr int64_t warpSize = 32, rowsPerWarp = 16;

  /// What mma.sync sums into: `rows` is a multiple of 16, `columns` of 8.
  static Layout accumulator(int64_t rows, int64_t columns);
  /// The left operand of mma.sync, of 16-bit elements: `columns`, which are
  /// contracted, are a multiple of 16.
  static Layout leftOperand(int64_t rows, int64_t columns);
  /// One element for each row, in all lanes of its quad.
  static Layout rowVector(int64_t rows);

  int64_t getNumRegisters() const { return count(registers); }
  int64_t getNumWarps() const { return count(warps); }
  const Digits &getLaneDigits() const { return lanes; }
  const Digits &getWarpDigits() const { return warps; }

  Place getPlace(int64_t reg, int64_t lane = 0, int64_t warp = 0) const;

  /// What is left when the elements along `axis` are combined to one.
  Layout reduce(Axis axis) const;
  /// The register of `reduce(axis)` that `reg` is combined into.
  int64_t getReducedRegister(Axis axis, int64_t reg) const;
  /// The bits of a lane's number along `axis`: lanes that differ in them are
  /// combined too.
  llvm::SmallVector<int64_t> getLaneMasks(Axis axis) const;

  /// Whether every element lies in the same register of the same thread.
  bool operator==(const Layout &other) const;
  bool operator!=(const Layout &other) const { return !(*this == other); }

private:
  Layout(Digits registers, Digits lanes, Digits warps)
      : registers(std::move(registers)), lanes(std::move(lanes)),
        warps(std::move(warps)) {}
  static int64_t count(const Digits &digits);

  Digits registers, lanes, warps;
};

} // namespace attn::nvptx

#endif // LIB_TARGET_NVPTX_LAYOUT_H
