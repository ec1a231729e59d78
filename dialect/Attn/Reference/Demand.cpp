//===- Demand.cpp - Which coordinates are needed --------------------------===//

#include "dialect/Attn/Reference/Demand.h"
#include <algorithm>

namespace attn::reference {

/// An index with more points than this is taken to reach the whole rank.
static constexpr double maxIndexPoints = 4e6;
/// States whose demand still grows after this many rounds are needed in full.
static constexpr unsigned maxRounds = 4;

Demand::Demand(const Cascade &cascade, const Extents &extents,
               const std::vector<double> &scalars)
    : cascade(cascade), extents(extents), scalars(scalars),
      boxes(cascade.values.size()), steps(cascade.ranks.size()),
      isInput(cascade.values.size()) {
  for (ValueId input : cascade.inputs)
    isInput[input] = true;
}

CoordinateBox Demand::getFullBox(ValueId value) const {
  CoordinateBox box;
  for (RankId rank : cascade.values[value].ranks)
    box.push_back(Coordinates::all(extents[rank]));
  return box;
}

/// Makes `box` hold `other` too.
static void join(std::optional<CoordinateBox> &box,
                 const std::optional<CoordinateBox> &other) {
  if (!box) {
    box = other;
    return;
  }
  for (size_t i = 0; other && i != box->size(); ++i)
    (*box)[i] = (*box)[i].unionWith((*other)[i]);
}

void Demand::request(ValueId value, const CoordinateBox &box) {
  join(boxes[value], box);
}

void Demand::propagate() { visit(cascade.body); }

const Coordinates &Demand::getSteps(const Iterate &iterate) const {
  return steps[iterate.rank];
}

void Demand::visit(const std::vector<Statement> &body) {
  for (auto statement = body.rbegin(); statement != body.rend(); ++statement)
    std::visit([&](const auto &op) { visit(op); }, statement->op);
}

//===----------------------------------------------------------------------===//
// Einsum
//===----------------------------------------------------------------------===//

std::vector<bool> getUsedExprs(const Einsum &einsum) {
  std::vector<bool> used(einsum.exprs.size());
  used[einsum.value] = true;
  if (einsum.filter)
    used[*einsum.filter] = true;
  for (ExprId id = used.size(); id-- != 0;)
    if (used[id])
      for (ExprId arg : einsum.exprs[id].args)
        used[arg] = true;
  return used;
}

std::vector<Coordinates> Demand::getVariables(const Einsum &einsum,
                                              const CoordinateBox &box) const {
  std::vector<Coordinates> variables = steps; // of enclosing Iterates
  for (size_t i = 0; i != einsum.output.size(); ++i) {
    const std::vector<RankId> &group = einsum.output[i];
    if (group.size() == 1) {
      variables[group[0]] = box[i];
      continue;
    }
    // A flattened index: what each variable takes.
    int64_t stride = 1;
    for (auto rank = group.rbegin(); rank != group.rend(); ++rank) {
      std::vector<int64_t> taken;
      for (int64_t j = 0; j != box[i].size() && extents[*rank] != 0; ++j)
        taken.push_back(box[i][j] / stride % extents[*rank]);
      variables[*rank] = Coordinates::of(std::move(taken));
      stride *= std::max<int64_t>(extents[*rank], 1);
    }
  }
  for (const Reduction &reduction : einsum.reductions)
    variables[reduction.rank] = Coordinates::all(extents[reduction.rank]);
  return variables;
}

namespace {
/// Evaluates an index that reads no tensor, one point at a time.
class IndexEvaluator {
public:
  IndexEvaluator(const Einsum &einsum, const Extents &extents,
                 const std::vector<double> &scalars)
      : einsum(einsum), extents(extents), scalars(scalars),
        coordinates(extents.size()) {}

  /// Adds the rank variables that `id` depends on. Returns false where it is
  /// not a plain integer expression.
  bool collect(ExprId id, std::vector<RankId> &variables) const;
  int64_t evaluate(ExprId id) const;
  int64_t &coordinate(RankId rank) { return coordinates[rank]; }

private:
  const Einsum &einsum;
  const Extents &extents;
  const std::vector<double> &scalars;
  std::vector<int64_t> coordinates;
};
} // namespace

bool IndexEvaluator::collect(ExprId id, std::vector<RankId> &variables) const {
  const Expr &expr = einsum.exprs[id];
  switch (expr.op) {
  case Op::RankVar:
    if (std::find(variables.begin(), variables.end(), expr.id) ==
        variables.end())
      variables.push_back(expr.id);
    return true;
  case Op::Constant:
  case Op::Extent:
  case Op::Scalar:
    return isInteger(expr.type);
  case Op::Flatten:
  case Op::Neg:
  case Op::Add:
  case Op::Sub:
  case Op::Mul:
  case Op::FloorDiv:
  case Op::CeilDiv:
  case Op::Mod:
  case Op::Min:
  case Op::Max:
    return std::all_of(expr.args.begin(), expr.args.end(),
                       [&](ExprId arg) { return collect(arg, variables); });
  default:
    return false;
  }
}

static int64_t floorDiv(int64_t a, int64_t b) {
  if (b == 0)
    return 0;
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

int64_t IndexEvaluator::evaluate(ExprId id) const {
  const Expr &expr = einsum.exprs[id];
  auto arg = [&](unsigned i) { return evaluate(expr.args[i]); };
  switch (expr.op) {
  case Op::RankVar:
    return coordinates[expr.id];
  case Op::Constant:
    return expr.integer;
  case Op::Extent:
    return extents[expr.id];
  case Op::Scalar:
    return static_cast<int64_t>(scalars[expr.id]);
  case Op::Flatten: {
    int64_t flat = 0;
    for (unsigned i = 0; i != expr.args.size(); ++i)
      flat = flat * extents[expr.ranks[i]] + arg(i);
    return flat;
  }
  case Op::Neg:
    return -arg(0);
  case Op::Add:
    return arg(0) + arg(1);
  case Op::Sub:
    return arg(0) - arg(1);
  case Op::Mul:
    return arg(0) * arg(1);
  case Op::FloorDiv:
    return floorDiv(arg(0), arg(1));
  case Op::CeilDiv:
    return -floorDiv(-arg(0), arg(1));
  case Op::Mod:
    return arg(1) == 0 ? 0 : arg(0) - floorDiv(arg(0), arg(1)) * arg(1);
  case Op::Min:
    return std::min(arg(0), arg(1));
  default:
    return std::max(arg(0), arg(1));
  }
}

Coordinates
Demand::getIndexCoordinates(const Einsum &einsum, ExprId index,
                            const std::vector<Coordinates> &variables,
                            int64_t extent) const {
  Coordinates whole = Coordinates::all(extent);
  const Expr &expr = einsum.exprs[index];
  if (expr.op == Op::RankVar)
    return variables[expr.id].intersect(whole);
  IndexEvaluator evaluator(einsum, extents, scalars);
  std::vector<RankId> ranks;
  if (!evaluator.collect(index, ranks))
    return whole;
  double count = 1;
  for (RankId rank : ranks)
    count *= static_cast<double>(variables[rank].size());
  if (count > maxIndexPoints)
    return whole;
  std::vector<bool> reached(static_cast<size_t>(extent));
  std::vector<int64_t> positions(ranks.size());
  for (double done = 0; done < count; ++done) {
    for (size_t i = 0; i != ranks.size(); ++i)
      evaluator.coordinate(ranks[i]) = variables[ranks[i]][positions[i]];
    int64_t coordinate = evaluator.evaluate(index);
    if (coordinate >= 0 && coordinate < extent)
      reached[static_cast<size_t>(coordinate)] = true;
    for (size_t i = 0; i != ranks.size(); ++i) {
      if (++positions[i] != variables[ranks[i]].size())
        break;
      positions[i] = 0;
    }
  }
  std::vector<int64_t> list;
  for (int64_t i = 0; i != extent; ++i)
    if (reached[static_cast<size_t>(i)])
      list.push_back(i);
  return Coordinates::of(std::move(list));
}

void Demand::visit(const Einsum &einsum) {
  if (!isNeeded(einsum.result))
    return;
  std::vector<Coordinates> variables =
      getVariables(einsum, *boxes[einsum.result]);
  std::vector<bool> used = getUsedExprs(einsum);
  for (ExprId id = 0; id != used.size(); ++id) {
    const Expr &expr = einsum.exprs[id];
    if (!used[id] || expr.op != Op::Read || isInput[expr.id])
      continue;
    CoordinateBox box;
    const std::vector<RankId> &ranks = cascade.values[expr.id].ranks;
    for (size_t i = 0; i != ranks.size(); ++i)
      box.push_back(getIndexCoordinates(einsum, expr.args[i], variables,
                                        extents[ranks[i]]));
    request(expr.id, box);
  }
}

//===----------------------------------------------------------------------===//
// The other statements
//===----------------------------------------------------------------------===//

void Demand::visit(const TopK &topK) {
  for (std::optional<ValueId> result : {topK.indices, topK.values}) {
    if (!result || !isNeeded(*result))
      continue;
    CoordinateBox box = *boxes[*result];
    // The choice is made once and in full for every wanted fiber.
    box.back() = Coordinates::all(extents[topK.rank]);
    request(topK.source, box);
  }
}

void Demand::visit(const Join &join) {
  const std::vector<RankId> &ranks = cascade.values[join.lhs[0]].ranks;
  for (size_t i = 0; i != join.results.size(); ++i) {
    if (!isNeeded(join.results[i]))
      continue;
    const std::vector<RankId> &own = cascade.values[join.results[i]].ranks;
    CoordinateBox box = *boxes[join.results[i]], keys;
    for (RankId rank : ranks)
      keys.push_back(
          box[std::find(own.begin(), own.end(), rank) - own.begin()]);
    // Whole lists, and what orders them.
    auto getWhole = [&](CoordinateBox part, const std::vector<RankId> &of) {
      part[std::find(of.begin(), of.end(), join.rank) - of.begin()] =
          Coordinates::all(extents[join.rank]);
      return part;
    };
    for (const std::vector<ValueId> &list : {join.lhs, join.rhs}) {
      request(list[0], getWhole(keys, ranks));
      request(list[1], getWhole(keys, ranks));
      request(list[i], getWhole(box, own));
    }
  }
}

/// Joins the demand of the states with what the body was found to need of
/// them. Returns true where that asks for more.
bool Demand::growStates(const std::vector<State> &states, bool isStream,
                        std::vector<std::optional<CoordinateBox>> &needed,
                        unsigned round) const {
  bool grew = false;
  for (size_t i = 0; i != states.size(); ++i) {
    const State &state = states[i];
    std::optional<CoordinateBox> before = needed[i];
    join(needed[i], boxes[state.state]);
    if (isStream) {
      join(needed[i], boxes[state.lhs]);
      join(needed[i], boxes[state.rhs]);
    }
    if (needed[i] == before)
      continue;
    grew = true;
    if (round >= maxRounds)
      needed[i] = getFullBox(state.state);
  }
  return grew;
}

void Demand::visit(const Iterate &iterate) {
  Coordinates walked;
  Coordinates whole = Coordinates::all(extents[iterate.rank]);
  std::vector<std::optional<CoordinateBox>> needed;
  for (const State &state : iterate.states) {
    needed.push_back(boxes[state.result]);
    if (isNeeded(state.result))
      walked = whole;
  }
  for (const Collected &collected : iterate.collected) {
    if (!isNeeded(collected.result))
      continue;
    CoordinateBox box = *boxes[collected.result];
    const Coordinates &wanted = box[collected.position];
    if (!wanted.empty())
      walked = walked.unionWith(
          iterate.reverse
              ? Coordinates::range(wanted.front(), extents[iterate.rank])
              : Coordinates::range(0, wanted.back() + 1));
    box.erase(box.begin() + collected.position);
    request(collected.value, box);
  }
  steps[iterate.rank] = walked;
  for (unsigned round = 0;; ++round) {
    for (size_t i = 0; i != needed.size(); ++i)
      if (needed[i])
        request(iterate.states[i].next, *needed[i]);
    visit(iterate.body);
    if (!growStates(iterate.states, /*isStream=*/false, needed, round))
      break;
  }
  for (size_t i = 0; i != needed.size(); ++i) {
    const State &state = iterate.states[i];
    if (!needed[i])
      continue;
    request(state.state, *needed[i]);
    if (state.initTensor)
      request(*state.initTensor, *needed[i]);
  }
}

void Demand::visit(const Stream &stream) {
  std::vector<std::optional<CoordinateBox>> needed;
  for (const State &state : stream.states)
    needed.push_back(boxes[state.result]);
  for (unsigned round = 0;; ++round) {
    for (size_t i = 0; i != needed.size(); ++i)
      if (needed[i])
        for (ValueId value : {stream.states[i].next, stream.states[i].merged})
          request(value, *needed[i]);
    visit(stream.merge);
    visit(stream.body);
    if (!growStates(stream.states, /*isStream=*/true, needed, round))
      break;
  }
  for (size_t i = 0; i != needed.size(); ++i)
    if (needed[i])
      for (ValueId value :
           {stream.states[i].state, stream.states[i].lhs, stream.states[i].rhs})
        request(value, *needed[i]);
}

void Demand::visit(const Nest &nest) {
  for (const auto &result : nest.results)
    if (isNeeded(result.second))
      request(result.first, *boxes[result.second]);
  visit(nest.body);
}

//===----------------------------------------------------------------------===//
// Cost
//===----------------------------------------------------------------------===//

double Demand::countPoints() const { return countPoints(cascade.body); }

double Demand::countPoints(const std::vector<Statement> &body) const {
  double count = 0;
  for (const Statement &statement : body) {
    if (auto *einsum = std::get_if<Einsum>(&statement.op)) {
      if (!isNeeded(einsum->result))
        continue;
      double points = static_cast<double>(getNumPoints(*boxes[einsum->result]));
      for (const Reduction &reduction : einsum->reductions)
        points *= static_cast<double>(extents[reduction.rank]);
      count += points;
    } else if (auto *iterate = std::get_if<Iterate>(&statement.op)) {
      count += static_cast<double>(getSteps(*iterate).size()) *
               countPoints(iterate->body);
    } else if (auto *stream = std::get_if<Stream>(&statement.op)) {
      count += countPoints(stream->body);
    } else if (auto *nest = std::get_if<Nest>(&statement.op)) {
      count += countPoints(nest->body);
    }
  }
  return count;
}

} // namespace attn::reference
