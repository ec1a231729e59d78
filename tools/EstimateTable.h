//===- EstimateTable.h - The rows of a table of costs ---------------------===//

#ifndef TOOLS_ESTIMATETABLE_H
#define TOOLS_ESTIMATETABLE_H

#include "lib/Machine/CostTable.h"

namespace attn {

/// Estimates every form of `table` at every call. `file` is the table's.
mlir::FailureOr<cost::TableCosts> estimateTable(const cost::CostTable &table,
                                                llvm::StringRef file,
                                                mlir::MLIRContext *context);

} // namespace attn

#endif // TOOLS_ESTIMATETABLE_H
