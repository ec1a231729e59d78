//===- TraversalPhases.cpp - In which phase an Einsum runs ----------------===//

#include "lib/Analysis/TraversalFacts.h"

using namespace mlir;
using namespace attn;

/// Calls `update` for every live node from `begin` on, and again for the body
/// of a loop that carries the rank until nothing changes. No barrier is inside
/// of it, so a value goes round once for each state at most.
void TraversalAnalysis::Facts::sweep(
    unsigned begin, llvm::function_ref<bool(unsigned)> update) const {
  ArrayRef<GraphNode> nodes = graph.getNodes();
  SmallVector<unsigned> ends; // Loops that end after a node, innermost first.
  for (unsigned id = begin; id < nodes.size();) {
    if (!nodes[id].isDead)
      update(id);
    ++id;
    // Back to the body's begin if a state's next value is news to the state.
    for (std::optional<unsigned> loop = nodes[id - 1].loop; loop;
         loop = graph.getLoops()[*loop].parent) {
      const GraphLoop &ended = graph.getLoops()[*loop];
      if (ended.end != id)
        break;
      if (carriers[*loop] != int(*loop))
        continue;
      bool changed = false;
      for (unsigned state = std::max(begin, ended.begin);
           state < id && nodes[state].isCopy; ++state)
        changed |= !nodes[state].isDead && update(state);
      if (changed) {
        id = std::max(begin, ended.begin);
        break;
      }
    }
  }
}

bool TraversalAnalysis::Facts::updateAvailability(unsigned id) {
  const GraphNode &node = graph.getNodes()[id];
  Availability result;
  bool isEnd = false;
  unsigned source = id;
  std::optional<unsigned> barrier;
  auto raise = [&](unsigned phase, unsigned from, bool isBarrier) {
    if (phase > result.phase || (isEnd && source == id && !iterates[id])) {
      barrier = isBarrier ? std::optional(from) : std::nullopt;
      if (!iterates[id])
        source = from;
    }
    result.phase = std::max(result.phase, phase);
  };
  for (auto [access, edge] : llvm::zip(node.accesses, edges[id])) {
    if (edge == EdgeKind::None)
      continue;
    unsigned producer = *graph.getTensors()[access.tensor].node;
    const Availability &read = available[producer];
    bool waits = isBarrier(edge, producer);
    if (waits)
      isEnd = true;
    if (waits || edge == EdgeKind::Aligned)
      raise(read.phase + (waits && iterates[id]), sources[producer], waits);
  }
  int carrier = getCarrier(id);
  if (node.next && carrier >= 0) {
    std::optional<unsigned> next = graph.getTensors()[*node.next].node;
    if (next && getCarrier(*next) == carrier)
      raise(available[*next].phase, *next, false);
  }
  if (iterates[id])
    result.kind =
        carrier >= 0 || llvm::any_of(node.out,
                                     [&](StringAttr var) { return walks(var); })
            ? Availability::Stream
            : Availability::End;
  else if (isEnd)
    result.kind = Availability::End;
  if (iterates[id] && result.phase && barrier)
    result.barrier = graph.getNodes()[*barrier].op;
  Availability &old = available[id];
  bool changed = old.kind != result.kind || old.phase != result.phase;
  old = result;
  sources[id] = source;
  return changed;
}

/// A projection of the values, say, waits until they are needed: it reads only
/// what nothing else reads before.
void TraversalAnalysis::Facts::delay(const Readers &readers) {
  constexpr unsigned maxReaders = 16; // Of one tensor; then nothing waits.
  unsigned numNodes = graph.getNodes().size();
  constexpr unsigned never = ~0u;
  std::vector<unsigned> wanted(numNodes, never);
  delayed.resize(numNodes);
  for (unsigned id = 0; id < numNodes; ++id)
    delayed[id] = available[id].phase;
  for (unsigned id = numNodes; id-- > 0;) {
    const GraphNode &node = graph.getNodes()[id];
    if (node.isDead)
      continue;
    bool mayWait = wanted[id] != never && wanted[id] > delayed[id] &&
                   available[id].kind == Availability::Stream &&
                   getCarrier(id) < 0;
    // A kernel loads again what another one has loaded.
    auto isInOtherNest = [&](unsigned other) {
      return graph.getNodes()[other].op->getParentOfType<NestOp>() !=
             node.op->getParentOfType<NestOp>();
    };
    for (const GraphAccess &access : node.accesses) {
      ArrayRef<std::pair<unsigned, unsigned>> others = readers[access.tensor];
      mayWait = mayWait && (!isVisit(id, access) ||
                            (others.size() <= maxReaders &&
                             llvm::all_of(others, [&](auto &other) {
                               return other.first == id ||
                                      delayed[other.first] >= wanted[id] ||
                                      isInOtherNest(other.first);
                             })));
    }
    if (mayWait)
      delayed[id] = wanted[id];
    for (auto [access, edge] : llvm::zip(node.accesses, edges[id]))
      if (std::optional<unsigned> producer =
              graph.getTensors()[access.tensor].node) {
        bool waits = edge == EdgeKind::Barrier && iterates[id];
        wanted[*producer] = std::min(wanted[*producer], delayed[id] - waits);
      }
  }
}

TraversalAnalysis::Facts::Facts(const CascadeGraph &graph,
                                const Readers &readers, StringAttr rank,
                                bool ofChunk)
    : graph(graph), rank(rank), ofChunk(ofChunk) {
  findWalkers();
  findLoops();
  unsigned numNodes = graph.getNodes().size();
  iterates.resize(numNodes);
  edges.resize(numNodes);
  available.resize(numNodes);
  sources.resize(numNodes);
  for (auto [id, node] : llvm::enumerate(graph.getNodes())) {
    sources[id] = id;
    auto gathersRank = [&](const GraphAccess &access) {
      auto type = cast<attn::TensorType>(
          graph.getTensors()[access.tensor].value.getType());
      return llvm::any_of(
          llvm::zip(type.getRanks(), access.indices), [&](auto pair) {
            return walks(std::get<0>(pair)) && std::get<1>(pair).isGather;
          });
    };
    iterates[id] =
        getCarrier(id) >= 0 ||
        llvm::any_of(node.vars, [&](StringAttr var) { return walks(var); }) ||
        llvm::any_of(node.accesses, gathersRank);
    for (const GraphAccess &access : node.accesses)
      edges[id].push_back(classify(id, access));
  }
  sweep(0, [&](unsigned id) { return updateAvailability(id); });
  delay(readers);
}

bool TraversalAnalysis::Facts::waits(unsigned node, unsigned access) const {
  const GraphAccess &read = graph.getNodes()[node].accesses[access];
  std::optional<unsigned> producer = graph.getTensors()[read.tensor].node;
  return producer && iterates[node] &&
         isBarrier(edges[node][access], *producer);
}
