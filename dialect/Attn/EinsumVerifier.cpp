//===- EinsumVerifier.cpp - What an Einsum may say ------------------------===//

#include "dialect/Attn/AttnOps.h"
#include "dialect/Attn/Literals.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

LogicalResult EinsumOp::verify() {
  CascadeOp cascade = getCascade(*this);
  if (!cascade)
    return emitOpError("stands outside an attn.cascade");
  SmallVector<StringAttr> outVars = getOutVars();
  SmallPtrSet<Attribute, 8> seen;
  for (auto var : getVars().getAsRange<StringAttr>()) {
    if (!cascade.lookupRank(var)) // einsum_c1
      return emitOpError("rank `") << var.getValue() << "` is not declared";
    if (!seen.insert(var).second) // einsum_c6
      return emitOpError("variable `") << var.getValue() << "` is listed twice";
    if (isCarried(*this, var)) // einsum_c2
      return emitOpError("variable `")
             << var.getValue() << "` is carried by an iteration";
  }
  unsigned numVars = outVars.size() + getReducers().size();
  if (getVars().size() != numVars)
    return emitOpError("has ")
           << getVars().size() << " variables, " << outVars.size()
           << " on the left and " << getReducers().size() << " reduced";
  for (StringAttr var : outVars)
    if (!seen.contains(var))
      return emitOpError("variable `")
             << var.getValue() << "` on the left is not among its variables";
  SmallPtrSet<Attribute, 4> reduced;
  for (auto reducer : getReducers().getAsRange<ReduceAttr>()) {
    StringAttr var = reducer.getVar();
    if (llvm::is_contained(outVars, var)) // einsum_c2
      return emitOpError("reduced variable `")
             << var.getValue() << "` is on the left";
    if (!seen.contains(var))
      return emitOpError("reduced variable `")
             << var.getValue() << "` is not among its variables";
    if (!reduced.insert(var).second) // einsum_c6
      return emitOpError("variable `")
             << var.getValue() << "` is reduced twice";
    if (reducer.getKind() == ReducerKind::ArgMax && getReducers().size() != 1)
      return emitOpError("argmax takes one variable, this Einsum reduces ")
             << getReducers().size(); // einsum_c5
  }
  attn::TensorType type = getResult().getType();
  if (type.getRanks().size() != getOut().size())
    return emitOpError("result has ")
           << type.getRanks().size() << " ranks, the left-hand side "
           << getOut().size();
  for (auto [rank, group] :
       llvm::zip(type.getRanks(), getOut().getAsRange<ArrayAttr>())) {
    RankAttr declared = cascade.lookupRank(rank);
    auto vars = llvm::to_vector(group.getAsRange<StringAttr>());
    bool matches = vars.size() == 1
                       ? vars.front() == rank
                       : declared && declared.getKind() == RankKind::Product &&
                             declared.getOperands() == ArrayRef(vars);
    if (!matches) // einsum_c3
      return emitOpError("rank `")
             << rank.getValue() << "` of the result is not " << group;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// The region (einsum_c9)
//===----------------------------------------------------------------------===//

/// Comparisons that have a sign in the language.
static bool hasSign(arith::CmpIOp compare) {
  using P = arith::CmpIPredicate;
  return llvm::is_contained({P::eq, P::ne, P::slt, P::sle, P::sgt, P::sge},
                            compare.getPredicate());
}
static bool hasSign(arith::CmpFOp compare) {
  using P = arith::CmpFPredicate;
  return llvm::is_contained({P::OEQ, P::UNE, P::OLT, P::OLE, P::OGT, P::OGE},
                            compare.getPredicate());
}

bool attn::isWritten(Operation *op) {
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case<ReadOp, RankVarOp, ExtentOp, FlattenOp, DivOp, SigmoidOp, CastOp>(
          [](auto) { return true; })
      .Case<arith::ConstantOp, arith::SelectOp, arith::NegFOp, arith::AddFOp,
            arith::SubFOp, arith::MulFOp, arith::MaximumFOp, arith::MinimumFOp,
            arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::FloorDivSIOp,
            arith::CeilDivSIOp, arith::MaxSIOp, arith::MinSIOp>(
          [](auto) { return true; })
      .Case<arith::CmpIOp, arith::CmpFOp>(
          [](auto compare) { return hasSign(compare); })
      .Case<arith::AndIOp, arith::OrIOp>(
          [](auto both) { return both.getType().isInteger(1); })
      // `not x`.
      .Case([](arith::XOrIOp exclusive) {
        return exclusive.getType().isInteger(1) &&
               matchPattern(exclusive.getRhs(), m_One());
      })
      .Case<math::ExpOp, math::Exp2Op, math::LogOp, math::Log2Op, math::TanhOp,
            math::ErfOp, math::SqrtOp, math::RsqrtOp, math::SinOp, math::CosOp,
            math::AbsFOp, math::AbsIOp, math::FloorOp, math::CeilOp,
            math::RoundEvenOp, math::PowFOp>([](auto) { return true; })
      .Default(false);
}

static bool isScalar(Type type) {
  return type.isIndex() ||
         (isElementType(type) && getComputeType(type) == type);
}

/// Checks an operation that stands in the region of `einsum`.
static LogicalResult verifyOperation(EinsumOp einsum, Operation *op) {
  CascadeOp cascade = getCascade(einsum);
  auto isDeclared = [&](StringAttr rank) -> LogicalResult {
    if (cascade.lookupRank(rank))
      return success();
    return einsum.emitOpError("rank `")
           << rank.getValue() << "` is not declared"; // einsum_c1
  };
  if (!isWritten(op) || op->getNumRegions() != 0)
    return einsum.emitOpError("cannot hold `") << op->getName() << "`";
  if (op->getNumResults() != 1 || !isScalar(op->getResult(0).getType()))
    return einsum.emitOpError("`")
           << op->getName() << "` does not give one element or coordinate";
  if (auto var = dyn_cast<RankVarOp>(op)) { // einsum_c7
    if (!llvm::is_contained(einsum.getVars(), var.getRankAttr()) &&
        !isCarried(einsum, var.getRankAttr()))
      return einsum.emitOpError("reads variable `")
             << var.getRank() << "`, which it does not iterate over";
    return isDeclared(var.getRankAttr());
  }
  if (auto extent = dyn_cast<ExtentOp>(op))
    return isDeclared(extent.getRankAttr());
  if (auto flatten = dyn_cast<FlattenOp>(op)) {
    for (auto rank : flatten.getRanks().getAsRange<StringAttr>())
      if (failed(isDeclared(rank)))
        return failure();
  }
  if (auto read = dyn_cast<ReadOp>(op))
    if (!isa<BlockArgument>(read.getTensor()))
      return einsum.emitOpError("reads what is no input");
  return success();
}

LogicalResult EinsumOp::verifyRegions() {
  Block &block = getBody().front();
  if (block.getArgumentTypes() != getInputs().getTypes())
    return emitOpError("region takes ")
           << block.getArgumentTypes() << ", the inputs are "
           << getInputs().getTypes();
  if (!isa<ValueOp>(block.getTerminator()))
    return emitOpError("region must end in attn.value");
  unsigned numOperations = llvm::range_size(block);
  if (numOperations > 2 * maxOperations)
    return emitOpError("region has ")
           << numOperations << " operations, expected at most "
           << 2 * maxOperations;
  for (Operation &op : block.without_terminator())
    if (failed(verifyOperation(*this, &op)))
      return failure();
  Type valueType = getValue().getType();
  Type elementType = getResult().getType().getElementType();
  if (valueType.isIndex() || !isScalar(valueType)) // einsum_c8
    return emitOpError("value has type ")
           << valueType << ", expected an element";
  bool isArgMax = false;
  for (auto reducer : getReducers().getAsRange<ReduceAttr>()) {
    isArgMax |= reducer.getKind() == ReducerKind::ArgMax;
    if (!reducer.getSymbol() &&
        !getIdentity(reducer.getKind(), valueType, *this)) // einsum_c5
      return emitOpError("reducer ") << reducer.getReducer().str()
                                     << " has no identity in " << valueType;
  }
  if (isArgMax ? !elementType.isInteger(32)
               : isa<FloatType>(valueType) != isa<FloatType>(elementType) ||
                     valueType.isInteger(1) != elementType.isInteger(1))
    return emitOpError("value of type ") // einsum_c8
           << valueType << " does not convert to element type " << elementType;
  return success();
}

//===----------------------------------------------------------------------===//
// Operations of the region
//===----------------------------------------------------------------------===//

LogicalResult ReadOp::verify() {
  attn::TensorType tensor = getTensor().getType();
  if (getIndices().size() != tensor.getRanks().size()) // einsum_c4
    return emitOpError("has ")
           << getIndices().size() << " indices, its type " << tensor << " has "
           << tensor.getRanks().size() << " ranks";
  Type expected = getComputeType(tensor.getElementType());
  if (getResult().getType() != expected)
    return emitOpError("gives ") << getResult().getType() << ", elements of "
                                 << tensor << " widen to " << expected;
  return success();
}

LogicalResult FlattenOp::verify() {
  if (getIndices().size() != getRanks().size() || getRanks().size() < 2)
    return emitOpError("has ") << getIndices().size() << " coordinates and "
                               << getRanks().size() << " ranks";
  return success();
}

LogicalResult CastOp::verify() {
  Type input = getInput().getType(), to = getTo();
  if (!isScalar(input) || !(isElementType(to) || to.isIndex()))
    return emitOpError("from ")
           << input << " to " << to << " is not between elements";
  Type expected = to.isIndex() ? to : getComputeType(to);
  if (getResult().getType() != expected)
    return emitOpError("gives ") << getResult().getType() << ", elements of "
                                 << to << " widen to " << expected;
  return success();
}

OpFoldResult CastOp::fold(FoldAdaptor adaptor) {
  // What the parser does with a literal beside a float.
  auto integer = dyn_cast_if_present<IntegerAttr>(adaptor.getInput());
  constexpr int64_t maxExact = int64_t(1) << 24;
  if (!getImplicit() || !integer || integer.getType().isInteger(1))
    return {};
  if (!getType().isF32() && !getType().isF64())
    return {};
  int64_t value = integer.getValue().getSExtValue();
  if (value < -maxExact || value > maxExact)
    return {};
  return FloatAttr::get(getType(), double(value));
}
