//===- Errors.cpp - How far a correct kernel may be from the reference ----===//

#include "dialect/Attn/Reference/Errors.h"
#include "dialect/Attn/Reference/Lanes.h"
#include <algorithm>
#include <limits>

namespace attn::reference {

namespace {
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double smallestNormal = 0x1p-126;
constexpr double largestF32 = 0x1.fffffep127;
constexpr double largestF64 = 0x1.fffffffffffffp1023;
/// A function is given 4 ulp.
constexpr double functionUlps = 8;
} // namespace

double getComputeRoundoff(ElementType type) {
  if (isInteger(type))
    return 0;
  return type == ElementType::F64 ? 0x1p-53 : 0x1p-24;
}

double finishError(ElementType type, double value, double error) {
  if (!std::isfinite(value))
    return 0;
  if (!(error >= 0)) // an infinite bound times 0
    return inf;
  if (isInteger(type) || type == ElementType::F64)
    return error;
  double magnitude = std::fabs(value);
  if (magnitude > largestF32)
    return inf;
  return magnitude < smallestNormal ? error + magnitude : error;
}

double getRoundingError(ElementType type, double magnitude) {
  return std::max(getUnitRoundoff(type) * magnitude, getUnderflowError(type));
}

double getCastError(ElementType type, double operand, double error,
                    double value) {
  if (error == 0 && operand == value)
    return 0;
  if (std::isinf(value) && std::isfinite(operand)) // overflow, or nearly
    return inf;
  return error + 2 * getRoundingError(type, std::fabs(operand) + error);
}

//===----------------------------------------------------------------------===//
// Rules: operands and their bounds, the value, the roundoff
//===----------------------------------------------------------------------===//

static double divError(double ea, double b, double eb, double v, double u) {
  if (ea == 0 && eb == 0)
    return u * std::fabs(v);
  double distance = std::fabs(b) - eb;
  if (distance <= 0)
    return inf;
  return (ea + std::fabs(v) * eb) / distance + u * std::fabs(v);
}

/// The largest change of a step function within the error of its operand.
template <typename F>
static double stepError(F function, double a, double ea, double v) {
  if (ea == 0)
    return 0;
  return std::max(function(a + ea) - v, v - function(a - ea));
}

static double logError(double a, double ea, double v, double u) {
  double rounding = functionUlps * u * std::fabs(v) + 2 * u;
  if (ea == 0)
    return a == 1 ? 0 : rounding;
  return a <= ea ? inf : ea / (a - ea) + rounding;
}

static double powError(double a, double ea, double b, double eb, double v,
                       double u) {
  if (a == 0 && ea == 0)
    return 0;
  double distance = std::fabs(a) - ea;
  if (distance <= 0)
    return inf;
  double logarithm = std::fabs(std::log(std::fabs(a)));
  double exponent = std::fabs(b) * ea / distance + logarithm * eb +
                    functionUlps * u * (1 + std::fabs(b) * logarithm);
  return std::fabs(v) * std::expm1(exponent);
}

static double unaryError(Op op, double a, double ea, double v, double u) {
  double rounding = functionUlps * u * std::fabs(v);
  double nearest = std::max(std::fabs(a) - ea, 0.0);
  switch (op) {
  case Op::Neg:
  case Op::Abs:
    return ea;
  case Op::Exp:
    return v * std::expm1(ea) + rounding;
  case Op::Exp2:
    return v * std::expm1(ea * 0.6931471805599453) + rounding;
  case Op::Log:
    return logError(a, ea, v, u);
  case Op::Log2:
    return 1.4426950408889634 * logError(a, ea, v, u);
  case Op::Tanh: {
    double t = std::tanh(nearest);
    return ea * (1 - t * t) + rounding;
  }
  case Op::Sigmoid: {
    double s = 1 / (1 + std::exp(-nearest));
    return ea * s * (1 - s) + rounding;
  }
  case Op::Erf:
    return ea * 1.1283791670955126 * std::exp(-nearest * nearest) + rounding;
  case Op::Sqrt:
    return (a <= ea ? std::sqrt(2 * ea) : ea / std::sqrt(a - ea)) + rounding;
  case Op::Rsqrt:
    if (ea == 0)
      return rounding;
    return a <= ea ? inf : ea / ((a - ea) * std::sqrt(a - ea)) + rounding;
  case Op::Sin:
  case Op::Cos:
    return ea + functionUlps * u;
  case Op::Floor:
    return stepError([](double x) { return std::floor(x); }, a, ea, v);
  case Op::Ceil:
    return stepError([](double x) { return std::ceil(x); }, a, ea, v);
  case Op::Round:
    return stepError([](double x) { return std::nearbyint(x); }, a, ea, v);
  case Op::Sign:
    return stepError([](double x) { return double((x > 0) - (x < 0)); }, a, ea,
                     v);
  default:
    return ea;
  }
}

static double binaryError(Op op, double a, double ea, double b, double eb,
                          double v, double u) {
  switch (op) {
  case Op::Add:
  case Op::Sub:
    return ea + eb + u * std::fabs(v);
  case Op::Mul:
    return getMulError(a, ea, b, eb) + u * std::fabs(v);
  case Op::Div:
    return divError(ea, b, eb, v, u);
  case Op::FloorDiv:
  case Op::CeilDiv:
  case Op::Mod:
    return ea == 0 && eb == 0 ? u * std::fabs(v) : inf;
  case Op::Pow:
    return powError(a, ea, b, eb, v, u);
  case Op::Max:
    return getMaxError(a, ea, b, eb);
  case Op::Min:
    return getMaxError(-a, ea, -b, eb);
  case Op::And:
    return (a == 0 && ea == 0) || (b == 0 && eb == 0) ? 0 : std::max(ea, eb);
  case Op::Or:
    return (a != 0 && ea == 0) || (b != 0 && eb == 0) ? 0 : std::max(ea, eb);
  default: // a comparison: 1 where it may turn out the other way
    return ea + eb > 0 && std::fabs(a - b) <= ea + eb;
  }
}

static double castError(const Instruction &instruction, bool fromInteger,
                        double a, double ea, double v) {
  ElementType type = instruction.type;
  if (isInteger(type))
    return stepError([=](double x) { return roundTo(type, x); }, a, ea, v);
  // An integer operand of float arithmetic becomes the f32 next to it.
  if (fromInteger && type == ElementType::F64)
    return std::fabs(v) <= 0x1p24 ? ea : ea + 0x1p-24 * std::fabs(v);
  return getCastError(type, a, ea, v);
}

//===----------------------------------------------------------------------===//
// S10
//===----------------------------------------------------------------------===//

std::vector<bool> findReduced(const Einsum &einsum) {
  std::vector<bool> depends(einsum.exprs.size());
  for (ExprId id = 0; id != depends.size(); ++id) {
    const Expr &expr = einsum.exprs[id];
    for (const Reduction &reduction : einsum.reductions)
      if (expr.op == Op::RankVar && expr.id == reduction.rank)
        depends[id] = true;
    for (ExprId arg : expr.args)
      if (depends[arg])
        depends[id] = true;
  }
  return depends;
}

std::optional<ExprId> findNarrowFactor(const Cascade &cascade,
                                       const Einsum &einsum) {
  if (einsum.reductions.empty() ||
      einsum.reductions.back().reducer != Reducer::Add)
    return std::nullopt;
  std::vector<bool> isFactor(einsum.exprs.size());
  std::vector<bool> isReduced = findReduced(einsum);
  std::optional<ExprId> narrow;
  double roundoff = 0;
  bool computes = false;
  isFactor[einsum.value] = true;
  for (ExprId id = einsum.value + 1; id-- != 0;) {
    const Expr &expr = einsum.exprs[id];
    if (!isFactor[id])
      continue;
    if (expr.op == Op::Mul) {
      isFactor[expr.args[0]] = isFactor[expr.args[1]] = true;
      continue;
    }
    if (!isReduced[id])
      continue;
    if (expr.op != Op::Read || !isNarrowFloat(cascade.values[expr.id].type)) {
      computes = true;
      continue;
    }
    double unit = getUnitRoundoff(cascade.values[expr.id].type);
    if (unit > roundoff) {
      roundoff = unit;
      narrow = id;
    }
  }
  return computes ? narrow : std::nullopt;
}

//===----------------------------------------------------------------------===//
// Lanes
//===----------------------------------------------------------------------===//

/// error[i] += |factor[i]| * other's error.
static void addFactor(const Register &factor, const Register &other,
                      double *error, int count) {
  if (other.isExact)
    return;
  const double *a = factor.numbers.data(), *e = other.errors.data();
  if (factor.isUniform) {
    double magnitude = std::fabs(*a);
    for (int i = 0; i != count; ++i)
      error[i] += magnitude * e[other.isUniform ? 0 : i];
  } else if (other.isUniform) {
    double bound = *e;
    for (int i = 0; i != count; ++i)
      error[i] += bound * std::fabs(a[i]);
  } else {
    for (int i = 0; i != count; ++i)
      error[i] += e[i] * std::fabs(a[i]);
  }
}

/// Inner loops are full of products: worth loops that vectorise.
static void mulErrors(const Register &a, const Register &b, Register &result,
                      double u, int count) {
  const double *value = result.numbers.data();
  double *error = result.errors.data();
  for (int i = 0; i != count; ++i)
    error[i] = u * std::fabs(value[i]);
  addFactor(a, b, error, count);
  addFactor(b, a, error, count);
  for (int i = 0; i != count && !a.isExact && !b.isExact; ++i)
    error[i] += a.errors[a.isUniform ? 0 : i] * b.errors[b.isUniform ? 0 : i];
}

/// finishError for every lane, without branches.
static void finishErrors(ElementType type, Register &result, int count) {
  if (result.isInteger || type == ElementType::F64) {
    for (int i = 0; i != count; ++i)
      result.errors[i] =
          finishError(type, result.getNumber(i), result.errors[i]);
    return;
  }
  const double *value = result.numbers.data();
  double *errors = result.errors.data();
  for (int i = 0; i != count; ++i) {
    double magnitude = std::fabs(value[i]);
    double error = errors[i] >= 0 ? errors[i] : inf;
    error += magnitude < smallestNormal ? magnitude : 0.0;
    error = magnitude > largestF32 ? inf : error;
    errors[i] = magnitude <= largestF64 ? error : 0.0;
  }
}

void executeErrors(const Instruction &instruction,
                   std::vector<Register> &registers, int count) {
  Register &result = registers[instruction.result];
  if (result.isExact)
    return;
  if (result.isUniform)
    count = 1;
  double u = getComputeRoundoff(instruction.type);
  const Register &a = registers[instruction.args[0]];
  const Register &b = registers[instruction.args[1]];
  if (instruction.op == Op::Mul && !result.isInteger) {
    mulErrors(a, b, result, u, count);
  } else if (instruction.op == Op::Select) {
    const Register &c = registers[instruction.args[2]];
    for (int i = 0; i != count; ++i) {
      double error = a.getNumber(i) != 0 ? b.getError(i) : c.getError(i);
      if (a.getError(i) > 0)
        error = std::max(b.getError(i), c.getError(i)) +
                std::fabs(b.getNumber(i) - c.getNumber(i));
      result.errors[i] = error;
    }
  } else if (instruction.op == Op::Cast) {
    for (int i = 0; i != count; ++i)
      result.errors[i] = castError(instruction, a.isInteger, a.getNumber(i),
                                   a.getError(i), result.getNumber(i));
  } else if (instruction.numArgs == 1) {
    for (int i = 0; i != count; ++i)
      result.errors[i] = unaryError(instruction.op, a.getNumber(i),
                                    a.getError(i), result.getNumber(i), u);
  } else {
    for (int i = 0; i != count; ++i)
      result.errors[i] =
          binaryError(instruction.op, a.getNumber(i), a.getError(i),
                      b.getNumber(i), b.getError(i), result.getNumber(i), u);
  }
  finishErrors(instruction.type, result, count);
}

} // namespace attn::reference
