//===- CostKernel.cpp - A nest as the cost model sees it ------------------===//

#include "lib/Machine/CostKernel.h"

using namespace mlir;
using namespace attn;
using namespace attn::cost;

Kernel::Kernel(std::string name, Operation *nest, const CascadeCounts &counts,
               const CallExtents &extents, const MachineDescription &machine)
    : name(std::move(name)), graph(counts.getGraph()), extents(extents),
      machine(machine) {
  if (auto op = dyn_cast<NestOp>(nest))
    for (auto rank : op.getParallel().getAsRange<StringAttr>())
      parallel.insert(rank);
  collectNodes(nest);
  collectTensors(nest);
  chooseRanks();
  classify();
}

double Kernel::getRow(const RankSet &ranks, StringAttr without) const {
  double row = 1;
  for (StringAttr rank : ranks)
    if (rank != without && !parallel.contains(rank))
      row *= getExtent(rank);
  return row;
}

void Kernel::collectNodes(Operation *nest) {
  for (auto [id, node] : llvm::enumerate(graph.getNodes()))
    if (!node.isDead && nest->isAncestor(node.op))
      nodes.insert(id);
}

void Kernel::collectTensors(Operation *nest) {
  llvm::DenseMap<unsigned, unsigned> positions;
  auto get = [&](unsigned id) -> KernelTensor & {
    auto [it, inserted] = positions.try_emplace(id, tensors.size());
    if (!inserted)
      return tensors[it->second];
    const GraphTensor &tensor = graph.getTensors()[id];
    auto type = cast<attn::TensorType>(tensor.value.getType());
    KernelTensor added{id, tensor.name, KernelTensor::Input, false, {}, 0, {}};
    added.bytes = machine.elementBytes.value_or(
        std::max(1u, type.getElementType().getIntOrFloatBitWidth() / 8));
    for (StringAttr rank : type.getRanks())
      added.bytes *= getExtent(rank);
    if (tensor.node && contains(*tensor.node)) {
      added.kind = KernelTensor::Intermediate;
      if (graph.getNodes()[*tensor.node].isCopy)
        added.kind = KernelTensor::State;
      for (auto &group : tensor.dims)
        added.ranks.insert(group.begin(), group.end());
    }
    tensors.push_back(std::move(added));
    return tensors.back();
  };
  for (unsigned node : nodes)
    for (const GraphAccess &access : graph.getNodes()[node].accesses) {
      KernelTensor &tensor = get(access.tensor);
      if (!llvm::is_contained(tensor.readers, node))
        tensor.readers.push_back(node);
      if (tensor.kind == KernelTensor::Input)
        for (const IndexForm &index : access.indices)
          tensor.ranks.insert(index.vars.begin(), index.vars.end());
    }
  // What leaves: the values that the nest yields, or the op's own results.
  SmallVector<Value> results(nest->getResults());
  if (isa<NestOp>(nest))
    results = llvm::to_vector(
        cast<YieldOp>(nest->getRegion(0).front().getTerminator()).getValues());
  for (Value result : results)
    if (std::optional<unsigned> id = graph.lookupTensor(result)) {
      KernelTensor &tensor = get(*id);
      tensor.leaves = true;
      if (tensor.readers.empty())
        tensor.kind = KernelTensor::Output;
    }
}

/// The longer of two ranks; null counts as none.
static StringAttr getLonger(const Kernel &kernel, StringAttr a, StringAttr b) {
  if (!a || !b)
    return a ? a : b;
  return kernel.getExtent(b) > kernel.getExtent(a) ? b : a;
}

/// A parallel rank that every tensor at the kernel's border has only repeats
/// the kernel. Of the others the longest fills the lanes; what a stream walks,
/// or else the longest rank that is left, is the stream.
void Kernel::chooseRanks() {
  auto isBatch = [&](StringAttr rank) {
    return parallel.contains(rank) &&
           llvm::all_of(tensors, [&](const KernelTensor &tensor) {
             bool isBorder =
                 tensor.kind == KernelTensor::Input || tensor.leaves;
             return !isBorder || tensor.ranks.contains(rank);
           });
  };
  for (StringAttr rank : parallel)
    if (!isBatch(rank))
      lane = getLonger(*this, lane, rank);
  if (!lane && !parallel.empty())
    lane = parallel.back();
  StringAttr longest;
  for (unsigned node : nodes) {
    const GraphNode &graphNode = graph.getNodes()[node];
    if (graphNode.loop && graph.getLoops()[*graphNode.loop].isStream) {
      isStreamed = true;
      stream = getLonger(*this, stream, graph.getLoops()[*graphNode.loop].rank);
    }
    for (StringAttr rank : graphNode.vars)
      if (rank != lane && !isBatch(rank))
        longest = getLonger(*this, longest, rank);
  }
  if (!stream)
    stream = longest;
}

/// Tells accumulators from other intermediates.
void Kernel::classify() {
  for (KernelTensor &tensor : tensors) {
    const std::optional<unsigned> &maker = graph.getTensors()[tensor.id].node;
    if (tensor.kind == KernelTensor::Input ||
        tensor.kind == KernelTensor::State || !maker)
      continue;
    const GraphNode &node = graph.getNodes()[*maker];
    bool reduces =
        stream && node.vars.contains(stream) && !node.out.contains(stream);
    bool inStream = node.loop && graph.getLoops()[*node.loop].isStream;
    if (reduces && !inStream)
      tensor.kind = KernelTensor::Accumulator;
  }
}
