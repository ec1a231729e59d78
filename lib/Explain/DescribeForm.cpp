//===- DescribeForm.cpp - A cascade at one stage, as data -----------------===//
//
// The traversal analysis of every rank, and the graph that the page draws.
//
//===----------------------------------------------------------------------===//

#include "lib/Explain/DescribeForm.h"
#include "lib/Analysis/Traversals.h"
#include "lib/Explain/DescribeCosts.h"

using namespace mlir;
using namespace attn;
using namespace attn::explain;

static std::vector<std::string> toStrings(ArrayRef<StringAttr> names) {
  std::vector<std::string> strings;
  for (StringAttr name : names)
    strings.push_back(name.str());
  return strings;
}

namespace {

class FormDescriber {
public:
  FormDescriber(CascadeOp cascade, const std::optional<CallExtents> &call)
      : cascade(cascade), call(call), lines(cascade), analysis(cascade) {}
  Form describe();

private:
  std::string getName(Operation *op) const;
  std::string getName(const GraphTensor &tensor) const;
  Live describeLive(Value tensor, StringAttr rank);
  Walk describeWalk(const GraphTensor &tensor, StringAttr rank);
  RankFacts describeRank(StringAttr rank);
  Graph describeGraph(ArrayRef<RankFacts> facts);
  void addNodes(Graph &graph);
  void addEdges(Graph &graph, ArrayRef<StringAttr> ranks);
  void addPhases(Graph &graph, ArrayRef<RankFacts> facts);

  CascadeOp cascade;
  const std::optional<CallExtents> &call;
  Lines lines;
  TraversalAnalysis analysis;
  /// The positions of tensors without a node, then of the graph's nodes, among
  /// what is drawn.
  llvm::DenseMap<unsigned, unsigned> inputs, drawn;
};

} // namespace

/// An Einsum's name; for a loop, which stands for its states, its rank.
std::string FormDescriber::getName(Operation *op) const {
  if (auto stream = dyn_cast<StreamOp>(op))
    return "stream " + stream.getRank().str();
  if (auto iterate = dyn_cast<IterateOp>(op))
    return "iterate " + iterate.getRank().str();
  return lines.getName(op->getResult(0));
}

std::string FormDescriber::getName(const GraphTensor &tensor) const {
  return lines.getName(tensor.value);
}

//===----------------------------------------------------------------------===//
// Ranks
//===----------------------------------------------------------------------===//

Live FormDescriber::describeLive(Value tensor, StringAttr rank) {
  Footprint footprint = analysis.getFootprint(tensor, rank);
  Live live{footprint.isWhole, toStrings(footprint.extents), footprint.reach,
            std::nullopt};
  if (!live.isWhole)
    return live;
  Type element = cast<attn::TensorType>(tensor.getType()).getElementType();
  double bytes = llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
  for (const std::string &name : live.extents) {
    std::optional<int64_t> extent =
        call ? call->lookup(name)
             : cascade.getFixedExtent(
                   StringAttr::get(cascade.getContext(), name));
    if (!extent)
      return live;
    bytes *= *extent;
  }
  live.bytes = bytes;
  return live;
}

Walk FormDescriber::describeWalk(const GraphTensor &tensor, StringAttr rank) {
  TensorTraversals traversals = analysis.getTraversals(tensor.value, rank);
  Walk walk;
  walk.tensor = getName(tensor);
  for (auto [einsum, barrier] : traversals.chain)
    walk.traversals.push_back(
        {getName(einsum), barrier ? getName(barrier) : ""});
  walk.ofEachChunk = traversals.ofEachChunk;
  walk.isGathered = traversals.isGathered;
  walk.again = toStrings(traversals.again);
  walk.live = describeLive(tensor.value, rank);
  return walk;
}

RankFacts FormDescriber::describeRank(StringAttr rank) {
  RankFacts facts;
  facts.rank = rank.str();
  facts.variables =
      toStrings(ArrayRef(analysis.getVariables(rank)).drop_front());
  facts.traversals = analysis.getNumTraversals(rank);
  facts.phases = analysis.getNumPhases(rank);
  if (unsigned phases = analysis.getNumChunkPhases(rank))
    facts.chunkPhases = phases;
  const CascadeGraph &graph = analysis.getGraph();
  for (const GraphTensor &tensor : graph.getTensors()) {
    if (!tensor.node) {
      if (llvm::is_contained(analysis.getRanks(tensor.value), rank))
        facts.walks.push_back(describeWalk(tensor, rank));
      continue;
    }
    const GraphNode &node = graph.getNodes()[*tensor.node];
    if (node.isDead || node.isCopy)
      continue;
    Availability when = analysis.getAvailability(node.op, rank);
    if (when.kind == Availability::Invariant)
      continue;
    bool streams = when.kind == Availability::Stream;
    facts.timings.push_back(
        {getName(tensor), when.phase, streams,
         when.barrier ? getName(when.barrier) : "",
         streams ? describeLive(tensor.value, rank) : Live()});
  }
  return facts;
}

//===----------------------------------------------------------------------===//
// The graph
//===----------------------------------------------------------------------===//

static std::string describeLoop(const CascadeGraph &graph,
                                const GraphNode &node) {
  if (!node.loop)
    return "";
  const GraphLoop &loop = graph.getLoops()[*node.loop];
  return (loop.isStream ? "stream " : "iterate ") + loop.rank.str();
}

void FormDescriber::addNodes(Graph &graph) {
  const CascadeGraph &from = analysis.getGraph();
  // Of the tensors that a node has, the first gives it its name.
  llvm::DenseMap<unsigned, unsigned> firstTensor;
  for (auto [id, tensor] : llvm::enumerate(from.getTensors())) {
    if (tensor.node) {
      firstTensor.insert({*tensor.node, id});
      continue;
    }
    auto type = cast<attn::TensorType>(tensor.value.getType());
    inputs[id] = graph.nodes.size();
    graph.nodes.push_back({"input",
                           getName(tensor),
                           toStrings(type.getRanks()),
                           {},
                           "",
                           false,
                           /*isDead=*/false,
                           ""});
  }
  llvm::DenseSet<unsigned> yielded;
  for (Value value : cascade.getBody().front().getTerminator()->getOperands())
    if (std::optional<unsigned> tensor = from.lookupTensor(value))
      if (std::optional<unsigned> node = from.getTensors()[*tensor].node)
        yielded.insert(*node);
  for (auto [id, node] : llvm::enumerate(from.getNodes())) {
    const GraphTensor &tensor = from.getTensors()[firstTensor.lookup(id)];
    auto type = cast<attn::TensorType>(tensor.value.getType());
    Node drawnNode;
    drawnNode.kind = node.isCopy            ? "state"
                     : isa<TopKOp>(node.op) ? "topk"
                     : isa<JoinOp>(node.op) ? "join"
                                            : "einsum";
    drawnNode.name = getName(tensor);
    drawnNode.ranks = toStrings(type.getRanks());
    for (StringAttr var : node.vars)
      if (!node.out.contains(var))
        drawnNode.reduced.push_back(var.str());
    if (!node.isCopy)
      drawnNode.formula = lines.getFormula(node.op).str();
    drawnNode.isOutput = yielded.contains(id);
    drawnNode.isDead = node.isDead;
    drawnNode.loop = describeLoop(from, node);
    drawn[id] = graph.nodes.size();
    graph.nodes.push_back(std::move(drawnNode));
  }
}

void FormDescriber::addEdges(Graph &graph, ArrayRef<StringAttr> ranks) {
  const CascadeGraph &from = analysis.getGraph();
  auto getPosition = [&](unsigned tensor) {
    std::optional<unsigned> node = from.getTensors()[tensor].node;
    return node ? drawn.lookup(*node) : inputs.lookup(tensor);
  };
  for (auto [id, node] : llvm::enumerate(from.getNodes())) {
    // Several accesses of one tensor are one edge.
    llvm::MapVector<unsigned, std::vector<std::string>> reads;
    for (auto [position, access] : llvm::enumerate(node.accesses)) {
      std::vector<std::string> &barriers = reads[getPosition(access.tensor)];
      for (StringAttr rank : ranks)
        if (!node.isDead && !llvm::is_contained(barriers, rank.getValue()) &&
            (analysis.waits(id, position, rank) ||
             (analysis.getNumChunkPhases(rank) > 1 &&
              analysis.waits(id, position, rank, /*ofChunk=*/true))))
          barriers.push_back(rank.str());
    }
    for (auto &[position, barriers] : reads)
      graph.edges.push_back({position, drawn.lookup(id), false, barriers});
    if (node.next)
      graph.edges.push_back(
          {getPosition(*node.next), drawn.lookup(id), /*isNext=*/true, {}});
  }
}

/// Chooses the rank that is walked most often; of a stream, its chunks.
void FormDescriber::addPhases(Graph &graph, ArrayRef<RankFacts> facts) {
  auto getCount = [](const RankFacts &rank) {
    return std::max(rank.phases, rank.chunkPhases.value_or(0));
  };
  const RankFacts *most = nullptr;
  for (const RankFacts &rank : facts)
    if (getCount(rank) > (most ? getCount(*most) : 1))
      most = &rank;
  if (!most)
    return;
  graph.rank = most->rank;
  graph.ofChunk = most->phases < most->chunkPhases.value_or(0);
  graph.phases.resize(graph.nodes.size());
  auto rank = StringAttr::get(cascade.getContext(), graph.rank);
  for (auto [id, node] : llvm::enumerate(analysis.getGraph().getNodes()))
    if (!node.isCopy)
      graph.phases[drawn.lookup(id)] =
          analysis.getAvailability(node.op, rank, graph.ofChunk).phase;
}

Graph FormDescriber::describeGraph(ArrayRef<RankFacts> facts) {
  Graph graph;
  addNodes(graph);
  SmallVector<StringAttr> ranks;
  for (const RankFacts &rank : facts)
    if (rank.phases > 1 || rank.chunkPhases.value_or(0) > 1)
      ranks.push_back(StringAttr::get(cascade.getContext(), rank.rank));
  addEdges(graph, ranks);
  addPhases(graph, facts);
  return graph;
}

Form FormDescriber::describe() {
  Form form;
  for (auto rank : cascade.getRanks().getAsRange<RankAttr>())
    form.ranks.push_back(describeRank(rank.getName()));
  form.graph = describeGraph(form.ranks);
  for (const Node &node : form.graph.nodes)
    if (node.isDead && node.kind != "state")
      form.dead.push_back(node.name);
  form.costs = describeCosts(CascadeCounts(cascade), call,
                             [&](Operation *op) { return getName(op); });
  form.lines = lines.take();
  return form;
}

Form explain::describeForm(CascadeOp cascade,
                           const std::optional<CallExtents> &call) {
  return FormDescriber(cascade, call).describe();
}
