//===- ParseScope.h - What a cascade's parser remembers -------------------===//
//
// A spec writes no types on Einsums, but resolveOperand wants one and MLIR has
// no public way to ask the type of a parsed name. So a cascade's parser keeps a
// table of names while it parses its body. It is thread-local, a stack because
// parsing may nest, and the one exception to "no mutable static".
//
//===----------------------------------------------------------------------===//

#ifndef DIALECT_ATTN_PARSESCOPE_H
#define DIALECT_ATTN_PARSESCOPE_H

#include "dialect/Attn/AttnOps.h"
#include "llvm/ADT/StringMap.h"

namespace attn {

/// Parsed operands carry the `%`, names of results don't.
mlir::StringRef dropPercent(mlir::StringRef name);

class ParseScope {
public:
  /// Opens the scope of a cascade with these ranks; the destructor closes it.
  explicit ParseScope(mlir::ArrayRef<RankAttr> ranks);
  ~ParseScope();
  ParseScope(const ParseScope &) = delete;
  ParseScope &operator=(const ParseScope &) = delete;

  /// The scope of the cascade that is being parsed, or null.
  static ParseScope *current();

  /// Declares `%name`, or `%name#number` of a name for several results.
  void declare(mlir::StringRef name, mlir::Type type, unsigned number = 0);
  /// The type of `%name#number`, or null where it was not declared.
  mlir::Type lookup(mlir::StringRef name, unsigned number = 0) const;

  mlir::ArrayRef<RankAttr> getRanks() const { return ranks; }
  RankAttr lookupRank(mlir::StringRef name) const;
  /// The rank that is the product of `group`, or null.
  mlir::StringAttr lookupProduct(mlir::ArrayRef<mlir::StringAttr> group) const;

  /// Ranks that an enclosing iteration carries: coordinates, not variables.
  llvm::SmallVector<mlir::StringAttr> carried;
  /// How many regions of a cascade the parser is in.
  unsigned depth = 0;

private:
  mlir::ArrayRef<RankAttr> ranks;
  llvm::StringMap<llvm::SmallVector<mlir::Type, 1>> types;
};

/// Parses the body of an op of a cascade; bodies nest 64 deep at most.
mlir::ParseResult
parseBody(mlir::OpAsmParser &parser, mlir::Region &region,
          mlir::ArrayRef<mlir::OpAsmParser::Argument> arguments = {});

/// Resolves `operands` through the current scope, or reports the one that is
/// not declared.
mlir::ParseResult
resolveInScope(mlir::OpAsmParser &parser,
               mlir::ArrayRef<mlir::OpAsmParser::UnresolvedOperand> operands,
               mlir::SmallVectorImpl<mlir::Value> &values);

/// Declares the names on the left of the op being parsed; they go to `names`.
void declareResults(mlir::OpAsmParser &parser, mlir::TypeRange types,
                    mlir::OperationState &state);

/// Names the results. Without names every result is numbered by itself:
/// `%0, %1`, not `%0:2`, because only `%name` is an access.
void setResultNames(mlir::Operation *op, std::optional<mlir::ArrayAttr> names,
                    mlir::OpAsmSetValueNameFn set);

/// `max` or `@name`; not the kinds that have no name of their own.
mlir::ParseResult parseReducer(mlir::OpAsmParser &parser,
                               std::optional<ReducerName> &reducer);

/// `type` or `(type, type)`.
mlir::ParseResult parseTypes(mlir::OpAsmParser &parser,
                             mlir::SmallVectorImpl<mlir::Type> &types);
void printTypes(mlir::OpAsmPrinter &printer, mlir::TypeRange types);

} // namespace attn

#endif // DIALECT_ATTN_PARSESCOPE_H
