//===- ResultConditions.h - Where the result of an Einsum is present ------===//

#ifndef LIB_CASCADE_RESULTCONDITIONS_H
#define LIB_CASCADE_RESULTCONDITIONS_H

#include "dialect/Attn/AttnOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/SmallVector.h"

namespace attn {

/// Whether every read of `producer` in `consumer`, an Einsum or a top-k each,
/// is at the producer's own variables, so that the tile at hand is the tile
/// that is read.
bool readsInPlace(mlir::Operation *producer, mlir::Operation *consumer);

/// Replaces a read of another Einsum's result by a read, in place, of a new
/// Einsum that copies it, with a filter that says where that result is present
/// (S4):
///
///   %T = attn.einsum [p] = %X[p] where (p < 5)
///   %G = attn.einsum [m] = %T[%I[m]] * %Y[m, n]
///
/// becomes
///
///   %C = attn.einsum [m] = %T[%I[m]] where (%I[m] >= 0 and .. and %I[m] < 5)
///   %G = attn.einsum [m] = %C[m] * %Y[m, n]
///
/// Returns the copy, or null where the result is present everywhere. Fails,
/// with a diagnostic, where there are more conditions than an Einsum should
/// have.
mlir::FailureOr<EinsumOp> copyAbsentRead(EinsumOp consumer, ReadOp read);

/// The list of `topk`, present everywhere: where it has no entry, the
/// coordinate is -1. The join with an empty list says so.
JoinOp completeList(TopKOp topk);

/// Replaces a read of a top-k's result by a read, in place, of a new Einsum
/// that copies it from `list`, the completed one, where that has an entry.
EinsumOp copyEntryRead(EinsumOp consumer, ReadOp read, JoinOp list);

} // namespace attn

#endif // LIB_CASCADE_RESULTCONDITIONS_H
