//===- ScalarExpr.h - Immutable, uniqued scalar expressions ---------------===//
//
// What an Einsum computes at one point, as algebra. An expression is uniqued
// in its ExprContext and built in canonical form only, so that two expressions
// that the rules below make equal are the same pointer: the proofs of
// lib/Cascade/Derivation are substitution and pointer comparison.
//
// The rules are identities of exact arithmetic on finite values, and they keep
// the two conventions of docs/spec.md: 0 / 0 = 0 (so x / x becomes 1 only where
// x cannot be 0), and exp(-inf - -inf) = 0 (so a difference inside exp is
// lowered as one subtraction, see ExprLowering.h). What holds at an identity
// element such as -inf is never left to a rule: lib/Cascade/Derivation guards
// it explicitly.
//
// Canonical form, where a, b, c are expressions and k constants:
//   a - b        = a + -1*b         a / b      = a * pow(b, -1)
//   min(a, b)    = -max(-a, -b)     exp2(a)    = exp(ln2*a)
//   sqrt(a)      = pow(a, 1/2)      log2(a)    = log(a) / ln2
//   k*(a + b)    = k*a + k*b        2*a + 3*a  = 5*a
//   c*(k*a + b)  = k*c*(a + b/k)    a*a        = pow(a, 2)
//   exp(a)*exp(b) = exp(a + b)      exp(a + k*log(b)) = pow(b, k)*exp(a)
//   log(exp(a)*b) = a + log(b)      abs(b - a) = abs(a - b)
// Two constants within 1e-12 of each other are one constant, so that
// ln2 * log2e is 1.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_ANALYSIS_SCALAREXPR_H
#define LIB_ANALYSIS_SCALAREXPR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseMapInfo.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"

#include <bitset>
#include <limits>
#include <memory>
#include <optional>
#include <string>

namespace llvm {
class raw_ostream;
} // namespace llvm

namespace attn {

class ExprContext;
struct ExprNode;

/// A set of rank variables, by the number that ExprContext::getRank gave them.
using RankSet = std::bitset<256>;

enum class ExprKind : uint8_t {
  Constant,
  /// A tensor access, a scalar parameter or an accumulator: opaque.
  Leaf,
  /// A rank variable used as a value, and the extent of one.
  RankVar,
  Extent,
  Add,
  Mul,
  /// operand(0) to the constant power value().
  Pow,
  Exp,
  Log,
  Tanh,
  Sigmoid,
  Erf,
  Sin,
  Cos,
  Abs,
  Floor,
  Round,
  /// n-ary; a minimum is a negated maximum.
  Max,
  /// operand(0) ? operand(1) : operand(2).
  Select,
  Less,
  LessEqual,
  Equal,
  And,
  Or,
  Not,
  /// A conversion, opaque to the algebra; name() is the type.
  Cast,
  /// A pure function that the algebra knows only through FunctionTraits.
  Call,
};

/// What a client says of a leaf. `key` is its identity: asking twice for one
/// key gives one leaf, and it leads the client back to its tensor access.
struct LeafInfo {
  std::string name;
  uint64_t key = 0;
  RankSet ranks;
  bool accumulator = false;
  /// Known bounds of the value, if any.
  double lower = -std::numeric_limits<double>::infinity();
  double upper = std::numeric_limits<double>::infinity();
};

/// What the algebra may assume of an opaque function.
struct FunctionTraits {
  double lower = -std::numeric_limits<double>::infinity();
  double upper = std::numeric_limits<double>::infinity();
  /// Grows no faster than a polynomial of its operands.
  bool polynomial = false;
};

/// A uniqued expression: a pointer with structure. `==` is structural equality.
class Expr {
public:
  Expr() = default;
  explicit Expr(const ExprNode *node) : node(node) {}

  explicit operator bool() const { return node; }
  bool operator==(Expr other) const { return node == other.node; }
  bool operator!=(Expr other) const { return node != other.node; }

  ExprKind kind() const;
  bool is(ExprKind kind) const { return node && this->kind() == kind; }
  llvm::ArrayRef<Expr> operands() const;
  Expr operand(unsigned i) const { return operands()[i]; }
  /// The value of a constant; the exponent of a power.
  double value() const;
  std::optional<double> getConstant() const;
  bool isConstant(double value) const { return getConstant() == value; }
  /// The rank of a rank variable or an extent.
  unsigned rank() const;
  /// The type of a cast; the function of a call.
  llvm::StringRef name() const;
  const FunctionTraits &traits() const;
  const LeafInfo &leaf() const;
  bool isAccumulator() const {
    return is(ExprKind::Leaf) && leaf().accumulator;
  }

  /// The rank variables that the value varies along.
  const RankSet &ranks() const;
  /// True if some leaf in it is an accumulator.
  bool hasAccumulator() const;
  /// Grows along operand edges, so sorting by it is a post-order.
  unsigned id() const;
  ExprContext &context() const;
  const ExprNode *getNode() const { return node; }

  std::string str() const;

private:
  const ExprNode *node = nullptr;
};

llvm::raw_ostream &operator<<(llvm::raw_ostream &os, Expr expr);

/// Owns and uniques expressions. Not thread-safe; one per derivation.
class ExprContext {
public:
  ExprContext();
  ~ExprContext();
  ExprContext(const ExprContext &) = delete;

  /// The number of the rank of that name. At most 256 names.
  unsigned getRank(llvm::StringRef name);
  llvm::StringRef getRankName(unsigned rank) const;

  Expr constant(double value);
  Expr leaf(LeafInfo info);
  /// A leaf that no key leads to.
  Expr freshLeaf(llvm::StringRef name, const RankSet &ranks,
                 bool accumulator = false);
  Expr rankVar(unsigned rank);
  Expr extent(unsigned rank);

  Expr add(llvm::ArrayRef<Expr> terms);
  Expr mul(llvm::ArrayRef<Expr> factors);
  Expr pow(Expr base, double exponent);
  /// pow(base, k) for a constant, else an opaque call.
  Expr pow(Expr base, Expr exponent);
  Expr exp(Expr operand);
  Expr log(Expr operand);
  /// Tanh, Sigmoid, Erf, Sin, Cos, Abs, Floor or Round; also Exp and Log.
  Expr unary(ExprKind kind, Expr operand);
  Expr max(llvm::ArrayRef<Expr> operands);
  Expr min(llvm::ArrayRef<Expr> operands);
  Expr select(Expr condition, Expr ifTrue, Expr ifFalse);
  /// Less, LessEqual or Equal.
  Expr compare(ExprKind kind, Expr lhs, Expr rhs);
  Expr logicalAnd(llvm::ArrayRef<Expr> operands);
  Expr logicalOr(llvm::ArrayRef<Expr> operands);
  Expr logicalNot(Expr operand);
  Expr cast(llvm::StringRef type, Expr operand);
  Expr call(llvm::StringRef function, llvm::ArrayRef<Expr> operands,
            const FunctionTraits &traits = {});

  /// `expr` with other operands, canonical again.
  Expr rebuild(Expr expr, llvm::ArrayRef<Expr> operands);

  /// numerator / denominator with equal factors cancelled even where they may
  /// be 0. Only for quotients that are known to be free of those factors.
  Expr quotient(Expr numerator, Expr denominator);

private:
  struct Impl;
  std::unique_ptr<Impl> impl;

  Expr unique(ExprKind kind, llvm::ArrayRef<Expr> operands, double value = 0,
              unsigned index = 0);
  Expr product(llvm::ArrayRef<Expr> factors, bool cancel);
  Expr oddFunction(ExprKind kind, Expr operand);
  Expr connective(ExprKind kind, llvm::ArrayRef<Expr> operands);
  friend class Expr;
};

Expr operator+(Expr a, Expr b);
Expr operator-(Expr a, Expr b);
Expr operator*(Expr a, Expr b);
Expr operator/(Expr a, Expr b);
Expr operator-(Expr a);
Expr operator+(Expr a, double b);
Expr operator-(Expr a, double b);
Expr operator+(double a, Expr b);
Expr operator-(double a, Expr b);
Expr operator*(double a, Expr b);
Expr operator*(Expr a, double b);
Expr operator/(Expr a, double b);
Expr operator/(double a, Expr b);
Expr exp(Expr a);
Expr exp2(Expr a);
Expr log(Expr a);
Expr log2(Expr a);
Expr sqrt(Expr a);
Expr rsqrt(Expr a);
Expr tanh(Expr a);
Expr sigmoid(Expr a);
Expr abs(Expr a);
Expr round(Expr a);
Expr max(Expr a, Expr b);
Expr min(Expr a, Expr b);

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

/// `coefficient * rest`; the rest of a constant is 1.
std::pair<double, Expr> splitCoefficient(Expr expr);
/// The terms of a sum, or the expression itself.
llvm::SmallVector<Expr> getTerms(Expr expr);
/// The factors of a product, or the expression itself.
llvm::SmallVector<Expr> getFactors(Expr expr);
/// `base ^ exponent`.
std::pair<Expr, double> splitPower(Expr expr);

/// True if the form alone shows it for all finite leaves.
bool isStructurallyNonNegative(Expr expr);
bool isStructurallyNonZero(Expr expr);

/// Every expression under `roots`, operands first.
llvm::SmallVector<Expr> postOrder(llvm::ArrayRef<Expr> roots);
/// The leaves under `root`, in the order of their making.
llvm::SmallVector<Expr> getLeaves(Expr root);
bool contains(Expr root, llvm::function_ref<bool(Expr)> predicate);

using ExprMap = llvm::DenseMap<Expr, Expr>;

/// `root` with every key of `map` replaced, all at once.
Expr substitute(Expr root, const ExprMap &map);

/// Multiplies out products and small powers of sums, in exponents too. A part
/// that would exceed 96 terms stays as it is.
Expr expand(Expr root);

/// The same for several expressions that share parts, each part once.
class Expander {
public:
  Expr operator()(Expr root);

private:
  static constexpr unsigned maxTerms = 96;
  ExprMap result;
};

/// The derivative, or null where a function in it has none that is known.
Expr differentiate(Expr root, Expr variable);

/// The value for the given leaves, rank variables and extents, in float64.
double evaluate(Expr root, llvm::function_ref<double(Expr)> valueOf);

} // namespace attn

namespace llvm {
template <> struct DenseMapInfo<attn::Expr> {
  using Node = DenseMapInfo<const attn::ExprNode *>;
  static attn::Expr getEmptyKey() { return attn::Expr(Node::getEmptyKey()); }
  static attn::Expr getTombstoneKey() {
    return attn::Expr(Node::getTombstoneKey());
  }
  static unsigned getHashValue(attn::Expr expr) {
    return Node::getHashValue(expr.getNode());
  }
  static bool isEqual(attn::Expr a, attn::Expr b) { return a == b; }
};
} // namespace llvm

#endif // LIB_ANALYSIS_SCALAREXPR_H
