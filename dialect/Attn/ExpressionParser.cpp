//===- ExpressionParser.cpp - Expressions as they are written -------------===//

#include "dialect/Attn/ExpressionParser.h"
#include "dialect/Attn/Literals.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/SaveAndRestore.h"
#include <cmath>

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

void ExpressionParser::addVar(StringRef name) {
  auto attr = builder.getStringAttr(name);
  if (!llvm::is_contained(vars, attr) &&
      !llvm::is_contained(scope.carried, attr))
    vars.push_back(attr);
}

static bool isCondition(Term term) {
  return !term.isLiteral() && term.value.getType().isInteger(1);
}

Value ExpressionParser::materialise(Term term, SMLoc where) {
  if (!term.isLiteral())
    return term.value;
  return makeConstant(term, builder.getF32Type(), where);
}

Value ExpressionParser::makeConstant(Term term, Type type, SMLoc where) {
  if (isa<FloatType>(type)) {
    double number = term.real ? *term.real : double(*term.integer);
    FloatAttr value = builder.getFloatAttr(type, number);
    if (value.getValue().isInfinity() && !std::isinf(number)) {
      error(where) << "number " << number << " does not fit " << type;
      return {};
    }
    return make<arith::ConstantOp>(value);
  }
  int64_t number = *term.integer;
  if (type.isInteger(32) && !llvm::isInt<32>(number)) {
    error(where) << "integer " << number << " does not fit i32";
    return {};
  }
  return make<arith::ConstantOp>(builder.getIntegerAttr(type, number));
}

/// The type in which two operands meet: floats win, f64 over f32; an integer
/// tensor's type wins over index, the type of coordinates.
Type ExpressionParser::commonType(Term lhs, Term rhs, bool needsFloat) {
  Type type;
  for (Term term : {lhs, rhs}) {
    Type mine = term.isLiteral()
                    ? (term.real ? Type(builder.getF32Type()) : Type())
                    : term.value.getType();
    if (!mine)
      continue;
    if (!type || (isa<FloatType>(mine) && !isa<FloatType>(type)) ||
        (mine.isF64() && !type.isF64()) ||
        (type.isIndex() && isa<IntegerType>(mine)) ||
        (type.isInteger(32) && mine.isInteger(64)))
      type = mine;
  }
  if (!type)
    type =
        needsFloat ? Type(builder.getF32Type()) : Type(builder.getIndexType());
  if (needsFloat && !isa<FloatType>(type))
    type = builder.getF32Type();
  return type;
}

Value ExpressionParser::convert(Term term, Type type, SMLoc where) {
  if (term.isLiteral())
    return makeConstant(term, type, where);
  if (term.value.getType() == type)
    return term.value;
  return make<CastOp>(type, term.value, TypeAttr::get(type),
                      builder.getUnitAttr());
}

Value ExpressionParser::toIndex(Term term, SMLoc where) {
  if (term.real || isCondition(term) ||
      (!term.isLiteral() &&
       !isa<IntegerType, IndexType>(term.value.getType()))) {
    error(where) << "an index must be an integer";
    return {};
  }
  return convert(term, builder.getIndexType(), where);
}

Value ExpressionParser::toBool(Term term, SMLoc where) {
  if (!term.isLiteral() && term.value.getType().isInteger(1))
    return term.value;
  error(where) << "expected a condition";
  return {};
}

//===----------------------------------------------------------------------===//
// Operators, weakest first
//===----------------------------------------------------------------------===//

TermOr ExpressionParser::parseOr() {
  SMLoc where = parser.getCurrentLocation();
  TermOr lhs = parseAnd();
  while (succeeded(lhs) && succeeded(parser.parseOptionalKeyword("or")))
    lhs = binary("or", lhs, parseAnd(), where);
  return lhs;
}

TermOr ExpressionParser::parseAnd() {
  SMLoc where = parser.getCurrentLocation();
  TermOr lhs = parseNot();
  while (succeeded(lhs) && succeeded(parser.parseOptionalKeyword("and")))
    lhs = binary("and", lhs, parseNot(), where);
  return lhs;
}

TermOr ExpressionParser::parseNot() {
  SMLoc where = parser.getCurrentLocation();
  if (failed(parser.parseOptionalKeyword("not")))
    return parseComparison();
  if (enter())
    return failure();
  llvm::SaveAndRestore nesting(depth, depth + 1);
  TermOr operand = parseNot();
  if (failed(operand))
    return failure();
  Value value = toBool(*operand, where);
  if (!value)
    return failure();
  Value one = make<arith::ConstantOp>(builder.getBoolAttr(true));
  return Term{make<arith::XOrIOp>(value, one), {}, {}};
}

TermOr ExpressionParser::compare(arith::CmpIPredicate integer,
                                 arith::CmpFPredicate real, Term lhs, Term rhs,
                                 SMLoc where) {
  if (isCondition(lhs) || isCondition(rhs)) {
    error(where) << "conditions don't compare; write them with and, or, not";
    return failure();
  }
  Type type = commonType(lhs, rhs, /*needsFloat=*/false);
  Value left = convert(lhs, type, where), right = convert(rhs, type, where);
  if (!left || !right)
    return failure();
  if (isa<FloatType>(type))
    return Term{make<arith::CmpFOp>(real, left, right), {}, {}};
  return Term{make<arith::CmpIOp>(integer, left, right), {}, {}};
}

TermOr ExpressionParser::parseComparison() {
  using I = arith::CmpIPredicate;
  using F = arith::CmpFPredicate;
  SMLoc where = parser.getCurrentLocation();
  TermOr lhs = parseSum();
  if (failed(lhs))
    return failure();
  I integer;
  F real;
  if (succeeded(parser.parseOptionalLess())) {
    bool equal = succeeded(parser.parseOptionalEqual());
    integer = equal ? I::sle : I::slt;
    real = equal ? F::OLE : F::OLT;
  } else if (succeeded(parser.parseOptionalGreater())) {
    bool equal = succeeded(parser.parseOptionalEqual());
    integer = equal ? I::sge : I::sgt;
    real = equal ? F::OGE : F::OGT;
  } else if (succeeded(parser.parseOptionalEqual())) {
    if (parser.parseEqual())
      return failure();
    integer = I::eq;
    real = F::OEQ;
  } else if (succeeded(parser.parseOptionalKeyword("ne"))) {
    integer = I::ne;
    real = F::UNE;
  } else {
    return lhs;
  }
  TermOr rhs = parseSum();
  if (failed(rhs))
    return failure();
  SMLoc next = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalLess()) ||
      succeeded(parser.parseOptionalGreater()) ||
      succeeded(parser.parseOptionalEqual()) ||
      succeeded(parser.parseOptionalKeyword("ne"))) {
    error(next) << "comparisons don't chain; write a < b and b < c";
    return failure();
  }
  return compare(integer, real, *lhs, *rhs, where);
}

TermOr ExpressionParser::parseSum() {
  SMLoc where = parser.getCurrentLocation();
  TermOr lhs = parseProduct();
  while (succeeded(lhs)) {
    if (succeeded(parser.parseOptionalPlus()))
      lhs = binary("+", lhs, parseProduct(), where);
    else if (succeeded(parser.parseOptionalMinus()))
      lhs = binary("-", lhs, parseProduct(), where);
    else
      break;
  }
  return lhs;
}

TermOr ExpressionParser::parseProduct() {
  SMLoc where = parser.getCurrentLocation();
  TermOr lhs = parseUnary();
  while (succeeded(lhs)) {
    if (succeeded(parser.parseOptionalStar()))
      lhs = binary("*", lhs, parseUnary(), where);
    else if (succeeded(parser.parseOptionalSlash()))
      lhs = binary("/", lhs, parseUnary(), where);
    else if (succeeded(parser.parseOptionalKeyword("floordiv")))
      lhs = binary("floordiv", lhs, parseUnary(), where);
    else if (succeeded(parser.parseOptionalKeyword("ceildiv")))
      lhs = binary("ceildiv", lhs, parseUnary(), where);
    else if (succeeded(parser.parseOptionalKeyword("mod")))
      lhs = binary("mod", lhs, parseUnary(), where);
    else
      break;
  }
  return lhs;
}

TermOr ExpressionParser::binary(StringRef op, TermOr lhs, TermOr rhs,
                                SMLoc where) {
  if (failed(lhs) || failed(rhs))
    return failure();
  if (op == "and" || op == "or") {
    Value left = toBool(*lhs, where), right = left ? toBool(*rhs, where) : left;
    if (!left || !right)
      return failure();
    return Term{op == "and" ? make<arith::AndIOp>(left, right)
                            : make<arith::OrIOp>(left, right),
                {},
                {}};
  }
  if (isCondition(*lhs) || isCondition(*rhs)) {
    error(where) << "`" << op
                 << "` is not defined on conditions; use select(c, a, b)";
    return failure();
  }
  Type type = commonType(*lhs, *rhs, /*needsFloat=*/op == "/");
  bool isFloat = isa<FloatType>(type);
  Value l = convert(*lhs, type, where), r = convert(*rhs, type, where), value;
  if (!l || !r)
    return failure();
  if (op == "+")
    value = isFloat ? make<arith::AddFOp>(l, r) : make<arith::AddIOp>(l, r);
  else if (op == "-")
    value = isFloat ? make<arith::SubFOp>(l, r) : make<arith::SubIOp>(l, r);
  else if (op == "*")
    value = isFloat ? make<arith::MulFOp>(l, r) : make<arith::MulIOp>(l, r);
  else if (op == "/")
    value = make<DivOp>(l, r);
  else
    return divide(op, l, r, *rhs, where);
  return Term{value, {}, {}};
}

/// Integer division, towards -inf or +inf, and the remainder of the first.
TermOr ExpressionParser::divide(StringRef op, Value lhs, Value rhs,
                                Term divisor, SMLoc where) {
  if (isa<FloatType>(lhs.getType())) {
    error(where) << "`" << op << "` needs integers";
    return failure();
  }
  if (divisor.isLiteral() && *divisor.integer == 0) {
    error(where) << "`" << op << "` by zero";
    return failure();
  }
  if (op == "ceildiv")
    return Term{make<arith::CeilDivSIOp>(lhs, rhs), {}, {}};
  Value quotient = make<arith::FloorDivSIOp>(lhs, rhs);
  if (op == "floordiv")
    return Term{quotient, {}, {}};
  Value product = make<arith::MulIOp>(quotient, rhs);
  return Term{make<arith::SubIOp>(lhs, product), {}, {}};
}

/// Refuses expressions that recursion or printing could not handle.
ParseResult ExpressionParser::enter() {
  if (depth >= maxDepth)
    return error(parser.getCurrentLocation())
           << "expression is nested more than " << maxDepth << " deep";
  if (operations.size() > maxOperations)
    return error(parser.getCurrentLocation())
           << "expression has more than " << maxOperations << " operations";
  return success();
}

TermOr ExpressionParser::parseUnary() {
  SMLoc where = parser.getCurrentLocation();
  if (enter())
    return failure();
  llvm::SaveAndRestore nesting(depth, depth + 1);
  if (failed(parser.parseOptionalMinus()))
    return parsePrimary();
  TermOr operand = parseUnary();
  if (failed(operand))
    return failure();
  if (operand->integer)
    return Term{{}, -*operand->integer, {}};
  if (operand->real)
    return Term{{}, {}, -*operand->real};
  if (isCondition(*operand)) {
    error(where) << "`-` is not defined on conditions; use not";
    return failure();
  }
  Type type = operand->value.getType();
  if (isa<FloatType>(type))
    return Term{make<arith::NegFOp>(operand->value), {}, {}};
  Value zero = make<arith::ConstantOp>(builder.getIntegerAttr(type, 0));
  return Term{make<arith::SubIOp>(zero, operand->value), {}, {}};
}

//===----------------------------------------------------------------------===//
// Primaries
//===----------------------------------------------------------------------===//

TermOr ExpressionParser::parseNumber(bool &found) {
  SMLoc where = parser.getCurrentLocation();
  APInt integer;
  OptionalParseResult result = parser.parseOptionalInteger(integer);
  found = result.has_value();
  if (!found)
    return failure();
  if (failed(*result))
    return failure();
  SMLoc next = parser.getCurrentLocation();
  // `1e-3` lexes as `1`, `e`, `-3`, and `e` may well be a rank.
  if (*next.getPointer() == 'e' && llvm::isDigit(next.getPointer()[-1])) {
    error(next) << "a number with an exponent needs a decimal point, as in "
                   "1.0e-3";
    return failure();
  }
  if (integer.getSignificantBits() > 64) {
    error(where) << "integer " << llvm::toString(integer, 10, /*Signed=*/false)
                 << " does not fit 64 bits";
    return failure();
  }
  return Term{{}, integer.getSExtValue(), {}};
}

TermOr ExpressionParser::parsePrimary() {
  SMLoc where = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalLParen()))
    return parseGroup();
  // parseOptionalInteger would take these for 1 and 0.
  for (bool value : {true, false})
    if (succeeded(parser.parseOptionalKeyword(value ? "true" : "false")))
      return Term{make<arith::ConstantOp>(builder.getBoolAttr(value)), {}, {}};
  bool isNumber;
  TermOr number = parseNumber(isNumber);
  if (isNumber)
    return number;
  OpAsmParser::UnresolvedOperand operand;
  OptionalParseResult isOperand = parser.parseOptionalOperand(operand);
  if (isOperand.has_value()) {
    if (failed(*isOperand))
      return failure();
    return parseInput(operand);
  }
  StringRef name;
  if (succeeded(parser.parseOptionalKeyword(&name)))
    return parseName(name, where);
  double real;
  if (!llvm::isDigit(*where.getPointer())) {
    error(where) << "expected an operand";
    return failure();
  }
  if (parser.parseFloat(real))
    return failure();
  if (std::isinf(real)) {
    error(where) << "number does not fit f64; infinity is written inf";
    return failure();
  }
  return Term{{}, {}, real};
}

/// After `(`: an expression in parentheses, or a group of coordinates.
TermOr ExpressionParser::parseGroup() {
  SmallVector<Term> terms;
  SMLoc where = parser.getCurrentLocation();
  do {
    TermOr term = parseExpression();
    if (failed(term))
      return failure();
    terms.push_back(*term);
  } while (succeeded(parser.parseOptionalComma()));
  if (parser.parseRParen())
    return failure();
  if (terms.size() == 1)
    return terms.front();
  SmallVector<Value> indices;
  SmallVector<Attribute> ranks;
  for (Term term : terms) {
    auto var =
        term.isLiteral() ? RankVarOp() : term.value.getDefiningOp<RankVarOp>();
    if (!var) {
      error(where) << "a group of coordinates holds rank variables only";
      return failure();
    }
    indices.push_back(var);
    ranks.push_back(var.getRankAttr());
  }
  return Term{make<FlattenOp>(builder.getIndexType(), indices,
                              builder.getArrayAttr(ranks)),
              {},
              {}};
}

TermOr ExpressionParser::parseInput(OpAsmParser::UnresolvedOperand operand) {
  Type type = scope.lookup(operand.name, operand.number);
  if (!type) { // cascade_c6
    error(operand.location)
        << "use of undeclared tensor `" << operand.name << "`";
    return failure();
  }
  auto *known = llvm::find_if(inputs, [&](auto &other) {
    return other.name == operand.name && other.number == operand.number;
  });
  unsigned position = known - inputs.begin();
  if (known == inputs.end()) {
    inputs.push_back(operand);
    inputTypes.push_back(type);
    block->addArgument(type, loc);
  }
  Value argument = block->getArgument(position);
  auto tensor = dyn_cast<attn::TensorType>(type);
  if (!tensor)
    return Term{argument, {}, {}};
  SmallVector<Value> indices;
  SMLoc where = parser.getCurrentLocation();
  auto parseIndex = [&]() -> ParseResult {
    SMLoc here = parser.getCurrentLocation();
    TermOr index = parseExpression();
    if (failed(index))
      return failure();
    Value value = toIndex(*index, here);
    indices.push_back(value);
    return success(value != nullptr);
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseIndex))
    return failure();
  // einsum_c4
  if (indices.size() != tensor.getRanks().size()) {
    error(where) << "access of `" << operand.name << "` has " << indices.size()
                 << " indices, its type " << type << " has "
                 << tensor.getRanks().size() << " ranks";
    return failure();
  }
  return Term{
      make<ReadOp>(getComputeType(tensor.getElementType()), argument, indices),
      {},
      {}};
}

TermOr ExpressionParser::parseName(StringRef name, SMLoc where) {
  auto let = letValues.find(name);
  if (let != letValues.end())
    return let->second;
  if (name == "inf")
    return Term{{}, {}, std::numeric_limits<double>::infinity()};
  if (name == "nan")
    return Term{{}, {}, std::numeric_limits<double>::quiet_NaN()};
  if (name == "let")
    return parseLet();
  if (name == "cast")
    return parseCast(where);
  if (name == "extent") {
    StringRef rank;
    if (parser.parseLParen() || parser.parseKeyword(&rank) ||
        parser.parseRParen())
      return failure();
    if (!scope.lookupRank(rank)) {
      error(where) << "rank `" << rank << "` is not declared";
      return failure();
    }
    return Term{
        make<ExtentOp>(builder.getIndexType(), builder.getStringAttr(rank)),
        {},
        {}};
  }
  if (succeeded(parser.parseOptionalLParen()))
    return parseCall(name, where);
  // einsum_c1
  if (!scope.lookupRank(name)) {
    error(where) << "rank `" << name << "` is not declared";
    return failure();
  }
  addVar(name);
  return Term{
      make<RankVarOp>(builder.getIndexType(), builder.getStringAttr(name)),
      {},
      {}};
}

/// The number of operands of a function; 0 where there is none of this name.
static unsigned getArity(StringRef function) {
  return llvm::StringSwitch<unsigned>(function)
      .Cases({"exp", "exp2", "log", "log2", "tanh", "sigmoid", "erf", "sqrt"},
             1)
      .Cases({"rsqrt", "sin", "cos", "abs", "floor", "ceil", "round"}, 1)
      .Cases({"max", "min", "pow"}, 2)
      .Case("select", 3)
      .Default(0);
}

/// After `let`: `x = expression, y = expression in expression`. The names hold
/// to the end of the Einsum, its filter included.
TermOr ExpressionParser::parseLet() {
  do {
    StringRef name;
    SMLoc where = parser.getCurrentLocation();
    if (parser.parseKeyword(&name) || parser.parseEqual())
      return failure();
    if (scope.lookupRank(name) || letValues.count(name) ||
        isReservedWord(name) || getArity(name)) {
      error(where) << "`" << name << "` names something else already";
      return failure();
    }
    std::string kept = name.str();
    TermOr term = parseExpression();
    if (failed(term))
      return failure();
    letValues[kept] = *term;
  } while (succeeded(parser.parseOptionalComma()));
  if (parser.parseKeyword("in"))
    return failure();
  return parseExpression();
}

/// After `cast`: `(expression, type)`. Of a literal it makes a constant.
TermOr ExpressionParser::parseCast(SMLoc where) {
  Type type;
  if (parser.parseLParen())
    return failure();
  TermOr term = parseExpression();
  if (failed(term) || parser.parseComma() || parser.parseType(type) ||
      parser.parseRParen())
    return failure();
  if (!isElementType(type)) {
    error(where) << "cast to " << type << ", which is no element type";
    return failure();
  }
  if (term->isLiteral() &&
      (type.isF32() || type.isF64() ||
       (term->integer && (type.isInteger(32) || type.isInteger(64))))) {
    Value constant = makeConstant(*term, type, where);
    return constant ? TermOr(Term{constant, {}, {}}) : TermOr(failure());
  }
  Value value = term->integer
                    ? makeConstant(*term, builder.getIndexType(), where)
                    : materialise(*term, where);
  if (!value)
    return failure();
  return Term{make<CastOp>(getComputeType(type), value, TypeAttr::get(type),
                           UnitAttr()),
              {},
              {}};
}

TermOr ExpressionParser::applySelect(ArrayRef<Term> args, SMLoc where) {
  Value condition = toBool(args[0], where);
  if (!condition)
    return failure();
  if (isCondition(args[1]) != isCondition(args[2])) {
    error(where) << "`select` between a condition and a number";
    return failure();
  }
  Type type = commonType(args[1], args[2], /*needsFloat=*/false);
  Value yes = convert(args[1], type, where);
  Value no = yes ? convert(args[2], type, where) : yes;
  if (!no)
    return failure();
  return Term{make<arith::SelectOp>(condition, yes, no), {}, {}};
}

TermOr ExpressionParser::applyExtremum(bool isMax, ArrayRef<Term> args,
                                       SMLoc where) {
  Type type = commonType(args[0], args[1], /*needsFloat=*/false);
  Value l = convert(args[0], type, where);
  Value r = l ? convert(args[1], type, where) : l;
  if (!r)
    return failure();
  if (isa<FloatType>(type))
    return Term{isMax ? make<arith::MaximumFOp>(l, r)
                      : make<arith::MinimumFOp>(l, r),
                {},
                {}};
  return Term{
      isMax ? make<arith::MaxSIOp>(l, r) : make<arith::MinSIOp>(l, r), {}, {}};
}

TermOr ExpressionParser::parseCall(StringRef name, SMLoc where) {
  std::string function = name.str();
  SmallVector<Term> args;
  do {
    TermOr arg = parseExpression();
    if (failed(arg))
      return failure();
    args.push_back(*arg);
  } while (succeeded(parser.parseOptionalComma()));
  if (parser.parseRParen())
    return failure();
  unsigned arity = getArity(function);
  if (!arity) {
    error(where) << "unknown function `" << function << "`";
    return failure();
  }
  if (args.size() != arity) {
    error(where) << "`" << function << "` takes " << arity << " operand"
                 << (arity == 1 ? "" : "s") << ", got " << args.size();
    return failure();
  }
  if (function == "select")
    return applySelect(args, where);
  if (llvm::any_of(args, isCondition)) {
    error(where) << "`" << function
                 << "` is not defined on conditions; use select(c, a, b)";
    return failure();
  }
  if (function == "max" || function == "min")
    return applyExtremum(function == "max", args, where);
  bool isIntAbs = function == "abs" && !args[0].isLiteral() &&
                  isa<IntegerType, IndexType>(args[0].value.getType());
  if (isIntAbs)
    return Term{make<math::AbsIOp>(args[0].value), {}, {}};
  Type type = commonType(args[0], args.back(), /*needsFloat=*/true);
  Value x = convert(args[0], type, where);
  if (function == "pow")
    return Term{make<math::PowFOp>(x, convert(args[1], type, where)), {}, {}};
  using Maker = Value (*)(ExpressionParser &, Value);
#define UNARY(name, OpTy)                                                      \
  .Case(name, [](ExpressionParser &self, Value operand) -> Value {             \
    return self.make<OpTy>(operand);                                           \
  })
  Maker maker =
      llvm::StringSwitch<Maker>(function) UNARY("exp", math::ExpOp)
          UNARY("exp2", math::Exp2Op) UNARY("log", math::LogOp)
              UNARY("log2", math::Log2Op) UNARY("tanh", math::TanhOp)
                  UNARY("sigmoid", SigmoidOp) UNARY("erf", math::ErfOp)
                      UNARY("sqrt", math::SqrtOp) UNARY("rsqrt", math::RsqrtOp)
                          UNARY("sin", math::SinOp) UNARY("cos", math::CosOp)
                              UNARY("abs", math::AbsFOp)
                                  UNARY("floor", math::FloorOp)
                                      UNARY("ceil", math::CeilOp)
                                          UNARY("round", math::RoundEvenOp)
                                              .Default(nullptr);
#undef UNARY
  return Term{maker(*this, x), {}, {}};
}
