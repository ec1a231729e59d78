//===- ReadJson.cpp - A cascade from text ---------------------------------===//

#include "dialect/Attn/Reference/Json.h"
#include <limits>
#include <nlohmann/json.hpp>

namespace attn::reference {

using nlohmann::json;

// The reader lets nlohmann's exceptions fly to parseJson, the only one that
// catches them; a missing key or a wrong type is such an exception.

static double readNumber(const json &text) {
  if (!text.is_string())
    return text.get<double>();
  const std::string &name = text.get_ref<const std::string &>();
  if (name == "inf")
    return std::numeric_limits<double>::infinity();
  if (name == "-inf")
    return -std::numeric_limits<double>::infinity();
  if (name == "nan")
    return std::numeric_limits<double>::quiet_NaN();
  throw std::runtime_error("`" + name + "` is not a number");
}

static int64_t readInteger(const json &text) {
  if (!text.is_number_integer())
    throw std::runtime_error(text.dump() + " is not an integer");
  return text.get<int64_t>();
}

/// A place in a list; verify checks that it exists.
static unsigned readId(const json &text) {
  int64_t id = readInteger(text);
  if (id < 0 || id > 1000000000)
    throw std::runtime_error(std::to_string(id) + " is not a place in a list");
  return static_cast<unsigned>(id);
}

static std::vector<unsigned> readIds(const json &text) {
  std::vector<unsigned> ids;
  for (const json &entry : text)
    ids.push_back(readId(entry));
  return ids;
}

static ElementType readType(const json &text) {
  auto name = text.get<std::string>();
  if (std::optional<ElementType> type = parseElementType(name))
    return *type;
  throw std::runtime_error("`" + name + "` is not an element type");
}

static Rank readRank(const json &text) {
  Rank rank;
  rank.name = text.at("name").get<std::string>();
  if (text.contains("fixed")) {
    rank.kind = RankKind::Fixed;
    rank.value = readInteger(text.at("fixed"));
  } else if (text.contains("product")) {
    rank.kind = RankKind::Product;
    rank.operands = readIds(text.at("product"));
  } else if (text.contains("ceildiv")) {
    rank.kind = RankKind::CeilDiv;
    rank.operands = {readId(text.at("ceildiv"))};
    rank.value = readInteger(text.at("divisor"));
  }
  return rank;
}

static Expr readExpr(const json &text) {
  auto name = text.at(0).get<std::string>();
  std::optional<Op> op = parseOp(name);
  if (!op)
    throw std::runtime_error("`" + name + "` is not an operator");
  Expr expr;
  expr.op = *op;
  size_t next = 1;
  switch (*op) {
  case Op::Constant:
    expr.type = readType(text.at(1));
    if (isFloat(expr.type))
      expr.number = readNumber(text.at(2));
    else
      expr.integer = readInteger(text.at(2));
    next = 3;
    break;
  case Op::RankVar:
  case Op::Extent:
  case Op::Scalar:
  case Op::Read:
    expr.id = readId(text.at(next++));
    break;
  case Op::Flatten:
    expr.ranks = readIds(text.at(next++));
    break;
  case Op::Cast:
    expr.type = readType(text.at(next++));
    break;
  default:
    break;
  }
  for (; next < text.size(); ++next)
    expr.args.push_back(readId(text[next]));
  return expr;
}

static Einsum readEinsum(const json &text) {
  Einsum einsum;
  einsum.result = readId(text.at("result"));
  for (const json &group : text.at("output"))
    einsum.output.push_back(
        group.is_array() ? readIds(group) : std::vector<RankId>{readId(group)});
  for (const json &entry : text.at("reduce")) {
    auto name = entry.at(1).get<std::string>();
    std::optional<Reducer> reducer = parseReducer(name);
    if (!reducer)
      throw std::runtime_error("`" + name + "` is not a reducer");
    unsigned user = *reducer == Reducer::User ? readId(entry.at(2)) : 0;
    einsum.reductions.push_back({readId(entry.at(0)), *reducer, user});
  }
  for (const json &expr : text.at("exprs"))
    einsum.exprs.push_back(readExpr(expr));
  einsum.value = readId(text.at("value"));
  if (text.contains("filter"))
    einsum.filter = readId(text.at("filter"));
  return einsum;
}

static UserReducer readReducer(const json &text) {
  UserReducer reducer;
  reducer.name = text.at("name").get<std::string>();
  reducer.type = readType(text.at("type"));
  reducer.identity = readNumber(text.at("identity"));
  for (const json &expr : text.at("exprs"))
    reducer.exprs.push_back(readExpr(expr));
  reducer.value = readId(text.at("value"));
  return reducer;
}

static TopK readTopK(const json &text) {
  TopK topK;
  topK.source = readId(text.at("source"));
  topK.rank = readId(text.at("rank"));
  if (text.contains("indices"))
    topK.indices = readId(text.at("indices"));
  if (text.contains("values"))
    topK.values = readId(text.at("values"));
  return topK;
}

static std::vector<State> readStates(const json &text, bool isStream) {
  std::vector<State> states;
  for (const json &entry : text) {
    State state;
    state.state = readId(entry.at("state"));
    if (entry.contains("tensor"))
      state.initTensor = readId(entry.at("tensor"));
    else
      state.initConstant = readNumber(entry.at("init"));
    state.next = readId(entry.at("next"));
    state.result = readId(entry.at("result"));
    if (isStream) {
      state.lhs = readId(entry.at("lhs"));
      state.rhs = readId(entry.at("rhs"));
      state.merged = readId(entry.at("merged"));
    }
    states.push_back(state);
  }
  return states;
}

static std::vector<Statement> readBody(const json &text, unsigned depth);

static Statement readStatement(const json &text, unsigned depth) {
  auto kind = text.at("kind").get<std::string>();
  if (kind == "einsum")
    return {readEinsum(text)};
  if (kind == "topk")
    return {readTopK(text)};
  if (kind == "join")
    return {Join{readId(text.at("rank")), readIds(text.at("lhs")),
                 readIds(text.at("rhs")), readIds(text.at("results"))}};
  if (kind == "iterate") {
    Iterate iterate;
    iterate.rank = readId(text.at("rank"));
    iterate.reverse = text.value("reverse", false);
    iterate.states = readStates(text.at("states"), /*isStream=*/false);
    iterate.body = readBody(text.at("body"), depth + 1);
    for (const json &entry : text.at("collected"))
      iterate.collected.push_back({readId(entry.at("value")),
                                   readId(entry.at("result")),
                                   readId(entry.at("position"))});
    return {std::move(iterate)};
  }
  if (kind == "stream") {
    Stream stream;
    stream.rank = readId(text.at("rank"));
    stream.states = readStates(text.at("states"), /*isStream=*/true);
    stream.body = readBody(text.at("body"), depth + 1);
    stream.merge = readBody(text.at("merge"), depth + 1);
    return {std::move(stream)};
  }
  if (kind != "nest")
    throw std::runtime_error("`" + kind + "` is not a statement");
  Nest nest;
  nest.body = readBody(text.at("body"), depth + 1);
  for (const json &entry : text.at("results"))
    nest.results.emplace_back(readId(entry.at(0)), readId(entry.at(1)));
  return {std::move(nest)};
}

static std::vector<Statement> readBody(const json &text, unsigned depth) {
  if (depth > 64)
    throw std::runtime_error("statements are nested more than 64 deep");
  std::vector<Statement> body;
  for (const json &statement : text)
    body.push_back(readStatement(statement, depth));
  return body;
}

static Cascade readCascade(const json &text) {
  Cascade cascade;
  if (int64_t version = readInteger(text.at("version")); version != 1)
    throw std::runtime_error("cascade text has version " +
                             std::to_string(version) + " but 1 is expected");
  cascade.name = text.at("name").get<std::string>();
  for (const json &rank : text.at("ranks"))
    cascade.ranks.push_back(readRank(rank));
  for (const json &value : text.at("values"))
    cascade.values.push_back({value.at("name").get<std::string>(),
                              readType(value.at("type")),
                              readIds(value.at("ranks"))});
  cascade.inputs = readIds(text.at("inputs"));
  for (const json &scalar : text.at("scalars"))
    cascade.scalars.push_back(
        {scalar.at("name").get<std::string>(), readType(scalar.at("type"))});
  if (text.contains("reducers"))
    for (const json &reducer : text.at("reducers"))
      cascade.reducers.push_back(readReducer(reducer));
  cascade.body = readBody(text.at("body"), 0);
  for (const json &yield : text.at("yields"))
    cascade.yields.push_back({readId(yield.at("value")),
                              yield.at("name").get<std::string>(),
                              readType(yield.at("type"))});
  return cascade;
}

std::optional<Cascade> parseJson(std::string_view text, std::string &error) {
  try {
    Cascade cascade = readCascade(json::parse(text.begin(), text.end()));
    error = verify(cascade);
    if (!error.empty())
      return std::nullopt;
    return cascade;
  } catch (const std::exception &exception) {
    error = exception.what();
    return std::nullopt;
  }
}

} // namespace attn::reference
