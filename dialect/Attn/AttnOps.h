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
