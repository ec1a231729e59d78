//===- TraversalWalkers.cpp - Which variables walk a rank -----------------===//

#include "lib/Analysis/TraversalFacts.h"

using namespace mlir;
using namespace attn;

namespace {
/// `var` walks `rank`, found in an index or on a left-hand side.
struct Relation {
  StringAttr rank, var;
  Stride stride;
  SmallVector<StringAttr, 1> inner;
};
} // namespace

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
