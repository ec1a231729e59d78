//===- TraversalChains.cpp - Einsums that wait for each other -------------===//

#include "lib/Analysis/TraversalFacts.h"

using namespace mlir;
using namespace attn;

namespace {
/// The longest chains that lead to a node: any, and those with a barrier behind
/// their last member.
struct Chains {
  unsigned any = 0, beyond = 0;
  /// The last members, and the node whose result the barrier waits for.
  unsigned anyLast = 0, beyondLast = 0, barrier = 0;
};

/// The chain up to a member.
struct Member {
  unsigned count = 0, previous = 0, barrier = 0;
};
} // namespace

/// Whether points with these variables come to every coordinate of the rank,
/// and not to its tiles only.
template <typename Range>
bool TraversalAnalysis::Facts::reachesAll(const Range &vars) const {
  return llvm::any_of(walkers, [&](auto &entry) {
    auto &[var, walker] = entry;
    if (!llvm::is_contained(vars, var))
      return false;
    if (walker.inner.empty())
      return walker.stride.isAtMostOne();
    return llvm::all_of(walker.inner, [&](StringAttr inner) {
      return llvm::is_contained(vars, inner);
    });
  });
}

/// Whether the access walks its tensor over the rank.
bool TraversalAnalysis::Facts::isVisit(unsigned node,
                                       const GraphAccess &access) const {
  const GraphTensor &tensor = graph.getTensors()[access.tensor];
  if (tensor.node && getCarrier(node) >= 0 &&
      getCarrier(*tensor.node) == getCarrier(node))
    return true;
  auto type = cast<attn::TensorType>(tensor.value.getType());
  return llvm::any_of(llvm::zip(type.getRanks(), access.indices),
                      [&](auto pair) {
                        auto &[rank, index] = pair;
                        return walks(index) || (index.isGather && walks(rank));
                      });
}

/// Whether it comes to the tensor's elements, and not only to what is left of
/// its tiles.
bool TraversalAnalysis::Facts::isElementVisit(unsigned node,
                                              const GraphAccess &access) const {
  return isVisit(node, access) &&
         (reachesAll(graph.getNodes()[node].vars) ||
          llvm::any_of(access.indices,
                       [&](const IndexForm &index) { return index.isGather; }));
}

/// Whether the result still has a coordinate for each of the rank's.
bool TraversalAnalysis::Facts::keepsElements(unsigned node) const {
  return reachesAll(graph.getNodes()[node].out);
}

/// The nodes that come to the elements of `tensor`.
std::vector<bool> TraversalAnalysis::Facts::findLineage(unsigned tensor) const {
  ArrayRef<GraphNode> nodes = graph.getNodes();
  std::vector<bool> lineage(nodes.size()), kept(nodes.size());
  unsigned begin = graph.getTensors()[tensor].node.value_or(0);
  sweep(begin, [&](unsigned id) {
    bool isIn = lineage[id];
    for (auto [access, edge] : llvm::zip(nodes[id].accesses, edges[id])) {
      std::optional<unsigned> producer = graph.getTensors()[access.tensor].node;
      if (access.tensor == tensor)
        isIn |= isVisit(id, access);
      else if (producer && kept[*producer] && edge != EdgeKind::None)
        isIn |= isElementVisit(id, access);
    }
    int carrier = getCarrier(id);
    if (nodes[id].next && carrier >= 0) {
      std::optional<unsigned> next = graph.getTensors()[*nodes[id].next].node;
      isIn |= next && kept[*next] && getCarrier(*next) == carrier;
    }
    bool changed = isIn != lineage[id];
    lineage[id] = isIn;
    kept[id] = isIn && keepsElements(id);
    return changed;
  });
  return lineage;
}

/// The longest chain of members, each with the node that it waits for.
SmallVector<std::pair<unsigned, unsigned>>
TraversalAnalysis::Facts::findChain(const std::vector<bool> &members) const {
  ArrayRef<GraphNode> nodes = graph.getNodes();
  std::vector<Chains> chains(nodes.size());
  std::vector<Member> found(nodes.size());
  unsigned begin = llvm::find(members, true) - members.begin();
  sweep(begin, [&](unsigned id) {
    Chains best;
    auto follow = [&](unsigned producer, bool isBarrier) {
      const Chains &from = chains[producer];
      if (from.any > best.any) {
        best.any = from.any;
        best.anyLast = from.anyLast;
      }
      if (isBarrier && from.any > best.beyond) {
        best.beyond = from.any;
        best.beyondLast = from.anyLast;
        best.barrier = sources[producer];
      } else if (from.beyond > best.beyond) {
        best.beyond = from.beyond;
        best.beyondLast = from.beyondLast;
        best.barrier = from.barrier;
      }
    };
    for (auto [access, edge] : llvm::zip(nodes[id].accesses, edges[id])) {
      if (edge == EdgeKind::None)
        continue;
      unsigned producer = *graph.getTensors()[access.tensor].node;
      follow(producer, isBarrier(edge, producer) && iterates[id]);
    }
    int carrier = getCarrier(id);
    if (nodes[id].next && carrier >= 0) {
      std::optional<unsigned> next = graph.getTensors()[*nodes[id].next].node;
      if (next && getCarrier(*next) == carrier)
        follow(*next, /*isBarrier=*/false);
    }
    if (members[id] && !nodes[id].isCopy && (!ofChunk || getChunker(id) >= 0)) {
      found[id] = {best.beyond + 1, best.beyondLast, best.barrier};
      if (found[id].count > best.any) {
        best.any = found[id].count;
        best.anyLast = id;
      }
    }
    bool changed =
        best.any != chains[id].any || best.beyond != chains[id].beyond;
    chains[id] = best;
    return changed;
  });
  auto last = std::max_element(
      found.begin(), found.end(),
      [](const Member &a, const Member &b) { return a.count < b.count; });
  SmallVector<std::pair<unsigned, unsigned>> chain;
  if (last == found.end() || last->count == 0)
    return chain;
  for (unsigned id = last - found.begin();; id = found[id].previous) {
    chain.push_back({id, found[id].barrier});
    if (found[id].count == 1)
      break;
  }
  std::reverse(chain.begin(), chain.end());
  return chain;
}
