//===- Model.cpp - Names, identities and extents --------------------------===//

#include "dialect/Attn/Reference/Model.h"
#include <algorithm>
#include <array>
#include <limits>

namespace attn::reference {

namespace {
struct OpTraits {
  std::string_view name;
  int arity;
};

/// In the order of the enum.
constexpr std::array<OpTraits, 42> opTraits = {
    {{"const", 0},   {"var", 0},      {"extent", 0},  {"scalar", 0},
     {"read", -1},   {"flatten", -1}, {"neg", 1},     {"add", 2},
     {"sub", 2},     {"mul", 2},      {"div", 2},     {"floordiv", 2},
     {"ceildiv", 2}, {"mod", 2},      {"pow", 2},     {"min", 2},
     {"max", 2},     {"exp", 1},      {"exp2", 1},    {"log", 1},
     {"log2", 1},    {"tanh", 1},     {"sigmoid", 1}, {"erf", 1},
     {"sqrt", 1},    {"rsqrt", 1},    {"sin", 1},     {"cos", 1},
     {"abs", 1},     {"floor", 1},    {"ceil", 1},    {"round", 1},
     {"sign", 1},    {"eq", 2},       {"ne", 2},      {"lt", 2},
     {"le", 2},      {"gt", 2},       {"ge", 2},      {"and", 2},
     {"or", 2},      {"not", 1}}};
constexpr OpTraits selectTraits = {"select", 3}, castTraits = {"cast", 1};

constexpr std::array<std::string_view, 8> reducerNames = {
    "add", "max", "min", "mul", "and", "or", "lse", "user"};
} // namespace

static const OpTraits &getTraits(Op op) {
  if (op == Op::Select)
    return selectTraits;
  return op == Op::Cast ? castTraits : opTraits[static_cast<size_t>(op)];
}

std::string_view getName(Op op) { return getTraits(op).name; }

int getArity(Op op) { return getTraits(op).arity; }

std::optional<Op> parseOp(std::string_view name) {
  for (unsigned i = 0; i <= static_cast<unsigned>(Op::Cast); ++i)
    if (getName(static_cast<Op>(i)) == name)
      return static_cast<Op>(i);
  return std::nullopt;
}

std::string_view getName(Reducer reducer) {
  return reducerNames[static_cast<size_t>(reducer)];
}

std::optional<Reducer> parseReducer(std::string_view name) {
  for (size_t i = 0; i != reducerNames.size(); ++i)
    if (reducerNames[i] == name)
      return static_cast<Reducer>(i);
  return std::nullopt;
}

double getIdentity(Reducer reducer, ElementType type) {
  bool whole = isInteger(type);
  switch (reducer) {
  case Reducer::Add:
  case Reducer::Or:
  case Reducer::User: // has its own
    return 0;
  case Reducer::Mul:
  case Reducer::And:
    return 1;
  case Reducer::Lse:
    return -std::numeric_limits<double>::infinity();
  case Reducer::Max:
    if (whole)
      return type == ElementType::UI8 || type == ElementType::I1
                 ? 0
                 : -getLargest(type) - 1;
    return -std::numeric_limits<double>::infinity();
  case Reducer::Min:
    return whole ? getLargest(type) : std::numeric_limits<double>::infinity();
  }
  return 0;
}

double getIdentity(const Cascade &cascade, const Reduction &reduction,
                   ElementType type) {
  return reduction.reducer == Reducer::User
             ? cascade.reducers[reduction.user].identity
             : getIdentity(reduction.reducer, type);
}

std::optional<ValueId> findInput(const Cascade &cascade,
                                 const std::string &name) {
  for (ValueId input : cascade.inputs)
    if (cascade.values[input].name == name)
      return input;
  return std::nullopt;
}

namespace {
constexpr int64_t unknown = -1;
/// Products of extents stay far from overflow.
constexpr int64_t largestExtent = int64_t(1) << 40;

/// Finds extents from others until nothing new is found.
class ExtentSolver {
public:
  ExtentSolver(const Cascade &cascade, Extents &extents)
      : ranks(cascade.ranks), extents(extents) {}

  std::string solve() {
    do {
      changed = false;
      for (RankId id = 0; id != ranks.size() && error.empty(); ++id)
        visit(id);
    } while (changed && error.empty());
    return error;
  }

  /// Records the extent of `id` that follows from others.
  void set(RankId id, int64_t extent) {
    if (extents[id] == extent)
      return;
    if (extents[id] != unknown) {
      error = "extent of rank `" + ranks[id].name + "` is " +
              std::to_string(extents[id]) + " but " + std::to_string(extent) +
              " is expected";
      return;
    }
    extents[id] = extent;
    changed = true;
  }

private:
  void visit(RankId id) {
    const Rank &rank = ranks[id];
    if (rank.kind == RankKind::Fixed)
      set(id, rank.value);
    if (rank.kind == RankKind::CeilDiv && extents[rank.operands[0]] != unknown)
      set(id, (extents[rank.operands[0]] + rank.value - 1) / rank.value);
    if (rank.kind == RankKind::Product)
      visitProduct(id);
  }

  void multiply(int64_t &product, int64_t factor) {
    if (__builtin_mul_overflow(product, factor, &product))
      error = "a product of extents is too large";
  }

  void visitProduct(RankId id) {
    int64_t known = 1;
    std::optional<RankId> missing;
    for (RankId factor : ranks[id].operands) {
      if (extents[factor] != unknown)
        multiply(known, extents[factor]);
      else if (missing)
        return;
      else
        missing = factor;
    }
    if (!error.empty())
      return;
    if (!missing)
      return set(id, known);
    if (extents[id] == unknown)
      return;
    if (known == 0 || extents[id] % known != 0) {
      error = "extent " + std::to_string(extents[id]) + " of rank `" +
              ranks[id].name + "` is not a multiple of " +
              std::to_string(known);
      return;
    }
    set(*missing, extents[id] / known);
  }

  const std::vector<Rank> &ranks;
  Extents &extents;
  std::string error;
  bool changed = false;
};
} // namespace

std::string
bindExtents(const Cascade &cascade,
            const std::vector<std::pair<std::string, int64_t>> &sizes,
            Extents &extents) {
  extents.assign(cascade.ranks.size(), unknown);
  ExtentSolver solver(cascade, extents);
  for (const std::pair<std::string, int64_t> &entry : sizes) {
    auto found = std::find_if(
        cascade.ranks.begin(), cascade.ranks.end(),
        [&](const Rank &rank) { return rank.name == entry.first; });
    if (found == cascade.ranks.end())
      return "no rank is named `" + entry.first + "`";
    if (entry.second < 0 || entry.second > largestExtent)
      return "extent of rank `" + entry.first + "` is " +
             std::to_string(entry.second) + " but 0 to " +
             std::to_string(largestExtent) + " is expected";
    extents[found - cascade.ranks.begin()] = entry.second;
  }
  std::string error = solver.solve();
  if (!error.empty())
    return error;
  std::string missing;
  for (RankId id = 0; id != extents.size(); ++id)
    if (extents[id] == unknown)
      missing += (missing.empty() ? "`" : ", `") + cascade.ranks[id].name + "`";
  return missing.empty() ? "" : "no extent is given for " + missing;
}

} // namespace attn::reference
