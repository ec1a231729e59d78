//===- TopKOp.cpp - Populate by value -------------------------------------===//

#include "dialect/Attn/AttnOps.h"
#include "dialect/Attn/ParseScope.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"

using namespace mlir;
using namespace attn;

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
