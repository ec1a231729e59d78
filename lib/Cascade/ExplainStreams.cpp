//===- ExplainStreams.cpp - Why a traversal more is needed ----------------===//
//
// A remark at the reduction that has to wait says which expression could not be
// corrected and by which rule (lib/Cascade/DeriveCorrect), and what the
// fallback costs: to compute again and read again, as it is done here, or to
// store. Prices are polynomials in the extents (lib/Analysis/OperationCounts).
//
//===----------------------------------------------------------------------===//

#include "lib/Cascade/ExplainStreams.h"
#include "lib/Cascade/StateRank.h"
#include "lib/Cascade/StreamFormer.h"

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Prices
//===----------------------------------------------------------------------===//

namespace {
/// Writes prices, and then what their symbols stand for.
class PriceList {
public:
  explicit PriceList(const CascadeCounts &counts) : counts(counts) {}

  void addOperations(ArrayRef<Operation *> ops);
  void addBytes(ArrayRef<Value> tensors);
  std::string finish();

private:
  void add(const Polynomial &price, StringRef unit);

  const CascadeCounts &counts;
  Polynomial total;
  std::string text;
  llvm::raw_string_ostream os{text};
};
} // namespace

void PriceList::add(const Polynomial &price, StringRef unit) {
  os << price << " " << unit;
  total += price;
}

void PriceList::addOperations(ArrayRef<Operation *> ops) {
  OperationCounts sums;
  for (const EinsumCounts &einsum : counts.getEinsums())
    if (llvm::is_contained(ops, einsum.op))
      for (const auto &[operation, number] : einsum.operations)
        sums[operation] += number;
  llvm::interleave(
      sums, [&](const auto &entry) { add(entry.second, entry.first); },
      [&] { os << ", "; });
}

void PriceList::addBytes(ArrayRef<Value> tensors) {
  Polynomial bytes;
  for (Value tensor : tensors)
    bytes += counts.getBytes(cast<attn::TensorType>(tensor.getType()));
  add(bytes, "bytes");
}

std::string PriceList::finish() {
  for (auto [number, set] : llvm::enumerate(counts.getPointSets())) {
    std::string symbol = "#" + std::to_string(number);
    if (!total.mentions(
            StringAttr::get(counts.getNames().getContext(), symbol)))
      continue;
    os << "; " << symbol << ": ";
    set.print(counts.getNames(), os);
  }
  return std::move(text);
}

std::string attn::quoteNames(ArrayRef<Value> values) {
  std::string list;
  for (Value value : values) {
    std::string name = "`" + getSourceName(value) + "`";
    if (!StringRef(list).contains(name))
      list += (list.empty() ? "" : ", ") + name;
  }
  return list;
}

std::string attn::describeFallback(const CascadeCounts &counts,
                                   const Fallback &fallback) {
  if (fallback.computed.empty() && fallback.read.empty())
    return "";
  std::string text;
  llvm::raw_string_ostream os(text);
  PriceList prices(counts);
  if (!fallback.computed.empty()) {
    SmallVector<Operation *> ops;
    for (Value value : fallback.computed)
      ops.push_back(value.getDefiningOp());
    os << " computes " << quoteNames(fallback.computed.getArrayRef())
       << " again (";
    PriceList operations(counts);
    operations.addOperations(ops);
    os << operations.finish() << ")";
  }
  if (!fallback.read.empty()) {
    os << (fallback.computed.empty() ? "" : " and") << " reads "
       << quoteNames(fallback.read.getArrayRef()) << " again (";
    PriceList bytes(counts);
    bytes.addBytes(fallback.read.getArrayRef());
    os << bytes.finish() << ")";
  }
  if (!fallback.stored.empty()) {
    os << "; to store " << quoteNames(fallback.stored.getArrayRef())
       << " instead would write and read ";
    PriceList bytes(counts);
    bytes.addBytes(fallback.stored.getArrayRef());
    os << bytes.finish();
  }
  return text;
}

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

/// What the leaves of `roots` read.
SmallVector<Value> StreamFormer::getLeafReads(ArrayRef<Expr> roots) {
  SmallVector<Value> reads;
  for (Expr expr : postOrder(roots))
    if (expr.is(ExprKind::Leaf))
      if (const LeafSource *source = importer.lookup(expr))
        llvm::append_range(reads, source->inputs);
  return reads;
}

/// The Einsums along the rank that `roots` need, and the arguments with it.
Fallback StreamFormer::getUses(ArrayRef<Value> roots) {
  llvm::SetVector<Value> worklist(roots.begin(), roots.end());
  unsigned numDirect = worklist.size();
  Fallback uses;
  for (unsigned i = 0; i < worklist.size(); ++i) {
    Value value = worklist[i];
    Member *member = lookup(value);
    if (member && walksRank(member->op)) {
      uses.computed.insert(value);
      if (i < numDirect)
        uses.stored.insert(value);
      SmallVector<Value> reads = getReads(member->op);
      worklist.insert(reads.begin(), reads.end());
    } else if (auto type = dyn_cast<attn::TensorType>(value.getType());
               type && !member && type.getRankPosition(rank) >= 0) {
      uses.read.insert(value);
    }
  }
  return uses;
}

/// What a traversal for `later` repeats of one for `earlier`.
std::string StreamFormer::describeTraversal(ArrayRef<Value> later,
                                            ArrayRef<Value> earlier) {
  Fallback again = getUses(later), before = getUses(earlier);
  auto keep = [](llvm::SetVector<Value> &values,
                 const llvm::SetVector<Value> &known) {
    values.remove_if([&](Value value) { return !known.contains(value); });
  };
  keep(again.computed, before.computed);
  keep(again.read, before.read);
  keep(again.stored, before.computed);
  if (!counts)
    counts.emplace(cascade);
  return describeFallback(*counts, again);
}

/// Says which sums are carried besides, and what they save.
void StreamFormer::explainMoments(const Phase &phase, const Segment &segment) {
  SmallVector<Expr> before;
  for (unsigned i = 0; i < phase.accumulators.size();) {
    unsigned reduction = phase.accumulators[i].reduction;
    std::string names;
    unsigned numMore = 0;
    Expr body;
    for (; i < phase.accumulators.size() &&
           phase.accumulators[i].reduction == reduction;
         ++i) {
      const Accumulator &a = phase.accumulators[i];
      body = a.body;
      if (!a.auxiliary || a.reducer != ExprReducer::Add)
        continue;
      names += (names.empty() ? "`" : ", `") + a.leaf.leaf().name + "`";
      ++numMore;
    }
    if (numMore > 0) {
      InFlightDiagnostic remark =
          segment.reductions[reduction]->op->emitRemark();
      remark << "carries " << names << " along, " << numMore
             << (numMore > 1 ? " sums" : " sum")
             << " more to correct per chunk";
      std::string cost =
          describeTraversal(getLeafReads(body), getLeafReads(before));
      if (!cost.empty())
        remark << ", instead of one more traversal of `" << rank.getValue()
               << "`, which" << cost;
    }
    before.push_back(body);
  }
}

/// How much of some elements the results depend on; empty where that can't be
/// measured.
static std::string describeStateRank(const NormalForm &form) {
  std::optional<unsigned> four = measureStateRank(form, 4),
                          eight = measureStateRank(form, 8);
  if (!four || !eight)
    return "";
  return "; measured, the results keep " + std::to_string(*four) +
         " numbers of 4 elements, and " + std::to_string(*eight) + " of 8";
}

void StreamFormer::explain(const Derivation &derivation, const NormalForm &form,
                           const Segment &segment) {
  // The bodies of each traversal.
  std::vector<SmallVector<Expr>> bodies(derivation.getNumTraversals());
  for (auto [i, phase] : llvm::enumerate(derivation.phases))
    for (const Accumulator &accumulator : phase.accumulators)
      bodies[i].push_back(accumulator.body);
  for (const FinishedOutput &output : derivation.outputs)
    if (output.keepsRank)
      bodies[output.phase].push_back(output.value);
  for (const Phase &phase : derivation.phases)
    for (const Accumulator &a : phase.accumulators)
      if (a.unprovedPoints > 0)
        segment.reductions[a.reduction]->op->emitRemark()
            << "the correction `" << a.correction.str() << "` of `"
            << a.body.str() << "` held at " << a.unprovedPoints
            << " random points, but no rule proves it (unproved)";
  for (const Phase &phase : derivation.phases)
    explainMoments(phase, segment);
  for (const ChosenMaximum &maximum : derivation.maxima) {
    InFlightDiagnostic remark =
        segment.reductions[maximum.reduction]->op->emitRemark();
    StringRef choice = stringify(options.derivation.maximum);
    if (!maximum.reason.empty())
      remark << "`" << maximum.name << "` stays a running maximum, not "
             << choice << ": " << maximum.reason;
    else if (maximum.bound && maximum.bound == options.derivation.maximumBound)
      remark << "`" << maximum.bound.str() << "` stands for `" << maximum.name
             << "` (static), on the word that no element exceeds it, and the "
                "largest comes within "
             << int64_t(options.derivation.expLimit);
    else if (maximum.bound)
      remark << "`" << maximum.bound.str() << "` stands for `" << maximum.name
             << "` (static), by the range of its elements";
    else
      remark << "`" << maximum.name << "` is " << choice;
  }
  llvm::DenseSet<unsigned> priced;
  bool isMeasured = false;
  for (const Refusal &refusal : derivation.refusals) {
    ArrayRef<Member *> owners =
        refusal.isOutput ? segment.outputs : segment.reductions;
    InFlightDiagnostic remark = owners[refusal.index]->op->emitRemark()
                                << refusal.text;
    if (priced.insert(refusal.phase).second && refusal.phase < bodies.size()) {
      SmallVector<Expr> earlier;
      for (unsigned i = 0; i < refusal.phase; ++i)
        llvm::append_range(earlier, bodies[i]);
      std::string cost = describeTraversal(getLeafReads(bodies[refusal.phase]),
                                           getLeafReads(earlier));
      if (!cost.empty())
        remark << ", which" << cost;
    }
    if (refusal.rule == RefusalRule::Unproved &&
        !std::exchange(isMeasured, true))
      remark << describeStateRank(form);
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
    SmallVector<Value> earlier;
    for (const Member &other : members)
      if (other.isReached && other.segment < member.segment &&
          (other.role == Role::Reduction || other.role == Role::Plain))
        llvm::append_range(earlier, getReads(other.op));
    auto explain = [&](Member &culprit) {
      if (culprit.reason.empty() || !explained.insert(culprit.op).second)
        return;
      InFlightDiagnostic remark =
          culprit.op->emitRemark()
          << culprit.reason << "; `" << getSourceName(member.op->getResult(0))
          << "` waits for one more traversal of `" << rank.getValue() << "`";
      std::string cost = describeTraversal(getReads(member.op), earlier);
      if (!cost.empty())
        remark << ", which" << cost;
    };
    // What it depends on that is ready no sooner; else the reduction itself.
    SmallVector<Value> reads = getReads(member.op);
    llvm::SetVector<Value> worklist(reads.begin(), reads.end());
    bool found = false;
    for (unsigned i = 0; i < worklist.size(); ++i) {
      Member *producer = lookup(worklist[i]);
      if (!producer || producer->ready < member.segment)
        continue;
      if (producer->role == Role::Map) {
        reads = getReads(producer->op);
        worklist.insert(reads.begin(), reads.end());
      } else if (!producer->reason.empty()) {
        found = true;
        explain(*producer);
      }
    }
    if (!found)
      explain(member);
  }
}
