//===- Pipeline.cpp - The compiler, read top to bottom --------------------===//
//
// This is the table of contents of lib/: one function for each stage, called
// in order. docs/pipeline.md shows the IR after each.
//
// Parse to OnePass happen once. From Partition on the machine counts, so each
// target gets a clone of the cascades (CompileLevels.cpp); the results meet
// again in one object.
//
//===----------------------------------------------------------------------===//

#include "lib/Pipeline.h"
#include "lib/Cascade/Passes.h"
#include "lib/Mapping/ChooseTiles.h"
#include "lib/Mapping/Passes.h"
#include "lib/Target/CPU/Passes.h"
#include "lib/Target/NVPTX/KernelLowering.h"
#include "lib/Target/NVPTX/Passes.h"
#include "mlir/IR/Verifier.h"
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
  pm.addPass(createCheckReducers());
  OpPassManager &cascades = pm.nest<CascadeOp>();
  // Before anything is split or grouped: it reads the body as it was written.
  if (options.scan)
    cascades.addPass(createFormScans());
  if (options.chunk) {
    ChunkwiseOptions chunkwise;
    chunkwise.chunk = options.chunk;
    cascades.addPass(createChunkwise(chunkwise));
  }
  if (options.reassociate) {
    ReassociateOptions reassociate;
    reassociate.assume.assign(options.assume.begin(), options.assume.end());
    cascades.addPass(createReassociate(reassociate));
  }
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
  onePass.maximum = options.maximum;
  onePass.maximumBound = options.maximumBound;
  pm.addNestedPass<CascadeOp>(createOnePass(onePass));
}

static void buildPartitionStage(OpPassManager &pm,
                                const PipelineOptions &options) {
  PartitionOptions partition;
  partition.target = options.target;
  partition.laneTile = options.laneTile;
  partition.streamTile = options.streamTile;
  partition.split = options.split;
  partition.splitTurns = options.splitTurns;
  partition.persistent = options.persistent && options.warpgroups;
  pm.addPass(createPartition(partition));
  // Partition emits each access where it is needed; a tile that is loaded twice
  // would be two tiles in scratch. Equal filters of a stream's reductions are
  // one only after CSE, and fold only then.
  pm.addPass(createCSEPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

static bool hasWarpgroups(const PipelineOptions &options) {
  std::optional<GpuDescription> gpu = lookupGpu(options.target);
  return gpu && gpu->hasWarpgroups() && options.warpgroups;
}

static void buildIntervalsStage(OpPassManager &pm,
                                const PipelineOptions &options) {
  IntervalsOptions intervals;
  if (hasWarpgroups(options))
    intervals.share = nvptx::groupRows;
  pm.addNestedPass<tile::KernelOp>(createIntervals(intervals));
}

/// One role of a kernel loads, the other multiplies and does all else.
static void buildRoles(OpPassManager &kernels, const PipelineOptions &options) {
  nvptx::SpecialiseOptions specialise;
  specialise.stages = options.ringStages;
  specialise.persistent = options.persistent;
  specialise.sharedBytes =
      lookupGpu(options.target)->multiprocessor->sharedBytes;
  kernels.addPass(nvptx::createSpecialise(specialise));
  // Of kernels that have roles, as the next one.
  kernels.addPass(nvptx::createMergeBranches());
  nvptx::OverlapProductsOptions overlap;
  if (options.earlyBranches)
    overlap.productsPerFunction =
        lookupGpu(options.target)->getProductsPerFunction();
  overlap.pingPongs = options.pingPong;
  if (options.overlap)
    kernels.addPass(nvptx::createOverlapProducts(overlap));
  // Of loops as these passes leave them; kernels without roles lose what
  // Intervals found for groups.
  kernels.addPass(nvptx::createShareTurns());
}

static void buildBindStage(OpPassManager &pm, const PipelineOptions &options) {
  pm.addNestedPass<tile::KernelOp>(createBind());
  NarrowOperandsOptions narrow;
  narrow.target = options.target;
  pm.addNestedPass<tile::KernelOp>(createNarrowOperands(narrow));
  pm.addPass(createCanonicalizerPass());
  // Both branches of a stream load the same tiles: once hoisted, CSE sees it.
  pm.addNestedPass<tile::KernelOp>(createHoistInvariants());
  // Of what is invariant, and before both branches' loads become one.
  std::optional<GpuDescription> gpu = lookupGpu(options.target);
  if (gpu)
    pm.addNestedPass<tile::KernelOp>(nvptx::createAssignLayouts());
  if (gpu && !options.accurateMath)
    pm.addNestedPass<tile::KernelOp>(nvptx::createFoldExponents());
  pm.addPass(createCSEPass());
  if (hasWarpgroups(options))
    buildRoles(pm.nest<tile::KernelOp>(), options);
}

static void buildLLVMStage(OpPassManager &pm, const PipelineOptions &options) {
  if (std::optional<GpuDescription> gpu = lookupGpu(options.target)) {
    nvptx::LowerTilesOptions lower;
    lower.threads = gpu->multiprocessor->threads;
    lower.sharedBytes = gpu->multiprocessor->sharedBytes;
    lower.accurate = options.accurateMath;
    lower.early = gpu->multiprocessor->capability >= 90;
    return nvptx::buildTileToLLVM(pm, lower);
  }
  std::optional<CpuDescription> cpu = lookupCpu(options.target);
  if (!cpu)
    return; // Partition says so
  cpu::LowerTilesOptions lower;
  const ProcessorDescription &processor = *cpu->processor;
  lower.lanes = processor.lanes;
  lower.registers = processor.registers;
  lower.prefetchDistance = processor.prefetchDistance;
  lower.prefetchBytes = processor.prefetchBytes;
  lower.prefetchFrom = processor.prefetchFrom;
  lower.rowsInStep = processor.rowsInStep;
  lower.tiles = processor.hasTiles;
  lower.dots = processor.hasDots;
  lower.accurate = options.accurateMath;
  lower.processor = processor.processor;
  lower.features = processor.features;
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
    return buildIntervalsStage(pm, options);
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

/// What a choice of tiles comes to.
struct TileDemand {
  int64_t sharedBytes = 0; ///< of the largest kernel
  /// Whether all kernels with so many lanes have roles.
  bool hasRoles = false;
  /// Whether a task of theirs streams from one place to another, not from the
  /// first coordinate on.
  bool beginsLate = false;
  /// Whether there is room for the next task's own tiles, where blocks take
  /// tasks in turn.
  bool loadsAhead = true;
};

/// Maps a copy of `module` with the tiles that `options` name.
static FailureOr<TileDemand> tryTiles(ModuleOp module,
                                      const PipelineOptions &options) {
  OwningOpRef<ModuleOp> clone = module.clone();
  // What is said of the tiles that are chosen is said later.
  ScopedDiagnosticHandler quiet(module.getContext(), [](Diagnostic &message) {
    return success(message.getSeverity() != DiagnosticSeverity::Error);
  });
  PassManager pm(clone->getOperation()->getName());
  // What is chosen is mapped again, and checked then.
  pm.enableVerifier(false);
  for (Stage stage : getStagesBetween(lastCascadeStage, Stage::Bind))
    buildStage(stage, pm, options);
  if (failed(pm.run(*clone)))
    return failure();
  TileDemand demand;
  int64_t withLanes = 0, withRoles = 0;
  for (auto kernel : clone->getOps<tile::KernelOp>()) {
    demand.sharedBytes =
        std::max(demand.sharedBytes, nvptx::countSharedBytes(kernel));
    for (auto [rank, size] : llvm::zip(kernel.getGrid(), kernel.getSizes()))
      if (rank == kernel.getLanesAttr() && size == options.laneTile) {
        ++withLanes;
        withRoles += kernel.getRoles().has_value();
        demand.beginsLate |= nvptx::beginsLate(kernel);
        demand.loadsAhead &= nvptx::loadsAhead(kernel);
      }
  }
  demand.hasRoles = withLanes > 0 && withRoles == withLanes;
  return demand;
}

LogicalResult attn::chooseTiles(ModuleOp module, const GpuDescription &gpu,
                                PipelineOptions &options,
                                SmallVectorImpl<TileChoice> *rejected) {
  if (options.laneTile && options.streamTile)
    return success();
  int64_t laneTile = options.laneTile, streamTile = options.streamTile, bytes;
  int64_t skipped = 0;
  auto choose = [&](TileChoice choice) {
    options.laneTile = laneTile ? laneTile : choice.lanes;
    options.streamTile = streamTile ? streamTile : choice.stream;
  };
  auto isEnough = [&](const TileDemand &demand, bool ofRoles) {
    return demand.sharedBytes <= gpu.multiprocessor->sharedBytes &&
           (!ofRoles || demand.hasRoles);
  };
  // Whether tiles little smaller leave room for the next task's own: 160 keys
  // take 0.97 to 1.02 of the time of 176 (docs/bench.md).
  auto hasRoomier = [&](TileChoice choice) -> FailureOr<bool> {
    for (TileChoice other : gpu.warpgroupTiles) {
      if (other.lanes != choice.lanes || other.stream >= choice.stream ||
          8 * other.stream < 7 * choice.stream)
        continue;
      choose(other);
      FailureOr<TileDemand> demand = tryTiles(module, options);
      if (failed(demand))
        return failure();
      if (demand->loadsAhead && isEnough(*demand, /*ofRoles=*/true))
        return true;
    }
    return false;
  };
  auto fits = [&](TileChoice choice, bool ofRoles) -> FailureOr<bool> {
    choose(choice);
    FailureOr<TileDemand> demand = tryTiles(module, options);
    if (failed(demand))
      return failure();
    bytes = demand->sharedBytes;
    // A tile that the filter cuts at either end is for a good part left out.
    if (ofRoles && !streamTile && demand->beginsLate &&
        choice.stream > gpu.multiprocessor->warpgroups->shortStreamTile)
      return false;
    if (!isEnough(*demand, ofRoles)) {
      if (rejected)
        rejected->push_back(choice);
      return false;
    }
    if (ofRoles && !streamTile && !demand->loadsAhead) {
      FailureOr<bool> isPassedOver = hasRoomier(choice);
      if (failed(isPassedOver))
        return failure();
      if (*isPassedOver)
        return false;
      choose(choice);
    }
    return skipped++ == options.skipTiles;
  };
  ArrayRef<TileChoice> ofRoles;
  if (options.warpgroups)
    ofRoles = gpu.warpgroupTiles;
  for (ArrayRef<TileChoice> choices :
       {ofRoles, ArrayRef<TileChoice>(gpu.multiprocessor->tiles)})
    for (TileChoice choice : rankTiles(module, choices, *gpu.machine)) {
      FailureOr<bool> isChosen = fits(choice, choices.data() == ofRoles.data());
      if (failed(isChosen) || *isChosen)
        return failure(failed(isChosen));
    }
  if (skipped)
    return success(); // the last ones
  return emitError(module.getLoc(), "the tiles need ")
         << bytes << " bytes of shared memory even with "
         << int64_t(options.laneTile) << " lanes and "
         << int64_t(options.streamTile)
         << " coordinates of a stream in a tile, but a block of " << gpu.name
         << " may have " << gpu.multiprocessor->sharedBytes;
}

LogicalResult attn::runStages(ModuleOp module, Stage from, Stage to,
                              const PipelineOptions &options,
                              const PipelineHooks &hooks) {
  PipelineOptions chosen;
  chosen.copyOptionValuesFrom(options);
  for (Stage stage : getStagesBetween(from, to)) {
    StringRef target =
        stage > lastCascadeStage ? StringRef(options.target) : StringRef();
    if (hooks.before)
      hooks.before(stage, target);
    if (stage == Stage::Partition)
      if (std::optional<GpuDescription> gpu = lookupGpu(chosen.target))
        if (failed(chooseTiles(module, *gpu, chosen)))
          return failure();
    PassManager pm(module->getName());
    // To check all instructions after each of its passes is a third of the last
    // stage's time; once is enough.
    pm.enableVerifier(stage != Stage::LLVM);
    buildStage(stage, pm, chosen);
    if (hooks.configure && failed(hooks.configure(pm)))
      return failure();
    if (failed(pm.run(module)) ||
        (stage == Stage::LLVM && failed(verify(module))))
      return failure();
    if (hooks.after && failed(hooks.after(stage, target, module)))
      return failure();
  }
  return success();
}
