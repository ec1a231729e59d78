//===- TileDialect.cpp - Types and attributes of the tile dialect ---------===//

#include "dialect/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn::tile;

#include "dialect/Tile/TileDialect.cpp.inc"
#include "dialect/Tile/TileEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialect/Tile/TileAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialect/Tile/TileTypes.cpp.inc"

void TileDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialect/Tile/TileTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/Tile/TileAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/Tile/TileOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// !tile.view
//===----------------------------------------------------------------------===//

Type ViewType::parse(AsmParser &parser) {
  SmallVector<StringAttr> ranks;
  Type elementType;
  auto parseRank = [&]() -> ParseResult {
    StringRef name;
    if (parser.parseKeyword(&name))
      return failure();
    ranks.push_back(StringAttr::get(parser.getContext(), name));
    return success();
  };
  if (parser.parseLess() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseRank) ||
      parser.parseComma() || parser.parseType(elementType) ||
      parser.parseGreater())
    return {};
  return ViewType::get(parser.getContext(), ranks, elementType);
}

void ViewType::print(AsmPrinter &printer) const {
  printer << "<[";
  llvm::interleaveComma(getRanks(), printer,
                        [&](StringAttr rank) { printer << rank.getValue(); });
  printer << "], " << getElementType() << ">";
}

//===----------------------------------------------------------------------===//
// !tile.tile
//===----------------------------------------------------------------------===//

Type TileType::parse(AsmParser &parser) {
  SmallVector<StringAttr> ranks;
  SmallVector<int64_t> sizes;
  Type elementType;
  Space space = Space::Scratch;
  auto parseRank = [&]() -> ParseResult {
    StringRef name;
    int64_t size;
    if (parser.parseKeyword(&name) || parser.parseColon() ||
        parser.parseInteger(size))
      return failure();
    ranks.push_back(StringAttr::get(parser.getContext(), name));
    sizes.push_back(size);
    return success();
  };
  if (parser.parseLess() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseRank) ||
      parser.parseComma() || parser.parseType(elementType))
    return {};
  if (succeeded(parser.parseOptionalComma())) {
    StringRef word;
    SMLoc where = parser.getCurrentLocation();
    if (parser.parseKeyword(&word))
      return {};
    std::optional<Space> known = symbolizeSpace(word);
    if (!known) {
      parser.emitError(where) << "unknown space `" << word << "`";
      return {};
    }
    space = *known;
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<TileType>(parser.getContext(), ranks, sizes,
                                     elementType, space);
}

void TileType::print(AsmPrinter &printer) const {
  printer << "<[";
  llvm::interleaveComma(
      llvm::zip(getRanks(), getSizes()), printer, [&](auto rank) {
        printer << std::get<0>(rank).getValue() << ": " << std::get<1>(rank);
      });
  printer << "], " << getElementType();
  if (getSpace() != Space::Scratch)
    printer << ", " << stringifySpace(getSpace());
  printer << ">";
}

LogicalResult TileType::verify(function_ref<InFlightDiagnostic()> emitError,
                               ArrayRef<StringAttr> ranks,
                               ArrayRef<int64_t> sizes, Type, Space) {
  if (ranks.size() != sizes.size())
    return emitError() << "tile has " << ranks.size() << " ranks and "
                       << sizes.size() << " sizes";
  for (auto [rank, size] : llvm::zip(ranks, sizes))
    if (size < 1)
      return emitError() << "rank `" << rank.getValue() << "` has size "
                         << size;
  return success();
}

int64_t TileType::getRankPosition(StringAttr name) const {
  auto it = llvm::find(getRanks(), name);
  return it == getRanks().end() ? -1 : it - getRanks().begin();
}

int64_t TileType::getNumElements() const {
  int64_t count = 1;
  for (int64_t size : getSizes())
    count *= size;
  return count;
}
