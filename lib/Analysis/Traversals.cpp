//===- Traversals.cpp - How often each tensor must be walked --------------===//

#include "lib/Analysis/TraversalFacts.h"

using namespace mlir;
using namespace attn;

TraversalAnalysis::TraversalAnalysis(CascadeOp cascade) : graph(cascade) {
  readers.resize(graph.getTensors().size());
  for (auto [id, node] : llvm::enumerate(graph.getNodes()))
    if (!node.isDead)
      for (auto [position, access] : llvm::enumerate(node.accesses))
        readers[access.tensor].push_back({id, position});
}

TraversalAnalysis::~TraversalAnalysis() = default;

const TraversalAnalysis::Facts &TraversalAnalysis::getFacts(StringAttr rank,
                                                            bool ofChunk) {
  std::unique_ptr<Facts> &slot = facts[{rank, ofChunk}];
  if (!slot)
    slot = std::make_unique<Facts>(graph, readers, rank, ofChunk);
  return *slot;
}

unsigned TraversalAnalysis::getNumTraversals(StringAttr rank) {
  unsigned count = 0;
  for (const GraphTensor &tensor : graph.getTensors())
    if (!tensor.node && llvm::is_contained(getRanks(tensor.value), rank))
      count = std::max<unsigned>(
          count, getTraversals(tensor.value, rank).chain.size());
  return count;
}

unsigned TraversalAnalysis::getNumChunkPhases(StringAttr rank) {
  const Facts &found = getFacts(rank, /*ofChunk=*/true);
  unsigned count = 0;
  for (auto [id, node] : llvm::enumerate(graph.getNodes()))
    if (!node.isDead && found.getChunker(id) >= 0)
      count = std::max(count, found.available[id].phase + 1);
  return count;
}

unsigned TraversalAnalysis::getNumPhases(StringAttr rank) {
  const Facts &found = getFacts(rank, /*ofChunk=*/false);
  unsigned count = 0;
  for (auto [id, node] : llvm::enumerate(graph.getNodes()))
    if (!node.isDead && found.iterates[id])
      count = std::max(count, found.available[id].phase + 1);
  return count;
}

SmallVector<StringAttr> TraversalAnalysis::getVariables(StringAttr rank) {
  return llvm::to_vector(
      llvm::make_first_range(getFacts(rank, /*ofChunk=*/false).walkers));
}

SmallVector<StringAttr> TraversalAnalysis::getRanks(Value tensor) {
  std::optional<unsigned> id = graph.lookupTensor(tensor);
  if (!id)
    return {};
  auto type = cast<attn::TensorType>(tensor.getType());
  llvm::SmallSetVector<StringAttr, 8> ranks(type.getRanks().begin(),
                                            type.getRanks().end());
  unsigned numRanks = ranks.size();
  for (auto [node, position] : readers[*id])
    for (const IndexForm &index :
         graph.getNodes()[node].accesses[position].indices)
      for (StringAttr var : index.vars) {
        bool isKnown = llvm::any_of(
            ranks.getArrayRef().take_front(numRanks), [&](StringAttr rank) {
              return getFacts(rank, /*ofChunk=*/false).walks(var);
            });
        if (!isKnown)
          ranks.insert(var);
      }
  return ranks.takeVector();
}

TensorTraversals TraversalAnalysis::getTraversals(Value tensor,
                                                  StringAttr rank) {
  TensorTraversals result;
  std::optional<unsigned> id = graph.lookupTensor(tensor);
  if (!id)
    return result;
  const Facts &whole = getFacts(rank, /*ofChunk=*/false);
  for (auto [node, barrier] : whole.findChain(whole.findLineage(*id))) {
    bool isFirst = result.chain.empty();
    // A recurrence may begin with what reads the state: name who reads it.
    int carrier = whole.getCarrier(node);
    if (isFirst && carrier >= 0) {
      const auto *reader = llvm::find_if(readers[*id], [&](auto &reader) {
        return whole.getCarrier(reader.first) == carrier;
      });
      if (reader != readers[*id].end())
        node = reader->first;
    }
    result.chain.push_back({graph.getNodes()[node].op,
                            isFirst ? nullptr : graph.getNodes()[barrier].op});
  }
  if (llvm::any_of(graph.getLoops(), [&](const GraphLoop &loop) {
        return loop.isStream && whole.walks(loop.rank);
      })) {
    const Facts &chunk = getFacts(rank, /*ofChunk=*/true);
    result.ofEachChunk = chunk.findChain(chunk.findLineage(*id)).size();
  }
  llvm::SmallSetVector<StringAttr, 1> again;
  for (auto [node, position] : readers[*id]) {
    const GraphAccess &access = graph.getNodes()[node].accesses[position];
    if (!whole.isVisit(node, access))
      continue;
    result.isGathered |= llvm::any_of(
        access.indices, [&](auto &index) { return index.isGather; });
    if (graph.getNodes()[node].next)
      continue; // An initial value, read once.
    for (std::optional<unsigned> loop = graph.getNodes()[node].loop; loop;
         loop = graph.getLoops()[*loop].parent) {
      StringAttr carried = graph.getLoops()[*loop].rank;
      std::optional<unsigned> producer = graph.getTensors()[*id].node;
      bool isInside = producer && *producer >= graph.getLoops()[*loop].begin &&
                      *producer < graph.getLoops()[*loop].end;
      bool isAt = llvm::any_of(access.indices, [&](auto &index) {
        return index.vars.contains(carried);
      });
      if (!graph.getLoops()[*loop].isStream && !whole.walks(carried) &&
          !isInside && !isAt)
        again.insert(carried);
    }
  }
  result.again = again.takeVector();
  return result;
}

Footprint TraversalAnalysis::getFootprint(Value tensor, StringAttr rank) {
  Footprint footprint;
  std::optional<unsigned> id = graph.lookupTensor(tensor);
  if (!id)
    return footprint;
  const Facts &found = getFacts(rank, /*ofChunk=*/false);
  std::optional<unsigned> first, last;
  auto use = [&](unsigned node) {
    unsigned phase = found.delayed[node];
    first = std::min(first.value_or(phase), phase);
    last = std::max(last.value_or(phase), phase);
  };
  if (std::optional<unsigned> producer = graph.getTensors()[*id].node)
    use(*producer);
  auto type = cast<attn::TensorType>(tensor.getType());
  std::vector<bool> isReduced(type.getRanks().size());
  for (auto [node, position] : readers[*id]) {
    const GraphNode &reader = graph.getNodes()[node];
    const GraphAccess &access = reader.accesses[position];
    if (!found.isVisit(node, access))
      continue;
    use(node);
    for (auto [dim, index] : llvm::enumerate(access.indices)) {
      isReduced[dim] =
          isReduced[dim] || llvm::any_of(index.vars, [&](StringAttr var) {
            return !reader.out.contains(var);
          });
      if (!found.walks(index))
        continue;
      isReduced[dim] = true;
      // The shift, and the length of a window such as `m + w`.
      footprint.reach = std::max(footprint.reach, std::abs(index.shift));
      for (auto &[var, stride] : index.terms)
        if (stride == Stride() && index.terms.size() > 1 &&
            index.lookup(rank) && var != rank)
          if (std::optional<int64_t> extent = graph.getFixedExtent(var))
            footprint.reach =
                std::max(footprint.reach, std::abs(index.shift) + *extent - 1);
    }
  }
  footprint.isWhole = first != last;
  if (!footprint.isWhole)
    return footprint;
  footprint.reach = 0;
  for (auto [dim, name] : llvm::enumerate(type.getRanks()))
    if (isReduced[dim] || found.walks(name))
      footprint.extents.push_back(name);
  return footprint;
}

Availability TraversalAnalysis::getAvailability(Operation *op, StringAttr rank,
                                                bool ofChunk) {
  std::optional<unsigned> node = graph.lookupNode(op);
  return node ? getFacts(rank, ofChunk).available[*node] : Availability();
}

bool TraversalAnalysis::waits(unsigned node, unsigned access, StringAttr rank,
                              bool ofChunk) {
  return getFacts(rank, ofChunk).waits(node, access);
}

bool TraversalAnalysis::isDead(Operation *op) const {
  std::optional<unsigned> node = graph.lookupNode(op);
  return !node || graph.getNodes()[*node].isDead;
}
