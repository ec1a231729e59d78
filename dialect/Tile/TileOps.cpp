//===- TileOps.cpp - Syntax and constraints of the tile dialect -----------===//

#include "dialect/Tile/TileOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace attn;
using namespace attn::tile;

#define GET_OP_CLASSES
#include "dialect/Tile/TileOps.cpp.inc"

//===----------------------------------------------------------------------===//
// tile.program and tile.kernel
//===----------------------------------------------------------------------===//

/// Parses `(%a: type, ..)` and keeps the names.
static ParseResult parseArguments(OpAsmParser &parser,
                                  SmallVectorImpl<OpAsmParser::Argument> &args,
                                  SmallVectorImpl<StringRef> &names) {
  size_t first = args.size();
  if (parser.parseArgumentList(args, AsmParser::Delimiter::Paren,
                               /*allowType=*/true))
    return failure();
  for (OpAsmParser::Argument &arg : llvm::drop_begin(args, first))
    names.push_back(arg.ssaName.name.drop_front());
  return success();
}

static void printArguments(OpAsmPrinter &printer,
                           ArrayRef<BlockArgument> args) {
  printer << "(";
  llvm::interleaveComma(args, printer, [&](BlockArgument arg) {
    printer.printRegionArgument(arg);
  });
  printer << ")";
}

ParseResult ProgramOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  StringAttr name;
  SmallVector<OpAsmParser::Argument> inputs, outputs;
  SmallVector<StringRef> names;
  if (parser.parseSymbolName(name, "sym_name", state.attributes) ||
      parseArguments(parser, inputs, names) || parser.parseArrow() ||
      parseArguments(parser, outputs, names) ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();
  state.addAttribute("arg_names", builder.getStrArrayAttr(names));
  state.addAttribute("num_inputs", builder.getI64IntegerAttr(inputs.size()));
  llvm::append_range(inputs, outputs);
  return parser.parseRegion(*state.addRegion(), inputs);
}

void ProgramOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printer.printSymbolName(getSymName());
  ArrayRef<BlockArgument> args = getBody().getArguments();
  printArguments(printer, args.take_front(getNumInputs()));
  printer << " -> ";
  printArguments(printer, args.drop_front(getNumInputs()));
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(), {"sym_name", "arg_names", "num_inputs"});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

void ProgramOp::getAsmBlockArgumentNames(Region &region,
                                         OpAsmSetValueNameFn set) {
  for (auto [arg, name] :
       llvm::zip(region.getArguments(), getArgNames().getAsRange<StringAttr>()))
    set(arg, name.getValue());
}

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  StringAttr name;
  SmallVector<OpAsmParser::Argument> args;
  SmallVector<StringRef> grid, names;
  SmallVector<int64_t> sizes;
  auto parseGrid = [&]() -> ParseResult {
    OpAsmParser::Argument &coord = args.emplace_back();
    if (parser.parseArgument(coord))
      return failure();
    coord.type = builder.getIndexType();
    int64_t size = 1;
    if (parser.parseEqual() || parser.parseKeyword(&grid.emplace_back()) ||
        (succeeded(parser.parseOptionalColon()) && parser.parseInteger(size)))
      return failure();
    sizes.push_back(size);
    return success();
  };
  if (parser.parseSymbolName(name, "sym_name", state.attributes) ||
      parser.parseKeyword("grid") ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseGrid))
    return failure();
  StringRef lanes;
  if (succeeded(parser.parseOptionalKeyword("lanes"))) {
    if (parser.parseKeyword(&lanes))
      return failure();
    state.addAttribute("lanes", builder.getStringAttr(lanes));
  }
  if (parseArguments(parser, args, names) ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();
  state.addAttribute("grid", builder.getStrArrayAttr(grid));
  state.addAttribute("sizes", builder.getDenseI64ArrayAttr(sizes));
  state.addAttribute("arg_names", builder.getStrArrayAttr(names));
  return parser.parseRegion(*state.addRegion(), args);
}

void KernelOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printer.printSymbolName(getSymName());
  printer << " grid(";
  ArrayRef<BlockArgument> args = getBody().getArguments();
  for (auto [index, rank] :
       llvm::enumerate(getGrid().getAsRange<StringAttr>())) {
    printer << (index ? ", " : "") << args[index] << " = " << rank.getValue();
    if (getSizes()[index] != 1)
      printer << ": " << getSizes()[index];
  }
  printer << ")";
  if (std::optional<StringRef> lanes = getLanes())
    printer << " lanes " << *lanes;
  printer.printNewline();
  printer << "      ";
  printArguments(printer, args.drop_front(getGrid().size()));
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(), {"sym_name", "grid", "sizes", "lanes", "arg_names"});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

void KernelOp::getAsmBlockArgumentNames(Region &region,
                                        OpAsmSetValueNameFn set) {
  size_t numGrid = getGrid().size();
  for (BlockArgument arg : region.getArguments()) {
    size_t index = arg.getArgNumber();
    if (index < numGrid)
      set(arg, (cast<StringAttr>(getGrid()[index]).getValue() + "0").str());
    else
      set(arg, cast<StringAttr>(getArgNames()[index - numGrid]).getValue());
  }
}

Value KernelOp::getOrigin(StringAttr rank) {
  auto grid = getGrid().getAsRange<StringAttr>();
  auto it = llvm::find(grid, rank);
  if (it == grid.end())
    return {};
  return getBody().getArgument(std::distance(grid.begin(), it));
}

LogicalResult KernelOp::verify() {
  if (getSizes().size() != getGrid().size())
    return emitOpError("has ") << getGrid().size() << " grid ranks and "
                               << getSizes().size() << " sizes";
  size_t expected = getGrid().size() + getArgNames().size();
  if (getBody().getNumArguments() != expected)
    return emitOpError("region has ") << getBody().getNumArguments()
                                      << " arguments, expected " << expected;
  return success();
}

//===----------------------------------------------------------------------===//
// tile.load and tile.store
//===----------------------------------------------------------------------===//

/// A move has an offset and a dim for each of the view's ranks, and each of the
/// tile's ranks runs along one of them.
static LogicalResult verifyMove(Operation *op, ViewType view, TileType tile,
                                ValueRange offsets, ArrayAttr dims) {
  size_t numRanks = view.getRanks().size();
  if (offsets.size() != numRanks || dims.size() != numRanks)
    return op->emitOpError("has ")
           << offsets.size() << " offsets and " << dims.size()
           << " dims, the view has " << numRanks << " ranks";
  for (StringAttr rank : tile.getRanks())
    if (llvm::count(dims, rank) != 1)
      return op->emitOpError("rank `")
             << rank.getValue() << "` of the tile runs along "
             << llvm::count(dims, rank) << " of the view's ranks, expected 1";
  for (auto dim : dims.getAsRange<StringAttr>())
    if (!dim.getValue().empty() && tile.getRankPosition(dim) < 0)
      return op->emitOpError("dim `")
             << dim.getValue() << "` is not a rank of " << tile;
  return success();
}

LogicalResult LoadOp::verify() {
  return verifyMove(*this, getView().getType(), getResult().getType(),
                    getOffsets(), getDims());
}

LogicalResult ConvertOp::verify() {
  TileType from = getInput().getType(), to = getResult().getType();
  if (from.getRanks().size() != to.getRanks().size())
    return emitOpError("has ") << from.getRanks().size() << " ranks in and "
                               << to.getRanks().size() << " out";
  for (auto [rank, size] : llvm::zip(from.getRanks(), from.getSizes())) {
    int64_t position = to.getRankPosition(rank);
    if (position < 0 || to.getSizes()[position] != size)
      return emitOpError("rank `") << rank.getValue() << "` of size " << size
                                   << " is not one of " << to;
  }
  return success();
}

LogicalResult StoreOp::verify() {
  return verifyMove(*this, getView().getType(), getTile().getType(),
                    getOffsets(), getDims());
}

//===----------------------------------------------------------------------===//
// tile.bounds
//===----------------------------------------------------------------------===//

/// The offset of `rank` in the box of an operation; null for another rank.
template <typename BoxOp> static Value findOffset(BoxOp op, StringAttr rank) {
  for (auto [offset, name] : llvm::zip(op.getOffsets(), op.getRanks()))
    if (name == rank)
      return offset;
  return {};
}

attn::tile::YieldOp BoundsOp::getYield() {
  return cast<attn::tile::YieldOp>(getBody().front().getTerminator());
}

Value BoundsOp::getOffset(StringAttr rank) { return findOffset(*this, rank); }

LogicalResult BoundsOp::verify() {
  if (getSizes().size() != getRanks().size() ||
      getOffsets().size() != getRanks().size())
    return emitOpError("has ")
           << getRanks().size() << " ranks, " << getSizes().size()
           << " sizes and " << getOffsets().size() << " offsets";
  return success();
}

LogicalResult BoundsOp::verifyRegions() {
  Value value = getYield().getValue();
  if (!value)
    return emitOpError("region must yield a value");
  Type type = value.getType();
  if (!type.isIndex() && !type.isInteger(32) && !type.isInteger(64))
    return emitOpError("bounds values of type ")
           << type << ", expected i32, i64 or index";
  return success();
}

OpFoldResult OwnOp::fold(FoldAdaptor) {
  return getOwn() == getWhole() ? getWhole() : Value();
}

//===----------------------------------------------------------------------===//
// tile.map and tile.contract
//===----------------------------------------------------------------------===//

bool MapOp::isReduced(StringAttr rank) {
  return llvm::any_of(getReducers().getAsRange<ReduceAttr>(),
                      [&](ReduceAttr r) { return r.getVar() == rank; });
}

attn::tile::YieldOp MapOp::getYield() {
  return cast<attn::tile::YieldOp>(getBody().front().getTerminator());
}

Value MapOp::getOffset(StringAttr rank) { return findOffset(*this, rank); }

/// A map that gives an input as it is.
OpFoldResult MapOp::fold(FoldAdaptor) {
  auto argument = dyn_cast<BlockArgument>(getYield().getValue());
  if (!getReducers().empty() || !argument ||
      argument.getOwner() != &getBody().front())
    return {};
  Value input = getInputs()[argument.getArgNumber()];
  return input.getType() == getType() ? input : Value();
}

LogicalResult MapOp::verify() {
  if (getSizes().size() != getRanks().size() ||
      getOffsets().size() != getRanks().size())
    return emitOpError("has ")
           << getRanks().size() << " ranks, " << getSizes().size()
           << " sizes and " << getOffsets().size() << " offsets";
  auto checkRanks = [&](TileType type) -> LogicalResult {
    for (auto [rank, size] : llvm::zip(type.getRanks(), type.getSizes())) {
      auto *it = llvm::find(getRanks(), rank);
      if (it == getRanks().end() || getSizes()[it - getRanks().begin()] != size)
        return emitOpError("does not iterate over rank `")
               << rank.getValue() << "` of size " << size << " of " << type;
    }
    return success();
  };
  for (Value input : getInputs())
    if (failed(checkRanks(cast<TileType>(input.getType()))))
      return failure();
  TileType result = getResult().getType();
  if (failed(checkRanks(result)))
    return failure();
  for (auto rank : getRanks().getAsRange<StringAttr>())
    if (isReduced(rank) == (result.getRankPosition(rank) >= 0))
      return emitOpError("rank `")
             << rank.getValue()
             << "` must be either reduced or a rank of the result";
  if (getAcc() && getAcc().getType() != result)
    return emitOpError("acc is ")
           << getAcc().getType() << ", the result " << result;
  return success();
}

LogicalResult MapOp::verifyRegions() {
  Block &block = getBody().front();
  if (block.getNumArguments() != getInputs().size())
    return emitOpError("region has ")
           << block.getNumArguments() << " arguments for " << getInputs().size()
           << " inputs";
  for (auto [arg, input] : llvm::zip(block.getArguments(), getInputs())) {
    Type element = cast<TileType>(input.getType()).getElementType();
    if (arg.getType() != element)
      return emitOpError("region argument ")
             << arg.getArgNumber() << " is " << arg.getType()
             << ", elements of its input are " << element;
  }
  auto yield = dyn_cast<attn::tile::YieldOp>(block.getTerminator());
  if (!yield || !yield.getValue())
    return emitOpError("region must yield one value");
  return success();
}

LogicalResult ContractOp::verify() {
  TileType lhs = getLhs().getType(), rhs = getRhs().getType();
  TileType result = getResult().getType();
  for (auto rank : getOver().getAsRange<StringAttr>()) {
    int64_t left = lhs.getRankPosition(rank), right = rhs.getRankPosition(rank);
    if (left < 0 || right < 0 || result.getRankPosition(rank) >= 0 ||
        lhs.getSizes()[left] != rhs.getSizes()[right])
      return emitOpError("contracted rank `")
             << rank.getValue()
             << "` must be one of both operands, of one size, and not of the "
                "result";
  }
  if (lhs.getElementType() != rhs.getElementType())
    return emitOpError("multiplies ")
           << lhs.getElementType() << " and " << rhs.getElementType()
           << ", expected one type";
  if (getAcc() && getAcc().getType() != result)
    return emitOpError("acc is ")
           << getAcc().getType() << ", the result " << result;
  return success();
}
