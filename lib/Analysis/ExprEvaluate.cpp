//===- ExprEvaluate.cpp - Expressions as text and as numbers --------------===//

#include "lib/Analysis/ExprLowering.h"
#include "lib/Analysis/ExprNumbers.h"
#include "lib/Analysis/ExprReducer.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace attn;
using llvm::ArrayRef;

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

namespace {
struct Text {
  enum Precedence { Or, And, Compare, Sum, Product, Atom };
  std::string text;
  Precedence precedence = Atom;
};

class TextLowering : public ExprLowering<Text> {
public:
  explicit TextLowering(ExprContext &context) : context(context) {}

private:
  ExprContext &context;

  /// A shared expression prints once for each use; this bounds the sum.
  static constexpr size_t maxLength = 4096;

  static Text make(std::string text, Text::Precedence precedence) {
    if (text.size() > maxLength)
      return {"...", Text::Atom};
    return {std::move(text), precedence};
  }

  static std::string wrap(const Text &a, Text::Precedence least) {
    return a.precedence < least ? "(" + a.text + ")" : a.text;
  }

  static Text infix(const Text &a, llvm::StringRef op, const Text &b,
                    Text::Precedence precedence, bool associative) {
    auto next = static_cast<Text::Precedence>(precedence + 1);
    return make(wrap(a, precedence) + op.str() +
                    wrap(b, associative ? precedence : next),
                precedence);
  }

  static Text function(llvm::StringRef name, ArrayRef<Text> operands) {
    std::string text = name.str() + "(";
    for (auto [i, operand] : llvm::enumerate(operands))
      text += (i ? ", " : "") + operand.text;
    return make(text + ")", Text::Atom);
  }

  Text constant(double value) override {
    std::string text;
    llvm::raw_string_ostream os(text);
    os << llvm::format("%.15g", value);
    return {text, value < 0 ? Text::Sum : Text::Atom};
  }
  Text leaf(Expr expr) override { return {expr.leaf().name, Text::Atom}; }
  Text rankVar(unsigned rank) override {
    return {context.getRankName(rank).str(), Text::Atom};
  }
  Text extent(unsigned rank) override {
    return function("extent", rankVar(rank));
  }
  Text add(Text a, Text b) override {
    return infix(a, " + ", b, Text::Sum, true);
  }
  Text sub(Text a, Text b) override {
    return infix(a, " - ", b, Text::Sum, false);
  }
  Text mul(Text a, Text b) override {
    return infix(a, "*", b, Text::Product, true);
  }
  Text div(Text a, Text b) override {
    return infix(a, "/", b, Text::Product, false);
  }
  Text neg(Text a) override {
    return make("-" + wrap(a, Text::Product), Text::Sum);
  }
  Text power(Text base, double exponent) override {
    if (exponent == 0.5)
      return function("sqrt", base);
    if (exponent == -0.5)
      return function("rsqrt", base);
    return make(wrap(base, Text::Atom) + "^" +
                    wrap(constant(exponent), Text::Atom),
                Text::Product);
  }
  Text unary(ExprKind kind, Text a) override {
    switch (kind) {
    case ExprKind::Exp:
      return function("exp", a);
    case ExprKind::Log:
      return function("log", a);
    case ExprKind::Tanh:
      return function("tanh", a);
    case ExprKind::Sigmoid:
      return function("sigmoid", a);
    case ExprKind::Erf:
      return function("erf", a);
    case ExprKind::Sin:
      return function("sin", a);
    case ExprKind::Cos:
      return function("cos", a);
    case ExprKind::Abs:
      return function("abs", a);
    case ExprKind::Floor:
      return function("floor", a);
    case ExprKind::Round:
      return function("round", a);
    default:
      return function("not", a);
    }
  }
  Text binary(ExprKind kind, Text a, Text b) override {
    switch (kind) {
    case ExprKind::Max:
      return function("max", {a, b});
    case ExprKind::And:
      return infix(a, " && ", b, Text::And, true);
    case ExprKind::Or:
      return infix(a, " || ", b, Text::Or, true);
    case ExprKind::Less:
      return infix(a, " < ", b, Text::Compare, false);
    case ExprKind::LessEqual:
      return infix(a, " <= ", b, Text::Compare, false);
    default:
      return infix(a, " == ", b, Text::Compare, false);
    }
  }
  Text minimum(Text a, Text b) override { return function("min", {a, b}); }
  Text select(Text condition, Text ifTrue, Text ifFalse) override {
    return function("select", {condition, ifTrue, ifFalse});
  }
  Text cast(Expr expr, Text a) override {
    return function("cast", {a, Text{expr.name().str(), Text::Atom}});
  }
  Text call(Expr expr, ArrayRef<Text> operands) override {
    return function(expr.name(), operands);
  }
};
} // namespace

std::string Expr::str() const {
  if (!node)
    return "<null>";
  return TextLowering(context()).lower(*this).text;
}

llvm::raw_ostream &attn::operator<<(llvm::raw_ostream &os, Expr expr) {
  return os << expr.str();
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

double attn::applyUnary(ExprKind kind, double value) {
  switch (kind) {
  case ExprKind::Exp:
    return std::exp(value);
  case ExprKind::Log:
    return std::log(value);
  case ExprKind::Tanh:
    return std::tanh(value);
  case ExprKind::Sigmoid:
    return 1 / (1 + std::exp(-value));
  case ExprKind::Erf:
    return std::erf(value);
  case ExprKind::Sin:
    return std::sin(value);
  case ExprKind::Cos:
    return std::cos(value);
  case ExprKind::Abs:
    return std::fabs(value);
  case ExprKind::Floor:
    return std::floor(value);
  case ExprKind::Round:
    return std::nearbyint(value);
  default:
    llvm_unreachable("not a function of one number");
  }
}

namespace {
class NumberLowering : public ExprLowering<double> {
public:
  NumberLowering(ExprContext &context, llvm::function_ref<double(Expr)> valueOf)
      : context(context), valueOf(valueOf) {}

private:
  ExprContext &context;
  llvm::function_ref<double(Expr)> valueOf;

  double constant(double value) override { return value; }
  double leaf(Expr expr) override { return valueOf(expr); }
  double rankVar(unsigned rank) override {
    return valueOf(context.rankVar(rank));
  }
  double extent(unsigned rank) override {
    return valueOf(context.extent(rank));
  }
  double add(double a, double b) override { return a + b; }
  double sub(double a, double b) override { return a - b; }
  double mul(double a, double b) override { return a * b; }
  double div(double a, double b) override {
    return a == 0 && b == 0 ? 0 : a / b; // S5
  }
  double neg(double a) override { return -a; }
  double power(double base, double exponent) override {
    return std::pow(base, exponent);
  }
  double unary(ExprKind kind, double a) override {
    return kind == ExprKind::Not ? a == 0 : applyUnary(kind, a);
  }
  double expOfDifference(double base, double shift) override {
    if (base == shift && std::isinf(base) && base < 0)
      return 0; // S6
    return std::exp(base - shift);
  }
  double binary(ExprKind kind, double a, double b) override {
    switch (kind) {
    case ExprKind::Max:
      return reduce(ExprReducer::Max, a, b);
    case ExprKind::And:
      return a != 0 && b != 0;
    case ExprKind::Or:
      return a != 0 || b != 0;
    case ExprKind::Less:
      return a < b;
    case ExprKind::LessEqual:
      return a <= b;
    default:
      return a == b;
    }
  }
  double minimum(double a, double b) override {
    return reduce(ExprReducer::Min, a, b);
  }
  double select(double condition, double ifTrue, double ifFalse) override {
    return condition != 0 ? ifTrue : ifFalse;
  }
  double cast(Expr, double a) override { return a; }
  double call(Expr expr, ArrayRef<double> operands) override {
    return valueOf(expr);
  }
};
} // namespace

double attn::evaluate(Expr root, llvm::function_ref<double(Expr)> valueOf) {
  return NumberLowering(root.context(), valueOf).lower(root);
}
