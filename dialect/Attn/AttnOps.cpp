//===- AttnOps.cpp - Syntax and constraints of the attn dialect -----------===//

#include "dialect/Attn/AttnOps.h"
#include "dialect/Attn/Literals.h"
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

void ParseScope::declare(StringRef name, Type type, unsigned number) {
  SmallVector<Type, 1> &known = types[dropPercent(name)];
  known.resize(number); // results come in order
  known.push_back(type);
}
Type ParseScope::lookup(StringRef name, unsigned number) const {
  auto known = types.find(dropPercent(name));
  return known == types.end() || number >= known->second.size()
             ? Type()
             : known->second[number];
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
    Type type = scope ? scope->lookup(operand.name, operand.number) : Type();
    if (!type)
      return parser.emitError(operand.location)
             << "use of undeclared tensor `" << operand.name << "`";
    if (parser.resolveOperand(operand, type, values))
      return failure();
  }
  return success();
}

ParseResult attn::parseBody(OpAsmParser &parser, Region &region,
                            ArrayRef<OpAsmParser::Argument> arguments) {
  constexpr unsigned maxDepth = 64;
  ParseScope *scope = ParseScope::current();
  if (scope && scope->depth >= maxDepth)
    return parser.emitError(parser.getCurrentLocation())
           << "bodies are nested more than " << maxDepth << " deep";
  if (scope)
    ++scope->depth;
  ParseResult result = parser.parseRegion(region, arguments);
  if (scope)
    --scope->depth;
  return result;
}

void attn::declareResults(OpAsmParser &parser, TypeRange types,
                          OperationState &state) {
  ParseScope *scope = ParseScope::current();
  SmallVector<std::string> names;
  bool named = true;
  for (auto [index, type] : llvm::enumerate(types)) {
    auto [name, number] = parser.getNumResults() > index
                              ? parser.getResultName(index)
                              : std::pair(StringRef(), 0u);
    if (scope && !name.empty())
      scope->declare(name, type, number);
    named &= !name.empty() && !isdigit(name.front());
    names.push_back((number == 0 ? name : name + "_" + Twine(number)).str());
  }
  if (!named || names.empty())
    return;
  Builder &builder = parser.getBuilder();
  bool isList = state.name.getStringRef() != EinsumOp::getOperationName();
  if (isList)
    state.addAttribute("names", builder.getStrArrayAttr(SmallVector<StringRef>(
                                    names.begin(), names.end())));
  else
    state.addAttribute("name", builder.getStringAttr(names.front()));
}

/// Without names every result is numbered by itself: `%0, %1`, not `%0:2`,
/// because only `%name` is an access.
static void setResultNames(Operation *op, std::optional<ArrayAttr> names,
                           OpAsmSetValueNameFn set) {
  bool isNamed = names && names->size() == op->getNumResults();
  for (OpResult result : op->getResults())
    set(result,
        isNamed
            ? cast<StringAttr>((*names)[result.getResultNumber()]).getValue()
            : StringRef());
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
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, [&]() {
    return parser.parseKeyword(&names.emplace_back());
  });
}

/// `rank`, `rank = 128`, `rank = k * g` or `rank = ceildiv(m, 16)`.
static ParseResult parseRank(OpAsmParser &parser,
                             SmallVectorImpl<RankAttr> &ranks) {
  Builder &builder = parser.getBuilder();
  StringRef keyword;
  SMLoc where = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  auto name = builder.getStringAttr(keyword);
  auto add = [&](RankKind kind, int64_t value,
                 ArrayRef<StringAttr> operands) -> ParseResult {
    ranks.push_back(parser.getChecked<RankAttr>(where, parser.getContext(),
                                                name, kind, value, operands));
    return success(ranks.back() != nullptr);
  };
  if (failed(parser.parseOptionalEqual()))
    return add(RankKind::Free, 0, {});
  int64_t extent;
  OptionalParseResult fixed = parser.parseOptionalInteger(extent);
  if (fixed.has_value())
    return failed(*fixed) ? failure() : add(RankKind::Fixed, extent, {});
  StringRef first;
  if (succeeded(parser.parseOptionalKeyword("ceildiv"))) {
    int64_t divisor;
    if (parser.parseLParen() || parser.parseKeyword(&first) ||
        parser.parseComma() || parser.parseInteger(divisor) ||
        parser.parseRParen())
      return failure();
    return add(RankKind::CeilDiv, divisor, builder.getStringAttr(first));
  }
  SmallVector<StringAttr> factors;
  do {
    if (parser.parseKeyword(&first))
      return failure();
    factors.push_back(builder.getStringAttr(first));
  } while (succeeded(parser.parseOptionalStar()));
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
  return parseBody(parser, *state.addRegion(), args);
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
      (*this)->getAttrs(), {"sym_name", "function_type", "arg_names", "ranks"});
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
  // A rank is made of ranks before it, so one walk finds all extents.
  llvm::SmallDenseMap<StringAttr, int64_t> known;
  for (auto rank : getRanks().getAsRange<RankAttr>()) {
    std::optional<int64_t> extent;
    ArrayRef<StringAttr> operands = rank.getOperands();
    bool isKnown = llvm::all_of(
        operands, [&](StringAttr operand) { return known.contains(operand); });
    if (rank.getKind() == RankKind::Fixed) {
      extent = rank.getValue();
    } else if (rank.getKind() == RankKind::CeilDiv && isKnown) {
      extent = llvm::divideCeil(known[operands.front()], rank.getValue());
    } else if (rank.getKind() == RankKind::Product && isKnown) {
      extent = 1;
      for (StringAttr operand : operands)
        extent = llvm::SaturatingMultiply<uint64_t>(*extent, known[operand]);
      extent = std::min<uint64_t>(*extent, INT64_MAX);
    }
    if (rank.getName() == name)
      return extent;
    if (extent)
      known[rank.getName()] = *extent;
  }
  return std::nullopt;
}

/// Adds the ranks whose extents follow from those in `bound`.
static void addBoundRanks(CascadeOp cascade,
                          SmallPtrSetImpl<Attribute> &bound) {
  bool changed = true;
  auto add = [&](StringAttr rank) { changed |= bound.insert(rank).second; };
  while (std::exchange(changed, false)) {
    for (auto rank : cascade.getRanks().getAsRange<RankAttr>()) {
      ArrayRef<StringAttr> operands = rank.getOperands();
      auto unbound = llvm::make_filter_range(operands, [&](StringAttr operand) {
        return !bound.contains(operand);
      });
      bool isFree = rank.getKind() == RankKind::Free;
      if (unbound.empty() && !isFree)
        add(rank.getName());
      // One unknown factor of a bound product is its quotient.
      if (rank.getKind() == RankKind::Product &&
          bound.contains(rank.getName()) && llvm::hasSingleElement(unbound))
        add(*unbound.begin());
    }
  }
}

/// The names of the C interface (cascade_c5).
static LogicalResult verifyNames(CascadeOp cascade) {
  auto check = [&](StringRef what, StringRef name) -> LogicalResult {
    if (isCName(name) && name != "size")
      return success();
    return cascade.emitOpError()
           << what << " `" << name
           << "` must be a C name, and not `size`, which the arguments have";
  };
  if (failed(check("name", cascade.getSymName())))
    return failure();
  for (auto name : cascade.getArgNames().getAsRange<StringAttr>())
    if (failed(check("argument", name.getValue())))
      return failure();
  return success();
}

LogicalResult CascadeOp::verify() {
  constexpr unsigned maxRanks = 256;
  if (getRanks().size() > maxRanks) // cascade_c2
    return emitOpError("declares ")
           << getRanks().size() << " ranks, expected at most " << maxRanks;
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
    std::optional<int64_t> extent = getFixedExtent(rank.getName());
    if (extent && *extent > maxExtent)
      return emitOpError("extent of rank `")
             << rank.getName().getValue() << "` is more than 2^40";
  }
  FunctionType type = getFunctionType();
  if (getArgNames().size() != type.getNumInputs())
    return emitOpError("has ") << getArgNames().size() << " argument names and "
                               << type.getNumInputs() << " arguments";
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
  addBoundRanks(*this, bound);
  for (auto rank : getRanks().getAsRange<RankAttr>()) // cascade_c3
    if (!bound.contains(rank.getName()))
      return emitOpError("rank `")
             << rank.getName().getValue()
             << "` is bound by no argument; give it an extent";
  return verifyNames(*this);
}

LogicalResult CascadeOp::verifyRegions() {
  if (getBody().getArgumentTypes() != getFunctionType().getInputs())
    return emitOpError("body takes ")
           << getBody().getArgumentTypes() << ", the cascade "
           << getFunctionType().getInputs();
  auto yield = dyn_cast<YieldOp>(getBody().front().getTerminator());
  if (!yield)
    return emitOpError("must end in attn.yield");
  ArrayRef<Type> results = getFunctionType().getResults();
  if (yield.getNumOperands() != results.size())
    return yield.emitOpError("yields ")
           << yield.getNumOperands() << " tensors, the cascade declares "
           << results.size();
  SmallPtrSet<Value, 4> seen;
  for (auto [value, type] : llvm::zip(yield.getValues(), results)) {
    auto actual = dyn_cast<attn::TensorType>(value.getType());
    auto expected = cast<attn::TensorType>(type);
    if (!actual || actual.getRanks() != expected.getRanks()) // cascade_c4
      return yield.emitOpError("yields ")
             << value.getType() << ", the cascade declares " << type;
    if (isa<FloatType>(actual.getElementType()) !=
        isa<FloatType>(expected.getElementType())) // cascade_c4
      return yield.emitOpError("yields ")
             << value.getType() << ", the cascade declares " << type;
    if (isa<BlockArgument>(value) || !seen.insert(value).second) // cascade_c5
      return yield.emitOpError("yields ")
             << (isa<BlockArgument>(value) ? "an argument" : "a tensor twice")
             << "; an output has a name of its own";
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

//===----------------------------------------------------------------------===//
// attn.topk
//===----------------------------------------------------------------------===//

/// The types of the values and the coordinates: `to` stands where `from` stood.
static std::pair<Type, Type> getTopKTypes(attn::TensorType input,
                                          StringAttr from, StringAttr to) {
  MLIRContext *context = input.getContext();
  SmallVector<StringAttr> ranks(input.getRanks());
  llvm::replace(ranks, from, to);
  return {attn::TensorType::get(context, ranks,
                                getComputeType(input.getElementType())),
          attn::TensorType::get(context, ranks, IntegerType::get(context, 32))};
}

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
  StringAttr fromAttr = builder.getStringAttr(from);
  StringAttr toAttr = builder.getStringAttr(to);
  if (type.getRankPosition(toAttr) >= 0) // topk_c2
    return parser.emitError(input.location)
           << "rank `" << to << "` is one of " << type << " already";
  auto [values, indices] = getTopKTypes(type, fromAttr, toAttr);
  state.addAttribute("from", fromAttr);
  state.addAttribute("to", toAttr);
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
  auto [values, indices] = getTopKTypes(type, getFromAttr(), getToAttr());
  if (getValues().getType() != values || getIndices().getType() != indices)
    return emitOpError("gives ") // topk_c3
           << getResultTypes() << ", expected " << values << " and " << indices;
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
  ParseResult body = parseBody(parser, *state.addRegion(), states);
  scope->carried.pop_back();
  if (body || parser.parseOptionalAttrDict(state.attributes))
    return failure();
  declareResults(parser, results, state);
  return success();
}

void IterateOp::print(OpAsmPrinter &printer) {
  printer << " " << getRank() << " init(";
  llvm::interleaveComma(
      llvm::zip(getBody().getArguments(), getInits()), printer, [&](auto pair) {
        printer << std::get<0>(pair) << " = " << std::get<1>(pair);
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
  if (getBody().getArgumentTypes() != getInits().getTypes() ||
      getStateNames().size() != numStates) // iterate_c1
    return emitOpError("body takes ")
           << getBody().getArgumentTypes() << ", the initial values are "
           << getInits().getTypes();
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
      parseBody(parser, *state.addRegion()) ||
      parser.parseOptionalAttrDict(state.attributes))
    return failure();
  state.addAttribute("parallel", parser.getBuilder().getStrArrayAttr(parallel));
  state.addTypes(results);
  declareResults(parser, results, state);
  return success();
}

static void printNames(OpAsmPrinter &printer, ArrayAttr names) {
  printer << "(";
  llvm::interleaveComma(names.getAsRange<StringAttr>(), printer,
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
  CascadeOp cascade = getCascade(*this);
  SmallPtrSet<Attribute, 4> seen;
  for (auto rank : getParallel().getAsRange<StringAttr>())
    if (!cascade || !cascade.lookupRank(rank) ||
        !seen.insert(rank).second) // nest_c1
      return emitOpError("rank `")
             << rank.getValue() << "` is not declared, or named twice";
  auto yield = dyn_cast<YieldOp>(getBody().front().getTerminator());
  if (!yield || yield.getOperandTypes() != getResultTypes()) // nest_c2
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
      parseBody(parser, *state.addRegion(), states))
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
    if (parseBody(parser, *merge, merged))
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
  auto states =
      llvm::zip(getReducers().getAsRange<ReduceAttr>(),
                getStep().getArguments(), getInits().getAsRange<FloatAttr>());
  llvm::interleaveComma(states, printer, [&](auto state) {
    auto [reducer, arg, init] = state;
    printer << stringifyReducerKind(reducer.getKind()) << " " << arg << " = "
            << getLiteral(init);
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
  if (numStates == 0 || getStateNames().size() != numStates)
    return;
  bool isMerge = &region == &getMerge();
  for (BlockArgument arg : region.getArguments()) {
    auto name =
        cast<StringAttr>(getStateNames()[arg.getArgNumber() % numStates]);
    bool isRight = arg.getArgNumber() >= numStates;
    set(arg,
        (name.getValue() + (isMerge ? (isRight ? "_b" : "_a") : "")).str());
  }
}

void StreamOp::getAsmResultNames(OpAsmSetValueNameFn set) {
  setResultNames(*this, getNames(), set);
}

/// Whether `types` are two sets of the states' types.
static bool areMerged(TypeRange types, TypeRange states) {
  return types.take_front(states.size()) == states &&
         types.drop_front(states.size()) == states;
}

LogicalResult StreamOp::verifyRegions() {
  CascadeOp cascade = getCascade(*this);
  if (!cascade || !cascade.lookupRank(getRankAttr())) // stream_c3
    return emitOpError("rank `") << getRank() << "` is not declared";
  unsigned numStates = getNumStates();
  if (getNumResults() < numStates || getReducers().size() != numStates ||
      getStateNames().size() != numStates) // stream_c1
    return emitOpError("has ")
           << numStates << " states, " << getReducers().size() << " reducers, "
           << getStateNames().size() << " names and " << getNumResults()
           << " results";
  auto stateTypes = TypeRange(getResultTypes()).take_front(numStates);
  auto yield = dyn_cast<YieldOp>(getStep().front().getTerminator());
  if (!yield || TypeRange(getStep().getArgumentTypes()) != stateTypes ||
      yield.getOperandTypes() != getResultTypes()) // stream_c1
    return emitOpError("step must take its ")
           << numStates << " states and yield " << getResultTypes();
  if (getMerge().empty())
    return success();
  auto merged = dyn_cast<YieldOp>(getMerge().front().getTerminator());
  if (getMerge().getNumArguments() != 2 * numStates || !merged ||
      TypeRange(merged.getOperandTypes()) != stateTypes ||
      !areMerged(getMerge().getArgumentTypes(), stateTypes)) // stream_c2
    return emitOpError("merge must take two sets of its ")
           << numStates << " states and yield one";
  return success();
}
