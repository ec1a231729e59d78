//===- PrintJson.cpp - The report for programs ----------------------------===//
//
// The structs of Report.h, field by field. docs/explain.md has the schema; a
// test compares the two.
//
//===----------------------------------------------------------------------===//

#include "lib/Explain/Explain.h"
#include "llvm/Support/JSON.h"

using namespace attn;
using namespace attn::explain;
using llvm::json::OStream;

static void print(OStream &json, llvm::StringRef key,
                  const std::vector<std::string> &texts) {
  json.attributeArray(key, [&] {
    for (const std::string &text : texts)
      json.value(text);
  });
}

/// Writes a list of objects.
template <typename T, typename Fn>
static void print(OStream &json, llvm::StringRef key,
                  const std::vector<T> &items, Fn printItem) {
  json.attributeArray(key, [&] {
    for (const T &item : items)
      json.object([&] { printItem(json, item); });
  });
}

template <typename T>
static void printOptional(OStream &json, llvm::StringRef key,
                          const std::optional<T> &value) {
  if (value)
    json.attribute(key, *value);
}

static void printLive(OStream &json, const Live &live) {
  json.attributeObject("live", [&] {
    json.attribute("whole", live.isWhole);
    print(json, "extents", live.extents);
    json.attribute("reach", live.reach);
    printOptional(json, "bytes", live.bytes);
  });
}

static void printWalk(OStream &json, const Walk &walk) {
  json.attribute("tensor", walk.tensor);
  print(json, "traversals", walk.traversals,
        [](OStream &json, const Traversal &traversal) {
          json.attribute("einsum", traversal.einsum);
          json.attribute("after", traversal.after);
        });
  printOptional(json, "ofEachChunk", walk.ofEachChunk);
  json.attribute("gathered", walk.isGathered);
  print(json, "again", walk.again);
  printLive(json, walk.live);
}

static void printTiming(OStream &json, const Timing &timing) {
  json.attribute("einsum", timing.einsum);
  json.attribute("phase", timing.phase);
  json.attribute("streams", timing.streams);
  json.attribute("barrier", timing.barrier);
  printLive(json, timing.live);
}

static void printRankFacts(OStream &json, const RankFacts &facts) {
  json.attribute("rank", facts.rank);
  print(json, "variables", facts.variables);
  json.attribute("traversals", facts.traversals);
  json.attribute("phases", facts.phases);
  printOptional(json, "chunkPhases", facts.chunkPhases);
  print(json, "tensors", facts.walks, printWalk);
  print(json, "einsums", facts.timings, printTiming);
}

static void printNode(OStream &json, const Node &node) {
  json.attribute("kind", node.kind);
  json.attribute("name", node.name);
  print(json, "ranks", node.ranks);
  print(json, "reduced", node.reduced);
  json.attribute("formula", node.formula);
  json.attribute("output", node.isOutput);
  json.attribute("dead", node.isDead);
  json.attribute("loop", node.loop);
}

static void printGraph(OStream &json, const Graph &graph) {
  json.attributeObject("graph", [&] {
    print(json, "nodes", graph.nodes, printNode);
    print(json, "edges", graph.edges, [](OStream &json, const Edge &edge) {
      json.attribute("from", edge.from);
      json.attribute("to", edge.to);
      json.attribute("next", edge.isNext);
      print(json, "barriers", edge.barriers);
    });
    json.attribute("rank", graph.rank);
    json.attribute("ofChunk", graph.ofChunk);
    json.attributeArray("phases", [&] {
      for (unsigned phase : graph.phases)
        json.value(phase);
    });
  });
}

static void printAmount(OStream &json, llvm::StringRef key,
                        const Amount &amount) {
  json.attributeObject(key, [&] {
    json.attribute("formula", amount.formula);
    printOptional(json, "value", amount.value);
    json.attribute("certainty", amount.certainty);
  });
}

static void printOperations(OStream &json,
                            const std::vector<Operations> &operations) {
  print(json, "operations", operations,
        [](OStream &json, const Operations &operation) {
          json.attribute("kind", operation.kind);
          printAmount(json, "amount", operation.amount);
        });
}

static void printCosts(OStream &json, const Costs &costs) {
  json.attributeObject("costs", [&] {
    print(json, "einsums", costs.einsums,
          [](OStream &json, const EinsumCosts &einsum) {
            json.attribute("einsum", einsum.einsum);
            printAmount(json, "read", einsum.read);
            printAmount(json, "written", einsum.written);
            printOperations(json, einsum.operations);
          });
    printOperations(json, costs.operations);
    printAmount(json, "flops", costs.flops);
    printAmount(json, "functions", costs.functions);
    printAmount(json, "compulsory", costs.compulsory);
    printAmount(json, "unfused", costs.unfused);
    print(json, "pointSets", costs.pointSets);
  });
}

static void printForm(OStream &json, llvm::StringRef key, const Form &form) {
  json.attributeObject(key, [&] {
    print(json, "lines", form.lines, [](OStream &json, const Line &line) {
      json.attribute("kind", line.kind);
      json.attribute("depth", line.depth);
      json.attribute("text", line.text);
    });
    print(json, "ranks", form.ranks, printRankFacts);
    printGraph(json, form.graph);
    printCosts(json, form.costs);
    print(json, "dead", form.dead);
  });
}

static void printEstimate(OStream &json, const Estimate &estimate) {
  json.attribute("form", estimate.form);
  json.attribute("chosen", estimate.isChosen);
  json.attribute("problem", estimate.problem);
  json.attribute("certainty", estimate.certainty);
  json.attribute("seconds", estimate.seconds);
  json.attribute("joules", estimate.joules);
  print(json, "kernels", estimate.kernels,
        [](OStream &json, const KernelEstimate &kernel) {
          json.attribute("name", kernel.name);
          json.attribute("laneRank", kernel.laneRank);
          json.attribute("streamRank", kernel.streamRank);
          json.attribute("laneBlock", kernel.laneBlock);
          json.attribute("seconds", kernel.seconds);
          json.attribute("bound", kernel.bound);
        });
  print(json, "units", estimate.units,
        [](OStream &json, const UnitEstimate &unit) {
          json.attribute("name", unit.name);
          json.attribute("seconds", unit.seconds);
          json.attribute("utilization", unit.utilization);
        });
  print(json, "memories", estimate.memories,
        [](OStream &json, const MemoryEstimate &memory) {
          json.attribute("name", memory.name);
          json.attribute("bytes", memory.bytes);
          printOptional(json, "seconds", memory.seconds);
        });
}

static void printBound(OStream &json, const Bound &bound) {
  json.attribute("memory", bound.memory);
  json.attribute("reason", bound.reason);
  json.attribute("formula", bound.formula);
  json.attribute("bytes", bound.bytes);
  printOptional(json, "distance", bound.distance);
}

static void printRoofline(OStream &json, const Roofline &roofline) {
  json.attributeObject("roofline", [&] {
    json.attribute("memory", roofline.memory);
    printOptional(json, "mostFlopsPerByte", roofline.mostFlopsPerByte);
    print(json, "roofs", roofline.roofs,
          [](OStream &json, const RooflineRoof &roof) {
            json.attribute("name", roof.name);
            json.attribute("slope", roof.isSlope);
            json.attribute("perSecond", roof.perSecond);
          });
    print(json, "points", roofline.points,
          [](OStream &json, const RooflinePoint &point) {
            json.attribute("name", point.name);
            json.attribute("flopsPerByte", point.flopsPerByte);
            json.attribute("flopsPerSecond", point.flopsPerSecond);
          });
  });
}

static void printMachine(OStream &json, const Machine &machine) {
  json.attributeObject("machine", [&] {
    json.attribute("name", machine.name);
    json.attribute("description", machine.description);
    print(json, "sources", machine.sources);
    print(json, "memories", machine.memories);
    print(json, "roofs", machine.roofs, [](OStream &json, const Roof &roof) {
      json.attribute("name", roof.name);
      json.attribute("kind", roof.kind);
      json.attribute("perSecond", roof.perSecond);
    });
  });
}

static void printCascade(OStream &json, const Cascade &cascade) {
  json.attribute("name", cascade.name);
  json.attribute("line", cascade.place.line);
  print(json, "ranks", cascade.ranks, [](OStream &json, const Rank &rank) {
    json.attribute("name", rank.name);
    json.attribute("declaration", rank.declaration);
    printOptional(json, "extent", rank.extent);
  });
  print(json, "arguments", cascade.arguments,
        [](OStream &json, const Argument &argument) {
          json.attribute("name", argument.name);
          print(json, "ranks", argument.ranks);
          json.attribute("type", argument.type);
          json.attribute("output", argument.isOutput);
        });
  printForm(json, "written", cascade.written);
  printForm(json, "derived", cascade.derived);
  print(json, "estimates", cascade.estimates, printEstimate);
  print(json, "tilings", cascade.tilings,
        [](OStream &json, const TilingEstimate &tiling) {
          json.attribute("kernel", tiling.kernel);
          json.attribute("tiles", tiling.tiles);
          json.attribute("chosen", tiling.isChosen);
          json.attribute("fits", tiling.fits);
          json.attribute("seconds", tiling.seconds);
          json.attribute("bound", tiling.bound);
          json.attribute("bytes", tiling.bytes);
        });
  print(json, "bounds", cascade.bounds, printBound);
  if (cascade.roofline)
    printRoofline(json, *cascade.roofline);
  print(json, "remarks", cascade.remarks,
        [](OStream &json, const Remark &remark) {
          json.attribute("line", remark.place.line);
          json.attribute("column", remark.place.column);
          json.attribute("severity", remark.severity);
          json.attribute("text", remark.text);
        });
}

void explain::printJson(const Report &report, llvm::raw_ostream &os) {
  OStream json(os, /*IndentSize=*/1);
  json.object([&] {
    json.attribute("schema", schemaVersion);
    json.attribute("attnc", report.version);
    json.attribute("file", report.file);
    if (report.machine)
      printMachine(json, *report.machine);
    print(json, "cascades", report.cascades, printCascade);
  });
  os << "\n";
}
