//===- Coordinates.cpp - Which coordinates of a rank are evaluated --------===//

#include "dialect/Attn/Reference/Coordinates.h"
#include <algorithm>
#include <iterator>

namespace attn::reference {

Coordinates Coordinates::range(int64_t begin, int64_t end) {
  Coordinates result;
  if (begin < end) {
    result.begin = begin;
    result.end = end;
  }
  return result;
}

Coordinates Coordinates::of(std::vector<int64_t> list) {
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  if (list.empty())
    return Coordinates();
  if (list.back() - list.front() + 1 == static_cast<int64_t>(list.size()))
    return range(list.front(), list.back() + 1);
  Coordinates result;
  result.list = std::move(list);
  return result;
}

int64_t Coordinates::getPosition(int64_t coordinate) const {
  if (isRange())
    return coordinate >= begin && coordinate < end ? coordinate - begin : -1;
  auto found = std::lower_bound(list.begin(), list.end(), coordinate);
  return found != list.end() && *found == coordinate ? found - list.begin()
                                                     : -1;
}

Coordinates Coordinates::unionWith(const Coordinates &other) const {
  if (empty() || *this == other)
    return other;
  if (other.empty())
    return *this;
  if (isRange() && other.isRange() && begin <= other.end && other.begin <= end)
    return range(std::min(begin, other.begin), std::max(end, other.end));
  std::vector<int64_t> merged;
  for (const Coordinates *set : {this, &other})
    for (int64_t i = 0; i != set->size(); ++i)
      merged.push_back((*set)[i]);
  return of(std::move(merged));
}

Coordinates Coordinates::intersect(const Coordinates &other) const {
  if (isRange() && other.isRange())
    return range(std::max(begin, other.begin), std::min(end, other.end));
  std::vector<int64_t> common;
  for (int64_t i = 0; i != size(); ++i)
    if (other.contains((*this)[i]))
      common.push_back((*this)[i]);
  return of(std::move(common));
}

bool Coordinates::operator==(const Coordinates &other) const {
  return begin == other.begin && end == other.end && list == other.list;
}

int64_t getNumPoints(const CoordinateBox &box) {
  int64_t count = 1;
  for (const Coordinates &coordinates : box)
    count *= coordinates.size();
  return count;
}

} // namespace attn::reference
