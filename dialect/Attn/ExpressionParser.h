//===- ExpressionParser.h - Expressions as they are written ---------------===//
//
// Parses an expression into the region of an Einsum. Equal values are made
// once, leaves (constants, coordinates, extents) stand first: so --cse and
// --canonicalize find little to change, and text, parsed form and printed form
// stay the same.
//
//===----------------------------------------------------------------------===//

#ifndef DIALECT_ATTN_EXPRESSIONPARSER_H
#define DIALECT_ATTN_EXPRESSIONPARSER_H

#include "dialect/Attn/ParseScope.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/OperationSupport.h"
#include "llvm/ADT/DenseSet.h"

namespace attn {

/// A parsed operand: a value, or a literal that takes the type it meets.
struct Term {
  mlir::Value value;
  std::optional<int64_t> integer;
  std::optional<double> real;

  bool isLiteral() const { return !value; }
};

using TermOr = mlir::FailureOr<Term>;

/// Equal operations that compute equal values.
struct OperationInfo : llvm::DenseMapInfo<mlir::Operation *> {
  static unsigned getHashValue(const mlir::Operation *op) {
    return mlir::OperationEquivalence::computeHash(
        const_cast<mlir::Operation *>(op),
        mlir::OperationEquivalence::directHashValue,
        mlir::OperationEquivalence::ignoreHashValue,
        mlir::OperationEquivalence::Flags::IgnoreLocations);
  }
  static bool isEqual(const mlir::Operation *lhs, const mlir::Operation *rhs) {
    if (lhs == rhs)
      return true;
    if (lhs == getEmptyKey() || lhs == getTombstoneKey() ||
        rhs == getEmptyKey() || rhs == getTombstoneKey())
      return false;
    return mlir::OperationEquivalence::isEquivalentTo(
        const_cast<mlir::Operation *>(lhs), const_cast<mlir::Operation *>(rhs),
        mlir::OperationEquivalence::Flags::IgnoreLocations);
  }
};

class ExpressionParser {
public:
  ExpressionParser(mlir::OpAsmParser &parser, ParseScope &scope,
                   mlir::Block *block)
      : parser(parser), scope(scope), builder(parser.getContext()),
        block(block),
        loc(parser.getEncodedSourceLoc(parser.getCurrentLocation())) {}

  TermOr parseExpression() { return parseOr(); }
  /// A literal becomes f32.
  mlir::Value materialise(Term term, llvm::SMLoc where);
  mlir::Value toBool(Term term, llvm::SMLoc where);

  /// Marks `name` as a variable of the iteration space.
  void addVar(llvm::StringRef name);

  llvm::SmallVector<mlir::OpAsmParser::UnresolvedOperand> inputs;
  llvm::SmallVector<mlir::Type> inputTypes;
  llvm::SmallVector<mlir::StringAttr> vars;
  mlir::OpAsmParser &parser;
  ParseScope &scope;
  mlir::OpBuilder builder;
  mlir::Block *block;
  mlir::Location loc;

private:
  TermOr parseOr();
  TermOr parseAnd();
  TermOr parseNot();
  TermOr parseComparison();
  TermOr parseSum();
  TermOr parseProduct();
  TermOr parseUnary();
  TermOr parsePrimary();
  TermOr parseNumber(bool &found);
  TermOr parseName(llvm::StringRef name, llvm::SMLoc where);
  TermOr parseCall(llvm::StringRef name, llvm::SMLoc where);
  TermOr parseCast(llvm::SMLoc where);
  TermOr parseLet();
  TermOr parseGroup();
  TermOr parseInput(mlir::OpAsmParser::UnresolvedOperand operand);

  /// Levels of parentheses and operators that one expression may nest.
  static constexpr unsigned maxDepth = 256;
  unsigned depth = 0;

  mlir::InFlightDiagnostic error(llvm::SMLoc where) {
    return parser.emitError(where);
  }
  mlir::ParseResult enter();
  mlir::Type commonType(Term lhs, Term rhs, bool needsFloat);
  mlir::Value makeConstant(Term term, mlir::Type type, llvm::SMLoc where);
  mlir::Value convert(Term term, mlir::Type type, llvm::SMLoc where);
  mlir::Value toIndex(Term term, llvm::SMLoc where);
  TermOr binary(llvm::StringRef op, TermOr lhs, TermOr rhs, llvm::SMLoc where);
  TermOr divide(llvm::StringRef op, mlir::Value lhs, mlir::Value rhs,
                Term divisor, llvm::SMLoc where);
  TermOr compare(mlir::arith::CmpIPredicate integer,
                 mlir::arith::CmpFPredicate real, Term lhs, Term rhs,
                 llvm::SMLoc where);
  TermOr applySelect(llvm::ArrayRef<Term> args, llvm::SMLoc where);
  TermOr applyExtremum(bool isMax, llvm::ArrayRef<Term> args,
                       llvm::SMLoc where);

  /// Creates an op, or finds an equal one.
  template <typename OpTy, typename... Args> mlir::Value make(Args &&...args) {
    bool isLeaf = std::is_same_v<OpTy, mlir::arith::ConstantOp> ||
                  std::is_same_v<OpTy, RankVarOp> ||
                  std::is_same_v<OpTy, ExtentOp>;
    if (!isLeaf)
      builder.setInsertionPointToEnd(block);
    else if (lastLeaf)
      builder.setInsertionPointAfter(lastLeaf);
    else
      builder.setInsertionPointToStart(block);
    mlir::Operation *op =
        OpTy::create(builder, loc, std::forward<Args>(args)...);
    auto [known, isNew] = operations.insert(op);
    if (!isNew) {
      op->erase();
      return (*known)->getResult(0);
    }
    if (isLeaf)
      lastLeaf = op;
    return op->getResult(0);
  }

  mlir::Operation *lastLeaf = nullptr;
  llvm::DenseSet<mlir::Operation *, OperationInfo> operations;
  llvm::StringMap<Term> letValues;
};

} // namespace attn

#endif // DIALECT_ATTN_EXPRESSIONPARSER_H
