//===- Evaluate.cpp - The meaning of a cascade ----------------------------===//

#include "dialect/Attn/Reference/Evaluate.h"
#include "dialect/Attn/Reference/Demand.h"
#include "dialect/Attn/Reference/Environment.h"
#include "dialect/Attn/Reference/Populate.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace attn::reference {

namespace {
using TensorRef = std::shared_ptr<const Tensor>;

/// Walks the statements in order.
class Evaluator {
public:
  Evaluator(const Demand &demand, Environment &environment,
            const EvaluateOptions &options)
      : demand(demand), environment(environment), options(options) {}

  void run(const std::vector<Statement> &body) {
    for (const Statement &statement : body)
      if (environment.failure.empty())
        std::visit([&](const auto &op) { run(op); }, statement.op);
  }

private:
  void run(const Einsum &einsum);
  void run(const TopK &topK);
  void run(const Join &join);
  void run(const Iterate &iterate);
  void run(const Stream &stream);
  void run(const Nest &nest);

  CoordinateBox getBox(ValueId value) const;
  TensorRef getTensor(ValueId value, CoordinateBox box) const;
  TensorRef makeInitial(const State &state) const;
  std::vector<TensorRef> takeChunk(const Stream &stream, Coordinates chunk,
                                   std::vector<TensorRef> states);
  std::vector<TensorRef> merge(const Stream &stream,
                               const std::vector<TensorRef> &lhs,
                               const std::vector<TensorRef> &rhs);
  void collect(const Collected &collected, int64_t coordinate,
               Tensor &result) const;

  const Demand &demand;
  Environment &environment;
  const EvaluateOptions &options;
};
} // namespace

/// The wanted part of a value, inside the chunks at hand.
CoordinateBox Evaluator::getBox(ValueId value) const {
  CoordinateBox box = *demand.get(value);
  const std::vector<RankId> &ranks = environment.cascade.values[value].ranks;
  for (size_t i = 0; i != box.size(); ++i)
    if (const auto &chunk = environment.chunks[ranks[i]])
      box[i] = box[i].intersect(*chunk);
  return box;
}

/// A value; of an input, what `box` needs of it.
TensorRef Evaluator::getTensor(ValueId value, CoordinateBox box) const {
  if (TensorRef tensor = environment.tensors[value])
    return tensor;
  const InputTensor &input = *environment.inputs[value];
  auto copy = std::make_shared<Tensor>(std::move(box), 0.0, /*present=*/true,
                                       environment.withErrors);
  for (size_t at = 0; at != copy->values.size(); ++at) {
    std::vector<int64_t> point = copy->getPoint(static_cast<int64_t>(at));
    int64_t offset = 0;
    for (size_t i = 0; i != point.size(); ++i)
      offset += point[i] * input.strides[i];
    copy->values[at] = loadElement(input.type, input.base, offset);
  }
  return copy;
}

void Evaluator::run(const Einsum &einsum) {
  if (!demand.isNeeded(einsum.result))
    return;
  CoordinateBox box = getBox(einsum.result);
  std::vector<Coordinates> variables = demand.getVariables(einsum, box);
  for (const Reduction &reduction : einsum.reductions)
    if (const auto &chunk = environment.chunks[reduction.rank])
      variables[reduction.rank] = *chunk;
  environment.tensors[einsum.result] = std::make_shared<Tensor>(
      evaluateEinsum(einsum, box, variables, environment));
}

//===----------------------------------------------------------------------===//
// Populate
//===----------------------------------------------------------------------===//

void Evaluator::run(const TopK &topK) {
  auto choose = [&](std::optional<ValueId> result, bool isIndices) {
    if (!result || !demand.isNeeded(*result))
      return;
    TensorRef source = getTensor(topK.source, getBox(topK.source));
    environment.tensors[*result] = std::make_shared<Tensor>(chooseLargest(
        *source, getBox(*result), isIndices, environment.withErrors));
  };
  choose(topK.indices, /*isIndices=*/true);
  choose(topK.values, /*isIndices=*/false);
}

void Evaluator::run(const Join &join) {
  const std::vector<RankId> &ranks =
      environment.cascade.values[join.lhs[0]].ranks;
  auto getList = [&](size_t i) {
    ListTensor list;
    list.lhs = getTensor(join.lhs[i], getBox(join.lhs[i]));
    list.rhs = getTensor(join.rhs[i], getBox(join.rhs[i]));
    const std::vector<RankId> &own =
        environment.cascade.values[join.lhs[i]].ranks;
    auto find = [&](RankId rank) {
      return static_cast<unsigned>(std::find(own.begin(), own.end(), rank) -
                                   own.begin());
    };
    for (RankId rank : ranks)
      list.ranks.push_back(find(rank));
    list.place = find(join.rank);
    return list;
  };
  // The first two order the entries; they are there if any result is needed.
  std::optional<ListTensor> values, coordinates;
  for (size_t i = 0; i != join.results.size(); ++i) {
    ValueId result = join.results[i];
    if (!demand.isNeeded(result))
      continue;
    if (!values) {
      values = getList(0);
      coordinates = getList(1);
    }
    double none = i == 0 ? getIdentity(Reducer::Max,
                                       environment.cascade.values[result].type)
                         : (i == 1 ? -1 : 0);
    environment.tensors[result] = std::make_shared<Tensor>(
        joinLists(*values, *coordinates,
                  i == 0 ? *values : (i == 1 ? *coordinates : getList(i)),
                  getBox(result), none, environment.withErrors));
  }
}

//===----------------------------------------------------------------------===//
// Iterate
//===----------------------------------------------------------------------===//

/// The state before the first step; nothing where no one needs it.
TensorRef Evaluator::makeInitial(const State &state) const {
  if (!demand.isNeeded(state.state))
    return nullptr;
  if (!state.initTensor)
    return std::make_shared<Tensor>(getBox(state.state), state.initConstant,
                                    /*present=*/true, environment.withErrors);
  return getTensor(*state.initTensor, getBox(state.state));
}

void Evaluator::collect(const Collected &collected, int64_t coordinate,
                        Tensor &result) const {
  const Tensor &value = *environment.tensors[collected.value];
  for (size_t at = 0; at != value.values.size(); ++at) {
    std::vector<int64_t> point = value.getPoint(static_cast<int64_t>(at));
    point.insert(point.begin() + collected.position, coordinate);
    int64_t offset = result.getOffset(point);
    if (offset < 0)
      continue;
    result.values[offset] = value.values[at];
    result.present[offset] = value.present.empty() || value.present[at];
    if (!value.errors.empty())
      result.errors[offset] = value.errors[at];
  }
}

void Evaluator::run(const Iterate &iterate) {
  std::vector<Tensor> results;
  for (const Collected &collected : iterate.collected)
    results.push_back(demand.isNeeded(collected.result)
                          ? Tensor(getBox(collected.result), 0.0,
                                   /*present=*/false, environment.withErrors)
                          : Tensor());
  std::vector<TensorRef> states;
  for (const State &state : iterate.states)
    states.push_back(makeInitial(state));
  const Coordinates &steps = demand.getSteps(iterate);
  int64_t &coordinate = environment.coordinates[iterate.rank];
  for (int64_t i = 0; i != steps.size(); ++i) {
    coordinate = steps[iterate.reverse ? steps.size() - 1 - i : i];
    for (size_t j = 0; j != states.size(); ++j)
      environment.tensors[iterate.states[j].state] = states[j];
    run(iterate.body);
    if (!environment.failure.empty())
      return;
    for (size_t j = 0; j != states.size(); ++j)
      states[j] = environment.tensors[iterate.states[j].next];
    for (size_t j = 0; j != results.size(); ++j)
      if (demand.isNeeded(iterate.collected[j].result))
        collect(iterate.collected[j], coordinate, results[j]);
  }
  coordinate = -1;
  for (size_t j = 0; j != states.size(); ++j)
    environment.tensors[iterate.states[j].result] = states[j];
  for (size_t j = 0; j != results.size(); ++j)
    environment.tensors[iterate.collected[j].result] =
        std::make_shared<Tensor>(std::move(results[j]));
}

//===----------------------------------------------------------------------===//
// Stream
//===----------------------------------------------------------------------===//

std::vector<TensorRef> Evaluator::takeChunk(const Stream &stream,
                                            Coordinates chunk,
                                            std::vector<TensorRef> states) {
  for (size_t i = 0; i != states.size(); ++i)
    environment.tensors[stream.states[i].state] = states[i];
  environment.chunks[stream.rank] = std::move(chunk);
  run(stream.body);
  environment.chunks[stream.rank].reset();
  for (size_t i = 0; i != states.size(); ++i)
    states[i] = environment.tensors[stream.states[i].next];
  return states;
}

std::vector<TensorRef> Evaluator::merge(const Stream &stream,
                                        const std::vector<TensorRef> &lhs,
                                        const std::vector<TensorRef> &rhs) {
  for (size_t i = 0; i != lhs.size(); ++i) {
    environment.tensors[stream.states[i].lhs] = lhs[i];
    environment.tensors[stream.states[i].rhs] = rhs[i];
  }
  run(stream.merge);
  std::vector<TensorRef> merged;
  for (const State &state : stream.states)
    merged.push_back(environment.tensors[state.merged]);
  return merged;
}

void Evaluator::run(const Stream &stream) {
  std::vector<TensorRef> initial;
  for (const State &state : stream.states)
    initial.push_back(makeInitial(state));
  int64_t extent = environment.extents[stream.rank];
  int64_t step =
      options.chunk > 0 ? options.chunk : std::max<int64_t>(extent, 1);
  // One state for each chunk, or the one that is carried on.
  std::vector<std::vector<TensorRef>> states = {initial};
  for (int64_t begin = 0; begin < extent; begin += step) {
    if (options.tree && begin != 0)
      states.push_back(initial);
    Coordinates chunk =
        Coordinates::range(begin, std::min(begin + step, extent));
    states.back() = takeChunk(stream, chunk, std::move(states.back()));
    if (!environment.failure.empty())
      return;
  }
  while (states.size() > 1) {
    std::vector<std::vector<TensorRef>> joined;
    for (size_t i = 0; i + 1 < states.size(); i += 2)
      joined.push_back(merge(stream, states[i], states[i + 1]));
    if (states.size() % 2)
      joined.push_back(states.back());
    states = std::move(joined);
  }
  for (size_t i = 0; i != stream.states.size(); ++i)
    environment.tensors[stream.states[i].result] = states[0][i];
}

void Evaluator::run(const Nest &nest) {
  run(nest.body);
  for (const auto &[value, result] : nest.results)
    environment.tensors[result] = environment.tensors[value];
}

//===----------------------------------------------------------------------===//
// Cascade
//===----------------------------------------------------------------------===//

CoordinateBox getWholeBox(const Cascade &cascade, const Extents &extents,
                          unsigned yield) {
  CoordinateBox box;
  for (RankId rank : cascade.values[cascade.yields[yield].value].ranks)
    box.push_back(Coordinates::all(extents[rank]));
  return box;
}

static std::string check(const Problem &problem) {
  const Cascade &cascade = problem.cascade;
  if (problem.inputs.size() != cascade.inputs.size())
    return std::to_string(problem.inputs.size()) + " inputs are given but " +
           std::to_string(cascade.inputs.size()) + " are expected";
  if (problem.scalars.size() != cascade.scalars.size())
    return std::to_string(problem.scalars.size()) + " scalars are given but " +
           std::to_string(cascade.scalars.size()) + " are expected";
  for (size_t i = 0; i != problem.inputs.size(); ++i) {
    const Value &value = cascade.values[cascade.inputs[i]];
    std::vector<int64_t> extents;
    for (RankId rank : value.ranks)
      extents.push_back(problem.extents[rank]);
    if (problem.inputs[i].extents != extents)
      return "the extents of input `" + value.name +
             "` differ from those of its ranks";
  }
  return "";
}

static Demand makeDemand(const Problem &problem,
                         const std::vector<OutputRequest> &requests) {
  Demand demand(problem.cascade, problem.extents, problem.scalars);
  for (const OutputRequest &request : requests)
    demand.request(problem.cascade.yields[request.yield].value, request.box);
  demand.propagate();
  return demand;
}

double estimatePoints(const Problem &problem,
                      const std::vector<OutputRequest> &requests) {
  return makeDemand(problem, requests).countPoints();
}

std::string evaluate(const Problem &problem,
                     const std::vector<OutputRequest> &requests,
                     const EvaluateOptions &options, Evaluation &result) {
  const Cascade &cascade = problem.cascade;
  if (std::string error = check(problem); !error.empty())
    return error;
  Demand demand = makeDemand(problem, requests);
  Environment environment(cascade, problem.extents, problem.scalars,
                          options.errors, options.independentRounding);
  for (size_t i = 0; i != problem.inputs.size(); ++i)
    environment.inputs[cascade.inputs[i]] = &problem.inputs[i];
  Evaluator(demand, environment, options).run(cascade.body);
  result.counts = environment.counts;
  result.fractions.assign(cascade.values.size(), 0.0);
  for (ValueId value = 0; value != cascade.values.size(); ++value) {
    double all = 1;
    for (RankId rank : cascade.values[value].ranks)
      all *= static_cast<double>(problem.extents[rank]);
    if (demand.isNeeded(value) && all > 0)
      result.fractions[value] =
          static_cast<double>(getNumPoints(*demand.get(value))) / all;
  }
  result.outputs.clear();
  for (const OutputRequest &request : requests) {
    if (!environment.failure.empty())
      break;
    TensorRef tensor = environment.tensors[cascade.yields[request.yield].value];
    if (!tensor)
      return "an input is yielded as it is";
    result.outputs.push_back(*tensor);
  }
  return environment.failure;
}

double getStored(const Tensor &output, int64_t offset, ElementType type) {
  bool isPresent = output.present.empty() || output.present[offset];
  return isPresent ? roundTo(type, output.values[offset]) : 0.0;
}

} // namespace attn::reference
