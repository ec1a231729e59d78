//===- Rows.cpp - Which coordinates of the outputs are evaluated ----------===//

#include "tools/attn-run/Rows.h"
#include "dialect/Attn/Reference/Generate.h"
#include <algorithm>
#include <cmath>
#include <set>

namespace attn::tool {

using namespace reference;

Coordinates pickRows(int64_t extent, int64_t count, uint64_t seed) {
  if (extent <= count)
    return Coordinates::all(extent);
  std::vector<int64_t> edges = {0, extent - 1};
  for (int64_t tile : {64, 16, 128, 32}) {
    edges.insert(edges.end(), {tile, tile - 1, tile + 1});
    int64_t last = (extent - 1) / tile * tile; // where the tail begins
    edges.insert(edges.end(), {last, last - 1, last + 1});
  }
  for (int64_t tile : {64, 128, 256, 512, 1024, 2048})
    edges.insert(edges.end(), {2 * tile - 1, 2 * tile, 2 * tile + 1});
  std::set<int64_t> rows;
  Distribution any{Distribution::Integers, 0, static_cast<double>(extent - 1)};
  size_t next = 0;
  for (uint64_t turn = 0; static_cast<int64_t>(rows.size()) < count; ++turn) {
    bool isRandom = turn % 3 == 2 || next == edges.size();
    int64_t row =
        isRandom
            ? static_cast<int64_t>(generate(any, seed, hashName("rows"), turn))
            : edges[next++];
    if (row >= 0 && row < extent)
      rows.insert(row);
  }
  return Coordinates::of(std::vector<int64_t>(rows.begin(), rows.end()));
}

Coordinates pickEvenly(int64_t extent, int64_t count) {
  if (extent <= count)
    return Coordinates::all(extent);
  std::vector<int64_t> rows;
  for (int64_t i = 0; i != count; ++i)
    rows.push_back((2 * i + 1) * extent / (2 * count));
  return Coordinates::of(std::move(rows));
}

//===----------------------------------------------------------------------===//
// Selection
//===----------------------------------------------------------------------===//

Selection::Selection(const Problem &problem, std::vector<unsigned> theYields,
                     double budget, int64_t rows, const Picker &pick)
    : problem(problem), yields(std::move(theYields)) {
  const std::vector<Rank> &ranks = problem.cascade.ranks;
  // Ranks that are in no output, or are short by declaration, stay whole.
  std::vector<bool> isFinal(ranks.size(), true);
  for (unsigned yield : yields)
    for (RankId rank : getRanks(yield))
      isFinal[rank] = ranks[rank].kind == RankKind::Fixed;
  RankId longest = 0;
  for (RankId rank = 0; rank != ranks.size(); ++rank) {
    sets.push_back(Coordinates::all(problem.extents[rank]));
    if (!isFinal[rank] &&
        (isFinal[longest] || problem.extents[rank] > problem.extents[longest]))
      longest = rank;
  }
  if (rows && !isFinal[longest]) {
    sets[longest] = pick(problem.extents[longest], rows);
    isFinal[longest] = true;
  }
  while (getPoints() > budget && thinOut(pick, isFinal)) {
  }
}

const std::vector<RankId> &Selection::getRanks(unsigned yield) const {
  const Cascade &cascade = problem.cascade;
  return cascade.values[cascade.yields[yield].value].ranks;
}

OutputRequest
Selection::makeRequest(unsigned yield,
                       const std::vector<Coordinates> &chosen) const {
  OutputRequest request{yield, {}};
  for (RankId rank : getRanks(yield))
    request.box.push_back(chosen[rank]);
  return request;
}

OutputRequest Selection::getRequest(unsigned yield) const {
  return makeRequest(yield, sets);
}

double Selection::estimate(const std::vector<Coordinates> &chosen) const {
  std::vector<OutputRequest> requests;
  for (unsigned yield : yields)
    requests.push_back(makeRequest(yield, chosen));
  return estimatePoints(problem, requests);
}

double Selection::getPoints() const { return estimate(sets); }

/// Takes fewer coordinates of the rank that has the most. Returns false where
/// there is none left that helps.
bool Selection::thinOut(const Picker &pick, std::vector<bool> &isFinal) {
  RankId most = 0;
  for (RankId rank = 0; rank != sets.size(); ++rank)
    if (!isFinal[rank] &&
        (isFinal[most] || sets[rank].size() > sets[most].size()))
      most = rank;
  if (isFinal[most])
    return false;
  if (sets[most].size() <= 2) {
    isFinal[most] = true;
    return true;
  }
  std::vector<Coordinates> fewer = sets;
  int64_t size = sets[most].size();
  // Long ranks keep enough rows to meet the edges of tiles.
  int64_t count = size > 64 ? std::max<int64_t>(size / 2, 64) : size / 2;
  fewer[most] = pick(problem.extents[most], std::max<int64_t>(count, 2));
  if (estimate(fewer) > 0.9 * estimate(sets))
    isFinal[most] = true; // as where a state runs through all of them
  else
    sets = std::move(fewer);
  return true;
}

bool Selection::isWhole() const { return describe().empty(); }

std::string Selection::describe() const {
  std::string text;
  for (RankId rank = 0; rank != sets.size(); ++rank)
    if (sets[rank].size() != problem.extents[rank])
      text += (text.empty() ? "" : ", ") + std::to_string(sets[rank].size()) +
              " of " + std::to_string(problem.extents[rank]) + " " +
              problem.cascade.ranks[rank].name;
  return text;
}

/// A part of a set of coordinates.
static Coordinates slice(const Coordinates &set, int64_t begin, int64_t end) {
  std::vector<int64_t> part;
  for (int64_t i = begin; i < end; ++i)
    part.push_back(set[i]);
  return Coordinates::of(std::move(part));
}

std::vector<std::vector<OutputRequest>>
Selection::getBatches(double points) const {
  // The rank to cut along: the longest that all outputs have.
  std::vector<RankId> common;
  for (RankId rank = 0; rank != sets.size(); ++rank)
    if (std::all_of(yields.begin(), yields.end(), [&](unsigned yield) {
          const std::vector<RankId> &ranks = getRanks(yield);
          return std::count(ranks.begin(), ranks.end(), rank) != 0;
        }))
      common.push_back(rank);
  std::vector<Coordinates> chosen = sets;
  auto makeRequests = [&] {
    std::vector<OutputRequest> requests;
    for (unsigned yield : yields)
      requests.push_back(makeRequest(yield, chosen));
    return requests;
  };
  auto longest =
      std::max_element(common.begin(), common.end(), [&](RankId a, RankId b) {
        return sets[a].size() < sets[b].size();
      });
  double total = getPoints();
  int64_t size = longest == common.end() ? 1 : sets[*longest].size();
  int64_t numParts =
      std::clamp<int64_t>(static_cast<int64_t>(std::ceil(total / points)), 1,
                          std::max<int64_t>(size, 1));
  if (numParts > 1) {
    chosen[*longest] = slice(sets[*longest], 0, size / 2);
    if (estimate(chosen) > 0.7 * total) // parts would repeat the work
      numParts = 1;
  }
  if (numParts == 1) {
    chosen = sets;
    return {makeRequests()};
  }
  std::vector<std::vector<OutputRequest>> batches;
  for (int64_t i = 0; i != numParts; ++i) {
    chosen[*longest] =
        slice(sets[*longest], i * size / numParts, (i + 1) * size / numParts);
    batches.push_back(makeRequests());
  }
  return batches;
}

} // namespace attn::tool
