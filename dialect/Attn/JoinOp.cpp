//===- JoinOp.cpp - The best of two lists ---------------------------------===//

#include "dialect/Attn/AttnOps.h"
#include "dialect/Attn/ParseScope.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace attn;

ParseResult JoinOp::parse(OpAsmParser &parser, OperationState &state) {
  StringRef rank;
  SmallVector<OpAsmParser::UnresolvedOperand> left, right;
  if (parser.parseKeyword(&rank) || parser.parseKeyword("of") ||
      parser.parseOperandList(left, OpAsmParser::Delimiter::Paren) ||
      parser.parseKeyword("and") ||
      parser.parseOperandList(right, OpAsmParser::Delimiter::Paren) ||
      parser.parseOptionalAttrDict(state.attributes) ||
      resolveInScope(parser, left, state.operands))
    return failure();
  SmallVector<Type> types(ValueRange(state.operands).getTypes());
  if (resolveInScope(parser, right, state.operands))
    return failure();
  state.addAttribute("rank", parser.getBuilder().getStringAttr(rank));
  state.addTypes(types);
  declareResults(parser, types, state);
  return success();
}

void JoinOp::print(OpAsmPrinter &printer) {
  printer << " " << getRank() << " of (" << getLeft() << ") and (" << getRight()
          << ")";
  printer.printOptionalAttrDict((*this)->getAttrs(), {"rank", "names"});
}

void JoinOp::getAsmResultNames(OpAsmSetValueNameFn set) {
  setResultNames(*this, getNames(), set);
}

LogicalResult JoinOp::verify() {
  TypeRange types = getResultTypes();
  if (types.size() < 2 || TypeRange(getLeft()) != types ||
      TypeRange(getRight()) != types) // join_c1
    return emitOpError("joins ")
           << TypeRange(getLeft()) << " and " << TypeRange(getRight())
           << ", expected two lists of " << types;
  auto values = cast<attn::TensorType>(types[0]);
  auto coordinates = cast<attn::TensorType>(types[1]);
  if (!coordinates.getElementType().isInteger(32) ||
      coordinates.getRanks() != values.getRanks()) // join_c1
    return emitOpError("has coordinates of type ")
           << coordinates << ", expected i32 over the ranks of " << values;
  CascadeOp cascade = getCascade(*this);
  if (!cascade || !cascade.getFixedExtent(getRankAttr())) // join_c2
    return emitOpError("rank `") << getRank() << "` must have a fixed extent";
  for (Type type : types)
    if (cast<attn::TensorType>(type).getRankPosition(getRankAttr()) < 0)
      return emitOpError("rank `") // join_c2
             << getRank() << "` is not one of " << type;
  return success();
}
