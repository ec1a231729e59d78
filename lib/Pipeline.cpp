//===- Pipeline.cpp - The compiler, read top to bottom --------------------===//
//
// This is the table of contents of lib/: one function for each stage, called
// in order. docs/pipeline.md shows the IR after each.
//
// Parse to OnePass happen once. From Partition on the machine counts, so each
// target gets a clone of the cascades; the results meet again in one object.
//
//===----------------------------------------------------------------------===//

#include "lib/Pipeline.h"
#include "lib/Cascade/Passes.h"
#include "lib/Mapping/Passes.h"
#include "lib/Package/LinkLevels.h"
#include "lib/Target/CPU/EmitObject.h"
#include "lib/Target/CPU/Passes.h"
#include "lib/Target/Frame.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/Sequence.h"

using namespace mlir;
using namespace attn;

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

StringRef attn::stringify(Stage stage) {
  switch (stage) {
  case Stage::Parse:
    return "parse";
  case Stage::Nests:
    return "nests";
  case Stage::OnePass:
    return "one-pass";
  case Stage::Partition:
    return "partition";
  case Stage::Intervals:
    return "intervals";
  case Stage::Bind:
    return "bind";
  case Stage::LLVM:
    return "llvm";
  }
  llvm_unreachable("unknown stage");
}

llvm::cl::ValuesClass attn::getStageValues() {
  return llvm::cl::values(
      clEnumValN(Stage::Parse, "parse", "the cascade as written"),
      clEnumValN(Stage::Nests, "nests", "Einsums grouped into kernels"),
      clEnumValN(Stage::OnePass, "one-pass", "reductions in one traversal"),
      clEnumValN(Stage::Partition, "partition", "loops over tiles"),
      clEnumValN(Stage::Intervals, "intervals", "filters as bounds of loops"),
      clEnumValN(Stage::Bind, "bind", "tile operations on their units"),
      clEnumValN(Stage::LLVM, "llvm", "instructions"));
}

static void buildNestsStage(OpPassManager &pm, const PipelineOptions &options) {
  OpPassManager &cascades = pm.nest<CascadeOp>();
  cascades.addPass(createSplitReducers());
  // Of Einsums with one kind of reducer.
  cascades.addPass(createExpandReducers());
  FormNestsOptions nests;
  nests.fuse = options.fuse;
  cascades.addPass(createFormNests(nests));
}

static void buildOnePassStage(OpPassManager &pm,
                              const PipelineOptions &options) {
  OnePassOptions onePass;
  onePass.onePass = options.onePass;
  onePass.unproved = options.unproved;
  pm.addNestedPass<CascadeOp>(createOnePass(onePass));
}

static void buildPartitionStage(OpPassManager &pm,
                                const PipelineOptions &options) {
  PartitionOptions partition;
  partition.target = options.target;
  partition.laneTile = options.laneTile;
  partition.streamTile = options.streamTile;
  partition.split = options.split;
  pm.addPass(createPartition(partition));
  // Partition emits each access where it is needed; a tile that is loaded twice
  // would be two tiles in scratch. Equal filters of a stream's reductions are
  // one only after CSE, and fold only then.
  pm.addPass(createCSEPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

static void buildIntervalsStage(OpPassManager &pm) {
  pm.addNestedPass<tile::KernelOp>(createIntervals());
}

static void buildBindStage(OpPassManager &pm, const PipelineOptions &options) {
  pm.addNestedPass<tile::KernelOp>(createBind());
  NarrowOperandsOptions narrow;
  narrow.target = options.target;
  pm.addNestedPass<tile::KernelOp>(createNarrowOperands(narrow));
  pm.addPass(createCanonicalizerPass());
  // Both branches of a stream load the same tiles: once hoisted, CSE sees it.
  pm.addNestedPass<tile::KernelOp>(createHoistInvariants());
  pm.addPass(createCSEPass());
}

static void buildLLVMStage(OpPassManager &pm, const PipelineOptions &options) {
  std::optional<CpuDescription> cpu = lookupCpu(options.target);
  if (!cpu)
    return; // Partition says so
  cpu::LowerTilesOptions lower;
  lower.lanes = cpu->lanes;
  lower.registers = cpu->registers;
  lower.tiles = cpu->hasTiles;
  lower.processor = cpu->processor.str();
  lower.features = cpu->features.str();
  cpu::buildTileToLLVM(pm, lower);
}

void attn::buildStage(Stage stage, OpPassManager &pm,
                      const PipelineOptions &options) {
  switch (stage) {
  case Stage::Parse:
    return;
  case Stage::Nests:
    return buildNestsStage(pm, options);
  case Stage::OnePass:
    return buildOnePassStage(pm, options);
  case Stage::Partition:
    return buildPartitionStage(pm, options);
  case Stage::Intervals:
    return buildIntervalsStage(pm);
  case Stage::Bind:
    return buildBindStage(pm, options);
  case Stage::LLVM:
    return buildLLVMStage(pm, options);
  }
}

/// The stages after `from` up to `to`.
static auto getStagesBetween(Stage from, Stage to) {
  int first = int(from) + 1;
  return llvm::map_range(llvm::seq(first, std::max(first, int(to) + 1)),
                         [](int stage) { return Stage(stage); });
}

void attn::buildPipeline(OpPassManager &pm, const PipelineOptions &options) {
  for (Stage stage : getStagesBetween(Stage::Parse, options.stopAfter))
    buildStage(stage, pm, options);
}

void attn::registerPipeline() {
  PassPipelineRegistration<PipelineOptions>(
      "attn-pipeline", "Compile cascades, up to a stage", buildPipeline);
}

//===----------------------------------------------------------------------===//
// Running them
//===----------------------------------------------------------------------===//

LogicalResult attn::runStages(ModuleOp module, Stage from, Stage to,
                              const PipelineOptions &options,
                              const PipelineHooks &hooks) {
  for (Stage stage : getStagesBetween(from, to)) {
    StringRef target =
        stage > lastCascadeStage ? StringRef(options.target) : StringRef();
    if (hooks.before)
      hooks.before(stage, target);
    PassManager pm(module->getName());
    buildStage(stage, pm, options);
    if (hooks.configure && failed(hooks.configure(pm)))
      return failure();
    if (failed(pm.run(module)))
      return failure();
    if (hooks.after && failed(hooks.after(stage, target, module)))
      return failure();
  }
  return success();
}

/// Whether `module` has a contraction that only a matrix unit does.
static bool usesMatrixUnit(ModuleOp module) {
  return module
      .walk([](tile::ContractOp op) {
        bool isNarrow = op.getLhs().getType().getElementType() !=
                        op.getResult().getType().getElementType();
        return isNarrow ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

FailureOr<std::unique_ptr<llvm::Module>>
attn::compileModule(ModuleOp module, std::vector<Interface> interfaces,
                    ArrayRef<CpuDescription> targets,
                    const PipelineOptions &options, const PipelineHooks &hooks,
                    llvm::LLVMContext &context) {
  if (failed(runStages(module, Stage::Parse, lastCascadeStage, options, hooks)))
    return failure();

  SmallVector<LoweredLevel> levels;
  for (const CpuDescription &cpu : targets) {
    PipelineOptions levelOptions;
    levelOptions.copyOptionValuesFrom(options);
    levelOptions.target = cpu.name.str();
    OwningOpRef<ModuleOp> clone = module.clone();
    if (failed(runStages(*clone, lastCascadeStage, Stage::Bind, levelOptions,
                         hooks)))
      return failure();
    // A level with a matrix unit that nothing uses would be the next one again.
    if (cpu.hasTiles && targets.size() > 1 && !usesMatrixUnit(*clone))
      continue;
    LoweredLevel level{cpu};
    for (Interface &interface : interfaces) {
      auto program = clone->lookupSymbol<tile::ProgramOp>(interface.name);
      if (!program || failed(setProgramRanks(interface, program.getRanks())))
        return emitError(module.getLoc(), "@")
               << interface.name << " has other ranks on " << cpu.name
               << " than on " << targets.front().name;
      level.frameSlots[interface.name] = FrameLayout(program).getNumSlots();
    }
    if (failed(
            runStages(*clone, Stage::Bind, Stage::LLVM, levelOptions, hooks)))
      return failure();
    level.module = cpu::translateToLLVM(*clone, context);
    if (!level.module)
      return failure();
    levels.push_back(std::move(level));
  }
  return linkLevels(levels, interfaces, module.getLoc());
}
