//===- PrintTraversals.cpp - The traversal analysis, as text --------------===//

#include "lib/Analysis/Passes.h"
#include "lib/Analysis/Traversals.h"

namespace attn {
#define GEN_PASS_DEF_PRINTTRAVERSALS
#include "lib/Analysis/Passes.h.inc"
} // namespace attn

using namespace mlir;
using namespace attn;

namespace {

struct PrintTraversals : attn::impl::PrintTraversalsBase<PrintTraversals> {
  using PrintTraversalsBase::PrintTraversalsBase;
  void runOnOperation() override;
};

/// Prints one cascade's report.
class Report {
public:
  Report(TraversalAnalysis &analysis, bool withIntermediates, raw_ostream &out)
      : analysis(analysis), withIntermediates(withIntermediates), out(out) {}
  void print(StringAttr rank);
  void printDead();

private:
  StringRef getName(Operation *op);
  void printCount(unsigned count, StringRef noun) {
    out << count << " " << noun << (count == 1 ? "" : "s");
  }
  void printTraversals(Value tensor, StringAttr rank);
  void printFootprint(Value tensor, StringAttr rank);
  void printNode(const GraphNode &node, const GraphTensor &tensor,
                 StringAttr rank);

  TraversalAnalysis &analysis;
  bool withIntermediates;
  raw_ostream &out;
};

} // namespace

StringRef Report::getName(Operation *op) {
  const CascadeGraph &graph = analysis.getGraph();
  if (std::optional<unsigned> node = graph.lookupNode(op))
    return graph.getNodes()[*node].name;
  return op->getName().getStringRef(); // A loop, for its states.
}

void Report::printTraversals(Value tensor, StringAttr rank) {
  TensorTraversals traversals = analysis.getTraversals(tensor, rank);
  printCount(traversals.chain.size(), "traversal");
  if (traversals.ofEachChunk)
    out << ", " << *traversals.ofEachChunk << " of each chunk";
  for (StringAttr carried : traversals.again)
    out << ", again at every " << carried.getValue();
  StringRef separator = ": ";
  for (auto [einsum, barrier] : traversals.chain) {
    out << separator << getName(einsum);
    if (barrier)
      out << " after " << getName(barrier);
    separator = "; ";
  }
  if (traversals.isGathered)
    out << "; gathered";
}

void Report::printFootprint(Value tensor, StringAttr rank) {
  Footprint footprint = analysis.getFootprint(tensor, rank);
  out << "; live: ";
  if (footprint.isWhole)
    llvm::interleave(
        footprint.extents, out,
        [&](StringAttr extent) { out << "|" << extent.getValue() << "|"; },
        " x ");
  else
    out << "one tile";
  if (footprint.reach)
    out << " + " << footprint.reach;
}

void Report::printNode(const GraphNode &node, const GraphTensor &tensor,
                       StringAttr rank) {
  Availability availability = analysis.getAvailability(node.op, rank);
  if (availability.kind == Availability::Invariant)
    return;
  out << "    " << tensor.name << ": phase " << availability.phase;
  if (availability.barrier)
    out << " after " << getName(availability.barrier);
  bool streams = availability.kind == Availability::Stream;
  out << (streams ? ", streams" : ", at its end");
  if (streams) {
    printFootprint(tensor.value, rank);
    if (withIntermediates) {
      out << "; ";
      printTraversals(tensor.value, rank);
    }
  }
  out << "\n";
}

void Report::print(StringAttr rank) {
  const CascadeGraph &graph = analysis.getGraph();
  out << "  " << rank.getValue();
  SmallVector<StringAttr> vars = analysis.getVariables(rank);
  if (vars.size() > 1) {
    out << " (with ";
    llvm::interleaveComma(ArrayRef(vars).drop_front(), out,
                          [&](StringAttr var) { out << var.getValue(); });
    out << ")";
  }
  out << ": ";
  printCount(analysis.getNumTraversals(rank), "traversal");
  out << ", ";
  printCount(analysis.getNumPhases(rank), "phase");
  out << "\n";
  for (const GraphTensor &tensor : graph.getTensors()) {
    if (tensor.node)
      continue;
    if (!llvm::is_contained(analysis.getRanks(tensor.value), rank))
      continue;
    out << "    %" << tensor.name << ": ";
    printTraversals(tensor.value, rank);
    printFootprint(tensor.value, rank);
    out << "\n";
  }
  for (const GraphTensor &tensor : graph.getTensors()) {
    if (!tensor.node)
      continue;
    const GraphNode &node = graph.getNodes()[*tensor.node];
    if (!node.isDead && !node.isCopy)
      printNode(node, tensor, rank);
  }
}

void Report::printDead() {
  for (const GraphNode &node : analysis.getGraph().getNodes())
    if (node.isDead && !node.isCopy)
      out << "  " << node.name << ": no output depends on it\n";
}

void PrintTraversals::runOnOperation() {
  for (auto cascade : getOperation().getOps<CascadeOp>()) {
    auto &analysis =
        getAnalysisManager().getChildAnalysis<TraversalAnalysis>(cascade);
    llvm::outs() << "@" << cascade.getSymName() << "\n";
    Report report(analysis, intermediates, llvm::outs());
    for (auto rank : cascade.getRanks().getAsRange<RankAttr>())
      if (ranks.empty() || llvm::is_contained(ranks, rank.getName().getValue()))
        report.print(rank.getName());
    report.printDead();
  }
  markAllAnalysesPreserved();
}
