//===- Explain.h - The report on cascades, from the cascades --------------===//

#ifndef LIB_EXPLAIN_EXPLAIN_H
#define LIB_EXPLAIN_EXPLAIN_H

#include "dialect/Attn/AttnOps.h"
#include "lib/Analysis/CallExtents.h"
#include "lib/Explain/Report.h"
#include "lib/Machine/MachineDescription.h"
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

/// A form that a mapping could start from.
struct Alternative {
  /// `unfused`.
  std::string form;
  mlir::ModuleOp module;
};

/// What a report is made of.
struct Subject {
  /// The cascades as written, and what became of them.
  mlir::ModuleOp written, derived;
  /// Other forms than `derived`, whose Einsums stand in nests.
  llvm::ArrayRef<Alternative> alternatives;
  /// One for each cascade.
  llvm::ArrayRef<std::optional<CallExtents>> calls;
  /// Null where none was asked for.
  const MachineDescription *machine;
  /// For each cascade, what its kernels may be cut into; empty where the
  /// mapping has no choice.
  std::vector<std::vector<TilingEstimate>> tilings;
  std::vector<Remark> remarks;
};

Report explain(Subject subject);

void printText(const Report &report, llvm::raw_ostream &os);
void printJson(const Report &report, llvm::raw_ostream &os);
void printHtml(const Report &report, llvm::raw_ostream &os);

} // namespace attn::explain

#endif // LIB_EXPLAIN_EXPLAIN_H
