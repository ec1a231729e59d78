//===- Coordinates.h - Which coordinates of a rank are evaluated ----------===//

#ifndef DIALECT_ATTN_REFERENCE_COORDINATES_H
#define DIALECT_ATTN_REFERENCE_COORDINATES_H

#include <cstdint>
#include <vector>

namespace attn::reference {

/// A sorted set of coordinates of one rank: a range [begin, end) or a list. The
/// position of a coordinate is its place in the set.
class Coordinates {
public:
  Coordinates() = default;
  static Coordinates range(int64_t begin, int64_t end);
  static Coordinates all(int64_t extent) { return range(0, extent); }
  /// Sorts `list` and drops duplicates.
  static Coordinates of(std::vector<int64_t> list);

  int64_t size() const {
    return isRange() ? end - begin : static_cast<int64_t>(list.size());
  }
  bool empty() const { return size() == 0; }
  bool isRange() const { return list.empty(); }
  int64_t operator[](int64_t position) const {
    return isRange() ? begin + position : list[position];
  }
  int64_t front() const { return (*this)[0]; }
  int64_t back() const { return (*this)[size() - 1]; }
  /// -1 where the coordinate is not in the set.
  int64_t getPosition(int64_t coordinate) const;
  bool contains(int64_t coordinate) const {
    return getPosition(coordinate) >= 0;
  }

  Coordinates unionWith(const Coordinates &other) const;
  Coordinates intersect(const Coordinates &other) const;
  bool operator==(const Coordinates &other) const;
  bool operator!=(const Coordinates &other) const { return !(*this == other); }

private:
  int64_t begin = 0, end = 0;
  std::vector<int64_t> list; // empty, or at least two that are no range
};

/// The coordinates of each rank of a tensor; the product of them is meant.
using CoordinateBox = std::vector<Coordinates>;

/// The number of points of a box.
int64_t getNumPoints(const CoordinateBox &box);

} // namespace attn::reference

#endif // DIALECT_ATTN_REFERENCE_COORDINATES_H
