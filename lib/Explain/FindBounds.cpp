//===- FindBounds.cpp - Bytes that no mapping goes below ------------------===//
//
// docs/theory.md derives both bounds. Neither knows what the Einsums between
// the contractions do, so they hold for every form that computes the products.
//
//===----------------------------------------------------------------------===//

#include "lib/Explain/DescribeMachine.h"

#include <cmath>

using namespace mlir;
using namespace attn;
using namespace attn::explain;

namespace {

/// Products of elements of two arguments, summed over `length` coordinates.
struct InputProducts {
  std::string names;
  double count = 0, length = 1, elementBytes = 0;
};

} // namespace

static double getElementBytes(Type type) {
  Type element = cast<attn::TensorType>(type).getElementType();
  return llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
}

/// The bytes of an element of the machine's, over those of the cascade's; none
/// where the cascade has several widths and the machine one.
static std::optional<double> getScale(CascadeOp cascade,
                                      const MachineDescription &machine) {
  if (!machine.elementBytes)
    return 1;
  std::optional<double> bytes;
  for (TypeRange types : {TypeRange(cascade.getFunctionType().getInputs()),
                          TypeRange(cascade.getFunctionType().getResults())})
    for (Type type : types) {
      if (!isa<attn::TensorType>(type))
        continue;
      if (bytes.value_or(getElementBytes(type)) != getElementBytes(type))
        return std::nullopt;
      bytes = getElementBytes(type);
    }
  return bytes ? *machine.elementBytes / *bytes : 1;
}

/// The variables of an access.
static llvm::SmallSetVector<StringAttr, 4> getVars(const GraphAccess &access) {
  llvm::SmallSetVector<StringAttr, 4> vars;
  for (const IndexForm &index : access.indices)
    vars.insert(index.vars.begin(), index.vars.end());
  return vars;
}

/// An Einsum that sums products of two arguments' elements, each of which has
/// coordinates that the other lacks: then none of the products is another's.
static std::optional<InputProducts> findProducts(const EinsumCounts &einsum,
                                                 const CascadeCounts &counts,
                                                 CallCounts &call) {
  auto it = einsum.operations.find("mac");
  if (it == einsum.operations.end())
    return std::nullopt;
  const CascadeGraph &graph = counts.getGraph();
  const GraphNode &node = graph.getNodes()[*graph.lookupNode(einsum.op)];
  SmallVector<const GraphAccess *> accesses;
  for (const GraphAccess &access : node.accesses)
    if (!graph.getTensors()[access.tensor].node &&
        llvm::any_of(getVars(access),
                     [&](StringAttr var) { return !node.out.contains(var); }))
      accesses.push_back(&access);
  if (accesses.size() != 2)
    return std::nullopt;
  auto left = getVars(*accesses[0]), right = getVars(*accesses[1]);
  auto hasOwn = [](auto &one, auto &other) {
    return llvm::any_of(one,
                        [&](StringAttr var) { return !other.contains(var); });
  };
  if (!hasOwn(left, right) || !hasOwn(right, left))
    return std::nullopt;
  const GraphTensor &a = graph.getTensors()[accesses[0]->tensor];
  const GraphTensor &b = graph.getTensors()[accesses[1]->tensor];
  CallCounts::Number count = call.evaluate(it->second);
  // A count that is one from above is none from below.
  if (count.isBound || count.isSampled)
    return std::nullopt;
  InputProducts products{a.name + " and " + b.name, count.value, 1,
                         std::min(getElementBytes(a.value.getType()),
                                  getElementBytes(b.value.getType()))};
  for (StringAttr var : node.vars)
    if (!node.out.contains(var) && left.contains(var) && right.contains(var))
      products.length *= *call.getExtents().lookup(var.getValue());
  return products;
}

/// In elements: products / (S / length + sqrt(3 S)) - S.
static double getBytes(const InputProducts &products,
                       const MachineMemory &memory) {
  double size = *memory.bytes / products.elementBytes;
  double elements =
      products.count / (size / products.length + std::sqrt(3 * size)) -
      size * memory.instances;
  return elements * products.elementBytes;
}

std::vector<Bound> explain::findBounds(CascadeOp written,
                                       const CallExtents &extents,
                                       const MachineDescription &machine,
                                       const Estimate &chosen) {
  std::optional<double> scale = getScale(written, machine);
  if (!scale)
    return {};
  CascadeCounts counts(written);
  CallCounts call(counts, extents);
  double compulsory =
      *scale *
      call.evaluate(counts.getBytesRead() + counts.getBytesWritten()).value;
  std::vector<Bound> bounds;
  for (size_t i = 0; i + 1 < machine.memories.size(); ++i) {
    const MachineMemory &inner = machine.memories[i + 1];
    Bound best{machine.memories[i].name, "every argument and result once",
               "compulsory", compulsory, std::nullopt};
    for (const EinsumCounts &einsum : counts.getEinsums()) {
      auto products = findProducts(einsum, counts, call);
      if (!products || !inner.bytes)
        continue;
      products->elementBytes *= *scale;
      double bytes = getBytes(*products, inner);
      if (bytes > best.bytes)
        best = {machine.memories[i].name, "products of " + products->names,
                "products / (S / length + sqrt(3 S)) - S, S elements in " +
                    inner.name + " (docs/theory.md)",
                bytes, std::nullopt};
    }
    if (chosen.problem.empty() && i < chosen.memories.size() && best.bytes > 0)
      best.distance = chosen.memories[i].bytes / best.bytes;
    bounds.push_back(std::move(best));
  }
  return bounds;
}
