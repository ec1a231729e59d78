//===- Literals.h - Words and numbers of the language ---------------------===//

#ifndef DIALECT_ATTN_LITERALS_H
#define DIALECT_ATTN_LITERALS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace attn {

/// The longest extent of a rank.
constexpr int64_t maxExtent = int64_t(1) << 40;

/// The largest number of operations in one expression.
constexpr unsigned maxOperations = 2048;

/// Whether `text` can be the name of a rank: letters, digits and `_`.
bool isIdentifier(llvm::StringRef text);

/// Whether `text` is a word of expressions, such as `mod`.
bool isReservedWord(llvm::StringRef text);

/// Whether `text` can name a function or a field in the C interface: no keyword
/// of C or C++, and nothing that a header uses.
bool isCName(llvm::StringRef text);

/// How a comparison is written; one of integers without sign, as with it.
llvm::StringRef getComparison(mlir::arith::CmpIPredicate predicate);
llvm::StringRef getComparison(mlir::arith::CmpFPredicate predicate);

/// The shortest decimal that reads as `value`; of a float, one with a point.
std::string getLiteral(mlir::TypedAttr value);

/// `128` of `128.0`; other literals as they are.
std::string dropPoint(std::string literal);

} // namespace attn

#endif // DIALECT_ATTN_LITERALS_H
