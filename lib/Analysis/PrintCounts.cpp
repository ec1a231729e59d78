//===- PrintCounts.cpp - Operations and bytes, as text --------------------===//

#include "lib/Analysis/OperationCounts.h"
#include "lib/Analysis/Passes.h"
#include "llvm/Support/Format.h"

namespace attn {
#define GEN_PASS_DEF_PRINTCOUNTS
#include "lib/Analysis/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {

struct PrintCounts : attn::impl::PrintCountsBase<PrintCounts> {
  using PrintCountsBase::PrintCountsBase;
  void runOnOperation() override;
  LogicalResult print(CascadeOp cascade);
};

/// Prints polynomials, and their values where a call is given.
class Report {
public:
  Report(std::optional<CallCounts> &call, raw_ostream &out)
      : call(call), out(out) {}
  void print(const Polynomial &polynomial);
  void print(StringRef name, const Polynomial &read, const Polynomial &written,
             const OperationCounts &operations);

private:
  std::optional<CallCounts> &call;
  raw_ostream &out;
};

} // namespace

void Report::print(const Polynomial &polynomial) {
  out << polynomial;
  if (!call)
    return;
  CallCounts::Number number = call->evaluate(polynomial);
  out << (number.isSampled ? " ~ "
          : number.isBound ? " <= "
                           : " = ")
      << llvm::format("%.15g", number.value);
}

void Report::print(StringRef name, const Polynomial &read,
                   const Polynomial &written,
                   const OperationCounts &operations) {
  out << "  " << name << ": reads ";
  print(read);
  out << ", writes ";
  print(written);
  out << "\n";
  for (auto &[kind, count] : operations) {
    out << "    " << kind << ": ";
    print(count);
    out << "\n";
  }
}

LogicalResult PrintCounts::print(CascadeOp cascade) {
  raw_ostream &out = llvm::outs();
  CascadeCounts counts(cascade);
  std::optional<CallCounts> call;
  if (!extents.empty()) {
    auto given = parseExtents(extents, "extents", &getContext());
    auto sizes = parseExtents(chunks, "chunks", &getContext());
    if (failed(given) || failed(sizes))
      return failure();
    FailureOr<CallExtents> bound = CallExtents::bind(cascade, *given);
    if (failed(bound))
      return failure();
    for (auto &[rank, coordinates] : *sizes)
      bound->setChunk(rank, coordinates);
    call.emplace(counts, std::move(*bound));
  }
  out << "@" << cascade.getSymName() << "\n";
  Report report(call, out);
  for (const EinsumCounts &einsum : counts.getEinsums())
    report.print(einsum.name, einsum.bytesRead, einsum.bytesWritten,
                 einsum.operations);
  report.print("total", counts.getBytesRead(), counts.getBytesWritten(),
               counts.getOperations());
  for (auto [number, set] : llvm::enumerate(counts.getPointSets())) {
    out << "  #" << number << ": ";
    set.print(counts.getNames(), out);
    out << "\n";
  }
  return success();
}

void PrintCounts::runOnOperation() {
  for (auto cascade : getOperation().getOps<CascadeOp>())
    if (failed(print(cascade)))
      return signalPassFailure();
  markAllAnalysesPreserved();
}
