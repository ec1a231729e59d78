//===- AttnOps.h - The attn dialect ---------------------------------------===//

#ifndef DIALECT_ATTN_ATTNOPS_H
#define DIALECT_ATTN_ATTNOPS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialect/Attn/AttnDialect.h.inc"
#include "dialect/Attn/AttnEnums.h.inc"

namespace attn {

/// A reducer of the language, or, where `kind` is User, the `attn.reducer` that
/// `symbol` names.
struct ReducerName {
  ReducerName(ReducerKind kind, mlir::FlatSymbolRefAttr symbol = {})
      : kind(kind), symbol(symbol) {}

  ReducerKind kind;
  mlir::FlatSymbolRefAttr symbol;

  bool operator==(const ReducerName &other) const {
    return kind == other.kind && symbol == other.symbol;
  }
  bool operator!=(const ReducerName &other) const { return !(*this == other); }
  /// As in a `reduce`: `max`, `@name`.
  std::string str() const;
};

llvm::raw_ostream &operator<<(llvm::raw_ostream &os, const ReducerName &name);

} // namespace attn

#define GET_ATTRDEF_CLASSES
#include "dialect/Attn/AttnAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialect/Attn/AttnTypes.h.inc"
#define GET_OP_CLASSES
#include "dialect/Attn/AttnOps.h.inc"

namespace attn {

/// Whether a tensor may have elements of `type`.
bool isElementType(mlir::Type type);

/// The type that arithmetic on elements of `type` is done in (S8).
mlir::Type getComputeType(mlir::Type type);

/// The identity of `kind` in `type` (S4), or null where there is none.
mlir::TypedAttr getIdentity(ReducerKind kind, mlir::Type type);
/// The same of any reducer; `from` is an operation of the module that a
/// user-defined one is defined in.
mlir::TypedAttr getIdentity(ReducerName reducer, mlir::Type type,
                            mlir::Operation *from);

/// The definition of a reducer; null of one of the language, and where there is
/// none.
ReducerOp lookupReducer(ReducerName reducer, mlir::Operation *from);

/// Whether the language has a notation for `op` (einsum_c9).
bool isWritten(mlir::Operation *op);

/// The cascade that `op` stands in.
CascadeOp getCascade(mlir::Operation *op);

/// Creates a copy of `tensor` in front of `op`, at its own ranks:
/// `[b, m] = %A[b, m]`.
EinsumOp createCopy(mlir::Operation *op, mlir::Value tensor);

/// Whether an iteration around `op` carries `rank`, so that its variable is a
/// coordinate in `op`.
bool isCarried(mlir::Operation *op, mlir::StringAttr rank);

} // namespace attn

#endif // DIALECT_ATTN_ATTNOPS_H
