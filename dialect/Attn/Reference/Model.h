//===- Model.h - A cascade of Einsums as plain C++ ------------------------===//
//
// What a cascade says, without MLIR: ranks, arguments, statements, expressions.
// The importer of dialect/Attn makes it from the IR, lib/Package embeds it in
// every object as JSON (Json.h), and Evaluate.h gives it its meaning. So an
// object can be checked by a program that has neither MLIR nor LLVM.
//
// Everything refers to everything by index: a rank by its place in
// Cascade::ranks, a tensor (argument, result, state) by its place in
// Cascade::values, an expression by its place in Einsum::exprs, where operands
// come before their users. Sharing a node is how `let` is said.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECT_ATTN_REFERENCE_MODEL_H
#define DIALECT_ATTN_REFERENCE_MODEL_H

#include "dialect/Attn/Reference/ElementType.h"
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace attn::reference {

using RankId = unsigned;
using ValueId = unsigned;
using ExprId = unsigned;

enum class RankKind : uint8_t {
  Fixed,   // `e = 128`: value is the extent
  Free,    // bound at the call
  Product, // `h = k * g`: operands are the factors, slowest first
  CeilDiv  // `m1 = ceildiv(m, 16)`: operands[0] divided by value
};

struct Rank {
  std::string name;
  RankKind kind = RankKind::Free;
  int64_t value = 0;
  std::vector<RankId> operands;
};

/// A tensor: an input, the result of a statement, or a state inside one.
struct Value {
  std::string name;
  ElementType type = ElementType::F32;
  std::vector<RankId> ranks;
};

/// A scalar argument of the cascade.
struct Scalar {
  std::string name;
  ElementType type = ElementType::F32;
};

enum class Op : uint8_t {
  Constant, // number, or integer where the type is one; type
  RankVar,  // rank: the coordinate
  Extent,   // rank
  Scalar,   // id: place in Cascade::scalars
  Read,     // id: value; args: one index expression a rank
  Flatten,  // (k, g) as one coordinate: args with the extents of `ranks`
  Neg,
  Add,
  Sub,
  Mul,
  Div, // S5; between integers it truncates, and a / 0 = 0
  FloorDiv,
  CeilDiv,
  Mod, // the remainder of FloorDiv
  Pow,
  Min, // a NaN operand makes the result NaN, as in Max
  Max,
  Exp,
  Exp2,
  Log,
  Log2,
  Tanh,
  Sigmoid,
  Erf,
  Sqrt,
  Rsqrt,
  Sin,
  Cos,
  Abs,
  Floor,
  Ceil,
  Round, // ties to even
  Sign,  // -1, 0, 1; NaN of NaN
  Eq,
  Ne,
  Lt,
  Le,
  Gt,
  Ge,
  And,
  Or,
  Not,
  Select, // args: condition, then, else
  Cast    // type: see roundTo and wrapTo
};

struct Expr {
  Op op = Op::Constant;
  std::vector<ExprId> args;
  /// Constant, Cast: given. All others: set by inferTypes.
  ElementType type = ElementType::F32;
  unsigned id = 0; // RankVar, Extent: rank; Scalar: scalar; Read: value
  double number = 0;
  int64_t integer = 0;
  std::vector<RankId> ranks; // Flatten
};

enum class Reducer : uint8_t {
  Add,
  Max,
  Min,
  Mul,
  And,
  Or,
  Lse, // log of a sum of exponentials; NaN of +inf
  User // one that the cascade defines
};

/// `value` of two operands, which the expressions call scalars 0 and 1. The
/// identity combined with x is x, whatever the expression gives (S11).
struct UserReducer {
  std::string name;
  ElementType type = ElementType::F32;
  double identity = 0;
  std::vector<Expr> exprs;
  ExprId value = 0;
};

struct Reduction {
  RankId rank;
  Reducer reducer = Reducer::Add;
  unsigned user = 0; // of User: place in Cascade::reducers

  bool hasSameReducer(const Reduction &other) const {
    return reducer == other.reducer && user == other.user;
  }
};

/// `result[output] = value where (filter) reduce(reductions)`. Where reducers
/// differ the first reduction is the outermost: `(max m, add e)` is the maximum
/// over m of the sum over e. A rank variable in an expression that is neither
/// in the output nor reduced is that of an enclosing Iterate.
struct Einsum {
  ValueId result = 0;
  /// One entry a rank of the result: the variable, or the flattened group.
  std::vector<std::vector<RankId>> output;
  std::vector<Reduction> reductions;
  std::vector<Expr> exprs;
  ExprId value = 0;
  std::optional<ExprId> filter;
};

/// Populate by value: along its last rank, `indices` holds the coordinates of
/// `rank` that have the largest present values of `source`, largest first, the
/// smaller coordinate where values are equal. NaN counts as smaller than all.
/// Coordinates past the number of present values are absent.
struct TopK {
  ValueId source = 0;
  RankId rank = 0; // of source; the result has another in the last place
  std::optional<ValueId> indices;
  std::optional<ValueId> values;
};

/// The best entries of two lists over `rank`: values, their coordinates (of
/// which a negative or an absent one is none), and payloads. Ordered as TopK
/// does; past the last entry the value is the least of its type, the coordinate
/// -1 and a payload 0.
struct Join {
  RankId rank = 0;
  std::vector<ValueId> lhs, rhs, results;
};

struct Statement;

/// A state of Iterate or Stream. It starts as the tensor or the constant.
struct State {
  ValueId state = 0; // inside the body, before the step
  std::optional<ValueId> initTensor;
  double initConstant = 0;
  ValueId next = 0;   // what the body computes
  ValueId result = 0; // outside, after the last step
  // Stream only: the two operands of the merge, and what it computes.
  ValueId lhs = 0, rhs = 0, merged = 0;
};

/// A value of the body that is kept for every coordinate of the iterated rank,
/// which stands at `position` of the result's ranks.
struct Collected {
  ValueId value = 0;
  ValueId result = 0;
  unsigned position = 0;
};

/// The coordinates of `rank` in order; the body sees one coordinate.
struct Iterate {
  RankId rank = 0;
  bool reverse = false;
  std::vector<State> states;
  std::vector<Statement> body;
  std::vector<Collected> collected;
};

/// A reduction over `rank` in any number of chunks: the body sees one chunk of
/// coordinates, and `merge` joins the states of two chunks.
struct Stream {
  RankId rank = 0;
  std::vector<State> states;
  std::vector<Statement> body;
  std::vector<Statement> merge;
};

/// A group of statements that become one kernel; it means what they mean. Each
/// result is a value of the body under another name.
struct Nest {
  std::vector<Statement> body;
  std::vector<std::pair<ValueId, ValueId>> results; // value of body, result
};

struct Statement {
  std::variant<Einsum, TopK, Join, Iterate, Stream, Nest> op;
};

/// An output of the cascade, rounded to `type` when it is stored.
struct Yield {
  ValueId value = 0;
  std::string name;
  ElementType type = ElementType::F32;
};

struct Cascade {
  std::string name;
  std::vector<Rank> ranks;
  std::vector<Value> values;
  std::vector<ValueId> inputs; // in the order of the arguments
  std::vector<Scalar> scalars;
  std::vector<UserReducer> reducers;
  std::vector<Statement> body;
  std::vector<Yield> yields;
};

/// Sets the type of every expression (S8, S9): reads widen; integer constants,
/// rank variables and extents take the type of the other operand; a float
/// constant that of the other float; what is left is i64 and f32. Returns false
/// where an operand has a type that its operator can't have.
bool inferTypes(const Cascade &cascade, Einsum &einsum);
bool inferTypes(UserReducer &reducer);

/// Checks what evaluation relies on (indices in range, operands before users,
/// values defined before use, types) and infers the types. Returns what is
/// wrong, or an empty string.
std::string verify(Cascade &cascade);

/// The extent of every rank.
using Extents = std::vector<int64_t>;

/// Binds the extents given by name, and computes the others from them; a factor
/// of a product follows from the product and the other factors. Returns what is
/// missing or contradicts, or an empty string.
std::string
bindExtents(const Cascade &cascade,
            const std::vector<std::pair<std::string, int64_t>> &sizes,
            Extents &extents);

std::optional<ValueId> findInput(const Cascade &cascade,
                                 const std::string &name);

std::string_view getName(Op op);
std::optional<Op> parseOp(std::string_view name);
std::string_view getName(Reducer reducer);
std::optional<Reducer> parseReducer(std::string_view name);
/// The number of operands of `op`; -1 where it varies.
int getArity(Op op);

/// The value of a reduction over no point (S4), for results of `type`.
double getIdentity(const Cascade &cascade, const Reduction &reduction,
                   ElementType type);
/// The same for a reducer that no cascade defines.
double getIdentity(Reducer reducer, ElementType type);

} // namespace attn::reference

#endif // DIALECT_ATTN_REFERENCE_MODEL_H
