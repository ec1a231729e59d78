//===- CostTraffic.cpp - The bytes that a kernel moves --------------------===//
//
// The innermost memory, the buffer, keeps what belongs to a block of lanes:
// operands that the stream does not walk, and running state. What the stream
// walks and all lanes share passes by, once for each block of lanes; the larger
// the buffer, the fewer blocks. A memory between DRAM and the buffers is passed
// by all blocks beneath it at once.
//
// From the buffer an array reads a tile of an operand each time that its tile
// of the lane and stream ranks changes.
//
//===----------------------------------------------------------------------===//

#include "lib/Machine/CostTraffic.h"

using namespace mlir;
using namespace attn;
using namespace attn::cost;

namespace {

class TrafficModel {
public:
  TrafficModel(const Kernel &kernel, const NodeUnits &units,
               TraversalAnalysis &traversals, const MappingChoice *choice,
               KernelCost &cost)
      : kernel(kernel), units(units), traversals(traversals), choice(choice),
        cost(cost), memories(kernel.machine.memories) {}
  void run();

private:
  bool isBuffered(const KernelTensor &tensor) const;
  bool isListed(ArrayRef<std::string> names, const KernelTensor &tensor) const {
    return llvm::is_contained(names, tensor.name);
  }
  void chooseBlocks();
  unsigned getNumPhases(const KernelTensor &tensor);
  double getLoads(const KernelTensor &tensor, unsigned level);
  double getArrayTiles(const KernelTensor &tensor, unsigned reader) const;
  void addInput(const KernelTensor &tensor);
  void addIntermediate(const KernelTensor &tensor);
  void addResult(const KernelTensor &tensor);
  void addState(const KernelTensor &tensor);
  /// What the array reads of the buffer, and what is written there.
  void addBuffer(double bytesRead, double bytesWritten) {
    cost.memories.back().bytesRead += bytesRead;
    cost.memories.back().bytesWritten += bytesWritten;
  }

  const Kernel &kernel;
  const NodeUnits &units;
  TraversalAnalysis &traversals;
  const MappingChoice *choice;
  KernelCost &cost;
  ArrayRef<MachineMemory> memories;
  /// All coordinates that the lanes must take: of the lane rank, and of other
  /// parallel ranks that streamed operands don't have.
  double rows = 1;
  /// Of those, what one buffer holds.
  double block = 1;
  /// Streamed bytes that all rows share, what one row keeps of streams, and
  /// what the fewest rows keep of all else.
  double shared = 0, wholeRow = 0, leastRows = 0;
  bool keepsRows = false;
};

} // namespace

/// The side of the arrays along which lanes lie.
static int64_t getLaneSize(const MachineDescription &machine) {
  int64_t size = 1;
  for (const MachineUnit &unit : machine.units)
    for (const UnitDimension &dimension : unit.dimensions)
      if (dimension.holds == RankRole::Lane)
        size = std::max(size, dimension.size);
  return size;
}

/// How much of `whole` blocks of at most `limit` take: as even as can be, and
/// without a rest where the machine needs that.
static double getBlock(double whole, double limit, bool divides) {
  limit = std::max(1.0, std::floor(limit));
  if (limit >= whole)
    return whole;
  if (!divides)
    return std::ceil(whole / std::ceil(whole / limit));
  while (std::fmod(whole, limit) != 0)
    --limit;
  return limit;
}

void TrafficModel::chooseBlocks() {
  const MachineMemory &buffer = memories.back();
  double perRow = 0, tile = 0;
  auto elementBytes = [&](const KernelTensor &tensor) {
    double elements = 1;
    for (StringAttr rank :
         cast<attn::TensorType>(
             kernel.graph.getTensors()[tensor.id].value.getType())
             .getRanks())
      elements *= kernel.getExtent(rank);
    return tensor.bytes / elements;
  };
  RankSet missing;
  for (const KernelTensor &tensor : kernel.tensors) {
    bool hasLane = kernel.hasLane(tensor);
    double row = kernel.getRow(tensor.ranks, kernel.lane);
    if (kernel.hasStream(tensor) && hasLane) {
      if (!kernel.isStreamed)
        wholeRow += row * elementBytes(tensor);
    } else if (kernel.hasStream(tensor)) {
      double all =
          elementBytes(tensor) * kernel.getRow(tensor.ranks, StringAttr());
      shared += all;
      tile += all / kernel.getExtent(kernel.stream) *
              std::min(kernel.machine.chunk, kernel.getExtent(kernel.stream));
      for (StringAttr rank : kernel.parallel)
        if (!tensor.ranks.contains(rank))
          missing.insert(rank);
    } else if (hasLane && tensor.kind != KernelTensor::Output &&
               tensor.kind != KernelTensor::Intermediate) {
      perRow += row * elementBytes(tensor);
    }
  }
  if (kernel.lane)
    missing.insert(kernel.lane);
  for (StringAttr rank : missing)
    rows *= kernel.getExtent(rank);
  keepsRows = tile + perRow + wholeRow <= *buffer.bytes;
  double lanes = std::min<double>(rows, getLaneSize(kernel.machine));
  leastRows = perRow * lanes;
  double fitting = (*buffer.bytes - tile) / (std::max(perRow, 1.0) * lanes);
  block = lanes * getBlock(std::ceil(rows / lanes), fitting,
                           kernel.machine.blocksDivide);
  if (choice)
    block = std::min<double>(choice->laneBlock.value_or(rows), rows);
  cost.laneBlock = block;
  cost.laneBlocks = std::ceil(rows / block);
}

/// Whether the buffer has `tensor` for more than one tile of the array.
bool TrafficModel::isBuffered(const KernelTensor &tensor) const {
  if (choice)
    return isListed(choice->buffered, tensor);
  // What has its own elements for every lane and step and is read once goes
  // past the buffer.
  return !kernel.hasLane(tensor) || !kernel.hasStream(tensor) || keepsRows;
}

/// In how many loops over the stream rank `tensor` is read.
unsigned TrafficModel::getNumPhases(const KernelTensor &tensor) {
  if (!kernel.stream || !kernel.hasStream(tensor))
    return 1;
  llvm::SmallDenseSet<std::pair<unsigned, unsigned>> phases;
  for (unsigned reader : tensor.readers) {
    const GraphNode &node = kernel.graph.getNodes()[reader];
    if (node.loop && kernel.graph.getLoops()[*node.loop].isStream)
      phases.insert({1, *node.loop});
    else
      phases.insert(
          {false, traversals.getAvailability(node.op, kernel.stream).phase});
  }
  return std::max<unsigned>(1, phases.size());
}

/// How often an input is loaded into memory `level`.
double TrafficModel::getLoads(const KernelTensor &tensor, unsigned level) {
  const MachineMemory &memory = memories[level];
  unsigned phases = getNumPhases(tensor);
  if (kernel.hasLane(tensor) && kernel.hasStream(tensor))
    return keepsRows ? 1 : phases;
  if (choice) {
    double perBlock = std::ceil(rows / block);
    double perTile = std::ceil(
        kernel.hasLane(tensor)
            ? double(kernel.stream ? kernel.getExtent(kernel.stream) : 1) /
                  kernel.machine.chunk
            : rows / getLaneSize(kernel.machine));
    if (kernel.hasLane(tensor))
      perBlock = 1;
    if (isListed(choice->stationary, tensor))
      return perBlock;
    if (!isBuffered(tensor))
      return perTile;
    return (1 - choice->spilled) * perBlock + choice->spilled * perTile;
  }
  if (!kernel.hasStream(tensor))
    return 1;
  double beneath = block * memories.back().instances / double(memory.instances);
  double blocks = std::ceil(rows / std::max(1.0, beneath));
  // Where all of the stream stays, it is loaded once.
  bool isBuffer = level + 1 == memories.size();
  if (shared + (isBuffer ? leastRows : 0) <= *memory.bytes)
    return std::min<double>(blocks, memory.instances);
  return blocks * phases;
}

/// How many tiles of the array see each element of `tensor` in node `reader`.
double TrafficModel::getArrayTiles(const KernelTensor &tensor,
                                   unsigned reader) const {
  const MachineUnit *unit = units.lookup(reader);
  const GraphNode &node = kernel.graph.getNodes()[reader];
  double tiles = 1;
  auto walk = [&](StringAttr rank, RankRole role) {
    if (!rank || !node.vars.contains(rank) || tensor.ranks.contains(rank))
      return;
    int64_t size = 1;
    if (unit)
      for (const UnitDimension &dimension : unit->dimensions)
        if (dimension.holds == role)
          size = dimension.size;
    tiles *= std::ceil(double(kernel.getExtent(rank)) / size);
  };
  walk(kernel.lane, RankRole::Lane);
  walk(kernel.stream, RankRole::Stream);
  return tiles;
}

void TrafficModel::addInput(const KernelTensor &tensor) {
  for (unsigned level = 1; level < memories.size(); ++level) {
    double loaded = tensor.bytes * getLoads(tensor, level);
    cost.memories[level - 1].bytesRead += loaded;
    if (level + 1 < memories.size())
      cost.memories[level].bytesWritten += loaded;
    else if (isBuffered(tensor) &&
             !(kernel.hasLane(tensor) && kernel.hasStream(tensor) &&
               getNumPhases(tensor) == 1))
      addBuffer(0, loaded);
    else
      return; // Straight to the array.
  }
  for (unsigned reader : tensor.readers)
    addBuffer(tensor.bytes * getArrayTiles(tensor, reader), 0);
}

/// A running state, read and written with every chunk.
void TrafficModel::addState(const KernelTensor &tensor) {
  const GraphNode &node =
      kernel.graph.getNodes()[*kernel.graph.getTensors()[tensor.id].node];
  const GraphLoop &loop = kernel.graph.getLoops()[*node.loop];
  double steps = kernel.getExtent(loop.rank);
  if (loop.isStream)
    steps = std::ceil(steps / kernel.machine.chunk);
  addBuffer(tensor.bytes * steps, tensor.bytes * steps);
}

/// What lanes keep beside the stream: read once it is done, and stored and
/// loaded with every chunk where the array keeps an operand instead.
void TrafficModel::addResult(const KernelTensor &tensor) {
  const GraphNode &maker =
      kernel.graph.getNodes()[*kernel.graph.getTensors()[tensor.id].node];
  for (unsigned reader : tensor.readers)
    if (maker.loop && kernel.graph.getNodes()[reader].loop != maker.loop)
      addBuffer(tensor.bytes, 0);
  bool hasStationary =
      choice && llvm::any_of(maker.accesses, [&](const GraphAccess &access) {
        return llvm::is_contained(
            choice->stationary, kernel.graph.getTensors()[access.tensor].name);
      });
  if (tensor.kind != KernelTensor::Accumulator || !hasStationary)
    return;
  double chunks =
      std::ceil(double(kernel.getExtent(kernel.stream)) / kernel.machine.chunk);
  addBuffer(tensor.bytes * chunks, tensor.bytes * chunks);
}

/// What one Einsum makes along the stream and another reads. Within a step of
/// an attn.stream, and between Einsums of one unit in one phase, it is at hand
/// in the array.
void TrafficModel::addIntermediate(const KernelTensor &tensor) {
  unsigned maker = *kernel.graph.getTensors()[tensor.id].node;
  if (kernel.graph.getNodes()[maker].loop)
    return;
  auto getPhase = [&](unsigned id) {
    return traversals
        .getAvailability(kernel.graph.getNodes()[id].op, kernel.stream)
        .phase;
  };
  llvm::SmallDenseSet<unsigned> phases;
  unsigned numReads = 0, numApart = 0;
  for (unsigned reader : tensor.readers) {
    if (units.lookup(reader) == units.lookup(maker) &&
        getPhase(reader) == getPhase(maker)) {
      numApart +=
          choice && llvm::is_contained(choice->apart,
                                       kernel.graph.getNodes()[reader].name);
      continue;
    }
    ++numReads;
    phases.insert(getPhase(reader));
  }
  if (numReads + numApart == 0)
    return;
  bool buffered = isBuffered(tensor);
  // Elsewhere its row is loaded once, and kept where another phase reads it
  // again.
  if (buffered || phases.size() > 1)
    addBuffer((numReads + numApart) * tensor.bytes, tensor.bytes);
  double spilled = !buffered ? 1 : choice ? choice->spilled : 0;
  cost.memories.front().bytesWritten += spilled * tensor.bytes;
  cost.memories.front().bytesRead +=
      spilled * (buffered ? numReads : 1) * tensor.bytes;
}

void TrafficModel::run() {
  for (const MachineMemory &memory : memories)
    cost.memories.push_back({memory.name, 0, 0, std::nullopt, 0});
  chooseBlocks();
  for (const KernelTensor &tensor : kernel.tensors) {
    switch (tensor.kind) {
    case KernelTensor::Input:
      addInput(tensor);
      break;
    case KernelTensor::State:
      addState(tensor);
      break;
    case KernelTensor::Accumulator:
    case KernelTensor::Intermediate:
    case KernelTensor::Output:
      if (!kernel.graph.getTensors()[tensor.id].node)
        break; // An argument that the nest yields.
      if (kernel.hasStream(tensor))
        addIntermediate(tensor);
      else
        addResult(tensor);
      break;
    }
    // Results pass the buffer by.
    if (tensor.leaves)
      for (MemoryCost &memory : MutableArrayRef(cost.memories).drop_back())
        memory.bytesWritten += tensor.bytes;
  }
  for (auto [memory, moved] : llvm::zip(memories, cost.memories)) {
    if (memory.bytesPerSecond)
      moved.seconds =
          (moved.bytesRead + moved.bytesWritten) / *memory.bytesPerSecond;
    moved.joules = 1e-12 / memory.accessBytes *
                   (moved.bytesRead * memory.readPicojoules +
                    moved.bytesWritten * memory.writePicojoules);
  }
}

void attn::cost::estimateTraffic(const Kernel &kernel, const NodeUnits &units,
                                 TraversalAnalysis &traversals,
                                 const MappingChoice *choice,
                                 KernelCost &cost) {
  TrafficModel(kernel, units, traversals, choice, cost).run();
}
