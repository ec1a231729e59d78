//===- ParseSpec.h - Read a spec that somebody wrote ----------------------===//

#ifndef LIB_PARSESPEC_H
#define LIB_PARSESPEC_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/SourceMgr.h"

namespace attn {

/// Reads the main file of `sources`; null after an error. What MLIR's parser
/// can't take is refused before it is parsed (lib/TextLimits.h).
mlir::OwningOpRef<mlir::ModuleOp> parseSpec(llvm::SourceMgr &sources,
                                            mlir::MLIRContext *context);

} // namespace attn

#endif // LIB_PARSESPEC_H
