//===- CompileLevels.cpp - One object for several machines ----------------===//
//
// What is derived of the cascades is the same for all targets; then each has a
// clone. They are mapped one after the other, which takes little, and lowered
// to instructions and a GPU's machine code at the same time. What they report
// comes in the order of the targets.
//
//===----------------------------------------------------------------------===//

#include "lib/Package/LinkLevels.h"
#include "lib/Pipeline.h"
#include "lib/Target/CPU/EmitObject.h"
#include "lib/Target/CPU/PanelRuns.h"
#include "lib/Target/Frame.h"
#include "lib/Target/NVPTX/Device.h"
#include "mlir/IR/Threading.h"
#include <set>

using namespace mlir;
using namespace attn;

/// Whether `module` has a contraction that only a matrix unit does.
static bool usesMatrixUnit(ModuleOp module) {
  return module
      .walk([](tile::ContractOp op) {
        return cpu::isMatrixProduct(op) ? WalkResult::interrupt()
                                        : WalkResult::advance();
      })
      .wasInterrupted();
}

namespace {
/// The cascades on their way to one target.
struct Level {
  LoweredLevel lowered;
  std::optional<GpuDescription> gpu; ///< nothing for a CPU
  int64_t skipTiles = 0;             ///< what was tried of a GPU's tiles
  bool persistent = true; ///< whether its blocks may take tasks in turn
  OwningOpRef<ModuleOp> module;
  bool isWrong = false;
};

class LevelCompiler {
public:
  LevelCompiler(ModuleOp module, std::vector<Interface> &interfaces,
                const Targets &targets, const PipelineOptions &options,
                const PipelineHooks &hooks)
      : module(module), interfaces(interfaces), targets(targets),
        options(options), hooks(hooks) {}

  /// Lowers the cascades for all targets.
  FailureOr<std::vector<Level>> compile();

private:
  ModuleOp module;
  std::vector<Interface> &interfaces;
  const Targets &targets;
  const PipelineOptions &options;
  const PipelineHooks &hooks;
  StringRef first; ///< the first target, for messages

  void copyOptions(const Level &level, PipelineOptions &copy);
  LogicalResult run(Level &level, Stage from, Stage to);
  LogicalResult map(Level &level);
  FailureOr<std::vector<Level>> mapAll();
  LogicalResult checkRanks(Level &level);
  void loadDialects(const Level &level);
  LogicalResult lower(Level &level);
  LogicalResult lowerAll(ArrayRef<Level *> levels);
  bool hasOtherTiles(const Level &level) const;
  bool retries(Level &level);
};
} // namespace

void LevelCompiler::copyOptions(const Level &level, PipelineOptions &copy) {
  copy.copyOptionValuesFrom(options);
  copy.skipTiles = copy.skipTiles + level.skipTiles;
  copy.persistent = copy.persistent && level.persistent;
  copy.target = level.lowered.target.str();
}

LogicalResult LevelCompiler::run(Level &level, Stage from, Stage to) {
  PipelineOptions levelOptions;
  copyOptions(level, levelOptions);
  return runStages(*level.module, from, to, levelOptions, hooks);
}

LogicalResult LevelCompiler::map(Level &level) {
  level.module = module.clone();
  return run(level, lastCascadeStage, Stage::Bind);
}

FailureOr<std::vector<Level>> LevelCompiler::mapAll() {
  std::vector<Level> levels;
  for (const CpuDescription &cpu : targets.cpus) {
    Level level{{cpu.name, cpu.processor->isa}};
    if (failed(map(level)))
      return failure();
    // A level with a matrix unit that nothing uses would be the next one again.
    bool hasMatrixUnit = cpu.processor->hasTiles || cpu.processor->hasDots;
    if (!hasMatrixUnit || targets.cpus.size() == 1 ||
        usesMatrixUnit(*level.module))
      levels.push_back(std::move(level));
  }
  for (const GpuDescription &gpu : targets.gpus) {
    levels.push_back({{gpu.name, gpu.name}, gpu});
    if (failed(map(levels.back())))
      return failure();
  }
  return levels;
}

/// Checks that the programs have the ranks of the first target's, and counts
/// their slots.
LogicalResult LevelCompiler::checkRanks(Level &level) {
  LoweredLevel &lowered = level.lowered;
  if (first.empty())
    first = lowered.target;
  for (Interface &interface : interfaces) {
    auto program = level.module->lookupSymbol<tile::ProgramOp>(interface.name);
    if (!program || failed(setProgramRanks(interface, program.getRanks())))
      return emitError(module.getLoc(), "@")
             << interface.name << " has other ranks on " << lowered.target
             << " than on " << first;
    lowered.frameSlots[interface.name] = FrameLayout(program).getNumSlots();
  }
  return success();
}

/// Loads the dialects that lowering needs. Passes do so themselves, but not
/// while others run in the same context.
void LevelCompiler::loadDialects(const Level &level) {
  PipelineOptions levelOptions;
  copyOptions(level, levelOptions);
  MLIRContext *context = module.getContext();
  PassManager pm(context);
  buildStage(Stage::LLVM, pm, levelOptions);
  DialectRegistry registry;
  pm.getDependentDialects(registry);
  context->appendDialectRegistry(registry);
  for (StringRef name : registry.getDialectNames())
    context->getOrLoadDialect(name);
}

LogicalResult LevelCompiler::lower(Level &level) {
  if (failed(run(level, Stage::Bind, Stage::LLVM)))
    return failure();
  if (!level.gpu)
    return success();
  FailureOr<nvptx::DeviceCode> device = nvptx::takeDeviceCode(
      *level.module, *level.gpu, targets.ptxas, hasOtherTiles(level));
  if (failed(device))
    return failure();
  level.lowered.device = std::move(*device);
  return success();
}

/// Lowers all, also after one that fails: what is reported doesn't depend on
/// which is the first to end.
LogicalResult LevelCompiler::lowerAll(ArrayRef<Level *> levels) {
  MLIRContext *context = module.getContext();
  for (const Level *level : levels)
    loadDialects(*level);
  // Where the cascades are what is wrong, levels fail alike.
  std::set<std::pair<const void *, std::string>> told;
  ScopedDiagnosticHandler once(context, [&](Diagnostic &message) {
    if (message.getSeverity() != DiagnosticSeverity::Error)
      return failure();
    const void *place = message.getLocation().getAsOpaquePointer();
    return success(!told.emplace(place, message.str()).second);
  });
  parallelForEach(context, levels, [&](Level *level) {
    level->isWrong = failed(lower(*level));
  });
  return failure(
      llvm::any_of(levels, [](const Level *level) { return level->isWrong; }));
}

/// Whether there are tiles after those that a GPU's level has.
bool LevelCompiler::hasOtherTiles(const Level &level) const {
  if (options.laneTile && options.streamTile)
    return false;
  int64_t numChoices = level.gpu->multiprocessor->tiles.size();
  if (options.warpgroups)
    numChoices += level.gpu->warpgroupTiles.size();
  return level.skipTiles + 1 < numChoices;
}

/// Whether a level is mapped again where ptxas finds too few registers: so that
/// blocks take no tasks in turn, if that is what they are missing for, or in
/// the next tiles.
bool LevelCompiler::retries(Level &level) {
  if (!level.gpu)
    return false;
  ArrayRef<nvptx::Shortcoming> shortcomings =
      level.lowered.device->shortcomings;
  if (shortcomings.empty())
    return false;
  bool ofTurns = llvm::all_of(shortcomings,
                              [](const auto &one) { return one.isPersistent; });
  bool isLast = !ofTurns && !hasOtherTiles(level);
  for (const nvptx::Shortcoming &shortcoming : shortcomings) {
    if (isLast)
      emitWarning(module.getLoc(), shortcoming.text);
    else
      emitRemark(module.getLoc(), shortcoming.text)
          << (ofTurns ? "; blocks take no tasks in turn"
                      : "; other tiles are taken");
  }
  level.persistent &= !ofTurns;
  level.skipTiles += !ofTurns;
  return !isLast;
}

FailureOr<std::vector<Level>> LevelCompiler::compile() {
  FailureOr<std::vector<Level>> levels = mapAll();
  if (failed(levels))
    return failure();
  SmallVector<Level *> pending =
      llvm::map_to_vector(*levels, [](Level &level) { return &level; });
  while (!pending.empty()) {
    for (Level *level : pending)
      if (failed(checkRanks(*level)))
        return failure();
    if (failed(lowerAll(pending)))
      return failure();
    llvm::erase_if(pending, [&](Level *level) { return !retries(*level); });
    for (Level *level : pending)
      if (failed(map(*level)))
        return failure();
  }
  return levels;
}

FailureOr<std::unique_ptr<llvm::Module>>
attn::compileModule(ModuleOp module, std::vector<Interface> interfaces,
                    const Targets &targets, const PipelineOptions &options,
                    const PipelineHooks &hooks, llvm::LLVMContext &context) {
  if (failed(runStages(module, Stage::Parse, lastCascadeStage, options, hooks)))
    return failure();
  FailureOr<std::vector<Level>> levels =
      LevelCompiler(module, interfaces, targets, options, hooks).compile();
  if (failed(levels))
    return failure();
  std::vector<LoweredLevel> lowered;
  for (Level &level : *levels) {
    level.lowered.module = cpu::translateToLLVM(*level.module, context);
    if (!level.lowered.module)
      return failure();
    lowered.push_back(std::move(level.lowered));
  }
  return linkLevels(lowered, interfaces, module.getLoc());
}

FailureOr<std::string> attn::compileToPTX(ModuleOp module,
                                          const GpuDescription &gpu,
                                          const PipelineOptions &options,
                                          const PipelineHooks &hooks) {
  PipelineOptions gpuOptions;
  gpuOptions.copyOptionValuesFrom(options);
  gpuOptions.target = gpu.name.str();
  if (failed(runStages(module, Stage::Parse, Stage::LLVM, gpuOptions, hooks)))
    return failure();
  FailureOr<nvptx::DeviceCode> device =
      nvptx::takeDeviceCode(module, gpu, /*ptxas=*/"", /*hasOtherTiles=*/false);
  if (failed(device))
    return failure();
  llvm::Expected<std::string> ptx = nvptx::joinPTX(device->kernels);
  if (!ptx)
    return module.emitError(llvm::toString(ptx.takeError()));
  return std::move(*ptx);
}
