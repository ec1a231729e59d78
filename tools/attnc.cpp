//===- attnc.cpp - The compiler's command line ----------------------------===//

#include "lib/Cascade/Passes.h"
#include "lib/Explain/Explain.h"
#include "lib/Machine/CostModel.h"
#include "lib/Mapping/ChooseTiles.h"
#include "lib/Package/Header.h"
#include "lib/Package/LinkObjects.h"
#include "lib/ParseSpec.h"
#include "lib/Pipeline.h"
#include "lib/Register.h"
#include "lib/Specialise.h"
#include "lib/Target/CPU/EmitObject.h"
#include "lib/Target/WriteFile.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/Timing.h"
#include "runtime/attnrt.h"
#include "tools/EstimateTable.h"
#include "tools/Waiting.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/WithColor.h"
#include <mutex>

using namespace mlir;
using namespace attn;
namespace cl = llvm::cl;
namespace path = llvm::sys::path;

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

namespace {

enum class Emit { Attn, Nests, Tile, LLVM, Asm, PTX, Obj, SO, Header };

/// Reads the name of an enumerator; a mistake lists all.
template <typename T> struct NameParser : cl::parser<T> {
  using cl::parser<T>::parser;
  bool parse(cl::Option &option, StringRef, StringRef text, T &value) {
    std::string names;
    for (auto &known : this->Values) {
      if (known.Name == text) {
        value = known.V.getValue();
        return false;
      }
      names += (names.empty() ? "" : ", ") + known.Name.str();
    }
    return option.error("unknown value `" + text + "`; expected " + names);
  }
  StringRef getName(T value) const {
    return llvm::find_if(
               this->Values,
               [&](auto &known) { return known.V.getValue() == value; })
        ->Name;
  }
};

struct CommandLine {
  cl::OptionCategory category{"Options"};

  cl::opt<std::string> input{cl::Positional, cl::desc("<spec.mlir>"),
                             cl::init("-"), cl::cat(category)};
  cl::opt<std::string> output{
      "o", cl::value_desc("file"), cl::cat(category),
      cl::desc("Where to write (- is stdout); .o and .so get a .h beside")};
  cl::opt<Emit, false, NameParser<Emit>> emit{
      "emit", cl::desc("What to write (obj):"), cl::init(Emit::Obj),
      cl::cat(category),
      cl::values(clEnumValN(Emit::Attn, "attn", "the cascades, as written"),
                 clEnumValN(Emit::Nests, "nests", "kernels and one-pass forms"),
                 clEnumValN(Emit::Tile, "tile", "kernels as loops over tiles"),
                 clEnumValN(Emit::LLVM, "llvm", "LLVM IR, optimised"),
                 clEnumValN(Emit::Asm, "asm", "assembly"),
                 clEnumValN(Emit::PTX, "ptx", "a GPU's kernels as text"),
                 clEnumValN(Emit::Obj, "obj", "an object file and its header"),
                 clEnumValN(Emit::SO, "so", "a shared object and its header"),
                 clEnumValN(Emit::Header, "header", "the C header alone"))};
  cl::opt<std::string> explain{
      "explain", cl::ValueOptional, cl::value_desc("format"), cl::cat(category),
      cl::desc("Report on the cascades instead: text (default), json, html")};
  cl::list<std::string> sizes{
      "size", cl::CommaSeparated, cl::value_desc("rank=extent"),
      cl::cat(category),
      cl::desc("For --explain and --cost: extents of free ranks")};
  cl::opt<std::string> cost{
      "cost", cl::ValueOptional, cl::value_desc("format"), cl::cat(category),
      cl::desc("Estimate time, traffic and energy instead: text (default), "
               "json; --stop-after chooses the form. Of a table.json: beside "
               "the figures that it states")};
  cl::opt<std::string> machine{
      "machine", cl::value_desc("name"), cl::cat(category),
      cl::desc("For --cost, --explain: one of machines/, a .json file, host")};
  cl::opt<Stage, false, NameParser<Stage>> stopAfter{
      "stop-after", cl::init(Stage::LLVM), cl::cat(category), getStageValues(),
      cl::desc("Write the IR after a stage:")};
  cl::opt<std::string> dumpTo{
      "dump-to", cl::value_desc("folder"), cl::cat(category),
      cl::desc("Write the IR after every stage to a folder")};
  cl::list<std::string> targets{
      "target", cl::CommaSeparated, cl::value_desc("name,..."),
      cl::cat(category),
      cl::desc("host, x86-64-v3, x86-64-v4, x86-64-v4-vnni, sapphirerapids, "
               "sm_80, sm_90, "
               "sm_90a (code: all of the CPU's; IR: host)")};
  cl::list<std::string> extents{
      "set", cl::CommaSeparated, cl::value_desc("rank=extent"),
      cl::cat(category), cl::desc("Give a fixed rank another extent")};
  cl::list<std::string> types{
      "type", cl::CommaSeparated, cl::value_desc("old=new"), cl::cat(category),
      cl::desc("Give tensors another element type: bf16=f16")};
  cl::opt<std::string> merge{
      "merge", cl::value_desc("rank"), cl::cat(category),
      cl::desc("Also make X_partial, X_merge and X_finish of each cascade X "
               "that reduces a rank: its states over pieces of that rank")};
  cl::list<std::string> options{
      "options", cl::value_desc("a=1 b=2"), cl::cat(category),
      cl::desc("Options of the pipeline, as attn-opt --attn-pipeline=...")};
  cl::opt<std::string> runtime{
      "runtime", cl::value_desc("folder"), cl::cat(category),
      cl::desc("Where libattnrt.so is, for --emit=so")};

  cl::opt<std::string> ptxas{
      "ptxas", cl::value_desc("file"), cl::cat(category),
      cl::desc("CUDA's assembler, for GPUs (in CUDA_HOME or the PATH)")};

  /// Whether --cost is for a table of forms and calls.
  bool hasTable() const {
    return cost.getNumOccurrences() && StringRef(input).ends_with(".json");
  }
  bool isTextual() const {
    return explain.getNumOccurrences() || cost.getNumOccurrences() ||
           stopAfter.getNumOccurrences() || emit == Emit::Attn ||
           emit == Emit::Nests || emit == Emit::Tile;
  }
};

} // namespace

/// Prints a mistake that lies in no file.
static LogicalResult fail(const Twine &message) {
  llvm::WithColor::error(llvm::errs(), "attnc") << message << "\n";
  return failure();
}

static std::string getVersion() {
  return (Twine(ATTNRT_VERSION_MAJOR) + "." + Twine(ATTNRT_VERSION_MINOR) +
          "." + Twine(ATTNRT_VERSION_PATCH))
      .str();
}

/// The stage whose IR an --emit is.
static Stage getStage(Emit emit) {
  switch (emit) {
  case Emit::Attn:
    return Stage::Parse;
  case Emit::Nests:
    return Stage::OnePass;
  default:
    return Stage::Bind;
  }
}

/// The last stage to run where IR is written.
static Stage getLastStage(const CommandLine &line) {
  return line.stopAfter.getNumOccurrences() ? Stage(line.stopAfter)
                                            : getStage(line.emit);
}

/// Checks that --stop-after and --emit don't ask for different things.
static LogicalResult checkStopAfter(CommandLine &line) {
  if (!line.stopAfter.getNumOccurrences() || !line.emit.getNumOccurrences())
    return success();
  if (line.emit > Emit::Tile)
    return fail("--stop-after writes IR, so it excludes --emit=llvm, asm, ptx, "
                "obj, so and header");
  Stage stage = getStage(line.emit);
  if (line.stopAfter != stage)
    return fail("--emit=" + line.emit.getParser().getName(line.emit) +
                " is the IR after `" + stringify(stage) +
                "`, --stop-after asks for that after `" +
                stringify(line.stopAfter) + "`");
  return success();
}

/// ptxas where --ptxas says, else in CUDA's folder, else in the PATH; empty if
/// it is nowhere.
static FailureOr<std::string> findPtxas(const CommandLine &line) {
  if (!line.ptxas.empty()) {
    if (!llvm::sys::fs::can_execute(line.ptxas))
      return fail("--ptxas=" + line.ptxas + " is no program");
    return line.ptxas.getValue();
  }
  for (StringRef variable : {"CUDA_HOME", "CUDA_PATH"}) {
    std::optional<std::string> folder = llvm::sys::Process::GetEnv(variable);
    SmallString<128> file(folder.value_or(""));
    path::append(file, "bin", "ptxas");
    if (folder && llvm::sys::fs::can_execute(file))
      return std::string(file);
  }
  auto found = llvm::sys::findProgramByName("ptxas");
  return found ? *found : std::string();
}

/// Adds the target called `name`, unless it is there.
static LogicalResult addTarget(StringRef name, Targets &targets) {
  auto add = [](auto &list, const auto &target) {
    if (llvm::none_of(list, [&](auto &t) { return t.name == target.name; }))
      list.push_back(target);
  };
  if (std::optional<CpuDescription> cpu = lookupCpu(name))
    add(targets.cpus, *cpu);
  else if (std::optional<GpuDescription> gpu = lookupGpu(name))
    add(targets.gpus, *gpu);
  else if (name == "host")
    return fail("this machine does not run x86-64-v3");
  else
    return fail("unknown target `" + name +
                "`; expected host, x86-64-v3, x86-64-v4, x86-64-v4-vnni, "
                "sapphirerapids, sm_80, sm_90 "
                "or sm_90a");
  return success();
}

/// Best first, as the descriptions are.
template <typename T>
static void sortTargets(SmallVector<T> &targets, ArrayRef<T> all) {
  llvm::sort(targets, [&](const T &x, const T &y) {
    auto place = [&](const T &target) {
      return llvm::find_if(all, [&](auto &t) { return t.name == target.name; });
    };
    return place(x) < place(y);
  });
}

/// The targets asked for, best first, each once.
static FailureOr<Targets> getTargets(const CommandLine &line) {
  Targets targets;
  for (StringRef name : line.targets)
    if (failed(addTarget(name, targets)))
      return failure();
  bool prints =
      line.isTextual() || line.emit == Emit::LLVM || line.emit == Emit::Asm;
  if (line.targets.empty()) {
    std::optional<CpuDescription> host = lookupCpu("host");
    if (line.emit == Emit::PTX)
      targets.gpus.assign(1, *lookupGpu("sm_80"));
    else if (prints && host)
      targets.cpus.assign(1, *host);
    else
      llvm::append_range(targets.cpus, getCpuDescriptions());
  }
  sortTargets(targets.cpus, getCpuDescriptions());
  sortTargets(targets.gpus, getGpuDescriptions());
  size_t count = targets.cpus.size() + targets.gpus.size();
  if (line.emit == Emit::PTX && (count > 1 || targets.gpus.empty()))
    return fail("--emit=ptx is for one GPU; --target names " +
                (count > 1 ? Twine(count) : Twine("a CPU")));
  if (line.isTextual() && getLastStage(line) > lastCascadeStage && count > 1) {
    if (!line.targets.empty())
      return fail("the IR after `" + stringify(getLastStage(line)) +
                  "` is that of one target; --target names " + Twine(count));
    targets.cpus.truncate(1); // a host that attnc does not compile for
  }
  if (targets.gpus.empty() || line.isTextual() || line.emit == Emit::PTX ||
      line.emit == Emit::Header)
    return targets;
  FailureOr<std::string> ptxas = findPtxas(line);
  if (failed(ptxas))
    return failure();
  targets.ptxas = *ptxas;
  if (ptxas->empty())
    llvm::WithColor::note(llvm::errs(), "attnc")
        << "there is no ptxas (--ptxas, CUDA_HOME, PATH): the GPU's kernels "
           "are PTX, which the driver compiles at the first call\n";
  return targets;
}

/// Where the result goes: as -o says, else beside the caller under the spec's
/// name, text to stdout.
static FailureOr<std::string> getOutput(const CommandLine &line) {
  bool isBinary =
      !line.isTextual() && (line.emit == Emit::Obj || line.emit == Emit::SO);
  if (line.output.getNumOccurrences()) {
    if (line.output.empty())
      return fail("-o has no file name");
    if (isBinary && line.output == "-" && llvm::outs().is_displayed())
      return fail("not writing binary code to a terminal");
    return line.output.getValue();
  }
  if (!isBinary)
    return std::string("-");
  if (line.input == "-")
    return fail("code from stdin needs -o");
  return (path::stem(line.input) + (line.emit == Emit::SO ? ".so" : ".o"))
      .str();
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static LogicalResult write(StringRef file, StringRef contents) {
  if (llvm::Error error = writeFile(file, contents))
    return fail(llvm::toString(std::move(error)));
  return success();
}

/// The IR as text that can be read again. A module that says nothing itself is
/// left out, as it is in specs.
static std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  OpPrintingFlags flags;
  flags.useLocalScope();
  if (!module->getAttrs().empty()) {
    module->print(os, flags);
    os << "\n";
    return text;
  }
  for (Operation &op : *module.getBody()) {
    op.print(os, flags);
    os << "\n";
  }
  return text;
}

static LogicalResult dump(const CommandLine &line, unsigned number,
                          StringRef stage, StringRef target,
                          StringRef extension, StringRef text) {
  std::string name =
      llvm::formatv("{0:d2}-{1}{2}{3}.{4}", number, stage,
                    target.empty() ? "" : ".", target, extension);
  SmallString<128> file(line.dumpTo);
  path::append(file, name);
  return write(file, text);
}

//===----------------------------------------------------------------------===//
// Compiling
//===----------------------------------------------------------------------===//

/// The folder of libattnrt.so in a build and in an installation: ../lib.
static std::string getRuntimeFolder(const CommandLine &line,
                                    const char *program) {
  if (!line.runtime.empty())
    return line.runtime;
  // The address of any function of this program finds its file.
  std::string tool = llvm::sys::fs::getMainExecutable(
      program, reinterpret_cast<void *>(&getRuntimeFolder));
  SmallString<128> folder = path::parent_path(path::parent_path(tool));
  path::append(folder, "lib");
  return std::string(folder);
}

/// Writes the header, named after the object: `x.h` for `x.o`.
static LogicalResult writeHeader(ArrayRef<Interface> interfaces,
                                 StringRef object) {
  SmallString<128> file(object);
  path::replace_extension(file, "h");
  std::string text;
  llvm::raw_string_ostream os(text);
  printHeader(interfaces, file, os);
  return write(file, text);
}

static LogicalResult writeHeaderAlone(const CommandLine &line,
                                      ArrayRef<Interface> interfaces,
                                      StringRef output) {
  std::string name = output.str();
  if (output == "-")
    name = line.input == "-" ? interfaces.front().name + ".h"
                             : (path::stem(line.input) + ".h").str();
  std::string text;
  llvm::raw_string_ostream os(text);
  printHeader(interfaces, name, os);
  return write(output, text);
}

static LogicalResult writeText(const CommandLine &line, llvm::Module &code,
                               StringRef output) {
  auto kind = line.emit == Emit::LLVM ? cpu::OutputKind::LLVM
                                      : cpu::OutputKind::Assembly;
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream os(text);
  if (llvm::Error error = cpu::emitModule(code, kind, os))
    return fail(llvm::toString(std::move(error)));
  return write(output, text);
}

/// The objects of `code`: one, where no linker is there to join several.
static FailureOr<std::vector<std::string>>
emitObjects(const CommandLine &line, llvm::Module &code, MLIRContext *context) {
  if (line.emit == Emit::SO || hasLinker())
    return cpu::emitObjects(code, context);
  llvm::SmallString<0> object;
  llvm::raw_svector_ostream os(object);
  if (llvm::Error error = cpu::emitModule(code, cpu::OutputKind::Object, os))
    return fail(llvm::toString(std::move(error)));
  return std::vector<std::string>{object.str().str()};
}

/// Writes an object or a shared object, and its header.
static LogicalResult writeObject(const CommandLine &line, const char *program,
                                 llvm::Module &code, MLIRContext *context,
                                 ArrayRef<Interface> interfaces,
                                 StringRef output) {
  FailureOr<std::vector<std::string>> objects =
      emitObjects(line, code, context);
  if (failed(objects))
    return failure();
  StringRef soname =
      output == "-" ? StringRef(code.getName()) : path::filename(output);
  llvm::Expected<std::string> linked =
      line.emit == Emit::SO
          ? linkSharedObject(*objects, soname, getRuntimeFolder(line, program))
          : linkObjects(*objects);
  if (!linked)
    return fail(llvm::toString(linked.takeError()));
  // The header last: it says that the rest is there.
  if (failed(write(output, *linked)))
    return failure();
  return isRegularOrNew(output) ? writeHeader(interfaces, output) : success();
}

/// Checks what --cost goes together with.
static LogicalResult checkCost(const CommandLine &line) {
  if (!line.cost.getNumOccurrences())
    return line.machine.getNumOccurrences() && !line.explain.getNumOccurrences()
               ? fail("--machine is for --cost and --explain")
               : success();
  if (line.machine.empty() && !line.hasTable())
    return fail("--cost needs --machine: host, " +
                llvm::join(getBuiltinMachines(), ", ") +
                " or a file that ends in .json");
  if (!llvm::is_contained({"", "text", "json"}, line.cost))
    return fail("unknown format `--cost=" + line.cost +
                "`; expected text or json");
  if (line.explain.getNumOccurrences() || line.emit.getNumOccurrences() ||
      !line.dumpTo.empty())
    return fail("--cost writes an estimate and no code, so it excludes "
                "--explain, --emit and --dump-to");
  if (line.hasTable() &&
      (line.machine.getNumOccurrences() || line.stopAfter.getNumOccurrences() ||
       !line.sizes.empty() || !line.extents.empty() || !line.types.empty() ||
       !line.merge.empty() || line.options.getNumOccurrences()))
    return fail("a table says itself what it estimates, so --cost of one "
                "excludes --machine, --size, --set, --type, --merge, "
                "--stop-after and --options");
  if (line.stopAfter.getNumOccurrences() && line.stopAfter != Stage::Nests &&
      line.stopAfter != Stage::OnePass)
    return fail("--cost estimates the form after `nests` or `one-pass`, not "
                "after `" +
                stringify(line.stopAfter) + "`");
  return success();
}

/// The machine that --machine names.
static FailureOr<MachineDescription> getMachine(const CommandLine &line) {
  llvm::Expected<MachineDescription> machine = loadMachine(line.machine);
  if (!machine)
    return fail(llvm::toString(machine.takeError()));
  return std::move(*machine);
}

/// Writes what the cascades of `module` cost on a machine.
static LogicalResult estimateCosts(const CommandLine &line, ModuleOp module,
                                   const PipelineOptions &options,
                                   StringRef output) {
  FailureOr<MachineDescription> machine = getMachine(line);
  if (failed(machine))
    return failure();
  auto sizes = parseExtents(line.sizes, "--size", module.getContext());
  Stage form = line.stopAfter.getNumOccurrences() ? Stage(line.stopAfter)
                                                  : lastCascadeStage;
  if (failed(sizes) ||
      failed(runStages(module, Stage::Parse, form, options, {})))
    return failure();
  std::vector<cost::CascadeCost> costs;
  for (CascadeOp cascade : module.getOps<CascadeOp>()) {
    FailureOr<CallExtents> extents = CallExtents::bind(cascade, *sizes);
    if (failed(extents))
      return failure();
    FailureOr<cost::CascadeCost> estimate =
        cost::estimate(cascade, *extents, *machine);
    if (failed(estimate))
      return failure();
    costs.push_back(std::move(*estimate));
  }
  std::string text;
  llvm::raw_string_ostream os(text);
  if (line.cost == "json")
    cost::printJson(costs, os);
  else
    for (const cost::CascadeCost &estimate : costs)
      cost::printText(estimate, os);
  return write(output, text);
}

/// Writes a table beside what it states. What differs by more than the table
/// allows is an error, after all of the table.
static LogicalResult compareCosts(const CommandLine &line,
                                  MLIRContext &context) {
  llvm::Expected<cost::CostTable> table = cost::loadTable(line.input);
  if (!table)
    return fail(llvm::toString(table.takeError()));
  FailureOr<std::string> output = getOutput(line);
  if (failed(output))
    return failure();
  FailureOr<cost::TableCosts> costs =
      estimateTable(*table, line.input, &context);
  if (failed(costs))
    return failure();
  if (llvm::Error error = checkFigures(*table, *costs))
    return fail(line.input + ": " + llvm::toString(std::move(error)));
  std::string text;
  llvm::raw_string_ostream os(text);
  if (line.cost == "json")
    cost::printJson(*table, *costs, os);
  else
    cost::printText(*table, *costs, os);
  if (failed(write(*output, text)))
    return failure();
  std::vector<std::string> differences = findDifferences(*table, *costs);
  for (const std::string &difference : differences)
    (void)fail(difference);
  return success(differences.empty());
}

/// Checks what --explain goes together with.
static LogicalResult checkExplain(const CommandLine &line) {
  if (!line.explain.getNumOccurrences())
    return line.sizes.empty() || line.cost.getNumOccurrences()
               ? success()
               : fail("--size is for --explain and --cost: the tensors of a "
                      "call bind free ranks, and --set changes fixed ones");
  if (!llvm::is_contained({"", "text", "json", "html"}, line.explain))
    return fail("unknown format `--explain=" + line.explain +
                "`; expected text, json or html");
  if (line.stopAfter.getNumOccurrences() || line.emit.getNumOccurrences() ||
      !line.dumpTo.empty())
    return fail("--explain writes a report and no code, so it excludes --emit, "
                "--stop-after and --dump-to");
  if (!line.machine.empty() && line.sizes.empty())
    return fail("--machine needs --size: what a cascade costs depends on its "
                "extents");
  return success();
}

/// Prices the tiles that each kernel of `derived` could be cut into, for calls
/// of the given extents. What is chosen, is chosen for calls of all.
static FailureOr<std::vector<std::vector<explain::TilingEstimate>>>
priceTiles(ModuleOp derived, ArrayRef<std::optional<CallExtents>> calls,
           const MachineDescription &machine, const PipelineOptions &options) {
  std::vector<std::vector<explain::TilingEstimate>> all;
  // A GPU has the same sizes for all kernels.
  PipelineOptions chosen;
  chosen.copyOptionValuesFrom(options);
  SmallVector<TileChoice> rejected;
  if (machine.multiprocessor) {
    GpuDescription gpu = getGpuDescriptions(machine).front();
    chosen.target = gpu.name.str();
    if (failed(chooseTiles(derived, gpu, chosen, &rejected)))
      return failure();
  }
  for (auto [cascade, call] : llvm::zip(derived.getOps<CascadeOp>(), calls)) {
    std::vector<explain::TilingEstimate> &tilings = all.emplace_back();
    TileChooser chooser(cascade, assumeExtents(cascade), machine);
    TileChooser pricer(cascade, *call, machine);
    // What is compiled, of the nest at hand, and whether there is room for it.
    auto getTaken = [&](NestOp nest) -> cost::Tiling {
      if (machine.multiprocessor)
        return getLoops(nest, {chosen.laneTile, chosen.streamTile});
      std::vector<PricedTiles> priced = chooser.price(nest);
      return priced.empty() ? cost::Tiling() : priced.front().tiling;
    };
    auto fits = [&](NestOp nest, const PricedTiles &tiles) {
      if (!machine.multiprocessor)
        return tiles.cost.fits;
      return llvm::none_of(rejected, [&](TileChoice choice) {
        return getLoops(nest, choice).loops == tiles.tiling.loops;
      });
    };
    for (auto [number, nest] : llvm::enumerate(cascade.getOps<NestOp>())) {
      cost::Tiling taken = getTaken(nest);
      std::string kernel = "#" + std::to_string(number);
      if (auto names = nest->getAttrOfType<ArrayAttr>("names");
          names && !names.empty())
        kernel = cast<StringAttr>(names[0]).str();
      size_t first = tilings.size();
      for (const PricedTiles &tiles : pricer.price(nest)) {
        explain::TilingEstimate tiling{kernel};
        for (auto [rank, size] : tiles.tiling.loops)
          if (size > 1)
            tiling.tiles += (tiling.tiles.empty() ? "" : ", ") + rank.str() +
                            " " + std::to_string(size);
        tiling.isChosen = tiles.tiling.loops == taken.loops;
        tiling.fits = fits(nest, tiles);
        tiling.seconds = tiles.cost.seconds;
        tiling.bound = tiles.cost.bound;
        tiling.bytes = tiles.cost.bytes;
        tilings.push_back(std::move(tiling));
      }
      std::stable_sort(tilings.begin() + first, tilings.end(),
                       [](auto &a, auto &b) {
                         return std::tuple(!a.isChosen, !a.fits, a.seconds) <
                                std::tuple(!b.isChosen, !b.fits, b.seconds);
                       });
    }
  }
  return all;
}

/// Writes the report on the cascades of `module`.
static LogicalResult explainCascades(const CommandLine &line, ModuleOp module,
                                     const PipelineOptions &options,
                                     StringRef output) {
  auto calls = explain::bindSizes(module, line.sizes);
  if (failed(calls))
    return failure();
  std::optional<MachineDescription> machine;
  if (!line.machine.empty()) {
    FailureOr<MachineDescription> loaded = getMachine(line);
    if (failed(loaded))
      return failure();
    machine = std::move(*loaded);
  }
  OwningOpRef<ModuleOp> derived = module.clone(), levels = module.clone(),
                        unfused = module.clone();
  explain::RemarkCollector remarks(module.getContext());
  if (failed(runStages(*derived, Stage::Parse, lastCascadeStage, options, {})))
    return failure();
  std::vector<explain::Alternative> alternatives;
  if (machine) {
    explain::RemarkCollector unheard(module.getContext());
    PipelineOptions other;
    other.copyOptionValuesFrom(options);
    other.onePass = false;
    if (failed(runStages(*levels, Stage::Parse, lastCascadeStage, other, {})))
      return failure();
    other.fuse = false;
    if (failed(runStages(*unfused, Stage::Parse, lastCascadeStage, other, {})))
      return failure();
    alternatives = {{"traversals as written", *levels}, {"unfused", *unfused}};
  }
  std::vector<std::vector<explain::TilingEstimate>> tilings;
  if (machine && (machine->processor || machine->multiprocessor)) {
    auto priced = priceTiles(*derived, *calls, *machine, options);
    if (failed(priced))
      return failure();
    tilings = std::move(*priced);
  }
  explain::Report report = explain::explain(
      {module, *derived, alternatives, *calls, machine ? &*machine : nullptr,
       std::move(tilings), remarks.take()});
  report.version = getVersion();
  report.file = line.input;
  std::string text;
  llvm::raw_string_ostream os(text);
  if (line.explain == "json")
    printJson(report, os);
  else if (line.explain == "html")
    printHtml(report, os);
  else
    printText(report, os);
  return write(output, text);
}

/// Adds what `--merge` asks for to a module as it was written.
static LogicalResult formMonoid(ModuleOp module, StringRef rank,
                                const PipelineOptions &options) {
  FormMonoidOptions monoid;
  monoid.rank = rank.str();
  monoid.unproved = options.unproved;
  monoid.maximum = options.maximum;
  monoid.maximumBound = options.maximumBound;
  PassManager pm(module->getName());
  pm.addPass(createFormMonoid(monoid));
  return success(succeeded(applyPassManagerCLOptions(pm)) &&
                 succeeded(pm.run(module)));
}

/// Checks that `assume` is of use and names ranks that there are.
static LogicalResult checkAssumptions(ModuleOp module,
                                      const PipelineOptions &options) {
  std::vector<std::string> texts(options.assume.begin(), options.assume.end());
  if (texts.empty())
    return success();
  if (!options.reassociate)
    return fail("`--options=assume` is what reassociate chooses by, but "
                "reassociate=true is not given");
  auto assumed = parseExtents(texts, "--options=assume", module.getContext());
  if (failed(assumed))
    return failure();
  for (const auto &[name, extent] : *assumed)
    if (llvm::none_of(module.getOps<CascadeOp>(), [&, &rank = name](auto op) {
          return op.lookupRank(StringAttr::get(op.getContext(), rank));
        }))
      return fail("`--options=assume=" + name + "=" + Twine(extent) +
                  "`: no cascade has a rank `" + name + "`");
  return success();
}

static LogicalResult compile(const CommandLine &line, const char *program,
                             MLIRContext &context, llvm::SourceMgr &sources) {
  FailureOr<Targets> targets = getTargets(line);
  FailureOr<std::string> output = getOutput(line);
  if (failed(targets) || failed(output))
    return failure();
  PipelineOptions options;
  std::string mistake;
  llvm::raw_string_ostream mistakes(mistake);
  std::string given = llvm::join(line.options, " ");
  if (failed(options.parseFromString(given, mistakes)))
    return fail("`--options=" + given + "`: " +
                (mistake.empty()
                     ? "a value is not of its option's type"
                     : StringRef(mistake).split(": ").second.trim()));
  if (options.target.hasValue() || options.stopAfter.hasValue())
    return fail("--options takes neither target nor stop-after: these are "
                "--target and --stop-after");
  if (!line.dumpTo.empty())
    if (std::error_code error = llvm::sys::fs::create_directories(line.dumpTo))
      return fail("can't make the folder `" + line.dumpTo +
                  "`: " + error.message());

  OwningOpRef<ModuleOp> module = parseSpec(sources, &context);
  if (!module || failed(setExtents(*module, line.extents)) ||
      failed(setElementTypes(*module, line.types)))
    return failure();
  if (!line.merge.empty() && failed(formMonoid(*module, line.merge, options)))
    return failure();
  FailureOr<std::vector<Interface>> interfaces = getInterfaces(*module);
  if (failed(interfaces) || failed(checkAssumptions(*module, options)))
    return failure();
  if (line.cost.getNumOccurrences())
    return estimateCosts(line, *module, options, *output);
  if (line.explain.getNumOccurrences())
    return explainCascades(line, *module, options, *output);

  DefaultTimingManager timing;
  applyDefaultTimingManagerCLOptions(timing);
  TimingScope scope = timing.getRootScope();
  Waiting progress("attnc", interfaces->front().name);
  PipelineHooks hooks;
  hooks.configure = [&](PassManager &pm) {
    pm.enableTiming(scope);
    return applyPassManagerCLOptions(pm);
  };
  // Several levels may be at a stage: all are told.
  std::mutex mutex;
  std::pair<Stage, std::string> atStage{Stage::Parse, ""};
  hooks.before = [&](Stage stage, StringRef target) {
    std::lock_guard<std::mutex> lock(mutex);
    if (stage != atStage.first)
      atStage = {stage, stringify(stage).str()};
    atStage.second += (target.empty() ? "" : " ") + target.str();
    progress.enter(atStage.second);
  };
  bool namesTarget = targets->cpus.size() + targets->gpus.size() > 1;
  hooks.after = [&](Stage stage, StringRef target, ModuleOp ir) {
    if (line.dumpTo.empty())
      return success();
    return dump(line, unsigned(stage), stringify(stage),
                namesTarget ? target : "", "mlir", print(ir));
  };
  if (failed(hooks.after(Stage::Parse, "", *module)))
    return failure();

  if (line.isTextual()) {
    options.target = (targets->cpus.empty() ? targets->gpus.front().name
                                            : targets->cpus.front().name)
                         .str();
    if (failed(runStages(*module, Stage::Parse, getLastStage(line), options,
                         hooks)))
      return failure();
    return write(*output, print(*module));
  }
  if (line.emit == Emit::PTX) {
    FailureOr<std::string> ptx =
        compileToPTX(*module, targets->gpus.front(), options, hooks);
    return failed(ptx) ? failure() : write(*output, *ptx);
  }
  if (line.emit == Emit::Header)
    return writeHeaderAlone(line, *interfaces, *output);

  llvm::LLVMContext llvmContext;
  auto code = compileModule(*module, *interfaces, *targets, options, hooks,
                            llvmContext);
  if (failed(code))
    return failure();
  progress.enter("object");
  if (line.emit == Emit::Obj || line.emit == Emit::SO)
    return writeObject(line, program, **code, &context, *interfaces, *output);
  return writeText(line, **code, *output);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  // LLVM's library brings an option of this name, for its own passes.
  if (cl::Option *other = cl::getRegisteredOptions().lookup("stop-after"))
    other->removeArgument();
  CommandLine line;
  registerPassManagerCLOptions();
  registerMLIRContextCLOptions();
  registerAsmPrinterCLOptions();
  registerDefaultTimingManagerCLOptions();
  cl::HideUnrelatedOptions(line.category);
  cl::SetVersionPrinter([](raw_ostream &os) {
    os << "attnc " << getVersion() << ", LLVM " << LLVM_VERSION_STRING << "\n";
  });
  cl::ParseCommandLineOptions(
      argc, argv,
      "attnc: compiles attention, written as cascades of Einsums\n");

  if (failed(checkStopAfter(line)) || failed(checkCost(line)) ||
      failed(checkExplain(line)))
    return 1;
  llvm::SourceMgr sources;
  if (!line.hasTable()) {
    std::string message;
    std::unique_ptr<llvm::MemoryBuffer> file =
        openInputFile(line.input, &message);
    if (!file)
      return failed(fail(message));
    sources.AddNewSourceBuffer(std::move(file), llvm::SMLoc());
  }

  DialectRegistry registry;
  registerDialects(registry);
  MLIRContext context(registry);
  // What is wrong with a spec shows in its text, not in the IR of an Einsum.
  context.printOpOnDiagnostic(false);
  SourceMgrDiagnosticHandler inFile(sources, &context);
  ScopedDiagnosticHandler inNoFile(&context, [](Diagnostic &diagnostic) {
    if (!isa<UnknownLoc>(diagnostic.getLocation()) ||
        diagnostic.getSeverity() != DiagnosticSeverity::Error)
      return failure();
    (void)fail(diagnostic.str());
    return success();
  });
  if (line.hasTable())
    return failed(compareCosts(line, context));
  return failed(compile(line, argv[0], context, sources));
}
