//===- Guess.cpp - What a generated input should hold ---------------------===//

#include "tools/attn-run/Guess.h"
#include <algorithm>
#include <sstream>

namespace attn::tool {

using namespace reference;

namespace {
/// What the cascade does with one integer input.
struct Uses {
  std::optional<int64_t> smallestGathered; // extent
  std::optional<int64_t> largestCompared;  // value
};

class UseFinder {
public:
  UseFinder(const Cascade &cascade, const Extents &extents, ValueId input)
      : cascade(cascade), extents(extents), input(input) {}

  void visit(const std::vector<Statement> &body) {
    for (const Statement &statement : body) {
      if (auto *einsum = std::get_if<Einsum>(&statement.op)) {
        visit(*einsum);
      } else if (auto *iterate = std::get_if<Iterate>(&statement.op)) {
        visit(iterate->body);
      } else if (auto *stream = std::get_if<Stream>(&statement.op)) {
        visit(stream->body);
        visit(stream->merge);
      } else if (auto *nest = std::get_if<Nest>(&statement.op)) {
        visit(nest->body);
      }
    }
  }

  Uses uses;

private:
  void visit(const Einsum &einsum);
  std::optional<int64_t> getLargest(const Einsum &einsum, ExprId id,
                                    bool negated = false) const;

  const Cascade &cascade;
  const Extents &extents;
  ValueId input;
};
} // namespace

/// The largest value of an integer expression that reads no tensor; the negated
/// smallest if `negated`.
std::optional<int64_t> UseFinder::getLargest(const Einsum &einsum, ExprId id,
                                             bool negated) const {
  const Expr &expr = einsum.exprs[id];
  auto arg = [&](unsigned i, bool flip = false) {
    return getLargest(einsum, expr.args[i], negated != flip);
  };
  auto add = [](std::optional<int64_t> a, std::optional<int64_t> b) {
    return a && b ? std::optional(*a + *b) : std::nullopt;
  };
  switch (expr.op) {
  case Op::Constant:
    if (!isInteger(expr.type))
      return std::nullopt;
    return negated ? -expr.integer : expr.integer;
  case Op::Extent:
    return negated ? -extents[expr.id] : extents[expr.id];
  case Op::RankVar:
    return negated ? 0 : extents[expr.id] - 1;
  case Op::Neg:
    return arg(0, /*flip=*/true);
  case Op::Add:
    return add(arg(0), arg(1));
  case Op::Sub:
    return add(arg(0), arg(1, /*flip=*/true));
  case Op::Mul: // by a constant that is not negative
    for (unsigned i : {0u, 1u}) {
      const Expr &factor = einsum.exprs[expr.args[i]];
      if (factor.op == Op::Constant && factor.integer >= 0)
        if (std::optional<int64_t> other = arg(1 - i))
          return *other * factor.integer;
    }
    return std::nullopt;
  default:
    return std::nullopt;
  }
}

void UseFinder::visit(const Einsum &einsum) {
  // The expressions that the input is part of.
  std::vector<bool> mentions(einsum.exprs.size());
  for (ExprId id = 0; id != mentions.size(); ++id) {
    const Expr &expr = einsum.exprs[id];
    mentions[id] = expr.op == Op::Read && expr.id == input;
    for (size_t i = 0; i != expr.args.size(); ++i) {
      if (!mentions[expr.args[i]])
        continue;
      mentions[id] = true;
      if (expr.op != Op::Read)
        continue;
      int64_t extent = extents[cascade.values[expr.id].ranks[i]];
      uses.smallestGathered =
          std::min(uses.smallestGathered.value_or(extent), extent);
    }
  }
  if (!einsum.filter || !mentions[*einsum.filter])
    return;
  for (const Expr &expr : einsum.exprs) {
    if (expr.op < Op::Eq || expr.op > Op::Ge)
      continue;
    for (unsigned side : {0u, 1u})
      if (mentions[expr.args[side]] && !mentions[expr.args[1 - side]])
        if (auto largest = getLargest(einsum, expr.args[1 - side]))
          uses.largestCompared =
              std::max(uses.largestCompared.value_or(0), *largest);
  }
}

Distribution guessDistribution(const Cascade &cascade, const Extents &extents,
                               ValueId input, double scale) {
  ElementType type = cascade.values[input].type;
  if (isFloat(type))
    return {Distribution::Normal, scale, 0};
  if (type == ElementType::I1)
    return {Distribution::Boolean, 0.5, 0};
  UseFinder finder(cascade, extents, input);
  finder.visit(cascade.body);
  if (finder.uses.smallestGathered)
    return {Distribution::Integers, 0,
            static_cast<double>(
                std::max<int64_t>(*finder.uses.smallestGathered - 1, 0))};
  if (finder.uses.largestCompared)
    return {Distribution::Integers, 0,
            static_cast<double>(*finder.uses.largestCompared + 1)};
  if (type == ElementType::UI8)
    return {Distribution::Integers, 0, 255};
  return {Distribution::Integers, -127, 127};
}

std::string describe(const Distribution &distribution) {
  static constexpr const char *names[] = {"normal", "uniform", "int", "bool",
                                          "const"};
  std::ostringstream text;
  text << names[distribution.kind] << ":" << distribution.a;
  if (distribution.kind == Distribution::Uniform ||
      distribution.kind == Distribution::Integers)
    text << ":" << distribution.b;
  return text.str();
}

} // namespace attn::tool
