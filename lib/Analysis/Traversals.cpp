//===- Traversals.cpp - How often each tensor must be walked --------------===//

#include "lib/Analysis/Traversals.h"

using namespace mlir;
using namespace attn;

namespace {

/// A variable that walks a rank: by `stride` coordinates of it a step. With all
/// of `inner` it comes to every coordinate.
struct Walker {
  Stride stride;
  SmallVector<StringAttr, 1> inner;
};

/// `var` walks `rank`, found in an index or on a left-hand side.
struct Relation {
  StringAttr rank, var;
  Stride stride;
  SmallVector<StringAttr, 1> inner;
};

/// What an access asks of the node that it reads from.
enum class EdgeKind {
  None,    ///< Nothing: an argument, or another chunk.
  Aligned, ///< The coordinate at hand, and what lies near it.
  Barrier, ///< All coordinates of the rank.
  Inherit, ///< What the node itself waits for.
};

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

/// What holds for one rank.
struct TraversalAnalysis::Facts {
  Facts(const CascadeGraph &graph, const Readers &readers, StringAttr rank,
        bool ofChunk);

  bool walks(StringAttr var) const { return walkers.contains(var); }
  bool walks(const IndexForm &index) const {
    return llvm::any_of(index.vars, [&](StringAttr var) { return walks(var); });
  }
  template <typename Range> bool reachesAll(const Range &vars) const;
  bool isVisit(unsigned node, const GraphAccess &access) const;
  bool isElementVisit(unsigned node, const GraphAccess &access) const;
  bool keepsElements(unsigned node) const;
  template <typename Fn> void sweep(unsigned begin, Fn update) const;
  std::vector<bool> findLineage(unsigned tensor) const;
  SmallVector<std::pair<unsigned, unsigned>>
  findChain(const std::vector<bool> &members) const;

  const CascadeGraph &graph;
  StringAttr rank;
  bool ofChunk;
  llvm::MapVector<StringAttr, Walker> walkers;
  /// For each loop, the outermost one around it that carries the rank, and the
  /// stream that cuts it into chunks.
  std::vector<int> carriers, chunkers;
  std::vector<bool> iterates;
  std::vector<SmallVector<EdgeKind, 3>> edges;
  std::vector<Availability> available;
  /// The node that walks the rank and that a node waits for: itself, if it
  /// walks it.
  std::vector<unsigned> sources;
  /// The phase of each node, delayed to that of its readers where nothing has
  /// to be kept for it instead.
  std::vector<unsigned> delayed;

  int getCarrier(unsigned node) const {
    return graph.getNodes()[node].loop ? carriers[*graph.getNodes()[node].loop]
                                       : -1;
  }
  int getChunker(unsigned node) const {
    return graph.getNodes()[node].loop ? chunkers[*graph.getNodes()[node].loop]
                                       : -1;
  }
  /// Whether an access of this kind needs all of the rank to have gone into
  /// the node that it reads.
  bool isBarrier(EdgeKind edge, unsigned producer) const {
    return edge == EdgeKind::Barrier ||
           (edge == EdgeKind::Inherit &&
            available[producer].kind == Availability::End);
  }
  /// Whether that holds the node up, which walks the rank.
  bool waits(unsigned node, unsigned access) const;

private:
  void findWalkers();
  void findLoops();
  bool isAligned(const GraphTensor &tensor, const GraphAccess &access) const;
  bool isAligned(ArrayRef<StringAttr> dim, const IndexForm &index) const;
  EdgeKind classify(unsigned node, const GraphAccess &access) const;
  bool updateAvailability(unsigned node);
  void delay(const Readers &readers);
};

//===----------------------------------------------------------------------===//
// Which variables walk a rank
//===----------------------------------------------------------------------===//

/// The variable with the longest stride walks the tiles, the others are inside.
static std::optional<Relation> getRelation(StringAttr rank,
                                           const IndexForm &index) {
  // What else it depends on, a rounded rest, may only come with a shift.
  if (index.terms.empty() || index.isGather ||
      index.vars.size() != index.terms.size() || index.lookup(rank))
    return std::nullopt;
  auto *longest = index.terms.begin();
  for (auto &term : index.terms)
    if (term.second.isLongerThan(longest->second))
      longest = &term;
  Relation relation{rank, longest->first, longest->second, {}};
  for (auto &term : index.terms) {
    if (&term == longest)
      continue;
    if (!longest->second.isLongerThan(term.second))
      return std::nullopt;
    relation.inner.push_back(term.first);
  }
  return relation;
}

static std::vector<Relation> getRelations(const CascadeGraph &graph) {
  std::vector<Relation> relations;
  llvm::DenseSet<std::pair<StringAttr, StringAttr>> seen;
  auto add = [&](StringAttr rank, const IndexForm &index) {
    std::optional<Relation> relation = getRelation(rank, index);
    if (relation && seen.insert({rank, relation->var}).second)
      relations.push_back(*relation);
  };
  for (const GraphNode &node : graph.getNodes())
    for (const GraphAccess &access : node.accesses) {
      auto type = cast<attn::TensorType>(
          graph.getTensors()[access.tensor].value.getType());
      for (auto [rank, index] : llvm::zip(type.getRanks(), access.indices))
        add(rank, index);
    }
  for (const GraphTensor &tensor : graph.getTensors()) {
    auto type = cast<attn::TensorType>(tensor.value.getType());
    for (auto [rank, dim] : llvm::zip(type.getRanks(), tensor.dims)) {
      if (dim.size() < 2)
        continue;
      IndexForm group;
      Stride stride;
      for (StringAttr var : llvm::reverse(dim)) {
        group.terms.push_back({var, stride});
        group.vars.insert(var);
        stride = stride * graph.getExtent(var);
      }
      add(rank, group);
    }
  }
  return relations;
}

/// Whether some node has both as variables: they walk apart.
static bool meet(const CascadeGraph &graph, StringAttr a, StringAttr b) {
  return llvm::any_of(graph.getNodes(), [&](const GraphNode &node) {
    return !node.isCopy && node.vars.contains(a) && node.vars.contains(b);
  });
}

void TraversalAnalysis::Facts::findWalkers() {
  std::vector<Relation> relations = getRelations(graph);
  walkers[rank] = {};
  // Every relation adds one variable at most.
  bool changed = true;
  auto add = [&](StringAttr var, Stride stride, ArrayRef<StringAttr> inner) {
    if (walks(var) || llvm::any_of(walkers, [&](auto &walker) {
          return meet(graph, var, walker.first) ||
                 llvm::is_contained(inner, walker.first) ||
                 llvm::is_contained(walker.second.inner, var);
        }))
      return;
    walkers[var] = {stride, SmallVector<StringAttr, 1>(inner)};
    changed = true;
  };
  while (std::exchange(changed, false))
    for (const Relation &relation : relations) {
      if (walks(relation.rank))
        add(relation.var, relation.stride * walkers[relation.rank].stride,
            relation.inner);
      else if (walks(relation.var))
        add(relation.rank,
            walkers[relation.var].stride * relation.stride.inverse(), {});
    }
}

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

//===----------------------------------------------------------------------===//
// Edges
//===----------------------------------------------------------------------===//

void TraversalAnalysis::Facts::findLoops() {
  for (auto [id, loop] : llvm::enumerate(graph.getLoops())) {
    int carrier = loop.parent ? carriers[*loop.parent] : -1;
    int chunker = loop.parent ? chunkers[*loop.parent] : -1;
    if (walks(loop.rank)) {
      bool isChunked = loop.isStream && ofChunk;
      if (isChunked)
        chunker = id;
      else if (carrier < 0)
        carrier = id;
    }
    carriers.push_back(carrier);
    chunkers.push_back(chunker);
  }
}

/// Whether what is written at `dim` and read at `index` lies a bounded number
/// of coordinates from the coordinate at hand.
bool TraversalAnalysis::Facts::isAligned(ArrayRef<StringAttr> dim,
                                         const IndexForm &index) const {
  if (!index.isLinear || index.isGather)
    return false;
  const auto *term =
      llvm::find_if(index.terms, [&](auto &term) { return walks(term.first); });
  if (term == index.terms.end())
    return false;
  // How far a step of the walking variable of `dim` and one of each of its
  // others moves.
  Stride unit, written;
  SmallVector<std::pair<StringAttr, Stride>> others;
  for (StringAttr var : llvm::reverse(dim)) {
    if (auto it = walkers.find(var); it != walkers.end())
      written = it->second.stride * unit.inverse();
    else
      others.push_back({var, unit});
    unit = unit * graph.getExtent(var);
  }
  if (!(term->second * written == walkers.lookup(term->first).stride))
    return false;
  return llvm::all_of(index.terms, [&](auto &other) {
    return &other == term || llvm::is_contained(others, other) ||
           (!walks(other.first) && graph.getFixedExtent(other.first)) ||
           llvm::is_contained(walkers.lookup(term->first).inner, other.first);
  });
}

bool TraversalAnalysis::Facts::isAligned(const GraphTensor &tensor,
                                         const GraphAccess &access) const {
  bool isWalked = false;
  for (auto [dim, index] : llvm::zip(tensor.dims, access.indices)) {
    if (llvm::none_of(dim, [&](StringAttr var) { return walks(var); }))
      continue;
    isWalked = true;
    if (!isAligned(dim, index))
      return false;
  }
  return isWalked;
}

EdgeKind TraversalAnalysis::Facts::classify(unsigned node,
                                            const GraphAccess &access) const {
  const GraphTensor &tensor = graph.getTensors()[access.tensor];
  if (!tensor.node)
    return EdgeKind::None;
  unsigned producer = *tensor.node;
  // Of a chunk, all that is outside is there before it starts.
  if (ofChunk &&
      (getChunker(node) < 0 || getChunker(producer) != getChunker(node)))
    return iterates[producer] && getChunker(producer) < 0 ? EdgeKind::Aligned
                                                          : EdgeKind::None;
  if (getCarrier(producer) >= 0 && getCarrier(producer) == getCarrier(node))
    return EdgeKind::Aligned;
  if (!iterates[producer])
    return EdgeKind::Inherit;
  return isAligned(tensor, access) ? EdgeKind::Aligned : EdgeKind::Barrier;
}

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

/// Calls `update` for every live node from `begin` on, and again for the body
/// of a loop that carries the rank until nothing changes. No barrier is inside
/// of it, so a value goes round once for each state at most.
template <typename Fn>
void TraversalAnalysis::Facts::sweep(unsigned begin, Fn update) const {
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

//===----------------------------------------------------------------------===//
// Chains
//===----------------------------------------------------------------------===//

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

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

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
