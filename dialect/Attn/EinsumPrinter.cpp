//===- EinsumPrinter.cpp - Einsums as they were written -------------------===//
//
// The inverse of EinsumParser: prints an Einsum's region as an expression. A
// value that is used more than once, and is more than a leaf, gets a name in a
// `let`, so text stays linear in the size of the region.
//
//===----------------------------------------------------------------------===//

#include "dialect/Attn/AttnOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

namespace {

/// How tightly an operator binds; larger binds tighter.
enum Precedence { Or, And, Not, Comparison, Sum, Product, Unary };

class ExpressionPrinter {
public:
  ExpressionPrinter(OpAsmPrinter &printer, EinsumOp einsum)
      : printer(printer), einsum(einsum) {
    nameShared();
  }
  void printLets();
  void print(Value value, Precedence context);

private:
  void nameShared();
  void printDefinition(Value value, Precedence context);
  void printConstant(arith::ConstantOp constant);
  void printInfix(Operation *op, StringRef symbol, Precedence mine,
                  Precedence context);
  void printCall(StringRef name, ValueRange operands);

  OpAsmPrinter &printer;
  EinsumOp einsum;
  llvm::MapVector<Value, std::string> lets;
};

} // namespace

static bool isLeaf(Operation *op) {
  return isa<arith::ConstantOp, RankVarOp, ExtentOp, ReadOp, FlattenOp>(op);
}

/// An implicit cast prints as its operand.
static Value skipImplicitCasts(Value value) {
  while (auto cast = value.getDefiningOp<CastOp>()) {
    if (!cast.getImplicit())
      break;
    value = cast.getInput();
  }
  return value;
}

void ExpressionPrinter::nameShared() {
  llvm::DenseMap<Value, unsigned> uses;
  for (Operation &op : einsum.getBody().front()) {
    auto cast = dyn_cast<CastOp>(&op);
    if (cast && cast.getImplicit())
      continue;
    for (Value operand : op.getOperands())
      ++uses[skipImplicitCasts(operand)];
  }
  for (Operation &op : einsum.getBody().front().without_terminator()) {
    Value result = op.getResult(0);
    if (uses[result] < 2 || isLeaf(&op))
      continue;
    // `t0` may be a rank of this cascade.
    CascadeOp cascade = getCascade(einsum);
    std::string name = "t" + std::to_string(lets.size());
    while (cascade &&
           cascade.lookupRank(StringAttr::get(op.getContext(), name)))
      name.insert(name.begin(), '_');
    lets.insert({result, name});
  }
}

void ExpressionPrinter::printLets() {
  if (lets.empty())
    return;
  printer << "let ";
  // A definition may use the names before it, never its own.
  llvm::MapVector<Value, std::string> all;
  std::swap(all, lets);
  llvm::interleaveComma(all, printer, [&](auto &let) {
    printer << let.second << " = ";
    printDefinition(let.first, Or);
    lets.insert(let);
  });
  printer << " in ";
}

void ExpressionPrinter::print(Value value, Precedence context) {
  value = skipImplicitCasts(value);
  auto let = lets.find(value);
  if (let != lets.end())
    printer << let->second;
  else
    printDefinition(value, context);
}

void ExpressionPrinter::printConstant(arith::ConstantOp constant) {
  if (auto real = dyn_cast<FloatAttr>(constant.getValue())) {
    APFloat value = real.getValue();
    if (value.isInfinity())
      printer << (value.isNegative() ? "-inf" : "inf");
    else
      printer.printFloat(value);
    return;
  }
  auto integer = cast<IntegerAttr>(constant.getValue());
  if (integer.getType().isInteger(1))
    printer << (integer.getValue().isZero() ? "0 == 1" : "0 == 0");
  else
    printer << integer.getValue();
}

void ExpressionPrinter::printInfix(Operation *op, StringRef symbol,
                                   Precedence mine, Precedence context) {
  bool parentheses = context > mine;
  if (parentheses)
    printer << "(";
  print(op->getOperand(0), mine);
  printer << " " << symbol << " ";
  print(op->getOperand(1), Precedence(mine + 1));
  if (parentheses)
    printer << ")";
}

void ExpressionPrinter::printCall(StringRef name, ValueRange operands) {
  printer << name << "(";
  llvm::interleaveComma(operands, printer,
                        [&](Value operand) { print(operand, Or); });
  printer << ")";
}

static StringRef getComparison(arith::CmpIPredicate predicate) {
  using P = arith::CmpIPredicate;
  switch (predicate) {
  case P::eq:
    return "==";
  case P::ne:
    return "ne";
  case P::slt:
    return "<";
  case P::sle:
    return "<=";
  case P::sgt:
    return ">";
  default:
    return ">=";
  }
}

static StringRef getComparison(arith::CmpFPredicate predicate) {
  using P = arith::CmpFPredicate;
  switch (predicate) {
  case P::OEQ:
    return "==";
  case P::UNE:
    return "ne";
  case P::OLT:
    return "<";
  case P::OLE:
    return "<=";
  case P::OGT:
    return ">";
  default:
    return ">=";
  }
}

void ExpressionPrinter::printDefinition(Value value, Precedence context) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    printer.printOperand(einsum.getInputs()[argument.getArgNumber()]);
    return;
  }
  Operation *op = value.getDefiningOp();
  auto infix = [&](StringRef symbol, Precedence mine) {
    printInfix(op, symbol, mine, context);
  };
  auto printUnary = [&](StringRef symbol, Precedence mine, Value operand) {
    bool parentheses = context > mine;
    printer << (parentheses ? "(" : "") << symbol;
    print(operand, mine);
    printer << (parentheses ? ")" : "");
  };
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](arith::ConstantOp constant) { printConstant(constant); })
      .Case([&](RankVarOp var) { printer << var.getRank(); })
      .Case([&](ExtentOp extent) {
        printer << "extent(" << extent.getRank() << ")";
      })
      .Case([&](FlattenOp flatten) { printCall("", flatten.getIndices()); })
      .Case([&](ReadOp read) {
        print(read.getTensor(), Unary);
        printer << "[";
        llvm::interleaveComma(read.getIndices(), printer,
                              [&](Value index) { print(index, Or); });
        printer << "]";
      })
      .Case([&](CastOp cast) {
        printer << "cast(";
        print(cast.getInput(), Or);
        printer << ", " << cast.getTo() << ")";
      })
      .Case<arith::AddFOp, arith::AddIOp>([&](auto) { infix("+", Sum); })
      .Case<arith::SubFOp, arith::SubIOp>([&](auto) { infix("-", Sum); })
      .Case<arith::MulFOp, arith::MulIOp>([&](auto) { infix("*", Product); })
      .Case<DivOp>([&](auto) { infix("/", Product); })
      .Case<arith::FloorDivSIOp>([&](auto) { infix("floordiv", Product); })
      .Case<arith::CeilDivSIOp>([&](auto) { infix("ceildiv", Product); })
      .Case<arith::RemSIOp>([&](auto) { infix("mod", Product); })
      .Case([&](arith::CmpIOp cmp) {
        infix(getComparison(cmp.getPredicate()), Comparison);
      })
      .Case([&](arith::CmpFOp cmp) {
        infix(getComparison(cmp.getPredicate()), Comparison);
      })
      .Case<arith::AndIOp>([&](auto) { infix("and", And); })
      .Case<arith::OrIOp>([&](auto) { infix("or", Or); })
      // `not x`: the only exclusive or that the parser makes.
      .Case<arith::XOrIOp>(
          [&](auto) { printUnary("not ", Not, op->getOperand(0)); })
      .Case<arith::NegFOp>(
          [&](auto) { printUnary("-", Unary, op->getOperand(0)); })
      .Case<arith::MaximumFOp, arith::MaxSIOp>(
          [&](auto) { printCall("max", op->getOperands()); })
      .Case<arith::MinimumFOp, arith::MinSIOp>(
          [&](auto) { printCall("min", op->getOperands()); })
      .Case<arith::SelectOp>(
          [&](auto) { printCall("select", op->getOperands()); })
      .Case<SigmoidOp>([&](auto) { printCall("sigmoid", op->getOperands()); })
      .Case<math::AbsFOp, math::AbsIOp>(
          [&](auto) { printCall("abs", op->getOperands()); })
      .Case<math::RoundEvenOp>(
          [&](auto) { printCall("round", op->getOperands()); })
      .Case<math::PowFOp>([&](auto) { printCall("pow", op->getOperands()); })
      .Default([&](Operation *) {
        // exp, log, tanh, ..: the function has the op's name.
        printCall(op->getName().stripDialect(), op->getOperands());
      });
}

void EinsumOp::print(OpAsmPrinter &printer) {
  printer << " [";
  llvm::interleaveComma(getOut().getAsRange<ArrayAttr>(), printer,
                        [&](ArrayAttr group) {
                          if (group.size() > 1)
                            printer << "(";
                          llvm::interleaveComma(
                              group.getAsRange<StringAttr>(), printer,
                              [&](StringAttr var) { printer << var.getValue(); });
                          if (group.size() > 1)
                            printer << ")";
                        });
  printer << "] = ";
  ExpressionPrinter expression(printer, *this);
  expression.printLets();
  expression.print(getValue(), Or);
  if (Value filter = getFilter()) {
    printer << " where (";
    expression.print(filter, Or);
    printer << ")";
  }
  // A sum over a variable of the expression goes without saying.
  llvm::DenseSet<StringRef> used;
  getBody().walk([&](RankVarOp var) { used.insert(var.getRank()); });
  SmallVector<ReduceAttr> said;
  bool isArgMax = false;
  for (auto reducer : getReducers().getAsRange<ReduceAttr>()) {
    isArgMax |= reducer.getKind() == ReducerKind::ArgMax;
    if (reducer.getKind() != ReducerKind::Add ||
        !used.contains(reducer.getVar().getValue()))
      said.push_back(reducer);
  }
  if (!said.empty()) {
    printer << " reduce(";
    llvm::interleaveComma(said, printer, [&](ReduceAttr reducer) {
      printer << stringifyReducerKind(reducer.getKind()) << " "
              << reducer.getVar().getValue();
    });
    printer << ")";
  }
  Type inferred = isArgMax ? IntegerType::get(getContext(), 32)
                           : getValue().getType();
  if (getResult().getType().getElementType() != inferred)
    printer << " : " << getResult().getType().getElementType();
  printer.printOptionalAttrDict((*this)->getDiscardableAttrs().empty()
                                    ? ArrayRef<NamedAttribute>()
                                    : llvm::to_vector((*this)->getDiscardableAttrs()));
}
