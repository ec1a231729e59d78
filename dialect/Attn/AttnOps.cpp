//===- AttnOps.cpp - Syntax and constraints of the attn dialect -----------===//

#include "dialect/Attn/AttnOps.h"
#include "dialect/Attn/ParseScope.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace attn;

#define GET_OP_CLASSES
#include "dialect/Attn/AttnOps.cpp.inc"

//===----------------------------------------------------------------------===//
// ParseScope
//===----------------------------------------------------------------------===//

static thread_local SmallVector<ParseScope *> scopes;

ParseScope::ParseScope(ArrayRef<RankAttr> ranks) : ranks(ranks) {
  scopes.push_back(this);
}
ParseScope::~ParseScope() { scopes.pop_back(); }

ParseScope *ParseScope::current() {
  return scopes.empty() ? nullptr : scopes.back();
}

/// Parsed operands carry the `%`, names of results don't.
static StringRef dropPercent(StringRef name) {
  name.consume_front("%");
  return name;
}

void ParseScope::declare(StringRef name, Type type) {
  types[dropPercent(name)] = type;
}
Type ParseScope::lookup(StringRef name) const {
  return types.lookup(dropPercent(name));
}

RankAttr ParseScope::lookupRank(StringRef name) const {
  for (RankAttr rank : ranks)
    if (rank.getName().getValue() == name)
      return rank;
  return {};
}

StringAttr ParseScope::lookupProduct(ArrayRef<StringAttr> group) const {
  for (RankAttr rank : ranks)
    if (rank.getKind() == RankKind::Product && rank.getOperands() == group)
      return rank.getName();
  return {};
}

ParseResult
attn::resolveInScope(OpAsmParser &parser,
                     ArrayRef<OpAsmParser::UnresolvedOperand> operands,
                     SmallVectorImpl<Value> &values) {
  ParseScope *scope = ParseScope::current();
  for (const OpAsmParser::UnresolvedOperand &operand : operands) {
    Type type = scope ? scope->lookup(operand.name) : Type();
    if (!type)
      return parser.emitError(operand.location)
             << "use of undeclared tensor `" << operand.name << "`";
    if (parser.resolveOperand(operand, type, values))
      return failure();
  }
  return success();
}

void attn::declareResults(OpAsmParser &parser, TypeRange types,
                          OperationState &state) {
  ParseScope *scope = ParseScope::current();
  SmallVector<StringRef> names;
  bool named = true;
  for (auto [index, type] : llvm::enumerate(types)) {
    StringRef name = parser.getNumResults() > index
                         ? parser.getResultName(index).first
                         : StringRef();
    if (scope && !name.empty())
      scope->declare(name, type);
    named &= !name.empty() && !isdigit(name.front());
    names.push_back(name);
  }
  if (!named || names.empty())
    return;
  Builder &builder = parser.getBuilder();
  bool isList = state.name.getStringRef() != EinsumOp::getOperationName();
  state.addAttribute(isList ? "names" : "name",
                     isList ? Attribute(builder.getStrArrayAttr(names))
                            : builder.getStringAttr(names.front()));
}

static void setResultNames(Operation *op, std::optional<ArrayAttr> names,
                           OpAsmSetValueNameFn set) {
  if (names && names->size() == op->getNumResults())
    for (auto [value, name] :
         llvm::zip(op->getResults(), names->getAsRange<StringAttr>()))
      set(value, name.getValue());
}

//===----------------------------------------------------------------------===//
// Small pieces of syntax
//===----------------------------------------------------------------------===//

/// `type` or `(type, type)`.
static ParseResult parseTypes(OpAsmParser &parser,
                              SmallVectorImpl<Type> &types) {
  if (failed(parser.parseOptionalLParen()))
    return parser.parseType(types.emplace_back());
  if (succeeded(parser.parseOptionalRParen()))
    return success();
  do {
    if (parser.parseType(types.emplace_back()))
      return failure();
  } while (succeeded(parser.parseOptionalComma()));
  return parser.parseRParen();
}

static void printTypes(OpAsmPrinter &printer, TypeRange types) {
  if (types.size() == 1) {
    printer << types.front();
    return;
  }
  printer << "(";
  llvm::interleaveComma(types, printer);
  printer << ")";
}

/// Parses a list of rank names in parentheses.
static ParseResult parseNames(OpAsmParser &parser,
                              SmallVectorImpl<StringRef> &names) {
  return parser.parseCommaSeparatedList(
      AsmParser::Delimiter::Paren,
      [&]() { return parser.parseKeyword(&names.emplace_back()); });
}

/// `rank`, `rank = 128`, `rank = k * g` or `rank = ceildiv(m, 16)`.
static ParseResult parseRank(OpAsmParser &parser,
                             SmallVectorImpl<RankAttr> &ranks) {
  Builder &builder = parser.getBuilder();
  StringRef keyword;
  SMLoc where = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  static constexpr StringRef reserved[] = {
      "and", "or",   "not", "mod",  "ne", "floordiv", "ceildiv", "extent",
      "inf", "cast", "let", "in",   "where", "reduce", "select"};
  if (llvm::is_contained(reserved, keyword))
    return parser.emitError(where)
           << "`" << keyword << "` is a word of the language, not a rank";
  auto name = builder.getStringAttr(keyword);
  auto add = [&](RankKind kind, int64_t value, ArrayRef<StringAttr> operands) {
    ranks.push_back(
        RankAttr::get(parser.getContext(), name, kind, value, operands));
    return success();
  };
  if (failed(parser.parseOptionalEqual()))
    return add(RankKind::Free, 0, {});
  int64_t extent;
  OptionalParseResult fixed = parser.parseOptionalInteger(extent);
  if (fixed.has_value()) {
    if (failed(*fixed))
      return failure();
    if (extent < 1 || extent > (int64_t(1) << 40))
      return parser.emitError(where)
             << "extent of rank `" << keyword << "` is " << extent
             << ", expected 1 to 2^40";
    return add(RankKind::Fixed, extent, {});
  }
  StringRef first;
  if (succeeded(parser.parseOptionalKeyword("ceildiv"))) {
    SMLoc here;
    int64_t divisor;
    if (parser.parseLParen() || parser.parseKeyword(&first) ||
        parser.parseComma() || parser.getCurrentLocation(&here) ||
        parser.parseInteger(divisor) || parser.parseRParen())
      return failure();
    if (divisor < 1)
      return parser.emitError(here) << "divisor is " << divisor
                                    << ", expected at least 1";
    return add(RankKind::CeilDiv, divisor, builder.getStringAttr(first));
  }
  SmallVector<StringAttr> factors;
  do {
    if (parser.parseKeyword(&first))
      return failure();
    factors.push_back(builder.getStringAttr(first));
  } while (succeeded(parser.parseOptionalStar()));
  if (factors.size() < 2)
    return parser.emitError(where)
           << "rank `" << keyword << "` is a product of one rank";
  return add(RankKind::Product, 0, factors);
}

static void printRank(OpAsmPrinter &printer, RankAttr rank) {
  printer << rank.getName().getValue();
  switch (rank.getKind()) {
  case RankKind::Free:
    return;
  case RankKind::Fixed:
    printer << " = " << rank.getValue();
    return;
  case RankKind::Product:
    printer << " = ";
    llvm::interleave(
        rank.getOperands(), printer,
        [&](StringAttr factor) { printer << factor.getValue(); }, " * ");
    return;
  case RankKind::CeilDiv:
    printer << " = ceildiv(" << rank.getOperands().front().getValue() << ", "
            << rank.getValue() << ")";
    return;
  }
}

//===----------------------------------------------------------------------===//
// attn.cascade
//===----------------------------------------------------------------------===//

ParseResult CascadeOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  StringAttr name;
  SmallVector<OpAsmParser::Argument> args;
  SmallVector<Type> results;
  SmallVector<RankAttr> ranks;
  if (parser.parseSymbolName(name, "sym_name", state.attributes) ||
      parser.parseArgumentList(args, AsmParser::Delimiter::Paren,
                               /*allowType=*/true) ||
      parser.parseArrow() || parseTypes(parser, results) ||
      parser.parseKeyword("ranks") ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, [&]() {
        return parseRank(parser, ranks);
      }))
    return failure();
  SmallVector<Type> inputs;
  SmallVector<StringRef> names;
  ParseScope scope(ranks);
  for (OpAsmParser::Argument &arg : args) {
    inputs.push_back(arg.type);
    names.push_back(dropPercent(arg.ssaName.name));
    scope.declare(arg.ssaName.name, arg.type);
  }
  state.addAttribute("function_type",
                     TypeAttr::get(builder.getFunctionType(inputs, results)));
  state.addAttribute("arg_names", builder.getStrArrayAttr(names));
  state.addAttribute("ranks", builder.getArrayAttr(SmallVector<Attribute>(
                                  ranks.begin(), ranks.end())));
  if (parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();
  return parser.parseRegion(*state.addRegion(), args);
}

void CascadeOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printer.printSymbolName(getSymName());
  printer << "(";
  llvm::interleaveComma(
      getBody().getArguments(), printer,
      [&](BlockArgument arg) { printer.printRegionArgument(arg); });
  printer << ") -> ";
  printTypes(printer, getFunctionType().getResults());
  printer.printNewline();
  printer << "    ranks(";
  llvm::interleaveComma(getRanks().getAsRange<RankAttr>(), printer,
                        [&](RankAttr rank) { printRank(printer, rank); });
  printer << ")";
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(),
      {"sym_name", "function_type", "arg_names", "ranks"});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

void CascadeOp::getAsmBlockArgumentNames(Region &region,
                                         OpAsmSetValueNameFn set) {
  for (auto [arg, name] :
       llvm::zip(region.getArguments(), getArgNames().getAsRange<StringAttr>()))
    set(arg, name.getValue());
}

RankAttr CascadeOp::lookupRank(StringAttr name) {
  for (auto rank : getRanks().getAsRange<RankAttr>())
    if (rank.getName() == name)
      return rank;
  return {};
}

std::optional<int64_t> CascadeOp::getFixedExtent(StringAttr name) {
  RankAttr rank = lookupRank(name);
  if (!rank)
    return std::nullopt;
  switch (rank.getKind()) {
  case RankKind::Fixed:
    return rank.getValue();
  case RankKind::Free:
    return std::nullopt;
  case RankKind::Product: {
    int64_t extent = 1;
    for (StringAttr factor : rank.getOperands()) {
      std::optional<int64_t> known = getFixedExtent(factor);
      if (!known)
        return std::nullopt;
      extent *= *known;
    }
    return extent;
  }
  case RankKind::CeilDiv: {
    std::optional<int64_t> known = getFixedExtent(rank.getOperands().front());
    if (!known)
      return std::nullopt;
    return (*known + rank.getValue() - 1) / rank.getValue();
  }
  }
  return std::nullopt;
}

/// Whether the extent of `rank` follows from ranks in `bound`.
static bool isBound(CascadeOp cascade, RankAttr rank,
                    const SmallPtrSetImpl<Attribute> &bound) {
  if (rank.getKind() == RankKind::Fixed || bound.contains(rank.getName()))
    return true;
  if (rank.getKind() == RankKind::Free) {
    // One unknown factor of a bound product is its quotient.
    for (auto other : cascade.getRanks().getAsRange<RankAttr>()) {
      if (other.getKind() != RankKind::Product ||
          !bound.contains(other.getName()) ||
          !llvm::is_contained(other.getOperands(), rank.getName()))
        continue;
      bool rest = llvm::all_of(other.getOperands(), [&](StringAttr factor) {
        RankAttr declared = cascade.lookupRank(factor);
        return factor == rank.getName() || bound.contains(factor) ||
               (declared && declared.getKind() == RankKind::Fixed);
      });
      if (rest)
        return true;
    }
    return false;
  }
  return llvm::all_of(rank.getOperands(), [&](StringAttr operand) {
    return isBound(cascade, cascade.lookupRank(operand), bound);
  });
}

LogicalResult CascadeOp::verify() {
  SmallPtrSet<Attribute, 8> declared;
  for (auto rank : getRanks().getAsRange<RankAttr>()) {
    for (StringAttr operand : rank.getOperands()) // cascade_c2
      if (!declared.contains(operand))
        return emitOpError("rank `")
               << rank.getName().getValue() << "` is made of `"
               << operand.getValue() << "`, which is not declared before it";
    if (!declared.insert(rank.getName()).second)
      return emitOpError("rank `")
             << rank.getName().getValue() << "` is declared twice";
  }
  FunctionType type = getFunctionType();
  SmallPtrSet<Attribute, 8> bound;
  for (auto [index, input] : llvm::enumerate(type.getInputs())) {
    auto tensor = dyn_cast<attn::TensorType>(input);
    if (!tensor && !input.isF32() && !input.isF64() && !input.isInteger(32) &&
        !input.isInteger(64))
      return emitOpError("argument ")
             << getArgNames()[index] << " has type " << input
             << ", expected an attn tensor, f32, f64, i32 or i64";
    if (tensor)
      bound.insert(tensor.getRanks().begin(), tensor.getRanks().end());
  }
  auto checkDeclared = [&](Type type, Twine what) -> LogicalResult {
    auto tensor = dyn_cast<attn::TensorType>(type);
    if (!tensor)
      return success();
    for (StringAttr rank : tensor.getRanks()) // cascade_c1
      if (!declared.contains(rank))
        return emitOpError() << what << " has rank `" << rank.getValue()
                             << "`, which is not declared";
    return success();
  };
  for (auto [index, input] : llvm::enumerate(type.getInputs()))
    if (failed(checkDeclared(
            input, "argument `" +
                       cast<StringAttr>(getArgNames()[index]).getValue() +
                       "`")))
      return failure();
  for (auto [index, result] : llvm::enumerate(type.getResults())) {
    if (!isa<attn::TensorType>(result))
      return emitOpError("result ")
             << index << " has type " << result << ", expected an attn tensor";
    if (failed(checkDeclared(result, "result " + Twine(index))))
      return failure();
  }
  for (auto rank : getRanks().getAsRange<RankAttr>()) // cascade_c3
    if (!isBound(*this, rank, bound))
      return emitOpError("free rank `")
             << rank.getName().getValue()
             << "` is bound by no argument; give it an extent";
  return success();
}

LogicalResult CascadeOp::verifyRegions() {
  auto yield = dyn_cast<YieldOp>(getBody().front().getTerminator());
  if (!yield)
    return emitOpError("must end in attn.yield");
  ArrayRef<Type> results = getFunctionType().getResults();
  if (yield.getNumOperands() != results.size())
    return yield.emitOpError("yields ")
           << yield.getNumOperands() << " tensors, the cascade declares "
           << results.size();
  for (auto [value, type] : llvm::zip(yield.getValues(), results)) {
    auto actual = dyn_cast<attn::TensorType>(value.getType());
    auto expected = cast<attn::TensorType>(type);
    if (!actual || actual.getRanks() != expected.getRanks()) // cascade_c4
      return yield.emitOpError("yields ")
             << value.getType() << ", the cascade declares " << type;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// attn.einsum
//===----------------------------------------------------------------------===//

void EinsumOp::getAsmResultNames(OpAsmSetValueNameFn set) {
  if (std::optional<StringRef> name = getName())
    set(getResult(), *name);
}

SmallVector<StringAttr> EinsumOp::getOutVars() {
  SmallVector<StringAttr> vars;
  for (auto group : getOut().getAsRange<ArrayAttr>())
    llvm::append_range(vars, group.getAsRange<StringAttr>());
  return vars;
}

std::optional<ReducerKind> EinsumOp::getReducer(StringAttr var) {
  for (auto reducer : getReducers().getAsRange<ReduceAttr>())
    if (reducer.getVar() == var)
      return reducer.getKind();
  return std::nullopt;
}

Value EinsumOp::getValue() {
  return cast<ValueOp>(getBody().front().getTerminator()).getValue();
}
Value EinsumOp::getFilter() {
  return cast<ValueOp>(getBody().front().getTerminator()).getFilter();
}

LogicalResult EinsumOp::verify() {
  CascadeOp cascade = getCascade(*this);
  if (!cascade)
    return emitOpError("stands outside an attn.cascade");
  SmallVector<StringAttr> outVars = getOutVars();
  SmallPtrSet<Attribute, 8> seen;
  for (auto var : getVars().getAsRange<StringAttr>()) {
    if (!cascade.lookupRank(var)) // einsum_c1
      return emitOpError("rank `") << var.getValue() << "` is not declared";
    if (!seen.insert(var).second) // einsum_c6
      return emitOpError("variable `") << var.getValue() << "` is listed twice";
  }
  unsigned numVars = outVars.size() + getReducers().size();
  if (getVars().size() != numVars)
    return emitOpError("has ")
           << getVars().size() << " variables, " << outVars.size()
           << " on the left and " << getReducers().size() << " reduced";
  for (auto reducer : getReducers().getAsRange<ReduceAttr>()) {
    if (llvm::is_contained(outVars, reducer.getVar())) // einsum_c2
      return emitOpError("reduced variable `")
             << reducer.getVar().getValue() << "` is on the left";
    if (!seen.contains(reducer.getVar()))
      return emitOpError("reduced variable `")
             << reducer.getVar().getValue() << "` is not among its variables";
  }
  attn::TensorType type = getResult().getType();
  if (type.getRanks().size() != getOut().size())
    return emitOpError("result has ")
           << type.getRanks().size() << " ranks, the left-hand side "
           << getOut().size();
  for (auto [rank, group] :
       llvm::zip(type.getRanks(), getOut().getAsRange<ArrayAttr>())) {
    RankAttr declared = cascade.lookupRank(rank);
    auto vars = llvm::to_vector(group.getAsRange<StringAttr>());
    bool matches = vars.size() == 1
                       ? vars.front() == rank
                       : declared && declared.getKind() == RankKind::Product &&
                             declared.getOperands() == ArrayRef(vars);
    if (!matches) // einsum_c3
      return emitOpError("rank `")
             << rank.getValue() << "` of the result is not " << group;
  }
  return success();
}

/// The rank that the enclosing iterations carry are coordinates in `op`.
static bool isCarried(Operation *op, StringAttr rank) {
  for (auto iterate = op->getParentOfType<IterateOp>(); iterate;
       iterate = iterate->getParentOfType<IterateOp>())
    if (iterate.getRankAttr() == rank)
      return true;
  return false;
}

LogicalResult EinsumOp::verifyRegions() {
  Block &block = getBody().front();
  if (block.getArgumentTypes() != getInputs().getTypes())
    return emitOpError("region takes ")
           << block.getArgumentTypes() << ", the inputs are "
           << getInputs().getTypes();
  if (!isa<ValueOp>(block.getTerminator()))
    return emitOpError("region must end in attn.value");
  for (Operation &op : block)
    if (auto var = dyn_cast<RankVarOp>(&op)) // einsum_c7
      if (!llvm::is_contained(getVars(), var.getRankAttr()) &&
          !isCarried(*this, var.getRankAttr()))
        return emitOpError("reads variable `")
               << var.getRank() << "`, which it does not iterate over";
  Type valueType = getValue().getType();
  Type elementType = getResult().getType().getElementType();
  bool isArgMax = false;
  for (auto reducer : getReducers().getAsRange<ReduceAttr>()) {
    isArgMax |= reducer.getKind() == ReducerKind::ArgMax;
    if (!getIdentity(reducer.getKind(), valueType)) // einsum_c5
      return emitOpError("reducer ")
             << stringifyReducerKind(reducer.getKind())
             << " has no identity in " << valueType;
  }
  if (isArgMax ? !elementType.isInteger(32)
               : isa<FloatType>(valueType) != isa<FloatType>(elementType) ||
                     valueType.isInteger(1) != elementType.isInteger(1))
    return emitOpError("value of type ") // einsum_c8
           << valueType << " does not convert to element type " << elementType;
  return success();
}

LogicalResult ReadOp::verify() {
  attn::TensorType tensor = getTensor().getType();
  if (getIndices().size() != tensor.getRanks().size()) // einsum_c4
    return emitOpError("has ") << getIndices().size() << " indices, its type "
                               << tensor << " has " << tensor.getRanks().size()
                               << " ranks";
  Type expected = getComputeType(tensor.getElementType());
  if (getResult().getType() != expected)
    return emitOpError("gives ") << getResult().getType() << ", elements of "
                                 << tensor << " widen to " << expected;
  return success();
}

//===----------------------------------------------------------------------===//
// attn.topk
//===----------------------------------------------------------------------===//

ParseResult TopKOp::parse(OpAsmParser &parser, OperationState &state) {
  StringRef from, to;
  OpAsmParser::UnresolvedOperand input;
  if (parser.parseKeyword(&from) || parser.parseKeyword("to") ||
      parser.parseKeyword(&to) || parser.parseKeyword("of") ||
      parser.parseOperand(input) ||
      parser.parseOptionalAttrDict(state.attributes) ||
      resolveInScope(parser, input, state.operands))
    return failure();
  Builder &builder = parser.getBuilder();
  auto type = dyn_cast<attn::TensorType>(state.operands.front().getType());
  if (!type)
    return parser.emitError(input.location) << "expected a tensor";
  SmallVector<StringAttr> ranks(type.getRanks());
  llvm::replace(ranks, builder.getStringAttr(from), builder.getStringAttr(to));
  MLIRContext *context = parser.getContext();
  Type values = attn::TensorType::get(context, ranks,
                                      getComputeType(type.getElementType()));
  Type indices = attn::TensorType::get(context, ranks, builder.getI32Type());
  state.addAttribute("from", builder.getStringAttr(from));
  state.addAttribute("to", builder.getStringAttr(to));
  state.addTypes({values, indices});
  declareResults(parser, {values, indices}, state);
  return success();
}

void TopKOp::print(OpAsmPrinter &printer) {
  printer << " " << getFrom() << " to " << getTo() << " of " << getInput();
  printer.printOptionalAttrDict((*this)->getAttrs(), {"from", "to", "names"});
}

void TopKOp::getAsmResultNames(OpAsmSetValueNameFn set) {
  setResultNames(*this, getNames(), set);
}

LogicalResult TopKOp::verify() {
  attn::TensorType type = getInput().getType();
  if (type.getRankPosition(getFromAttr()) < 0) // topk_c1
    return emitOpError("rank `") << getFrom() << "` is not one of " << type;
  CascadeOp cascade = getCascade(*this);
  if (!cascade || !cascade.getFixedExtent(getToAttr()) ||
      type.getRankPosition(getToAttr()) >= 0) // topk_c2
    return emitOpError("rank `")
           << getTo() << "` must have a fixed extent and not be one of "
           << type;
  return success();
}

//===----------------------------------------------------------------------===//
// attn.iterate
//===----------------------------------------------------------------------===//

ParseResult IterateOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  StringRef rank;
  SmallVector<OpAsmParser::Argument> states;
  SmallVector<OpAsmParser::UnresolvedOperand> inits;
  SmallVector<Type> results;
  auto parseState = [&]() -> ParseResult {
    return failure(parser.parseArgument(states.emplace_back()) ||
                   parser.parseEqual() ||
                   parser.parseOperand(inits.emplace_back()));
  };
  ParseScope *scope = ParseScope::current();
  if (!scope)
    return parser.emitError(parser.getCurrentLocation())
           << "an iteration can only be written inside an attn.cascade";
  if (parser.parseKeyword(&rank) || parser.parseKeyword("init") ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseState) ||
      resolveInScope(parser, inits, state.operands) || parser.parseArrow() ||
      parseTypes(parser, results))
    return failure();
  SmallVector<StringRef> names;
  for (auto [arg, init] : llvm::zip(states, state.operands)) {
    arg.type = init.getType();
    names.push_back(dropPercent(arg.ssaName.name));
    scope->declare(arg.ssaName.name, arg.type);
  }
  state.addAttribute("rank", builder.getStringAttr(rank));
  state.addAttribute("state_names", builder.getStrArrayAttr(names));
  state.addTypes(results);
  scope->carried.push_back(builder.getStringAttr(rank));
  ParseResult body = parser.parseRegion(*state.addRegion(), states);
  scope->carried.pop_back();
  if (body || parser.parseOptionalAttrDict(state.attributes))
    return failure();
  declareResults(parser, results, state);
  return success();
}

void IterateOp::print(OpAsmPrinter &printer) {
  printer << " " << getRank() << " init(";
  llvm::interleaveComma(llvm::zip(getBody().getArguments(), getInits()),
                        printer, [&](auto pair) {
                          printer << std::get<0>(pair) << " = "
                                  << std::get<1>(pair);
                        });
  printer << ") -> ";
  printTypes(printer, getResultTypes());
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
  printer.printOptionalAttrDict((*this)->getAttrs(),
                                {"rank", "state_names", "names"});
}

void IterateOp::getAsmBlockArgumentNames(Region &region,
                                         OpAsmSetValueNameFn set) {
  for (auto [arg, name] : llvm::zip(region.getArguments(),
                                    getStateNames().getAsRange<StringAttr>()))
    set(arg, name.getValue());
}

void IterateOp::getAsmResultNames(OpAsmSetValueNameFn set) {
  setResultNames(*this, getNames(), set);
}

/// The ranks of a collected result: the yielded value's and the carried one.
static bool isCollected(Type result, Type yielded, StringAttr rank) {
  auto whole = dyn_cast<attn::TensorType>(result);
  auto part = dyn_cast<attn::TensorType>(yielded);
  if (!whole || !part)
    return false;
  SmallVector<StringAttr> rest(whole.getRanks());
  auto *it = llvm::find(rest, rank);
  if (it == rest.end())
    return false;
  rest.erase(it);
  return ArrayRef(rest) == part.getRanks();
}

LogicalResult IterateOp::verifyRegions() {
  CascadeOp cascade = getCascade(*this);
  if (!cascade || !cascade.lookupRank(getRankAttr())) // iterate_c2
    return emitOpError("rank `") << getRank() << "` is not declared";
  if (isCarried(*this, getRankAttr()))
    return emitOpError("rank `")
           << getRank() << "` is carried by an enclosing iteration";
  auto yield = dyn_cast<YieldOp>(getBody().front().getTerminator());
  unsigned numStates = getInits().size();
  if (!yield || yield.getNumOperands() != getNumResults() ||
      getNumResults() < numStates)
    return emitOpError("must yield ")
           << numStates << " states and one value for each other result, "
           << getNumResults() << " in all";
  for (unsigned i = 0; i < getNumResults(); ++i) {
    Type yielded = yield.getOperand(i).getType();
    Type result = getResult(i).getType();
    if (i < numStates) { // iterate_c1
      Type init = getInits()[i].getType();
      if (init != yielded || init != result)
        return emitOpError("state ") << getStateNames()[i] << " starts as "
                                     << init << " and goes on as " << yielded;
    } else if (!isCollected(result, yielded, getRankAttr())) { // iterate_c3
      return emitOpError("result ")
             << i << " is " << result << ", the body yields " << yielded
             << " at each coordinate of `" << getRank() << "`";
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// attn.yield
//===----------------------------------------------------------------------===//

ParseResult YieldOp::parse(OpAsmParser &parser, OperationState &state) {
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  return failure(parser.parseOperandList(operands) ||
                 parser.parseOptionalAttrDict(state.attributes) ||
                 resolveInScope(parser, operands, state.operands));
}

void YieldOp::print(OpAsmPrinter &printer) {
  if (getNumOperands())
    printer << " " << getOperands();
  printer.printOptionalAttrDict((*this)->getAttrs());
}

//===----------------------------------------------------------------------===//
// attn.nest
//===----------------------------------------------------------------------===//

ParseResult NestOp::parse(OpAsmParser &parser, OperationState &state) {
  SmallVector<StringRef> parallel;
  SmallVector<Type> results;
  if (parser.parseKeyword("parallel") || parseNames(parser, parallel) ||
      parser.parseArrow() || parseTypes(parser, results) ||
      parser.parseRegion(*state.addRegion()) ||
      parser.parseOptionalAttrDict(state.attributes))
    return failure();
  state.addAttribute("parallel", parser.getBuilder().getStrArrayAttr(parallel));
  state.addTypes(results);
  declareResults(parser, results, state);
  return success();
}

static void printNames(OpAsmPrinter &printer, ArrayAttr names) {
  printer << "(";
  llvm::interleaveComma(
      names.getAsRange<StringAttr>(), printer,
      [&](StringAttr name) { printer << name.getValue(); });
  printer << ")";
}

void NestOp::print(OpAsmPrinter &printer) {
  printer << " parallel";
  printNames(printer, getParallel());
  printer << " -> ";
  printTypes(printer, getResultTypes());
  printer << " ";
  printer.printRegion(getBody());
  printer.printOptionalAttrDict((*this)->getAttrs(), {"parallel", "names"});
}

void NestOp::getAsmResultNames(OpAsmSetValueNameFn set) {
  setResultNames(*this, getNames(), set);
}

LogicalResult NestOp::verifyRegions() {
  auto yield = dyn_cast<YieldOp>(getBody().front().getTerminator());
  if (!yield || yield.getOperandTypes() != getResultTypes())
    return emitOpError("must yield its results ") << getResultTypes();
  return success();
}

//===----------------------------------------------------------------------===//
// attn.stream
//===----------------------------------------------------------------------===//

ParseResult StreamOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  ParseScope *scope = ParseScope::current();
  StringRef rank;
  SmallVector<OpAsmParser::Argument> states, merged;
  SmallVector<Attribute> reducers;
  SmallVector<double> inits;
  SmallVector<Type> results;
  if (!scope)
    return parser.emitError(parser.getCurrentLocation())
           << "a stream can only be written inside an attn.cascade";
  auto parseState = [&]() -> ParseResult {
    StringRef kind;
    SMLoc where = parser.getCurrentLocation();
    if (parser.parseKeyword(&kind))
      return failure();
    std::optional<ReducerKind> reducer = symbolizeReducerKind(kind);
    if (!reducer)
      return parser.emitError(where) << "unknown reducer `" << kind << "`";
    if (parser.parseArgument(states.emplace_back()) || parser.parseEqual())
      return failure();
    bool negative = succeeded(parser.parseOptionalMinus());
    double init = std::numeric_limits<double>::infinity();
    if (failed(parser.parseOptionalKeyword("inf")) && parser.parseFloat(init))
      return failure();
    inits.push_back(negative ? -init : init);
    reducers.push_back(ReduceAttr::get(parser.getContext(), *reducer,
                                       builder.getStringAttr(rank)));
    return success();
  };
  if (parser.parseKeyword(&rank) || parser.parseKeyword("init") ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseState) ||
      parser.parseArrow() || parseTypes(parser, results))
    return failure();
  if (results.size() < states.size())
    return parser.emitError(parser.getCurrentLocation())
           << "has " << states.size() << " states and " << results.size()
           << " results"; // stream_c1
  SmallVector<StringRef> names;
  for (auto [arg, type] : llvm::zip(states, results)) {
    arg.type = type;
    names.push_back(dropPercent(arg.ssaName.name));
    scope->declare(arg.ssaName.name, type);
  }
  if (parser.parseKeyword("step") ||
      parser.parseRegion(*state.addRegion(), states))
    return failure();
  Region *merge = state.addRegion();
  if (succeeded(parser.parseOptionalKeyword("merge"))) {
    if (parser.parseArgumentList(merged, AsmParser::Delimiter::Paren))
      return failure();
    if (merged.size() != 2 * states.size()) // stream_c2
      return parser.emitError(parser.getCurrentLocation())
             << "merge takes " << merged.size() << " states, expected "
             << 2 * states.size();
    for (auto [index, arg] : llvm::enumerate(merged)) {
      arg.type = results[index % states.size()];
      scope->declare(arg.ssaName.name, arg.type);
    }
    if (parser.parseRegion(*merge, merged))
      return failure();
  }
  if (parser.parseOptionalAttrDict(state.attributes))
    return failure();
  state.addAttribute("rank", builder.getStringAttr(rank));
  state.addAttribute("inits", builder.getF64ArrayAttr(inits));
  state.addAttribute("reducers", builder.getArrayAttr(reducers));
  state.addAttribute("state_names", builder.getStrArrayAttr(names));
  state.addTypes(results);
  declareResults(parser, results, state);
  return success();
}

void StreamOp::print(OpAsmPrinter &printer) {
  printer << " " << getRank() << " init(";
  auto states = llvm::zip(getReducers().getAsRange<ReduceAttr>(),
                          getStep().getArguments(),
                          getInits().getAsRange<FloatAttr>());
  llvm::interleaveComma(states, printer, [&](auto state) {
    auto [reducer, arg, init] = state;
    printer << stringifyReducerKind(reducer.getKind()) << " " << arg << " = ";
    APFloat value = init.getValue();
    if (value.isInfinity())
      printer << (value.isNegative() ? "-inf" : "inf");
    else
      printer.printFloat(value);
  });
  printer << ") -> ";
  printTypes(printer, getResultTypes());
  printer << " step ";
  printer.printRegion(getStep(), /*printEntryBlockArgs=*/false);
  if (!getMerge().empty()) {
    printer << " merge(";
    llvm::interleaveComma(getMerge().getArguments(), printer);
    printer << ") ";
    printer.printRegion(getMerge(), /*printEntryBlockArgs=*/false);
  }
  printer.printOptionalAttrDict(
      (*this)->getAttrs(),
      {"rank", "inits", "reducers", "state_names", "names"});
}

void StreamOp::getAsmBlockArgumentNames(Region &region,
                                        OpAsmSetValueNameFn set) {
  unsigned numStates = getNumStates();
  bool isMerge = &region == &getMerge();
  for (BlockArgument arg : region.getArguments()) {
    auto name = cast<StringAttr>(
        getStateNames()[arg.getArgNumber() % numStates]);
    bool isRight = arg.getArgNumber() >= numStates;
    set(arg, (name.getValue() + (isMerge ? (isRight ? "_b" : "_a") : "")).str());
  }
}

void StreamOp::getAsmResultNames(OpAsmSetValueNameFn set) {
  setResultNames(*this, getNames(), set);
}

LogicalResult StreamOp::verifyRegions() {
  CascadeOp cascade = getCascade(*this);
  if (!cascade || !cascade.lookupRank(getRankAttr())) // stream_c3
    return emitOpError("rank `") << getRank() << "` is not declared";
  unsigned numStates = getNumStates();
  auto stateTypes = TypeRange(getResultTypes()).take_front(numStates);
  auto yield = dyn_cast<YieldOp>(getStep().front().getTerminator());
  if (getNumResults() < numStates || !yield ||
      yield.getNumOperands() != getNumResults() ||
      TypeRange(getStep().getArgumentTypes()) != stateTypes ||
      TypeRange(yield.getOperandTypes()).take_front(numStates) !=
          stateTypes) // stream_c1
    return emitOpError("step must take and yield its ")
           << numStates << " states " << stateTypes;
  if (getMerge().empty())
    return success();
  auto merged = dyn_cast<YieldOp>(getMerge().front().getTerminator());
  if (getMerge().getNumArguments() != 2 * numStates || !merged ||
      TypeRange(merged.getOperandTypes()) != stateTypes) // stream_c2
    return emitOpError("merge must take two sets of its ")
           << numStates << " states and yield one";
  return success();
}
