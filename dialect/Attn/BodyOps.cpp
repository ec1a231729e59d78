//===- BodyOps.cpp - The ops that hold statements: iterate, nest, stream --===//

#include "dialect/Attn/AttnOps.h"
#include "dialect/Attn/Literals.h"
#include "dialect/Attn/ParseScope.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace attn;

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
// attn.nest
//===----------------------------------------------------------------------===//

/// Parses a list of rank names in parentheses.
static ParseResult parseNames(OpAsmParser &parser,
                              SmallVectorImpl<StringRef> &names) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, [&]() {
    return parser.parseKeyword(&names.emplace_back());
  });
}

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
    std::optional<ReducerName> reducer;
    if (parseReducer(parser, reducer) ||
        parser.parseArgument(states.emplace_back()) || parser.parseEqual())
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
    printer << reducer.getReducer().str() << " " << arg << " = "
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
