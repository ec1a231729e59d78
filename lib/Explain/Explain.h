//===- Explain.h - The report on cascades, from the cascades --------------===//

#ifndef LIB_EXPLAIN_EXPLAIN_H
#define LIB_EXPLAIN_EXPLAIN_H

#include "dialect/Attn/AttnOps.h"
#include "lib/Analysis/CallExtents.h"
#include "lib/Explain/Report.h"
#include "mlir/IR/BuiltinOps.h"

namespace attn::explain {

/// Keeps the remarks and warnings of what runs while it lives. Errors go on to
/// whoever listens before.
class RemarkCollector {
public:
  explicit RemarkCollector(mlir::MLIRContext *context);
  std::vector<Remark> take() { return std::move(remarks); }

private:
  std::vector<Remark> remarks;
  mlir::ScopedDiagnosticHandler handler;
};

/// The call that each cascade of `module`, in order, is reported for: its ranks
/// and scalars as `texts` bind them, such as `m=4096` and `%window=128`. None
/// of them where there are no texts. Fails where a rank stays open, or no
/// cascade has what a text names.
mlir::FailureOr<std::vector<std::optional<CallExtents>>>
bindSizes(mlir::ModuleOp module, llvm::ArrayRef<std::string> texts);

/// Reports on the cascades of `written`, and on what became of them in
/// `derived`; `calls` has one for each.
Report explain(mlir::ModuleOp written, mlir::ModuleOp derived,
               llvm::ArrayRef<std::optional<CallExtents>> calls,
               std::vector<Remark> remarks);

void printText(const Report &report, llvm::raw_ostream &os);
void printJson(const Report &report, llvm::raw_ostream &os);
void printHtml(const Report &report, llvm::raw_ostream &os);

} // namespace attn::explain

#endif // LIB_EXPLAIN_EXPLAIN_H
