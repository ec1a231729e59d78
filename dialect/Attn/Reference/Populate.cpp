//===- Populate.cpp - Coordinates chosen by value -------------------------===//

#include "dialect/Attn/Reference/Populate.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace attn::reference {

namespace {
/// A candidate of a list: its value, its coordinate, and the place that it has.
struct Entry {
  double value = 0, error = 0;
  int64_t coordinate = 0;
  bool isRight = false;
  int64_t place = 0;
};
} // namespace

/// The larger value, the smaller coordinate where values are equal; NaN after
/// all numbers.
static bool isBetter(const Entry &a, const Entry &b) {
  if (a.value == b.value || (std::isnan(a.value) && std::isnan(b.value)))
    return a.coordinate < b.coordinate;
  if (std::isnan(a.value) || std::isnan(b.value))
    return std::isnan(b.value);
  return a.value > b.value;
}

/// The error of an ordered value: no more than the largest one of all.
static double getLargestError(const std::vector<Entry> &entries) {
  double largest = 0;
  for (const Entry &entry : entries)
    largest = std::max(largest, entry.error);
  return largest;
}

/// Whether a kernel may find another entry at `place` of the ordered entries.
static bool isDoubtful(const std::vector<Entry> &entries, size_t place) {
  auto mayChange = [&](size_t other) {
    const Entry &a = entries[place], &b = entries[other];
    double error = a.error + b.error;
    return error > 0 && !(std::fabs(a.value - b.value) > error);
  };
  return (place > 0 && mayChange(place - 1)) ||
         (place + 1 < entries.size() && mayChange(place + 1));
}

//===----------------------------------------------------------------------===//
// Top-k
//===----------------------------------------------------------------------===//

/// The present coordinates of the last rank at `point`, the best first.
static std::vector<Entry> rank(const Tensor &source,
                               std::vector<int64_t> point) {
  std::vector<Entry> entries;
  const Coordinates &along = source.box.back();
  for (int64_t i = 0; i != along.size(); ++i) {
    point.back() = along[i];
    int64_t offset = source.getOffset(point);
    if (!source.present.empty() && !source.present[offset])
      continue;
    Entry entry;
    entry.value = source.values[offset];
    entry.error = source.errors.empty() ? 0 : source.errors[offset];
    entry.coordinate = along[i];
    entries.push_back(entry);
  }
  std::sort(entries.begin(), entries.end(), isBetter);
  return entries;
}

Tensor chooseLargest(const Tensor &source, CoordinateBox box, bool isIndices,
                     bool withErrors) {
  Tensor result(std::move(box), 0.0, /*present=*/false, withErrors);
  size_t length = static_cast<size_t>(result.box.back().size());
  for (size_t at = 0; at < result.values.size(); at += length) {
    std::vector<Entry> entries =
        rank(source, result.getPoint(static_cast<int64_t>(at)));
    for (size_t i = 0; i != length; ++i) {
      size_t place = static_cast<size_t>(result.box.back()[i]);
      if (place >= entries.size())
        break;
      result.present[at + i] = 1;
      result.values[at + i] =
          isIndices ? static_cast<double>(entries[place].coordinate)
                    : entries[place].value;
      if (!withErrors)
        continue;
      if (!isIndices)
        result.errors[at + i] = getLargestError(entries);
      else if (isDoubtful(entries, place))
        result.errors[at + i] = std::numeric_limits<double>::infinity();
    }
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Join
//===----------------------------------------------------------------------===//

/// The place of `point`, over the ranks of the values, in a tensor of the list;
/// `others` is the point of that tensor's further ranks.
static int64_t getOffset(const ListTensor &list, bool isRight,
                         const std::vector<int64_t> &point,
                         std::vector<int64_t> others) {
  for (size_t i = 0; i != point.size(); ++i)
    others[list.ranks[i]] = point[i];
  return (isRight ? list.rhs : list.lhs)->getOffset(others);
}

Tensor joinLists(const ListTensor &values, const ListTensor &coordinates,
                 const ListTensor &payload, CoordinateBox box, double none,
                 bool withErrors) {
  Tensor result(std::move(box), none, /*present=*/true, withErrors);
  for (size_t at = 0; at != result.values.size(); ++at) {
    std::vector<int64_t> others = result.getPoint(static_cast<int64_t>(at));
    size_t place = static_cast<size_t>(others[payload.place]);
    std::vector<int64_t> point;
    for (unsigned rank : payload.ranks)
      point.push_back(others[rank]);
    std::vector<Entry> entries;
    for (bool isRight : {false, true}) {
      const Tensor &keys = isRight ? *values.rhs : *values.lhs;
      const Tensor &places = isRight ? *coordinates.rhs : *coordinates.lhs;
      for (int64_t i = 0; i != keys.box[values.place].size(); ++i) {
        point[values.place] = keys.box[values.place][i];
        int64_t from = getOffset(values, isRight, point, point);
        int64_t index = getOffset(coordinates, isRight, point, point);
        bool isPresent = places.present.empty() || places.present[index];
        if (!isPresent || places.values[index] < 0)
          continue;
        Entry entry;
        entry.value = keys.values[from];
        entry.error = keys.errors.empty() ? 0 : keys.errors[from];
        entry.coordinate = static_cast<int64_t>(places.values[index]);
        entry.isRight = isRight;
        entry.place = point[values.place];
        entries.push_back(entry);
      }
    }
    std::sort(entries.begin(), entries.end(), isBetter);
    if (place >= entries.size())
      continue;
    const Entry &entry = entries[place];
    point[values.place] = entry.place;
    const Tensor &source = entry.isRight ? *payload.rhs : *payload.lhs;
    int64_t from = getOffset(payload, entry.isRight, point, others);
    bool isPresent = source.present.empty() || source.present[from];
    result.values[at] = isPresent ? source.values[from] : none;
    if (!withErrors)
      continue;
    bool isValue = payload.lhs == values.lhs;
    if (isValue)
      result.errors[at] = getLargestError(entries);
    else if (isDoubtful(entries, place))
      result.errors[at] = std::numeric_limits<double>::infinity();
    else
      result.errors[at] = source.errors.empty() ? 0 : source.errors[from];
  }
  bool everywhere = std::all_of(result.present.begin(), result.present.end(),
                                [](uint8_t present) { return present; });
  if (everywhere)
    result.present.clear();
  return result;
}

} // namespace attn::reference
