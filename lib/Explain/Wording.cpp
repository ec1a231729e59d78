//===- Wording.cpp - Facts of the report as phrases -----------------------===//

#include "lib/Explain/Wording.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace attn;
using namespace attn::explain;

std::string explain::join(const std::vector<std::string> &words,
                          const char *separator) {
  return llvm::join(words, separator);
}

std::string explain::count(unsigned number, const char *noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

/// `number` with one of `units`, each `step` times the one before it.
static std::string scale(double number, double step,
                         llvm::ArrayRef<const char *> units) {
  size_t unit = 0;
  while (number >= step && unit + 1 < units.size()) {
    number /= step;
    ++unit;
  }
  // Three digits say what an estimate can.
  bool isWhole = unit == 0 && number == std::floor(number);
  const char *format = number >= 99.95 || isWhole ? "{0:f0} {1}"
                       : number >= 9.995          ? "{0:f1} {1}"
                                                  : "{0:f2} {1}";
  std::string text = llvm::formatv(format, number, units[unit]);
  return llvm::StringRef(text).rtrim().str();
}

std::string explain::inBytes(double bytes) {
  return scale(bytes, 1024, {"B", "KiB", "MiB", "GiB", "TiB", "PiB"});
}

std::string explain::inThousands(double number, const char *unit) {
  std::string text =
      number > 0 && number < 1
          ? scale(number * 1e9, 1000, {"n", "u", "m"})
          : scale(number, 1000, {"", "k", "M", "G", "T", "P", "E"});
  bool hasPrefix = !llvm::isDigit(text.back());
  return text + (*unit && !hasPrefix ? " " : "") + unit;
}

std::string explain::describe(const Live &live) {
  if (!live.isWhole)
    return live.reach ? "one tile + " + std::to_string(live.reach)
                      : std::string("one tile");
  std::string text;
  for (const std::string &extent : live.extents)
    text += (text.empty() ? "|" : " x |") + extent + "|";
  if (live.bytes)
    text += " = " + inBytes(*live.bytes);
  return text;
}

std::string explain::describeCount(const Walk &walk) {
  std::string text = std::to_string(walk.traversals.size());
  if (walk.ofEachChunk)
    text += ", " + std::to_string(*walk.ofEachChunk) + " of each chunk";
  for (const std::string &rank : walk.again)
    text += ", again at every " + rank;
  if (walk.isGathered)
    text += ", gathered";
  return text;
}

std::string explain::describeWhy(const Walk &walk, const std::string &rank) {
  std::string text;
  for (const Traversal &traversal : walk.traversals)
    text += traversal.after.empty()
                ? "from " + traversal.einsum
                : "; again from " + traversal.einsum + ", since " +
                      traversal.after + " needs all of " + rank + " first";
  return text;
}

bool explain::isPlain(const RankFacts &facts) {
  return facts.phases <= 1 && facts.chunkPhases.value_or(0) <= 1 &&
         llvm::all_of(facts.walks, [](const Walk &walk) {
           return walk.traversals.size() <= 1 && walk.again.empty() &&
                  !walk.isGathered;
         });
}

std::vector<std::string> explain::listWhole(const RankFacts &facts) {
  std::vector<std::string> list;
  for (const Walk &walk : facts.walks)
    if (walk.live.isWhole)
      list.push_back(walk.tensor + " " + describe(walk.live));
  for (const Timing &timing : facts.timings)
    if (timing.live.isWhole)
      list.push_back(timing.einsum + " " + describe(timing.live));
  return list;
}

bool explain::needsReason(const RankFacts &facts) {
  return facts.phases > 1 || llvm::any_of(facts.walks, [](const Walk &walk) {
           return walk.traversals.size() > 1;
         });
}

std::string explain::describePhases(const RankFacts &facts) {
  std::string text = std::to_string(facts.phases);
  if (facts.chunkPhases)
    text += ", " + std::to_string(*facts.chunkPhases) + " of each chunk";
  return text;
}

std::vector<std::vector<std::string>>
explain::listPhases(const RankFacts &facts) {
  std::vector<std::vector<std::string>> phases(facts.phases);
  for (const Timing &timing : facts.timings)
    phases[timing.phase].push_back(timing.einsum);
  return phases;
}

std::string explain::describe(const Rank &rank) {
  bool isFixed =
      rank.extent &&
      rank.declaration == rank.name + " = " + std::to_string(*rank.extent);
  return rank.declaration + (rank.extent && !isFixed
                                 ? " (" + std::to_string(*rank.extent) + ")"
                                 : "");
}

std::string explain::describe(const Argument &argument) {
  return argument.name +
         (argument.ranks.empty() ? "" : "[" + join(argument.ranks) + "]") +
         " " + argument.type;
}

static std::string getPrefix(const std::string &certainty) {
  return certainty == "exact" ? "" : certainty == "at most" ? "<= " : "~ ";
}

std::string explain::describe(const Amount &amount) {
  if (!amount.value)
    return amount.formula;
  return getPrefix(amount.certainty) + inThousands(*amount.value);
}

std::string explain::describeBytes(const Amount &amount) {
  if (!amount.value)
    return amount.formula + " B";
  return getPrefix(amount.certainty) + inBytes(*amount.value);
}

std::string explain::describe(const std::vector<Operations> &operations) {
  std::vector<std::string> texts;
  for (const Operations &operation : operations)
    texts.push_back(describe(operation.amount) + " " + operation.kind);
  return join(texts);
}

std::vector<CostRow> explain::compareCosts(const Costs &before,
                                           const Costs &after) {
  return {{"FLOPs", describe(before.flops), describe(after.flops)},
          {"exponentials and other functions", describe(before.functions),
           describe(after.functions)},
          {"bytes of arguments and results", describeBytes(before.compulsory),
           describeBytes(after.compulsory)},
          {"bytes if every Einsum stores its result",
           describeBytes(before.unfused), ""}};
}

std::string explain::inSeconds(double seconds) {
  if (seconds >= 1)
    return scale(seconds, 1e300, {"s"});
  return scale(seconds * 1e9, 1000, {"ns", "us", "ms"});
}

static std::string describeRoof(const Roof &roof) {
  bool isBytes = roof.kind == "bytes";
  return roof.name + (isBytes ? "" : " " + roof.kind) + ": " +
         inThousands(roof.perSecond, isBytes ? "B/s" : "/s");
}

std::vector<std::string> explain::listRoofs(const Machine &machine,
                                            const Costs &costs) {
  std::vector<std::string> list;
  for (const Roof &roof : machine.roofs) {
    bool isFunction =
        roof.kind != "bytes" && !llvm::StringRef(roof.kind).starts_with("mac");
    if (!isFunction || llvm::any_of(costs.operations, [&](auto &operations) {
          return operations.kind == roof.kind;
        }))
      list.push_back(describeRoof(roof));
  }
  return list;
}

std::string explain::describe(const KernelEstimate &kernel) {
  std::string text = kernel.name + ": " + inSeconds(kernel.seconds) +
                     ", bound by " + kernel.bound;
  if (!kernel.laneRank.empty())
    text += "; " + kernel.laneRank + " fills the lanes";
  if (!kernel.streamRank.empty())
    text += ", " + kernel.streamRank + " streams past " +
            std::to_string(kernel.laneBlock) + " rows at once";
  return text;
}

std::vector<std::string> explain::describe(const Estimate &estimate) {
  std::string mark = estimate.isChosen ? "chosen" : "";
  if (!estimate.problem.empty())
    return {mark, estimate.form, "no estimate, " + estimate.problem};
  const KernelEstimate *longest = nullptr;
  for (const KernelEstimate &kernel : estimate.kernels)
    if (!longest || kernel.seconds > longest->seconds)
      longest = &kernel;
  std::string bytes;
  for (const MemoryEstimate &memory : estimate.memories)
    bytes +=
        (bytes.empty() ? "" : ", ") + memory.name + " " + inBytes(memory.bytes);
  return {mark,
          estimate.form,
          getPrefix(estimate.certainty) + inSeconds(estimate.seconds),
          longest ? longest->bound : "",
          estimate.joules ? inThousands(estimate.joules, "J") : "-",
          bytes};
}

std::vector<std::string> explain::describe(const TilingEstimate &tiling) {
  return {tiling.isChosen ? "chosen" : "",
          tiling.kernel,
          tiling.tiles,
          inSeconds(tiling.seconds),
          tiling.bound,
          inBytes(tiling.bytes) + (tiling.fits ? "" : ", too many")};
}

std::string explain::describe(const Bound &bound) {
  std::string text = bound.memory + ": at least " + inBytes(bound.bytes) +
                     " (" + bound.reason + "; " + bound.formula + ")";
  if (bound.distance)
    text += "; derived: " +
            std::string(llvm::formatv("{0:f2} times that", *bound.distance));
  return text;
}
