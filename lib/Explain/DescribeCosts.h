//===- DescribeCosts.h - What a form computes and moves, as data ----------===//

#ifndef LIB_EXPLAIN_DESCRIBECOSTS_H
#define LIB_EXPLAIN_DESCRIBECOSTS_H

#include "lib/Analysis/OperationCounts.h"
#include "lib/Explain/Report.h"

namespace attn::explain {

/// Counts as text, and as numbers where a call is given.
class Amounts {
public:
  Amounts(const CascadeCounts &counts, const std::optional<CallExtents> &call);
  Amount get(const Polynomial &polynomial);

private:
  std::optional<CallCounts> call;
};

/// The costs of what `counts` has; `getName` names its Einsums.
Costs describeCosts(const CascadeCounts &counts,
                    const std::optional<CallExtents> &call,
                    llvm::function_ref<std::string(mlir::Operation *)> getName);

} // namespace attn::explain

#endif // LIB_EXPLAIN_DESCRIBECOSTS_H
