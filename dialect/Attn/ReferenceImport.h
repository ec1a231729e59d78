//===- ReferenceImport.h - From the dialect to the reference --------------===//

#ifndef DIALECT_ATTN_REFERENCEIMPORT_H
#define DIALECT_ATTN_REFERENCEIMPORT_H

#include "dialect/Attn/AttnOps.h"
#include "dialect/Attn/Reference/Model.h"

namespace attn {

/// Says `cascade` without MLIR, at any stage: as written, with nests, with
/// streams. Fails at the op that the reference cannot evaluate.
mlir::FailureOr<reference::Cascade> importReference(CascadeOp cascade);

/// Says a user-defined reducer without MLIR.
mlir::FailureOr<reference::UserReducer> importReference(ReducerOp reducer);

/// Registers `--attn-print-reference`: one line of JSON for each cascade, on
/// standard output (dialect/Attn/Reference/Json.h).
void registerPrintReference();

} // namespace attn

#endif // DIALECT_ATTN_REFERENCEIMPORT_H
