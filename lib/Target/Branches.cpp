//===- Branches.cpp - What is emitted under a condition -------------------===//

#include "lib/Target/Branches.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

void attn::emitBranches(ImplicitLocOpBuilder &b, Value condition,
                        llvm::function_ref<void()> then,
                        llvm::function_ref<void()> otherwise) {
  auto branch = [&b](llvm::function_ref<void()> emit) {
    return [&b, emit](OpBuilder &inner, Location) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(inner.getInsertionBlock(), inner.getInsertionPoint());
      emit();
      scf::YieldOp::create(b);
    };
  };
  if (otherwise)
    scf::IfOp::create(b, condition, branch(then), branch(otherwise));
  else
    scf::IfOp::create(b, condition, branch(then));
}
