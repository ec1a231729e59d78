//===- CostTiles.cpp - The bytes that loops over tiles move ---------------===//
//
// Reuse distances at the granularity of tiles. Whether a cache still has a tile
// depends on the bytes that were touched since. Within one turn of the
// innermost loop that is counted Einsum by Einsum (Mattson et al., "Evaluation
// techniques for storage hierarchies", 1970: of an LRU cache one pass over the
// accesses tells all); a tensor that a loop leaves alone stays over its turns
// if one turn's bytes fit. What is made and read within a turn lies where the
// last turn's lay.
//
//===----------------------------------------------------------------------===//

#include "lib/Machine/CostTiles.h"

using namespace mlir;
using namespace attn;
using namespace attn::cost;

namespace {

class TileModel {
public:
  TileModel(const Kernel &kernel, CallCounts &call, const CascadeCounts &counts,
            const Tiling &tiling);
  TileTraffic run();

private:
  /// An Einsum touches the tile of a place; it reads it, or writes it.
  struct Touch {
    unsigned place;
    bool writes;
  };

  void findPlaces();
  double getVisitedShare(CallCounts &call, const CascadeCounts &counts) const;
  double getTrips(unsigned loop) const;
  double getBytes(unsigned place, unsigned depth) const;
  double getFootprint(unsigned depth) const;
  bool varies(unsigned place, unsigned loop) const {
    return kernel.tensors[place].ranks.contains(tiling.loops[loop].first);
  }
  void findScratch();
  /// The loops around a node, as how many of all from the outermost.
  unsigned getDepth(const GraphNode &node) const;
  llvm::SmallDenseMap<unsigned, double> getMisses(unsigned depth,
                                                  double capacity) const;
  double getTraffic(double capacity) const;

  const Kernel &kernel;
  const Tiling &tiling;
  double share;
  /// Of each tensor of the graph: a position in `kernel.tensors`.
  llvm::SmallDenseMap<unsigned, unsigned> placeOf;
  /// The places of what no other turn of the loops around it reads.
  llvm::SmallDenseSet<unsigned> scratch;
};

} // namespace

TileModel::TileModel(const Kernel &kernel, CallCounts &call,
                     const CascadeCounts &counts, const Tiling &tiling)
    : kernel(kernel), tiling(tiling), share(getVisitedShare(call, counts)) {
  findPlaces();
  findScratch();
}

/// Of all turns of the loops, the share that filters leave.
double TileModel::getVisitedShare(CallCounts &call,
                                  const CascadeCounts &counts) const {
  std::optional<double> largest;
  for (auto [id, set] : llvm::enumerate(counts.getPointSets())) {
    double all = 1;
    for (StringAttr var : set.vars)
      all *= double(llvm::divideCeil(kernel.getExtent(var),
                                     call.getExtents().getTile(var.str()))) *
             call.getExtents().getTile(var.str());
    if (kernel.stream && llvm::is_contained(set.vars, kernel.stream))
      largest = std::max(largest.value_or(0), call.count(id).points / all);
  }
  return largest.value_or(1);
}

/// What takes the place of something else has no place of its own: the next
/// value of a state, a partial result that is added to one, the result of the
/// last Einsum that reads an operand of the same shape.
void TileModel::findPlaces() {
  for (auto [position, tensor] : llvm::enumerate(kernel.tensors))
    placeOf[tensor.id] = position;
  auto replace = [&](unsigned tensor, unsigned by) {
    unsigned from = placeOf.lookup(tensor), to = placeOf.lookup(by);
    for (auto &[id, place] : placeOf)
      if (place == from)
        place = to;
  };
  for (const KernelTensor &tensor : kernel.tensors) {
    auto maker = kernel.graph.getTensors()[tensor.id].node;
    if (!maker || !kernel.contains(*maker))
      continue;
    const GraphNode &node = kernel.graph.getNodes()[*maker];
    if (node.isCopy && node.next && placeOf.contains(*node.next))
      replace(*node.next, tensor.id);
  }
  // Backwards: what is added to a state is itself the end of something.
  for (const KernelTensor &tensor : llvm::reverse(kernel.tensors)) {
    auto maker = kernel.graph.getTensors()[tensor.id].node;
    if (!maker || !kernel.contains(*maker) || tensor.readers.empty() ||
        tensor.kind == KernelTensor::State)
      continue;
    unsigned last = *llvm::max_element(tensor.readers);
    for (const KernelTensor &result : kernel.tensors)
      if (kernel.graph.getTensors()[result.id].node == last &&
          result.id != tensor.id &&
          result.ranks.getArrayRef() == tensor.ranks.getArrayRef() &&
          kernel.graph.getNodes()[last].loop ==
              kernel.graph.getNodes()[*maker].loop)
        replace(tensor.id, result.id);
  }
}

void TileModel::findScratch() {
  for (auto [id, place] : placeOf)
    scratch.insert(place);
  for (const KernelTensor &tensor : kernel.tensors) {
    auto maker = kernel.graph.getTensors()[tensor.id].node;
    bool isLocal =
        tensor.kind == KernelTensor::Intermediate && !tensor.leaves &&
        llvm::all_of(tensor.readers, [&](unsigned reader) {
          const GraphNode &node = kernel.graph.getNodes()[reader];
          return !node.isCopy &&
                 getDepth(node) == getDepth(kernel.graph.getNodes()[*maker]);
        });
    if (!isLocal)
      scratch.erase(placeOf.lookup(tensor.id));
  }
}

double TileModel::getTrips(unsigned loop) const {
  auto [rank, size] = tiling.loops[loop];
  return std::ceil(double(kernel.getExtent(rank)) / size);
}

/// The bytes of a tensor that the loops from `depth` inwards touch.
double TileModel::getBytes(unsigned place, unsigned depth) const {
  const KernelTensor &tensor = kernel.tensors[place];
  double bytes = cast<attn::TensorType>(
                     kernel.graph.getTensors()[tensor.id].value.getType())
                     .getElementType()
                     .getIntOrFloatBitWidth() /
                 8.0;
  for (StringAttr rank : tensor.ranks) {
    double extent = kernel.getExtent(rank);
    for (auto [loop, size] : ArrayRef(tiling.loops).take_front(depth))
      if (loop == rank)
        extent = std::min<double>(extent, size);
    bytes *= extent;
  }
  return bytes;
}

double TileModel::getFootprint(unsigned depth) const {
  llvm::SmallDenseSet<unsigned> places;
  for (auto [id, place] : placeOf)
    places.insert(place);
  double bytes = 0;
  for (unsigned place : places)
    bytes += getBytes(place, depth);
  return bytes;
}

unsigned TileModel::getDepth(const GraphNode &node) const {
  unsigned depth = 0;
  for (auto [i, loop] : llvm::enumerate(tiling.loops)) {
    bool isAround = kernel.parallel.contains(loop.first);
    for (auto id = node.loop; id; id = kernel.graph.getLoops()[*id].parent)
      isAround |= kernel.graph.getLoops()[*id].rank == loop.first;
    if (isAround)
      depth = i + 1;
  }
  return depth;
}

/// The bytes that one turn of the loop at `depth` moves into a cache, by place,
/// once the loop runs.
llvm::SmallDenseMap<unsigned, double>
TileModel::getMisses(unsigned depth, double capacity) const {
  SmallVector<Touch> touches;
  for (unsigned id : kernel.nodes) {
    const GraphNode &node = kernel.graph.getNodes()[id];
    if (node.isCopy || getDepth(node) != depth)
      continue;
    for (const GraphAccess &access : node.accesses)
      touches.push_back({placeOf.lookup(access.tensor), false});
    for (const KernelTensor &tensor : kernel.tensors)
      if (kernel.graph.getTensors()[tensor.id].node == id)
        touches.push_back({placeOf.lookup(tensor.id), true});
  }
  // The most recent last; what is written has to be moved back.
  SmallVector<unsigned> recent;
  llvm::SmallDenseSet<unsigned> dirty;
  llvm::SmallDenseMap<unsigned, double> misses;
  for (unsigned turn = 0; turn < 2; ++turn) {
    misses.clear();
    // In a further turn other coordinates are at hand.
    llvm::erase_if(recent, [&](unsigned place) {
      return depth && varies(place, depth - 1) && !scratch.contains(place);
    });
    for (auto [place, writes] : touches) {
      double bytes = getBytes(place, depth), since = bytes;
      auto found = llvm::find(recent, place);
      bool isKnown = found != recent.end();
      for (unsigned other :
           llvm::make_range(isKnown ? found + 1 : recent.end(), recent.end()))
        since += getBytes(other, depth);
      misses.try_emplace(place, 0);
      if (!isKnown || since > capacity)
        misses[place] += dirty.erase(place) ? 2 * bytes : bytes;
      if (isKnown)
        recent.erase(found);
      recent.push_back(place);
      if (writes)
        dirty.insert(place);
    }
  }
  return misses;
}

double TileModel::getTraffic(double capacity) const {
  unsigned numGrid = llvm::count_if(tiling.loops, [&](auto &loop) {
    return kernel.parallel.contains(loop.first);
  });
  double total = 0;
  for (unsigned depth = numGrid; depth <= tiling.loops.size(); ++depth)
    for (auto [place, missed] : getMisses(depth, capacity)) {
      double bytes = missed;
      for (unsigned loop = depth; loop-- > 0;) {
        bool isInner = loop + 1 == depth;
        if (isInner && missed == 0)
          bytes = getBytes(place, depth);
        else if (scratch.contains(place)
                     ? missed > 0
                     : isInner || varies(place, loop) ||
                           getFootprint(loop + 1) > capacity)
          bytes *= getTrips(loop);
      }
      total += bytes * (depth > numGrid ? share : 1);
    }
  return total;
}

TileTraffic TileModel::run() {
  TileTraffic traffic;
  const MachineDescription &machine = kernel.machine;
  for (const MachineMemory &inner : llvm::drop_begin(machine.memories))
    traffic.bytes.push_back(getTraffic(*inner.bytes));
  if (machine.processor)
    traffic.bytes.push_back(getTraffic(machine.processor->l1Bytes));
  traffic.turnBytes = getFootprint(tiling.loops.size());
  for (unsigned id : kernel.nodes) {
    const GraphNode &node = kernel.graph.getNodes()[id];
    if (node.isCopy)
      continue;
    double starts = node.loop ? share : 1;
    for (unsigned loop = 0; loop < getDepth(node); ++loop)
      starts *= getTrips(loop);
    traffic.numStarts += starts;
  }
  return traffic;
}

TileTraffic cost::estimateTileTraffic(const Kernel &kernel, CallCounts &call,
                                      const CascadeCounts &counts,
                                      const Tiling &tiling) {
  return TileModel(kernel, call, counts, tiling).run();
}
