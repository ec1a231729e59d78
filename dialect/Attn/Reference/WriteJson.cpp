//===- WriteJson.cpp - A cascade to text ----------------------------------===//

#include "dialect/Attn/Reference/Json.h"
#include <cmath>
#include <nlohmann/json.hpp>

namespace attn::reference {

using nlohmann::json;

static json writeNumber(double number) {
  if (std::isnan(number))
    return "nan";
  if (std::isinf(number))
    return number < 0 ? "-inf" : "inf";
  return number;
}

static json write(const Rank &rank) {
  json result = {{"name", rank.name}};
  if (rank.kind == RankKind::Fixed)
    result["fixed"] = rank.value;
  if (rank.kind == RankKind::Product)
    result["product"] = rank.operands;
  if (rank.kind == RankKind::CeilDiv) {
    result["ceildiv"] = rank.operands[0];
    result["divisor"] = rank.value;
  }
  return result;
}

static json write(const Expr &expr) {
  json result = json::array({getName(expr.op)});
  switch (expr.op) {
  case Op::Constant:
    result.push_back(getName(expr.type));
    result.push_back(isFloat(expr.type) ? writeNumber(expr.number)
                                        : json(expr.integer));
    break;
  case Op::RankVar:
  case Op::Extent:
  case Op::Scalar:
  case Op::Read:
    result.push_back(expr.id);
    break;
  case Op::Flatten:
    result.push_back(expr.ranks);
    break;
  case Op::Cast:
    result.push_back(getName(expr.type));
    break;
  default:
    break;
  }
  for (ExprId arg : expr.args)
    result.push_back(arg);
  return result;
}

static json writeBody(const std::vector<Statement> &body);

static json write(const Einsum &einsum) {
  json output = json::array(), reduce = json::array(), exprs = json::array();
  for (const std::vector<RankId> &group : einsum.output)
    output.push_back(group.size() == 1 ? json(group[0]) : json(group));
  for (const Reduction &reduction : einsum.reductions) {
    reduce.push_back({reduction.rank, getName(reduction.reducer)});
    if (reduction.reducer == Reducer::User)
      reduce.back().push_back(reduction.user);
  }
  for (const Expr &expr : einsum.exprs)
    exprs.push_back(write(expr));
  json result = {{"kind", "einsum"}, {"result", einsum.result},
                 {"output", output}, {"reduce", reduce},
                 {"exprs", exprs},   {"value", einsum.value}};
  if (einsum.filter)
    result["filter"] = *einsum.filter;
  return result;
}

static json write(const UserReducer &reducer) {
  json exprs = json::array();
  for (const Expr &expr : reducer.exprs)
    exprs.push_back(write(expr));
  return {{"name", reducer.name},
          {"type", getName(reducer.type)},
          {"identity", writeNumber(reducer.identity)},
          {"exprs", exprs},
          {"value", reducer.value}};
}

static json write(const TopK &topK) {
  json result = {
      {"kind", "topk"}, {"source", topK.source}, {"rank", topK.rank}};
  if (topK.indices)
    result["indices"] = *topK.indices;
  if (topK.values)
    result["values"] = *topK.values;
  return result;
}

static json write(const Join &join) {
  return {{"kind", "join"},
          {"rank", join.rank},
          {"lhs", join.lhs},
          {"rhs", join.rhs},
          {"results", join.results}};
}

static json writeStates(const std::vector<State> &states, bool isStream) {
  json result = json::array();
  for (const State &state : states) {
    json entry = {
        {"state", state.state}, {"next", state.next}, {"result", state.result}};
    if (state.initTensor)
      entry["tensor"] = *state.initTensor;
    else
      entry["init"] = writeNumber(state.initConstant);
    if (isStream) {
      entry["lhs"] = state.lhs;
      entry["rhs"] = state.rhs;
      entry["merged"] = state.merged;
    }
    result.push_back(entry);
  }
  return result;
}

static json write(const Iterate &iterate) {
  json collected = json::array();
  for (const Collected &entry : iterate.collected)
    collected.push_back({{"value", entry.value},
                         {"result", entry.result},
                         {"position", entry.position}});
  return {{"kind", "iterate"},
          {"rank", iterate.rank},
          {"reverse", iterate.reverse},
          {"states", writeStates(iterate.states, /*isStream=*/false)},
          {"body", writeBody(iterate.body)},
          {"collected", collected}};
}

static json write(const Stream &stream) {
  return {{"kind", "stream"},
          {"rank", stream.rank},
          {"states", writeStates(stream.states, /*isStream=*/true)},
          {"body", writeBody(stream.body)},
          {"merge", writeBody(stream.merge)}};
}

static json write(const Nest &nest) {
  json results = json::array();
  for (const auto &[value, result] : nest.results)
    results.push_back({value, result});
  return {
      {"kind", "nest"}, {"body", writeBody(nest.body)}, {"results", results}};
}

static json writeBody(const std::vector<Statement> &body) {
  json result = json::array();
  for (const Statement &statement : body)
    result.push_back(
        std::visit([](const auto &op) { return write(op); }, statement.op));
  return result;
}

std::string toJson(const Cascade &cascade) {
  json ranks = json::array(), values = json::array(), scalars = json::array(),
       yields = json::array();
  for (const Rank &rank : cascade.ranks)
    ranks.push_back(write(rank));
  for (const Value &value : cascade.values)
    values.push_back({{"name", value.name},
                      {"type", getName(value.type)},
                      {"ranks", value.ranks}});
  for (const Scalar &scalar : cascade.scalars)
    scalars.push_back({{"name", scalar.name}, {"type", getName(scalar.type)}});
  for (const Yield &yield : cascade.yields)
    yields.push_back({{"value", yield.value},
                      {"name", yield.name},
                      {"type", getName(yield.type)}});
  json result = {{"version", 1},
                 {"name", cascade.name},
                 {"ranks", ranks},
                 {"values", values},
                 {"inputs", cascade.inputs},
                 {"scalars", scalars},
                 {"body", writeBody(cascade.body)},
                 {"yields", yields}};
  for (const UserReducer &reducer : cascade.reducers)
    result["reducers"].push_back(write(reducer));
  return result.dump();
}

} // namespace attn::reference
