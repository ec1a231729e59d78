//===- DescribeMachine.cpp - A cascade on a machine, as data --------------===//
//
// The estimates are those of lib/Machine; here they become rows of a report.
//
//===----------------------------------------------------------------------===//

#include "lib/Explain/DescribeMachine.h"
#include "lib/Machine/CostModel.h"

using namespace mlir;
using namespace attn;
using namespace attn::explain;

/// The operations of a unit that programs are limited by: products, and what no
/// adder computes.
static bool isRoof(StringRef operation) {
  return !llvm::is_contained({"add", "mul", "max", "div", "compare", "select",
                              "logic", "convert", "abs", "round", "floor",
                              "ceil"},
                             operation);
}

Machine explain::describeMachine(const MachineDescription &description) {
  Machine machine{
      description.name, description.description, description.sources, {}, {}};
  for (const MachineUnit &unit : description.units)
    for (auto &[operation, cost] : unit.operations)
      if (isRoof(operation))
        machine.roofs.push_back(
            {unit.name, operation,
             unit.getLanes() * description.hertz / cost.cycles});
  for (const MachineMemory &memory : description.memories) {
    machine.memories.push_back(memory.name);
    if (memory.bytesPerSecond)
      machine.roofs.push_back({memory.name, "bytes", *memory.bytesPerSecond});
  }
  return machine;
}

Estimate explain::estimateForm(StringRef form, CascadeOp cascade,
                               const CallExtents &call,
                               const MachineDescription &machine) {
  Estimate estimate;
  estimate.form = form.str();
  // A machine that can't run a cascade is a fact, and no mistake.
  ScopedDiagnosticHandler handler(cascade.getContext(),
                                  [&](Diagnostic &diagnostic) {
                                    if (estimate.problem.empty())
                                      estimate.problem = diagnostic.str();
                                    return success();
                                  });
  FailureOr<cost::CascadeCost> cost = cost::estimate(cascade, call, machine);
  if (failed(cost))
    return estimate;
  estimate.certainty = cost->isBound     ? "at most"
                       : cost->isSampled ? "about"
                                         : "exact";
  estimate.seconds = cost->seconds;
  estimate.joules = cost->joules;
  for (const cost::KernelCost &kernel : cost->kernels)
    estimate.kernels.push_back({kernel.name, kernel.laneRank, kernel.streamRank,
                                kernel.laneBlock, kernel.seconds,
                                kernel.bound});
  for (const cost::UnitCost &unit : cost->units)
    estimate.units.push_back(
        {unit.name, unit.cycles / machine.hertz, unit.utilization});
  for (const cost::MemoryCost &memory : cost->memories)
    estimate.memories.push_back(
        {memory.name, memory.bytesRead + memory.bytesWritten, memory.seconds});
  return estimate;
}

/// A roof of functions is one of FLOPs, in the proportion of the two.
static void addFunctionRoofs(Roofline &roofline, const Machine &machine,
                             const Costs &costs) {
  for (const Operations &operations : costs.operations) {
    const Roof *best = nullptr;
    for (const Roof &roof : machine.roofs)
      if (roof.kind == operations.kind &&
          !StringRef(roof.kind).starts_with("mac") &&
          (!best || roof.perSecond > best->perSecond))
        best = &roof;
    if (best && *operations.amount.value > 0)
      roofline.roofs.push_back(
          {best->name + " " + best->kind, false,
           best->perSecond * *costs.flops.value / *operations.amount.value});
  }
}

std::optional<Roofline>
explain::makeRoofline(const Machine &machine, const Costs &costs,
                      const std::vector<Estimate> &estimates,
                      const std::vector<Bound> &bounds) {
  if (machine.memories.empty())
    return std::nullopt;
  Roofline roofline;
  roofline.memory = machine.memories.front();
  for (const Roof &roof : machine.roofs) {
    if (StringRef(roof.kind).starts_with("mac"))
      roofline.roofs.push_back(
          {roof.name + " " + roof.kind, false, 2 * roof.perSecond});
    if (roof.kind == "bytes" && roof.name == roofline.memory)
      roofline.roofs.push_back({roof.name, true, roof.perSecond});
  }
  addFunctionRoofs(roofline, machine, costs);
  double flops = *costs.flops.value;
  for (const Estimate &estimate : estimates)
    if (estimate.problem.empty() && estimate.seconds > 0 &&
        estimate.memories.front().bytes > 0)
      roofline.points.push_back({estimate.form,
                                 flops / estimate.memories.front().bytes,
                                 flops / estimate.seconds});
  if (!bounds.empty() && bounds.front().bytes > 0)
    roofline.mostFlopsPerByte = flops / bounds.front().bytes;
  if (roofline.roofs.empty() || roofline.points.empty() || flops == 0)
    return std::nullopt;
  return roofline;
}
