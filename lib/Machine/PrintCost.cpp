//===- PrintCost.cpp - Costs for people and for programs ------------------===//
//
// docs/machines.md has the members of the JSON.
//
//===----------------------------------------------------------------------===//

#include "lib/Machine/CostModel.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

using namespace attn;
using namespace attn::cost;
using llvm::format;
using llvm::json::OStream;

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static void printUnits(llvm::ArrayRef<UnitCost> units, llvm::raw_ostream &out) {
  for (const UnitCost &unit : units) {
    out << "    " << unit.name << ": " << format("%.6g", unit.cycles)
        << " cycles, " << format("%.1f", 100 * unit.utilization)
        << " % of its lanes busy";
    if (unit.joules)
      out << ", " << format("%.6g", unit.joules) << " J";
    out << "\n";
  }
}

static void printMemories(llvm::ArrayRef<MemoryCost> memories,
                          llvm::raw_ostream &out) {
  for (const MemoryCost &memory : memories) {
    out << "    " << memory.name << ": reads "
        << format("%.6g", memory.bytesRead) << " B, writes "
        << format("%.6g", memory.bytesWritten) << " B";
    if (memory.seconds)
      out << ", " << format("%.6g", *memory.seconds) << " s";
    if (memory.joules)
      out << ", " << format("%.6g", memory.joules) << " J";
    out << "\n";
  }
}

static void printTime(double seconds, double joules, llvm::raw_ostream &out) {
  out << format("%.6g", seconds) << " s";
  if (joules)
    out << ", " << format("%.6g", joules) << " J";
}

void cost::printText(const CascadeCost &cost, llvm::raw_ostream &out) {
  out << "@" << cost.name << " on " << cost.machine << ": ";
  printTime(cost.seconds, cost.joules, out);
  if (cost.isSampled)
    out << " (about: a filter was sampled)";
  else if (cost.isBound)
    out << " (at most: a filter depends on values)";
  out << "\n";
  for (const KernelCost &kernel : cost.kernels) {
    out << "  kernel " << kernel.name << ": ";
    printTime(kernel.seconds, kernel.joules, out);
    out << ", bound by " << kernel.bound << "\n";
    if (!kernel.laneRank.empty()) {
      out << "    " << kernel.laneRank << " along the lanes in "
          << kernel.laneBlocks << " block"
          << (kernel.laneBlocks == 1 ? "" : "s") << " of " << kernel.laneBlock;
      if (!kernel.streamRank.empty())
        out << ", " << kernel.streamRank << " streams";
      out << "\n";
    }
    printUnits(kernel.units, out);
    printMemories(kernel.memories, out);
    for (const BoundOperation &operation : kernel.operations)
      out << "      " << operation.einsum << ": "
          << format("%.6g", operation.count) << " " << operation.operation
          << " on " << operation.unit << ", "
          << format("%.6g", operation.cycles) << " cycles\n";
  }
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static void print(OStream &json, llvm::ArrayRef<UnitCost> units,
                  llvm::ArrayRef<MemoryCost> memories) {
  json.attributeArray("units", [&] {
    for (const UnitCost &unit : units)
      json.object([&] {
        json.attribute("name", unit.name);
        json.attribute("cycles", unit.cycles);
        json.attribute("utilization", unit.utilization);
        json.attribute("joules", unit.joules);
      });
  });
  json.attributeArray("memories", [&] {
    for (const MemoryCost &memory : memories)
      json.object([&] {
        json.attribute("name", memory.name);
        json.attribute("bytes_read", memory.bytesRead);
        json.attribute("bytes_written", memory.bytesWritten);
        if (memory.seconds)
          json.attribute("seconds", *memory.seconds);
        json.attribute("joules", memory.joules);
      });
  });
}

static void print(OStream &json, const KernelCost &kernel) {
  json.attribute("name", kernel.name);
  json.attribute("seconds", kernel.seconds);
  json.attribute("joules", kernel.joules);
  json.attribute("bound", kernel.bound);
  json.attribute("lane_rank", kernel.laneRank);
  json.attribute("stream_rank", kernel.streamRank);
  json.attribute("lane_block", kernel.laneBlock);
  json.attribute("lane_blocks", kernel.laneBlocks);
  print(json, kernel.units, kernel.memories);
  json.attributeArray("operations", [&] {
    for (const BoundOperation &operation : kernel.operations)
      json.object([&] {
        json.attribute("einsum", operation.einsum);
        json.attribute("operation", operation.operation);
        json.attribute("unit", operation.unit);
        json.attribute("count", operation.count);
        json.attribute("cycles", operation.cycles);
      });
  });
}

void cost::printJson(llvm::ArrayRef<CascadeCost> costs,
                     llvm::raw_ostream &out) {
  OStream json(out, /*IndentSize=*/1);
  json.array([&] {
    for (const CascadeCost &cost : costs)
      json.object([&] {
        json.attribute("cascade", cost.name);
        json.attribute("machine", cost.machine);
        json.attribute("seconds", cost.seconds);
        json.attribute("joules", cost.joules);
        json.attribute("is_bound", cost.isBound);
        json.attribute("is_sampled", cost.isSampled);
        print(json, cost.units, cost.memories);
        json.attributeArray("kernels", [&] {
          for (const KernelCost &kernel : cost.kernels)
            json.object([&] { print(json, kernel); });
        });
      });
  });
  out << "\n";
}
