//===- Verify.cpp - What evaluation relies on -----------------------------===//
//
// A model may come from a file, so nothing in it is believed: after verify,
// every index is in range, every value is defined once and before its use, and
// every expression has a type.
//
//===----------------------------------------------------------------------===//

#include "dialect/Attn/Reference/Model.h"
#include <algorithm>
#include <set>

namespace attn::reference {

namespace {
/// Checks one cascade and keeps the first thing that is wrong.
class Verifier {
public:
  explicit Verifier(Cascade &cascade)
      : cascade(cascade), defined(cascade.values.size()) {}

  std::string run() {
    checkDeclarations();
    if (error.empty())
      checkBody(cascade.body, 0);
    for (const Yield &yield : cascade.yields)
      use(yield.value);
    return error;
  }

private:
  bool fail(const std::string &message) {
    if (error.empty())
      error = message;
    return false;
  }

  void checkDeclarations();
  void checkOperands(const Expr &expr, ExprId id, const std::string &name);
  void check(UserReducer &reducer);
  void checkBody(std::vector<Statement> &body, unsigned depth);
  void check(Einsum &einsum);
  void checkExprs(const Einsum &einsum, const std::set<RankId> &variables);
  void check(TopK &topK);
  void check(Join &join);
  void check(Iterate &iterate, unsigned depth);
  void check(Stream &stream, unsigned depth);
  void check(Nest &nest, unsigned depth);

  bool isRank(RankId id) {
    return id < cascade.ranks.size() ||
           fail("rank " + std::to_string(id) + " does not exist");
  }

  bool isValue(ValueId id) {
    return id < cascade.values.size() ||
           fail("value " + std::to_string(id) + " does not exist");
  }

  void define(ValueId id) {
    if (!isValue(id))
      return;
    if (defined[id])
      fail("value `" + cascade.values[id].name + "` is defined twice");
    defined[id] = true;
  }

  bool use(ValueId id) {
    return isValue(id) &&
           (defined[id] || fail("value `" + cascade.values[id].name +
                                "` is used before it is defined"));
  }

  void sameRanks(ValueId a, ValueId b) {
    if (isValue(a) && isValue(b) &&
        cascade.values[a].ranks != cascade.values[b].ranks)
      fail("`" + cascade.values[a].name + "` and `" + cascade.values[b].name +
           "` differ in rank");
  }

  Cascade &cascade;
  std::vector<bool> defined;
  std::set<RankId> walked; // the ranks of the enclosing Iterates
  std::string error;
};
} // namespace

void Verifier::checkDeclarations() {
  for (RankId id = 0; id != cascade.ranks.size(); ++id) {
    const Rank &rank = cascade.ranks[id];
    for (RankId operand : rank.operands)
      if (isRank(operand) && operand == id)
        fail("rank `" + rank.name + "` is defined by itself");
    if (rank.kind == RankKind::CeilDiv &&
        (rank.operands.size() != 1 || rank.value < 1))
      fail("rank `" + rank.name + "` needs one operand and a divisor");
    if (rank.kind == RankKind::Product && rank.operands.empty())
      fail("rank `" + rank.name + "` is a product of nothing");
    if (rank.kind == RankKind::Fixed && rank.value < 0)
      fail("rank `" + rank.name + "` has a negative extent");
  }
  for (const Value &value : cascade.values)
    for (RankId rank : value.ranks)
      isRank(rank);
  for (ValueId input : cascade.inputs)
    define(input);
  for (UserReducer &reducer : cascade.reducers)
    check(reducer);
}

/// Expression `id` of what is called `name` has the operands that it needs, and
/// they stand before it.
void Verifier::checkOperands(const Expr &expr, ExprId id,
                             const std::string &name) {
  for (ExprId arg : expr.args)
    if (arg >= id)
      fail("an expression of `" + name + "` stands before its operand");
  int arity = getArity(expr.op);
  if (arity >= 0 && expr.args.size() != static_cast<size_t>(arity))
    fail("`" + std::string(getName(expr.op)) + "` in `" + name + "` has " +
         std::to_string(expr.args.size()) + " operands but needs " +
         std::to_string(arity));
}

/// Its expressions read the two operands and nothing else.
void Verifier::check(UserReducer &reducer) {
  const std::string &name = reducer.name;
  for (ExprId id = 0; id != reducer.exprs.size(); ++id) {
    const Expr &expr = reducer.exprs[id];
    bool isLeaf = expr.op == Op::RankVar || expr.op == Op::Extent ||
                  expr.op == Op::Read || expr.op == Op::Flatten;
    if (isLeaf || (expr.op == Op::Scalar && expr.id >= 2))
      fail("reducer `" + name + "` reads something else than its operands");
    checkOperands(expr, id, name);
  }
  if (reducer.value >= reducer.exprs.size())
    fail("reducer `" + name + "` has no such expression");
  if (error.empty() && !inferTypes(reducer))
    fail("an expression of `" + name +
         "` has an operand of a type that it can't have");
  if (error.empty() && reducer.exprs[reducer.value].type != reducer.type)
    fail("reducer `" + name + "` gives " +
         std::string(getName(reducer.exprs[reducer.value].type)) + " of " +
         std::string(getName(reducer.type)));
}

void Verifier::checkBody(std::vector<Statement> &body, unsigned depth) {
  if (depth > 64) {
    fail("statements are nested more than 64 deep");
    return;
  }
  for (Statement &statement : body) {
    if (!error.empty())
      return;
    if (auto *einsum = std::get_if<Einsum>(&statement.op))
      check(*einsum);
    else if (auto *topK = std::get_if<TopK>(&statement.op))
      check(*topK);
    else if (auto *join = std::get_if<Join>(&statement.op))
      check(*join);
    else if (auto *iterate = std::get_if<Iterate>(&statement.op))
      check(*iterate, depth);
    else if (auto *stream = std::get_if<Stream>(&statement.op))
      check(*stream, depth);
    else
      check(std::get<Nest>(statement.op), depth);
  }
}

void Verifier::checkExprs(const Einsum &einsum,
                          const std::set<RankId> &variables) {
  const std::string &name = cascade.values[einsum.result].name;
  for (ExprId id = 0; id != einsum.exprs.size(); ++id) {
    const Expr &expr = einsum.exprs[id];
    checkOperands(expr, id, name);
    if (expr.op == Op::RankVar || expr.op == Op::Extent)
      isRank(expr.id);
    if (expr.op == Op::RankVar && isRank(expr.id) &&
        !variables.count(expr.id) && !walked.count(expr.id))
      fail("rank variable `" + cascade.ranks[expr.id].name +
           "` is neither in the output of `" + name + "` nor reduced");
    if (expr.op == Op::Scalar && expr.id >= cascade.scalars.size())
      fail("scalar " + std::to_string(expr.id) + " does not exist");
    if (expr.op == Op::Read && use(expr.id) &&
        cascade.values[expr.id].ranks.size() != expr.args.size())
      fail("`" + cascade.values[expr.id].name + "` has " +
           std::to_string(cascade.values[expr.id].ranks.size()) +
           " ranks but is read with " + std::to_string(expr.args.size()) +
           " indices");
    if (expr.op == Op::Flatten && expr.args.size() != expr.ranks.size())
      fail("`flatten` in `" + name + "` needs a rank for each operand");
    for (RankId rank : expr.ranks)
      isRank(rank);
  }
}

void Verifier::check(Einsum &einsum) {
  if (!isValue(einsum.result))
    return;
  const Value &result = cascade.values[einsum.result];
  if (einsum.output.size() != result.ranks.size())
    fail("`" + result.name + "` has " + std::to_string(result.ranks.size()) +
         " ranks but its Einsum has " + std::to_string(einsum.output.size()) +
         " output indices");
  std::set<RankId> seen;
  auto iterate = [&](RankId rank) {
    if (walked.count(rank))
      fail("`" + result.name + "` is computed inside of an iteration over `" +
           cascade.ranks[rank].name + "`, which it can't walk itself");
    if (isRank(rank) && !seen.insert(rank).second)
      fail("rank variable `" + cascade.ranks[rank].name +
           "` occurs twice in the output and the reductions of `" +
           result.name + "`");
  };
  for (const std::vector<RankId> &group : einsum.output) {
    if (group.empty())
      fail("an output index of `" + result.name + "` is empty");
    std::for_each(group.begin(), group.end(), iterate);
  }
  for (const Reduction &reduction : einsum.reductions) {
    iterate(reduction.rank);
    if (reduction.reducer == Reducer::User &&
        reduction.user >= cascade.reducers.size())
      fail("reducer " + std::to_string(reduction.user) + " does not exist");
  }
  if (einsum.value >= einsum.exprs.size() ||
      (einsum.filter && *einsum.filter >= einsum.exprs.size()))
    fail("`" + result.name + "` has no such expression");
  checkExprs(einsum, seen);
  if (!error.empty())
    return;
  if (!inferTypes(cascade, einsum))
    fail("an expression of `" + result.name +
         "` has an operand of a type "
         "that it can't have");
  else if (einsum.filter &&
           einsum.exprs[*einsum.filter].type != ElementType::I1)
    fail("the filter of `" + result.name + "` is not i1");
  for (const Reduction &reduction : einsum.reductions)
    if (error.empty() && reduction.reducer == Reducer::User &&
        cascade.reducers[reduction.user].type !=
            einsum.exprs[einsum.value].type)
      fail("the values of `" + result.name + "` are not of the type that `" +
           cascade.reducers[reduction.user].name + "` reduces");
  define(einsum.result);
}

void Verifier::check(TopK &topK) {
  if (!use(topK.source) || !isRank(topK.rank))
    return;
  const std::vector<RankId> &ranks = cascade.values[topK.source].ranks;
  if (ranks.empty() || ranks.back() != topK.rank)
    fail("top-k chooses along the last rank of `" +
         cascade.values[topK.source].name + "`");
  for (std::optional<ValueId> result : {topK.indices, topK.values}) {
    if (!result || !isValue(*result))
      continue;
    const std::vector<RankId> &chosen = cascade.values[*result].ranks;
    if (chosen.size() != ranks.size() ||
        !std::equal(chosen.begin(), chosen.end() - 1, ranks.begin()))
      fail("`" + cascade.values[*result].name + "` and `" +
           cascade.values[topK.source].name +
           "` differ in a rank other than the last");
    define(*result);
  }
}

void Verifier::check(Join &join) {
  size_t size = join.results.size();
  if (size < 2 || join.lhs.size() != size || join.rhs.size() != size) {
    fail("a join needs two lists of values, coordinates and payloads");
    return;
  }
  isRank(join.rank);
  for (size_t i = 0; i != size && error.empty(); ++i) {
    if (!use(join.lhs[i]) || !use(join.rhs[i]))
      return;
    sameRanks(join.lhs[i], join.rhs[i]);
    sameRanks(join.lhs[i], join.results[i]);
    define(join.results[i]);
    const Value &value = cascade.values[join.lhs[i]];
    std::vector<RankId> needed = cascade.values[join.lhs[0]].ranks;
    needed.push_back(join.rank);
    for (RankId rank : needed)
      if (!std::count(value.ranks.begin(), value.ranks.end(), rank))
        fail("`" + value.name + "` lacks a rank of the list that it is in");
  }
  if (error.empty())
    sameRanks(join.lhs[0], join.lhs[1]);
}

void Verifier::check(Iterate &iterate, unsigned depth) {
  isRank(iterate.rank);
  for (const State &state : iterate.states) {
    if (state.initTensor && use(*state.initTensor))
      sameRanks(*state.initTensor, state.state);
    define(state.state);
  }
  if (!walked.insert(iterate.rank).second)
    fail("an iteration stands inside of one over the same rank");
  checkBody(iterate.body, depth + 1);
  walked.erase(iterate.rank);
  for (const State &state : iterate.states) {
    if (!use(state.next))
      return;
    sameRanks(state.next, state.state);
    sameRanks(state.result, state.state);
    define(state.result);
  }
  for (const Collected &collected : iterate.collected) {
    if (!use(collected.value) || !isValue(collected.result))
      return;
    std::vector<RankId> ranks = cascade.values[collected.value].ranks;
    if (collected.position > ranks.size()) {
      fail("a collected rank is placed past the last rank");
      return;
    }
    ranks.insert(ranks.begin() + collected.position, iterate.rank);
    if (ranks != cascade.values[collected.result].ranks)
      fail("`" + cascade.values[collected.result].name +
           "` has other ranks than what it collects");
    define(collected.result);
  }
}

void Verifier::check(Stream &stream, unsigned depth) {
  isRank(stream.rank);
  for (const State &state : stream.states) {
    if (state.initTensor)
      fail("a stream starts from constants");
    define(state.state);
    define(state.lhs);
    define(state.rhs);
  }
  checkBody(stream.body, depth + 1);
  checkBody(stream.merge, depth + 1);
  for (const State &state : stream.states) {
    if (!use(state.next) || !use(state.merged))
      return;
    for (ValueId other :
         {state.next, state.lhs, state.rhs, state.merged, state.result})
      sameRanks(other, state.state);
    define(state.result);
  }
}

void Verifier::check(Nest &nest, unsigned depth) {
  checkBody(nest.body, depth + 1);
  for (const auto &[value, result] : nest.results) {
    if (!use(value))
      return;
    sameRanks(value, result);
    define(result);
  }
}

std::string verify(Cascade &cascade) { return Verifier(cascade).run(); }

} // namespace attn::reference
