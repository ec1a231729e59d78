//===- CascadeOp.cpp - Cascades and their ranks ---------------------------===//

#include "dialect/Attn/AttnOps.h"
#include "dialect/Attn/Literals.h"
#include "dialect/Attn/ParseScope.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Ranks
//===----------------------------------------------------------------------===//

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
// Syntax
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
