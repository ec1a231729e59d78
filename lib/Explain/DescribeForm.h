//===- DescribeForm.h - A cascade at one stage, as data -------------------===//

#ifndef LIB_EXPLAIN_DESCRIBEFORM_H
#define LIB_EXPLAIN_DESCRIBEFORM_H

#include "dialect/Attn/AttnOps.h"
#include "lib/Analysis/CallExtents.h"
#include "lib/Explain/Report.h"
#include "mlir/IR/AsmState.h"

namespace attn::explain {

/// Describes `cascade`, before FormNests or with nests and streams, for a call
/// if one is given.
Form describeForm(CascadeOp cascade, const std::optional<CallExtents> &call);

/// The lines of a cascade, and the names that they have in it.
class Lines {
public:
  explicit Lines(CascadeOp cascade);
  std::vector<Line> take() { return std::move(lines); }
  /// How the lines call `value`: `RM1_0`.
  std::string getName(mlir::Value value) const;
  /// What stands to the right of an Einsum's `=`, where it has a line.
  llvm::StringRef getFormula(mlir::Operation *op) const;

private:
  void visit(mlir::Block &block, unsigned depth);
  void visitEinsum(mlir::Operation *op, unsigned depth);
  void visitNest(NestOp nest, unsigned depth);
  void visitIterate(IterateOp iterate, unsigned depth);
  void visitStream(StreamOp stream, unsigned depth);
  void add(llvm::StringRef kind, unsigned depth, const llvm::Twine &text);
  std::string list(mlir::ValueRange values) const;

  mlir::AsmState names;
  std::vector<Line> lines;
  llvm::DenseMap<mlir::Operation *, std::string> formulas;
};

} // namespace attn::explain

#endif // LIB_EXPLAIN_DESCRIBEFORM_H
