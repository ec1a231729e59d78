//===- EinsumParser.cpp - Einsums as they are written ---------------------===//
//
// `[out] = expression where (filter) reduce(..) : type`.
//
//===----------------------------------------------------------------------===//

#include "dialect/Attn/ExpressionParser.h"

using namespace mlir;
using namespace attn;

/// Parses `[b, (k, g), p]` into groups of variables.
static ParseResult parseOutput(ExpressionParser &expression,
                               SmallVectorImpl<Attribute> &groups,
                               SmallVectorImpl<StringAttr> &ranks) {
  OpAsmParser &parser = expression.parser;
  auto parseGroup = [&]() -> ParseResult {
    SmallVector<StringAttr> group;
    SMLoc where = parser.getCurrentLocation();
    auto parseVar = [&]() -> ParseResult {
      StringRef name;
      SMLoc here = parser.getCurrentLocation();
      if (parser.parseKeyword(&name))
        return failure();
      if (!expression.scope.lookupRank(name)) // einsum_c1
        return parser.emitError(here)
               << "rank `" << name << "` is not declared";
      auto attr = parser.getBuilder().getStringAttr(name);
      if (llvm::is_contained(expression.scope.carried, attr)) // einsum_c2
        return parser.emitError(here)
               << "variable `" << name << "` is carried by an iteration";
      if (llvm::is_contained(expression.vars, attr)) // einsum_c6
        return parser.emitError(here)
               << "variable `" << name << "` is on the left twice";
      expression.addVar(name);
      group.push_back(attr);
      return success();
    };
    if (succeeded(parser.parseOptionalLParen())) {
      do {
        if (parseVar())
          return failure();
      } while (succeeded(parser.parseOptionalComma()));
      if (parser.parseRParen())
        return failure();
    } else if (parseVar()) {
      return failure();
    }
    StringAttr rank = group.size() == 1 ? group.front()
                                        : expression.scope.lookupProduct(group);
    if (!rank) // einsum_c3
      return parser.emitError(where)
             << "no declared rank is the product of this group";
    ranks.push_back(rank);
    groups.push_back(parser.getBuilder().getArrayAttr(
        SmallVector<Attribute>(group.begin(), group.end())));
    return success();
  };
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                        parseGroup);
}

static ParseResult parseReducers(OpAsmParser &parser,
                                 SmallVectorImpl<ReduceAttr> &reducers) {
  auto parseOne = [&]() -> ParseResult {
    StringRef var;
    std::optional<ReducerName> reducer;
    if (parseReducer(parser, reducer) || parser.parseKeyword(&var))
      return failure();
    reducers.push_back(ReduceAttr::get(parser.getContext(), *reducer,
                                       parser.getBuilder().getStringAttr(var)));
    return success();
  };
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseOne);
}

ParseResult EinsumOp::parse(OpAsmParser &parser, OperationState &state) {
  ParseScope *scope = ParseScope::current();
  if (!scope)
    return parser.emitError(parser.getCurrentLocation())
           << "an Einsum can only be written inside an attn.cascade";
  Region *region = state.addRegion();
  Block *block = new Block;
  region->push_back(block);
  ExpressionParser expression(parser, *scope, block);

  SmallVector<Attribute> groups;
  SmallVector<StringAttr> ranks;
  if (parseOutput(expression, groups, ranks) || parser.parseEqual())
    return failure();
  unsigned numOut = expression.vars.size();

  SMLoc start = parser.getCurrentLocation();
  TermOr term = expression.parseExpression();
  if (failed(term))
    return failure();
  Value value = expression.materialise(*term, start);
  if (!value)
    return failure();
  if (value.getType().isIndex())
    value = CastOp::create(expression.builder, expression.loc,
                           parser.getBuilder().getI64Type(), value,
                           TypeAttr::get(parser.getBuilder().getI64Type()),
                           parser.getBuilder().getUnitAttr());
  Value filter;
  if (succeeded(parser.parseOptionalKeyword("where"))) {
    SMLoc where = parser.getCurrentLocation();
    if (parser.parseLParen())
      return failure();
    TermOr condition = expression.parseExpression();
    if (failed(condition) || parser.parseRParen())
      return failure();
    if (!(filter = expression.toBool(*condition, where)))
      return failure();
  }
  expression.builder.setInsertionPointToEnd(block);
  ValueOp::create(expression.builder, expression.loc, value, filter);

  SMLoc reduceLoc = parser.getCurrentLocation();
  SmallVector<ReduceAttr> reducers;
  if (succeeded(parser.parseOptionalKeyword("reduce")) &&
      parseReducers(parser, reducers))
    return failure();
  SmallPtrSet<Attribute, 4> written;
  ArrayRef<StringAttr> vars = expression.vars;
  for (ReduceAttr reducer : reducers) {
    StringRef var = reducer.getVar().getValue();
    if (llvm::is_contained(vars.take_front(numOut), reducer.getVar()))
      return parser.emitError(reduceLoc) // einsum_c2
             << "reduced variable `" << var << "` is on the left";
    if (llvm::is_contained(scope->carried, reducer.getVar()))
      return parser.emitError(reduceLoc) // einsum_c2
             << "variable `" << var << "` is carried by an iteration";
    if (!scope->lookupRank(var)) // einsum_c1
      return parser.emitError(reduceLoc)
             << "rank `" << var << "` is not declared";
    if (!written.insert(reducer.getVar()).second) // einsum_c6
      return parser.emitError(reduceLoc)
             << "variable `" << var << "` is reduced twice";
  }
  // The sums that go without saying are the innermost.
  for (StringAttr var : vars.drop_front(numOut))
    if (!written.contains(var))
      reducers.push_back(
          ReduceAttr::get(parser.getContext(), ReducerKind::Add, var));
  for (ReduceAttr reducer : reducers)
    expression.addVar(reducer.getVar().getValue());
  bool isArgMax = llvm::any_of(reducers, [](ReduceAttr reducer) {
    return reducer.getKind() == ReducerKind::ArgMax;
  });

  Type elementType =
      isArgMax ? Type(parser.getBuilder().getI32Type()) : value.getType();
  if (succeeded(parser.parseOptionalColon()) && parser.parseType(elementType))
    return failure();
  if (parser.parseOptionalAttrDict(state.attributes))
    return failure();
  auto type = parser.getChecked<attn::TensorType>(
      parser.getContext(), ArrayRef<StringAttr>(ranks), elementType);
  if (!type)
    return failure();

  Builder &builder = parser.getBuilder();
  auto &properties = state.getOrAddProperties<EinsumOp::Properties>();
  properties.vars = builder.getArrayAttr(
      SmallVector<Attribute>(expression.vars.begin(), expression.vars.end()));
  properties.out = builder.getArrayAttr(groups);
  properties.reducers = builder.getArrayAttr(
      SmallVector<Attribute>(reducers.begin(), reducers.end()));
  state.addTypes(type);
  declareResults(parser, type, state);
  return resolveInScope(parser, expression.inputs, state.operands);
}
