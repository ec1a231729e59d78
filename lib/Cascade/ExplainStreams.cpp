//===- ExplainStreams.cpp - Why a traversal more is needed ----------------===//

#include "lib/Cascade/StreamFormer.h"

using namespace mlir;
using namespace attn;

/// What one more traversal costs: Einsums computed again, tensors read again.
std::string StreamFormer::describeTraversal(ArrayRef<Expr> roots) {
  llvm::SetVector<Value> worklist;
  for (Expr expr : postOrder(roots))
    if (expr.is(ExprKind::Leaf))
      if (const LeafSource *source = importer.lookup(expr))
        worklist.insert(source->inputs.begin(), source->inputs.end());
  std::string computed, read;
  auto append = [](std::string &list, Value value) {
    list += (list.empty() ? "`" : ", `") + getSourceName(value) + "`";
  };
  for (unsigned i = 0; i < worklist.size(); ++i) {
    Value value = worklist[i];
    Member *member = lookup(value);
    if (member && walksRank(member->op)) {
      append(computed, value);
      SmallVector<Value> reads = getReads(member->op);
      worklist.insert(reads.begin(), reads.end());
    } else if (auto type = dyn_cast<attn::TensorType>(value.getType());
               type && !member && type.getRankPosition(rank) >= 0) {
      append(read, value);
    }
  }
  if (!computed.empty())
    computed = " computes " + computed + " again";
  if (!read.empty())
    read = std::string(computed.empty() ? "" : " and") + " reads " + read +
           " again";
  return computed + read;
}

void StreamFormer::explain(const Derivation &derivation,
                           const Segment &segment) {
  if (derivation.refusals.empty())
    return;
  SmallVector<Expr> later;
  for (auto [i, phase] : llvm::enumerate(derivation.phases))
    for (const Accumulator &accumulator : phase.accumulators)
      if (i > 0)
        later.push_back(accumulator.body);
  std::string cost = describeTraversal(later);
  for (const Refusal &refusal : derivation.refusals) {
    ArrayRef<Member *> owners =
        refusal.isOutput ? segment.outputs : segment.reductions;
    InFlightDiagnostic remark = owners[refusal.index]->op->emitRemark()
                                << refusal.text;
    if (!cost.empty())
      remark << ", which" << cost;
  }
}

/// Says what divides the reductions into segments.
void StreamFormer::explainSegments() {
  llvm::DenseSet<Operation *> explained;
  for (Member &member : members) {
    bool isLater =
        member.isReached && member.segment > 0 &&
        (member.role == Role::Reduction || member.role == Role::Plain);
    if (!isLater)
      continue;
    // What it depends on that is ready no sooner.
    SmallVector<Value> reads = getReads(member.op);
    llvm::SetVector<Value> worklist(reads.begin(), reads.end());
    for (unsigned i = 0; i < worklist.size(); ++i) {
      Member *producer = lookup(worklist[i]);
      if (!producer || producer->ready < member.segment)
        continue;
      if (producer->role == Role::Map) {
        reads = getReads(producer->op);
        worklist.insert(reads.begin(), reads.end());
      } else if (!producer->reason.empty() &&
                 explained.insert(producer->op).second) {
        producer->op->emitRemark()
            << producer->reason << " along `" << rank.getValue()
            << "`, which has to be finished first; what reads it needs one "
               "more traversal of `"
            << rank.getValue() << "`";
      }
    }
  }
}
