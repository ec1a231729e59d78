//===- DescribeMachine.h - A cascade on a machine, as data ----------------===//

#ifndef LIB_EXPLAIN_DESCRIBEMACHINE_H
#define LIB_EXPLAIN_DESCRIBEMACHINE_H

#include "lib/Analysis/OperationCounts.h"
#include "lib/Explain/Report.h"
#include "lib/Machine/MachineDescription.h"

namespace attn::explain {

Machine describeMachine(const MachineDescription &machine);

/// What `cascade`, whose Einsums stand in nests, costs on the machine.
Estimate estimateForm(llvm::StringRef form, CascadeOp cascade,
                      const CallExtents &call,
                      const MachineDescription &machine);

/// What no mapping of `written` goes below, and how far `chosen` is from it.
std::vector<Bound> findBounds(CascadeOp written, const CallExtents &call,
                              const MachineDescription &machine,
                              const Estimate &chosen);

/// The forms that have an estimate, each by its own operations and bytes, under
/// the roofs of the machine. `costs` are those of the derived form.
std::optional<Roofline> makeRoofline(const Machine &machine, const Costs &costs,
                                     const std::vector<Estimate> &estimates,
                                     const std::vector<Bound> &bounds);

} // namespace attn::explain

#endif // LIB_EXPLAIN_DESCRIBEMACHINE_H
