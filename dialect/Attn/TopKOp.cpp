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
  SmallVector<OpAsmParser::UnresolvedOperand> payload;
  if (parser.parseKeyword(&from) || parser.parseKeyword("to") ||
      parser.parseKeyword(&to) || parser.parseKeyword("of") ||
      parser.parseOperand(input))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("with")) &&
      parser.parseOperandList(payload))
    return failure();
  if (parser.parseOptionalAttrDict(state.attributes) ||
      resolveInScope(parser, input, state.operands) ||
      resolveInScope(parser, payload, state.operands))
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
  SmallVector<Type> types{values, indices};
  for (Value value : ArrayRef(state.operands).drop_front()) {
    auto other = dyn_cast<attn::TensorType>(value.getType());
    if (!other)
      return parser.emitError(input.location) << "expected a tensor";
    types.push_back(getTopKTypes(other, fromAttr, toAttr).first);
  }
  state.addAttribute("from", fromAttr);
  state.addAttribute("to", toAttr);
  state.addTypes(types);
  declareResults(parser, types, state);
  return success();
}

void TopKOp::print(OpAsmPrinter &printer) {
  printer << " " << getFrom() << " to " << getTo() << " of " << getInput();
  if (!getPayload().empty())
    printer << " with " << getPayload();
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
  if (getPayload().size() != getChosen().size()) // topk_c4
    return emitOpError("gives ")
           << getChosen().size() << " payloads, takes " << getPayload().size();
  for (auto [value, result] : llvm::zip(getPayload(), getChosen())) {
    auto payload = cast<attn::TensorType>(value.getType());
    if (payload.getRanks() != type.getRanks() ||
        result.getType() !=
            getTopKTypes(payload, getFromAttr(), getToAttr()).first) // topk_c4
      return emitOpError("has a payload of type ")
             << payload << ", expected the ranks of " << type;
  }
  return success();
}
