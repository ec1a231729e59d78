//===- Specialise.h - A spec with other extents and types -----------------===//

#ifndef LIB_SPECIALISE_H
#define LIB_SPECIALISE_H

#include "dialect/Attn/AttnOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace attn {

/// Gives fixed ranks another extent: `e=64`. Every text is a fixed rank of at
/// least one cascade of `module`, and free or derived in none.
mlir::LogicalResult setExtents(mlir::ModuleOp module,
                               llvm::ArrayRef<std::string> texts);

/// Gives the tensors that enter and leave the cascades other element types:
/// `bf16=f16`, all at once. Scalars keep theirs. The type that arithmetic is
/// done in stays the same (S8), so f32 can become bf16 but not f64.
mlir::LogicalResult setElementTypes(mlir::ModuleOp module,
                                    llvm::ArrayRef<std::string> texts);

} // namespace attn

#endif // LIB_SPECIALISE_H
