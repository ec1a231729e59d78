//===- AttnDialect.cpp - Types, attributes, reducer table -----------------===//

#include "dialect/Attn/AttnOps.h"
#include "dialect/Attn/Literals.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

#include "dialect/Attn/AttnDialect.cpp.inc"
#include "dialect/Attn/AttnEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialect/Attn/AttnAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialect/Attn/AttnTypes.cpp.inc"

void AttnDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialect/Attn/AttnTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialect/Attn/AttnAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialect/Attn/AttnOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// !attn.tensor
//===----------------------------------------------------------------------===//

Type attn::TensorType::parse(AsmParser &parser) {
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
  return parser.getChecked<attn::TensorType>(parser.getContext(), ranks,
                                             elementType);
}

void attn::TensorType::print(AsmPrinter &printer) const {
  printer << "<[";
  llvm::interleaveComma(getRanks(), printer,
                        [&](StringAttr rank) { printer << rank.getValue(); });
  printer << "], " << getElementType() << ">";
}

bool attn::isElementType(Type type) {
  if (isa<Float64Type, Float32Type, Float16Type, BFloat16Type, Float8E4M3FNType,
          Float8E5M2Type>(type))
    return true;
  if (auto integer = dyn_cast<IntegerType>(type))
    return integer.isSignless()
               ? llvm::is_contained({1u, 8u, 32u, 64u}, integer.getWidth())
               : integer.isUnsigned() && integer.getWidth() == 8;
  return false;
}

LogicalResult
attn::TensorType::verify(function_ref<InFlightDiagnostic()> emitError,
                         ArrayRef<StringAttr> ranks, Type elementType) {
  SmallPtrSet<Attribute, 8> seen;
  for (StringAttr rank : ranks)
    if (!seen.insert(rank).second)
      return emitError() << "rank `" << rank.getValue() << "` is named twice";
  if (!isElementType(elementType))
    return emitError() << "element type " << elementType
                       << " is not one of f64, f32, f16, bf16, f8E4M3FN, "
                          "f8E5M2, i64, i32, i8, ui8, i1";
  return success();
}

int64_t attn::TensorType::getRankPosition(StringAttr name) const {
  auto it = llvm::find(getRanks(), name);
  return it == getRanks().end() ? -1 : it - getRanks().begin();
}

//===----------------------------------------------------------------------===//
// #attn.rank
//===----------------------------------------------------------------------===//

LogicalResult RankAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               StringAttr name, RankKind kind, int64_t value,
                               ArrayRef<StringAttr> operands) {
  StringRef text = name.getValue();
  if (!isIdentifier(text))
    return emitError() << "rank name `" << text
                       << "` is not letters, digits and `_`";
  if (isReservedWord(text))
    return emitError() << "`" << text
                       << "` is a word of the language, not a rank";
  switch (kind) {
  case RankKind::Fixed:
    if (value < 1 || value > maxExtent)
      return emitError() << "extent of rank `" << text << "` is " << value
                         << ", expected 1 to 2^40";
    break;
  case RankKind::Free:
    break;
  case RankKind::Product:
    if (operands.size() < 2)
      return emitError() << "rank `" << text << "` is a product of one rank";
    break;
  case RankKind::CeilDiv:
    if (value < 1 || value > maxExtent)
      return emitError() << "divisor of rank `" << text << "` is " << value
                         << ", expected 1 to 2^40";
    if (operands.size() != 1)
      return emitError() << "rank `" << text << "` divides " << operands.size()
                         << " ranks, expected 1";
    break;
  }
  bool takesOperands = kind == RankKind::Product || kind == RankKind::CeilDiv;
  if (!takesOperands && !operands.empty())
    return emitError() << "rank `" << text << "` is made of no other rank";
  SmallPtrSet<Attribute, 4> seen;
  for (StringAttr operand : operands)
    if (!seen.insert(operand).second)
      return emitError() << "rank `" << text << "` has the factor `"
                         << operand.getValue() << "` twice";
  return success();
}

//===----------------------------------------------------------------------===//
// #attn.reduce
//===----------------------------------------------------------------------===//

LogicalResult ReduceAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ReducerKind kind, StringAttr var,
                                 FlatSymbolRefAttr symbol) {
  if ((kind == ReducerKind::User) == bool(symbol))
    return success();
  return emitError() << "reducer `" << stringifyReducerKind(kind) << "` of `"
                     << var.getValue() << "` "
                     << (symbol ? "takes no symbol" : "lacks a symbol");
}

//===----------------------------------------------------------------------===//
// Element types and reducers
//===----------------------------------------------------------------------===//

Type attn::getComputeType(Type type) {
  MLIRContext *context = type.getContext();
  if (isa<FloatType>(type) && type.getIntOrFloatBitWidth() < 32)
    return Float32Type::get(context);
  if (type.isInteger(8))
    return IntegerType::get(context, 32);
  return type;
}

TypedAttr attn::getIdentity(ReducerKind kind, Type type) {
  Builder builder(type.getContext());
  bool isBool = type.isInteger(1);
  if (kind == ReducerKind::And || kind == ReducerKind::Or)
    return isBool ? builder.getBoolAttr(kind == ReducerKind::And) : TypedAttr();
  if (isBool)
    return {};
  if (kind == ReducerKind::ArgMax)
    return builder.getI32IntegerAttr(-1);
  if (auto floatType = dyn_cast<FloatType>(type)) {
    const llvm::fltSemantics &semantics = floatType.getFloatSemantics();
    auto getFloat = [&](APFloat value) -> TypedAttr {
      return FloatAttr::get(floatType, value);
    };
    switch (kind) {
    case ReducerKind::Add:
      return getFloat(APFloat::getZero(semantics));
    case ReducerKind::Mul:
      return getFloat(APFloat::getOne(semantics));
    case ReducerKind::Max:
    case ReducerKind::Lse:
      return getFloat(APFloat::getInf(semantics, /*Negative=*/true));
    case ReducerKind::Min:
      return getFloat(APFloat::getInf(semantics));
    default:
      return {};
    }
  }
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer)
    return {};
  unsigned width = integer.getWidth();
  auto getInteger = [&](APInt value) -> TypedAttr {
    return IntegerAttr::get(integer, value);
  };
  switch (kind) {
  case ReducerKind::Add:
    return getInteger(APInt::getZero(width));
  case ReducerKind::Mul:
    return getInteger(APInt(width, 1));
  case ReducerKind::Max:
    return getInteger(APInt::getSignedMinValue(width));
  case ReducerKind::Min:
    return getInteger(APInt::getSignedMaxValue(width));
  default:
    return {};
  }
}

TypedAttr attn::getIdentity(ReducerName reducer, Type type, Operation *from) {
  if (reducer.kind != ReducerKind::User)
    return getIdentity(reducer.kind, type);
  ReducerOp definition = lookupReducer(reducer, from);
  return definition && definition.getElementType() == type
             ? definition.getIdentity()
             : TypedAttr();
}

ReducerOp attn::lookupReducer(ReducerName reducer, Operation *from) {
  return reducer.symbol ? SymbolTable::lookupNearestSymbolFrom<ReducerOp>(
                              from, reducer.symbol)
                        : ReducerOp();
}

std::string ReducerName::str() const {
  return symbol ? "@" + symbol.getValue().str()
                : stringifyReducerKind(kind).str();
}

llvm::raw_ostream &attn::operator<<(llvm::raw_ostream &os,
                                    const ReducerName &name) {
  return os << name.str();
}

bool attn::isCarried(Operation *op, StringAttr rank) {
  for (auto iterate = op->getParentOfType<IterateOp>(); iterate;
       iterate = iterate->getParentOfType<IterateOp>())
    if (iterate.getRankAttr() == rank)
      return true;
  return false;
}

CascadeOp attn::getCascade(Operation *op) {
  return isa<CascadeOp>(op) ? cast<CascadeOp>(op)
                            : op->getParentOfType<CascadeOp>();
}
