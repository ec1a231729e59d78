//===- EinsumPrinter.cpp - Einsums as they were written -------------------===//
//
// The inverse of EinsumParser: prints an Einsum's region as an expression. An
// element value that is used more than once gets a name in a `let`, so text
// stays linear in the size of the region; short arithmetic on coordinates is
// written out again, as people do.
//
//===----------------------------------------------------------------------===//

#include "dialect/Attn/AttnOps.h"
#include "dialect/Attn/Literals.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attn;

namespace {

/// How tightly an operator binds; larger binds tighter.
enum Precedence { Or, And, Not, Comparison, Sum, Product, Unary };

/// `a mod b`, which the parser writes as `a - (a floordiv b) * b`.
struct Remainder {
  arith::SubIOp difference;
  arith::MulIOp product;
  arith::FloorDivSIOp quotient;
};

class ExpressionPrinter {
public:
  /// `inputs` are what the region's arguments stand for; without any they are
  /// printed themselves.
  ExpressionPrinter(OpAsmPrinter &printer, Region &region, ValueRange inputs)
      : printer(printer), region(region), inputs(inputs) {
    findRemainders();
    nameShared();
  }
  void printLets();
  /// Prints an operand of attn.value.
  void printRoot(Value value) { print(value, Or, Float32Type::get(context())); }

private:
  MLIRContext *context() { return region.getContext(); }
  void findRemainders();
  void nameShared();
  void print(Value value, Precedence context, Type literalType);
  void printDefinition(Value value, Precedence context);
  void printConstant(arith::ConstantOp constant, Type literalType,
                     Precedence context);
  void printInfix(Operation *op, Value lhs, Value rhs, StringRef symbol,
                  Precedence mine, Precedence context);
  void printCall(StringRef name, Operation *op);

  OpAsmPrinter &printer;
  Region &region;
  ValueRange inputs;
  llvm::MapVector<Value, std::string> lets;
  llvm::DenseMap<Operation *, Remainder> remainders;
  /// The product and the quotient of each remainder: not printed.
  llvm::DenseSet<Operation *> hidden;
};

} // namespace

/// An implicit cast prints as its operand.
static Value skipImplicitCasts(Value value) {
  while (auto cast = value.getDefiningOp<CastOp>()) {
    if (!cast.getImplicit())
      break;
    value = cast.getInput();
  }
  return value;
}

static bool isConstant(Value value) {
  return value.getDefiningOp<arith::ConstantOp>() != nullptr;
}

//===----------------------------------------------------------------------===//
// What is named
//===----------------------------------------------------------------------===//

void ExpressionPrinter::findRemainders() {
  region.walk([&](arith::SubIOp difference) {
    auto product = difference.getRhs().getDefiningOp<arith::MulIOp>();
    if (!product || !product->hasOneUse())
      return;
    auto quotient = product.getLhs().getDefiningOp<arith::FloorDivSIOp>();
    if (!quotient || !quotient->hasOneUse() ||
        quotient.getLhs() != difference.getLhs() ||
        quotient.getRhs() != product.getRhs())
      return;
    remainders[difference] = {difference, product, quotient};
    hidden.insert(product);
    hidden.insert(quotient);
  });
}

void ExpressionPrinter::nameShared() {
  /// Larger coordinates than this, and larger accesses, are named.
  constexpr unsigned maxCoordinate = 8, maxAccess = 32;
  /// The size of a value that is written out, and whether it reads a tensor.
  struct Size {
    unsigned nodes = 1;
    bool reads = false;
  };
  llvm::DenseMap<Value, unsigned> uses;
  llvm::DenseMap<Value, Size> sizes;
  Block &block = region.front();
  for (Operation &op : block) {
    auto cast = dyn_cast<CastOp>(&op);
    if (hidden.contains(&op) || (cast && cast.getImplicit()))
      continue;
    auto remainder = remainders.find(&op);
    ValueRange operands = remainder == remainders.end()
                              ? op.getOperands()
                              : remainder->second.quotient->getOperands();
    for (Value operand : operands)
      ++uses[skipImplicitCasts(operand)];
  }
  for (Operation &op : block.without_terminator()) {
    Value result = op.getResult(0);
    Size size;
    size.reads = isa<ReadOp>(op);
    for (Value operand : op.getOperands()) {
      Size part = sizes.lookup(operand);
      size.nodes = std::min(size.nodes + part.nodes, maxAccess + 1);
      size.reads |= part.reads;
    }
    sizes[result] = size;
    bool isIndirect = llvm::any_of(op.getOperands(), [&](Value operand) {
      return sizes.lookup(operand).reads;
    });
    bool isLeaf = op.getNumOperands() == 0 || isa<FlattenOp>(op) ||
                  (isa<ReadOp>(op) && !isIndirect && size.nodes <= maxAccess);
    bool isCoordinate = isa<IntegerType, IndexType>(result.getType()) &&
                        !size.reads && size.nodes <= maxCoordinate;
    if (uses[result] < 2 || isLeaf || isCoordinate)
      continue;
    // `t0` may be a rank of this cascade.
    CascadeOp cascade = getCascade(region.getParentOp());
    std::string name = "t" + std::to_string(lets.size());
    while (cascade && cascade.lookupRank(StringAttr::get(context(), name)))
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

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

/// Prints `value` where the parser would give a literal the type `literalType`.
void ExpressionPrinter::print(Value value, Precedence context,
                              Type literalType) {
  value = skipImplicitCasts(value);
  auto let = lets.find(value);
  if (let != lets.end())
    printer << let->second;
  else if (auto constant = value.getDefiningOp<arith::ConstantOp>())
    printConstant(constant, literalType, context);
  else
    printDefinition(value, context);
}

void ExpressionPrinter::printConstant(arith::ConstantOp constant,
                                      Type literalType, Precedence context) {
  Type type = constant.getType();
  if (type.isInteger(1)) {
    bool isTrue = cast<BoolAttr>(constant.getValue()).getValue();
    printer << (isTrue ? "true" : "false");
    return;
  }
  std::string text = getLiteral(constant.getValue());
  // A float function makes a float of `2`; nothing else does, see getLiteral.
  if (literalType == type)
    printer << text;
  else
    printer << "cast(" << text << ", " << type << ")";
}

/// The type that a literal at operand `index` of `op` would take, where it has
/// a decimal point (`isReal`) or not. See ExpressionParser::commonType.
static Type getLiteralType(Operation *op, unsigned index, bool isReal) {
  Builder builder(op->getContext());
  if (isa<ReadOp>(op))
    return builder.getIndexType();
  Type type;
  unsigned first = isa<arith::SelectOp>(op);
  for (unsigned i = first; i < op->getNumOperands(); ++i) {
    Value other = skipImplicitCasts(op->getOperand(i));
    // A literal beside a literal gets the type that both have alone.
    if (i != index && !isConstant(other))
      type = other.getType();
  }
  if (!type)
    return isReal || isa<DivOp, math::PowFOp>(op)
               ? Type(builder.getF32Type())
               : Type(builder.getIndexType());
  bool needsFloat = isReal || isa<DivOp, math::PowFOp>(op);
  return needsFloat && !isa<FloatType>(type) ? Type(builder.getF32Type())
                                             : type;
}

/// Whether the parser would compute `x` with `y` in another type than they
/// have here, as both come from types that need no cast among themselves.
static bool losesType(Operation *op, Value x, Value y) {
  Value left = skipImplicitCasts(x), right = skipImplicitCasts(y);
  Type type = x.getType(), common = left.getType();
  if (isConstant(left) || isConstant(right) || x.getType() != y.getType() ||
      !isa<FloatType>(type))
    return false;
  if (common != right.getType())
    return false;
  if (!isa<FloatType>(common) && isa<DivOp, math::PowFOp>(op))
    common = Float32Type::get(op->getContext());
  return common != type;
}

void ExpressionPrinter::printInfix(Operation *op, Value lhs, Value rhs,
                                   StringRef symbol, Precedence mine,
                                   Precedence context) {
  bool parentheses = context > mine;
  // Comparisons don't chain.
  auto left = mine == Comparison ? Sum : mine;
  bool isReal = isa<FloatType>(lhs.getType());
  printer << (parentheses ? "(" : "");
  if (losesType(op, lhs, rhs)) {
    printer << "cast(";
    print(lhs, Or, Type());
    printer << ", " << lhs.getType() << ")";
  } else {
    print(lhs, left, getLiteralType(op, 0, isReal));
  }
  printer << " " << symbol << " ";
  print(rhs, Precedence(mine + 1), getLiteralType(op, 1, isReal));
  printer << (parentheses ? ")" : "");
}

void ExpressionPrinter::printCall(StringRef name, Operation *op) {
  bool isUnary = op->getNumOperands() == 1;
  printer << name << "(";
  llvm::interleaveComma(llvm::seq(op->getNumOperands()), printer, [&](auto i) {
    Value operand = op->getOperand(i);
    auto constant = operand.getDefiningOp<arith::ConstantOp>();
    if (isUnary && constant && constant.getType().isF32()) {
      // `rsqrt(128)`: the function makes a float of it.
      printer << dropPoint(getLiteral(constant.getValue()));
      return;
    }
    bool isReal = isa<FloatType>(operand.getType());
    Type alone = isReal ? Type(Float32Type::get(context()))
                        : Type(IndexType::get(context()));
    print(operand, Or,
          isUnary || isa<FlattenOp>(op) ? alone
                                        : getLiteralType(op, i, isReal));
  });
  printer << ")";
}

void ExpressionPrinter::printDefinition(Value value, Precedence context) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    printer.printOperand(inputs.empty() ? argument
                                        : inputs[argument.getArgNumber()]);
    return;
  }
  Operation *op = value.getDefiningOp();
  auto infix = [&](StringRef symbol, Precedence mine) {
    printInfix(op, op->getOperand(0), op->getOperand(1), symbol, mine, context);
  };
  auto printUnary = [&](StringRef symbol, Precedence mine, Value operand) {
    bool parentheses = context > mine;
    printer << (parentheses ? "(" : "") << symbol;
    print(operand, mine, operand.getType());
    printer << (parentheses ? ")" : "");
  };
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](RankVarOp var) { printer << var.getRank(); })
      .Case([&](ExtentOp extent) {
        printer << "extent(" << extent.getRank() << ")";
      })
      .Case([&](FlattenOp) { printCall("", op); })
      .Case([&](ReadOp read) {
        printDefinition(read.getTensor(), Unary);
        printer << "[";
        llvm::interleaveComma(read.getIndices(), printer, [&](Value index) {
          print(index, Or, index.getType());
        });
        printer << "]";
      })
      .Case([&](CastOp cast) {
        Type type = cast.getInput().getType();
        printer << "cast(";
        print(cast.getInput(), Or,
              isa<FloatType>(type) ? Type(Float32Type::get(op->getContext()))
                                   : Type(IndexType::get(op->getContext())));
        printer << ", " << cast.getTo() << ")";
      })
      .Case<arith::AddFOp, arith::AddIOp>([&](auto) { infix("+", Sum); })
      .Case([&](arith::SubIOp difference) {
        auto remainder = remainders.find(op);
        if (remainder != remainders.end()) {
          arith::FloorDivSIOp quotient = remainder->second.quotient;
          return printInfix(quotient, quotient.getLhs(), quotient.getRhs(),
                            "mod", Product, context);
        }
        if (matchPattern(difference.getLhs(), m_Zero()))
          return printUnary("-", Unary, difference.getRhs());
        infix("-", Sum);
      })
      .Case([&](arith::SubFOp) { infix("-", Sum); })
      .Case<arith::MulFOp, arith::MulIOp>([&](auto) { infix("*", Product); })
      .Case([&](DivOp) { infix("/", Product); })
      .Case([&](arith::FloorDivSIOp) { infix("floordiv", Product); })
      .Case([&](arith::CeilDivSIOp) { infix("ceildiv", Product); })
      .Case([&](arith::CmpIOp cmp) {
        infix(getComparison(cmp.getPredicate()), Comparison);
      })
      .Case([&](arith::CmpFOp cmp) {
        infix(getComparison(cmp.getPredicate()), Comparison);
      })
      .Case([&](arith::AndIOp) { infix("and", And); })
      .Case([&](arith::OrIOp) { infix("or", Or); })
      // `not x`: the only exclusive or that einsum_c9 admits.
      .Case([&](arith::XOrIOp) { printUnary("not ", Not, op->getOperand(0)); })
      .Case([&](arith::NegFOp) { printUnary("-", Unary, op->getOperand(0)); })
      .Case<arith::MaximumFOp, arith::MaxSIOp>(
          [&](auto) { printCall("max", op); })
      .Case<arith::MinimumFOp, arith::MinSIOp>(
          [&](auto) { printCall("min", op); })
      .Case<math::AbsFOp, math::AbsIOp>([&](auto) { printCall("abs", op); })
      .Case([&](math::RoundEvenOp) { printCall("round", op); })
      .Case([&](math::PowFOp) { printCall("pow", op); })
      .Default([&](Operation *) {
        // exp, log, tanh, select, ..: the function has the op's name.
        printCall(op->getName().stripDialect(), op);
      });
}

//===----------------------------------------------------------------------===//
// attn.einsum
//===----------------------------------------------------------------------===//

static void printGroup(OpAsmPrinter &printer, ArrayAttr group) {
  bool parentheses = group.size() > 1;
  printer << (parentheses ? "(" : "");
  llvm::interleaveComma(group.getAsRange<StringAttr>(), printer,
                        [&](StringAttr var) { printer << var.getValue(); });
  printer << (parentheses ? ")" : "");
}

void EinsumOp::print(OpAsmPrinter &printer) {
  printer << " [";
  llvm::interleaveComma(getOut().getAsRange<ArrayAttr>(), printer,
                        [&](ArrayAttr group) { printGroup(printer, group); });
  printer << "] = ";
  ExpressionPrinter expression(printer, getBody(), getInputs());
  expression.printLets();
  expression.printRoot(getValue());
  if (Value filter = getFilter()) {
    printer << " where (";
    expression.printRoot(filter);
    printer << ")";
  }
  // The sums over variables of the expression come last and go without saying.
  llvm::DenseSet<StringRef> used;
  getBody().walk([&](RankVarOp var) { used.insert(var.getRank()); });
  auto all = llvm::to_vector(getReducers().getAsRange<ReduceAttr>());
  SmallVector<ReduceAttr> said(all);
  while (!said.empty() && said.back().getKind() == ReducerKind::Add &&
         used.contains(said.back().getVar().getValue()))
    said.pop_back();
  if (!said.empty()) {
    printer << " reduce(";
    llvm::interleaveComma(said, printer, [&](ReduceAttr reducer) {
      printer << reducer.getReducer().str() << " "
              << reducer.getVar().getValue();
    });
    printer << ")";
  }
  bool isArgMax = llvm::any_of(all, [](ReduceAttr reducer) {
    return reducer.getKind() == ReducerKind::ArgMax;
  });
  Type inferred =
      isArgMax ? IntegerType::get(getContext(), 32) : getValue().getType();
  if (getResult().getType().getElementType() != inferred)
    printer << " : " << getResult().getType().getElementType();
  printer.printOptionalAttrDict(
      llvm::to_vector((*this)->getDiscardableAttrs()));
}

//===----------------------------------------------------------------------===//
// attn.reducer
//===----------------------------------------------------------------------===//

void ReducerOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printer.printSymbolName(getSymName());
  printer << "(";
  llvm::interleaveComma(getBody().getArguments(), printer);
  std::string identity =
      getElementType().isInteger(1)
          ? getIdentity() == BoolAttr::get(getContext(), true) ? "true"
                                                               : "false"
          : dropPoint(getLiteral(getIdentity()));
  printer << ": " << getElementType() << ") identity(" << identity << ")";
  if (getAssumed())
    printer << " assumed";
  printer << " = ";
  ExpressionPrinter expression(printer, getBody(), {});
  expression.printLets();
  expression.printRoot(getValue());
  printer.printOptionalAttrDict(
      llvm::to_vector((*this)->getDiscardableAttrs()));
}
