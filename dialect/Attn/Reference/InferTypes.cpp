//===- InferTypes.cpp - The types of expressions (S8, S9) -----------------===//

#include "dialect/Attn/Reference/Model.h"

namespace attn::reference {

namespace {
/// A type while it is inferred: a weak one yields to that of the other operand.
struct Inferred {
  ElementType type;
  bool weak;
};
} // namespace

static Inferred join(Inferred a, Inferred b) {
  if (isFloat(a.type) != isFloat(b.type))
    return isFloat(a.type) ? a : b;
  if (a.weak != b.weak)
    return a.weak ? b : a;
  // Wider types come first in the enum.
  return a.type < b.type ? a : b;
}

static bool isComparison(Op op) { return op >= Op::Eq && op <= Op::Ge; }

/// Functions of floats that make an integer operand an f32.
static bool isFloatFunction(Op op) {
  return (op >= Op::Exp && op <= Op::Cos) || op == Op::Pow;
}

static std::optional<Inferred> infer(const Cascade &cascade,
                                     const std::vector<Scalar> &scalars,
                                     const Expr &expr,
                                     const std::vector<Inferred> &types) {
  auto arg = [&](unsigned i) { return types[expr.args[i]]; };
  auto isBool = [&](unsigned i) { return arg(i).type == ElementType::I1; };
  if (isComparison(expr.op))
    return Inferred{ElementType::I1, false};
  if (isFloatFunction(expr.op)) {
    Inferred result = arg(0);
    if (expr.args.size() == 2)
      result = join(result, arg(1));
    return isFloat(result.type) ? result : Inferred{ElementType::F32, true};
  }
  switch (expr.op) {
  case Op::Constant: {
    bool weak = expr.type != ElementType::I1;
    return Inferred{expr.type, weak};
  }
  case Op::RankVar:
  case Op::Extent:
    return Inferred{ElementType::I64, true};
  case Op::Scalar:
    return Inferred{widen(scalars[expr.id].type), false};
  case Op::Read:
  case Op::Flatten:
    for (unsigned i = 0; i != expr.args.size(); ++i)
      if (!isInteger(arg(i).type) || isBool(i))
        return std::nullopt;
    if (expr.op == Op::Flatten)
      return Inferred{ElementType::I64, true};
    return Inferred{widen(cascade.values[expr.id].type), false};
  case Op::And:
  case Op::Or:
    if (!isBool(0) || !isBool(1))
      return std::nullopt;
    return arg(0);
  case Op::Not:
    return isBool(0) ? std::optional(arg(0)) : std::nullopt;
  case Op::Select:
    return isBool(0) ? std::optional(join(arg(1), arg(2))) : std::nullopt;
  case Op::Cast:
    return Inferred{expr.type, false};
  default:
    break;
  }
  // Arithmetic; a narrow type can only be the result of a cast.
  Inferred result = arg(0);
  if (expr.args.size() == 2)
    result = join(result, arg(1));
  if (result.type == ElementType::I1)
    return std::nullopt;
  return Inferred{widen(result.type), result.weak};
}

static bool inferTypes(const Cascade &cascade,
                       const std::vector<Scalar> &scalars,
                       std::vector<Expr> &exprs) {
  std::vector<Inferred> types;
  types.reserve(exprs.size());
  for (const Expr &expr : exprs) {
    std::optional<Inferred> inferred = infer(cascade, scalars, expr, types);
    if (!inferred)
      return false;
    types.push_back(*inferred);
  }
  for (size_t i = 0; i != types.size(); ++i)
    exprs[i].type = types[i].type;
  return true;
}

bool inferTypes(const Cascade &cascade, Einsum &einsum) {
  return inferTypes(cascade, cascade.scalars, einsum.exprs);
}

bool inferTypes(UserReducer &reducer) {
  std::vector<Scalar> operands(2, {"", reducer.type});
  return inferTypes(Cascade(), operands, reducer.exprs);
}

} // namespace attn::reference
