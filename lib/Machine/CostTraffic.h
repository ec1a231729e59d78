//===- CostTraffic.h - The bytes that a kernel moves ----------------------===//

#ifndef LIB_MACHINE_COSTTRAFFIC_H
#define LIB_MACHINE_COSTTRAFFIC_H

#include "lib/Machine/CostKernel.h"
#include "lib/Machine/CostModel.h"

namespace attn::cost {

/// The unit that does most of a node's work.
using NodeUnits = llvm::DenseMap<unsigned, const MachineUnit *>;

/// Fills `cost.memories` and the blocks of the lane rank. `choice` is the
/// machine's own mapping of such a call, or null.
void estimateTraffic(const Kernel &kernel, const NodeUnits &units,
                     TraversalAnalysis &traversals, const MappingChoice *choice,
                     KernelCost &cost);

} // namespace attn::cost

#endif // LIB_MACHINE_COSTTRAFFIC_H
