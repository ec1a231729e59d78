//===- Mutations.h - Mistakes to make in mapped kernels -------------------===//

#ifndef TEST_INTEGRATION_MUTATE_MUTATIONS_H
#define TEST_INTEGRATION_MUTATE_MUTATIONS_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/ArrayRef.h"

namespace attn {

struct Mutation {
  llvm::StringLiteral name;
  /// Makes the mistake wherever the tile IR after Bind offers a place for it;
  /// returns at how many.
  unsigned (*apply)(mlir::ModuleOp);
};

llvm::ArrayRef<Mutation> getMutations();

} // namespace attn

#endif // TEST_INTEGRATION_MUTATE_MUTATIONS_H
