//===- ExplainStreams.h - What one more traversal costs -------------------===//

#ifndef LIB_CASCADE_EXPLAINSTREAMS_H
#define LIB_CASCADE_EXPLAINSTREAMS_H

#include "lib/Analysis/OperationCounts.h"
#include "llvm/ADT/SetVector.h"

namespace attn {

/// What a traversal repeats of the ones before it.
struct Fallback {
  /// Einsums that are computed again, and arguments that are read again.
  llvm::SetVector<mlir::Value> computed, read;
  /// Which of them would have to be stored instead.
  llvm::SetVector<mlir::Value> stored;
};

/// The source's names of `values`, each once.
std::string quoteNames(llvm::ArrayRef<mlir::Value> values);

/// ` computes .. again (price) and reads .. again (price); to store .. instead
/// would ..`, or nothing.
std::string describeFallback(const CascadeCounts &counts,
                             const Fallback &fallback);

/// Says of each tensor that walks a loop rank once more, after nests before it
/// have walked it for what it needs, why that is and what it costs.
void explainNests(CascadeOp cascade, int64_t maxResident);

} // namespace attn

#endif // LIB_CASCADE_EXPLAINSTREAMS_H
