//===- ReducerOp.cpp - Reducers that users define -------------------------===//
//
// `attn.reducer @name(%a, %b: f32) identity(0) = %a + %b - %a * %b`. The
// expression is printed in EinsumPrinter.cpp, as those of Einsums are.
//
//===----------------------------------------------------------------------===//

#include "dialect/Attn/ExpressionParser.h"
#include <cmath>

using namespace mlir;
using namespace attn;

Value ReducerOp::getValue() {
  return cast<ValueOp>(getBody().front().getTerminator()).getValue();
}

void ReducerOp::getAsmBlockArgumentNames(Region &region,
                                         OpAsmSetValueNameFn set) {
  for (auto [arg, name] :
       llvm::zip(region.getArguments(), getArgNames().getAsRange<StringAttr>()))
    set(arg, name.getValue());
}

//===----------------------------------------------------------------------===//
// Syntax
//===----------------------------------------------------------------------===//

/// `value` as a number of `type`, or null where it is none.
static TypedAttr getConstant(Term term, Type type) {
  Builder builder(type.getContext());
  if (!term.isLiteral()) {
    auto constant = term.value.getDefiningOp<arith::ConstantOp>();
    return constant && constant.getType() == type ? constant.getValue()
                                                  : TypedAttr();
  }
  if (isa<FloatType>(type)) {
    double number = term.real ? *term.real : double(*term.integer);
    FloatAttr value = builder.getFloatAttr(type, number);
    bool fits = std::isinf(number) || !value.getValue().isInfinity();
    return fits ? value : FloatAttr();
  }
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer || integer.getWidth() == 1 || !term.integer ||
      !llvm::isIntN(integer.getWidth(), *term.integer))
    return {};
  return builder.getIntegerAttr(type, *term.integer);
}

/// `identity(-inf)`.
static ParseResult parseIdentity(OpAsmParser &parser, ParseScope &scope,
                                 Type type, TypedAttr &identity) {
  Block block;
  ExpressionParser expression(parser, scope, &block);
  SMLoc where;
  if (parser.parseKeyword("identity") || parser.parseLParen() ||
      parser.getCurrentLocation(&where))
    return failure();
  TermOr term = expression.parseExpression();
  if (failed(term) || parser.parseRParen())
    return failure();
  identity = getConstant(*term, type);
  if (!identity) // reducer_c2
    return parser.emitError(where) << "identity is not a number of " << type;
  return success();
}

ParseResult ReducerOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  OpAsmParser::Argument operands[2];
  StringAttr name;
  Type type;
  TypedAttr identity;
  if (parser.parseSymbolName(name, "sym_name", state.attributes) ||
      parser.parseLParen() || parser.parseArgument(operands[0]) ||
      parser.parseComma() || parser.parseArgument(operands[1]) ||
      parser.parseColonType(type) || parser.parseRParen())
    return failure();
  ParseScope scope({});
  if (parseIdentity(parser, scope, type, identity))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("assumed")))
    state.addAttribute("assumed", builder.getUnitAttr());
  if (parser.parseEqual())
    return failure();

  Block *block = new Block;
  state.addRegion()->push_back(block);
  ExpressionParser expression(parser, scope, block);
  SmallVector<StringRef> names;
  for (OpAsmParser::Argument &operand : operands) {
    StringRef text = operand.ssaName.name;
    if (scope.lookup(text))
      return parser.emitError(operand.ssaName.location)
             << "operand `" << text << "` is named twice";
    scope.declare(text, type);
    names.push_back(dropPercent(text));
    expression.inputs.push_back(operand.ssaName);
    expression.inputTypes.push_back(type);
    block->addArgument(type, expression.loc);
  }
  SMLoc where = parser.getCurrentLocation();
  TermOr term = expression.parseExpression();
  if (failed(term))
    return failure();
  Value value = expression.materialise(*term, where);
  if (!value)
    return failure();
  expression.builder.setInsertionPointToEnd(block);
  ValueOp::create(expression.builder, expression.loc, value, Value());
  state.addAttribute("arg_names", builder.getStrArrayAttr(names));
  state.addAttribute("identity", identity);
  return parser.parseOptionalAttrDict(state.attributes);
}

//===----------------------------------------------------------------------===//
// Constraints
//===----------------------------------------------------------------------===//

LogicalResult ReducerOp::verifyRegions() {
  Type type = getElementType();
  if (!type.isF64() && !type.isF32() && !type.isInteger(64) &&
      !type.isInteger(32) && !type.isInteger(1)) // reducer_c1
    return emitOpError("reduces ")
           << type << ", expected f64, f32, i64, i32 or i1";
  Block &block = getBody().front();
  if (block.getNumArguments() != 2 || getArgNames().size() != 2 ||
      !llvm::all_equal({type, block.getArgument(0).getType(),
                        block.getArgument(1).getType()})) // reducer_c1
    return emitOpError("region takes ")
           << block.getArgumentTypes() << ", expected two of " << type;
  if (auto number = dyn_cast<FloatAttr>(getIdentity());
      number && number.getValue().isNaN()) // reducer_c2
    return emitOpError("identity is NaN, which is equal to nothing");
  auto end = dyn_cast<ValueOp>(block.getTerminator());
  if (!end || end.getFilter())
    return emitOpError("region must end in attn.value, without a filter");
  for (Operation &op : block.without_terminator()) { // reducer_c3
    if (!isWritten(&op) || isa<ReadOp, RankVarOp, ExtentOp, FlattenOp>(op))
      return emitOpError("cannot hold `") << op.getName() << "`";
    if (op.getNumResults() != 1 || op.getNumRegions() != 0)
      return emitOpError("`") << op.getName() << "` does not give one element";
  }
  if (getValue().getType() != type) // reducer_c3
    return emitOpError("expression has type ")
           << getValue().getType() << ", expected " << type;
  return success();
}

LogicalResult EinsumOp::verifySymbolUses(SymbolTableCollection &symbols) {
  for (auto reducer : getReducers().getAsRange<ReduceAttr>()) {
    FlatSymbolRefAttr symbol = reducer.getSymbol();
    if (!symbol)
      continue;
    Operation *found = symbols.lookupNearestSymbolFrom(*this, symbol);
    auto definition = dyn_cast_if_present<ReducerOp>(found);
    if (!definition) { // einsum_c10
      InFlightDiagnostic diagnostic = emitOpError("reduces by ")
                                      << symbol << ", which is no attn.reducer";
      if (found)
        diagnostic.attachNote(found->getLoc()) << "it names this";
      return diagnostic;
    }
    if (Type type = getValue().getType(); type != definition.getElementType())
      return emitOpError("reduces ") // einsum_c10
                 .append(type, " by ", symbol, ", which reduces ",
                         definition.getElementType())
                 .attachNote(definition.getLoc())
             << "it is defined here";
  }
  return success();
}
