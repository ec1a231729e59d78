//===- MachineDescription.cpp - A machine as data -------------------------===//

#include "lib/Machine/MachineDescription.h"
#include "lib/Machine/BuiltinMachines.h"
#include "lib/Machine/CpuModel.h"
#include "lib/Machine/JsonFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Path.h"

using namespace attn;
using llvm::StringRef;
namespace json = llvm::json;

int64_t MachineUnit::getLanes() const {
  int64_t lanes = 1;
  for (const UnitDimension &dimension : dimensions)
    lanes *= dimension.size;
  return lanes;
}

const OperationCost *MachineUnit::lookupNarrowProduct(unsigned bits) const {
  auto product = operations.find("mac" + std::to_string(bits));
  return product == operations.end() ? nullptr : &product->second;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace attn {

static bool fromJSON(const json::Value &value, RankRole &role,
                     json::Path path) {
  std::optional<RankRole> known = llvm::StringSwitch<std::optional<RankRole>>(
                                      value.getAsString().value_or(""))
                                      .Case("any", RankRole::Any)
                                      .Case("lane", RankRole::Lane)
                                      .Case("stream", RankRole::Stream)
                                      .Default(std::nullopt);
  if (known)
    role = *known;
  else
    path.report("expected \"any\", \"lane\" or \"stream\"");
  return known.has_value();
}

static bool fromJSON(const json::Value &value, UnitDimension &dimension,
                     json::Path path) {
  dimension.holds = RankRole::Any;
  Members members(value, path);
  members.read("size", dimension.size);
  members.checkPositive("size", dimension.size);
  members.readIf("holds", dimension.holds);
  return members.finish();
}

static bool fromJSON(const json::Value &value, OperationCost &cost,
                     json::Path path) {
  Members members(value, path);
  members.readIf("cycles", cost.cycles);
  members.checkPositive("cycles", cost.cycles);
  members.readIf("picojoules", cost.picojoules);
  return members.finish();
}

/// What an Einsum can compute: the kinds that lib/Analysis counts, and narrow
/// products.
#define ATTN_OPERATIONS                                                        \
  "abs, add, ceil, compare, convert, cos, div, erf, exp, exp2, floor, log, "   \
  "log2, logic, mac, mac16, mac8, max, mul, pow, round, rsqrt, select, "       \
  "sigmoid, sin, sqrt, tanh"

static bool checkOperation(StringRef name, json::Path place) {
  llvm::SmallVector<StringRef, 32> known;
  StringRef(ATTN_OPERATIONS).split(known, ", ");
  if (llvm::is_contained(known, name))
    return true;
  place.field(name).report("unknown operation; expected " ATTN_OPERATIONS);
  return false;
}

/// An operation made of others: `{"mac": 6}` takes what 6 `mac` take, one after
/// the other.
using Expansion = std::map<std::string, double>;

static bool fromJSON(const json::Value &value, MachineUnit &unit,
                     json::Path path) {
  std::map<std::string, Expansion> expansions;
  std::map<std::string, OperationCost> operations;
  Members members(value, path);
  members.read("name", unit.name);
  members.read("dimensions", unit.dimensions);
  members.read("operations", operations);
  members.readIf("expansions", expansions);
  members.readIf("overlaps", unit.overlaps);
  if (!members.finish())
    return false;
  for (auto &[name, cost] : operations)
    if (!checkOperation(name, path.field("operations")))
      return false;
  unit.operations.insert(operations.begin(), operations.end());
  for (auto &[name, parts] : expansions) {
    OperationCost whole{0, 0};
    json::Path place = path.field("expansions");
    if (!checkOperation(name, place))
      return false;
    for (auto &[part, times] : parts) {
      auto known = operations.find(part);
      if (known == operations.end()) {
        place.field(name).report("made of what is no operation of the unit");
        return false;
      }
      whole.cycles += times * known->second.cycles;
      whole.picojoules += times * known->second.picojoules;
    }
    if (!unit.operations.try_emplace(name, whole).second) {
      place.field(name).report("an operation of this name is there already");
      return false;
    }
  }
  return true;
}

static bool fromJSON(const json::Value &value, MachineMemory &memory,
                     json::Path path) {
  Members members(value, path);
  members.read("name", memory.name);
  members.readIf("bytes", memory.bytes);
  members.checkPositive("bytes", memory.bytes.value_or(1));
  members.readIf("instances", memory.instances);
  members.checkPositive("instances", memory.instances);
  members.readIf("bytes_per_second", memory.bytesPerSecond);
  members.checkPositive("bytes_per_second", memory.bytesPerSecond.value_or(1));
  members.readIf("access_bytes", memory.accessBytes);
  members.checkPositive("access_bytes", memory.accessBytes);
  members.readIf("read_picojoules", memory.readPicojoules);
  members.readIf("write_picojoules", memory.writePicojoules);
  return members.finish();
}

static bool fromJSON(const json::Value &value, MappingChoice &choice,
                     json::Path path) {
  std::map<std::string, int64_t> when;
  Members members(value, path);
  members.read("when", when);
  members.readIf("lane_block", choice.laneBlock);
  members.checkPositive("lane_block", choice.laneBlock.value_or(1));
  members.readIf("buffered", choice.buffered);
  members.readIf("stationary", choice.stationary);
  members.readIf("apart", choice.apart);
  members.readIf("spilled", choice.spilled);
  if (choice.spilled < 0 || choice.spilled > 1)
    members.fail("spilled", "expected a number from 0 to 1");
  choice.when.insert(when.begin(), when.end());
  return members.finish();
}

static bool fromJSON(const json::Value &value, TileChoice &tile,
                     json::Path path) {
  const json::Array *sides = value.getAsArray();
  if (!sides || sides->size() != 2) {
    path.report("expected two numbers: lanes and coordinates of a stream");
    return false;
  }
  return fromJSON((*sides)[0], tile.lanes, path.index(0)) &&
         fromJSON((*sides)[1], tile.stream, path.index(1));
}

static bool fromJSON(const json::Value &value, ProcessorDescription &processor,
                     json::Path path) {
  Members members(value, path);
  members.read("isa", processor.isa);
  members.read("processor", processor.processor);
  members.read("features", processor.features);
  members.read("lanes", processor.lanes);
  members.checkPositive("lanes", processor.lanes);
  members.read("registers", processor.registers);
  members.checkPositive("registers", processor.registers);
  members.read("l1_bytes", processor.l1Bytes);
  members.checkPositive("l1_bytes", processor.l1Bytes);
  members.read("l1_bytes_per_second", processor.l1BytesPerSecond);
  members.checkPositive("l1_bytes_per_second", processor.l1BytesPerSecond);
  members.read("exposed", processor.exposed);
  members.read("prefetch_distance", processor.prefetchDistance);
  members.read("start_cycles", processor.startCycles);
  members.read("lane_tiles", processor.laneTiles);
  members.checkPositive("lane_tiles", processor.laneTiles.size());
  members.read("stream_tiles", processor.streamTiles);
  members.checkPositive("stream_tiles", processor.streamTiles.size());
  members.readIf("matrix_tiles", processor.matrixTiles);
  members.read("lane_tile", processor.laneTile);
  members.read("stream_tile", processor.streamTile);
  members.readIf("single_stream_tile", processor.singleStreamTile);
  members.read("product_lane_tile", processor.productLaneTile);
  members.read("product_row_tile", processor.productRowTile);
  members.read("product_stream_tile", processor.productStreamTile);
  members.read("sweep_tile", processor.sweepTile);
  members.read("sweep_rows", processor.sweepRows);
  members.read("prefetch_bytes", processor.prefetchBytes);
  members.read("prefetch_from", processor.prefetchFrom);
  members.read("rows_in_step", processor.rowsInStep);
  members.checkPositive("rows_in_step", processor.rowsInStep);
  members.readIf("has_tiles", processor.hasTiles);
  members.readIf("has_dots", processor.hasDots);
  return members.finish();
}

static bool fromJSON(const json::Value &value, WarpgroupDescription &groups,
                     json::Path path) {
  Members members(value, path);
  members.read("target", groups.target);
  members.read("tiles", groups.tiles);
  members.checkPositive("tiles", groups.tiles.size());
  members.read("short_stream_tile", groups.shortStreamTile);
  members.checkPositive("short_stream_tile", groups.shortStreamTile);
  return members.finish();
}

static bool fromJSON(const json::Value &value,
                     MultiprocessorDescription &multiprocessor,
                     json::Path path) {
  Members members(value, path);
  members.read("target", multiprocessor.target);
  members.read("features", multiprocessor.features);
  members.read("capability", multiprocessor.capability);
  members.read("shared_bytes", multiprocessor.sharedBytes);
  members.checkPositive("shared_bytes", multiprocessor.sharedBytes);
  members.read("threads", multiprocessor.threads);
  members.checkPositive("threads", multiprocessor.threads);
  members.read("tiles", multiprocessor.tiles);
  members.checkPositive("tiles", multiprocessor.tiles.size());
  members.read("start_cycles", multiprocessor.startCycles);
  members.read("exposed", multiprocessor.exposed);
  members.read("narrow_lane_tile", multiprocessor.narrowLaneTile);
  members.read("product_row_tile", multiprocessor.productRowTile);
  members.read("sweep_tile", multiprocessor.sweepTile);
  members.read("sweep_rows", multiprocessor.sweepRows);
  members.read("narrow_stream_tile", multiprocessor.narrowStreamTile);
  members.checkPositive("narrow_stream_tile", multiprocessor.narrowStreamTile);
  members.read("split_tasks", multiprocessor.splitTasks);
  members.checkPositive("split_tasks", multiprocessor.splitTasks);
  members.readIf("warpgroups", multiprocessor.warpgroups);
  return members.finish();
}

static bool fromJSON(const json::Value &value, MachineDescription &machine,
                     json::Path path) {
  Members members(value, path);
  members.read("name", machine.name);
  members.readIf("description", machine.description);
  members.readIf("sources", machine.sources);
  members.read("hertz", machine.hertz);
  members.checkPositive("hertz", machine.hertz);
  members.readIf("element_bytes", machine.elementBytes);
  members.checkPositive("element_bytes", machine.elementBytes.value_or(1));
  members.readIf("chunk", machine.chunk);
  members.checkPositive("chunk", machine.chunk);
  members.readIf("blocks_divide", machine.blocksDivide);
  members.read("units", machine.units);
  members.read("memories", machine.memories);
  members.readIf("mappings", machine.mappings);
  members.readIf("processor", machine.processor);
  members.readIf("multiprocessor", machine.multiprocessor);
  if (!members.finish())
    return false;
  if (machine.units.empty())
    path.field("units").report("expected a unit");
  else if (machine.memories.size() < 2)
    path.field("memories").report("expected an outer and an inner memory");
  else if (machine.memories.front().bytes)
    path.field("memories").report("the outermost has no limit in bytes");
  else if (!llvm::all_of(llvm::drop_begin(machine.memories),
                         [](auto &memory) { return memory.bytes.has_value(); }))
    path.field("memories").report("an inner one has no limit in bytes");
  else
    return true;
  return false;
}

} // namespace attn

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

std::vector<StringRef> attn::getBuiltinMachines() {
  std::vector<StringRef> names;
  for (const BuiltinMachine &machine : builtinMachines)
    names.push_back(machine.name);
  return names;
}

/// The text of a machine, as JSON.
static llvm::Expected<std::string> readText(StringRef nameOrFile) {
  if (!nameOrFile.ends_with(".json")) {
    StringRef name = nameOrFile;
    if (name == "host") {
      std::optional<CpuDescription> host = lookupCpu("host");
      if (!host)
        return makeFileError("this machine does not run x86-64-v3");
      name = host->name;
    }
    for (const BuiltinMachine &machine : builtinMachines)
      if (name == machine.name)
        return machine.text;
    return makeFileError("unknown machine `" + nameOrFile +
                         "`; expected host, " +
                         llvm::join(getBuiltinMachines(), ", ") +
                         " or a file that ends in .json");
  }
  return readFile(nameOrFile);
}

/// The members of `nameOrFile`: its own, and those of the machine that it is
/// `like`.
static llvm::Expected<json::Object> readMembers(StringRef nameOrFile) {
  llvm::Expected<std::string> text = readText(nameOrFile);
  if (!text)
    return text.takeError();
  llvm::Expected<json::Value> value = parseJson(nameOrFile, *text);
  if (!value)
    return value.takeError();
  json::Object *own = value->getAsObject();
  if (!own)
    return makeFileError(nameOrFile + ": expected an object");
  const json::Value *like = own->get("like");
  if (!like)
    return std::move(*own);
  std::string other = like->getAsString().value_or("").str();
  // A file beside this one, or a built-in machine, that is like no other.
  llvm::SmallString<128> file(other);
  if (StringRef(other).ends_with(".json") &&
      llvm::sys::path::is_relative(other)) {
    file = llvm::sys::path::parent_path(nameOrFile);
    llvm::sys::path::append(file, other);
  }
  llvm::Expected<std::string> base = readText(file);
  if (!base)
    return makeFileError(nameOrFile +
                         ": like: " + llvm::toString(base.takeError()));
  llvm::Expected<json::Value> merged = parseJson(file, *base);
  if (!merged)
    return merged.takeError();
  json::Object *members = merged->getAsObject();
  if (!members || members->get("like"))
    return makeFileError(nameOrFile + ": like: `" + other +
                         "` is like another machine itself");
  for (auto &[name, member] : *own)
    if (StringRef(name) != "like")
      (*members)[name] = std::move(member);
  return std::move(*members);
}

llvm::Expected<MachineDescription> attn::loadMachine(StringRef nameOrFile) {
  llvm::Expected<json::Object> members = readMembers(nameOrFile);
  if (!members)
    return members.takeError();
  json::Value value(std::move(*members));
  MachineDescription machine;
  json::Path::Root root(nameOrFile);
  if (!fromJSON(value, machine, root))
    return root.getError();
  return machine;
}
