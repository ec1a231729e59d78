//===- Builder.h - Cascades written in C++ --------------------------------===//
//
// The tests write cascades almost as specs do:
//
//   Builder b("attention");
//   b.rank("p").rank("m").rank("e", 4);
//   b.input("Q", "p e").input("K", "m e");
//   b.einsum("QK", "p m", [](Scope &s) {
//     s.where(s["m"] <= s["p"]);
//     return s("Q", "p", "e") * s("K", "m", "e");
//   });
//
// A rank variable that is neither in the output nor given a reducer is summed.
//
//===----------------------------------------------------------------------===//

#ifndef TEST_REFERENCE_BUILDER_H
#define TEST_REFERENCE_BUILDER_H

#include "dialect/Attn/Reference/Evaluate.h"
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace attn::reference {

class Scope;

struct Node {
  Scope *scope = nullptr;
  ExprId id = 0;
};

/// An index: a node, a rank variable "m", or a group "(k,g)".
struct Index {
  Index(const char *text) : text(text) {}
  Index(Node node) : node(node) {}
  std::string text;
  Node node;
};

class Builder;

/// The expressions of one Einsum.
class Scope {
public:
  Scope(Builder &builder, Einsum &einsum) : builder(builder), einsum(einsum) {}

  Node operator[](const std::string &rank);
  Node extent(const std::string &rank);
  Node scalar(const std::string &name);
  Node number(double value, ElementType type = ElementType::F32);
  Node integer(int64_t value, ElementType type = ElementType::I64);
  template <typename... Indices>
  Node operator()(const std::string &value, Indices... indices) {
    return read(value, {Index(indices)...});
  }
  Node read(const std::string &value, const std::vector<Index> &indices);
  Node apply(Op op, const std::vector<Node> &args,
             ElementType type = ElementType::F32);
  void where(Node condition);

private:
  Node add(Expr expr);
  Builder &builder;
  Einsum &einsum;
};

Node operator+(Node a, Node b);
Node operator-(Node a, Node b);
Node operator*(Node a, Node b);
Node operator/(Node a, Node b);
Node operator<(Node a, Node b);
Node operator<=(Node a, Node b);
Node operator>=(Node a, Node b);
Node exp(Node a);
Node max(Node a, Node b);

class Builder {
public:
  using Body = std::function<Node(Scope &)>;

  explicit Builder(const std::string &name) { cascade.name = name; }

  Builder &rank(const std::string &name); // free
  Builder &rank(const std::string &name, int64_t extent);
  Builder &product(const std::string &name, const std::string &factors);
  Builder &ceilDiv(const std::string &name, const std::string &rank,
                   int64_t divisor);
  Builder &input(const std::string &name, const std::string &ranks,
                 ElementType type = ElementType::F32);
  Builder &scalar(const std::string &name, ElementType type = ElementType::F32);
  /// A reducer, which reductions call by its name. Its operands are the scalars
  /// `a` and `b`.
  Builder &reducer(const std::string &name, double identity, const Body &body,
                   ElementType type = ElementType::F32);

  /// `output` as "b (k,g) p"; `reductions` as "max m, add e".
  ValueId einsum(const std::string &result, const std::string &output,
                 const Body &body, const std::string &reductions = "",
                 ElementType type = ElementType::F32);
  ValueId value(const std::string &name, const std::string &ranks,
                ElementType type = ElementType::F32);
  Builder &yield(const std::string &name, ElementType type = ElementType::F64);

  /// Statements are added to `body` until `end`.
  Builder &into(std::vector<Statement> &body);
  /// A rank variable that an enclosing Iterate binds.
  Builder &bind(const std::string &rank);
  Builder &end();
  std::vector<Statement> &body() { return *bodies.back(); }

  RankId findRank(const std::string &name) const;
  ValueId findValue(const std::string &name) const;

  Cascade cascade;
  std::set<RankId> bound;

private:
  friend class Scope;
  std::vector<std::vector<Statement> *> bodies = {&cascade.body};
};

std::vector<std::string> split(const std::string &text);

/// A cascade with float64 inputs that the tests fill.
class Call {
public:
  Call(const Builder &builder,
       const std::vector<std::pair<std::string, int64_t>> &sizes);

  /// The elements of an input, in row-major order.
  std::vector<double> &operator[](const std::string &input);
  Call &set(const std::string &input, std::vector<double> values);
  /// Fills all inputs with numbers that a test can't guess.
  Call &randomize(uint64_t seed = 1);

  /// The whole of an output, as it is stored.
  std::vector<double> get(const std::string &output);
  Tensor getTensor(const std::string &output);
  Tensor getTensor(const std::string &output, const CoordinateBox &box);

  Cascade cascade;
  Extents extents;
  std::vector<double> scalars;
  EvaluateOptions options;
  std::map<std::string, std::vector<double>> inputs;
  std::vector<double> counts;

private:
  unsigned findYield(const std::string &output) const;
};

} // namespace attn::reference

#endif // TEST_REFERENCE_BUILDER_H
