//===- Builder.cpp - Cascades written in C++ ------------------------------===//

#include "test/Reference/Builder.h"
#include "dialect/Attn/Reference/Generate.h"
#include <algorithm>
#include <gtest/gtest.h>
#include <sstream>
#include <stdexcept>

namespace attn::reference {

std::vector<std::string> split(const std::string &text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;)
    words.push_back(word);
  return words;
}

/// "(k,g)" to k and g; any other word is itself.
static std::vector<std::string> splitGroup(std::string word) {
  if (word.front() != '(')
    return {word};
  std::replace_if(
      word.begin(), word.end(), [](char c) { return c != '_' && !isalnum(c); },
      ' ');
  return split(word);
}

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

Node Scope::add(Expr expr) {
  einsum.exprs.push_back(std::move(expr));
  return {this, static_cast<ExprId>(einsum.exprs.size() - 1)};
}

Node Scope::operator[](const std::string &rank) {
  Expr expr;
  expr.op = Op::RankVar;
  expr.id = builder.findRank(rank);
  return add(expr);
}

Node Scope::extent(const std::string &rank) {
  Expr expr;
  expr.op = Op::Extent;
  expr.id = builder.findRank(rank);
  return add(expr);
}

Node Scope::scalar(const std::string &name) {
  Expr expr;
  expr.op = Op::Scalar;
  for (unsigned i = 0; i != builder.cascade.scalars.size(); ++i)
    if (builder.cascade.scalars[i].name == name)
      expr.id = i;
  return add(expr);
}

Node Scope::number(double value, ElementType type) {
  Expr expr;
  expr.type = type;
  expr.number = value;
  return add(expr);
}

Node Scope::integer(int64_t value, ElementType type) {
  Expr expr;
  expr.type = type;
  expr.integer = value;
  return add(expr);
}

Node Scope::read(const std::string &value, const std::vector<Index> &indices) {
  Expr read;
  read.op = Op::Read;
  read.id = builder.findValue(value);
  for (const Index &index : indices) {
    if (index.node.scope) {
      read.args.push_back(index.node.id);
      continue;
    }
    Expr flatten;
    flatten.op = Op::Flatten;
    for (const std::string &rank : splitGroup(index.text)) {
      flatten.args.push_back((*this)[rank].id);
      flatten.ranks.push_back(builder.findRank(rank));
    }
    read.args.push_back(flatten.args.size() == 1 ? flatten.args[0]
                                                 : add(flatten).id);
  }
  return add(read);
}

Node Scope::apply(Op op, const std::vector<Node> &args, ElementType type) {
  Expr expr;
  expr.op = op;
  expr.type = type;
  for (Node arg : args)
    expr.args.push_back(arg.id);
  return add(expr);
}

void Scope::where(Node condition) { einsum.filter = condition.id; }

Node operator+(Node a, Node b) { return a.scope->apply(Op::Add, {a, b}); }
Node operator-(Node a, Node b) { return a.scope->apply(Op::Sub, {a, b}); }
Node operator*(Node a, Node b) { return a.scope->apply(Op::Mul, {a, b}); }
Node operator/(Node a, Node b) { return a.scope->apply(Op::Div, {a, b}); }
Node operator<(Node a, Node b) { return a.scope->apply(Op::Lt, {a, b}); }
Node operator<=(Node a, Node b) { return a.scope->apply(Op::Le, {a, b}); }
Node operator>=(Node a, Node b) { return a.scope->apply(Op::Ge, {a, b}); }
Node exp(Node a) { return a.scope->apply(Op::Exp, {a}); }
Node max(Node a, Node b) { return a.scope->apply(Op::Max, {a, b}); }

//===----------------------------------------------------------------------===//
// Cascades
//===----------------------------------------------------------------------===//

Builder &Builder::rank(const std::string &name) {
  cascade.ranks.push_back({name, RankKind::Free, 0, {}});
  return *this;
}

Builder &Builder::rank(const std::string &name, int64_t extent) {
  cascade.ranks.push_back({name, RankKind::Fixed, extent, {}});
  return *this;
}

Builder &Builder::product(const std::string &name, const std::string &factors) {
  Rank rank{name, RankKind::Product, 0, {}};
  for (const std::string &factor : split(factors))
    rank.operands.push_back(findRank(factor));
  cascade.ranks.push_back(rank);
  return *this;
}

Builder &Builder::ceilDiv(const std::string &name, const std::string &rank,
                          int64_t divisor) {
  cascade.ranks.push_back({name, RankKind::CeilDiv, divisor, {findRank(rank)}});
  return *this;
}

ValueId Builder::value(const std::string &name, const std::string &ranks,
                       ElementType type) {
  Value value{name, type, {}};
  for (const std::string &rank : split(ranks))
    value.ranks.push_back(findRank(rank));
  cascade.values.push_back(value);
  return cascade.values.size() - 1;
}

Builder &Builder::input(const std::string &name, const std::string &ranks,
                        ElementType type) {
  cascade.inputs.push_back(value(name, ranks, type));
  return *this;
}

Builder &Builder::scalar(const std::string &name, ElementType type) {
  cascade.scalars.push_back({name, type});
  return *this;
}

Builder &Builder::reducer(const std::string &name, double identity,
                          const Body &body, ElementType type) {
  Builder operands(name);
  operands.scalar("a", type).scalar("b", type);
  Einsum einsum;
  Scope scope(operands, einsum);
  ExprId value = body(scope).id;
  cascade.reducers.push_back({name, type, identity, einsum.exprs, value});
  return *this;
}

/// The rank that a group lies on: the product of its ranks.
static RankId findProduct(const Cascade &cascade,
                          const std::vector<RankId> &group) {
  for (RankId id = 0; id != cascade.ranks.size(); ++id)
    if (cascade.ranks[id].operands == group)
      return id;
  throw std::runtime_error("no such product");
}

ValueId Builder::einsum(const std::string &result, const std::string &output,
                        const Body &body, const std::string &reductions,
                        ElementType type) {
  Einsum einsum;
  Value value{result, type, {}};
  std::set<RankId> known = bound;
  for (const std::string &word : split(output)) {
    std::vector<RankId> group;
    for (const std::string &rank : splitGroup(word))
      group.push_back(findRank(rank));
    known.insert(group.begin(), group.end());
    value.ranks.push_back(group.size() == 1 ? group[0]
                                            : findProduct(cascade, group));
    einsum.output.push_back(group);
  }
  std::string text = reductions;
  std::replace(text.begin(), text.end(), ',', ' ');
  std::vector<std::string> words = split(text);
  for (size_t i = 0; i + 1 < words.size(); i += 2) {
    Reduction reduction{findRank(words[i + 1])};
    if (std::optional<Reducer> known = parseReducer(words[i]))
      reduction.reducer = *known;
    else
      reduction.reducer = Reducer::User;
    while (reduction.reducer == Reducer::User &&
           cascade.reducers.at(reduction.user).name != words[i])
      ++reduction.user;
    einsum.reductions.push_back(reduction);
    known.insert(einsum.reductions.back().rank);
  }
  Scope scope(*this, einsum);
  einsum.value = body(scope).id;
  for (const Expr &expr : einsum.exprs)
    if (expr.op == Op::RankVar && known.insert(expr.id).second)
      einsum.reductions.push_back({expr.id, Reducer::Add});
  cascade.values.push_back(value);
  einsum.result = cascade.values.size() - 1;
  this->body().push_back({std::move(einsum)});
  return cascade.values.size() - 1;
}

Builder &Builder::yield(const std::string &name, ElementType type) {
  cascade.yields.push_back({findValue(name), name, type});
  return *this;
}

Builder &Builder::into(std::vector<Statement> &body) {
  bodies.push_back(&body);
  return *this;
}

Builder &Builder::bind(const std::string &rank) {
  bound.insert(findRank(rank));
  return *this;
}

Builder &Builder::end() {
  bodies.pop_back();
  return *this;
}

RankId Builder::findRank(const std::string &name) const {
  for (RankId id = 0; id != cascade.ranks.size(); ++id)
    if (cascade.ranks[id].name == name)
      return id;
  throw std::runtime_error("no rank " + name);
}

ValueId Builder::findValue(const std::string &name) const {
  for (ValueId id = cascade.values.size(); id-- != 0;)
    if (cascade.values[id].name == name)
      return id;
  throw std::runtime_error("no value " + name);
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

Call::Call(const Builder &builder,
           const std::vector<std::pair<std::string, int64_t>> &sizes)
    : cascade(builder.cascade) {
  EXPECT_EQ(verify(cascade), "");
  EXPECT_EQ(bindExtents(cascade, sizes, extents), "");
  for (ValueId input : cascade.inputs) {
    size_t count = 1;
    for (RankId rank : cascade.values[input].ranks)
      count *= static_cast<size_t>(extents[rank]);
    inputs[cascade.values[input].name].assign(count, 0.0);
  }
}

std::vector<double> &Call::operator[](const std::string &input) {
  return inputs.at(input);
}

Call &Call::set(const std::string &input, std::vector<double> values) {
  EXPECT_EQ(values.size(), inputs.at(input).size()) << input;
  inputs[input] = std::move(values);
  return *this;
}

Call &Call::randomize(uint64_t seed) {
  for (ValueId input : cascade.inputs) {
    const Value &value = cascade.values[input];
    std::vector<double> &elements = inputs[value.name];
    for (size_t i = 0; i != elements.size(); ++i)
      elements[i] = roundTo(
          value.type, generate(Distribution(), seed, hashName(value.name), i));
  }
  return *this;
}

unsigned Call::findYield(const std::string &output) const {
  for (unsigned i = 0; i != cascade.yields.size(); ++i)
    if (cascade.yields[i].name == output)
      return i;
  throw std::runtime_error("no output " + output);
}

Tensor Call::getTensor(const std::string &output) {
  return getTensor(output, getWholeBox(cascade, extents, findYield(output)));
}

Tensor Call::getTensor(const std::string &output, const CoordinateBox &box) {
  Problem problem{cascade, extents, {}, scalars};
  for (ValueId input : cascade.inputs) {
    const Value &value = cascade.values[input];
    std::vector<int64_t> sizes;
    for (RankId rank : value.ranks)
      sizes.push_back(extents[rank]);
    problem.inputs.push_back(
        makeInput(ElementType::F64, inputs[value.name].data(), sizes));
  }
  Evaluation result;
  EXPECT_EQ(evaluate(problem, {{findYield(output), box}}, options, result), "");
  counts = result.counts;
  return result.outputs.empty() ? Tensor() : result.outputs[0];
}

std::vector<double> Call::get(const std::string &output) {
  Tensor tensor = getTensor(output);
  ElementType type = cascade.yields[findYield(output)].type;
  std::vector<double> values;
  for (size_t i = 0; i != tensor.values.size(); ++i)
    values.push_back(getStored(tensor, static_cast<int64_t>(i), type));
  return values;
}

} // namespace attn::reference
