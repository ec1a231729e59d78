//===- EinsumLowering.cpp - Expressions as operations of an Einsum --------===//

#include "lib/Cascade/EinsumLowering.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace attn;

StringAttr EinsumLowering::getName(unsigned rank) {
  return region.builder.getStringAttr(importer.getContext().getRankName(rank));
}

Value EinsumLowering::literal(double value) {
  return region.make<arith::ConstantOp>(
      region.builder.getFloatAttr(type, value));
}

Value EinsumLowering::leaf(Expr expr) {
  Value value = getNative(expr);
  return value.getType().isInteger(1) ? value : region.makeCast(value, type);
}

Value EinsumLowering::rankVar(unsigned rank) {
  return region.makeCast(region.makeVar(getName(rank)), type);
}

Value EinsumLowering::extent(unsigned rank) {
  Value extent =
      region.make<ExtentOp>(region.builder.getIndexType(), getName(rank));
  return region.makeCast(extent, type);
}

Value EinsumLowering::add(Value a, Value b) {
  return region.make<arith::AddFOp>(a, b);
}
Value EinsumLowering::sub(Value a, Value b) {
  return region.make<arith::SubFOp>(a, b);
}
Value EinsumLowering::mul(Value a, Value b) {
  return region.make<arith::MulFOp>(a, b);
}
Value EinsumLowering::div(Value a, Value b) { return region.make<DivOp>(a, b); }
Value EinsumLowering::neg(Value a) { return region.make<arith::NegFOp>(a); }
Value EinsumLowering::exp2(Value a) { return region.make<math::Exp2Op>(a); }
Value EinsumLowering::minimum(Value a, Value b) {
  return region.make<arith::MinimumFOp>(a, b);
}
Value EinsumLowering::select(Value condition, Value ifTrue, Value ifFalse) {
  return region.make<arith::SelectOp>(condition, ifTrue, ifFalse);
}

Value EinsumLowering::cast(Expr expr, Value a) {
  Type to = parseType(expr.name(), region.builder.getContext());
  Value rounded =
      region.make<CastOp>(getComputeType(to), a, TypeAttr::get(to), UnitAttr());
  return region.makeCast(rounded, type);
}

Value EinsumLowering::getNative(Expr leaf) {
  if (auto access = accesses.find(leaf); access != accesses.end())
    return region.read(access->second);
  const LeafSource *source = importer.lookup(leaf);
  Value value = region.clone(source->value, tensors);
  if (!source->rank)
    return value;
  Value zero = region.make<arith::ConstantOp>(region.builder.getIndexAttr(0));
  Value extent =
      region.make<ExtentOp>(region.builder.getIndexType(), source->rank);
  using P = arith::CmpIPredicate;
  Value low = region.make<arith::CmpIOp>(P::sge, value, zero);
  Value high = region.make<arith::CmpIOp>(P::slt, value, extent);
  return region.make<arith::AndIOp>(low, high);
}

/// The type that `leaf` has; null of what is no leaf.
Type EinsumLowering::getNativeType(Expr leaf) {
  if (!leaf.is(ExprKind::Leaf))
    return {};
  if (auto access = accesses.find(leaf); access != accesses.end())
    return getComputeType(
        llvm::cast<attn::TensorType>(access->second.tensor.getType())
            .getElementType());
  const LeafSource *source = importer.lookup(leaf);
  return source->rank ? region.builder.getI1Type() : source->value.getType();
}

/// Integers are compared as integers: as floats, two may be equal that differ.
bool EinsumLowering::isWhole(Expr expr) {
  if (!expr.is(ExprKind::Equal))
    return false;
  Type type = getNativeType(expr.operand(0));
  return type && isa<IntegerType>(type) && !type.isInteger(1) &&
         type == getNativeType(expr.operand(1));
}

Value EinsumLowering::whole(Expr expr) {
  return region.make<arith::CmpIOp>(arith::CmpIPredicate::eq,
                                    getNative(expr.operand(0)),
                                    getNative(expr.operand(1)));
}

Value EinsumLowering::lowerKept(Expr expr) {
  if (!expr.is(ExprKind::Select) || !expr.operand(1).is(ExprKind::Leaf) ||
      !expr.operand(2).is(ExprKind::Constant))
    return {};
  Value kept = getNative(expr.operand(1));
  auto integer = dyn_cast<IntegerType>(kept.getType());
  if (!integer)
    return {};
  // Saturates: of min, inf is the greatest integer.
  bool isBool = integer.getWidth() == 1;
  llvm::APSInt constant(integer.getWidth(), /*isUnsigned=*/isBool);
  bool isExact;
  llvm::APFloat(expr.operand(2).value())
      .convertToInteger(constant, llvm::APFloat::rmTowardZero, &isExact);
  Value identity = region.make<arith::ConstantOp>(
      region.builder.getIntegerAttr(integer, constant));
  return region.make<arith::SelectOp>(lower(expr.operand(0)), kept, identity);
}

/// Whether `value` is an f32, but for rounding in f64.
static bool isFloat(double value) {
  return std::fabs(value - float(value)) <= 1e-13 * std::fabs(value);
}

/// Whether all coefficients are multiples of ln2 by numbers that are no worse:
/// what the source wrote with exp2.
bool EinsumLowering::prefersExp2(Expr operand) {
  bool gains = false;
  for (Expr term : getTerms(operand)) {
    double coefficient = splitCoefficient(term).first;
    if (!isFloat(coefficient / M_LN2))
      return false;
    gains |= !isFloat(coefficient);
  }
  return gains;
}

/// A constant that f32 would round is written with a function of one that it
/// would not: log(2), rsqrt(128), 1 / 3.
Value EinsumLowering::constant(double value) {
  if (type.isF64() || !std::isfinite(value) || isFloat(value))
    return literal(value);
  auto function = [&](ExprKind kind, double operand) {
    return unary(kind, literal(operand));
  };
  auto scale = [&](double factor, Value part) {
    return factor == 1 ? part : mul(literal(factor), part);
  };
  double magnitude = std::fabs(value);
  if (isFloat(value / M_LN2))
    return scale(value / M_LN2, function(ExprKind::Log, 2));
  if (isFloat(value * M_LN2))
    return div(literal(value * M_LN2), function(ExprKind::Log, 2));
  for (double divisor = 3; divisor < 1000; ++divisor)
    if (isFloat(value * divisor) && std::fabs(value * divisor) < (1 << 20) &&
        std::fabs(value * divisor - std::nearbyint(value * divisor)) < 1e-9)
      return div(literal(value * divisor), literal(divisor));
  for (double square : {magnitude * magnitude, 1 / (magnitude * magnitude)}) {
    double nearest = std::nearbyint(square);
    if (nearest < 1 || nearest > 1e6 ||
        std::fabs(square - nearest) > 1e-13 * square)
      continue;
    Value root = power(literal(nearest), magnitude < 1 ? -0.5 : 0.5);
    return value < 0 ? neg(root) : root;
  }
  // As a sum of two, which f32 rounds only once.
  return add(literal(float(value)), literal(value - float(value)));
}

Value EinsumLowering::power(Value base, double exponent) {
  if (exponent == 0.5)
    return region.make<math::SqrtOp>(base);
  if (exponent == -0.5)
    return region.make<math::RsqrtOp>(base);
  constexpr double maxProduct = 8;
  double magnitude = std::fabs(exponent);
  if (std::floor(exponent) != exponent || magnitude > maxProduct)
    return region.make<math::PowFOp>(base, constant(exponent));
  Value product = base;
  for (int i = 1; i < magnitude; ++i)
    product = mul(product, base);
  return exponent > 0 ? product : div(literal(1), product);
}

Value EinsumLowering::unary(ExprKind kind, Value a) {
  switch (kind) {
  case ExprKind::Exp:
    return region.make<math::ExpOp>(a);
  case ExprKind::Log:
    return region.make<math::LogOp>(a);
  case ExprKind::Tanh:
    return region.make<math::TanhOp>(a);
  case ExprKind::Sigmoid:
    return region.make<SigmoidOp>(a);
  case ExprKind::Erf:
    return region.make<math::ErfOp>(a);
  case ExprKind::Sin:
    return region.make<math::SinOp>(a);
  case ExprKind::Cos:
    return region.make<math::CosOp>(a);
  case ExprKind::Abs:
    return region.make<math::AbsFOp>(a);
  case ExprKind::Floor:
    return region.make<math::FloorOp>(a);
  case ExprKind::Round:
    return region.make<math::RoundEvenOp>(a);
  case ExprKind::Not: {
    Value one =
        region.make<arith::ConstantOp>(region.builder.getBoolAttr(true));
    return region.make<arith::XOrIOp>(a, one);
  }
  default:
    llvm_unreachable("not a function of one operand");
  }
}

Value EinsumLowering::binary(ExprKind kind, Value a, Value b) {
  using P = arith::CmpFPredicate;
  switch (kind) {
  case ExprKind::Max:
    return region.make<arith::MaximumFOp>(a, b);
  case ExprKind::And:
    return region.make<arith::AndIOp>(a, b);
  case ExprKind::Or:
    return region.make<arith::OrIOp>(a, b);
  case ExprKind::Less:
    return region.make<arith::CmpFOp>(P::OLT, a, b);
  case ExprKind::LessEqual:
    return region.make<arith::CmpFOp>(P::OLE, a, b);
  case ExprKind::Equal:
    if (a.getDefiningOp<arith::ConstantOp>())
      std::swap(a, b);
    return region.make<arith::CmpFOp>(P::OEQ, a, b);
  default:
    llvm_unreachable("not a function of two operands");
  }
}

Value EinsumLowering::call(Expr expr, ArrayRef<Value> operands) {
  if (expr.name() == "pow")
    return region.make<math::PowFOp>(operands[0], operands[1]);
  OperationState state(region.loc, expr.name());
  state.addOperands(operands);
  state.addTypes(type);
  return region.insert(Operation::create(state));
}
