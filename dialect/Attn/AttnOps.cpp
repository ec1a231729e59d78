//===- AttnOps.cpp - The op classes ---------------------------------------===//

#include "dialect/Attn/AttnOps.h"
#include "dialect/Attn/ParseScope.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace mlir;
using namespace attn;

#define GET_OP_CLASSES
#include "dialect/Attn/AttnOps.cpp.inc"

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

std::optional<ReducerName> EinsumOp::getReducer(StringAttr var) {
  for (auto reducer : getReducers().getAsRange<ReduceAttr>())
    if (reducer.getVar() == var)
      return reducer.getReducer();
  return std::nullopt;
}

Value EinsumOp::getValue() {
  return cast<ValueOp>(getBody().front().getTerminator()).getValue();
}
Value EinsumOp::getFilter() {
  return cast<ValueOp>(getBody().front().getTerminator()).getFilter();
}

EinsumOp attn::createCopy(Operation *op, Value tensor) {
  OpBuilder builder(op);
  Location loc = op->getLoc();
  auto type = cast<attn::TensorType>(tensor.getType());
  SmallVector<Attribute> vars(type.getRanks().begin(), type.getRanks().end());
  SmallVector<Attribute> groups;
  for (Attribute var : vars)
    groups.push_back(builder.getArrayAttr(var));
  auto copy = EinsumOp::create(
      builder, loc, type, tensor, StringAttr(), builder.getArrayAttr(vars),
      builder.getArrayAttr(groups), builder.getArrayAttr({}));
  Block *block = builder.createBlock(&copy.getBody(), {}, type, {loc});
  SmallVector<Value> indices;
  for (StringAttr rank : type.getRanks())
    indices.push_back(
        RankVarOp::create(builder, loc, builder.getIndexType(), rank));
  Value element =
      ReadOp::create(builder, loc, getComputeType(type.getElementType()),
                     block->getArgument(0), indices);
  ValueOp::create(builder, loc, element, Value());
  return copy;
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
