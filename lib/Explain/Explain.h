//===- Explain.h - The report on cascades, from the cascades --------------===//

#ifndef LIB_EXPLAIN_EXPLAIN_H
#define LIB_EXPLAIN_EXPLAIN_H

#include "dialect/Attn/AttnOps.h"
#include "lib/Explain/Report.h"
#include "mlir/IR/BuiltinOps.h"

#include <map>

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

/// The extents of a cascade's ranks, where they are known.
using Extents = std::map<std::string, int64_t, std::less<>>;

/// Binds the ranks of every cascade of `module`, in order, to `texts`, such as
/// `m=4096`; without any, only the ranks that specs fix are known. Fails where
/// a rank stays free, or no cascade has it.
mlir::FailureOr<std::vector<Extents>>
bindSizes(mlir::ModuleOp module, llvm::ArrayRef<std::string> texts);

/// Reports on the cascades of `written`, and on what became of them in
/// `derived`; `extents` has those of each.
Report explain(mlir::ModuleOp written, mlir::ModuleOp derived,
               llvm::ArrayRef<Extents> extents, std::vector<Remark> remarks);

void printText(const Report &report, llvm::raw_ostream &os);
void printJson(const Report &report, llvm::raw_ostream &os);
void printHtml(const Report &report, llvm::raw_ostream &os);

} // namespace attn::explain

#endif // LIB_EXPLAIN_EXPLAIN_H
