//===- DescribeCosts.cpp - What a form computes and moves, as data --------===//

#include "lib/Explain/DescribeCosts.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace attn;
using namespace attn::explain;

Amounts::Amounts(const CascadeCounts &counts,
                 const std::optional<CallExtents> &extents) {
  if (extents)
    call.emplace(counts, *extents);
}

Amount Amounts::get(const Polynomial &polynomial) {
  Amount amount;
  llvm::raw_string_ostream(amount.formula) << polynomial;
  if (!call)
    return amount;
  CallCounts::Number number = call->evaluate(polynomial);
  amount.value = number.value;
  if (number.isBound)
    amount.certainty = "at most";
  else if (number.isSampled)
    amount.certainty = "about";
  return amount;
}

/// Floating-point operations in one operation of `kind`: none in moving,
/// choosing and comparing, nothing for functions.
static std::optional<int64_t> getFlops(StringRef kind) {
  return llvm::StringSwitch<std::optional<int64_t>>(kind)
      .StartsWith("mac", 2)
      .Cases({"add", "mul", "max", "div"}, 1)
      .Cases({"compare", "select", "logic", "convert", "abs", "round", "floor",
              "ceil"},
             0)
      .Default(std::nullopt);
}

static std::vector<Operations> describe(const OperationCounts &operations,
                                        Amounts &amounts) {
  std::vector<Operations> described;
  for (auto &[kind, count] : operations)
    described.push_back({kind.str(), amounts.get(count)});
  return described;
}

Costs explain::describeCosts(
    const CascadeCounts &counts, const std::optional<CallExtents> &call,
    llvm::function_ref<std::string(Operation *)> name) {
  Amounts amounts(counts, call);
  Costs costs;
  Polynomial unfused;
  for (const EinsumCounts &einsum : counts.getEinsums()) {
    costs.einsums.push_back({name(einsum.op), amounts.get(einsum.bytesRead),
                             amounts.get(einsum.bytesWritten),
                             describe(einsum.operations, amounts)});
    unfused += einsum.bytesRead + einsum.bytesWritten;
  }
  costs.operations = describe(counts.getOperations(), amounts);
  Polynomial flops, functions;
  for (auto &[kind, count] : counts.getOperations()) {
    if (std::optional<int64_t> each = getFlops(kind))
      flops += count * Polynomial(*each);
    else
      functions += count;
  }
  costs.flops = amounts.get(flops);
  costs.functions = amounts.get(functions);
  costs.compulsory =
      amounts.get(counts.getBytesRead() + counts.getBytesWritten());
  costs.unfused = amounts.get(unfused);
  for (auto [number, set] : llvm::enumerate(counts.getPointSets())) {
    std::string text = "#" + std::to_string(number) + ": ";
    llvm::raw_string_ostream os(text);
    set.print(counts.getNames(), os);
    costs.pointSets.push_back(std::move(text));
  }
  return costs;
}
