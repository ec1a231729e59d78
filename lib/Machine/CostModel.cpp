//===- CostModel.cpp - What a cascade costs on a machine ------------------===//

#include "lib/Machine/CostModel.h"
#include "lib/Machine/CostTiles.h"
#include "lib/Machine/CostTraffic.h"

using namespace mlir;
using namespace attn;
using namespace attn::cost;

class cost::CascadeModel {
public:
  CascadeModel(CascadeOp cascade, CallExtents extents,
               const MachineDescription &machine)
      : cascade(cascade), machine(machine), counts(cascade),
        call(counts, setChunks(cascade, std::move(extents), machine)),
        traversals(cascade) {}
  FailureOr<CascadeCost> run();
  FailureOr<TilingCost> estimateTiles(Operation *nest, const Tiling &tiling);

private:
  static CallExtents setChunks(CascadeOp cascade, CallExtents extents,
                               const MachineDescription &machine);
  FailureOr<const MappingChoice *> choose();
  double getLanes(const MachineUnit &unit, const Kernel &kernel,
                  const GraphNode &node) const;
  const MachineUnit *bind(const BoundOperation &operation, unsigned macBits,
                          const Kernel &kernel, const GraphNode &node,
                          double &cycles) const;
  SmallVector<std::pair<StringAttr, int64_t>>
  getRepeats(const Kernel &kernel) const;
  LogicalResult addEinsum(const EinsumCounts &einsum, const Kernel &kernel,
                          KernelCost &cost, NodeUnits &units);
  LogicalResult addEinsums(Operation *nest, const Kernel &kernel,
                           KernelCost &cost, NodeUnits &units);
  FailureOr<KernelCost> estimateKernel(Operation *nest, StringRef name);
  void finish(KernelCost &cost);
  double getExposed(const Kernel &kernel, const KernelCost &cost,
                    const TileTraffic &traffic) const;

  CascadeOp cascade;
  const MachineDescription &machine;
  CascadeCounts counts;
  CallCounts call;
  TraversalAnalysis traversals;
  const MappingChoice *choice = nullptr;
  /// The loops of the kernel at hand; null where it is not in tiles.
  const Tiling *tiling = nullptr;
  CascadeCost total;
};

/// Streams walk their ranks in the machine's chunks.
CallExtents CascadeModel::setChunks(CascadeOp cascade, CallExtents extents,
                                    const MachineDescription &machine) {
  cascade.walk([&](StreamOp stream) {
    extents.setChunk(stream.getRank(), machine.chunk);
  });
  return extents;
}

/// The machine's own mapping of such a call, or null where it has none at all.
FailureOr<const MappingChoice *> CascadeModel::choose() {
  if (machine.mappings.empty())
    return static_cast<const MappingChoice *>(nullptr);
  for (const MappingChoice &candidate : machine.mappings)
    if (llvm::all_of(candidate.when, [&](auto &pair) {
          return call.getExtents().lookup(pair.first) == pair.second;
        }))
      return &candidate;
  InFlightDiagnostic diagnostic = emitError(cascade.getLoc());
  diagnostic << "`" << machine.name << "` has no mapping for";
  for (auto &[rank, extent] : machine.mappings.front().when)
    if (std::optional<int64_t> actual = call.getExtents().lookup(rank))
      diagnostic << " " << rank << "=" << *actual;
  return diagnostic;
}

/// The lanes of `unit` that the ranks of a node fill, on average.
double CascadeModel::getLanes(const MachineUnit &unit, const Kernel &kernel,
                              const GraphNode &node) const {
  double lanes = 1;
  for (const UnitDimension &dimension : unit.dimensions) {
    StringAttr rank = dimension.holds == RankRole::Lane     ? kernel.lane
                      : dimension.holds == RankRole::Stream ? kernel.stream
                                                            : StringAttr();
    if (dimension.holds == RankRole::Any)
      lanes *= dimension.size;
    else if (rank && node.vars.contains(rank))
      lanes *= double(kernel.getExtent(rank)) /
               std::ceil(double(kernel.getExtent(rank)) / dimension.size);
  }
  return lanes;
}

/// What `unit` takes for an operation, or null where it can't do it. Products
/// of narrow elements have a cost of their own where a unit multiplies only
/// those.
static const OperationCost *lookup(const MachineUnit &unit, StringRef kind,
                                   unsigned macBits) {
  if (kind == "mac")
    if (const OperationCost *narrow = unit.lookupNarrowProduct(macBits))
      return narrow;
  auto known = unit.operations.find(kind);
  return known == unit.operations.end() ? nullptr : &known->second;
}

/// The unit that does an operation in the fewest cycles, of several the one
/// with the fewest lanes.
const MachineUnit *CascadeModel::bind(const BoundOperation &operation,
                                      unsigned macBits, const Kernel &kernel,
                                      const GraphNode &node,
                                      double &cycles) const {
  const MachineUnit *best = nullptr;
  for (const MachineUnit &unit : machine.units) {
    const OperationCost *each = lookup(unit, operation.operation, macBits);
    if (!each)
      continue;
    double taken =
        operation.count * each->cycles / getLanes(unit, kernel, node);
    if (best && (taken > cycles ||
                 (taken == cycles && unit.getLanes() >= best->getLanes())))
      continue;
    best = &unit;
    cycles = taken;
  }
  return best;
}

/// The loops over tiles, which compute again what does not vary with their
/// ranks, and how often they turn.
SmallVector<std::pair<StringAttr, int64_t>>
CascadeModel::getRepeats(const Kernel &kernel) const {
  SmallVector<std::pair<StringAttr, int64_t>> repeats;
  if (tiling)
    for (auto [rank, size] : tiling->loops)
      if (kernel.parallel.contains(rank) && kernel.getExtent(rank) > size)
        repeats.push_back(
            {rank, llvm::divideCeil(kernel.getExtent(rank), uint64_t(size))});
  return repeats;
}

LogicalResult CascadeModel::addEinsum(const EinsumCounts &einsum,
                                      const Kernel &kernel, KernelCost &cost,
                                      NodeUnits &units) {
  unsigned id = *counts.getGraph().lookupNode(einsum.op);
  const GraphNode &node = counts.getGraph().getNodes()[id];
  // Cycles of this Einsum by unit.
  std::vector<double> cycles(machine.units.size(), 0.0);
  for (auto &[kind, polynomial] : einsum.operations) {
    CallCounts::Number count = call.evaluate(polynomial, getRepeats(kernel));
    total.isBound |= count.isBound;
    total.isSampled |= count.isSampled;
    BoundOperation bound{einsum.name, kind.str(), "", count.value, 0};
    const MachineUnit *unit =
        bind(bound, einsum.macBits, kernel, node, bound.cycles);
    if (!unit)
      return einsum.op->emitError("no unit of `")
             << machine.name << "` computes `" << kind << "`";
    bound.unit = unit->name;
    unsigned number = unit - machine.units.data();
    double &taken = cycles[number];
    taken =
        unit->overlaps ? std::max(taken, bound.cycles) : taken + bound.cycles;
    cost.units[number].joules +=
        1e-12 * bound.count * lookup(*unit, kind, einsum.macBits)->picojoules;
    cost.operations.push_back(std::move(bound));
  }
  unsigned longest = 0;
  for (unsigned i = 0; i < cycles.size(); ++i) {
    cost.units[i].cycles += cycles[i];
    cost.units[i].utilization +=
        cycles[i] * getLanes(machine.units[i], kernel, node);
    if (cycles[i] > cycles[longest])
      longest = i;
  }
  if (!einsum.operations.empty())
    units[id] = &machine.units[longest];
  return success();
}

/// Units and memories work at the same time: what takes longest is the time.
void CascadeModel::finish(KernelCost &cost) {
  auto take = [&](double seconds, StringRef name) {
    if (seconds <= cost.seconds)
      return;
    cost.seconds = seconds;
    cost.bound = name.str();
  };
  for (UnitCost &unit : cost.units) {
    take(unit.cycles / machine.hertz, unit.name);
    cost.joules += unit.joules;
  }
  for (MemoryCost &memory : cost.memories) {
    if (memory.seconds)
      take(*memory.seconds, memory.name);
    cost.joules += memory.joules;
  }
  for (auto [unit, described] : llvm::zip(cost.units, machine.units))
    unit.utilization =
        cost.seconds ? unit.utilization /
                           (described.getLanes() * cost.seconds * machine.hertz)
                     : 0;
}

LogicalResult CascadeModel::addEinsums(Operation *nest, const Kernel &kernel,
                                       KernelCost &cost, NodeUnits &units) {
  for (const MachineUnit &unit : machine.units)
    cost.units.push_back({unit.name, 0, 0, 0});
  for (const EinsumCounts &einsum : counts.getEinsums())
    if (nest->isAncestor(einsum.op) &&
        failed(addEinsum(einsum, kernel, cost, units)))
      return failure();
  return success();
}

FailureOr<KernelCost> CascadeModel::estimateKernel(Operation *nest,
                                                   StringRef name) {
  Kernel kernel(name.str(), nest, counts, call.getExtents(), machine);
  KernelCost cost;
  cost.name = name.str();
  cost.laneRank = kernel.lane ? kernel.lane.str() : "";
  cost.streamRank = kernel.stream ? kernel.stream.str() : "";
  NodeUnits units;
  if (failed(addEinsums(nest, kernel, cost, units)))
    return failure();
  estimateTraffic(kernel, units, traversals, choice, cost);
  finish(cost);
  return cost;
}

/// The seconds that the warpgroups of a block don't hide from each other: a
/// share of what one of them does beside the busiest unit, the less the more
/// of them there are, and what a block takes to start.
double CascadeModel::getExposed(const Kernel &kernel, const KernelCost &cost,
                                const TileTraffic &traffic) const {
  constexpr double warpgroupLanes = 64;
  const MultiprocessorDescription &multiprocessor = *machine.multiprocessor;
  double busy = 0, longest = 0;
  for (const UnitCost &unit : cost.units) {
    busy += unit.cycles;
    longest = std::max(longest, unit.cycles);
  }
  double lanes = warpgroupLanes;
  for (auto [rank, size] : tiling->loops)
    if (rank == kernel.lane)
      lanes = size;
  return (multiprocessor.exposed * (busy - longest) * warpgroupLanes / lanes +
          multiprocessor.startCycles * traffic.numStarts /
              machine.memories.back().instances) /
         machine.hertz;
}

FailureOr<TilingCost> CascadeModel::estimateTiles(Operation *nest,
                                                  const Tiling &loops) {
  tiling = &loops;
  CallExtents extents = call.getExtents();
  nest->walk([&](StreamOp stream) { extents.setChunk(stream.getRank(), 1); });
  for (auto [rank, size] : loops.loops) {
    extents.setChunk(rank, size);
    extents.setTile(rank, size);
  }
  call.setExtents(std::move(extents));
  Kernel kernel("", nest, counts, call.getExtents(), machine);
  KernelCost cost;
  NodeUnits units;
  if (failed(addEinsums(nest, kernel, cost, units)))
    return failure();
  TileTraffic traffic = estimateTileTraffic(kernel, call, counts, loops);
  for (const MachineMemory &memory : machine.memories)
    cost.memories.push_back({memory.name, 0, 0, std::nullopt, 0});
  for (auto [memory, described, bytes] :
       llvm::zip(cost.memories, machine.memories, traffic.bytes)) {
    memory.bytesRead = bytes;
    if (described.bytesPerSecond)
      memory.seconds = bytes / *described.bytesPerSecond;
  }
  finish(cost);
  TilingCost whole{cost.seconds, cost.bound, traffic.turnBytes};
  if (machine.multiprocessor)
    whole.seconds += getExposed(kernel, cost, traffic);
  if (!machine.processor)
    return whole;
  const ProcessorDescription &processor = *machine.processor;
  double refills = traffic.bytes.back() / processor.l1BytesPerSecond;
  for (const MemoryCost &memory : cost.memories)
    refills += memory.seconds.value_or(0);
  whole.seconds += processor.exposed * refills +
                   traffic.numStarts * processor.startCycles / machine.hertz;
  whole.fits = 2 * traffic.turnBytes <= *machine.memories.back().bytes;
  return whole;
}

TilingModel::TilingModel(CascadeOp cascade, CallExtents extents,
                         const MachineDescription &machine)
    : model(std::make_unique<CascadeModel>(cascade, std::move(extents),
                                           machine)) {}
TilingModel::~TilingModel() = default;
FailureOr<TilingCost> TilingModel::estimate(Operation *nest,
                                            const Tiling &tiling) {
  return model->estimateTiles(nest, tiling);
}

FailureOr<CascadeCost> CascadeModel::run() {
  FailureOr<const MappingChoice *> chosen = choose();
  if (failed(chosen))
    return failure();
  choice = *chosen;
  total.name = cascade.getSymName().str();
  total.machine = machine.name;
  for (const MachineUnit &unit : machine.units)
    total.units.push_back({unit.name, 0, 0, 0});
  for (const MachineMemory &memory : machine.memories)
    total.memories.push_back({memory.name, 0, 0, std::nullopt, 0});
  for (Operation &op : cascade.getBody().front()) {
    if (isa<YieldOp>(op))
      continue;
    std::string name = "#" + std::to_string(total.kernels.size());
    if (auto names = op.getAttrOfType<ArrayAttr>("names"))
      if (!names.empty())
        name = cast<StringAttr>(names[0]).str();
    FailureOr<KernelCost> kernel = estimateKernel(&op, name);
    if (failed(kernel))
      return failure();
    total.kernels.push_back(std::move(*kernel));
  }
  for (const KernelCost &kernel : total.kernels) {
    total.seconds += kernel.seconds;
    total.joules += kernel.joules;
    for (auto [sum, unit] : llvm::zip(total.units, kernel.units)) {
      sum.cycles += unit.cycles;
      sum.joules += unit.joules;
      sum.utilization += unit.utilization * kernel.seconds;
    }
    for (auto [sum, memory] : llvm::zip(total.memories, kernel.memories)) {
      sum.bytesRead += memory.bytesRead;
      sum.bytesWritten += memory.bytesWritten;
      sum.joules += memory.joules;
      if (memory.seconds)
        sum.seconds = sum.seconds.value_or(0) + *memory.seconds;
    }
  }
  for (UnitCost &unit : total.units)
    unit.utilization = total.seconds ? unit.utilization / total.seconds : 0;
  return std::move(total);
}

FailureOr<CascadeCost> cost::estimate(CascadeOp cascade, CallExtents extents,
                                      const MachineDescription &machine) {
  return CascadeModel(cascade, std::move(extents), machine).run();
}
