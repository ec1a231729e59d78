//===- ParseScope.cpp - What a cascade's parser remembers -----------------===//

#include "dialect/Attn/ParseScope.h"
#include "dialect/Attn/AttnOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace attn;

static thread_local SmallVector<ParseScope *> scopes;

ParseScope::ParseScope(ArrayRef<RankAttr> ranks) : ranks(ranks) {
  scopes.push_back(this);
}
ParseScope::~ParseScope() { scopes.pop_back(); }

ParseScope *ParseScope::current() {
  return scopes.empty() ? nullptr : scopes.back();
}

StringRef attn::dropPercent(StringRef name) {
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
    if (!type) // cascade_c6
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
    named &= !name.empty() && !llvm::isDigit(name.front());
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

void attn::setResultNames(Operation *op, std::optional<ArrayAttr> names,
                          OpAsmSetValueNameFn set) {
  bool isNamed = names && names->size() == op->getNumResults();
  for (OpResult result : op->getResults())
    set(result,
        isNamed
            ? cast<StringAttr>((*names)[result.getResultNumber()]).getValue()
            : StringRef());
}

ParseResult attn::parseReducer(OpAsmParser &parser,
                               std::optional<ReducerName> &reducer) {
  SymbolRefAttr symbol;
  SMLoc where = parser.getCurrentLocation();
  OptionalParseResult isSymbol = parser.parseOptionalAttribute(symbol);
  if (isSymbol.has_value()) {
    if (failed(*isSymbol))
      return failure();
    auto name = dyn_cast<FlatSymbolRefAttr>(symbol);
    if (!name)
      return parser.emitError(where) << "expected the name of one attn.reducer";
    reducer = ReducerName(ReducerKind::User, name);
    return success();
  }
  StringRef word;
  if (parser.parseKeyword(&word))
    return failure();
  std::optional<ReducerKind> kind = symbolizeReducerKind(word);
  if (!kind || *kind == ReducerKind::User)
    return parser.emitError(where)
           << "unknown reducer `" << word
           << "`, expected add, mul, max, min, and, or, lse, argmax or @name";
  reducer = *kind;
  return success();
}

ParseResult attn::parseTypes(OpAsmParser &parser,
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

void attn::printTypes(OpAsmPrinter &printer, TypeRange types) {
  if (types.size() == 1) {
    printer << types.front();
    return;
  }
  printer << "(";
  llvm::interleaveComma(types, printer);
  printer << ")";
}
